//! Tensors and traced functions, section by section as TensorFlow's "basics" guide has them.
use tancho::prelude::*;

fn main() -> Result<()> {
    // -- Tensors ---------------------------------------------------------------------------
    let x = tensor([[1.0f32, 2., 3.], [4., 5., 6.]]);
    println!("{x}"); //         the values, then shape=(2, 3), dtype=f32
    println!("{} {}", x.shape(), x.dtype());
    println!("{}", &x + &x);
    println!("{}", 5.0 * &x); // a Rust scalar takes the dtype of the tensor it meets
    println!("{}", x.matmul(x.t())); //      [[14, 32], [32, 77]]
    println!("{}", concat([&x, &x, &x], 0));
    println!("{}", softmax(&x, -1)); //      [[0.09003057, 0.24472848, 0.66524094], ...]
    println!("{}", x.sum(..)); //            21.0
    println!("{}", &x - x.mean(keep(-1))); // keep(axes): reduce, but keep the axis with size 1
    println!("{}", x.slice((.., NewAxis, 1..)));
    for device in devices() {
        println!("{device}");
    }

    // -- Graphs and functions --------------------------------------------------------------
    let my_func = function(|x: Tensor| {
        println!("Tracing..."); // runs while tracing only, as any Rust that is not a tensor operation
        x.sum(..)
    });
    println!("{}", my_func.call(tensor([1, 2, 3]))?); //          Tracing... 6
    println!("{}", my_func.call(tensor([10, 9, 8]))?); //         27
    println!("{}", my_func.call(tensor([10.0f32, 9.1, 8.2]))?); // Tracing... 27.3 (another signature)
    assert_eq!(my_func.tracing_count(), 2);

    println!("{}", distance(&x, 2.0 * &x)); //                    9.539392
    Ok(())
}

// The attribute form: a traced function that is called like any other, with one cache for the program.
#[function]
fn distance(a: Tensor, b: Tensor) -> Tensor {
    (a - b).square().sum(..).sqrt()
}

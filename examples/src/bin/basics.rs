//! Tensors, variables, gradients and traced functions, section by section as TensorFlow's "basics" guide has them.
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

    // -- Variables -------------------------------------------------------------------------
    let var = Variable::new([0.0f32, 0.0, 0.0]);
    var.assign([1.0f32, 2., 3.])?;
    var.assign_add([1.0f32, 1., 1.])?; //    [2, 3, 4]
    println!("{var}");

    // -- Automatic differentiation ---------------------------------------------------------
    let x = Variable::new(1.0f32);
    let f = |x: &Variable| x.square() + 2.0 * x - 5.0;
    println!("{}", f(&x)); //                -2.0
    let tape = GradientTape::new();
    let y = f(&x);
    println!("{}", tape.gradient(&y, &x)); //  4.0

    // Any number of non-scalar sources at once, in the structure they are given in.
    let (w, b) = (Variable::new([[1.0f32, -1.0], [2.0, 0.5]]), Variable::new([0.0f32, 1.0]));
    let tape = GradientTape::new();
    let loss = (tensor([[1.0f32, 3.0]]).matmul(&w) + &b).square().sum(..);
    let [dw, db] = tape.gradient(&loss, [&w, &b]);
    println!("{dw}\n{db}"); //               [[14.0, 3.0], [42.0, 9.0]] and [14.0, 3.0]

    // -- Graphs and functions --------------------------------------------------------------
    let my_func = function(|x: Tensor| {
        println!("Tracing..."); // runs while tracing only, as any Rust that is not a tensor operation
        x.sum(..)
    });
    println!("{}", my_func.call(tensor([1, 2, 3]))?); //          Tracing... 6
    println!("{}", my_func.call(tensor([10, 9, 8]))?); //         27
    println!("{}", my_func.call(tensor([10.0f32, 9.1, 8.2]))?); // Tracing... 27.3 (another signature)
    assert_eq!(my_func.tracing_count(), 2);

    println!("{}", distance(tensor([0.0f32, 3.0]), tensor([4.0f32, 0.0]))); // 5.0

    // -- Modules ---------------------------------------------------------------------------
    let module = MyModule { weight: Variable::new(3) };
    println!("{}", module.multiply(tensor([1, 2, 3]))); //        [3, 6, 9]
    Ok(())
}

// The attribute form: a traced function that is called like any other, with one cache for the program.
#[function]
fn distance(a: Tensor, b: Tensor) -> Tensor {
    (a - b).square().sum(..).sqrt()
}

// Variables, and the traced functions that use them.
#[derive(Tree)]
struct MyModule {
    weight: Variable,
}

impl MyModule {
    #[function]
    fn multiply(&self, x: Tensor) -> Tensor {
        x * &self.weight
    }
}

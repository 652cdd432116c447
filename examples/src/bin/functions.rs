//! What a traced function is: signatures, retracing, structure, donation, errors, and the IR at every stage.
use tancho::prelude::*;

fn main() -> Result<()> {
    // Several arguments, several results. `&x` lends a tensor; `x` gives it away, and its buffer may be reused
    // for a result (donation): using it afterwards is a compile error, not a run-time surprise.
    let split = function(|a: Tensor, b: Tensor| (a.relu(), b * 2.0));
    let (x, y) = (tensor([-1.0f32, 2.0]), tensor(3.0f32));
    let (p, q) = split.call((&x, y))?;
    println!("{p}\n{q}"); //              [0.0, 2.0] and 6.0

    // Structured arguments: tuples, arrays, Vec, BTreeMap, and any struct that derives Tree.
    #[derive(Tree, Clone)]
    struct Params {
        w: Tensor,
        b: Tensor,
    }
    let affine = function(|p: Params, x: Tensor| x.matmul(&p.w) + &p.b).with_name("affine");

    // A Rust value that shapes the graph is part of the signature, as a Python value is in tf.function.
    let power = function(|x: Tensor, n: Static<u32>| (1..*n).fold(x.clone(), |acc, _| acc * &x));
    println!("{}", power.call((&x, 3))?); // [-1.0, 8.0]

    // A fixed signature; None is a size that may vary. One trace serves every length.
    let mean = function(|x: Tensor| x.mean(..)).with_signature([spec(DType::F32, [None])])?;
    println!("{}", mean.call(&x)?); //       0.5
    println!("{}", mean.call(tensor([1.0f32, 2., 6.]))?);
    assert_eq!(mean.tracing_count(), 1);

    // Ahead of time, from values or specs; and every stage of the compiler, as text.
    let concrete = affine.concrete((Params { w: tensor([[1.0f32]]), b: tensor([0.0f32]) }, tensor([[2.0f32]])))?;
    println!("{}", concrete.signature());
    println!("{}", concrete.dump(Stage::Traced)); //     the graph as traced, each op with its source line
    println!("{}", concrete.dump(Stage::Optimized)); //  after the passes
    println!("{}", concrete.dump(Stage::Kernels)); //    the fused kernels and their buffers
    println!("{}", concrete.dump(Stage::Clif)); //       Cranelift IR
    println!("{}", concrete.dump(Stage::Asm)); //        machine code, disassembled
    let any_batch = function(|x: Tensor| x.softmax(-1)).concrete(spec(DType::F32, [None, Some(10)]))?;
    println!("{}", any_batch.signature()); // function(arg0: f32[?n, 10]) -> f32[?n, 10]

    // A closure may return a Result of what it gives, and use `?` within.
    let checked = function(|x: Tensor| {
        let n = x.shape()[0].as_known().ok_or_else(|| Error::new("the length has to be known"))?;
        Ok(x.sum(..) / n)
    });
    println!("{}", checked.call(&x)?);

    // Errors. No operation panics and none needs `?`: a tensor that could not be computed carries its error,
    // every operation on it passes the first one on, and whoever asks for values gets it, with the line of this
    // file that made it:
    //   matmul: inner dimensions differ: lhs f32[1, 2] has 2, rhs f32[3, 1] has 3 (examples/functions.rs:52:39)
    let bad = tensor([[1.0f32, 2.0]]).matmul(tensor([[1.0f32], [2.0], [3.0]])) + 1.0;
    println!("{}", bad.item::<f32>().unwrap_err());
    Ok(())
}

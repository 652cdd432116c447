//! What a traced function is: signatures, retracing, structure, capture, donation, control flow, derivatives, errors, and
//! the IR at every stage.
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
    // Without one, `relaxed` generalises after the first mismatch instead of tracing each new shape.
    let norm = function(|x: Tensor| x.square().sum(..).sqrt()).relaxed();
    for length in 1..=9 {
        norm.call(ones(DType::F32, [length]))?;
    }
    assert_eq!(norm.tracing_count(), 2);

    // Ahead of time, from values or specs; and every stage of the compiler, as text.
    let concrete = affine.concrete((Params { w: tensor([[1.0f32]]), b: tensor([0.0f32]) }, tensor([[2.0f32]])))?;
    println!("{}", concrete.signature());
    println!("{}", concrete.dump(Stage::Traced)); //     the graph as traced, each op with its source line
    println!("{}", concrete.dump(Stage::Optimized)); //  after the passes
    println!("{}", concrete.dump(Stage::Kernels)); //    the fused kernels and their buffers
    println!("{}", concrete.dump(Stage::Clif)); //       Cranelift IR
    println!("{}", concrete.dump(Stage::Asm)); //        machine code, disassembled
    println!("{}", concrete.cost()?); //                 FLOP, bytes moved, peak memory
    let any_batch = function(|x: Tensor| x.softmax(-1)).concrete(spec(DType::F32, [None, Some(10)]))?;
    println!("{}", any_batch.signature()); // function(arg0: f32[?n, 10]) -> f32[?n, 10]

    // Variables are captured by reference; reads and writes happen in program order. The closure may return
    // a tensor tree or a Result of one.
    let counter = Variable::new(0);
    let tick = {
        let counter = counter.clone(); // the same variable
        function(move || {
            counter.assign_add(1)?;
            Ok(counter.read())
        })
    };
    tick.call(())?;
    println!("{}", tick.call(())?); //       2
    assert_eq!(tick.tracing_count(), 1);

    // Control flow on tensor values.
    let collatz = function(|n: Tensor| {
        while_loop(
            (n, tensor(0)),
            |(n, _)| n.gt(1),
            |(n, steps)| (cond((&n % 2).eq(0), || &n / 2, || 3 * &n + 1), steps + 1),
        )
        .1
    });
    println!("{}", collatz.call(tensor(27))?);
    assert_eq!(collatz.call(tensor(27))?.item::<i32>()?, 111);

    // A loop over rows that hands a state on: a running mean that forgets.
    let smooth = function(|xs: Tensor| {
        scan(tensor(0.0f32), xs, |mean, x| {
            let mean = (mean + x) / 2.0;
            (mean.clone(), mean)
        })
    });
    let (last, means) = smooth.call(tensor([8.0f32, 4.0, 2.0]))?;
    println!("{last}\n{means}"); //          3.0 and [4.0, 4.0, 3.0]

    // Functions of functions: gradients, batches, and both; they are called, or traced in turn.
    let loss = |w: Tensor, x: Tensor| (w * x).sum(..).square();
    let each = function(vmap(grad(loss)).axes(&[None, Some(0)]));
    println!("{}", each.call((tensor([1.0f32, 2.0]), tensor([[1.0f32, 0.0], [1.0, 1.0]])))?); // [[2, 0], [6, 6]]

    // Gradients go through loops: by the number that a root is taken of, with no more than 20 steps.
    let root = |a: Tensor| {
        let is_off = |x: Tensor| (x.square() - &a).abs().gt(1e-6);
        while_loop_bounded(20, a.clone(), is_off, |x| 0.5 * (&x + &a / &x))
    };
    println!("{}", function(grad(root)).call(tensor(4.0f64))?); // 0.25, nearly

    // Errors. No operation panics and none needs `?`: a tensor that could not be computed carries its error,
    // every operation on it passes the first one on, and whoever asks for values gets it, with the line of this
    // file that made it:
    //   matmul: inner dimensions differ: lhs f32[1, 2] has 2, rhs f32[3, 1] has 3 (examples/src/bin/functions.rs:…)
    let bad = tensor([[1.0f32, 2.0]]).matmul(tensor([[1.0f32], [2.0], [3.0]])) + 1.0;
    println!("{}", bad.item::<f32>().unwrap_err());
    // A closure may use `?`, and fail by itself.
    let checked = function(|x: Tensor| {
        let n = x.shape()[0].as_known().ok_or_else(|| Error::new("the length has to be known"))?;
        Ok(x.sum(..) / n)
    });
    println!("{}", checked.call(&x)?); //    0.5
    // What does not fit a signature is named.
    println!("{}", mean.call(tensor([[1.0f32]])).unwrap_err());
    // Branches have to give one structure and one type.
    let uneven = function(|x: Tensor| cond(x.sum(..).gt(0.0), || x.clone(), || x.sum(..)));
    println!("{}", uneven.call(&x).unwrap_err());
    // A call that fails leaves every variable as it was.
    let careful = function(|by: Tensor| {
        counter.assign_add(&by)?;
        assert_all(counter.le(10), "counted to {}", &counter)?;
        Ok(())
    });
    println!("{}", careful.call(tensor(100)).unwrap_err());
    println!("{counter}"); //                2
    Ok(())
}

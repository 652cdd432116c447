//! Fixed signatures, concrete functions, programs.

use tancho_core::*;

use crate::check::check_error;

#[test]
fn one_trace_serves_every_size() -> Result<()> {
    let mean = function(|x: Tensor| x.mean(..)).with_signature([spec(DType::F32, [None])])?;
    assert_eq!(mean.call(tensor([1.0f32, 2.0]))?.item::<f32>()?, 1.5);
    assert_eq!(mean.call(tensor([1.0f32, 2.0, 6.0]))?.item::<f32>()?, 3.0);
    assert_eq!(mean.call(Tensor::from_vec([1], vec![4.0f32]))?.item::<f32>()?, 4.0);
    assert_eq!(mean.tracing_count(), 1);
    Ok(())
}

#[test]
fn sizes_that_vary_have_arithmetic() -> Result<()> {
    let f = function(|x: Tensor| {
        let n = x.shape()[0].clone();
        assert_eq!(x.shape().to_string(), "(?n, 2)");
        let pairs = x.reshape([&n * 2]).reshape([-1, 2]);
        (
            pairs + &n,
            x.slice((1.., 0)),
            x.tile([2, 1]),
            x.slice((.., step(.., -1))),
            iota(DType::F32, [&n], 0) + x.sum(1),
        )
    })
    .with_signature([spec(DType::F32, [None, Some(2)])])?;
    for n in [1, 2, 5] {
        let x = arange(0, 2 * n as i64, 1).to(DType::F32).reshape([n, 2]);
        let (pairs, tail, tiled, flipped, counted) = f.call(&x)?;
        assert_eq!(pairs.to_vec::<f32>()?, (&x + n).to_vec::<f32>()?);
        assert_eq!(tail.shape(), [n - 1]);
        assert_eq!(tiled.to_vec::<f32>()?, concat([&x, &x], 0).to_vec::<f32>()?);
        assert_eq!(flipped.slice((0, 0)).item::<f32>()?, 1.0);
        let expected: Vec<f32> = (0..n).map(|i| (5 * i + 1) as f32).collect();
        assert_eq!(counted.to_vec::<f32>()?, expected);
    }
    assert_eq!(f.tracing_count(), 1);
    Ok(())
}

#[test]
fn unknown_sizes_that_meet_have_to_be_equal() -> Result<()> {
    let add =
        function(|x: Tensor, y: Tensor| x + y).with_signature([spec(DType::F32, [None]), spec(DType::F32, [None])])?;
    let (two, three) = (tensor([1.0f32, 2.0]), tensor([1.0f32, 2.0, 3.0]));
    assert_eq!(add.call((&two, &two))?.to_vec::<f32>()?, [2.0, 4.0]);
    let text = add.call((&two, &three)).unwrap_err().to_string();
    assert!(text.contains("requires") && text.contains("but 2 and 3 are given"), "{text}");
    // The line that required it, not only the line of the call.
    assert!(text.matches(file!()).count() == 2, "{text}");
    Ok(())
}

#[test]
fn every_argument_that_differs_is_named() -> Result<()> {
    let n = || Dim::symbol("n");
    let f = function(|x: Tensor, y: Tensor| x + y)
        .with_name("f")
        .with_signature([spec(DType::F32, [n(), 2.into()]), spec(DType::F32, [n(), 1.into()])])?;
    let x = tensor([[1.0f32, 2.0]]);
    check_error(
        f.call((&x.slice(0), tensor([[1]]))),
        file!(),
        "f: the arguments do not fit the signature: arg0 is f32[2], not f32[?n, 2]; arg1 is i32[1, 1], not f32[?n, 1]",
    );
    check_error(
        f.call((&x, x.t().slice((.., ..1)))),
        file!(),
        "f: the arguments do not fit the signature: arg1 is f32[2, 1], not f32[?n, 1] with ?n = 1 from arg0",
    );
    assert_eq!(f.tracing_count(), 0);
    let negative = "function: f32[-1] has a negative size";
    check_error(function(|x: Tensor| x).with_signature([spec(DType::F32, [-1])]), file!(), negative);
    check_error(function(|x: Tensor| x).concrete(spec(DType::F32, [-1])), file!(), negative);
    Ok(())
}

#[test]
fn a_concrete_function_has_its_graph() -> Result<()> {
    let f = function(|x: Tensor, w: Tensor| (x.matmul(w), x.relu())).with_name("f");
    let concrete = f.concrete((spec(DType::F32, [None, Some(2)]), tensor([[1.0f32], [2.0]])))?;
    let signature = "f(arg0: f32[?n, 2], arg1: f32[2, 1]) -> (f32[?n, 1], f32[?n, 2])";
    assert_eq!(concrete.signature().to_string(), signature);
    let (product, _) = concrete.call((tensor([[3.0f32, 4.0]]), tensor([[1.0f32], [2.0]])))?;
    assert_eq!(product.to_vec::<f32>()?, [11.0]);
    // A call that has no trace of its own uses it.
    assert_eq!(f.call((tensor([[3.0f32, 4.0]]), tensor([[1.0f32], [2.0]])))?.0.to_vec::<f32>()?, [11.0]);
    assert_eq!(f.tracing_count(), 1);
    let wrong = concrete.call((tensor([[3.0f32, 4.0]]), tensor([1.0f32])));
    let expected = "f: the arguments do not fit the signature: arg1 is f32[1], not f32[2, 1]";
    check_error(wrong, file!(), expected);
    let traced = concrete.dump(Stage::Traced);
    assert!(traced.contains("dot_general %arg0, %arg1") && traced.contains(file!()), "{traced}");
    for stage in [Stage::Optimized, Stage::Kernels, Stage::Clif, Stage::Asm] {
        assert!(!concrete.dump(stage).is_empty(), "{stage:?}");
    }
    Ok(())
}

#[test]
fn a_function_on_sizes_that_vary_is_traced_once_within_another() -> Result<()> {
    let centre = function(|x: Tensor| &x - x.mean(keep(..))).with_name("centre");
    let inner = centre.clone();
    let outer = function(move |x: Tensor, y: Tensor| Ok((inner.call(&x)?, inner.call(&y)?)))
        .with_signature([spec(DType::F32, [Dim::symbol("a")]), spec(DType::F32, [Dim::symbol("b")])])?;
    let (x, y) = outer.call((tensor([1.0f32, 3.0]), tensor([1.0f32, 2.0, 3.0])))?;
    assert_eq!((x.to_vec::<f32>()?, y.to_vec::<f32>()?), (vec![-1.0, 1.0], vec![-1.0, 0.0, 1.0]));
    assert_eq!((centre.tracing_count(), outer.tracing_count()), (1, 1));
    Ok(())
}

#[test]
fn a_graph_is_a_program() -> Result<()> {
    let f = function(|x: Tensor, y: Tensor| [&x + &y, x * y]).with_name("both");
    let concrete = f.concrete((spec(DType::F32, [None]), spec(DType::F32, [None])))?;
    let program = Program::from_graph(concrete.graph().clone())?;
    assert_eq!(program.inputs().map(|(name, _)| name).collect::<Vec<_>>(), ["arg0", "arg1"]);
    assert_eq!(program.outputs().count(), 2);
    let inputs = [tensor([1.0f32, 2.0]), tensor([3.0f32, 4.0])];
    let results = program.call(&inputs)?;
    assert_eq!(results[0].to_vec::<f32>()?, [4.0, 6.0]);
    assert_eq!(results[1].to_vec::<f32>()?, [3.0, 8.0]);
    check_error(
        program.call(&inputs[..1]),
        file!(),
        "both: the arguments do not fit the signature: it has 2 tensors, but 1 are given",
    );
    let wrapped = function(move |x: Tensor| Ok(program.call(&[x.clone(), x])?.swap_remove(0)));
    assert_eq!(wrapped.call(tensor([1.0f32]))?.to_vec::<f32>()?, [2.0]);
    Ok(())
}

//! Which trace serves a call, and what is kept.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tancho_core::*;

use crate::check::check_error;

fn ones(length: usize) -> Tensor {
    Tensor::from_vec([length], vec![1.0f32; length])
}

fn texts<Args, Out>(f: &Function<'_, Args, Out>) -> Vec<String> {
    f.signatures().iter().map(Signature::to_string).collect()
}

#[test]
fn a_compatible_trace_serves_a_call() -> Result<()> {
    let f = function(|x: Tensor| x.sum(..)).with_name("total");
    f.concrete(spec(DType::F32, [None]))?;
    assert_eq!(f.call(ones(7))?.item::<f32>()?, 7.0);
    assert_eq!(f.call(ones(8))?.item::<f32>()?, 8.0);
    assert_eq!(texts(&f), ["total(arg0: f32[?n]) -> f32[]"]);
    // Another dtype or rank is none of its sizes.
    f.call(tensor([1, 2]))?;
    f.call(tensor([[1.0f32]]))?;
    assert_eq!(f.tracing_count(), 3);
    // A trace that was asked for is made.
    f.concrete(ones(7))?;
    f.concrete(spec(DType::F32, [7]))?;
    assert_eq!(texts(&f)[3..], ["total(arg0: f32[7]) -> f32[]"]);
    Ok(())
}

#[test]
fn the_most_specific_compatible_trace_wins() -> Result<()> {
    let f = function(|x: Tensor| {
        let known = x.shape().dims().iter().filter(|dim| dim.as_known().is_some()).count();
        (x.sum(..), tensor(known as i32))
    });
    let known = |rows: usize, columns: usize| -> Result<i32> {
        f.call(Tensor::from_vec([rows, columns], vec![1.0f32; rows * columns]))?.1.item()
    };
    f.concrete(spec(DType::F32, [None, None]))?;
    assert_eq!(known(2, 3)?, 0);
    f.concrete(spec(DType::F32, [None, Some(4)]))?;
    assert_eq!((known(2, 4)?, known(3, 3)?), (1, 0));
    f.concrete(spec(DType::F32, [5, 4]))?;
    assert_eq!((known(5, 4)?, known(6, 4)?), (2, 1));
    let side = || Dim::symbol("side");
    f.concrete(spec(DType::F32, [side(), side()]))?;
    // The same number of places varies, but not independently.
    let square = f.call(Tensor::from_vec([3, 3], vec![1.0f32; 9]));
    assert_eq!((square?.0.item::<f32>()?, f.tracing_count()), (9.0, 4));
    Ok(())
}

#[test]
fn a_trace_whose_constraints_do_not_hold_does_not_serve() -> Result<()> {
    let f = function(|x: Tensor, y: Tensor| x + y);
    f.concrete((spec(DType::F32, [None]), spec(DType::F32, [None])))?;
    assert_eq!(f.call((ones(3), ones(3)))?.to_vec::<f32>()?, [2.0; 3]);
    assert_eq!(f.tracing_count(), 1);
    // The trace requires equal sizes; these are broadcast.
    assert_eq!(f.call((ones(3), ones(1)))?.to_vec::<f32>()?, [2.0; 3]);
    assert_eq!(f.tracing_count(), 2);
    let text = f.call((ones(3), ones(2))).unwrap_err().to_string();
    assert!(text.starts_with("add: shapes do not broadcast: f32[3] and f32[2] ("), "{text}");
    Ok(())
}

#[test]
fn relaxed_functions_let_sizes_vary_once_they_do() -> Result<()> {
    let norm = function(|x: Tensor| x.square().sum(..).sqrt()).with_name("norm").relaxed();
    for length in 1..=50 {
        assert_eq!(norm.call(ones(length))?.item::<f32>()?, (length as f32).sqrt());
    }
    assert_eq!(texts(&norm), ["norm(arg0: f32[1]) -> f32[]", "norm(arg0: f32[?n]) -> f32[]"]);
    assert_eq!(norm.tracing_count(), 2);
    norm.call(tensor([1.0f64]))?;
    norm.call(tensor([1.0f64, 2.0]))?;
    norm.call(tensor([1.0f64, 2.0, 3.0]))?;
    assert_eq!(norm.tracing_count(), 4);
    Ok(())
}

#[test]
fn sizes_that_differ_vary_by_themselves() -> Result<()> {
    let f = function(|x: Tensor, w: Tensor| x.matmul(w)).with_name("product").relaxed();
    let arguments = |rows: usize, inner: usize, columns: usize| {
        (
            Tensor::from_vec([rows, inner], vec![1.0f32; rows * inner]),
            Tensor::from_vec([inner, columns], vec![1.0f32; inner * columns]),
        )
    };
    for rows in 1..5 {
        assert_eq!(f.call(arguments(rows, 3, 2))?.to_vec::<f32>()?, vec![3.0; 2 * rows]);
    }
    assert_eq!(f.tracing_count(), 2);
    for inner in 4..8 {
        assert_eq!(f.call(arguments(2, inner, 2))?.to_vec::<f32>()?, [inner as f32; 4]);
    }
    let expected = [
        "product(arg0: f32[1, 3], arg1: f32[3, 2]) -> f32[1, 2]",
        "product(arg0: f32[?n, 3], arg1: f32[3, 2]) -> f32[?n, 2]",
        "product(arg0: f32[2, ?n0], arg1: f32[?n1, 2]) -> f32[2, 2]",
    ];
    let found = texts(&f);
    assert!(found.len() == 3 && found[..2] == expected[..2], "{found:?}");
    assert_eq!(f.tracing_count(), 3);
    Ok(())
}

#[test]
fn what_takes_no_varying_sizes_is_traced_for_each() -> Result<()> {
    let f = function(|x: Tensor| -> Result<Tensor> {
        let sizes = x.shape().known().ok_or_else(|| Error::new("all sizes have to be known"))?;
        Ok(x * sizes[0])
    })
    .relaxed();
    for length in 1..5 {
        assert_eq!(f.call(ones(length))?.to_vec::<f32>()?, vec![length as f32; length]);
    }
    // The general trace was tried once, in vain.
    assert_eq!((f.tracing_count(), f.signatures().len()), (5, 4));
    // The general trace takes equal sizes; others are broadcast, in traces of their own.
    let add = function(|x: Tensor, y: Tensor| x + y).relaxed();
    add.call((ones(2), ones(2)))?;
    assert_eq!(add.call((ones(3), ones(1)))?.to_vec::<f32>()?, [2.0; 3]);
    assert_eq!(add.call((ones(4), ones(4)))?.to_vec::<f32>()?, [2.0; 4]);
    assert_eq!(add.call((ones(3), ones(1)))?.to_vec::<f32>()?, [2.0; 3]);
    assert_eq!(add.tracing_count(), 3);
    // Its varying part is found all the same.
    assert_eq!(add.call((ones(5), ones(1)))?.to_vec::<f32>()?, [2.0; 5]);
    assert_eq!(add.call((ones(6), ones(1)))?.to_vec::<f32>()?, [2.0; 6]);
    assert_eq!(add.tracing_count(), 4);
    Ok(())
}

#[test]
fn a_relaxed_function_serves_other_traces() -> Result<()> {
    let inner = function(|x: Tensor| &x - x.mean(keep(..))).relaxed();
    let f = inner.clone();
    let outer = function(move |x: Tensor, y: Tensor| Ok((f.call(x)?, f.call(y)?)))
        .with_signature([spec(DType::F32, [Dim::symbol("a")]), spec(DType::F32, [3])])?;
    let (x, y) = outer.call((tensor([1.0f32, 3.0]), tensor([1.0f32, 2.0, 3.0])))?;
    assert_eq!((x.to_vec::<f32>()?, y.to_vec::<f32>()?), (vec![-1.0, 1.0], vec![-1.0, 0.0, 1.0]));
    assert_eq!(inner.tracing_count(), 1);
    // A function that calls itself on less ends, relaxed or not.
    static SUM: std::sync::LazyLock<Function<'static, (Tensor,), Tensor>> = std::sync::LazyLock::new(|| {
        let sum = |x: Tensor| match x.shape()[0].as_known() {
            Some(1) => Ok(x.slice(0)),
            Some(_) => Ok(x.slice(0) + SUM.call(x.slice((1..,)))?),
            None => Err(Error::new("the length has to be known")),
        };
        function(sum).relaxed()
    });
    assert_eq!(SUM.call(ones(5))?.item::<f32>()?, 5.0);
    Ok(())
}

#[test]
fn signatures_show_static_values() -> Result<()> {
    let f = function(|n: Static<u32>, x: Tensor, mode: Static<String>| if *mode == "train" { x * *n } else { x })
        .with_name("f")
        .with_argument_names(&["n", "x", "mode"]);
    f.call((3, tensor([1.0f32]), "train".to_owned()))?;
    f.call((3, tensor([1.0f32]), "test".to_owned()))?;
    let expected =
        ["f(n = 3, x: f32[1], mode = \"train\") -> f32[1]", "f(n = 3, x: f32[1], mode = \"test\") -> f32[1]"];
    assert_eq!(texts(&f), expected);
    let statics: Vec<(String, String)> =
        f.signatures()[0].static_values().map(|(path, value)| (path.to_owned(), value.to_owned())).collect();
    assert_eq!(statics, [("n".to_owned(), "3".to_owned()), ("mode".to_owned(), "\"train\"".to_owned())]);
    Ok(())
}

#[test]
fn what_does_not_fit_a_concrete_function_is_named() -> Result<()> {
    type Map = BTreeMap<String, Tensor>;
    let map = |keys: &[&str]| -> Map { keys.iter().map(|key| ((*key).to_owned(), tensor(1.0f32))).collect() };
    let f = function(|x: Map, n: Static<i32>| x.into_values().fold(tensor(0.0f32), |sum, x| sum + x * *n))
        .with_name("f")
        .with_argument_names(&["x", "n"]);
    let concrete = f.concrete((map(&["a", "b"]), 2))?;
    assert_eq!(concrete.call((map(&["a", "b"]), 2))?.item::<f32>()?, 4.0);
    let fits = "f: the arguments do not fit the signature: ";
    check_error(concrete.call((map(&["a", "b"]), 3)), file!(), &format!("{fits}n is 3, not 2"));
    let expected = format!("{fits}x[\"c\"] is one too many; n is 5, not 2; x[\"b\"] is missing");
    check_error(concrete.call((map(&["a", "c"]), 5)), file!(), &expected);
    let fixed = f.with_signature([spec(DType::F32, ())])?;
    let expected = format!("{fits}it has 1 tensors, but 2 are given, x[\"b\"] beyond them");
    check_error(fixed.call((map(&["a", "b"]), 1)), file!(), &expected);
    check_error(fixed.call((map(&[]), 1)), file!(), &format!("{fits}it has 1 tensors, but 0 are given"));
    // Static values are no part of a fixed signature; each has a trace.
    assert_eq!(fixed.call((map(&["a"]), 1))?.item::<f32>()?, 1.0);
    assert_eq!(fixed.call((map(&["b"]), 2))?.item::<f32>()?, 2.0);
    assert_eq!(fixed.tracing_count(), 2);
    Ok(())
}

/// 16 threads and 8 signatures; a long run with `TANCHO_SWEEP=1`.
#[test]
fn threads_share_a_function() {
    let is_long = std::env::var_os("TANCHO_SWEEP").is_some();
    let duration = Duration::from_millis(if is_long { 10_000 } else { 1000 });
    let exact = function(|x: Tensor| (&x * 2.0).sum(..));
    let relaxed = exact.clone().relaxed();
    let barrier = Barrier::new(16);
    let n_calls: usize = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..16usize)
            .map(|thread| {
                let (exact, relaxed, barrier) = (&exact, &relaxed, &barrier);
                threads.spawn(move || {
                    let inputs: Vec<Tensor> = (0..8).map(|place| ones(1 + (thread + place) % 8)).collect();
                    barrier.wait();
                    let start = Instant::now();
                    let mut n_calls = 0;
                    while start.elapsed() < duration {
                        for x in &inputs {
                            let expected = 2.0 * x.array().unwrap().shape().sizes()[0] as f32;
                            assert_eq!(exact.call(x).unwrap().item::<f32>().unwrap(), expected);
                            assert_eq!(relaxed.call(x).unwrap().item::<f32>().unwrap(), expected);
                            n_calls += 2;
                        }
                    }
                    n_calls
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!((exact.tracing_count(), relaxed.tracing_count()), (8, 2));
    println!("{n_calls} calls of 16 threads in {duration:?}");
}

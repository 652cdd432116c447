//! Tracing, calling, structure.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use tancho_core::*;

#[test]
fn one_trace_for_each_signature() -> Result<()> {
    let sum = function(|x: Tensor| x.sum(..));
    assert_eq!(sum.call(tensor([1, 2, 3]))?.item::<i32>()?, 6);
    assert_eq!(sum.call(tensor([10, 9, 8]))?.item::<i32>()?, 27);
    assert_eq!(sum.tracing_count(), 1);
    assert_eq!(sum.call(tensor([1.5f32, 2.0, 3.0]))?.item::<f32>()?, 6.5);
    assert_eq!(sum.call(tensor([1, 2]))?.item::<i32>()?, 3);
    assert_eq!(sum.tracing_count(), 3);
    Ok(())
}

#[test]
fn every_arity() -> Result<()> {
    let t = |value: i32| tensor(value);
    assert_eq!(function(|| tensor(7)).call(())?.item::<i32>()?, 7);
    assert_eq!(function(|a: Tensor, b: Tensor| a - b).call((t(5), &t(3)))?.item::<i32>()?, 2);
    let three = function(|a: Tensor, b: Tensor, c: Tensor| a * b + c);
    assert_eq!(three.call((t(2), t(3), t(4)))?.item::<i32>()?, 10);
    type T = Tensor;
    let eight = function(|a: T, b: T, c: T, d: T, e: T, f: T, g: T, h: T| a + b + c + d + e + f + g + h);
    assert_eq!(eight.call((t(1), t(2), t(3), t(4), t(5), t(6), t(7), t(8)))?.item::<i32>()?, 36);
    Ok(())
}

#[test]
fn trees_go_in_and_out() -> Result<()> {
    let swap = function(|(a, b): (Tensor, Tensor), list: Vec<Tensor>| {
        let map: BTreeMap<String, Tensor> =
            list.iter().enumerate().map(|(place, x)| (format!("x{place}"), x * 2)).collect();
        (map, [b, a], None::<Tensor>)
    });
    let arguments = ((tensor(1), tensor(2)), vec![tensor(10), tensor(20)]);
    let (map, [b, a], none) = swap.call((&arguments.0, &arguments.1))?;
    assert_eq!((map["x0"].item::<i32>()?, map["x1"].item::<i32>()?), (20, 40));
    assert_eq!((a.item::<i32>()?, b.item::<i32>()?, none.is_none()), (1, 2, true));
    let (map, ..) = swap.call((arguments.0, vec![tensor(1)]))?;
    assert_eq!((map.len(), swap.tracing_count()), (1, 2));
    Ok(())
}

#[test]
fn static_values_are_part_of_the_signature() -> Result<()> {
    let power = function(|x: Tensor, n: Static<u32>| (1..*n).fold(x.clone(), |acc, _| acc * &x));
    let x = tensor(3.0f32);
    assert_eq!(power.call((&x, 2))?.item::<f32>()?, 9.0);
    assert_eq!(power.call((&x, 3))?.item::<f32>()?, 27.0);
    assert_eq!(power.call((&x, Static(2)))?.item::<f32>()?, 9.0);
    assert_eq!(power.tracing_count(), 2);
    let named = function(|x: Tensor, mode: Static<String>| if *mode == "train" { x * 2 } else { x });
    assert_eq!(named.call((&x, "train".to_owned()))?.item::<f32>()?, 6.0);
    assert_eq!(named.call((&x, "test".to_owned()))?.item::<f32>()?, 3.0);
    Ok(())
}

#[test]
fn captured_values_become_constants_once() -> Result<()> {
    let weights = tensor([1.0f32, 2.0]);
    let same = weights.clone();
    let f = function(move |x: Tensor| x * &weights + &same);
    assert_eq!(f.call(tensor([3.0f32, 4.0]))?.to_vec::<f32>()?, [4.0, 10.0]);
    let concrete = f.concrete(tensor([0.0f32, 0.0]))?;
    let n_constants = concrete.graph().node_ids().filter(|&id| concrete.graph().node(id).operands().is_empty()).count();
    assert_eq!(n_constants, 2, "a parameter and one constant: {}", concrete.graph());
    Ok(())
}

#[test]
fn a_function_may_borrow() -> Result<()> {
    let bias = tensor(1);
    let calls = AtomicUsize::new(0);
    let f = function(|x: Tensor| {
        calls.fetch_add(1, Ordering::Relaxed);
        x + &bias
    });
    f.call(tensor(1))?;
    f.clone().call(tensor(2))?;
    drop(f);
    assert_eq!(calls.into_inner(), 1);
    Ok(())
}

#[test]
fn donated_and_lent_arguments_give_the_same() -> Result<()> {
    let f = function(|x: Tensor| x * 2 + 1);
    let x = tensor([1.0f32; 100]);
    let shared = x.clone();
    assert_eq!(f.call(&x)?.to_vec::<f32>()?, [3.0; 100]);
    assert_eq!(f.call(x)?.to_vec::<f32>()?, [3.0; 100]);
    assert_eq!(shared.to_vec::<f32>()?, [1.0; 100]);
    assert_eq!(f.call(shared)?.to_vec::<f32>()?, [3.0; 100]);
    Ok(())
}

#[test]
fn results_may_be_parameters_constants_or_one_value_twice() -> Result<()> {
    let f = function(|x: Tensor| {
        let y = &x + 1;
        (x, tensor([5, 6]), y.clone(), y)
    });
    let (x, constant, y, again) = f.call(tensor(1))?;
    assert_eq!((x.item::<i32>()?, y.item::<i32>()?, again.item::<i32>()?), (1, 2, 2));
    assert_eq!(constant.to_vec::<i32>()?, [5, 6]);
    Ok(())
}

#[test]
fn a_function_within_a_trace_is_a_call() -> Result<()> {
    let double = function(|x: Tensor| x * 2).with_name("double");
    let inner = double.clone();
    let outer = function(move |x: Tensor| Ok(inner.call(&x)? + inner.call(&x)? + 1)).with_name("outer");
    assert_eq!(outer.call(tensor([1.0f32, 2.0]))?.to_vec::<f32>()?, [5.0, 9.0]);
    assert_eq!(double.tracing_count(), 1);
    // The trace that was made within the other serves a call from outside.
    assert_eq!(double.call(tensor([1.0f32, 2.0]))?.to_vec::<f32>()?, [2.0, 4.0]);
    assert_eq!(double.tracing_count(), 1);
    let text = outer.concrete(tensor([0.0f32, 0.0]))?.dump(Stage::Traced);
    assert!(text.contains("call @double"), "{text}");
    Ok(())
}

#[test]
fn threads_trace_once_for_each_signature() {
    let f = function(|x: Tensor| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        x.sum(..)
    });
    let barrier = Barrier::new(8);
    std::thread::scope(|threads| {
        for thread in 0..8i32 {
            let (f, barrier) = (&f, &barrier);
            threads.spawn(move || {
                barrier.wait();
                for round in 0..50 {
                    let x = tensor(vec![thread; 1 + (thread + round) as usize % 2]);
                    let expected = thread * x.shape()[0].as_known().unwrap_or(0) as i32;
                    assert_eq!(f.call(&x).unwrap().item::<i32>().unwrap(), expected);
                    assert_eq!((&x + 1).to_vec::<i32>().unwrap()[0], thread + 1);
                }
            });
        }
    });
    assert_eq!(f.tracing_count(), 2);
}

#[test]
fn functions_are_shared_between_threads() {
    fn assert_shared<T: Send + Sync>(_: &T) {}
    assert_shared(&function(|x: Tensor| x));
    assert_shared(&tensor(1));
    assert_shared(&Error::new(""));
}

#[test]
fn many_signatures_do_not_pile_up() -> Result<()> {
    let f = function(|x: Tensor| x).with_signature([spec(DType::F32, [None])])?;
    for length in 0..1500 {
        assert_eq!(f.call(Tensor::from_vec([length], vec![1.0f32; length]))?.shape()[0], length);
    }
    assert_eq!(f.tracing_count(), 1);
    Ok(())
}

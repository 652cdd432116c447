//! What a cache keeps.

use std::sync::Weak;

use super::*;
use crate::tensor::Tensor;

/// Calls a function on vectors of many lengths, each of them once, and counts what it keeps.
fn check_bounds(sizes: Sizes, n_lengths: usize, n_traced: usize) -> Result<()> {
    let options = Options { name: "f".into(), argument_names: &[], sizes };
    let cache: Cache<Tensor> = Cache::new(options);
    let body = |x: Tensor| x * 2.0;
    let mut plans: Vec<Weak<Plan>> = Vec::new();
    for length in 1..=n_lengths {
        let x = Tensor::from_vec([length], vec![1.0f32; length]);
        let lent = &x;
        cache.call(&body, lent, Location::caller())?;
        let mut key = Key::exact();
        Arguments::<(Tensor,)>::visit(&lent, &mut key);
        plans.push(Arc::downgrade(&cache.calls.get(&key.words, &[]).expect("it was called").plan));
        if length % 500 == 0 {
            plans.retain(|plan| plan.strong_count() > 0);
            // An executable keeps no plan beside those.
            assert!(plans.len() <= PLANS_KEPT, "{} plans live", plans.len());
            assert!(cache.calls.len() <= PLANS_KEPT);
            assert!(cache.signatures().len() <= TRACES_KEPT);
        }
    }
    assert_eq!(cache.tracing_count(), n_traced);
    Ok(())
}

#[test]
fn many_shapes_keep_memory_flat() -> Result<()> {
    check_bounds(Sizes::Relaxed, 10_000, 2)?;
    check_bounds(Sizes::Exact, 1000, 1000)
}

#[test]
fn a_trace_that_left_is_made_anew() -> Result<()> {
    let options = Options { name: "f".into(), argument_names: &[], sizes: Sizes::Exact };
    let cache: Cache<Tensor> = Cache::new(options);
    let body = |x: Tensor, n: crate::Static<usize>| x + *n;
    for round in 0..2 {
        for n in 0..2 * TRACES_KEPT {
            let result = cache.call(&body, (crate::tensor(1), n), Location::caller())?;
            assert_eq!(result.item::<i32>()?, 1 + n as i32);
        }
        assert_eq!(cache.tracing_count(), (round + 1) * 2 * TRACES_KEPT);
    }
    Ok(())
}

#[test]
fn threads_may_share_it() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Cache<Tensor>>();
    assert_shared::<crate::Function<'static, (Tensor,), Tensor>>();
    assert_shared::<crate::Concrete<(Tensor,), Tensor>>();
    assert_shared::<crate::Method>();
}

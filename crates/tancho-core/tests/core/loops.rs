//! Loops: eagerly and traced, unrolled and not; and states that do not fit.

use std::collections::BTreeMap;

use tancho_core::*;

use crate::control::{check_both_fail, check_integers, integer};

#[test]
fn while_loops() -> Result<()> {
    let collatz = |n: Tensor| {
        let (_, steps) = while_loop(
            (n, tensor(0)),
            |(n, _)| n.gt(1),
            |(n, steps)| (cond((&n % 2).eq(0), || &n / 2, || 3 * &n + 1), steps + 1),
        );
        steps
    };
    let traced = function(collatz);
    for (n, steps) in [(27, 111), (1, 0), (6, 8), (7, 16)] {
        assert_eq!(integer(&collatz(tensor(n))), steps);
        assert_eq!(integer(&traced.call(tensor(n))?), steps);
    }
    // A bound ends the loop.
    for (bound, expected) in [(0i64, 1), (3, 8), (100, 128)] {
        let double = move |x: Tensor| while_loop_bounded(bound, x, |x| x.lt(100), |x| x * 2);
        assert_eq!(integer(&double(tensor(1))), expected);
        assert_eq!(integer(&function(double).call(tensor(1))?), expected);
    }
    // The condition does not hold at first.
    check_integers(&[5, 6], |x| while_loop(x, |x| x.sum(..).lt(0), |x| x + 1), &[5, 6]);
    Ok(())
}

#[test]
fn for_loops() -> Result<()> {
    // Few trips, which are unrolled, and many.
    for n in [0, 1, 3, 8, 9, 100] {
        let expected: i32 = (0..n).sum();
        check_integers(&[0, 1], move |x| for_loop(n, x, |i, sum| sum + i), &[expected, expected + 1]);
        let from_three = (3..n).fold(1i32, |x, i| x.wrapping_mul(2).wrapping_add(i));
        check_integers(&[1, 1], move |x| for_loop(3..n, x, |i, y| y * 2 + i), &[from_three; 2]);
        let below = |n: Tensor| for_loop(&n, tensor(0i64), |i, sum| sum + i.to(DType::I64));
        assert_eq!(below(tensor(n)).item::<i64>()?, i64::from(expected));
        assert_eq!(function(below).call(tensor(n))?.item::<i64>()?, i64::from(expected));
        assert_eq!(function(below).call(tensor(i64::from(n)))?.item::<i64>()?, i64::from(expected));
    }
    assert_eq!(integer(&for_loop(-5, tensor(1), |_, x| x * 2)), 1);
    // A size that varies.
    let total = function(|x: Tensor| for_loop(&x.shape()[0], tensor(0), |i, sum| sum + x.take(i, 0)))
        .with_signature([spec(DType::I32, [None])])?;
    for n in [1usize, 4, 20] {
        let values: Vec<i32> = (0..n as i32).map(|i| i * i).collect();
        let expected: i32 = values.iter().sum();
        assert_eq!(integer(&total.call(Tensor::from_vec([n], values))?), expected);
    }
    assert_eq!(total.tracing_count(), 1);
    Ok(())
}

#[test]
fn bits_are_the_same_unrolled_and_not() -> Result<()> {
    let step = |x: Tensor| (&x * 1.1f32 + 0.3).sin() * &x - x.exp() * 0.01;
    let known = function(move |x: Tensor| for_loop(5, x, |_, x| step(x)));
    let looped = function(move |x: Tensor, n: Tensor| for_loop(n, x, |_, x| step(x)));
    let x = Tensor::from_vec([37], (0..37).map(|i| (i as f32) * 0.1 - 1.7).collect());
    let (a, b) = (known.call(&x)?.to_vec::<f32>()?, looped.call((&x, tensor(5)))?.to_vec::<f32>()?);
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(a), bits(b));
    Ok(())
}

#[test]
fn scans() -> Result<()> {
    for n in [0usize, 1, 2, 8, 9, 50] {
        let values: Vec<i32> = (0..n as i32).map(|i| 3 * i - 7).collect();
        let sums: Vec<i32> = values
            .iter()
            .scan(0, |sum, x| {
                *sum += x;
                Some(*sum)
            })
            .collect();
        let mut reversed: Vec<i32> = values
            .iter()
            .rev()
            .scan(0i32, |sum, x| {
                *sum = sum.wrapping_mul(2).wrapping_add(*x);
                Some(*sum)
            })
            .collect();
        reversed.reverse();
        let xs = Tensor::from_vec([n], values);
        let forward = |xs: Tensor| {
            scan(tensor(0), xs, |sum, x| {
                let sum = sum + x;
                (sum.clone(), sum)
            })
        };
        let backward = |xs: Tensor| {
            scan_reverse(tensor(0), xs, |sum, x| {
                let sum = sum * 2 + x;
                (sum.clone(), (sum.clone(), sum.to(DType::F32)))
            })
        };
        let varying = function(forward).with_signature([spec(DType::I32, [None])])?;
        let runs = [forward(xs.clone()), function(forward).call(&xs)?, varying.call(&xs)?];
        for (last, rows) in runs {
            assert_eq!(integer(&last), sums.last().copied().unwrap_or(0));
            assert_eq!((rows.shape().known(), rows.to_vec::<i32>()?), (Some(vec![n]), sums.clone()));
        }
        let varying = function(backward).with_signature([spec(DType::I32, [None])])?;
        for (last, (rows, floats)) in [backward(xs.clone()), function(backward).call(&xs)?, varying.call(&xs)?] {
            assert_eq!(integer(&last), reversed.first().copied().unwrap_or(0));
            assert_eq!(rows.to_vec::<i32>()?, reversed);
            assert_eq!(floats.shape().known(), Some(vec![n]));
            assert_eq!(floats.to_vec::<f32>()?, reversed.iter().map(|&x| x as f32).collect::<Vec<_>>());
        }
    }
    Ok(())
}

#[test]
fn rows_are_written_in_place() -> Result<()> {
    let f = function(|xs: Tensor| scan(zeros(DType::F32, [64]), xs, |c, x| (&c + x, c.sin())).1);
    let kernels = f.concrete(zeros(DType::F32, [100, 64]))?.dump(Stage::Kernels);
    let update = kernels.split("launch").find(|launch| launch.contains("procedure dynamic_update_slice"));
    assert!(update.is_some_and(|launch| launch.contains(" begins as ")), "{kernels}");
    Ok(())
}

#[test]
fn scans_take_and_give_trees() -> Result<()> {
    let lstm = |xs: BTreeMap<String, Tensor>| {
        let init = (zeros(DType::F32, [2]), [zeros(DType::F32, ())]);
        scan(init, xs, |(h, [c]), x| {
            let h = h * 0.5 + &x["a"];
            let c = c + x["b"].sum(..);
            ((h.clone(), [c.clone()]), (h * 2.0, Some(c)))
        })
    };
    let xs = BTreeMap::from([
        ("a".to_owned(), Tensor::from_vec([12, 2], (0..24).map(|x| x as f32).collect())),
        ("b".to_owned(), Tensor::from_vec([12, 3, 1], (0..36).map(|x| x as f32).collect())),
    ]);
    let ((h, [c]), (hs, cs)) = lstm(xs.clone());
    let ((th, [tc]), (ths, tcs)) = function(lstm).call(&xs)?;
    assert_eq!(h.to_vec::<f32>()?, th.to_vec::<f32>()?);
    assert_eq!(c.item::<f32>()?, (0..36).sum::<i32>() as f32);
    assert_eq!(tc.item::<f32>()?, c.item::<f32>()?);
    assert_eq!(hs.shape(), [12, 2]);
    assert_eq!(hs.to_vec::<f32>()?, ths.to_vec::<f32>()?);
    let (cs, tcs) = (cs.unwrap(), tcs.unwrap());
    assert_eq!(cs.to_vec::<f32>()?, tcs.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn maps() -> Result<()> {
    let norms = |xs: Tensor| map(xs, |x| (x.square().sum(..), x.cumulative()));
    let xs = Tensor::from_vec([20, 2], (0..40).collect::<Vec<i32>>());
    let (squares, _) = norms(xs.clone());
    let (traced, _) = function(norms).call(&xs)?;
    assert_eq!(squares.to_vec::<i32>()?, traced.to_vec::<i32>()?);
    assert_eq!(squares.to_vec::<i32>()?[1], 13);
    let none = map(zeros(DType::I32, [0, 2]), |x| x.sum(..).to(DType::F64));
    assert_eq!((none.shape().known(), none.dtype()), (Some(vec![0]), DType::F64));
    // A `Result` in and out.
    let checked = function(|xs: Tensor| map(xs, |x| Ok(x + 1)));
    assert_eq!(checked.call(tensor([1, 2]))?.to_vec::<i32>()?, [2, 3]);
    Ok(())
}

trait Cumulative {
    fn cumulative(&self) -> Tensor;
}

impl Cumulative for Tensor {
    /// A loop in a loop.
    fn cumulative(&self) -> Tensor {
        scan(tensor(0), self.clone(), |sum, x| (&sum + &x, sum + x)).1
    }
}

#[test]
fn states_that_differ_are_errors() {
    check_both_fail(
        |x| while_loop((x, tensor([1.0f32, 2.0])), |(x, _)| x.gt(0), |(x, y)| (x - 1, concat([&y, &y], 0))).0,
        "while_loop: state[1] is f32[2], but the body gives f32[4]",
    );
    check_both_fail(
        |x| while_loop(x, |x| x.gt(0), |x| x.to(DType::F32) * 0.5),
        "while_loop: state is i32[], but the body gives f32[]",
    );
    check_both_fail(
        |x| {
            while_loop(
                (x, vec![tensor(1)]),
                |(x, _)| x.gt(0),
                |(x, mut parts)| {
                    parts.push(x.clone());
                    (x - 1, parts)
                },
            )
            .0
        },
        "while_loop: state[1] has 1 part, but the body gives 2",
    );
    check_both_fail(
        |x| for_loop(3, (x, Static(1)), |_, (x, Static(n))| (x, Static(n + 1))).0,
        "for_loop: state[1] is the static value 1, but the body gives 2",
    );
    let carry = |x: Tensor| BTreeMap::from([("h".to_owned(), x)]);
    check_both_fail(
        move |x| {
            let init = carry(tensor([1.0f32, 2.0]));
            scan(init, tensor([1, 2, 3]) * x, |c, x| (carry(concat([&c["h"], &tensor([1.0f32])], 0)), x)).1
        },
        "scan: carry[\"h\"] is f32[2], but the body gives f32[3]",
    );
    check_both_fail(|x| scan(x, tensor(1), |c, x| (c + x, ())).0, "scan: xs is i32[], which has no axis to go along");
    check_both_fail(
        |x| scan(x, (tensor([1]), tensor([1, 2])), |c, (x, _)| (c + x, ())).0,
        "scan: xs[0] has length 1, but xs[1] has length 2",
    );
    check_both_fail(
        |x| scan(x, (), |c, ()| (c, ())).0,
        "scan: there is no tensor to go along; for_loop takes a number of trips",
    );
}

#[test]
fn sizes_that_turn_out_to_differ_are_errors() -> Result<()> {
    let f = function(|x: Tensor, y: Tensor| scan(tensor(0), (x, y), |sum, (x, y)| (sum + x * y, ())).0)
        .with_signature([spec(DType::I32, [None]), spec(DType::I32, [None])])?;
    assert_eq!(integer(&f.call((tensor([1, 2]), tensor([3, 4])))?), 11);
    let error = f.call((tensor([1, 2]), tensor([3, 4, 5]))).unwrap_err().to_string();
    assert!(error.contains("= ") || error.contains("equal"), "{error}");
    Ok(())
}

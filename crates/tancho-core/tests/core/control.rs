//! Choices and loops: eagerly and traced, with variables, captures and sizes that vary; and what does not fit.

use std::collections::BTreeMap;

use tancho_core::*;

use crate::check::{check, check_error};

/// A function gives these integers, eagerly and traced.
#[track_caller]
fn check_integers(inputs: &[i32], body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &[i32]) {
    let input = Tensor::from_vec([inputs.len()], inputs.to_vec());
    let shape: Vec<usize> = if expected.len() == 1 { vec![] } else { vec![expected.len()] };
    let expected: Vec<f64> = expected.iter().map(|&value| f64::from(value)).collect();
    check(&input, body, &shape, &expected);
}

/// A closure gives an error with this message at a line of this file, traced and, where it can, eagerly.
#[track_caller]
fn check_fault(body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &str) {
    check_error(function(&body).call(tensor(3)), file!(), expected);
}

#[track_caller]
fn check_both_fail(body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &str) {
    check_error(body(tensor(3)).array(), file!(), expected);
    check_fault(body, expected);
}

fn integer(tensor: &Tensor) -> i32 {
    tensor.item().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn cond_chooses() -> Result<()> {
    let abs = |x: Tensor| cond(x.sum(..).lt(0), || -&x, || x.clone());
    check_integers(&[-1, -2], abs, &[1, 2]);
    check_integers(&[1, 2], abs, &[1, 2]);
    // Trees, and predicates that are known.
    let pair = function(|x: Tensor| {
        let map = |name: &str, x: Tensor| BTreeMap::from([(name.to_owned(), x)]);
        cond(true, || (x.clone(), map("a", &x + 1)), || (&x * 2, map("a", x.clone())))
    });
    let (x, map) = pair.call(tensor(5))?;
    assert_eq!((integer(&x), integer(&map["a"])), (5, 6));
    // A variable is a predicate.
    let flag = Variable::new(true);
    let read = function(|x: Tensor| cond(&flag, || &x + 1, || &x - 1));
    assert_eq!(integer(&read.call(tensor(5))?), 6);
    flag.assign(false)?;
    assert_eq!(integer(&read.call(tensor(5))?), 4);
    assert_eq!(read.tracing_count(), 1);
    Ok(())
}

#[test]
fn branches_are_traced_once_each() -> Result<()> {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    let runs = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let f = function(|x: Tensor| {
        let run = |place: usize, y: Tensor| {
            runs[place].fetch_add(1, Relaxed);
            y
        };
        cond(x.gt(0), || run(0, &x + 1), || run(1, &x - 1))
    });
    for x in [1, -1, 5] {
        assert_eq!(integer(&f.call(tensor(x))?), if x > 0 { x + 1 } else { x - 1 });
    }
    assert_eq!(runs.each_ref().map(|runs| runs.load(Relaxed)), [1, 1]);
    Ok(())
}

#[test]
fn switch_takes_the_last_branch_for_what_is_out_of_range() -> Result<()> {
    for (index, expected) in [(0, 1), (1, 20), (2, 300), (3, 300), (-1, 300), (i32::MAX, 300), (i32::MIN, 300)] {
        let body = |i: Tensor| switch(&i, (|| tensor(1), || tensor(20), || tensor(300)));
        assert_eq!(integer(&body(tensor(index))), expected, "{index}");
        assert_eq!(integer(&function(body).call(tensor(index))?), expected, "{index}");
        let wide = |i: Tensor| switch(i, [1, 20, 300].map(|value| move || tensor(value)));
        let far = i64::from(index) + if index == i32::MAX { 1 << 33 } else { 0 };
        assert_eq!(integer(&wide(tensor(far))), expected, "{far}");
        assert_eq!(integer(&function(wide).call(tensor(far))?), expected, "{far}");
    }
    for index in [0u8, 1, 2, 255] {
        let boxed = |i: Tensor| {
            let branches: Vec<Box<dyn FnOnce() -> Tensor>> = vec![Box::new(|| tensor(1)), Box::new(|| tensor(20))];
            switch(i, branches)
        };
        let expected = if index == 0 { 1 } else { 20 };
        assert_eq!(integer(&boxed(tensor(index))), expected);
        assert_eq!(integer(&function(boxed).call(tensor(index))?), expected);
        assert_eq!(integer(&function(boxed).call(tensor(u64::from(index) << 40))?), expected);
    }
    Ok(())
}

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
        check_integers(&[0, 1], move |x| for_loop(n, tensor(0), |i, sum| sum + i) + &x * 0, &[expected, expected]);
        let from_three = (3..n).fold(1i32, |x, i| x.wrapping_mul(2).wrapping_add(i));
        check_integers(&[0, 1], move |x| for_loop(3..n, tensor(1), |i, y| y * 2 + i) + &x * 0, &[from_three; 2]);
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
            .scan(0, |sum, x| {
                *sum = *sum * 2 + x;
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
fn variables_are_updated_in_branches_and_bodies() -> Result<()> {
    // As a function and eagerly, from the same beginning.
    let check = |body: &(dyn Fn(&Variable, &Variable, Tensor) -> Result<Tensor> + Send + Sync)| -> Result<()> {
        for x in [-3, 0, 1, 2, 5] {
            let run = |traced: bool| -> Result<[i32; 3]> {
                let (a, b) = (Variable::new(1).named("a"), Variable::new(10).named("b"));
                let result = if traced {
                    function(|x: Tensor| body(&a, &b, x)).call(tensor(x))?
                } else {
                    body(&a, &b, tensor(x))?
                };
                Ok([integer(&result), integer(&a.read()), integer(&b.read())])
            };
            assert_eq!(run(true)?, run(false)?, "{x}");
        }
        Ok(())
    };
    // A counter in one branch; read after, and before in the other.
    check(&|a, b, x| {
        let y = cond(x.gt(1), || a.assign_add(&x).map(|()| a.read()), || Ok(b.read() + a.read()))?;
        Ok(y + &a.read() * 100)
    })?;
    // Swapped as often as x says.
    check(&|a, b, x| {
        let n = while_loop(
            x,
            |i| i.gt(0),
            |i| {
                let old = a.read();
                a.assign(b.read())?;
                b.assign(old)?;
                Ok(i - 1)
            },
        )?;
        Ok(n + a.read() - &b.read())
    })?;
    // A choice in a loop in a choice; what the inner condition reads changes on the way.
    check(&|a, b, x| {
        cond(
            x.ge(0),
            || {
                for_loop(&x, a.read(), |i, s| {
                    let before = a.read();
                    cond(a.read().lt(4), || a.assign_add(&i + 1), || b.assign_sub(&before))?;
                    Ok(s + a.read() * &b.read())
                })
            },
            || {
                b.assign(-7)?;
                Ok(a.read())
            },
        )
    })?;
    // The condition of a loop reads what the body assigns.
    check(&|a, b, x| {
        let last = while_loop(
            x,
            |_| a.read().lt(50),
            |x| {
                a.assign(a.read() * 2)?;
                b.assign_add(1)?;
                Ok(x + b.read())
            },
        )?;
        Ok(last)
    })?;
    // In scans, unrolled and not.
    for n in [4, 40] {
        check(&move |a, b, x| {
            let xs = iota(DType::I32, [n], 0);
            let (carry, rows) = scan(x, xs, |carry, x| {
                a.assign_add(&x)?;
                b.assign(b.read() - &a.read())?;
                Ok((carry + a.read(), b.read()))
            })?;
            Ok(carry + rows.sum(..))
        })?;
    }
    // In a function that is called from a body.
    check(&|a, b, x| {
        let inner = function(|x: Tensor| {
            a.assign_add(&x)?;
            Ok(a.read() * &b.read())
        });
        for_loop(3, x, |_, x| inner.call(x))
    })?;
    Ok(())
}

#[test]
fn conditions_do_not_assign() {
    let count = Variable::new(0).named("count");
    check_fault(
        |x| {
            let condition = |x: Tensor| {
                count.assign_add(1)?;
                Ok(x.lt(10))
            };
            while_loop(x, condition, |x| x + 1)
        },
        "while_loop: the condition of a loop assigns the variable count; assign it in the body",
    );
}

#[test]
fn captures() -> Result<()> {
    // Outer tensors, twice, through several regions, and constants.
    let constant = tensor([10, 20]);
    let body = |x: Tensor| {
        let y = &x + 1;
        cond(
            x.sum(..).gt(0),
            || {
                while_loop(
                    x.clone(),
                    |s| s.sum(..).lt(y.sum(..) * 3),
                    |s| cond(s.min(..).gt(2), || &s + &y + &x, || &s + &y * &y + &constant),
                )
            },
            || &y - &x - &x,
        )
    };
    check_integers(&[1, 2], body, &[15, 31]);
    check_integers(&[-1, -2], body, &[2, 3]);
    check_integers(&[5, 6], body, &[27, 32]);
    Ok(())
}

/// A function of a vector whose length varies gives the same as eagerly, for several lengths.
#[track_caller]
fn check_lengths(body: impl Fn(Tensor) -> Tensor + Send + Sync) {
    let f = function(&body).with_signature([spec(DType::I32, [None])]).unwrap();
    for n in [1usize, 2, 3, 7, 30] {
        let x = Tensor::from_vec([n], (0..n as i32).map(|i| i * i - 3).collect());
        let (eager, traced) = (body(x.clone()).array(), f.call(&x).and_then(|y| y.array()));
        match (eager, traced) {
            (Ok(eager), Ok(traced)) => assert_eq!(
                (eager.shape().sizes(), eager.to_f64_vec()),
                (traced.shape().sizes(), traced.to_f64_vec()),
                "{n}"
            ),
            (eager, traced) => panic!("length {n}: eagerly {eager:?}, traced {traced:?}"),
        }
    }
    assert_eq!(f.tracing_count(), 1);
}

#[test]
fn sizes_that_vary_are_known_in_regions() {
    // A size alone, without a tensor that has it.
    check_lengths(|x| {
        let n = x.shape()[0].clone();
        let s = x.sum(..);
        cond(s.gt(0), || zeros(DType::I32, [&n + 1]) + &s, || iota(DType::I32, [&n + 1], 0))
    });
    // As a number.
    check_lengths(|x| {
        let (n, s) = (x.shape()[0].clone(), x.sum(..));
        cond(s.gt(0), || &s * &n, || &s - &n)
    });
    // A tensor of a size from which the symbol does not follow.
    check_lengths(|x| {
        let longer = concat([&x, &tensor([1])], 0);
        while_loop((longer, tensor(0)), |(_, i)| i.lt(3), |(y, i)| (&y + y.sum(..), i + 1)).0
    });
    check_lengths(|x| {
        let longer = concat([&x, &x, &tensor([1])], 0);
        let n = x.shape()[0].clone();
        for_loop(&n + 2, longer, |i, y| y + &i * &n)
    });
    check_lengths(|x| {
        let n = x.shape()[0].clone();
        let longer = concat([&x, &tensor([1])], 0);
        let (carry, rows) = scan(zeros(DType::I32, [&n * 2 + 3]), longer, |carry, x| {
            let carry = carry + x;
            (carry.clone(), carry.slice(between(0, &n + 1)) * &n)
        });
        concat([carry, rows.sum(0)], 0)
    });
    // Nested, where the regions between use none of it.
    check_lengths(|x| {
        let n = x.shape()[0].clone();
        let s = x.sum(..);
        for_loop(3, s, |i, s| {
            cond(
                s.gt(0),
                || while_loop(s.clone(), |s| s.lt(100), |s| s + ones(DType::I32, [&n + 5]).sum(..)),
                || &s + &i,
            )
        })
    });
    check_lengths(|x| {
        let n = x.shape()[0].clone();
        map(&x + 1, |x| ones(DType::I32, [&n + 1]) * x)
    });
}

#[test]
fn recursion_through_branches_has_an_end() {
    fn factorial(n: Tensor) -> Tensor {
        cond(n.le(1), || tensor(1), || &n * factorial(&n - 1))
    }
    fn fibonacci(n: Tensor) -> Tensor {
        cond(n.gt(1), || fibonacci(&n - 1) + fibonacci(&n - 2), || n.clone())
    }
    assert_eq!(integer(&factorial(tensor(5))), 120);
    assert_eq!(integer(&fibonacci(tensor(10))), 55);
    for error in [function(factorial).call(tensor(5)).unwrap_err(), function(fibonacci).call(tensor(5)).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("traced functions are nested more than 64 deep"), "{text}");
    }
}

#[test]
fn branches_that_differ_are_errors() {
    check_fault(
        |x| cond(x.gt(0), || tensor([1.0f32, 2.0]), || tensor([1.0f32, 2.0, 3.0])),
        "cond: result is f32[2] if true, but f32[3] if false",
    );
    check_fault(
        |x| cond(x.gt(0), || (x.clone(), [tensor(1), tensor(2)]), || (x.to(DType::F32), [tensor([1]), tensor(2)])).0,
        "cond: result[0] is i32[] if true, but f32[] if false; result[1][0] is i32[] if true, but i32[1] if false",
    );
    check_fault(
        |x| cond(x.gt(0), || vec![x.clone()], || vec![x.clone(), x.clone()])[0].clone(),
        "cond: result has 1 part if true, but 2 if false",
    );
    check_fault(
        |x| cond(x.gt(0), || (x.clone(), Static("a")), || (x.clone(), Static("b"))).0,
        "cond: result[1] is the static value \"a\" if true, but \"b\" if false",
    );
    check_fault(
        |x| {
            let named = |name: &str| BTreeMap::from([(name.to_owned(), x.clone())]);
            let mut map = cond(x.gt(0), || named("w"), || named("b"));
            map.pop_first().map(|(_, x)| x).unwrap_or(tensor(0))
        },
        "cond: result has the key \"w\" if true, but \"b\" if false",
    );
    check_fault(
        |x| switch(&x, (|| tensor(1), || tensor(2), || tensor(2.5f32))),
        "switch: result is i32[] in branch 0, but f32[] in branch 2",
    );
}

#[test]
fn predicates_that_do_not_fit_are_errors() {
    check_both_fail(|x| cond(&x, || tensor(1), || tensor(2)), "cond: the predicate is no bool scalar, but i32[]");
    check_both_fail(
        |x| cond(tensor([true, false]), || x.clone(), || &x + 1),
        "cond: the predicate is no bool scalar, but bool[2]",
    );
    check_both_fail(
        |x| switch(x.to(DType::F32), (|| x.clone(), || &x + 1)),
        "switch: the index is no integer scalar, but f32[]",
    );
    check_both_fail(|x| while_loop(x, |x| x, |x| x + 1), "while_loop: the condition gives i32[], not a bool scalar");
    check_both_fail(
        |x| for_loop(tensor(2.5f32), x, |_, x| x),
        "for_loop: the number of trips is no integer scalar, but f32[]",
    );
    // The predicate carries an error, which comes first.
    check_both_fail(
        |x| cond(x.matmul(&x).gt(0), || x.slice(17), || x.clone()),
        &function(|x: Tensor| x.matmul(&x))
            .call(tensor(3))
            .unwrap_err()
            .to_string()
            .split(" (")
            .next()
            .unwrap()
            .to_owned(),
    );
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
fn errors_within_are_those_of_the_operation() {
    let expected = "concat: axis 3 is out of range for rank 1";
    let bad = |x: &Tensor| concat([x.reshape([1]), x.reshape([1])], 3).sum(..);
    let message = bad(&tensor(3)).array().unwrap_err().to_string();
    let message = message.rsplit_once(" (").unwrap().0.to_owned();
    assert!(message.starts_with("concat: "), "{message} for {expected}");
    check_both_fail(|x| cond(x.gt(0), || bad(&x), || x.clone()), &message);
    check_both_fail(|x| while_loop(x, |x| x.gt(0), |x| bad(&x)), &message);
    check_both_fail(|x| for_loop(2, x, |_, x| bad(&x)), &message);
    check_both_fail(|x| scan(x, tensor([1, 2]), |c, x| (c, bad(&x))).1, &message);
    check_both_fail(|x| map(tensor([1, 2]) * x, |x| bad(&x)), &message);
    // A `Result` of a branch.
    let own = |x: Tensor| cond(x.gt(0), || Err(Error::new("not today")), || Ok(x.clone()));
    check_error(own(tensor(3)), file!(), "not today");
    check_error(function(own).call(tensor(3)), file!(), "not today");
    let within = |x: Tensor| while_loop(x, |x| x.gt(0), |_| Err::<Tensor, _>(Error::new("no body")));
    check_error(within(tensor(3)), file!(), "no body");
    check_error(function(within).call(tensor(3)), file!(), "no body");
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

/// The gradient of the sum of a function's elements is the same on a tape of what runs eagerly and within a trace.
#[track_caller]
fn check_gradient(body: impl Fn(&Tensor) -> Tensor + Send + Sync) {
    let slope = |x: Tensor| {
        let tape = GradientTape::new();
        tape.watch(&x);
        let y = body(&x).sum(..);
        tape.gradient(&y, &x)
    };
    let x = tensor([0.5f64, -0.25, 0.75]);
    let values = |slope: Result<Tensor>| slope.and_then(|slope| slope.to_vec::<f64>());
    match (values(Ok(slope(x.clone()))), values(function(slope).call(&x))) {
        (Ok(eager), Ok(traced)) => {
            let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * x.abs().max(1.0);
            assert!(eager.iter().zip(&traced).all(near), "eagerly {eager:?}, traced {traced:?}");
        }
        (eager, traced) => panic!("eagerly {eager:?}, traced {traced:?}"),
    }
}

#[test]
fn gradients_flow_through_choices_and_bounded_loops() {
    check_gradient(|x| cond(x.sum(..).gt(0), || x.square(), || x.sin()));
    check_gradient(|x| switch(tensor(1), (|| x.square(), || x.sin(), || x.clone())));
    for trips in [3, 20] {
        check_gradient(move |x| for_loop(trips, x.clone(), |i, y| y.sin() * x + i.to(DType::F64) * 0.1));
        check_gradient(move |x| {
            let xs = iota(DType::F64, [trips as usize], 0) * 0.1 + 0.2;
            let (carry, rows) = scan_reverse(x.clone(), xs, |c, t| ((&c * &t).sin() + x, c.sum(..) * t));
            carry.sum(..) + rows.square().sum(..)
        });
    }
    check_gradient(|x| while_loop_bounded(30, x.clone(), |y| y.square().sum(..).gt(1e-4), |y| y.sin() * x));
    check_gradient(|x| map(concat([x, x, x, x], 0), |x| x.exp() * &x));
}

//! Choices, and what they have in common with loops: eagerly and traced, with variables, captures and sizes that vary; and
//! what does not fit.

use std::collections::BTreeMap;
use std::panic::Location;

use tancho_core::*;

use crate::check::{check, check_error};

/// A function gives these integers, eagerly and traced.
#[track_caller]
pub fn check_integers(inputs: &[i32], body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &[i32]) {
    let input = Tensor::from_vec([inputs.len()], inputs.to_vec());
    let shape: Vec<usize> = if expected.len() == 1 { vec![] } else { vec![expected.len()] };
    let expected: Vec<f64> = expected.iter().map(|&value| f64::from(value)).collect();
    check(&input, body, &shape, &expected);
}

/// A closure gives an error with this message at a line of this file, traced and, where it can, eagerly.
#[track_caller]
pub fn check_fault(body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &str) {
    check_error(function(&body).call(tensor(3)), Location::caller().file(), expected);
}

#[track_caller]
pub fn check_both_fail(body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &str) {
    check_error(body(tensor(3)).array(), Location::caller().file(), expected);
    check_fault(body, expected);
}

pub fn integer(tensor: &Tensor) -> i32 {
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
        function(|x: Tensor| x.matmul(&x)).call(tensor(3)).unwrap_err().to_string().split(" (").next().unwrap(),
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
fn constants_that_a_tape_watches_are_captured() -> Result<()> {
    let (w, v) = (tensor([2.0f32, 3.0]), tensor(0.5f32));
    let f = function(|x: Tensor| {
        let tape = GradientTape::new();
        tape.watch(&w);
        tape.watch(&v);
        let y = for_loop(12, x.clone(), |_, y| cond(y.sum(..).lt(100), || &y + &w * &v, || y.clone()));
        tape.gradient(&y, (&w, &v))
    });
    let (dw, dv) = f.call(tensor([1.0f32, 1.0]))?;
    assert_eq!((dw.to_vec::<f32>()?, dv.item::<f32>()?), (vec![6.0, 6.0], 60.0));
    Ok(())
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

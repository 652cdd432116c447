//! Printing and assertions, and their order.

use std::sync::{Arc, Mutex, OnceLock};

use tancho_core::*;

use crate::check::check_error;

/// What all tests of this process have printed.
fn printed() -> &'static Mutex<Vec<String>> {
    static LINES: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    LINES.get_or_init(|| {
        set_print_sink(Some(Arc::new(|line: &str| {
            if let Some(lines) = LINES.get() {
                lines.lock().unwrap().push(line.to_owned());
            }
        })));
        Mutex::new(Vec::new())
    })
}

/// A closure prints these lines, each of which begins with a mark of its own, eagerly and traced.
#[track_caller]
fn check_lines(mark: &str, x: i32, body: impl Fn(Tensor) -> Tensor + Send + Sync, expected: &[&str]) {
    let take = || -> Vec<String> {
        let mut lines = printed().lock().unwrap();
        let (mine, others) = lines.drain(..).partition(|line| line.starts_with(mark));
        *lines = others;
        mine
    };
    take();
    body(tensor(x)).array().unwrap();
    assert_eq!(take(), expected, "eagerly");
    let f = function(&body);
    for call in ["first", "second"] {
        f.call(tensor(x)).unwrap();
        assert_eq!(take(), expected, "traced, {call} call");
    }
}

#[test]
fn lines_have_values_in_their_places() {
    check_lines(
        "values",
        7,
        |x| {
            print("values {}", &x);
            print("values none", ());
            print("values {} and {}, {{}}", (&x * 2, 0.5f32));
            print("values {} {}", [&x, &x]);
            print("values {}", tensor([[1, 2], [3, 4]]) * &x);
            x
        },
        &["values 7", "values none", "values 14 and 0.5, {}", "values 7 7", "values [[ 7, 14],\n [21, 28]]"],
    );
}

#[test]
fn effects_are_in_program_order() {
    let count = Variable::new(0).named("count");
    check_lines(
        "order",
        3,
        |x| {
            let step = || -> Result<Tensor> {
                count.assign(0)?;
                print("order a {}", &count);
                let x = for_loop(2, x.clone(), |i, x| {
                    count.assign_add(1)?;
                    print("order b {} {}", (&i, &count));
                    cond(i.eq(0), || print("order c", ()), || print("order d {}", &x));
                    Ok(x + 1)
                })?;
                print("order e {}", &count);
                let x = while_loop(
                    x,
                    |x| {
                        print("order f {}", x.clone());
                        x.lt(7)
                    },
                    |x| {
                        print("order g", ());
                        x + 1
                    },
                );
                scan(x.clone(), tensor([1, 2]), |c, x| {
                    print("order h {}", &x);
                    (c + x, ())
                });
                Ok(x)
            };
            step().unwrap_or_else(Tensor::from_error)
        },
        &[
            "order a 0",
            "order b 0 1",
            "order c",
            "order b 1 2",
            "order d 4",
            "order e 2",
            "order f 5",
            "order g",
            "order f 6",
            "order g",
            "order f 7",
            "order h 1",
            "order h 2",
        ],
    );
}

#[test]
fn formats_that_do_not_fit_are_errors() {
    let check = |body: fn(&Tensor) -> Result<()>, expected: &str| {
        check_error(body(&tensor(1)), file!(), &format!("assert_all: {expected}"));
        let traced = function(|x: Tensor| body(&x).map(|()| x)).call(tensor(1));
        check_error(traced, file!(), &format!("assert_all: {expected}"));
    };
    check(|x| assert_all(x.eq(1), "one {}", ()), "\"one {}\" has 1 places for 0 values");
    check(|x| assert_all(x.eq(1), "{", x), "\"{\" has a single brace that is not in `{}`");
    check(|x| assert_all(x, "", ()), "the condition i32[] is no bool");
    // A print has no place for an error but the output, or the call.
    let f = function(|x: Tensor| {
        print("{", &x);
        x
    });
    check_error(f.call(tensor(1)), file!(), "print: \"{\" has a single brace that is not in `{}`");
    print("{", tensor(1));
    print("{}", tensor(1).reshape([5]));
}

#[test]
fn assertions_stop_and_leave_variables() -> Result<()> {
    let total = Variable::new(0).named("total");
    let body = |x: Tensor| -> Result<Tensor> {
        total.assign_add(&x)?;
        for_loop(3, x.clone(), |i, x| {
            total.assign_add(1)?;
            assert_all(x.ne(5), "{} in trip {}", (&x, &i))?;
            Ok(x + 1)
        })
    };
    let f = function(body);
    assert_eq!(f.call(tensor(10))?.item::<i32>()?, 13);
    assert_eq!(total.item::<i32>()?, 13);
    let line = line!() - 7;
    let error = f.call(tensor(4)).unwrap_err().to_string();
    assert!(error.starts_with("function: assertion failed: 5 in trip 1 ("), "{error}");
    assert!(error.contains(&format!("{}:{line}:", file!())), "{error}");
    assert_eq!(total.item::<i32>()?, 13, "a failed call changes nothing");
    let error = body(tensor(4)).unwrap_err().to_string();
    assert!(error.starts_with("assert_all: assertion failed: 5 in trip 1 ("), "{error}");
    // All elements count.
    let all = |x: Tensor| assert_all(x.gt(0), "{}", &x).map(|()| x);
    assert!(all(tensor([1, 2])).is_ok() && all(tensor([1, 0])).is_err());
    let f = function(all);
    assert!(f.call(tensor([1, 2])).is_ok() && f.call(tensor([1, 0])).is_err());
    assert!(all(zeros(DType::I32, [0])).is_ok());
    Ok(())
}

#[test]
fn an_assertion_in_the_branch_that_is_not_taken_does_nothing() -> Result<()> {
    let f = function(|x: Tensor| {
        cond(
            x.gt(0),
            || {
                assert_all(x.lt(10), "too large: {}", &x)?;
                Ok(x.clone())
            },
            || Ok(-&x),
        )
    });
    assert_eq!(f.call(tensor(-20))?.item::<i32>()?, 20);
    assert_eq!(f.call(tensor(5))?.item::<i32>()?, 5);
    assert!(f.call(tensor(50)).unwrap_err().to_string().contains("too large: 50"));
    Ok(())
}

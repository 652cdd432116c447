//! Each mistake gives one clear error with the line of this file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use tancho_core::*;

use crate::check::check_error;

#[track_caller]
fn check(result: Tensor, expected: &str) {
    check_error(result.to_vec::<f32>(), file!(), expected);
}

fn x() -> Tensor {
    tensor([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]])
}

#[test]
fn shapes_that_do_not_fit() {
    let x = x();
    check(x.matmul(&x), "matmul: inner dimensions differ: lhs f32[2, 3] has 3, rhs f32[2, 3] has 2");
    check(&x + tensor([1.0f32, 2.0]), "add: shapes do not broadcast: f32[2, 3] and f32[2]");
    check(x.reshape([4]), "reshape: f32[2, 3] has 6 elements, f32[4] has 4");
    check(x.reshape([-1, 4]), "reshape: the elements of f32[2, 3] cannot be divided among sizes with product 4");
    check(x.reshape([-1, -1]), "reshape: only one size can be -1");
    check(x.sum(2), "sum: axis 2 is out of range for rank 2");
    check(x.sum([0, -2]), "sum: axis 0 is named twice in [0, -2]");
    check(x.softmax(-3), "softmax: axis -3 is out of range for rank 2");
    check(x.slice((0, 3)), "slice: index 3 is out of range for size 3 of axis 1");
    check(x.slice((0, 0, 0)), "slice: 3 entries for f32[2, 3] of rank 2");
    check(x.slice(step(.., 0)), "slice: the step of axis 0 is 0");
    check(x.squeeze(0), "squeeze: axis 0 of f32[2, 3] has size 2, not 1");
    check(x.transpose([0, 0]), "transpose: axis 0 is named twice");
    check(x.split(2, 1).remove(0), "split: axis 1 of f32[2, 3] cannot be split into 2 equal parts");
    check(concat([&x, &x.t()], 0), "concat: f32[2, 3] and f32[3, 2] differ beside axis 0");
    check(concat(Vec::<Tensor>::new(), 0), "concat: takes at least one tensor");
    check(stack([&x, &x.slice(0)], 0), "stack: shapes differ: f32[2, 3] and f32[3]");
    check(x.broadcast_to([3]), "broadcast_to: f32[2, 3] of rank 2 does not broadcast to rank 1");
    check(zeros(DType::F32, [-1]), "zeros: size -1 is negative");
    check(x.reshape([x.shape()[7].clone()]), "reshape: a size was taken from an axis that its tensor does not have");
    check(arange(0.0f32, 1.0, 0.0), "arange: cannot count from 0 to 1 by 0");
    check(x.argmax([0, 1]), "argmax: takes one axis, not [0, 1]");
}

#[test]
fn dtypes_that_do_not_fit() {
    let x = x();
    check(&x + tensor([1, 2, 3]), "add: dtypes differ: lhs f32[2, 3], rhs i32[3]; use .to(dtype) on one");
    check(tensor([1]).sqrt(), "sqrt: does not take i32[1]");
    check(tensor([1, 2]).mean(..), "mean: takes floats, not i32[2]; use .to(DType::F32) on it");
    check(tensor([1, 2]).softmax(0), "softmax: takes floats, not i32[2]; use .to(DType::F32) on it");
    check(x.all(..), "all: takes bool, not f32[2, 3]");
    check(x.select(&x, &x), "select: the condition is f32[2, 3], not bool");
    check(&x & 1, "and: does not take f32[2, 3]");
    check(one_hot(&x, 3, DType::F32), "one_hot: takes integers, not f32[2, 3]");
    let float = "add: the float 1.5 does not fit elements of i32; use .to(DType::F32) on the tensor";
    check(tensor([1]) + 1.5, float);
    check(300 + tensor([1u8]), "add: 300 is out of range for u8");
}

#[test]
fn the_first_error_is_passed_on_with_its_line() {
    let line = line!() + 1;
    let first = x().matmul(x());
    let later = (&first + tensor([1]).sqrt()).sum(..).softmax(0);
    let text = later.item::<f32>().unwrap_err().to_string();
    assert!(text.starts_with("matmul: ") && text.ends_with(&format!("({}:{line}:21)", file!())), "{text}");
    assert_eq!(later.to_string(), format!("error: {text}"));
    assert_eq!(later.try_shape().unwrap_err().to_string(), text);
    assert_eq!((later.rank(), later.dtype()), (0, DType::F32));
}

#[test]
fn scopes_stand_behind_the_line() {
    let bad = scope("model", || scope("dense1", || tensor([1]).sqrt()));
    let text = bad.check().unwrap_err().to_string();
    assert!(text.contains(", in dense1 at ") && text.contains(", in model at "), "{text}");
    let outside = tensor([1]).sqrt().check().unwrap_err().to_string();
    assert!(!outside.contains("dense1"), "{outside}");
}

#[test]
fn an_error_staged_in_a_trace_fails_the_call() {
    let unused = function(|x: Tensor| {
        let _ = x.matmul(&x);
        x.relu()
    });
    let expected = "matmul: inner dimensions differ: lhs f32[2, 3] has 3, rhs f32[2, 3] has 2";
    check_error(unused.call(x()), file!(), expected);
    // What fails is traced anew, since the closure may have other values next time.
    check_error(unused.call(x()), file!(), expected);
    assert_eq!(unused.tracing_count(), 2);
    let made_outside = tensor([1]).sqrt();
    let captured = function(|x: Tensor| {
        let _ = &made_outside + 1;
        x
    });
    check_error(captured.call(x()), file!(), "sqrt: does not take i32[1]");
}

#[test]
fn a_tensor_of_a_finished_trace_cannot_be_used() {
    let stolen = Mutex::new(None);
    let steal = function(|x: Tensor| {
        *stolen.lock().unwrap() = Some(&x * 2);
        x
    });
    steal.call(x()).unwrap();
    let stolen = stolen.lock().unwrap().take().unwrap();
    let place = stolen_place();
    let expected = |op: &str| {
        format!(
            "{op}: the tensor made at {place} belongs to a trace that has ended, so it cannot be used here; \
             return it from the traced function instead"
        )
    };
    check(&stolen + 1, &expected("add"));
    let other = function(|x: Tensor| x + &stolen);
    check_error(other.call(x()), file!(), &expected("add"));
    check_error(other.call(&stolen), file!(), &expected("function"));
    let value = stolen.to_vec::<f32>();
    check_error(value, file!(), "to_vec: f32[2, 3] has no value until the traced function is called");
}

fn stolen_place() -> String {
    let source = include_str!("errors.rs");
    let line = source.lines().position(|line| line.contains("Some(&x * 2)")).unwrap();
    let column = source.lines().nth(line).unwrap().find("&x * 2").unwrap();
    format!("{}:{}:{}", file!(), line + 1, column + 1)
}

#[test]
fn a_tensor_of_an_outer_trace_has_to_be_passed() {
    let outer = function(|x: Tensor| {
        let captured = x.clone();
        function(move |y: Tensor| y + &captured).with_name("inner").call(x)
    })
    .with_name("outer");
    let text = outer.call(x()).unwrap_err().to_string();
    assert!(text.contains("belongs to the outer trace of @outer"), "{text}");
    assert!(text.contains("pass it to the inner function as an argument"), "{text}");
}

#[test]
fn a_function_that_calls_itself_is_an_error() {
    static SELF: std::sync::LazyLock<Function<'static, (Tensor,), Tensor>> =
        std::sync::LazyLock::new(|| function(|x: Tensor| SELF.call(x)).with_name("endless"));
    let expected =
        "endless: calls itself while it is traced with the same signature, so that its trace would never end";
    check_error(SELF.call(x()), file!(), expected);

    static DEEPER: std::sync::LazyLock<Function<'static, (Tensor, Static<u32>), Tensor>> =
        std::sync::LazyLock::new(|| function(|x: Tensor, n: Static<u32>| DEEPER.call((x, *n + 1))).with_name("deeper"));
    check_error(DEEPER.call((x(), 0)), file!(), "deeper: traced functions are nested more than 64 deep");
}

#[test]
fn a_panic_in_a_traced_closure_leaves_everything_usable() {
    let panics = function(|x: Tensor, fails: Static<bool>| {
        scope("inside", || {
            assert!(!*fails, "the closure panics");
            x * 2
        })
    });
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(|| panics.call((x(), true))));
    std::panic::set_hook(hook);
    assert!(result.is_err());
    assert_eq!((&x() + 1).sum(..).item::<f32>().unwrap(), 27.0);
    assert_eq!(panics.call((x(), false)).unwrap().sum(..).item::<f32>().unwrap(), 42.0);
    let text = tensor([1]).sqrt().check().unwrap_err().to_string();
    assert!(!text.contains("inside"), "{text}");
}

#[test]
fn users_have_errors_of_their_own() {
    let checked = function(|x: Tensor| {
        x.shape().known().ok_or_else(|| Error::new("all sizes have to be known"))?;
        Err::<Tensor, _>(Error::new("always"))
    });
    check_error(checked.call(x()), file!(), "always");
}

#[test]
fn sizes_of_a_trace_are_not_known_outside() {
    let stolen = Mutex::new(None);
    let steal = function(|x: Tensor| {
        *stolen.lock().unwrap() = Some(x.shape()[0].clone());
        x
    });
    let steal = steal.with_signature([spec(DType::F32, [None, Some(3)])]).unwrap();
    steal.call(x()).unwrap();
    let size = stolen.lock().unwrap().take().unwrap();
    check(zeros(DType::F32, [size]), "zeros: the size ?n is known only in the trace that it is from");
}

/// Errors that come out as results, not as tensors: each has the line of this file.
#[test]
fn whoever_asks_is_named() -> Result<()> {
    #[track_caller]
    fn named<T>(result: Result<T>) {
        let text = result.err().expect("a mistake").to_string();
        let line = std::panic::Location::caller().line();
        assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
    }
    let x = x();
    named(x.to_vec::<i32>());
    named(x.item::<f32>());
    named(tensor(1).item::<f32>());
    named(x.matmul(&x).check());
    named(x.matmul(&x).array());
    named(x.matmul(&x).try_shape());
    named(x.matmul(&x).try_dtype());
    let square = function(|x: Tensor| x.matmul(&x)).with_signature([spec(DType::F32, [2, 2])])?;
    named(square.call(&x));
    named(square.concrete(&x));
    let concrete = square.concrete(spec(DType::F32, [2, 2]))?;
    named(concrete.call(&x));
    named(function(|_: Tensor| -> Result<Tensor> { Err(Error::new("of the closure")) }).call(&x));
    Ok(())
}

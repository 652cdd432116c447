//! Checks that every file here uses.

use tancho_core::{Result, Tensor, function};

/// An operation gives these values, exactly, eagerly and traced.
#[track_caller]
pub fn check(input: &Tensor, operation: impl Fn(Tensor) -> Tensor + Send + Sync, shape: &[usize], expected: &[f64]) {
    check_near(input, operation, shape, expected, 0.0);
}

/// An operation gives these values within a relative tolerance, eagerly and traced.
#[track_caller]
pub fn check_near(
    input: &Tensor,
    operation: impl Fn(Tensor) -> Tensor + Send + Sync,
    shape: &[usize],
    expected: &[f64],
    tolerance: f64,
) {
    check_values("eagerly", &operation(input.clone()), shape, expected, tolerance);
    let traced = function(&operation);
    match traced.call(input) {
        Ok(result) => check_values("traced", &result, shape, expected, tolerance),
        Err(error) => panic!("traced: {error}"),
    }
}

#[track_caller]
fn check_values(mode: &str, result: &Tensor, shape: &[usize], expected: &[f64], tolerance: f64) {
    let array = match result.array() {
        Ok(array) => array,
        Err(error) => panic!("{mode}: {error}"),
    };
    assert_eq!(array.shape().sizes(), shape, "{mode}");
    let values = array.to_f64_vec();
    let near = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * y.abs().max(1.0);
    let all_near = values.len() == expected.len() && values.iter().zip(expected).all(|(&x, &y)| near(x, y));
    assert!(all_near, "{mode}: {values:?}, expected {expected:?}");
}

/// A result is an error with this message, at a line of the file that calls.
#[track_caller]
pub fn check_error<T>(result: Result<T>, file: &str, expected: &str) {
    let Err(error) = result else { panic!("no error, expected: {expected}") };
    let text = error.to_string();
    let message = text.rsplit_once(&format!(" ({file}:")).map(|(message, _)| message);
    assert_eq!(message, Some(expected), "{text}");
}

//! Hyperbolic functions, their inverses, and the logistic function.

use tancho_ir::ops::UnaryOp;

use crate::harness::check_f32;
use crate::oracle::{Oracle, check_f64};

fn logistic_oracle(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[test]
fn hyperbolic_functions_f32() {
    check_f32(UnaryOp::Tanh, libm::tanh);
    check_f32(UnaryOp::Logistic, logistic_oracle);
}

#[test]
fn hyperbolic_functions_f64() {
    check_f64(UnaryOp::Tanh, (-20.0, 20.0), libm::tanh, Oracle::tanh);
    check_f64(UnaryOp::Tanh, (-1.0, 1.0), libm::tanh, Oracle::tanh);
    check_f64(UnaryOp::Logistic, (-750.0, 40.0), logistic_f64, Oracle::logistic);
    check_f64(UnaryOp::Logistic, (-2.0, 2.0), logistic_f64, Oracle::logistic);
}

/// The form that does not overflow before the result is subnormal.
fn logistic_f64(x: f64) -> f64 {
    if x < -40.0 { libm::exp(x) } else { logistic_oracle(x) }
}

#[test]
fn sines_and_cosines_f32() {
    check_f32(UnaryOp::Sinh, libm::sinh);
    check_f32(UnaryOp::Cosh, libm::cosh);
}

#[test]
fn sines_and_cosines_f64() {
    for range in [(-711.0, 711.0), (-3.0, 3.0), (-0.5, 0.5)] {
        check_f64(UnaryOp::Sinh, range, libm::sinh, Oracle::sinh);
        check_f64(UnaryOp::Cosh, range, libm::cosh, Oracle::cosh);
    }
}

/// `libm` does not give NaN below −1.
fn acosh(x: f64) -> f64 {
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

#[test]
fn inverses_f32() {
    check_f32(UnaryOp::Asinh, libm::asinh);
    check_f32(UnaryOp::Acosh, acosh);
    check_f32(UnaryOp::Atanh, libm::atanh);
}

#[test]
fn inverses_f64() {
    for range in [(-1e20, 1e20), (-5.0, 5.0), (-0.5, 0.5)] {
        check_f64(UnaryOp::Asinh, range, libm::asinh, Oracle::asinh);
    }
    for range in [(1.0, 1e20), (1.0, 5.0), (1.0, 1.01)] {
        check_f64(UnaryOp::Acosh, range, acosh, Oracle::acosh);
    }
    for range in [(-1.0, 1.0), (-0.1, 0.1)] {
        check_f64(UnaryOp::Atanh, range, libm::atanh, Oracle::atanh);
    }
}

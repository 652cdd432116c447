//! Roots, and the error functions of `libm`; the others are in `special.rs`.

use astro_float_num::BigFloat;
use tancho_ir::ops::UnaryOp;

use crate::harness::check_f32;
use crate::oracle::{Oracle, PRECISION, ROUNDING, check_f64, exactly, over};

#[test]
fn error_function_and_roots_f32() {
    check_f32(UnaryOp::Erf, libm::erf);
    check_f32(UnaryOp::Cbrt, libm::cbrt);
    check_f32(UnaryOp::Rsqrt, |x| 1.0 / x.sqrt());
    check_f32(UnaryOp::Sqrt, f64::sqrt);
}

#[test]
fn error_function_and_roots_f64() {
    check_f64(UnaryOp::Erf, (-6.0, 6.0), libm::erf, Oracle::erf);
    check_f64(UnaryOp::Erf, (-1.0, 1.0), libm::erf, Oracle::erf);
    check_f64(UnaryOp::Cbrt, (-100.0, 100.0), libm::cbrt, |_, x| x.cbrt(PRECISION, ROUNDING));
    let rsqrt = |_: &mut Oracle, x: &BigFloat| over(&exactly(1.0), &x.sqrt(PRECISION, ROUNDING));
    check_f64(UnaryOp::Rsqrt, (0.0, 1e300), |x| 1.0 / x.sqrt(), rsqrt);
    check_f64(UnaryOp::Rsqrt, (0.0, 4.0), |x| 1.0 / x.sqrt(), rsqrt);
}

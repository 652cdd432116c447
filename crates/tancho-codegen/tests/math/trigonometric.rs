//! Trigonometric functions and their inverses.

use astro_float_num::BigFloat;
use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::DType;

use crate::harness::{Function, Random, check_f32, check_pairs_f32};
use crate::oracle::{
    Oracle, PRECISION, ROUNDING, check_f64, check_pairs_f64, error_f64, exactly, is_below, over, times,
};

#[test]
fn trigonometric_functions_f32() {
    check_f32(UnaryOp::Sine, libm::sin);
    check_f32(UnaryOp::Cosine, libm::cos);
    check_f32(UnaryOp::Tan, libm::tan);
}

#[test]
fn angles_f32() {
    check_pairs_f32(BinaryOp::Atan2, libm::atan2);
}

#[test]
fn trigonometric_functions_f64() {
    let sine = |oracle: &mut Oracle, x: &BigFloat| x.sin(PRECISION, ROUNDING, &mut oracle.0);
    let cosine = |oracle: &mut Oracle, x: &BigFloat| x.cos(PRECISION, ROUNDING, &mut oracle.0);
    let tan = |oracle: &mut Oracle, x: &BigFloat| x.tan(PRECISION, ROUNDING, &mut oracle.0);
    // The second range straddles the bound of the fast reduction.
    for range in [(-10.0, 10.0), (-1.2e9, 1.2e9)] {
        check_f64(UnaryOp::Sine, range, libm::sin, sine);
        check_f64(UnaryOp::Cosine, range, libm::cos, cosine);
        check_f64(UnaryOp::Tan, range, libm::tan, tan);
    }
}

/// Doubles that lie as near to a multiple of π/2 as doubles of their magnitude do.
#[test]
fn near_multiples_of_a_quarter_turn_f64() {
    let mut oracle = Oracle::new();
    let half_pi = over(&oracle.pi(), &exactly(2.0));
    let mut functions = [UnaryOp::Sine, UnaryOp::Cosine, UnaryOp::Tan].map(|op| (op, Function::unary(op, DType::F64)));
    let mut random = Random(3);
    for _ in 0..2_000 {
        let multiple = random.within(0.0, 29.0).exp2().round();
        let x = multiple * std::f64::consts::FRAC_PI_2;
        let exact = exactly(x);
        for (op, function) in &mut functions {
            let expected = match op {
                UnaryOp::Sine => exact.sin(PRECISION, ROUNDING, &mut oracle.0),
                UnaryOp::Cosine => exact.cos(PRECISION, ROUNDING, &mut oracle.0),
                _ => exact.tan(PRECISION, ROUNDING, &mut oracle.0),
            };
            let error = error_f64(function.f64([x]), &expected);
            let bound = math::error_bound(op.name(), DType::F64);
            assert!(error <= bound, "{} of {x:e}: {error} ulp", op.name());
        }
        let distance = exact.sub(&times(&half_pi, &exactly(multiple)), PRECISION, ROUNDING);
        assert!(is_below(&distance, 1e-6), "{x:e} is not near a multiple of a quarter turn");
    }
}

#[test]
fn angles_f64() {
    let arguments = |random: &mut Random, turn: usize| match turn % 2 {
        0 => (random.within(-3.0, 3.0), random.within(-3.0, 3.0)),
        _ => (random.number(turn / 2, -1.0, 1.0), random.number(turn / 8, -1.0, 1.0)),
    };
    check_pairs_f64(BinaryOp::Atan2, libm::atan2, arguments, Oracle::atan2);
}

#[test]
fn inverses_f32() {
    check_f32(UnaryOp::Acos, libm::acos);
    check_f32(UnaryOp::Asin, libm::asin);
    check_f32(UnaryOp::Atan, libm::atan);
}

#[test]
fn inverses_f64() {
    let acos = |oracle: &mut Oracle, x: &BigFloat| x.acos(PRECISION, ROUNDING, &mut oracle.0);
    let asin = |oracle: &mut Oracle, x: &BigFloat| x.asin(PRECISION, ROUNDING, &mut oracle.0);
    let atan = |oracle: &mut Oracle, x: &BigFloat| x.atan(PRECISION, ROUNDING, &mut oracle.0);
    check_f64(UnaryOp::Acos, (-1.0, 1.0), libm::acos, acos);
    check_f64(UnaryOp::Acos, (0.99, 1.0), libm::acos, acos);
    check_f64(UnaryOp::Asin, (-1.0, 1.0), libm::asin, asin);
    check_f64(UnaryOp::Asin, (0.45, 0.6), libm::asin, asin);
    check_f64(UnaryOp::Atan, (-4.0, 4.0), libm::atan, atan);
    check_f64(UnaryOp::Atan, (-1e20, 1e20), libm::atan, atan);
}

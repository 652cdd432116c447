//! Exponentials, logarithms and powers.

use astro_float_num::BigFloat;
use tancho_ir::ops::{BinaryOp, UnaryOp};

use crate::harness::{Random, check_f32, check_pairs_f32};
use crate::oracle::{Oracle, PRECISION, ROUNDING, check_f64, check_pairs_f64};

#[test]
fn exponentials_f32() {
    check_f32(UnaryOp::Exponential, libm::exp);
    check_f32(UnaryOp::ExponentialMinusOne, libm::expm1);
}

#[test]
fn logarithms_f32() {
    check_f32(UnaryOp::Log, libm::log);
    check_f32(UnaryOp::LogPlusOne, libm::log1p);
}

#[test]
fn powers_f32() {
    check_pairs_f32(BinaryOp::Power, libm::pow);
}

#[test]
fn exponentials_f64() {
    check_f64(UnaryOp::Exponential, (-746.0, 710.0), libm::exp, Oracle::exp);
    check_f64(UnaryOp::Exponential, (-2.0, 2.0), libm::exp, Oracle::exp);
    check_f64(UnaryOp::ExponentialMinusOne, (-40.0, 710.0), libm::expm1, Oracle::exp_minus_one);
    check_f64(UnaryOp::ExponentialMinusOne, (-2.0, 2.0), libm::expm1, Oracle::exp_minus_one);
}

#[test]
fn logarithms_f64() {
    let log = |oracle: &mut Oracle, x: &BigFloat| x.ln(PRECISION, ROUNDING, &mut oracle.0);
    check_f64(UnaryOp::Log, (0.0, 4.0), libm::log, log);
    check_f64(UnaryOp::Log, (0.0, 1e300), libm::log, log);
    check_f64(UnaryOp::LogPlusOne, (-1.0, 4.0), libm::log1p, Oracle::log_plus_one);
    check_f64(UnaryOp::LogPlusOne, (0.0, 1e300), libm::log1p, Oracle::log_plus_one);
}

#[test]
fn powers_f64() {
    let arguments = |random: &mut Random, turn: usize| match turn % 3 {
        0 => (random.within(0.0, 3.0), random.within(-300.0, 300.0)),
        1 => {
            let x = random.within(-1000.0, 1000.0).exp2();
            (x, random.within(-745.0, 709.0) / x.ln())
        }
        _ => {
            let x = 1.0 + random.within(-0.3, 0.3) * random.within(-40.0, 0.0).exp2();
            (x, random.within(-745.0, 709.0) / x.ln())
        }
    };
    check_pairs_f64(BinaryOp::Power, libm::pow, arguments, Oracle::power);
}

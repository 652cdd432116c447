//! Functions of f32 that are evaluated in f64 and rounded once.
//!
//! In f64 rounding errors do not count, so that plain formulas suffice, with polynomials as short as f32 needs. Lanes are
//! half as many; the functions for which it is done would be longer still in f32.

use tancho_tensor::DType;

use super::logarithm::{exponent_offset, split};
use super::{fma_by_constant, format, polynomial, with_float, with_integer};
use crate::kernel::body::{Binary, Body, Scalar};

/// A function of f32, evaluated in f64.
pub(super) fn in_double(body: &mut Body, x: Scalar, function: impl FnOnce(&mut Body, Scalar) -> Scalar) -> Scalar {
    let x = body.convert(x, DType::F64);
    let result = function(body, x);
    body.convert(result, DType::F32)
}

/// `(log(1 + f) − f) / f²` for `√½ ≤ 1 + f ≤ √2`, with a relative error of the logarithm of 2⁻³⁴.
pub(super) const LOG: &[f64] = &[
    -0.5000000016815626,
    0.33333333468947407,
    -0.2499996640922227,
    0.19999952663313922,
    -0.16668532024184415,
    0.14289478374555645,
    -0.12459164432133489,
    0.11000803201401098,
    -0.10337806165334991,
    0.10395665052711921,
    -0.08232794583537535,
    0.029709644360479633,
];

/// The logarithm of a positive normal f64, to within 2⁻³⁴ of it.
///
/// There are no special values but NaN, of NaN; what else is not positive and normal gives any number.
pub(super) fn log_for_single(body: &mut Body, x: Scalar) -> Scalar {
    let offset = body.float(exponent_offset(DType::F64), DType::F64);
    let (exponent, fraction) = split(body, x, offset);
    let quotient = polynomial(body, fraction, LOG);
    let square = body.multiply(fraction, fraction);
    let logarithm = body.fma(square, quotient, fraction);
    let result = fma_by_constant(body, exponent, std::f64::consts::LN_2, logarithm);
    pass_nan(body, x, result)
}

/// `(eʳ − 1 − r) / r²` for `|r| ≤ ln 2 / 2`, with a relative error of the power of 2⁻³²·⁸.
const POWER: &[f64] = &[
    0.500000006762593,
    0.16666663788804467,
    0.04166628664349321,
    0.008333770743723356,
    0.0013946090686657176,
    0.00019725014035323803,
];

/// `eˣ` for `|x| ≤ 700`, to within 2⁻³² of it.
pub(super) fn exponential_for_single(body: &mut Body, x: Scalar) -> Scalar {
    let format = format(DType::F64);
    let round = body.float(format.round + format.bias as f64, DType::F64);
    let rounded = fma_by_constant(body, x, std::f64::consts::LOG2_E, round);
    let multiple = body.subtract(rounded, round);
    let rest = fma_by_constant(body, multiple, -std::f64::consts::LN_2, x);
    let quotient = polynomial(body, rest, POWER);
    let square = body.multiply(rest, rest);
    let power_minus_one = body.fma(square, quotient, rest);
    let power = with_float(body, Binary::Add, power_minus_one, 1.0);
    let bits = body.bitcast(rounded, format.integer);
    let scale = with_integer(body, Binary::ShiftLeft, bits, format.fraction_bits);
    let scale = body.bitcast(scale, DType::F64);
    body.multiply(power, scale)
}

/// `x` if it is NaN, else a result.
pub(super) fn pass_nan(body: &mut Body, x: Scalar, result: Scalar) -> Scalar {
    let is_nan = body.compare(tancho_ir::ops::Comparison::Ne, x, x);
    body.select(is_nan, x, result)
}

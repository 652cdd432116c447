//! `tanh` and the logistic function.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::exponential::reduce_to_half;
use super::{
    at_least, at_most, bits, fma_by_constant, fma_constant, format, polynomial, sign_bit, with_float, with_integer,
    with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `1 / (1 + e⁻ˣ)`.
///
/// With `−x = n·ln 2 + r` and `2ⁿ = s·s'` (see [`exponential_minus_one`](super::exponential_minus_one())) it is
/// `s'⁻¹ / (s'⁻¹ + s·eʳ)`. Nothing in it overflows or is subnormal, so that the division is the only place where a subnormal
/// result rounds.
pub fn logistic(body: &mut Body, x: Scalar) -> Scalar {
    let limit = if body.dtype(x) == DType::F32 { 104.0 } else { 746.0 };
    let negated = body.unary(Unary::Negate, x);
    let bounded = at_least(body, negated, -limit);
    let bounded = at_most(body, bounded, limit);
    let reduced = reduce_to_half(body, bounded);
    let power_minus_one = reduced.power_minus_one(body);
    let (scale, inverse) = reduced.scales(body);
    // In this order the first sum rounds to less than a quarter of a unit of the second one.
    let sum = body.fma(scale, power_minus_one, inverse);
    let denominator = body.add(scale, sum);
    body.divide(inverse, denominator)
}

/// `(e²ᶻ − 1 − 2z) / 2z²` for `|z| ≤ ln 2 / 4`, with the least error relative to `e²ᶻ − 1`: 2⁻²⁶.
const TANH_F32: [f64; 5] = [9.999999404e-1, 6.666615605e-1, 3.333421052e-1, 1.338740885e-1, 4.427133501e-2];

/// The same for f64: 2⁻⁵⁴·⁷.
const TANH_F64: [f64; 10] = [
    1.000000000000001,
    6.666666666666635e-1,
    3.3333333333261395e-1,
    1.3333333333423242e-1,
    4.444444458101862e-2,
    1.2698412620200971e-2,
    3.174592674565908e-3,
    7.054696317704631e-4,
    1.4144532112110998e-4,
    2.565508241519429e-5,
];

/// The hyperbolic tangent.
///
/// Of the magnitude `h` it is `E / (E + 1)` with `E = (e²ʰ − 1) / 2`. With `h = n·ln 2 / 2 + z` and `s = 2ⁿ`,
/// `E = s·z + (s − 1) / 2 + s·z²·q(z)`, where `q` has degree 4 (f64: 9); near zero `E` has a small relative error, since `n`
/// is zero there and `E` is the sum of `z = h` and a small term.
///
/// Of a small `E` the quotient would have three roundings of note; `E − E·E / (E + 1)` has them in its small term only.
pub fn tanh(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    // From the limit on the result rounds to one; 2 / ln 2 and ln 2 / 2, the latter as a sum.
    let (limit, inverse, period, coefficients): (f64, f64, [f64; 2], &[f64]) = if dtype == DType::F32 {
        (10.0, 2.885390043258667, [3.465735912322998e-1, -9.523271060629668e-10], &TANH_F32)
    } else {
        (20.0, 2.8853900817779268, [3.4657359027997264e-1, 1.1595234069231498e-17], &TANH_F64)
    };
    let format = format(dtype);
    let magnitude = body.unary(Unary::Abs, x);
    let magnitude = at_most(body, magnitude, limit);
    let round = body.float(format.round + format.bias as f64, dtype);
    let rounded = fma_by_constant(body, magnitude, inverse, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -period[0], magnitude);
    let rest = fma_by_constant(body, multiple, -period[1], head);
    let quotient = polynomial(body, rest, coefficients);
    let square = body.multiply(rest, rest);
    let tail = body.multiply(square, quotient);
    let tail = fma_by_constant(body, multiple, -period[1], tail);
    let rounded = bits(body, rounded);
    let scale = with_integer(body, Binary::ShiftLeft, rounded, format.fraction_bits);
    let scale = body.bitcast(scale, dtype);
    let half = body.float(0.5, dtype);
    let half_less = fma_constant(body, scale, half, -0.5);
    let sum = body.fma(scale, head, half_less);
    let numerator = body.fma(scale, tail, sum);
    let denominator = with_float(body, Binary::Add, numerator, 1.0);
    let ratio = body.divide(numerator, denominator);
    let negated = body.unary(Unary::Negate, numerator);
    let difference = body.fma(negated, ratio, numerator);
    let one = body.float(1.0, dtype);
    let small = body.compare(Comparison::Lt, numerator, one);
    let result = body.select(small, difference, ratio);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

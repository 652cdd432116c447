//! `tanh`, the logistic function, `sinh` and `cosh`.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::exponential::{constants, reduce_to_half};
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

/// `(sinh(r)/r − 1) / r²` by powers of `r²` for `|r| ≤ ln 2 / 2`, with the least error relative to `sinh(r)`: 2⁻³⁴, 2⁻⁶⁵.
const SINH_F32: [f64; 3] = [1.666666716e-1, 8.333175443e-3, 1.997409418e-4];
const SINH_F64: [f64; 6] = [
    0.16666666666666666,
    0.008333333333334428,
    0.00019841269837066178,
    2.7557326272480346e-6,
    2.504673471801411e-8,
    1.759429063694486e-10,
];

/// `(cosh(r) − 1) / r²` likewise: 2⁻³³, 2⁻⁷⁰.
const COSH_F32: [f64; 3] = [5.000000000e-1, 4.166645929e-2, 1.393545186e-3];
const COSH_F64: [f64; 6] = [
    0.5,
    0.041666666666666685,
    0.0013888888888873342,
    2.4801587348987956e-5,
    2.755725207061496e-7,
    2.0921674998232065e-9,
];

/// What both functions of a magnitude `h = n·ln 2 + r` are made of.
///
/// With `a = 2ⁿ⁻¹` and `b = 2⁻ⁿ⁻¹`, `sinh(h) = (a − b)·cosh(r) + (a + b)·sinh(r)`, and `cosh(h)` has sum and difference exchanged.
/// Nothing cancels, and near zero `a − b` is zero. Where the results end, `a` would overflow: there both functions are computed
/// of a quarter of it.
struct Halves {
    /// `a` and `b`.
    growing: Scalar,
    falling: Scalar,
    /// `a − b` and `a + b`.
    difference: Scalar,
    sum: Scalar,
    /// The larger part of `r`, exactly.
    head: Scalar,
    /// `cosh(r) − 1`.
    cosh: Scalar,
    /// `sinh(r)` less the head.
    sinh: Scalar,
    /// What the result is to be multiplied by: 1, or 4 where a quarter was taken.
    factor: Scalar,
}

fn halves(body: &mut Body, magnitude: Scalar) -> Halves {
    let dtype = body.dtype(magnitude);
    // Where the results are infinite, the n from which on a quarter is taken, and one beyond which b does not count.
    let (limit, large, enough): (f64, f64, f64) =
        if dtype == DType::F32 { (90.0, 120.0, 60.0) } else { (711.0, 1000.0, 100.0) };
    let (sinh, cosh): (&[f64], &[f64]) =
        if dtype == DType::F32 { (&SINH_F32, &COSH_F32) } else { (&SINH_F64, &COSH_F64) };
    let (inverse, period) = (constants(dtype).inverse, constants(dtype).period);
    let format = format(dtype);
    let magnitude = at_most(body, magnitude, limit);
    let round = body.float(format.round, dtype);
    let rounded = fma_by_constant(body, magnitude, inverse, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -period[0], magnitude);
    let rest = fma_by_constant(body, multiple, -period[1], head);

    let large = body.float(large, dtype);
    let is_large = body.compare(Comparison::Gt, multiple, large);
    let bias = format.round + format.bias as f64;
    let (half, eighth) = (body.float(bias - 1.0, dtype), body.float(bias - 3.0, dtype));
    let (one, four) = (body.float(1.0, dtype), body.float(4.0, dtype));
    let factor = body.select(is_large, four, one);
    let offset = body.select(is_large, eighth, half);
    let growing = body.add(offset, multiple);
    let bounded = at_most(body, multiple, enough);
    let falling = body.subtract(half, bounded);
    let [growing, falling] = [growing, falling].map(|power| {
        let power = bits(body, power);
        let power = with_integer(body, Binary::ShiftLeft, power, format.fraction_bits);
        body.bitcast(power, dtype)
    });
    let difference = body.subtract(growing, falling);
    let sum = body.add(growing, falling);

    let square = body.multiply(rest, rest);
    let cosh = polynomial(body, square, cosh);
    let cosh = body.multiply(square, cosh);
    let sinh = polynomial(body, square, sinh);
    let cube = body.multiply(square, rest);
    let sinh = body.multiply(cube, sinh);
    let sinh = fma_by_constant(body, multiple, -period[1], sinh);
    Halves { growing, falling, difference, sum, head, cosh, sinh, factor }
}

/// The hyperbolic sine.
pub fn sinh(body: &mut Body, x: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let halves = halves(body, magnitude);
    let small = body.multiply(halves.sum, halves.sinh);
    let small = body.fma(halves.difference, halves.cosh, small);
    let large = body.fma(halves.sum, halves.head, halves.difference);
    let result = body.add(large, small);
    let result = body.multiply(result, halves.factor);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

/// The hyperbolic cosine.
pub fn cosh(body: &mut Body, x: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let halves = halves(body, magnitude);
    let sinh = body.add(halves.head, halves.sinh);
    let small = body.fma(halves.difference, sinh, halves.falling);
    let small = body.fma(halves.sum, halves.cosh, small);
    let result = body.add(halves.growing, small);
    body.multiply(result, halves.factor)
}

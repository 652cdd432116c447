//! `tanh` and the logistic function.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{
    at_least, at_most, bits, fma_by_constant, fma_constant, format, polynomial, sign_bit, with_float, with_integer,
    with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// What the logistic function needs for a dtype.
struct Constants {
    /// The magnitude from which on the result is 0 or 1.
    limit: f64,
    /// `1 / ln 2`.
    inverse: f64,
    /// `ln 2` as a sum.
    period: [f64; 2],
    /// `(eʳ − 1 − r) / r²` for `|r| ≤ ln 2 / 2`, with the least error relative to `eʳ`.
    power: &'static [f64],
}

/// The relative error of the power is 2⁻²⁸.
const F32: Constants = Constants {
    limit: 104.0,
    inverse: 1.44269502162933350,
    period: [6.93147182464599609e-1, -1.90465421212593355e-9],
    power: &[4.999999404e-1, 1.666651666e-1, 4.166810215e-2, 8.369195275e-3, 1.383901457e-3],
};

/// The relative error of the power is 2⁻⁵⁸.
const F64: Constants = Constants {
    limit: 746.0,
    inverse: 1.44269504088896339,
    period: [6.93147180559945286e-1, 2.31904681384629956e-17],
    power: &[
        5.00000000000001110e-1,
        1.66666666666664381e-1,
        4.16666666665258326e-2,
        8.33333333347382327e-3,
        1.38888889448281400e-3,
        1.98412695595769648e-4,
        2.48014918190528181e-5,
        2.75575325212572699e-6,
        2.76307101529812898e-7,
        2.50188355521770172e-8,
    ],
};

/// `1 / (1 + e⁻ˣ)`.
///
/// With `−x = n·ln 2 + r`, `|r| ≤ ln 2 / 2`, and `2ⁿ = s·s'`, where the exponents of both are about `n / 2`, it is
/// `s⁻¹ / (s⁻¹ + s'·eʳ)`. Nothing in it overflows or is subnormal, so that the division is the only place where a subnormal
/// result rounds. `n` is rounded by adding `1.5·2²³ + 2·bias` (f64: `1.5·2⁵² + 2·bias`); half of the sum's bits, and what is
/// left of them, end in the exponent fields of `s` and `s'`. The polynomial of `eʳ` has degree 6 (f64: 11).
pub fn logistic(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let constants = if dtype == DType::F32 { F32 } else { F64 };
    let format = format(dtype);
    let negated = body.unary(Unary::Negate, x);
    let bounded = at_least(body, negated, -constants.limit);
    let bounded = at_most(body, bounded, constants.limit);

    let round = body.float(format.round + 2.0 * format.bias as f64, dtype);
    let rounded = fma_by_constant(body, bounded, constants.inverse, round);
    let multiple = body.subtract(rounded, round);
    let rest = fma_by_constant(body, multiple, -constants.period[0], bounded);
    let rest = fma_by_constant(body, multiple, -constants.period[1], rest);
    let quotient = polynomial(body, rest, constants.power);
    let square = body.multiply(rest, rest);
    let power_minus_one = body.fma(square, quotient, rest);

    let rounded = bits(body, rounded);
    let half = with_integer(body, Binary::ShiftRightLogical, rounded, 1);
    let other_half = body.subtract(rounded, half);
    let scale = with_integer(body, Binary::ShiftLeft, half, format.fraction_bits);
    let other_scale = with_integer(body, Binary::ShiftLeft, other_half, format.fraction_bits);
    let other_scale = body.bitcast(other_scale, dtype);
    let twice_the_bias = body.integer((2 * format.bias) << format.fraction_bits, format.integer);
    let inverse = body.subtract(twice_the_bias, scale);
    let inverse = body.bitcast(inverse, dtype);

    // In this order the first sum rounds to less than a quarter of a unit of the second one.
    let sum = body.fma(other_scale, power_minus_one, inverse);
    let denominator = body.add(other_scale, sum);
    body.divide(inverse, denominator)
}

/// `(e²ᶻ − 1 − 2z) / 2z²` for `|z| ≤ ln 2 / 4`, with the least error relative to `e²ᶻ − 1`: 2⁻²⁶.
const TANH_F32: [f64; 5] = [9.999999404e-1, 6.666615605e-1, 3.333421052e-1, 1.338740885e-1, 4.427133501e-2];

/// The same for f64: 2⁻⁵⁴·⁷.
const TANH_F64: [f64; 10] = [
    1.00000000000000111,
    6.66666666666663521e-1,
    3.33333333332613946e-1,
    1.33333333334232418e-1,
    4.44444445810186217e-2,
    1.26984126202009714e-2,
    3.17459267456590786e-3,
    7.05469631770463111e-4,
    1.41445321121109980e-4,
    2.56550824151942887e-5,
];

/// The hyperbolic tangent.
///
/// Of the magnitude `h` it is `E / (E + 1)` with `E = (e²ʰ − 1) / 2`. With `h = n·ln 2 / 2 + z` and `s = 2ⁿ`,
/// `E = s·z + (s − 1) / 2 + s·z²·q(z)`, where `q` has degree 4 (f64: 9); near zero `E` has a small relative error, since `n`
/// is zero there and `E` is the sum of `z = h` and a small term.
pub fn tanh(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    // From the limit on the result rounds to one; 2 / ln 2 and ln 2 / 2, the latter as a sum.
    let (limit, inverse, period, coefficients): (f64, f64, [f64; 2], &[f64]) = if dtype == DType::F32 {
        (10.0, 2.88539004325866699, [3.46573591232299805e-1, -9.52327106062966777e-10], &TANH_F32)
    } else {
        (20.0, 2.88539008177792677, [3.46573590279972643e-1, 1.15952340692314978e-17], &TANH_F64)
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
    // Of a small E the difference E − E²/(E + 1) is more exact, since only the small term has the errors of the quotient.
    let negated = body.unary(Unary::Negate, numerator);
    let difference = body.fma(negated, ratio, numerator);
    let one = body.float(1.0, dtype);
    let small = body.compare(Comparison::Lt, numerator, one);
    let result = body.select(small, difference, ratio);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

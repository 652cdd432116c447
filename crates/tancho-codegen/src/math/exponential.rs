//! `eˣ` and `eˣ − 1`.
//!
//! Both reduce `x = 2m·ln 2 + r` with `|r| ≤ ln 2`, so that the result has the factor `s²` with `s = 2ᵐ`: each of two
//! multiplications by `s` is by a normal number even where the result is subnormal or overflows, and only the last one rounds.
//! That saves the comparisons and selections that one factor `2ⁿ` with `|r| ≤ ln 2 / 2` would need, for one more coefficient.
//!
//! `m` is rounded by adding `1.5·2²³ + bias` (f64: `1.5·2⁵² + bias`); the sum's bits end in the exponent field of `s`, which a
//! shift moves into place. The product `2m·ln 2` is subtracted in two fused steps; the first one is exact. With
//! `S(r) = eʳ − 1 = r + r²·q(r)`, `eˣ = s·(1 + S)·s` and `eˣ − 1 = s·(s·S + (s − 1/s))`.

use tancho_tensor::DType;

use super::{
    at_least, at_most, bits, fma_by_constant, format, polynomial, sign_bit, with_float, with_integer, with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar};

/// What the reduction needs for a dtype.
struct Constants {
    /// `1 / (2·ln 2)`.
    inverse: f64,
    /// `2·ln 2` as a sum.
    period: [f64; 2],
}

const F32: Constants =
    Constants { inverse: 7.21347510814666748e-1, period: [1.38629436492919922, -3.80930842425186711e-9] };
const F64: Constants =
    Constants { inverse: 7.21347520444481694e-1, period: [1.38629436111989057, 4.63809362769259912e-17] };

/// `x` as `2m·ln 2 + r`.
pub(super) struct Reduced {
    /// `m`, a float.
    multiple: Scalar,
    /// `x − 2m·ln 2` with the first part of `ln 2`, exact.
    head: Scalar,
    /// The same with the second part also.
    pub rest: Scalar,
    /// The bits of `s = 2ᵐ`, an integer.
    scale_bits: Scalar,
}

/// Reduces an argument of a magnitude for which `s` and `1/s` are normal numbers.
pub(super) fn reduce(body: &mut Body, x: Scalar) -> Reduced {
    let dtype = body.dtype(x);
    let Constants { inverse, period } = if dtype == DType::F32 { F32 } else { F64 };
    let format = format(dtype);
    let round = body.float(format.round + format.bias as f64, dtype);
    let rounded = fma_by_constant(body, x, inverse, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -period[0], x);
    let rest = fma_by_constant(body, multiple, -period[1], head);
    let rounded = bits(body, rounded);
    let scale_bits = with_integer(body, Binary::ShiftLeft, rounded, format.fraction_bits);
    Reduced { multiple, head, rest, scale_bits }
}

impl Reduced {
    /// `s`, and `1/s`, whose exponent field is that of `s` subtracted from twice the bias.
    pub(super) fn scales(&self, body: &mut Body) -> (Scalar, Scalar) {
        let dtype = body.dtype(self.rest);
        let format = format(dtype);
        let twice_the_bias = body.integer((2 * format.bias) << format.fraction_bits, format.integer);
        let inverse = body.subtract(twice_the_bias, self.scale_bits);
        (body.bitcast(self.scale_bits, dtype), body.bitcast(inverse, dtype))
    }

    /// `S = eʳ − 1`, with an error relative to `eʳ`.
    pub(super) fn power_minus_one(&self, body: &mut Body) -> Scalar {
        let coefficients: &[f64] = if body.dtype(self.rest) == DType::F32 { &EXP_F32 } else { &EXP_F64 };
        let quotient = polynomial(body, self.rest, coefficients);
        let square = body.multiply(self.rest, self.rest);
        body.fma(square, quotient, self.rest)
    }
}

/// `q` for a least error relative to `eʳ`: 2⁻²⁶.
const EXP_F32: [f64; 6] = [
    5.000003576e-1,
    1.666661799e-1,
    4.166122898e-2,
    8.335931227e-3,
    1.410480822e-3,
    1.963132527e-4,
];

/// `q` for a least error relative to `eʳ`: 2⁻⁵⁶.
const EXP_F64: [f64; 12] = [
    4.99999999999999278e-1,
    1.66666666666669350e-1,
    4.16666666667020805e-2,
    8.33333333327022398e-3,
    1.38888888835792456e-3,
    1.98412698925804924e-4,
    2.48015908286554689e-5,
    2.75573007111987598e-6,
    2.75561583327313316e-7,
    2.50550247182134099e-8,
    2.10623085843979321e-9,
    1.59360646972456667e-10,
];

/// `q` for a least error relative to `eʳ − 1`: 2⁻²⁴·⁸.
const EXPM1_F32: [f64; 6] = [
    5.000002980e-1,
    1.666665822e-1,
    4.166157171e-2,
    8.333388716e-3,
    1.409975463e-3,
    1.999125379e-4,
];

/// `q` for a least error relative to `eʳ − 1`: 2⁻⁵⁵.
const EXPM1_F64: [f64; 12] = [
    4.99999999999999556e-1,
    1.66666666666667157e-1,
    4.16666666666936844e-2,
    8.33333333332367254e-3,
    1.38888888843381329e-3,
    1.98412698465132490e-4,
    2.48015905415296194e-5,
    2.75573188714129090e-6,
    2.75562061405442298e-7,
    2.50516827460686113e-8,
    2.10594355346097266e-9,
    1.61688793340103769e-10,
];

/// `eˣ`.
///
/// The polynomial of `eʳ` has degree 7 (f64: 13). The argument is bounded where the result is zero or overflows.
pub fn exponential(body: &mut Body, x: Scalar) -> Scalar {
    let (low, high) = if body.dtype(x) == DType::F32 { (-104.0, 89.0) } else { (-746.0, 710.0) };
    let bounded = at_least(body, x, low);
    let bounded = at_most(body, bounded, high);
    let reduced = reduce(body, bounded);
    let power_minus_one = reduced.power_minus_one(body);
    let power = with_float(body, Binary::Add, power_minus_one, 1.0);
    let scale = body.bitcast(reduced.scale_bits, body.dtype(x));
    let scaled = body.multiply(power, scale);
    body.multiply(scaled, scale)
}

/// `eˣ − 1`, with a small relative error near zero too.
///
/// The polynomial of `eʳ − 1` has degree 7 (f64: 13). The argument is bounded where the result is −1 or overflows. `s·S` is
/// added in two steps, the exact head of `r` first, since what is left of it is small beside the result.
pub fn exponential_minus_one(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let (low, high) = if dtype == DType::F32 { (-20.0, 89.0) } else { (-40.0, 710.0) };
    let (coefficients, period): (&[f64], _) =
        if dtype == DType::F32 { (&EXPM1_F32, F32.period) } else { (&EXPM1_F64, F64.period) };
    let bounded = at_least(body, x, low);
    let bounded = at_most(body, bounded, high);
    let reduced = reduce(body, bounded);
    let quotient = polynomial(body, reduced.rest, coefficients);
    let square = body.multiply(reduced.rest, reduced.rest);
    let tail = body.multiply(square, quotient);
    let tail = fma_by_constant(body, reduced.multiple, -period[1], tail);
    let (scale, inverse) = reduced.scales(body);
    let difference = body.subtract(scale, inverse);
    let head = body.fma(scale, reduced.head, difference);
    let sum = body.fma(scale, tail, head);
    let result = body.multiply(sum, scale);
    // The result has the sign of x; it is set for the sake of −0, which the sums lose.
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

//! `eˣ` and `eˣ − 1`.
//!
//! A power of two that the result is scaled by does not always fit one float: results are subnormal or as large as the
//! largest number. Two reductions give two factors, whose product it is; only the last multiplication rounds.
//!
//! - `x = 2m·ln 2 + r` with `|r| ≤ ln 2`: both factors are `s = 2ᵐ`. A polynomial of `eʳ` needs one more coefficient, and
//!   nothing else.
//! - `x = n·ln 2 + r` with `|r| ≤ ln 2 / 2`, for functions that would magnify the errors of a large `r`: the factors `s` and
//!   `s'` have the exponents `n / 2`, rounded up and down.
//!
//! The integer is rounded by adding `1.5·2²³ + bias` (f64: `1.5·2⁵² + bias`), or twice the bias for `n`: the sum's bits, or
//! half of them and the rest, end in the exponent field of a factor, which a shift moves into place. The multiple of `ln 2` is
//! subtracted in two fused steps, the first of which is exact.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{
    at_least, at_most, bits, fma_by_constant, format, polynomial, sign_bit, with_float, with_integer, with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar};

/// What the reductions need for a dtype.
pub(super) struct Constants {
    /// `1 / ln 2`.
    pub inverse: f64,
    /// `ln 2` as a sum.
    pub period: [f64; 2],
    /// `(eʳ − 1 − r) / r²` for `|r| ≤ ln 2`, with the least error relative to `eʳ`.
    power: &'static [f64],
    /// The same for `|r| ≤ ln 2 / 2`, with the least error relative to `eʳ − 1`.
    power_to_half: &'static [f64],
}

/// Relative errors of the powers: 2⁻²⁶.
const F32: Constants = Constants {
    inverse: 1.4426950216293335,
    period: [6.931471824645996e-1, -1.9046542121259336e-9],
    power: &[5.000003576e-1, 1.666661799e-1, 4.166122898e-2, 8.335931227e-3, 1.410480822e-3, 1.963132527e-4],
    power_to_half: &[4.999999702e-1, 1.666653901e-1, 4.166738689e-2, 8.367088623e-3, 1.388292876e-3],
};

/// Relative errors of the powers: 2⁻⁵⁶ and 2⁻⁶¹.
const F64: Constants = Constants {
    inverse: std::f64::consts::LOG2_E,
    period: [std::f64::consts::LN_2, 2.3190468138462996e-17],
    power: &[
        4.999999999999993e-1,
        1.6666666666666935e-1,
        4.166666666670208e-2,
        8.333333333270224e-3,
        1.3888888883579246e-3,
        1.9841269892580492e-4,
        2.480159082865547e-5,
        2.755730071119876e-6,
        2.755615833273133e-7,
        2.505502471821341e-8,
        2.1062308584397932e-9,
        1.5936064697245667e-10,
    ],
    power_to_half: &[
        0.5,
        1.6666666666666677e-1,
        4.1666666666666685e-2,
        8.333333333321816e-3,
        1.3888888888899543e-3,
        1.9841269885300866e-4,
        2.4801587260752148e-5,
        2.7557245184668197e-6,
        2.755734639051906e-7,
        2.5108678565134576e-8,
        2.0889241113821466e-9,
    ],
};

/// The polynomial of `(1 − e⁻ʳ − r) / r²` for `|r| ≤ ln 2 / 2`: that of `eʳ` with every other sign changed.
pub(super) fn complement_coefficients(dtype: DType) -> Vec<f64> {
    let coefficients = constants(dtype).power_to_half.iter().enumerate();
    coefficients.map(|(power, &coefficient)| if power % 2 == 0 { -coefficient } else { coefficient }).collect()
}

pub(super) fn constants(dtype: DType) -> Constants {
    if dtype == DType::F32 { F32 } else { F64 }
}

/// `x` as a multiple of `ln 2` and a rest.
pub(super) struct Reduced {
    /// `m` or `n`, a float.
    multiple: Scalar,
    /// What is left with the first part of `ln 2`, exactly.
    head: Scalar,
    /// What is left: `r`.
    pub rest: Scalar,
    /// The bits of the two factors, integers: `s`, `s'`.
    scale_bits: [Scalar; 2],
    /// The polynomial of `(eʳ − 1 − r) / r²`.
    power: &'static [f64],
}

/// Reduces to `|r| ≤ ln 2`, with equal factors.
pub(super) fn reduce(body: &mut Body, x: Scalar) -> Reduced {
    let dtype = body.dtype(x);
    let Constants { inverse, period, power, .. } = constants(dtype);
    let format = format(dtype);
    let round = body.float(format.round + format.bias as f64, dtype);
    let rounded = fma_by_constant(body, x, inverse / 2.0, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -2.0 * period[0], x);
    let rest = fma_by_constant(body, multiple, -2.0 * period[1], head);
    let rounded = bits(body, rounded);
    let scale = with_integer(body, Binary::ShiftLeft, rounded, format.fraction_bits);
    Reduced { multiple, head, rest, scale_bits: [scale, scale], power }
}

/// Reduces to `|r| ≤ ln 2 / 2`, with factors that may differ.
pub(super) fn reduce_to_half(body: &mut Body, x: Scalar) -> Reduced {
    let dtype = body.dtype(x);
    let Constants { inverse, period, power_to_half, .. } = constants(dtype);
    let format = format(dtype);
    let round = body.float(format.round + 2.0 * format.bias as f64, dtype);
    let rounded = fma_by_constant(body, x, inverse, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -period[0], x);
    let rest = fma_by_constant(body, multiple, -period[1], head);
    let rounded = bits(body, rounded);
    let half = with_integer(body, Binary::ShiftRightLogical, rounded, 1);
    let other_half = body.subtract(rounded, half);
    let scale_bits = [other_half, half].map(|half| with_integer(body, Binary::ShiftLeft, half, format.fraction_bits));
    Reduced { multiple, head, rest, scale_bits, power: power_to_half }
}

impl Reduced {
    /// `s`, and `1/s'`, whose exponent field is that of `s'` subtracted from twice the bias.
    pub(super) fn scales(&self, body: &mut Body) -> (Scalar, Scalar) {
        let dtype = body.dtype(self.rest);
        let format = format(dtype);
        let twice_the_bias = body.integer((2 * format.bias) << format.fraction_bits, format.integer);
        let inverse = body.subtract(twice_the_bias, self.scale_bits[1]);
        (body.bitcast(self.scale_bits[0], dtype), body.bitcast(inverse, dtype))
    }

    /// `eʳ − 1`.
    pub(super) fn power_minus_one(&self, body: &mut Body) -> Scalar {
        let quotient = polynomial(body, self.rest, self.power);
        let square = body.multiply(self.rest, self.rest);
        body.fma(square, quotient, self.rest)
    }

    /// `y·s·s'`, with one rounding if `y·s` is exact.
    pub(super) fn scale(&self, body: &mut Body, y: Scalar) -> Scalar {
        self.scale_bits.into_iter().fold(y, |y, scale| {
            let scale = body.bitcast(scale, body.dtype(y));
            body.multiply(y, scale)
        })
    }
}

/// `eˣ`.
///
/// The polynomial of `eʳ` has degree 7 (f64: 13). The argument is bounded where the result is zero or overflows.
///
/// Below the bound, what is scaled is 0 itself: a product that is too small for a float, such as that of each score which
/// attention masks, would take a processor many times as long.
pub fn exponential(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let (low, high) = if dtype == DType::F32 { (-104.0, 89.0) } else { (-746.0, 710.0) };
    let low = body.float(low, dtype);
    let is_zero = body.compare(Comparison::Gt, low, x);
    let bounded = body.select(is_zero, low, x);
    let bounded = at_most(body, bounded, high);
    let reduced = reduce(body, bounded);
    let power_minus_one = reduced.power_minus_one(body);
    let power = with_float(body, Binary::Add, power_minus_one, 1.0);
    let zero = body.float(0.0, dtype);
    let power = body.select(is_zero, zero, power);
    reduced.scale(body, power)
}

/// `eˣ − 1`, with a small relative error near zero too.
///
/// With `x = n·ln 2 + r` and `S = eʳ − 1` it is `(s·S + (s − 1/s'))·s'`. `s·S` is added in two steps, the exact head of `r`
/// first, since what is left of `S` is small beside the result. The polynomial of `eʳ − 1` has degree 6 (f64: 12). The
/// argument is bounded where the result is −1 or overflows.
pub fn exponential_minus_one(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let (low, high) = if dtype == DType::F32 { (-20.0, 89.0) } else { (-40.0, 710.0) };
    let bounded = at_least(body, x, low);
    let bounded = at_most(body, bounded, high);
    let reduced = reduce_to_half(body, bounded);
    let quotient = polynomial(body, reduced.rest, reduced.power);
    let square = body.multiply(reduced.rest, reduced.rest);
    let tail = body.multiply(square, quotient);
    let tail = fma_by_constant(body, reduced.multiple, -constants(dtype).period[1], tail);
    let (scale, inverse) = reduced.scales(body);
    let difference = body.subtract(scale, inverse);
    let head = body.fma(scale, reduced.head, difference);
    let sum = body.fma(scale, tail, head);
    let other_scale = body.bitcast(reduced.scale_bits[1], dtype);
    let result = body.multiply(sum, other_scale);
    // The result has the sign of x; it is set for the sake of −0, which the sums lose.
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

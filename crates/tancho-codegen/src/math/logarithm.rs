//! Natural logarithms.
//!
//! A positive number is `2ᵉ·(1 + f)` with `√½ ≤ 1 + f < √2`, so that near 1 `e` is zero and nothing cancels. Subtracting the
//! bits of `√½` (and adding those of 1) leaves `e` with a bias in the exponent field and the place of `1 + f` from `√½` in
//! the fraction. Then `log(1 + f) = f + f²·q(f)`, and `e·ln 2` is added in two parts, the large one to `f`, the small one to
//! `f²·q(f)`.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{bits, fma_by_constant, fma_constant, format, polynomial, sign_bit, with_float, with_integer, with_sign};
use crate::kernel::body::{Binary, Body, Scalar};

/// `(log(1 + f) − f) / f²` for `√½ ≤ 1 + f ≤ √2`, with the least error relative to `log(1 + f)`: 2⁻²⁷·⁸.
const LOG_F32: [f64; 9] = [
    -4.999998808e-1,
    3.333332241e-1,
    -2.500160933e-1,
    2.000222206e-1,
    -1.660858989e-1,
    1.417636126e-1,
    -1.324174851e-1,
    1.294118017e-1,
    -7.671411335e-2,
];

/// The same for f64: 2⁻⁵⁴.
pub(super) const LOG_F64: [f64; 19] = [
    -4.999999999999997e-1,
    3.3333333333328086e-1,
    -2.500000000001238e-1,
    2.0000000001744558e-1,
    -1.6666666666268262e-1,
    1.428571408688958e-1,
    -1.249999982939718e-1,
    1.1111122031203072e-1,
    -1.0000018213585705e-1,
    9.090582973348782e-2,
    -8.332551204674545e-2,
    7.697714787797624e-2,
    -7.160274525191891e-2,
    6.621584586768314e-2,
    -6.041007177123334e-2,
    5.973528161769729e-2,
    -6.78742576453365e-2,
    6.3254955104934e-2,
    -2.8300795387560626e-2,
];

/// `ln 2` as a sum, for f32 and f64.
const LN_2_F32: [f64; 2] = [6.931471824645996e-1, -1.9046542121259336e-9];
const LN_2_F64: [f64; 2] = [std::f64::consts::LN_2, 2.3190468138462996e-17];

/// The bits of `√½` in a dtype.
pub(super) fn root_of_half_bits(dtype: DType) -> i64 {
    match dtype {
        DType::F32 => i64::from(std::f32::consts::FRAC_1_SQRT_2.to_bits()),
        _ => std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64,
    }
}

/// The bits of a positive normal number less those of `√½`, plus those of 1: the exponent field is `e` with its bias.
fn biased_exponent(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let format = format(dtype);
    let bits = bits(body, x);
    with_integer(body, Binary::Add, bits, (format.bias << format.fraction_bits) - root_of_half_bits(dtype))
}

/// The exponent field as a float, less an offset.
///
/// As the fraction of `2ᶠʳᵃᶜᵗⁱᵒⁿ ᵇⁱᵗˢ` the field adds its value, so that one subtraction is left; it takes the offset too.
fn exponent_less(body: &mut Body, biased: Scalar, dtype: DType, offset: Scalar) -> Scalar {
    let format = format(dtype);
    let field = with_integer(body, Binary::ShiftRightLogical, biased, format.fraction_bits);
    let large = with_integer(body, Binary::Or, field, (format.bias + format.fraction_bits) << format.fraction_bits);
    let large = body.bitcast(large, dtype);
    body.subtract(large, offset)
}

/// A positive normal number as `2ᵉ·(1 + f)`: `e + bias + 2ᶠʳᵃᶜᵗⁱᵒⁿ ᵇⁱᵗˢ − offset` and `f`.
pub(super) fn split(body: &mut Body, x: Scalar, offset: Scalar) -> (Scalar, Scalar) {
    let dtype = body.dtype(x);
    let format = format(dtype);
    let biased = biased_exponent(body, x);
    let exponent = exponent_less(body, biased, dtype, offset);
    let fraction = with_integer(body, Binary::And, biased, (1 << format.fraction_bits) - 1);
    let significand = with_integer(body, Binary::Add, fraction, root_of_half_bits(dtype));
    let significand = body.bitcast(significand, dtype);
    (exponent, with_float(body, Binary::Subtract, significand, 1.0))
}

/// What [`split`]'s exponent is to be reduced by to be `e`.
pub(super) fn exponent_offset(dtype: DType) -> f64 {
    let format = format(dtype);
    (format.bias + (1 << format.fraction_bits)) as f64
}

/// `log(2ᵉ·(1 + f))`.
pub(super) fn combine(body: &mut Body, exponent: Scalar, fraction: Scalar) -> Scalar {
    let coefficients: &[f64] = if body.dtype(fraction) == DType::F32 { &LOG_F32 } else { &LOG_F64 };
    let (head, tail) = log_parts(body, exponent, fraction, coefficients);
    body.add(head, tail)
}

/// The same as a sum, from the coefficients of `q`.
pub(super) fn log_parts(body: &mut Body, exponent: Scalar, fraction: Scalar, coefficients: &[f64]) -> (Scalar, Scalar) {
    let ln_2 = if body.dtype(fraction) == DType::F32 { LN_2_F32 } else { LN_2_F64 };
    let quotient = polynomial(body, fraction, coefficients);
    let square = body.multiply(fraction, fraction);
    let tail = body.multiply(square, quotient);
    let tail = fma_by_constant(body, exponent, ln_2[1], tail);
    let head = fma_by_constant(body, exponent, ln_2[0], fraction);
    (head, tail)
}

/// The results outside `bound < x < ∞`: `x` of ∞ and NaN, −∞ of the bound, NaN below.
fn bound_domain(body: &mut Body, x: Scalar, bound: f64, result: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let bound = body.float(bound, dtype);
    let infinity = body.float(f64::INFINITY, dtype);
    let minus_infinity = body.float(f64::NEG_INFINITY, dtype);
    let nan = body.float(f64::NAN, dtype);
    let finite = body.compare(Comparison::Lt, x, infinity);
    let result = body.select(finite, result, x);
    let at_bound = body.compare(Comparison::Eq, x, bound);
    let others = body.select(at_bound, minus_infinity, nan);
    let above = body.compare(Comparison::Gt, x, bound);
    body.select(above, result, others)
}

/// The natural logarithm.
///
/// `q` has degree 8 (f64: 18). Subnormal numbers are scaled into the normal range first.
pub fn log(body: &mut Body, x: Scalar) -> Scalar {
    let (exponent, fraction) = split_any(body, x);
    let result = combine(body, exponent, fraction);
    bound_domain(body, x, 0.0, result)
}

/// How subnormal numbers are made normal.
pub(super) struct Normalization {
    pub smallest_normal: f64,
    /// A power of two that makes every subnormal number normal.
    pub factor: f64,
    /// The exponent of the factor.
    pub exponent: f64,
    /// The reciprocal of the factor's cube root.
    pub inverse_root: f64,
}

pub(super) fn normalization(dtype: DType) -> Normalization {
    if dtype == DType::F32 {
        Normalization {
            smallest_normal: f64::from(f32::MIN_POSITIVE),
            factor: (1_u64 << 24) as f64,
            exponent: 24.0,
            inverse_root: 1.0 / (1_u64 << 8) as f64,
        }
    } else {
        Normalization {
            smallest_normal: f64::MIN_POSITIVE,
            factor: (1_u64 << 54) as f64,
            exponent: 54.0,
            inverse_root: 1.0 / (1_u64 << 18) as f64,
        }
    }
}

/// Splits a positive number, which may be subnormal, into `e` and `f` (see [`split`]).
pub(super) fn split_any(body: &mut Body, x: Scalar) -> (Scalar, Scalar) {
    let dtype = body.dtype(x);
    let Normalization { smallest_normal, factor, exponent, .. } = normalization(dtype);
    let smallest_normal = body.float(smallest_normal, dtype);
    let subnormal = body.compare(Comparison::Lt, x, smallest_normal);
    let scaled = with_float(body, Binary::Multiply, x, factor);
    let normal = body.select(subnormal, scaled, x);
    let offset = body.float(exponent_offset(dtype), dtype);
    let scaled_offset = body.float(exponent_offset(dtype) + exponent, dtype);
    let offset = body.select(subnormal, scaled_offset, offset);
    split(body, normal, offset)
}

/// `1 + x` as `2ᵉ·(1 + f)`.
struct OnePlus {
    /// `e`.
    exponent: Scalar,
    /// `2⁻ᵉ`.
    inverse: Scalar,
    /// `f`, from `x` itself with one rounding.
    fraction: Scalar,
}

fn split_one_plus(body: &mut Body, x: Scalar) -> OnePlus {
    let dtype = body.dtype(x);
    let format = format(dtype);
    let sum = with_float(body, Binary::Add, x, 1.0);
    let biased = biased_exponent(body, sum);
    let offset = body.float(exponent_offset(dtype), dtype);
    let exponent = exponent_less(body, biased, dtype, offset);
    // 2⁻ᵉ is subnormal for the largest e; four times as much is not, so that its bits are easily made.
    let field = with_integer(body, Binary::And, biased, -1 << format.fraction_bits);
    let inverse = body.integer((2 * format.bias + 2) << format.fraction_bits, format.integer);
    let inverse = body.subtract(inverse, field);
    let inverse = body.bitcast(inverse, dtype);
    let quarter = body.float(0.25, dtype);
    let less_one = fma_constant(body, inverse, quarter, -1.0);
    let inverse = body.multiply(inverse, quarter);
    let fraction = body.fma(x, inverse, less_one);
    OnePlus { exponent, inverse, fraction }
}

/// `log(1 + x)`, with a small relative error near zero too.
///
/// `e` is that of the rounded sum `1 + x`, but `f = x·2⁻ᵉ + (2⁻ᵉ − 1)` comes from `x` itself with one rounding, so that what
/// the sum lost is not missed.
pub fn log_plus_one(body: &mut Body, x: Scalar) -> Scalar {
    let OnePlus { exponent, fraction, .. } = split_one_plus(body, x);
    let result = combine(body, exponent, fraction);
    // The result has the sign of x; it is set for the sake of −0, which the sums lose.
    let sign = sign_bit(body, x);
    let result = with_sign(body, result, sign);
    bound_domain(body, x, -1.0, result)
}

/// `log(1 + high + low) + doublings·log 2`, where `low` is small beside `high`, which is finite and not negative.
pub(super) fn log_of_one_plus_sum(body: &mut Body, high: Scalar, low: Scalar, doublings: Scalar) -> Scalar {
    let OnePlus { exponent, inverse, fraction } = split_one_plus(body, high);
    let fraction = body.fma(low, inverse, fraction);
    let exponent = body.add(exponent, doublings);
    combine(body, exponent, fraction)
}

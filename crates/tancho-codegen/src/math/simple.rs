//! Ops of a few instructions: rounding, sign, comparison, conversion, clamp.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{Format, format, sign_bit, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// Rounds to the nearest integer, halves away from zero. Exact.
///
/// The truncated value is off by one where the rest, which is exact, is at least a half. The sign of a zero stays, as it
/// does when truncating; of an infinity the rest is NaN, of which the comparison is false.
pub fn round_nearest_afz(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let truncated = body.unary(Unary::Truncate, x);
    let rest = body.subtract(x, truncated);
    let rest = body.unary(Unary::Abs, rest);
    let (half, one) = (body.float(0.5, dtype), body.float(1.0, dtype));
    let away = body.compare(Comparison::Ge, rest, half);
    let sign = sign_bit(body, x);
    let one = with_sign(body, one, sign);
    let next = body.add(truncated, one);
    body.select(away, next, truncated)
}

/// −1, 0 or 1; of a float that is zero or NaN, the float itself.
pub fn sign(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let constant = |body: &mut Body, value: i64| match dtype {
        DType::F32 | DType::F64 => body.float(value as f64, dtype),
        _ => body.integer(value, dtype),
    };
    let zero = constant(body, 0);
    let (one, minus_one) = (constant(body, 1), constant(body, -1));
    let positive = body.compare(Comparison::Gt, x, zero);
    let negative = body.compare(Comparison::Lt, x, zero);
    // What is neither is an integer's zero, a float's zero of either sign, or NaN.
    let others = body.select(negative, minus_one, x);
    body.select(positive, one, others)
}

/// Whether a float is neither infinite nor NaN.
pub fn is_finite(body: &mut Body, x: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let infinity = body.float(f64::INFINITY, body.dtype(x));
    body.compare(Comparison::Lt, magnitude, infinity)
}

/// A comparison of any dtype; of `bool`s, as logic, with false less than true.
pub fn expand_compare(body: &mut Body, comparison: Comparison, x: Scalar, y: Scalar) -> Scalar {
    if body.dtype(x) != DType::Bool {
        return body.compare(comparison, x, y);
    }
    match comparison {
        Comparison::Eq => {
            let differ = body.binary(Binary::Xor, x, y);
            body.unary(Unary::Not, differ)
        }
        Comparison::Ne => body.binary(Binary::Xor, x, y),
        Comparison::Ge => or_not(body, x, y),
        Comparison::Gt => and_not(body, x, y),
        Comparison::Le => or_not(body, y, x),
        Comparison::Lt => and_not(body, y, x),
    }
}

fn and_not(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let not = body.unary(Unary::Not, y);
    body.binary(Binary::And, x, not)
}

fn or_not(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let not = body.unary(Unary::Not, y);
    body.binary(Binary::Or, x, not)
}

/// Converts to a dtype; to `bool`, by a comparison with zero (which is true of NaN), and from `bool`, by a selection.
pub fn expand_convert(body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
    let from = body.dtype(x);
    match (from, dtype) {
        _ if from == dtype => x,
        (DType::Bool, DType::F32 | DType::F64) => {
            let (one, zero) = (body.float(1.0, dtype), body.float(0.0, dtype));
            body.select(x, one, zero)
        }
        (DType::Bool, _) => {
            let (one, zero) = (body.integer(1, dtype), body.integer(0, dtype));
            body.select(x, one, zero)
        }
        (DType::F32 | DType::F64, DType::Bool) => {
            let zero = body.float(0.0, from);
            body.compare(Comparison::Ne, x, zero)
        }
        (_, DType::Bool) => {
            let zero = body.integer(0, from);
            body.compare(Comparison::Ne, x, zero)
        }
        _ => body.convert(x, dtype),
    }
}

/// `min(max(x, low), high)`, NaN if any of the three is.
pub fn clamp(body: &mut Body, low: Scalar, x: Scalar, high: Scalar) -> Scalar {
    let (maximum, minimum) = match body.dtype(x) {
        DType::Bool => (Binary::Or, Binary::And),
        _ => (Binary::Maximum, Binary::Minimum),
    };
    let raised = body.binary(maximum, x, low);
    body.binary(minimum, raised, high)
}

/// Rounds a float to a format of fewer bits, halves to even; what is beyond its range becomes infinite, what is below its
/// least normal number a zero.
///
/// # Panics
/// The dtype is no float.
pub fn reduce_precision(body: &mut Body, x: Scalar, exponent_bits: u32, mantissa_bits: u32) -> Scalar {
    let dtype = body.dtype(x);
    let Format { integer, fraction_bits, bias, sign, .. } = format(dtype);
    let width = dtype.bits() as i64;
    let own_exponent_bits = width - 1 - fraction_bits;
    let mut bits = body.bitcast(x, integer);
    let dropped = fraction_bits - i64::from(mantissa_bits);
    if dropped > 0 {
        // Half of what the last kept bit is worth, less one where that bit is even, carries where it must.
        let amount = body.integer(dropped, integer);
        let one = body.integer(1, integer);
        let last = body.binary(Binary::ShiftRightLogical, bits, amount);
        let odd = body.binary(Binary::And, last, one);
        let half = body.integer((1 << (dropped - 1)) - 1, integer);
        let carry = body.add(odd, half);
        bits = body.add(bits, carry);
        let kept = body.integer(-1 << dropped, integer);
        bits = body.binary(Binary::And, bits, kept);
    }
    if i64::from(exponent_bits) < own_exponent_bits {
        let range = (1i64 << (exponent_bits - 1)) - 1;
        let exponent_mask = ((1i64 << own_exponent_bits) - 1) << fraction_bits;
        let mask = body.integer(exponent_mask, integer);
        let exponent = body.binary(Binary::And, bits, mask);
        let sign_mask = body.integer(sign, integer);
        let zero = body.binary(Binary::And, bits, sign_mask);
        let infinite = body.binary(Binary::Or, zero, mask);
        let largest = body.integer((bias + range) << fraction_bits, integer);
        let overflows = body.compare(Comparison::Gt, exponent, largest);
        bits = body.select(overflows, infinite, bits);
        let below = body.integer((bias - range) << fraction_bits, integer);
        let underflows = body.compare(Comparison::Le, exponent, below);
        bits = body.select(underflows, zero, bits);
    }
    let rounded = body.bitcast(bits, dtype);
    let is_nan = body.compare(Comparison::Ne, x, x);
    body.select(is_nan, x, rounded)
}

/// The number next to `x` towards `y`; `y` if they are equal, and NaN if either is.
///
/// The bits of a magnitude count its numbers, so that one more or one less leads to the next. Zero has a neighbour on both
/// sides.
pub fn next_after(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let Format { integer, .. } = format(dtype);
    let zero = body.float(0.0, dtype);
    let (one, minus_one) = (body.integer(1, integer), body.integer(-1, integer));
    let rises = body.compare(Comparison::Lt, x, y);
    let is_positive = body.compare(Comparison::Gt, x, zero);
    let inwards = body.binary(Binary::Xor, rises, is_positive);
    let step = body.select(inwards, minus_one, one);
    let bits = body.bitcast(x, integer);
    let next = body.add(bits, step);
    let sign = sign_bit(body, y);
    let least = body.binary(Binary::Or, sign, one);
    let is_zero = body.compare(Comparison::Eq, x, zero);
    let next = body.select(is_zero, least, next);
    let next = body.bitcast(next, dtype);
    let differ = body.compare(Comparison::Ne, x, y);
    let next = body.select(differ, next, y);
    let y_is_nan = body.compare(Comparison::Ne, y, y);
    let next = body.select(y_is_nan, y, next);
    let x_is_nan = body.compare(Comparison::Ne, x, x);
    body.select(x_is_nan, x, next)
}

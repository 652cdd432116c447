//! Ops of a few instructions: rounding, sign, comparison, conversion, clamp.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{sign_bit, with_sign};
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

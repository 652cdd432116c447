//! The remainder of floats.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{sign_bit, with_sign};
use crate::kernel::body::{Binary, Body, LaneFunction, Scalar, Unary};

/// `x − trunc(x / y)·y`, exactly, with the sign of `x`. Floats.
///
/// Where the quotient of the magnitudes is below 2²², its truncation is the wanted integer or (where the quotient was rounded
/// up to an integer) the next one. The multiple is then taken off by one fused operation without rounding, and added back
/// once where the rest came out negative; that is exact too. A larger quotient, an infinite operand or a zero divisor is left
/// to a call.
pub fn remainder(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let function = if dtype == DType::F32 { LaneFunction::RemainderF32 } else { LaneFunction::RemainderF64 };
    let (dividend, divisor) = (body.unary(Unary::Abs, x), body.unary(Unary::Abs, y));
    let quotient = body.divide(dividend, divisor);
    let multiple = body.unary(Unary::Truncate, quotient);
    let negated = body.unary(Unary::Negate, multiple);
    let rest = body.fma(negated, divisor, dividend);
    let zero = body.float(0.0, dtype);
    let negative = body.compare(Comparison::Lt, rest, zero);
    let raised = body.add(rest, divisor);
    let rest = body.select(negative, raised, rest);
    let sign = sign_bit(body, x);
    let rest = with_sign(body, rest, sign);
    // Comparisons are false of NaN, which thus takes the call as well.
    let largest = body.float(4_194_304.0, dtype);
    let infinity = body.float(f64::INFINITY, dtype);
    let small = body.compare(Comparison::Lt, quotient, largest);
    let finite = body.compare(Comparison::Lt, divisor, infinity);
    let easy = body.binary(Binary::And, small, finite);
    let hard = body.unary(Unary::Not, easy);
    body.call(function, [x, y], hard, rest)
}

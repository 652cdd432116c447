//! Elementwise ops: the operands at the same index, then their expansion into the body.
//!
//! A value of a half dtype is an `f32` value in the body (see `math/half.rs`). An op on halves is the op on those, rounded
//! once, but for the ops of which the result is a half where the operands are.

use tancho_ir::Value;
use tancho_ir::ops::{BinaryOp, ElementwiseOp, UnaryOp};
use tancho_tensor::DType;

use super::{KernelBuilder, Stop};
use crate::draft::Map;
use crate::kernel::{Body, Scalar};
use crate::math::{self, Halves};

pub(super) fn lower(
    builder: &mut KernelBuilder<'_>,
    op: &ElementwiseOp,
    operands: &[Value],
    map: &Map,
) -> Result<Scalar, Stop> {
    let mut scalars = [(Scalar(0), DType::F32); 3];
    for (scalar, &operand) in scalars.iter_mut().zip(operands) {
        *scalar = (pull_or_broadcast(builder, operand, map)?, builder.graph.type_of(operand).dtype);
    }
    Ok(apply(&mut builder.draft.body, &mut builder.halves, op, &scalars[..operands.len()]))
}

/// The op of scalars of a body, each with the dtype that it has in the graph: one of a half dtype is an `f32` value in the
/// body, and so is the result.
///
/// # Panics
/// The op does not take the dtypes, or another number of operands.
pub(crate) fn apply(body: &mut Body, halves: &mut Halves, op: &ElementwiseOp, operands: &[(Scalar, DType)]) -> Scalar {
    match (*op, operands) {
        (ElementwiseOp::Unary(op), &[(x, dtype)]) => {
            let value = math::expand_unary(body, op, x);
            if dtype.is_half() && !is_exact_unary(op) { halves.round(body, value, dtype) } else { value }
        }
        (ElementwiseOp::Binary(BinaryOp::NextAfter), &[(x, dtype), (y, _)]) if dtype.is_half() => {
            math::next_after_half(body, halves, x, y, dtype)
        }
        (ElementwiseOp::Binary(op), &[(x, dtype), (y, _)]) => {
            let value = math::expand_binary(body, op, x, y);
            if dtype.is_half() && !is_exact_binary(op) { halves.round(body, value, dtype) } else { value }
        }
        (ElementwiseOp::Compare(comparison), &[(x, _), (y, _)]) => math::expand_compare(body, comparison, x, y),
        (ElementwiseOp::Select, &[(predicate, _), (x, _), (y, _)]) => body.select(predicate, x, y),
        (ElementwiseOp::Convert(to), &[(x, from)]) => convert(body, halves, x, from, to),
        (ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits }, &[(x, dtype)]) => match dtype.is_half() {
            true => math::reduce_precision_half(body, halves, x, dtype, [exponent_bits, mantissa_bits]),
            false => math::reduce_precision(body, x, exponent_bits, mantissa_bits),
        },
        (ElementwiseOp::Clamp, &[(low, _), (x, _), (high, _)]) => math::clamp(body, low, x, high),
        (
            ElementwiseOp::Unary(_)
            | ElementwiseOp::Binary(_)
            | ElementwiseOp::Compare(_)
            | ElementwiseOp::Select
            | ElementwiseOp::Convert(_)
            | ElementwiseOp::ReducePrecision { .. }
            | ElementwiseOp::Clamp,
            _,
        ) => panic!("{} does not take {} operands", op.name(), operands.len()),
    }
}

/// A value of one dtype as another one; also of an index or a size, as `i64`.
pub(crate) fn convert(body: &mut Body, halves: &mut Halves, x: Scalar, from: DType, to: DType) -> Scalar {
    if from == to {
        x
    } else if to.is_half() {
        math::convert_to_half(body, halves, x, to)
    } else {
        math::expand_convert(body, x, to)
    }
}

/// Whether the result for a half is a half without rounding.
fn is_exact_unary(op: UnaryOp) -> bool {
    match op {
        UnaryOp::Abs
        | UnaryOp::Ceil
        | UnaryOp::Floor
        | UnaryOp::IsFinite
        | UnaryOp::Negate
        | UnaryOp::RoundNearestAfz
        | UnaryOp::RoundNearestEven
        | UnaryOp::Sign => true,
        UnaryOp::Acos
        | UnaryOp::Acosh
        | UnaryOp::Asin
        | UnaryOp::Asinh
        | UnaryOp::Atan
        | UnaryOp::Atanh
        | UnaryOp::BesselI1e
        | UnaryOp::Cbrt
        | UnaryOp::Cosh
        | UnaryOp::Cosine
        | UnaryOp::CountLeadingZeros
        | UnaryOp::Digamma
        | UnaryOp::Erf
        | UnaryOp::ErfInv
        | UnaryOp::Erfc
        | UnaryOp::Exponential
        | UnaryOp::ExponentialMinusOne
        | UnaryOp::Lgamma
        | UnaryOp::Log
        | UnaryOp::LogPlusOne
        | UnaryOp::Logistic
        | UnaryOp::Not
        | UnaryOp::Popcnt
        | UnaryOp::Rsqrt
        | UnaryOp::Sine
        | UnaryOp::Sinh
        | UnaryOp::Sqrt
        | UnaryOp::Tan
        | UnaryOp::Tanh => false,
    }
}

/// Whether the result for two halves is a half without rounding: a remainder is a multiple of the unit in the last place of
/// the smaller operand, and below it.
fn is_exact_binary(op: BinaryOp) -> bool {
    match op {
        BinaryOp::Maximum | BinaryOp::Minimum | BinaryOp::NextAfter | BinaryOp::Remainder => true,
        BinaryOp::Add
        | BinaryOp::And
        | BinaryOp::Atan2
        | BinaryOp::Divide
        | BinaryOp::Multiply
        | BinaryOp::Or
        | BinaryOp::Power
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Subtract
        | BinaryOp::Xor => false,
    }
}

/// A scalar stands for every element: the predicate of a select, the bounds of a clamp.
fn pull_or_broadcast(builder: &mut KernelBuilder<'_>, operand: Value, map: &Map) -> Result<Scalar, Stop> {
    if builder.graph.type_of(operand).rank() == 0 {
        return builder.pull(operand, &Map::new());
    }
    builder.pull(operand, map)
}

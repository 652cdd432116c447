//! Facts of bits, predicates and conversions.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
use tancho_ir::{Graph, NodeId, Op};
use tancho_tensor::DType;

use crate::pattern::{binary, binary_with, comparison, convert, dtype_of, result_type, select, unary};
use crate::rewrite::Replacement;
use crate::splat::{Splat, splat_value};

pub fn and_or_self(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::And).or_else(|| binary(graph, id, BinaryOp::Or))?;
    (left == right).then(|| left.into())
}

pub fn xor_self(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Xor)?;
    let of = result_type(graph, id);
    if left != right {
        return None;
    }
    Splat::zero(of.dtype).to_replacement(of)
}

pub fn and_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let of = result_type(graph, id);
    binary_with(graph, id, BinaryOp::And, Splat::is_zero)?;
    Splat::zero(of.dtype).to_replacement(of)
}

pub fn and_ones(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::And, Splat::is_all_ones).map(Replacement::Value)
}

pub fn or_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Or, Splat::is_zero).map(Replacement::Value)
}

pub fn or_ones(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let of = result_type(graph, id);
    binary_with(graph, id, BinaryOp::Or, Splat::is_all_ones)?;
    Splat::all_ones(of.dtype).to_replacement(of)
}

pub fn xor_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Xor, Splat::is_zero).map(Replacement::Value)
}

pub fn shift_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    [BinaryOp::ShiftLeft, BinaryOp::ShiftRightArithmetic, BinaryOp::ShiftRightLogical]
        .into_iter()
        .find_map(|shift| binary_with(graph, id, shift, Splat::is_zero))
        .map(Replacement::Value)
}

pub fn not_not(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Not)?;
    unary(graph, inner.node, UnaryOp::Not).map(Replacement::Value)
}

pub fn not_compare(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Not)?;
    let (direction, left, right) = comparison(graph, inner.node)?;
    let opposite = match direction {
        Comparison::Eq => Comparison::Ne,
        Comparison::Ne => Comparison::Eq,
        Comparison::Ge => Comparison::Lt,
        Comparison::Gt => Comparison::Le,
        Comparison::Le => Comparison::Gt,
        Comparison::Lt => Comparison::Ge,
    };
    let is_exact = !dtype_of(graph, left).is_float() || matches!(direction, Comparison::Eq | Comparison::Ne);
    is_exact.then(|| Replacement::op(Op::Elementwise(ElementwiseOp::Compare(opposite)), &[left, right]))
}

pub fn compare_self(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (direction, left, right) = comparison(graph, id)?;
    if left != right || dtype_of(graph, left).is_float() {
        return None;
    }
    let holds = match direction {
        Comparison::Eq | Comparison::Ge | Comparison::Le => true,
        Comparison::Ne | Comparison::Gt | Comparison::Lt => false,
    };
    Splat::bool(holds).to_replacement(result_type(graph, id))
}

pub fn select_constant(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let [predicate, on_true, on_false] = select(graph, id)?;
    let predicate = splat_value(graph, predicate)?;
    Some(if predicate.is_zero() { on_false.into() } else { on_true.into() })
}

pub fn select_same(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let [_, on_true, on_false] = select(graph, id)?;
    (on_true == on_false).then(|| on_true.into())
}

pub fn select_not(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let [predicate, on_true, on_false] = select(graph, id)?;
    let predicate = unary(graph, predicate.node, UnaryOp::Not)?;
    Some(Replacement::op(Op::Elementwise(ElementwiseOp::Select), &[predicate, on_false, on_true]))
}

pub fn convert_same(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dtype, operand) = convert(graph, id)?;
    (dtype_of(graph, operand) == dtype).then(|| operand.into())
}

/// A conversion is a function of the *value*, so that one before it that keeps the value has no effect. But an integer
/// becomes a narrower integer by its low bits, and a float becomes one by saturation.
pub fn convert_widened(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dtype, inner) = convert(graph, id)?;
    let (between, operand) = convert(graph, inner.node)?;
    let from = dtype_of(graph, operand);
    let saturates = from.is_integer() && between.is_float() && dtype.is_integer();
    let is_exact = keeps_value(from, between) && (!saturates || keeps_value(from, dtype));
    is_exact.then(|| Replacement::op(Op::Elementwise(ElementwiseOp::Convert(dtype)), &[operand]))
}

pub fn convert_round_trip(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dtype, inner) = convert(graph, id)?;
    let (between, operand) = convert(graph, inner.node)?;
    let is_exact = dtype.is_integer() && between.is_integer() && between.size() >= dtype.size();
    (is_exact && dtype_of(graph, operand) == dtype).then(|| operand.into())
}

/// Whether every value of one dtype is a value of another.
fn keeps_value(from: DType, to: DType) -> bool {
    // The integers up to 2 to this power that a float holds exactly.
    let precision = |dtype| match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        _ => 53,
    };
    if from == to || from == DType::Bool {
        return true;
    }
    match (from.is_float(), to.is_float()) {
        // Of the 16-bit floats, one has more bits, the other more exponents.
        (true, true) => from.bits() < to.bits(),
        (true, false) => false,
        (false, true) => from.bits() <= precision(to),
        (false, false) if to == DType::Bool => false,
        (false, false) if from.is_signed() == to.is_signed() => from.bits() <= to.bits(),
        (false, false) => !from.is_signed() && from.bits() < to.bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: DType, to: DType, expected: bool) {
        assert_eq!(keeps_value(from, to), expected, "{from} to {to}");
    }

    #[test]
    fn a_dtype_holds_the_values_of_a_narrower_one() {
        check(DType::F32, DType::F64, true);
        check(DType::F64, DType::F32, false);
        check(DType::I16, DType::F32, true);
        check(DType::I32, DType::F32, false);
        check(DType::U32, DType::F64, true);
        check(DType::I64, DType::F64, false);
        check(DType::U8, DType::I8, false);
        check(DType::U8, DType::I16, true);
        check(DType::I8, DType::U16, false);
        check(DType::I8, DType::I64, true);
        check(DType::F32, DType::I64, false);
        check(DType::F16, DType::F32, true);
        check(DType::BF16, DType::F64, true);
        check(DType::F16, DType::BF16, false);
        check(DType::BF16, DType::F16, false);
        check(DType::F32, DType::BF16, false);
        check(DType::U8, DType::BF16, true);
        check(DType::I16, DType::F16, false);
        check(DType::Bool, DType::I8, true);
        check(DType::I8, DType::Bool, false);
    }
}

//! Facts of addition, multiplication and rounding.

use tancho_ir::ops::{BinaryOp, ElementwiseOp, UnaryOp};
use tancho_ir::{Graph, NodeId, Op, Value};
use tancho_tensor::{DType, bf16, f16, round_to_odd};

use crate::pattern::{binary, binary_with, result_type, unary};
use crate::rewrite::Replacement;
use crate::splat::{Splat, splat_value};

fn make_binary(op: BinaryOp, left: impl Into<Replacement>, right: impl Into<Replacement>) -> Replacement {
    Replacement::Op(Op::Elementwise(ElementwiseOp::Binary(op)), vec![left.into(), right.into()])
}

fn make_unary(op: UnaryOp, operand: Value) -> Replacement {
    Replacement::op(Op::Elementwise(ElementwiseOp::Unary(op)), &[operand])
}

fn is_float(graph: &Graph, id: NodeId) -> bool {
    result_type(graph, id).dtype.is_float()
}

pub fn multiply_one(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Multiply, Splat::is_one).map(Replacement::Value)
}

pub fn multiply_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let of = result_type(graph, id);
    binary_with(graph, id, BinaryOp::Multiply, |splat| !splat.dtype.is_float() && splat.is_zero())?;
    Splat::zero(of.dtype).to_replacement(of)
}

/// For unsigned integers too, where all ones stand for −1.
pub fn multiply_minus_one(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let is_minus_one = |splat: Splat| splat.is_minus_one() || (splat.dtype.is_integer() && splat.is_all_ones());
    let operand = binary_with(graph, id, BinaryOp::Multiply, is_minus_one)?;
    Some(make_unary(UnaryOp::Negate, operand))
}

pub fn multiply_negated(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Multiply)?;
    let left = unary(graph, left.node, UnaryOp::Negate)?;
    let right = unary(graph, right.node, UnaryOp::Negate)?;
    Some(make_binary(BinaryOp::Multiply, left, right))
}

pub fn divide_one(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Divide, Splat::is_one).map(Replacement::Value)
}

pub fn divide_minus_one(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let operand = binary_with(graph, id, BinaryOp::Divide, Splat::is_minus_one)?;
    Some(make_unary(UnaryOp::Negate, operand))
}

pub fn divide_power_of_two(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Divide)?;
    let divisor = splat_value(graph, right)?;
    let reciprocal = exact_reciprocal(divisor)?;
    Some(make_binary(BinaryOp::Multiply, left, reciprocal.to_replacement(result_type(graph, id))?))
}

/// `1 / c` where `c` is ±2ᵏ and both it and its reciprocal are normal numbers.
fn exact_reciprocal(divisor: Splat) -> Option<Splat> {
    let value = divisor.as_float()?;
    let fraction_bits = value.to_bits() & ((1 << 52) - 1);
    let is_normal = |value: f64| match divisor.dtype {
        DType::F16 => f16::from_f32(round_to_odd(value)).is_normal(),
        DType::BF16 => bf16::from_f32(round_to_odd(value)).is_normal(),
        DType::F32 => (value as f32).is_normal(),
        _ => value.is_normal(),
    };
    let is_exact = fraction_bits == 0 && is_normal(value) && is_normal(1.0 / value);
    is_exact.then(|| Splat::float(divisor.dtype, 1.0 / value))
}

/// The exponent of the power of two by which an unsigned integer is divided.
fn unsigned_power_of_two(graph: &Graph, id: NodeId, op: BinaryOp) -> Option<(Value, Splat)> {
    let (left, right) = binary(graph, id, op)?;
    let divisor = splat_value(graph, right)?;
    let is_unsigned = divisor.dtype.is_integer() && !divisor.dtype.is_signed();
    (is_unsigned && divisor.bits.is_power_of_two()).then_some((left, divisor))
}

pub fn divide_unsigned_power_of_two(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, divisor) = unsigned_power_of_two(graph, id, BinaryOp::Divide)?;
    let exponent = Splat { dtype: divisor.dtype, bits: u64::from(divisor.bits.ilog2()) };
    Some(make_binary(BinaryOp::ShiftRightLogical, left, exponent.to_replacement(result_type(graph, id))?))
}

pub fn remainder_unsigned_power_of_two(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, divisor) = unsigned_power_of_two(graph, id, BinaryOp::Remainder)?;
    let mask = Splat { dtype: divisor.dtype, bits: divisor.bits - 1 };
    Some(make_binary(BinaryOp::And, left, mask.to_replacement(result_type(graph, id))?))
}

pub fn add_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let is_neutral = |splat: Splat| match splat.as_float() {
        Some(value) => value == 0.0 && value.is_sign_negative(),
        None => splat.is_zero(),
    };
    binary_with(graph, id, BinaryOp::Add, is_neutral).map(Replacement::Value)
}

pub fn add_negated(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Add)?;
    if let Some(negated) = unary(graph, right.node, UnaryOp::Negate) {
        return Some(make_binary(BinaryOp::Subtract, left, negated));
    }
    let negated = unary(graph, left.node, UnaryOp::Negate)?;
    Some(make_binary(BinaryOp::Subtract, right, negated))
}

pub fn subtract_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Subtract, Splat::is_zero).map(Replacement::Value)
}

pub fn subtract_negated(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Subtract)?;
    Some(make_binary(BinaryOp::Add, left, unary(graph, right.node, UnaryOp::Negate)?))
}

pub fn subtract_self(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Subtract)?;
    let of = result_type(graph, id);
    if left != right || is_float(graph, id) {
        return None;
    }
    Splat::zero(of.dtype).to_replacement(of)
}

pub fn subtract_from_zero(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Subtract)?;
    let splat = splat_value(graph, left)?;
    let is_neutral = match splat.as_float() {
        Some(value) => value == 0.0 && value.is_sign_negative(),
        None => splat.is_zero(),
    };
    is_neutral.then(|| make_unary(UnaryOp::Negate, right))
}

pub fn negate_negate(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Negate)?;
    unary(graph, inner.node, UnaryOp::Negate).map(Replacement::Value)
}

pub fn negate_subtract(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Negate)?;
    let (left, right) = binary(graph, inner.node, BinaryOp::Subtract)?;
    (!is_float(graph, id)).then(|| make_binary(BinaryOp::Subtract, right, left))
}

pub fn abs_of_sign_change(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Abs)?;
    if unary(graph, inner.node, UnaryOp::Abs).is_some() {
        return Some(inner.into());
    }
    Some(make_unary(UnaryOp::Abs, unary(graph, inner.node, UnaryOp::Negate)?))
}

const ROUNDINGS: [UnaryOp; 4] = [UnaryOp::Ceil, UnaryOp::Floor, UnaryOp::RoundNearestAfz, UnaryOp::RoundNearestEven];

pub fn round_integral(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = ROUNDINGS.iter().find_map(|&rounding| unary(graph, id, rounding))?;
    ROUNDINGS.iter().any(|&rounding| unary(graph, inner.node, rounding).is_some()).then(|| inner.into())
}

pub fn sign_sign(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let inner = unary(graph, id, UnaryOp::Sign)?;
    unary(graph, inner.node, UnaryOp::Sign).map(|_| inner.into())
}

pub fn extremum_self(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (left, right) = binary(graph, id, BinaryOp::Maximum).or_else(|| binary(graph, id, BinaryOp::Minimum))?;
    (left == right).then(|| left.into())
}

pub fn maximum_least(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Maximum, Splat::is_least).map(Replacement::Value)
}

pub fn minimum_largest(graph: &Graph, id: NodeId) -> Option<Replacement> {
    binary_with(graph, id, BinaryOp::Minimum, Splat::is_largest).map(Replacement::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocals_are_exact_or_refused() {
        let reciprocal = |dtype, value| exact_reciprocal(Splat::float(dtype, value)).and_then(Splat::as_float);
        assert_eq!(reciprocal(DType::F32, 8.0), Some(0.125));
        assert_eq!(reciprocal(DType::F32, -0.5), Some(-2.0));
        assert_eq!(reciprocal(DType::F32, 3.0), None);
        assert_eq!(reciprocal(DType::F32, 0.0), None);
        assert_eq!(reciprocal(DType::F32, f64::INFINITY), None);
        // The reciprocal of 2^127 is subnormal in f32, not in f64.
        assert_eq!(reciprocal(DType::F32, 2f64.powi(127)), None);
        assert_eq!(reciprocal(DType::F32, 2f64.powi(126)), Some(2f64.powi(-126)));
        assert_eq!(reciprocal(DType::F32, 2f64.powi(-127)), None);
        assert_eq!(reciprocal(DType::F64, 2f64.powi(127)), Some(2f64.powi(-127)));
        // f16 has the exponents from −14 to 15.
        assert_eq!(reciprocal(DType::F16, 2f64.powi(14)), Some(2f64.powi(-14)));
        assert_eq!(reciprocal(DType::F16, 2f64.powi(15)), None);
        assert_eq!(reciprocal(DType::F16, 2f64.powi(-15)), None);
        assert_eq!(reciprocal(DType::BF16, 2f64.powi(126)), Some(2f64.powi(-126)));
        assert_eq!(reciprocal(DType::BF16, 2f64.powi(127)), None);
    }
}

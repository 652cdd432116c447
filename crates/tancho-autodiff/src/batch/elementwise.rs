//! Elementwise ops: the same op on values that are all batched. Scalars beside arrays stay scalars where they are not batched.

use tancho_ir::Value;
use tancho_ir::ops::ElementwiseOp;

use super::{Item, Items, Rule, with_batch};
use crate::build::Built;
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &ElementwiseOp, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        ElementwiseOp::Unary(_)
        | ElementwiseOp::Binary(_)
        | ElementwiseOp::Compare(_)
        | ElementwiseOp::Convert(_)
        | ElementwiseOp::ReducePrecision { .. } => {
            let operands = rule.broadcast_all(operands)?;
            rule.add(*op, &operands)
        }
        ElementwiseOp::Select => {
            let predicate = beside(rule, operands[0], operands[1])?;
            let (on_true, on_false) = (rule.broadcast(operands[1])?, rule.broadcast(operands[2])?);
            rule.add(*op, &[predicate, on_true, on_false])
        }
        ElementwiseOp::Clamp => {
            let (low, high) = (beside(rule, operands[0], operands[1])?, beside(rule, operands[2], operands[1])?);
            let operand = rule.broadcast(operands[1])?;
            rule.add(*op, &[low, operand, high])
        }
    }
}

/// An operand that is a scalar or has the shape of another one, such that it is so again when that one is batched.
fn beside(rule: &mut Rule<'_>, item: Item, other: Item) -> Built<Value> {
    match (rule.rank(item), item.is_batched) {
        (0, false) => Ok(item.value),
        (0, true) => {
            let dims = with_batch(&rule.size, &rule.type_of(other).dims);
            rule.spread_scalar(item.value, &dims)
        }
        (_, true) => Ok(item.value),
        (_, false) => rule.broadcast(item),
    }
}

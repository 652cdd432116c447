//! Products over contracted axes.
//!
//! Two batched operands have one more batch axis. Where one of them is not batched, the batch axis is one more free axis of
//! the other, so that a matrix which all elements share is multiplied once with all of them.

use tancho_ir::ops::DotOp;

use super::{Item, Items, Rule, batched, shifted, with_batch_axis};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &DotOp, operands: &[Item]) -> Result<Items, Fault> {
    let (mut lhs, mut rhs) = (operands[0], operands[1]);
    let mut dot = op.clone();
    let n_batch = op.lhs_batch.len();
    let n_free = |rule: &Rule<'_>, operand: Item| rule.rank(operand) - n_batch - op.lhs_contract.len();
    if !lhs.is_batched && n_free(rule, rhs) == 0 {
        // A matrix with a vector for each element: with the vectors on the left, their axis comes first by itself.
        (lhs, rhs) = (rhs, lhs);
        std::mem::swap(&mut dot.lhs_batch, &mut dot.rhs_batch);
        std::mem::swap(&mut dot.lhs_contract, &mut dot.rhs_contract);
    }
    // The batch axis is a batch axis, or the first of the free axes of its operand.
    let place = match (lhs.is_batched, rhs.is_batched) {
        (true, true) => 0,
        (true, false) => n_batch,
        (false, _) => n_batch + n_free(rule, lhs),
    };
    let shift_batch = if lhs.is_batched && rhs.is_batched { with_batch_axis } else { shifted };
    if lhs.is_batched {
        dot.lhs_batch = shift_batch(&dot.lhs_batch);
        dot.lhs_contract = shifted(&dot.lhs_contract);
    }
    if rhs.is_batched {
        dot.rhs_batch = shift_batch(&dot.rhs_batch);
        dot.rhs_contract = shifted(&dot.rhs_contract);
    }
    let product = rule.build.dot(dot, lhs.value, rhs.value)?;
    let rank = rule.build.rank(product);
    let permutation = std::iter::once(place).chain((0..rank).filter(|&axis| axis != place)).collect();
    Ok(batched(rule.build.transpose(product, permutation)?))
}

//! Convolutions: the batch axis becomes a part of another axis.
//!
//! With a batched left operand, it is a part of the batch of the convolution; with a batched kernel, of the output features.
//! Where both are batched, each element is a group of its own. An axis that is split among groups has the group as its outer
//! part, and so has the batch axis behind it; where elements are groups, the batch axis is the outermost.

use tancho_ir::ops::ConvOp;

use super::merge::{merge, split};
use super::{Item, Items, Rule, batched, serial};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &ConvOp, operands: &[Item]) -> Result<Items, Fault> {
    let (lhs, rhs) = (operands[0], operands[1]);
    let dims = rule.types[0].dims.clone();
    if !rhs.is_batched {
        let lhs = merge(rule, lhs.value, op.lhs.batch, op.batch_groups)?;
        let result = rule.build.add(op.clone(), &[lhs, rhs.value])?;
        return Ok(batched(split(rule, result, op.output.batch, 1, &dims)?));
    }
    if !lhs.is_batched {
        let groups = op.feature_groups * op.batch_groups;
        let rhs = merge(rule, rhs.value, op.rhs.batch, groups)?;
        let result = rule.build.add(op.clone(), &[lhs.value, rhs])?;
        return Ok(batched(split(rule, result, op.output.feature, groups, &dims)?));
    }
    // The number of groups is an attribute, and positive.
    let count = rule.size.as_known().and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0);
    let Some(count) = count else { return serial::loop_over_batch(rule, op.clone().into(), operands) };
    let mut grouped = op.clone();
    let lhs = if op.batch_groups == 1 {
        grouped.feature_groups = op.feature_groups.saturating_mul(count);
        merge(rule, lhs.value, op.lhs.feature, 1)?
    } else {
        grouped.batch_groups = op.batch_groups.saturating_mul(count);
        merge(rule, lhs.value, op.lhs.batch, 1)?
    };
    let rhs = merge(rule, rhs.value, op.rhs.batch, 1)?;
    let result = rule.build.add(grouped, &[lhs, rhs])?;
    Ok(batched(split(rule, result, op.output.feature, 1, &dims)?))
}

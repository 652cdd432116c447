//! Effects: one for the whole batch. A line prints the values of all elements, and a condition must hold for all.

use tancho_ir::ops::EffectOp;

use super::{Item, Items, Rule, values};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &EffectOp, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        EffectOp::Print { format: _ } | EffectOp::Assert { message: _ } => rule.add(op.clone(), &values(operands)),
    }
}

//! Folds along axes: the axes are shifted, and the order of the fold stays, since no reduced axis becomes the last one or stops
//! to be it.

use tancho_ir::ops::{ReduceKind, ReduceOp};

use super::{Item, Items, Rule, shifted};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &ReduceOp, operands: &[Item]) -> Result<Items, Fault> {
    match op.kind {
        ReduceKind::Sum
        | ReduceKind::Product
        | ReduceKind::Max
        | ReduceKind::Min
        | ReduceKind::And
        | ReduceKind::Or
        | ReduceKind::ArgMax(_)
        | ReduceKind::ArgMin(_) => {
            let operands = rule.broadcast_all(operands)?;
            rule.add(ReduceOp { kind: op.kind, axes: shifted(&op.axes) }, &operands)
        }
    }
}

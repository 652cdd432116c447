//! Folds with a function of their own: nothing is folded along the batch axis. An initial value is one scalar for the whole op,
//! so that batched ones need a loop.

use tancho_ir::ops::{FoldOp, WindowAxis};

use super::{Item, Items, Rule, serial, shifted};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &FoldOp, operands: &[Item]) -> Result<Items, Fault> {
    let n_tensors = match op {
        FoldOp::Reduce { .. } | FoldOp::ReduceWindow { .. } | FoldOp::Scan { .. } => operands.len() / 2,
        FoldOp::SelectAndScatter { .. } => 2,
    };
    let (tensors, initial) = operands.split_at(n_tensors);
    if initial.iter().any(|item| item.is_batched) {
        return serial::loop_over_batch(rule, op.clone().into(), operands);
    }
    let op = match op {
        FoldOp::Reduce { axes, body } => FoldOp::Reduce { axes: shifted(axes), body: body.clone() },
        FoldOp::ReduceWindow { window, body } => {
            FoldOp::ReduceWindow { window: with_batch_window(window), body: body.clone() }
        }
        FoldOp::SelectAndScatter { window, select, scatter } => FoldOp::SelectAndScatter {
            window: with_batch_window(window),
            select: select.clone(),
            scatter: scatter.clone(),
        },
        FoldOp::Scan { axis, reverse, body } => FoldOp::Scan { axis: axis + 1, reverse: *reverse, body: body.clone() },
    };
    let mut operands = rule.broadcast_all(tensors)?;
    operands.extend(initial.iter().map(|item| item.value));
    rule.add(op, &operands)
}

fn with_batch_window(window: &[WindowAxis]) -> Vec<WindowAxis> {
    std::iter::once(WindowAxis::default()).chain(window.iter().cloned()).collect()
}

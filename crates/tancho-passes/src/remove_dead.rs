//! Removes operations whose results nobody uses.
//!
//! One walk against the topological order: when a node is visited, the users that go have gone. Parameters stay, since they
//! are the signature, and so do operations with effects.

use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, Op};

use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut changed = Changed::NOTHING;
    for id in graph.topological_order().into_iter().rev() {
        let Some(op) = graph.node(id).op() else { continue };
        if has_effects(op) || graph.is_used(id) {
            continue;
        }
        if !context.permit() {
            break;
        }
        graph.remove(id);
        changed.0 += 1;
    }
    changed
}

/// Whether an op does anything beside computing its results.
pub fn has_effects(op: &Op) -> bool {
    match op {
        Op::Elementwise(_) | Op::Shape(_) | Op::Reduce(_) | Op::Dot(_) => false,
        Op::Control(ControlOp::Call(callee)) => {
            callee.node_ids().any(|id| callee.node(id).op().is_some_and(has_effects))
        }
    }
}

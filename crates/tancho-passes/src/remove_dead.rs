//! Removes operations whose results nobody uses.
//!
//! One walk against the topological order: when a node is visited, the users that go have gone. Parameters stay, since they
//! are the signature, and so do operations with effects.

use tancho_ir::Graph;

use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut changed = Changed::NOTHING;
    for id in graph.topological_order().into_iter().rev() {
        let Some(op) = graph.node(id).op() else { continue };
        if op.has_side_effect() || graph.is_used(id) {
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

//! Optimises the graphs that ops hold: the bodies of loops and branches, of folds and comparators.
//!
//! Each goes through the whole list of passes, as a graph of its own. A graph that several ops share is optimised once.

use std::collections::HashMap;
use std::sync::Arc;

use tancho_ir::{Graph, Op};

use crate::pipeline::{Options, run_rounds};
use crate::{Changed, Context, PIPELINE};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut known: HashMap<*const Graph, (Arc<Graph>, usize)> = HashMap::new();
    // Keeps the graphs alive whose addresses are keys.
    let mut held = Vec::new();
    map_regions(graph, |region| {
        let (new, changes) = known.entry(Arc::as_ptr(region)).or_insert_with(|| {
            held.push(region.clone());
            let mut new = Graph::clone(region);
            let changes = run_rounds(PIPELINE, &mut new, context, &Options::default()).changes();
            (Arc::new(new), changes)
        });
        (*changes > 0).then(|| new.clone())
    })
}

/// Puts other graphs in the places of those that ops (calls aside) hold, where `replace` gives one.
pub(crate) fn map_regions(graph: &mut Graph, mut replace: impl FnMut(&Arc<Graph>) -> Option<Arc<Graph>>) -> Changed {
    let mut changed = Changed::NOTHING;
    let ids: Vec<_> = graph.node_ids().collect();
    for id in ids {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        if op.regions().is_empty() || matches!(op, Op::Control(tancho_ir::ops::ControlOp::Call { .. })) {
            continue;
        }
        let mut any = false;
        let new = op.with_regions(|region| match replace(region) {
            Some(new) => {
                any = true;
                new
            }
            None => region.clone(),
        });
        if any {
            let operands = node.operands().to_vec();
            graph.replace_op(id, new, &operands);
            changed.0 += 1;
        }
    }
    changed
}

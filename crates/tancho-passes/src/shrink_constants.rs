//! Puts constants that repeat one element in the form `broadcast_in_dim(scalar constant)`.
//!
//! Other passes, and the fusion into kernels, then see a number that fits into code, where there was an array in memory.
//! Elements are compared bit by bit, so that an array of +0 and −0 stays.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Graph, NodeId, Op};

use crate::pattern::result_type;
use crate::rewrite::{Replacement, Rewrite, apply_rewrites};
use crate::splat::repeated_element;
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    apply_rewrites(graph, context, REWRITES)
}

pub const REWRITES: &[Rewrite] = &[Rewrite {
    name: "shrink_splat",
    keeps: "every element of the broadcast is the one that the constant repeats",
    apply: shrink_splat,
}];

fn shrink_splat(graph: &Graph, id: NodeId) -> Option<Replacement> {
    match graph.node(id).op()? {
        Op::Shape(ShapeOp::Constant(array)) if array.shape().rank() > 0 => {
            repeated_element(array)?.to_replacement(result_type(graph, id))
        }
        _ => None,
    }
}

//! Merges nodes that compute the same from the same operands (common subexpressions).
//!
//! One walk in topological order: the operands of a node have their final form when it is visited, so that one walk merges
//! equal trees. A table finds, by a hash of op, operands and types, the earlier nodes that may be equal; the comparison
//! decides. The operands of a commutative op are compared in sorted order. The earlier node stays, with its span.
//!
//! Constants are compared by bits. Of a large one the hash takes a sample only.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use tancho_ir::ops::{Comparison, ElementwiseOp, ShapeOp};
use tancho_ir::{Graph, NodeId, Op, Value};
use tancho_tensor::Array;

use crate::rewrite::remove_unused;
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut earlier: FxHashMap<u64, Vec<NodeId>> = FxHashMap::default();
    let mut merged = Vec::new();
    for id in graph.topological_order() {
        let Some(op) = graph.node(id).op() else { continue };
        if op.has_side_effect() || !graph.is_used(id) {
            continue;
        }
        let candidates = earlier.entry(hash_node(graph, id)).or_default();
        let Some(&same) = candidates.iter().find(|&&candidate| computes_same(graph, candidate, id)) else {
            candidates.push(id);
            continue;
        };
        if !context.permit() {
            break;
        }
        for result in 0..graph.node(id).types().len() as u32 {
            graph.replace_all_uses(Value { node: id, result }, Value { node: same, result });
        }
        merged.push(id);
    }
    let changed = Changed(merged.len());
    remove_unused(graph, merged);
    changed
}

fn computes_same(graph: &Graph, left: NodeId, right: NodeId) -> bool {
    let (x, y) = (graph.node(left), graph.node(right));
    x.types() == y.types() && sorted_operands(graph, left).eq(sorted_operands(graph, right)) && x.op() == y.op()
}

/// The operands, those of a commutative op sorted.
fn sorted_operands(graph: &Graph, id: NodeId) -> impl Iterator<Item = Value> {
    let node = graph.node(id);
    let operands = node.operands();
    let is_swapped = node.op().is_some_and(is_commutative) && operands[1] < operands[0];
    (0..operands.len()).map(move |place| if is_swapped { operands[1 - place] } else { operands[place] })
}

/// Whether an op of two operands may take them in either order.
fn is_commutative(op: &Op) -> bool {
    match op {
        Op::Elementwise(ElementwiseOp::Binary(op)) => op.is_commutative(),
        Op::Elementwise(ElementwiseOp::Compare(direction)) => match direction {
            Comparison::Eq | Comparison::Ne => true,
            Comparison::Ge | Comparison::Gt | Comparison::Le | Comparison::Lt => false,
        },
        Op::Elementwise(
            ElementwiseOp::Unary(_)
            | ElementwiseOp::Select
            | ElementwiseOp::Convert(_)
            | ElementwiseOp::ReducePrecision { .. }
            | ElementwiseOp::Clamp,
        )
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Effect(_) => false,
    }
}

fn hash_node(graph: &Graph, id: NodeId) -> u64 {
    let mut hasher = FxHasher::default();
    let node = graph.node(id);
    if let Some(op) = node.op() {
        hash_op(op, &mut hasher);
    }
    for operand in sorted_operands(graph, id) {
        operand.hash(&mut hasher);
    }
    node.types().hash(&mut hasher);
    hasher.finish()
}

/// Equal ops have equal hashes.
fn hash_op(op: &Op, hasher: &mut FxHasher) {
    op.name().hash(hasher);
    match op {
        Op::Elementwise(op) => op.hash(hasher),
        Op::Reduce(op) => op.hash(hasher),
        Op::Dot(op) => op.hash(hasher),
        Op::Conv(op) => op.hash(hasher),
        Op::Random(op) => op.hash(hasher),
        Op::Linalg(op) => op.hash(hasher),
        Op::Effect(op) => op.hash(hasher),
        // What is left out here is compared when hashes are equal.
        Op::Fold(_) | Op::Index(_) | Op::Control(_) => {
            for (_, graph) in op.regions() {
                (graph.name(), graph.node_count()).hash(hasher);
            }
        }
        Op::Shape(op) => match op {
            ShapeOp::Constant(array) => hash_sample(array, hasher),
            ShapeOp::Iota { dtype, dims, axis } => (dtype, dims, axis).hash(hasher),
            ShapeOp::DimensionSize { dim, dtype } => (dim, dtype).hash(hasher),
            ShapeOp::BroadcastInDim { dims, axes } => (dims, axes).hash(hasher),
            ShapeOp::Reshape { dims } => dims.hash(hasher),
            ShapeOp::Transpose { permutation } => permutation.hash(hasher),
            ShapeOp::Slice { start, limit, strides } => (start, limit, strides).hash(hasher),
            ShapeOp::Concatenate { axis } => axis.hash(hasher),
            ShapeOp::Pad { low, high, interior } => (low, high, interior).hash(hasher),
            ShapeOp::BitcastConvert { dtype } => dtype.hash(hasher),
            ShapeOp::Reverse { axes } => axes.hash(hasher),
        },
    }
}

/// Hashes some 16 pieces of 16 bytes, evenly spread, the first and the last among them.
fn hash_sample(array: &Array, hasher: &mut FxHasher) {
    const PIECE: usize = 16;
    const PIECES: usize = 16;
    let bytes = array.buffer().bytes();
    if bytes.len() <= PIECE * PIECES {
        return bytes.hash(hasher);
    }
    for piece in 0..PIECES {
        let from = (bytes.len() - PIECE) / (PIECES - 1) * piece;
        bytes[from..from + PIECE].hash(hasher);
    }
    bytes[bytes.len() - PIECE..].hash(hasher);
}

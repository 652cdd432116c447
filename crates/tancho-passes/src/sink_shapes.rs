//! Moves broadcasts, transposes and reshapes below elementwise ops, towards the results.
//!
//! An elementwise op commutes with every movement of elements. Computing first is better: before a broadcast there are fewer
//! elements, and a transpose or reshape that has sunk to the next product, reshape or result may fold there. Everything
//! moves one way, so that the rows cannot undo one another: nothing in the pipeline lifts a movement above an elementwise op.
//!
//! Operands that differ are brought along where that is free, since a broadcast is only an index map: a broadcast of a
//! scalar fits every shape, and any broadcast can broadcast to the transposed sizes instead.
//!
//! No work is done twice: the op itself is replaced, broadcasts and reshapes cost nothing, and a transpose sinks only if
//! it, or another one that sinks with it, has no other user.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dims, Graph, NodeId, Op, Value};

use crate::pattern::{broadcast, reshape, result_type, transpose};
use crate::rewrite::{Replacement, Rewrite, apply_rewrites};
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    apply_rewrites(graph, context, REWRITES)
}

pub const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "sink_broadcast",
        keeps: "each element of the result is computed from the same elements",
        apply: sink_broadcast,
    },
    Rewrite {
        name: "sink_transpose",
        keeps: "each element of the result is computed from the same elements",
        apply: sink_transpose,
    },
    Rewrite {
        name: "sink_reshape",
        keeps: "each element of the result is computed from the same elements",
        apply: sink_reshape,
    },
];

/// The op and the operands, where the node is elementwise and not on scalars.
fn elementwise(graph: &Graph, id: NodeId) -> Option<(&Op, &[Value])> {
    let node = graph.node(id);
    let op = node.op().filter(|op| matches!(op, Op::Elementwise(_)))?;
    (result_type(graph, id).rank() > 0).then_some((op, node.operands()))
}

fn is_scalar(graph: &Graph, value: Value) -> bool {
    graph.type_of(value).rank() == 0
}

/// The scalar that a value repeats.
fn repeated_scalar(graph: &Graph, value: Value) -> Option<Value> {
    let (_, _, source) = broadcast(graph, value.node)?;
    is_scalar(graph, source).then_some(source)
}

/// A scalar as an operand of the op on the smaller sizes.
fn spread(scalar: Value, dims: &Dims) -> Replacement {
    if dims.is_empty() { scalar.into() } else { Replacement::broadcast(dims, Vec::new(), scalar) }
}

/// `op(broadcast(x), broadcast(y))` becomes `broadcast(op(x, y))`.
fn sink_broadcast(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operands) = elementwise(graph, id)?;
    let mut source_dims: Option<(&Dims, &[usize])> = None;
    for &operand in operands {
        if is_scalar(graph, operand) {
            continue;
        }
        let (_, axes, source) = broadcast(graph, operand.node)?;
        let dims = &graph.type_of(source).dims;
        if !dims.is_empty() && *source_dims.get_or_insert((dims, axes)) != (dims, axes) {
            return None;
        }
    }
    let scalar_dims = Dims::new();
    let (dims, axes) = source_dims.unwrap_or((&scalar_dims, &[]));
    let operands = operands.iter().map(|&operand| match (is_scalar(graph, operand), broadcast(graph, operand.node)) {
        (false, Some((_, _, source))) if is_scalar(graph, source) => spread(source, dims),
        (false, Some((_, _, source))) => source.into(),
        _ => operand.into(),
    });
    let inner = Replacement::Op(op.clone(), operands.collect());
    Some(Replacement::broadcast(&result_type(graph, id).dims, axes.to_vec(), inner))
}

/// `op(transpose(x), transpose(y))` becomes `transpose(op(x, y))`.
fn sink_transpose(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operands) = elementwise(graph, id)?;
    let first = operands.iter().find_map(|operand| transpose(graph, operand.node))?;
    let (permutation, dims) = (first.0, &graph.type_of(first.1).dims);
    let mut inner = Vec::with_capacity(operands.len());
    let mut frees_one = false;
    for &operand in operands {
        if let Some((other, source)) = transpose(graph, operand.node) {
            if other != permutation || graph.type_of(source).dims != *dims {
                return None;
            }
            frees_one |= graph.only_user(operand) == Some(id);
            inner.push(source.into());
        } else if is_scalar(graph, operand) {
            inner.push(operand.into());
        } else {
            // Axis i of the result is axis `permutation[i]` before the transpose.
            let (_, axes, source) = broadcast(graph, operand.node)?;
            let axes = axes.iter().map(|&axis| permutation[axis]).collect();
            inner.push(Replacement::broadcast(dims, axes, source));
        }
    }
    frees_one.then(|| Replacement::transpose(permutation.to_vec(), Replacement::Op(op.clone(), inner)))
}

/// `op(reshape(x), reshape(y))` becomes `reshape(op(x, y))`.
fn sink_reshape(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operands) = elementwise(graph, id)?;
    let first = operands.iter().find_map(|operand| reshape(graph, operand.node))?;
    let dims = &graph.type_of(first.1).dims;
    let mut inner = Vec::with_capacity(operands.len());
    for &operand in operands {
        if let Some((_, source)) = reshape(graph, operand.node) {
            if graph.type_of(source).dims != *dims {
                return None;
            }
            inner.push(source.into());
        } else if is_scalar(graph, operand) {
            inner.push(operand.into());
        } else if let Some(scalar) = repeated_scalar(graph, operand) {
            inner.push(spread(scalar, dims));
        } else {
            // The reshape of a constant folds into it without a copy.
            matches!(graph.op_of(operand)?, Op::Shape(ShapeOp::Constant(_))).then_some(())?;
            inner.push(Replacement::reshape(dims.iter().cloned(), operand));
        }
    }
    Some(Replacement::reshape(result_type(graph, id).dims.iter().cloned(), Replacement::Op(op.clone(), inner)))
}

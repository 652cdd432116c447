//! Computes at compile time what depends on nothing but constants.
//!
//! An operand is *known* if it is a constant, an iota of known sizes, or a broadcast of one of those: the last two are not
//! held in memory, but the op that reads them may fold. Nodes are visited in topological order, so that one walk folds a
//! whole tree. A node folds if every operand is known, and
//! - the op is a computation: constants, iotas and broadcasts are cheaper as they are;
//! - the result is at most [`SLACK`] bytes larger than the constants that it takes the place of;
//! - it does not belong to another pass: elementwise ops on splats alone sink below the broadcast first, and the movement
//!   of a splat is simplified away.
//!
//! The value comes from [`Context::evaluate`], which gets a graph of this one op, so that it has the bits of a call. Three
//! ops need no arithmetic and are done here: the size of a known dimension, and reshapes and broadcasts of a constant to as
//! many elements.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Graph, NodeId, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use crate::rewrite::remove_unused;
use crate::splat::{Splat, splat_value};
use crate::{Changed, Context};

/// A folded result may be larger than its constant operands by this many bytes.
pub const SLACK: usize = 1024;

/// Operands that are not in memory are made for the evaluation up to this many bytes.
pub const MATERIALIZED_LIMIT: usize = 1 << 20;

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut folded = Vec::new();
    for id in graph.topological_order() {
        if graph.node(id).op().is_none() || !graph.is_used(id) {
            continue;
        }
        let Some(arrays) = fold(graph, context, id) else { continue };
        if !context.permit() {
            break;
        }
        let span = graph.node(id).span().clone();
        for (result, array) in arrays.into_iter().enumerate() {
            let constant = graph.add_constant(array, span.clone());
            graph.replace_all_uses(Value { node: id, result: result as u32 }, constant);
        }
        folded.push(id);
    }
    let changed = Changed(folded.len());
    remove_unused(graph, folded);
    changed
}

/// The results of a node, where they can be computed and are worth keeping.
fn fold(graph: &Graph, context: &Context, id: NodeId) -> Option<Vec<Array>> {
    match graph.node(id).op()? {
        Op::Shape(ShapeOp::Constant(_) | ShapeOp::Iota { .. }) => None,
        Op::Shape(ShapeOp::DimensionSize { dim, dtype }) => dimension_size(dim, *dtype).map(|array| vec![array]),
        Op::Shape(ShapeOp::Reshape { .. } | ShapeOp::BroadcastInDim { .. }) => {
            same_elements(graph, id).map(|array| vec![array])
        }
        // Calls are inlined, and their parts fold.
        Op::Control(_) | Op::Effect(_) => None,
        // Rarely constant, and costly to compute when they are.
        Op::Conv(_) | Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) => None,
        Op::Elementwise(_) => evaluate(graph, context, id, graph.node(id).types()[0].rank() > 0),
        Op::Shape(
            ShapeOp::Transpose { .. }
            | ShapeOp::Slice { .. }
            | ShapeOp::Reverse { .. }
            | ShapeOp::BitcastConvert { .. }
            | ShapeOp::Concatenate { .. }
            | ShapeOp::Pad { .. },
        ) => evaluate(graph, context, id, true),
        Op::Reduce(_) | Op::Dot(_) => evaluate(graph, context, id, false),
    }
}

fn dimension_size(dim: &Dim, dtype: DType) -> Option<Array> {
    // A size beyond the range of the dtype keeps its low bits.
    let bits = dim.as_known()? as u64 & Splat::all_ones(dtype).bits;
    Splat { dtype, bits }.to_array()
}

/// A constant with another shape: reshaped, or broadcast where no element is repeated and no axis moves.
fn same_elements(graph: &Graph, id: NodeId) -> Option<Array> {
    let operand = *graph.node(id).operands().first()?;
    let array = graph.constant(operand)?;
    let shape = graph.node(id).types()[0].known_shape()?;
    // A broadcast of a scalar stays: it is the form of a splat.
    let keeps_order = match graph.node(id).op()? {
        Op::Shape(ShapeOp::BroadcastInDim { axes, .. }) => !axes.is_empty() && axes.is_sorted() && array.len() > 1,
        _ => true,
    };
    if keeps_order { array.reshape(shape).ok() } else { None }
}

/// With `leave_splats`, a node whose operands are all splats is left to another pass.
fn evaluate(graph: &Graph, context: &Context, id: NodeId, leave_splats: bool) -> Option<Vec<Array>> {
    let node = graph.node(id);
    if leave_splats && node.operands().iter().all(|&operand| splat_value(graph, operand).is_some()) {
        return None;
    }
    let mut held = 0;
    for &operand in node.operands() {
        held += held_bytes(graph, operand)?;
    }
    let result_bytes = node.types().iter().map(bytes).sum::<Option<usize>>()?;
    if result_bytes > held.saturating_add(SLACK) {
        return None;
    }
    let program = one_op_graph(graph, id)?;
    let arrays = (context.evaluate)(&program)?;
    let fits = arrays.len() == node.types().len()
        && arrays.iter().zip(node.types()).all(|(array, of)| TensorType::of(array) == *of);
    fits.then_some(arrays)
}

fn bytes(of: &TensorType) -> Option<usize> {
    of.known_shape()?.elements()?.checked_mul(of.dtype.size())
}

/// What the graph holds in memory for an operand; `None` where it is not known, or too large to make for once.
fn held_bytes(graph: &Graph, value: Value) -> Option<usize> {
    let made = || bytes(graph.type_of(value)).filter(|&made| made <= MATERIALIZED_LIMIT);
    match graph.op_of(value)? {
        Op::Shape(ShapeOp::Constant(array)) => Some(array.buffer().len()),
        Op::Shape(ShapeOp::Iota { .. }) => made().map(|_| 0),
        Op::Shape(ShapeOp::BroadcastInDim { .. }) => {
            let source = graph.node(value.node).operands()[0];
            match graph.op_of(source)? {
                Op::Shape(ShapeOp::Constant(array)) => made().map(|_| array.buffer().len()),
                Op::Shape(ShapeOp::Iota { .. }) => made().map(|_| 0),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A graph without parameters that computes a node from its known operands.
fn one_op_graph(graph: &Graph, id: NodeId) -> Option<Graph> {
    let mut program = Graph::new("fold");
    let node = graph.node(id);
    let operands: Vec<Value> =
        node.operands().iter().map(|&operand| copy(graph, &mut program, operand)).collect::<Option<_>>()?;
    let copy = program.add(node.op()?.clone(), &operands, Span::NONE).ok()?;
    program.set_results((0..node.types().len() as u32).map(|result| Value { node: copy, result }).collect());
    Some(program)
}

fn copy(graph: &Graph, program: &mut Graph, value: Value) -> Option<Value> {
    let node = graph.node(value.node);
    let operands: Vec<Value> =
        node.operands().iter().map(|&operand| copy(graph, program, operand)).collect::<Option<_>>()?;
    program.add_value(node.op()?.clone(), &operands, Span::NONE).ok()
}

//! Bodies over scalars as ops over arrays: the same function of every element.
//!
//! Elementwise ops are what they were, constants are broadcast, and what moves the one element of a scalar is nothing. A body
//! with anything else, a loop for example, is batched.

use std::collections::HashMap;
use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, CallGradient, ControlOp, DotOp, FoldOp, IndexOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, NodeId, NodeKind, Op, Value};

use super::super::Fault;
use crate::batch::batch;
use crate::build::Build;

/// The results of a graph over scalars for each element of some arrays of the sizes `dims`.
pub(super) fn lift(
    build: &mut Build<'_>,
    body: &Arc<Graph>,
    operands: &[Value],
    dims: &Dims,
) -> Result<Vec<Value>, Fault> {
    if !is_simple(body) {
        return lift_batched(build, body, operands, dims);
    }
    let mut lifted: HashMap<NodeId, Vec<Value>> = HashMap::new();
    for (parameter, &operand) in body.parameters().zip(operands) {
        lifted.insert(parameter.node, vec![operand]);
    }
    for id in body.topological_order() {
        let node = body.node(id);
        let NodeKind::Op(op) = node.kind() else { continue };
        let operands: Vec<Value> =
            node.operands().iter().map(|value| lifted[&value.node][value.result as usize]).collect();
        lifted.insert(id, lift_op(build, op, &operands, dims)?);
    }
    Ok(body.results().iter().map(|value| lifted[&value.node][value.result as usize]).collect())
}

/// Whether all ops of a graph over scalars are among those that [`lift_op`] knows.
fn is_simple(graph: &Graph) -> bool {
    graph.node_ids().filter_map(|id| graph.node(id).op()).all(|op| match op {
        Op::Elementwise(_) | Op::Dot(_) | Op::Reduce(_) => true,
        // A scalar that is cast stays one.
        Op::Shape(_) => true,
        Op::Fold(op) => match op {
            FoldOp::Reduce { axes: _, body } | FoldOp::ReduceWindow { window: _, body } => is_simple(body),
            FoldOp::SelectAndScatter { window: _, select: _, scatter } => is_simple(scatter),
            FoldOp::Scan { .. } => false,
        },
        Op::Index(op) => match op {
            IndexOp::DynamicSlice { .. } | IndexOp::DynamicUpdateSlice => true,
            IndexOp::Gather(_) | IndexOp::Scatter(_) | IndexOp::Sort { .. } | IndexOp::TopK { .. } => false,
        },
        Op::Control(op) => match op {
            ControlOp::Call { callee, gradient: CallGradient::Through | CallGradient::Recompute } => is_simple(callee),
            ControlOp::OptimizationBarrier | ControlOp::StopGradient => true,
            ControlOp::Call { callee: _, gradient: CallGradient::Custom(_) }
            | ControlOp::While { .. }
            | ControlOp::Case { .. }
            | ControlOp::CustomCall(_) => false,
        },
        Op::Conv(_) | Op::Random(_) | Op::Linalg(_) | Op::Effect(_) => false,
    })
}

fn lift_op(build: &mut Build<'_>, op: &Op, operands: &[Value], dims: &Dims) -> Result<Vec<Value>, Fault> {
    let one = |value: Value| Ok(vec![value]);
    match op {
        Op::Elementwise(op) => one(build.add(*op, operands)?),
        Op::Shape(op) => match op {
            ShapeOp::Constant(_) | ShapeOp::DimensionSize { .. } => {
                let scalar = build.add(op.clone(), &[])?;
                one(build.broadcast_in_dim(scalar, dims, Vec::new())?)
            }
            ShapeOp::BitcastConvert { .. } => one(build.add(op.clone(), operands)?),
            ShapeOp::BroadcastInDim { .. }
            | ShapeOp::Reshape { .. }
            | ShapeOp::Transpose { .. }
            | ShapeOp::Slice { .. }
            | ShapeOp::Pad { .. }
            | ShapeOp::Reverse { .. } => one(operands[0]),
            ShapeOp::Iota { .. } | ShapeOp::Concatenate { .. } => Err(no_scalar(op.name())),
        },
        // No axis of a scalar can be reduced, and its elements are one.
        Op::Reduce(_) => one(operands[0]),
        Op::Dot(DotOp { .. }) => one(build.binary(BinaryOp::Multiply, operands[0], operands[1])?),
        Op::Fold(op) => match op {
            FoldOp::Reduce { axes: _, body } | FoldOp::ReduceWindow { window: _, body } => {
                let (inputs, inits) = operands.split_at(operands.len() / 2);
                lift(build, body, &[inits, inputs].concat(), dims)
            }
            FoldOp::SelectAndScatter { window: _, select: _, scatter } => {
                lift(build, scatter, &[operands[2], operands[1]], dims)
            }
            FoldOp::Scan { .. } => Err(no_scalar(op.name())),
        },
        Op::Index(op) => match op {
            IndexOp::DynamicSlice { .. } => one(operands[0]),
            IndexOp::DynamicUpdateSlice => one(operands[1]),
            IndexOp::Gather(_) | IndexOp::Scatter(_) | IndexOp::Sort { .. } | IndexOp::TopK { .. } => {
                Err(no_scalar(op.name()))
            }
        },
        Op::Control(op) => match op {
            ControlOp::Call { callee, gradient: _ } => lift(build, callee, operands, dims),
            ControlOp::OptimizationBarrier | ControlOp::StopGradient => {
                Ok(build.add_all(op.clone(), operands)?.into_vec())
            }
            ControlOp::While { .. } | ControlOp::Case { .. } | ControlOp::CustomCall(_) => Err(no_scalar(op.name())),
        },
        Op::Conv(_) | Op::Random(_) | Op::Linalg(_) | Op::Effect(_) => Err(no_scalar(op.name())),
    }
}

fn no_scalar(op: &str) -> Fault {
    Fault::Reason(format!("its body has the op {op}, which is over no scalar"))
}

/// All elements as one batch.
fn lift_batched(
    build: &mut Build<'_>,
    body: &Arc<Graph>,
    operands: &[Value],
    dims: &Dims,
) -> Result<Vec<Value>, Fault> {
    let elements = Dim::product(dims);
    let batched = batch(body, &elements, &vec![true; operands.len()])?;
    let line: Dims = Dims::from_iter([elements]);
    let operands =
        operands.iter().map(|&operand| build.reshape(operand, line.clone())).collect::<Result<Vec<_>, _>>()?;
    let results = super::insert(build, &batched, &operands);
    Ok(results.into_iter().map(|result| build.reshape(result, dims.clone())).collect::<Result<Vec<_>, _>>()?)
}

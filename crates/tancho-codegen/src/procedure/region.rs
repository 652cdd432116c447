//! Graphs over scalars as code of a procedure: the bodies of folds, scatters and sorts, and loops over scalars.
//!
//! A value of a graph is a variable. A 16-bit float is held as the `f32` of the same value, as in kernels; [`decode`] and
//! [`encode`] are the ways from and to the bits that memory holds.

use std::collections::HashMap;

use tancho_ir::ops::{ControlOp, ElementwiseOp, ShapeOp};
use tancho_ir::{Graph, NodeId, NodeKind, Op, Value};
use tancho_tensor::DType;

use super::{ProcedureBuilder, Variable};
use crate::compiled::CompileError;
use crate::kernel::Body;
use crate::lower::element_bits;

/// The value of an element that was loaded.
pub fn decode(builder: &mut ProcedureBuilder, bits: Variable, dtype: DType) -> Variable {
    if !dtype.is_half() {
        return bits;
    }
    builder.from_half_bits(bits, dtype)
}

/// The element to be stored for a value.
pub fn encode(builder: &mut ProcedureBuilder, value: Variable, dtype: DType) -> Variable {
    if !dtype.is_half() {
        return value;
    }
    builder.to_half_bits(value, dtype)
}

/// The dtype of the variable that holds a value of a dtype.
pub fn held_as(dtype: DType) -> DType {
    if dtype.is_half() { DType::F32 } else { dtype }
}

/// Whether all values of a graph, and of the graphs in it, are scalars that code of a procedure can compute.
pub fn is_scalar_code(graph: &Graph) -> bool {
    graph.node_ids().all(|id| is_scalar_node(graph, id))
}

/// Whether a node takes and gives scalars alone, and code of a procedure can compute it.
pub fn is_scalar_node(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let scalars = node.types().iter().all(|of| of.rank() == 0)
        && node.operands().iter().all(|&operand| graph.type_of(operand).rank() == 0);
    scalars
        && match node.op() {
            None => true,
            Some(Op::Elementwise(_)) => true,
            Some(Op::Shape(op)) => is_scalar_shape(op),
            Some(Op::Reduce(op)) => op.axes.is_empty(),
            Some(Op::Control(op)) => match op {
                ControlOp::Call { callee, gradient: _ } => is_scalar_code(callee),
                ControlOp::While { .. } | ControlOp::Case { .. } => {
                    op.regions().iter().all(|(_, region)| is_scalar_code(region))
                }
                ControlOp::OptimizationBarrier | ControlOp::StopGradient => true,
                ControlOp::CustomCall(_) => false,
            },
            Some(
                Op::Dot(_) | Op::Conv(_) | Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) | Op::Effect(_),
            ) => false,
        }
}

fn is_scalar_shape(op: &ShapeOp) -> bool {
    match op {
        ShapeOp::Constant(_)
        | ShapeOp::BroadcastInDim { .. }
        | ShapeOp::Reshape { .. }
        | ShapeOp::Transpose { .. }
        | ShapeOp::Slice { .. }
        | ShapeOp::Pad { .. }
        | ShapeOp::Reverse { .. }
        | ShapeOp::BitcastConvert { .. } => true,
        // Its size may be one of the graph's own symbols, which code does not know.
        ShapeOp::DimensionSize { dim, .. } => dim.as_known().is_some(),
        ShapeOp::Iota { .. } | ShapeOp::Concatenate { .. } => false,
    }
}

/// Writes the code of a graph over scalars, and gives its results.
///
/// # Errors
/// The graph has an op that no code over scalars computes.
pub fn inline(
    builder: &mut ProcedureBuilder,
    graph: &Graph,
    arguments: &[Variable],
) -> Result<Vec<Variable>, CompileError> {
    let mut values: HashMap<Value, Variable> = HashMap::new();
    for id in graph.topological_order() {
        let node = graph.node(id);
        let results = match node.kind() {
            NodeKind::Parameter(position) => vec![arguments[*position]],
            NodeKind::Op(op) => {
                let operands: Vec<Variable> = node.operands().iter().map(|operand| values[operand]).collect();
                inline_node(builder, graph, id, op, &operands)?
            }
        };
        for (result, variable) in results.into_iter().enumerate() {
            values.insert(Value { node: id, result: result as u32 }, variable);
        }
    }
    Ok(graph.results().iter().map(|result| values[result]).collect())
}

/// Writes the code of one op on scalars, and gives its results.
///
/// # Errors
/// No code over scalars computes the op.
pub fn inline_node(
    builder: &mut ProcedureBuilder,
    graph: &Graph,
    id: NodeId,
    op: &Op,
    operands: &[Variable],
) -> Result<Vec<Variable>, CompileError> {
    let node = graph.node(id);
    Ok(match op {
        Op::Elementwise(elementwise) => {
            let dtypes: Vec<DType> = node.operands().iter().map(|&operand| graph.type_of(operand).dtype).collect();
            vec![apply(builder, elementwise, operands, &dtypes)]
        }
        Op::Shape(shape) if is_scalar_shape(shape) && node.types()[0].rank() == 0 => {
            vec![shape_result(builder, graph, shape, node.operands(), operands, node.types()[0].dtype)]
        }
        Op::Reduce(reduce) if reduce.axes.is_empty() => operands.to_vec(),
        Op::Control(ControlOp::Call { callee, gradient: _ }) => inline(builder, callee, operands)?,
        Op::Control(ControlOp::While { condition, body, bound: _ }) => while_loop(builder, condition, body, operands)?,
        Op::Control(ControlOp::Case { branches }) => case(builder, branches, operands)?,
        Op::Control(ControlOp::OptimizationBarrier | ControlOp::StopGradient) => operands.to_vec(),
        Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Effect(_)
        | Op::Control(ControlOp::CustomCall(_)) => {
            return Err(CompileError::Unsupported { op: op.name(), span: node.span().clone() });
        }
    })
}

pub fn apply(builder: &mut ProcedureBuilder, op: &ElementwiseOp, operands: &[Variable], dtypes: &[DType]) -> Variable {
    let operands: Vec<(Variable, DType)> = operands.iter().copied().zip(dtypes.iter().copied()).collect();
    builder.elementwise(op, &operands)
}

fn shape_result(
    builder: &mut ProcedureBuilder,
    graph: &Graph,
    op: &ShapeOp,
    operands: &[Value],
    variables: &[Variable],
    dtype: DType,
) -> Variable {
    match op {
        ShapeOp::Constant(array) => {
            let bits = element_bits(array).expect("a scalar has one element");
            let stored = if dtype.is_half() { DType::U16 } else { dtype };
            let constant = builder.constant(bits, stored);
            decode(builder, constant, dtype)
        }
        ShapeOp::DimensionSize { dim, dtype } => {
            let size = builder.size(dim);
            builder.convert(size, *dtype)
        }
        ShapeOp::BitcastConvert { dtype } => {
            let from = graph.type_of(operands[0]).dtype;
            let bits = encode(builder, variables[0], from);
            let stored = if dtype.is_half() { DType::U16 } else { *dtype };
            let bits = builder.compute(&[bits], |body: &mut Body, operands| body.bitcast(operands[0], stored));
            decode(builder, bits, *dtype)
        }
        ShapeOp::BroadcastInDim { .. }
        | ShapeOp::Reshape { .. }
        | ShapeOp::Transpose { .. }
        | ShapeOp::Slice { .. }
        | ShapeOp::Pad { .. }
        | ShapeOp::Reverse { .. } => variables[0],
        ShapeOp::Iota { .. } | ShapeOp::Concatenate { .. } => unreachable!("these have no scalar results"),
    }
}

/// Assigns several variables at once: all values are read before any is assigned.
pub fn assign_all(builder: &mut ProcedureBuilder, targets: &[Variable], values: &[Variable]) {
    let values: Vec<Variable> = values.iter().map(|&value| builder.variable(value)).collect();
    for (&target, value) in targets.iter().zip(values) {
        builder.assign(target, value);
    }
}

/// A loop whose state is scalars.
pub fn while_loop(
    builder: &mut ProcedureBuilder,
    condition: &Graph,
    body: &Graph,
    operands: &[Variable],
) -> Result<Vec<Variable>, CompileError> {
    let count = body.results().len();
    let mut arguments = operands.to_vec();
    for argument in &mut arguments[..count] {
        *argument = builder.variable(*argument);
    }
    let (mut decided, mut stepped) = (Ok(()), Ok(()));
    builder.while_loop(
        |builder| match inline(builder, condition, &arguments) {
            Ok(results) => results[0],
            Err(error) => {
                decided = Err(error);
                builder.bool(false)
            }
        },
        |builder| match inline(builder, body, &arguments) {
            Ok(results) => assign_all(builder, &arguments[..count], &results),
            Err(error) => stepped = Err(error),
        },
    );
    decided.and(stepped)?;
    Ok(arguments[..count].to_vec())
}

/// One of several graphs, by an index or a `bool`.
fn case(
    builder: &mut ProcedureBuilder,
    branches: &[std::sync::Arc<Graph>],
    operands: &[Variable],
) -> Result<Vec<Variable>, CompileError> {
    let (index, arguments) = (operands[0], &operands[1..]);
    let index = builder.convert(index, DType::I32);
    let mut results: Vec<Variable> = Vec::new();
    for of in branches[0].result_types() {
        let dtype = held_as(of.dtype);
        let zero = builder.constant(0, dtype);
        results.push(builder.variable(zero));
    }
    choose(builder, branches, 0, index, arguments, &results)?;
    Ok(results)
}

/// Branch `number` where the index is that, else the later ones; the last one takes every other index.
fn choose(
    builder: &mut ProcedureBuilder,
    branches: &[std::sync::Arc<Graph>],
    number: usize,
    index: Variable,
    arguments: &[Variable],
    results: &[Variable],
) -> Result<(), CompileError> {
    let run = |builder: &mut ProcedureBuilder| -> Result<(), CompileError> {
        let values = inline(builder, &branches[number], arguments)?;
        for (&result, value) in results.iter().zip(values) {
            builder.assign(result, value);
        }
        Ok(())
    };
    if number + 1 == branches.len() {
        return run(builder);
    }
    let constant = builder.constant(number as u64, DType::I32);
    let is_this = builder.compare(tancho_ir::ops::Comparison::Eq, index, constant);
    let (mut first, mut second) = (Ok(()), Ok(()));
    builder.if_else(
        is_this,
        |builder| first = run(builder),
        |builder| second = choose(builder, branches, number + 1, index, arguments, results),
    );
    first.and(second)
}

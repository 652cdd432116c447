//! A graph with every float an `f64`.

use std::sync::Arc;

use tancho_ir::ops::{ControlOp, CustomCall, ElementwiseOp, ShapeOp};
use tancho_ir::{Graph, NodeId, Op, TensorType, Value};
use tancho_tensor::{Array, DType};

/// The same graph with `f64` in the place of every float dtype, in the graphs that its ops hold as well.
///
/// # Panics
/// An op does not take `f64`, such as one of the bits of other floats.
pub fn widen(graph: &Graph) -> Graph {
    let mut wide = Graph::new(graph.name());
    let mut values: std::collections::HashMap<NodeId, NodeId> = std::collections::HashMap::new();
    for parameter in graph.parameters() {
        let of = widen_type(graph.type_of(parameter));
        let span = graph.node(parameter.node).span().clone();
        values.insert(parameter.node, wide.add_parameter(graph.node(parameter.node).name(), of, span).node);
    }
    let moved = |values: &std::collections::HashMap<NodeId, NodeId>, value: &Value| Value {
        node: values[&value.node],
        result: value.result,
    };
    for id in graph.topological_order() {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        let operands: Vec<Value> = node.operands().iter().map(|value| moved(&values, value)).collect();
        let added = wide
            .add(widen_op(op), &operands, node.span().clone())
            .unwrap_or_else(|error| panic!("{error} in the graph of f64"));
        values.insert(id, added);
    }
    for constraint in graph.constraints() {
        wide.add_constraint(constraint.relation.clone(), constraint.span.clone());
    }
    wide.set_results(graph.results().iter().map(|value| moved(&values, value)).collect());
    wide
}

/// A float array as `f64`, which is exact.
pub fn widen_array(array: &Array) -> Array {
    if !array.dtype().is_float() {
        return array.clone();
    }
    Array::new(array.shape().clone(), &array.to_f64_vec()).expect("memory for a test")
}

fn widen_dtype(dtype: DType) -> DType {
    if dtype.is_float() { DType::F64 } else { dtype }
}

fn widen_type(of: &TensorType) -> TensorType {
    of.with_dtype(widen_dtype(of.dtype))
}

fn widen_op(op: &Op) -> Op {
    match op.with_regions(|region| Arc::new(widen(region))) {
        Op::Elementwise(ElementwiseOp::Convert(dtype)) => Op::Elementwise(ElementwiseOp::Convert(widen_dtype(dtype))),
        Op::Shape(ShapeOp::Constant(array)) => Op::Shape(ShapeOp::Constant(widen_array(&array))),
        Op::Shape(ShapeOp::Iota { dtype, dims, axis }) => {
            Op::Shape(ShapeOp::Iota { dtype: widen_dtype(dtype), dims, axis })
        }
        Op::Control(ControlOp::CustomCall(call)) => {
            let results = call.results.iter().map(widen_type).collect();
            Op::Control(ControlOp::CustomCall(CustomCall { results, ..call }))
        }
        other => other,
    }
}

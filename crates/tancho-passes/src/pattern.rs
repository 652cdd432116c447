//! Small questions that rewrites ask of a node.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, ShapeOp, UnaryOp};
use tancho_ir::{Dims, Graph, NodeId, Op, TensorType, Value};
use tancho_tensor::DType;

use crate::splat::{Splat, splat_value};

/// The operands of a binary op of this kind.
pub fn binary(graph: &Graph, id: NodeId, expected: BinaryOp) -> Option<(Value, Value)> {
    let node = graph.node(id);
    match (node.op()?, node.operands()) {
        (Op::Elementwise(ElementwiseOp::Binary(op)), &[left, right]) if *op == expected => Some((left, right)),
        _ => None,
    }
}

/// The operand of a unary op of this kind.
pub fn unary(graph: &Graph, id: NodeId, expected: UnaryOp) -> Option<Value> {
    let node = graph.node(id);
    match (node.op()?, node.operands()) {
        (Op::Elementwise(ElementwiseOp::Unary(op)), &[operand]) if *op == expected => Some(operand),
        _ => None,
    }
}

/// The direction and the operands of a comparison.
pub fn comparison(graph: &Graph, id: NodeId) -> Option<(Comparison, Value, Value)> {
    let node = graph.node(id);
    match (node.op()?, node.operands()) {
        (Op::Elementwise(ElementwiseOp::Compare(direction)), &[left, right]) => Some((*direction, left, right)),
        _ => None,
    }
}

/// The operands of a `select`: predicate, on true, on false.
pub fn select(graph: &Graph, id: NodeId) -> Option<[Value; 3]> {
    let node = graph.node(id);
    match node.op()? {
        Op::Elementwise(ElementwiseOp::Select) => node.operands().try_into().ok(),
        _ => None,
    }
}

/// The new dtype and the operand of a `convert`.
pub fn convert(graph: &Graph, id: NodeId) -> Option<(DType, Value)> {
    let node = graph.node(id);
    match (node.op()?, node.operands()) {
        (Op::Elementwise(ElementwiseOp::Convert(dtype)), &[operand]) => Some((*dtype, operand)),
        _ => None,
    }
}

/// The other operand of a binary op whose right operand, or left one too where the op is commutative, is a splat that fits.
pub fn binary_with(graph: &Graph, id: NodeId, op: BinaryOp, fits: impl Fn(Splat) -> bool) -> Option<Value> {
    let (left, right) = binary(graph, id, op)?;
    let is = |value| splat_value(graph, value).is_some_and(&fits);
    if is(right) {
        return Some(left);
    }
    (op.is_commutative() && is(left)).then_some(right)
}

/// The op of this family and its first operand.
pub fn shape_op(graph: &Graph, id: NodeId) -> Option<(&ShapeOp, Value)> {
    let node = graph.node(id);
    match node.op()? {
        Op::Shape(op) => Some((op, *node.operands().first()?)),
        _ => None,
    }
}

pub fn transpose(graph: &Graph, id: NodeId) -> Option<(&[usize], Value)> {
    match shape_op(graph, id)? {
        (ShapeOp::Transpose { permutation }, operand) => Some((permutation, operand)),
        _ => None,
    }
}

pub fn reshape(graph: &Graph, id: NodeId) -> Option<(&Dims, Value)> {
    match shape_op(graph, id)? {
        (ShapeOp::Reshape { dims }, operand) => Some((dims, operand)),
        _ => None,
    }
}

/// The new sizes, the axes and the operand of a `broadcast_in_dim`.
pub fn broadcast(graph: &Graph, id: NodeId) -> Option<(&Dims, &[usize], Value)> {
    match shape_op(graph, id)? {
        (ShapeOp::BroadcastInDim { dims, axes }, operand) => Some((dims, axes, operand)),
        _ => None,
    }
}

/// The type of a node's only result.
pub fn result_type(graph: &Graph, id: NodeId) -> &TensorType {
    &graph.node(id).types()[0]
}

pub fn dtype_of(graph: &Graph, value: Value) -> DType {
    graph.type_of(value).dtype
}

/// Where each axis goes under a permutation: `inverse(p)[p[i]] = i`.
pub fn inverse(permutation: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; permutation.len()];
    for (place, &axis) in permutation.iter().enumerate() {
        inverse[axis] = place;
    }
    inverse
}

pub fn is_identity(axes: &[usize]) -> bool {
    axes.iter().enumerate().all(|(place, &axis)| place == axis)
}

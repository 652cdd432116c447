//! Bodies that are known, and graphs for them.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, ElementwiseOp};
use tancho_ir::{Graph, NodeKind, Op, Span, TensorType, Value};
use tancho_tensor::DType;

/// What a body computes of one accumulator and one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::reverse) enum Body {
    Sum,
    Product,
    Max,
    Min,
    /// The accumulator.
    Old,
    /// The element.
    New,
}

/// What a body of one operand computes, where it is known.
pub(in crate::reverse) fn classify(body: &Graph) -> Option<Body> {
    (body.results().len() == 1).then(|| classify_component(body, 0, 1)).flatten()
}

/// What a body of `count` operands computes as the result of one position, where it depends on that operand alone and is
/// known.
pub(in crate::reverse) fn classify_component(body: &Graph, position: usize, count: usize) -> Option<Body> {
    let result = body.results()[position];
    let parameter = |value: Value| match body.node(value.node).kind() {
        NodeKind::Parameter(position) => Some(*position),
        NodeKind::Op(_) => None,
    };
    let (old, new) = (position, count + position);
    match body.node(result.node).kind() {
        NodeKind::Parameter(position) if *position == old => Some(Body::Old),
        NodeKind::Parameter(position) if *position == new => Some(Body::New),
        NodeKind::Op(Op::Elementwise(ElementwiseOp::Binary(op))) => {
            let operands: Vec<Option<usize>> =
                body.node(result.node).operands().iter().map(|&operand| parameter(operand)).collect();
            if operands != [Some(old), Some(new)] && operands != [Some(new), Some(old)] {
                return None;
            }
            match op {
                BinaryOp::Add => Some(Body::Sum),
                BinaryOp::Multiply => Some(Body::Product),
                BinaryOp::Maximum => Some(Body::Max),
                BinaryOp::Minimum => Some(Body::Min),
                BinaryOp::And
                | BinaryOp::Atan2
                | BinaryOp::Divide
                | BinaryOp::NextAfter
                | BinaryOp::Or
                | BinaryOp::Power
                | BinaryOp::Remainder
                | BinaryOp::ShiftLeft
                | BinaryOp::ShiftRightArithmetic
                | BinaryOp::ShiftRightLogical
                | BinaryOp::Subtract
                | BinaryOp::Xor => None,
            }
        }
        NodeKind::Parameter(_) | NodeKind::Op(_) => None,
    }
}

/// A graph for a body of one operand.
pub(in crate::reverse) fn body_of(body: Body, dtype: DType) -> Arc<Graph> {
    let op = match body {
        Body::Sum => Some(BinaryOp::Add),
        Body::Product => Some(BinaryOp::Multiply),
        Body::Max => Some(BinaryOp::Maximum),
        Body::Min => Some(BinaryOp::Minimum),
        Body::Old | Body::New => None,
    };
    let mut graph = Graph::new(op.map_or(if body == Body::Old { "old" } else { "new" }, BinaryOp::name));
    let scalar = TensorType::scalar(dtype);
    let [old, new] = ["old", "new"].map(|name| graph.add_parameter(Some(name), scalar.clone(), Span::NONE));
    let result = match op {
        Some(op) => graph
            .add_value(Op::Elementwise(ElementwiseOp::Binary(op)), &[old, new], Span::NONE)
            .expect("an op of two scalars of a float dtype"),
        None if body == Body::Old => old,
        None => new,
    };
    graph.set_results(vec![result]);
    Arc::new(graph)
}

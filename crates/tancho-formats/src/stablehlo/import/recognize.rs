//! What the body of a fold computes, where it is one of the folds that have an op of their own.
//!
//! A body of one binary op on its two parameters is a sum, a product, and so on. The body of an arg-maximum is recognised by
//! its meaning, whatever way it is written in: it takes pairs of a value and an index, and uses the values only to compare
//! them, so that it is known when it is known for every way in which two values and two indices can be ordered. That
//! is evaluated here, case by case.

use std::collections::HashMap;

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, ReduceKind, ShapeOp, UnaryOp};
use tancho_ir::{Graph, NodeKind, Op, Value};
use tancho_tensor::{Array, DType};

use super::constants::{greatest, least, number};

/// The one binary op that a body applies to its two parameters.
pub(super) fn binary_body(body: &Graph) -> Option<BinaryOp> {
    let [result] = body.results() else { return None };
    let Op::Elementwise(ElementwiseOp::Binary(op)) = body.op_of(*result)? else { return None };
    let parameters: Vec<Value> = body.parameters().collect();
    let operands = body.node(result.node).operands();
    let reversed: Vec<Value> = parameters.iter().rev().copied().collect();
    let fits = parameters.len() == 2 && (operands == parameters || (op.is_commutative() && operands == reversed));
    fits.then_some(*op)
}

/// The fold of a binary op over elements of a dtype.
pub(super) fn fold_kind(op: BinaryOp, dtype: DType) -> Option<ReduceKind> {
    let boolean = dtype == DType::Bool;
    let kind = match op {
        BinaryOp::Add if boolean => ReduceKind::Or,
        BinaryOp::Multiply if boolean => ReduceKind::And,
        BinaryOp::Add => ReduceKind::Sum,
        BinaryOp::Multiply => ReduceKind::Product,
        BinaryOp::Maximum if boolean => ReduceKind::Or,
        BinaryOp::Minimum if boolean => ReduceKind::And,
        BinaryOp::Maximum => ReduceKind::Max,
        BinaryOp::Minimum => ReduceKind::Min,
        BinaryOp::And => ReduceKind::And,
        BinaryOp::Or => ReduceKind::Or,
        BinaryOp::Atan2
        | BinaryOp::Divide
        | BinaryOp::NextAfter
        | BinaryOp::Power
        | BinaryOp::Remainder
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Subtract
        | BinaryOp::Xor => return None,
    };
    kind.accepts(dtype).then_some(kind)
}

/// What a fold begins with and does not change by.
pub(super) fn identity(kind: ReduceKind, dtype: DType) -> Option<Array> {
    Some(match kind {
        ReduceKind::Sum | ReduceKind::Or => number(dtype, 0.0),
        ReduceKind::Product => number(dtype, 1.0),
        ReduceKind::Max => least(dtype),
        ReduceKind::Min => greatest(dtype),
        ReduceKind::And if dtype == DType::Bool => Array::scalar(true),
        // All ones: the largest value of an unsigned integer, −1 of a signed one.
        ReduceKind::And if dtype.is_signed() => number(dtype, -1.0),
        ReduceKind::And => greatest(dtype),
        ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => return None,
    })
}

/// Whether a scalar constant is the identity of a fold.
pub(super) fn is_identity(array: &Array, kind: ReduceKind) -> bool {
    identity(kind, array.dtype()).is_some_and(|identity| array.shape().rank() == 0 && same_bytes(array, &identity))
}

fn same_bytes(x: &Array, y: &Array) -> bool {
    x.dtype() == y.dtype() && x.buffer().bytes() == y.buffer().bytes()
}

/// How two values are ordered.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Less,
    Equal,
    Greater,
    LeftNaN,
    RightNaN,
    BothNaN,
}

/// What a value of the body is in one case.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    LeftValue,
    RightValue,
    LeftIndex,
    RightIndex,
    Truth(bool),
}

/// Whether a body over (value, index), (value, index) chooses as `argmax` or `argmin` does; the dtype is that of values.
pub(super) fn is_arg_body(body: &Graph, largest: bool, dtype: DType) -> bool {
    let mut orders = vec![Order::Less, Order::Equal, Order::Greater];
    if dtype.is_float() {
        orders.extend([Order::LeftNaN, Order::RightNaN, Order::BothNaN]);
    }
    // The accumulator has the smaller index, or that of the element where it is the initial one.
    orders.into_iter().all(|values| {
        [Order::Less, Order::Equal].into_iter().all(|indices| {
            let Some([value, index]) = evaluate(body, values, indices) else { return false };
            let left = match values {
                Order::Less => !largest,
                Order::Greater => largest,
                Order::Equal | Order::LeftNaN | Order::BothNaN => true,
                Order::RightNaN => false,
            };
            let either = indices == Order::Equal;
            let tie = matches!(values, Order::Equal | Order::BothNaN);
            let value_fits = match value {
                Meaning::LeftValue => left || tie,
                Meaning::RightValue => !left || tie,
                _ => false,
            };
            let index_fits = match index {
                Meaning::LeftIndex => left || either,
                Meaning::RightIndex => !left || either,
                _ => false,
            };
            value_fits && index_fits
        })
    })
}

/// What the results of a body are, in a case.
fn evaluate(body: &Graph, values: Order, indices: Order) -> Option<[Meaning; 2]> {
    use Meaning::{LeftIndex, LeftValue, RightIndex, RightValue, Truth};
    let mut meanings: HashMap<Value, Meaning> = HashMap::new();
    for id in body.topological_order() {
        let node = body.node(id);
        let of = |position: usize| meanings.get(node.operands().get(position)?).copied();
        let meaning = match node.kind() {
            NodeKind::Parameter(position) => *[LeftValue, LeftIndex, RightValue, RightIndex].get(*position)?,
            NodeKind::Op(Op::Elementwise(op)) => match op {
                ElementwiseOp::Compare(comparison) => Truth(match (of(0)?, of(1)?) {
                    (LeftValue, RightValue) => holds(*comparison, values),
                    (RightValue, LeftValue) => holds(*comparison, turned(values)),
                    (LeftValue, LeftValue) => {
                        holds(*comparison, of_itself(matches!(values, Order::LeftNaN | Order::BothNaN)))
                    }
                    (RightValue, RightValue) => {
                        holds(*comparison, of_itself(matches!(values, Order::RightNaN | Order::BothNaN)))
                    }
                    (LeftIndex, RightIndex) => holds(*comparison, indices),
                    (RightIndex, LeftIndex) => holds(*comparison, turned(indices)),
                    _ => return None,
                }),
                ElementwiseOp::Binary(BinaryOp::Or) => match (of(0)?, of(1)?) {
                    (Truth(x), Truth(y)) => Truth(x || y),
                    _ => return None,
                },
                ElementwiseOp::Binary(BinaryOp::And) => match (of(0)?, of(1)?) {
                    (Truth(x), Truth(y)) => Truth(x && y),
                    _ => return None,
                },
                ElementwiseOp::Binary(BinaryOp::Xor) => match (of(0)?, of(1)?) {
                    (Truth(x), Truth(y)) => Truth(x != y),
                    _ => return None,
                },
                ElementwiseOp::Unary(UnaryOp::Not) => match of(0)? {
                    Truth(x) => Truth(!x),
                    _ => return None,
                },
                ElementwiseOp::Binary(BinaryOp::Minimum) => match (of(0)?, of(1)?) {
                    (LeftIndex, RightIndex) | (RightIndex, LeftIndex) => LeftIndex,
                    _ => return None,
                },
                ElementwiseOp::Select => match of(0)? {
                    Truth(true) => of(1)?,
                    Truth(false) => of(2)?,
                    _ => return None,
                },
                _ => return None,
            },
            NodeKind::Op(Op::Shape(ShapeOp::Constant(array))) if array.dtype() == DType::Bool && array.len() == 1 => {
                Truth(array.buffer().bytes() == [1])
            }
            NodeKind::Op(_) => return None,
        };
        meanings.insert(Value { node: id, result: 0 }, meaning);
    }
    let [value, index] = body.results() else { return None };
    Some([*meanings.get(value)?, *meanings.get(index)?])
}

fn turned(order: Order) -> Order {
    match order {
        Order::Less => Order::Greater,
        Order::Greater => Order::Less,
        other => other,
    }
}

fn of_itself(is_nan: bool) -> Order {
    if is_nan { Order::BothNaN } else { Order::Equal }
}

fn holds(comparison: Comparison, order: Order) -> bool {
    match comparison {
        Comparison::Eq => order == Order::Equal,
        Comparison::Ne => order != Order::Equal,
        Comparison::Ge => matches!(order, Order::Equal | Order::Greater),
        Comparison::Gt => order == Order::Greater,
        Comparison::Le => matches!(order, Order::Equal | Order::Less),
        Comparison::Lt => order == Order::Less,
    }
}

//! Makes tensor operations of small windows, so that `reduce_window` becomes a kernel.
//!
//! A fold over the places of a window is, for all results at once, a fold over slices of the operand: the slice of a place
//! of the window holds the element that each result has there. So
//!
//! ```text
//! r = reduce_window x, init, size=[2], strides=[2], body=@add
//! ```
//!
//! becomes `r = (init + x[0::2]) + x[1::2]`, whose slices cost a kernel nothing but an index. The order is the documented one,
//! and the bits are those of the procedure that is made of other windows (`lower/fold/window.rs`). Where the window sees
//! padding, the operand is padded with the initial scalar first; what negative padding takes away is skipped by the slices.
//!
//! What stays a procedure: folds of several operands, bodies that do more than elementwise ops, windows of unknown or large
//! size, dilated operands, padding that is unknown or wider than the window, and where procedures are faster (short rows of
//! results whose elements lie apart).

use std::collections::HashMap;

use tancho_ir::ops::{ControlOp, ElementwiseOp, FoldOp, ResultTypes, ShapeOp, WindowAxis};
use tancho_ir::{Dim, Dims, Graph, NodeId, NodeKind, Op, Span, TensorType, Value};

/// Most operations that the places of a window become; fusion takes in more than that for one kernel.
pub(crate) const MOST_OPERATIONS: usize = 64;

/// The widest window along one axis, in elements: bounds the memory that padding takes.
const WIDEST: i64 = 64;

/// Rewrites the windows of a graph that are small.
pub fn unroll_windows(graph: &mut Graph) {
    for id in graph.topological_order() {
        if let Some(Op::Fold(FoldOp::ReduceWindow { window, body })) = graph.node(id).op()
            && let Some(axes) = unrolled_axes(graph, id, window, body)
        {
            let body = body.clone();
            unroll(graph, id, &axes, &body);
        }
    }
}

/// A window along an axis, all of it known.
pub(crate) struct Axis {
    pub size: i64,
    pub stride: i64,
    pub dilation: i64,
    pub low: i64,
    pub high: i64,
}

impl Axis {
    pub fn known(window: &WindowAxis) -> Option<Axis> {
        let WindowAxis { size, stride, low, high, base_dilation, dilation } = window;
        let (size, low, high) = (size.as_known()?, low.as_known()?, high.as_known()?);
        let span = (size - 1).checked_mul(*dilation)?.checked_add(1)?;
        let is_small = *base_dilation == 1 && span <= WIDEST && low.max(high) < span.max(1);
        is_small.then_some(Axis { size, stride: *stride, dilation: *dilation, low, high })
    }
}

/// The axes of a window that is to be unrolled.
fn unrolled_axes(graph: &Graph, id: NodeId, window: &[WindowAxis], body: &Graph) -> Option<Vec<Axis>> {
    let axes: Vec<Axis> = window.iter().map(Axis::known).collect::<Option<_>>()?;
    let places = axes.iter().try_fold(1i64, |places, axis| places.checked_mul(axis.size))?;
    let operations = usize::try_from(places).ok()?.checked_mul(elementwise_ops(body)? + 1)?;
    let dims = &graph.node(id).types()[0].dims;
    let has_one_operand = graph.node(id).operands().len() == 2;
    let is_meant = operations <= MOST_OPERATIONS
        && has_one_operand
        && !dims.contains(&Dim::ZERO)
        && !has_short_strided_rows(&axes, dims, places);
    is_meant.then_some(axes)
}

/// Whether the elements of a kernel's loads would be apart, and its rows too short to pay for a pointer to each place: then
/// the procedure is as fast or faster. (Measured: 3x3 with strides of 2 over rows of 14 elements is 20 % slower as a kernel,
/// over rows of 28 a third faster.)
fn has_short_strided_rows(axes: &[Axis], dims: &Dims, places: i64) -> bool {
    let inner = dims.iter().rposition(|size| *size != Dim::ONE);
    inner.is_some_and(|axis| axes[axis].stride > 1 && dims[axis].as_known().is_some_and(|results| results < places))
}

/// The number of elementwise ops in a body that has nothing else but constants.
pub(crate) fn elementwise_ops(body: &Graph) -> Option<usize> {
    body.node_ids().try_fold(0, |count, id| match body.node(id).kind() {
        NodeKind::Parameter(_) | NodeKind::Op(Op::Shape(ShapeOp::Constant(_))) => Some(count),
        NodeKind::Op(Op::Elementwise(_)) => Some(count + 1),
        NodeKind::Op(
            Op::Shape(_)
            | Op::Reduce(_)
            | Op::Dot(_)
            | Op::Conv(_)
            | Op::Fold(_)
            | Op::Index(_)
            | Op::Random(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Effect(_),
        ) => None,
    })
}

fn unroll(graph: &mut Graph, id: NodeId, axes: &[Axis], body: &Graph) {
    let node = graph.node(id);
    let (span, dims) = (node.span().clone(), node.types()[0].dims.clone());
    let [operand, initial] = *node.operands() else { unreachable!("a fold of one operand") };
    let operand = padded(graph, operand, initial, axes, &span);
    let body = Body::new(graph, body, &dims, &span);
    let mut result = broadcast(graph, initial, &dims, &span);
    let mut place = vec![0; axes.len()];
    loop {
        let element = elements_at(graph, operand, axes, &place, &dims, &span);
        result = body.apply(graph, result, element);
        if !next_place(&mut place, axes) {
            break;
        }
    }
    graph.replace_all_uses(Value { node: id, result: 0 }, result);
    graph.remove(id);
}

/// Moves to the next place of a window in row-major order; `false` where there is none.
pub(crate) fn next_place(place: &mut [i64], axes: &[Axis]) -> bool {
    let Some(moving) = (0..axes.len()).rfind(|&axis| place[axis] + 1 < axes[axis].size) else { return false };
    place[moving] += 1;
    place[moving + 1..].fill(0);
    true
}

/// The operand with its padding, as a value that lies in memory: each element is used at several places, and would be
/// computed for each of them.
pub(crate) fn padded(graph: &mut Graph, operand: Value, initial: Value, axes: &[Axis], span: &Span) -> Value {
    let TensorType { dtype, dims } = graph.type_of(operand).clone();
    let padding = |side: fn(&Axis) -> i64| axes.iter().map(|axis| Dim::known(side(axis).max(0))).collect::<Dims>();
    let (low, high) = (padding(|axis| axis.low), padding(|axis| axis.high));
    if low.iter().chain(&high).all(|padding| *padding == Dim::ZERO) {
        if lies_in_memory(graph, operand) {
            return operand;
        }
        let barrier = Op::Control(ControlOp::OptimizationBarrier);
        return graph.add_value(barrier, &[operand], span.clone()).expect("a barrier takes any value");
    }
    let sizes =
        dims.iter().zip(low.iter().zip(&high)).map(|(size, (low, high))| size.clone() + low.clone() + high.clone());
    let of = TensorType { dtype, dims: sizes.collect() };
    let pad = Op::Shape(ShapeOp::Pad { low, high, interior: vec![0; axes.len()] });
    add_of_type(graph, pad, &[operand, initial], of, span)
}

/// Whether elements of a value are loaded rather than computed.
fn lies_in_memory(graph: &Graph, value: Value) -> bool {
    match graph.op_of(value) {
        None | Some(Op::Fold(_) | Op::Index(_) | Op::Random(_) | Op::Linalg(_) | Op::Control(_)) => true,
        Some(Op::Shape(op)) => match op {
            ShapeOp::Constant(_) | ShapeOp::Concatenate { .. } | ShapeOp::Pad { .. } => true,
            ShapeOp::Reshape { .. } | ShapeOp::Slice { .. } | ShapeOp::Reverse { .. } => {
                lies_in_memory(graph, graph.node(value.node).operands()[0])
            }
            // These are made element by element, or in an order that it is good to leave behind once.
            ShapeOp::Iota { .. }
            | ShapeOp::DimensionSize { .. }
            | ShapeOp::BroadcastInDim { .. }
            | ShapeOp::Transpose { .. }
            | ShapeOp::BitcastConvert { .. } => false,
        },
        Some(Op::Elementwise(_) | Op::Reduce(_) | Op::Dot(_) | Op::Conv(_) | Op::Effect(_)) => false,
    }
}

/// For each result, the element that stands at a place of its window.
pub(crate) fn elements_at(
    graph: &mut Graph,
    operand: Value,
    axes: &[Axis],
    place: &[i64],
    dims: &Dims,
    span: &Span,
) -> Value {
    let start: Dims =
        axes.iter().zip(place).map(|(axis, place)| Dim::known((-axis.low).max(0) + place * axis.dilation)).collect();
    let strides: Vec<i64> = axes.iter().map(|axis| axis.stride).collect();
    let limit = start.iter().zip(dims.iter().zip(&strides)).map(|(start, (count, &stride))| {
        let covered = (count.clone() - Dim::ONE) * Dim::known(stride) + Dim::ONE;
        start.clone() + covered.maximum(&Dim::ZERO)
    });
    let slice = Op::Shape(ShapeOp::Slice { limit: limit.collect(), start, strides });
    // Where sizes are unknown, it is not seen that the slice has the window's places, nor that it is within the operand.
    let of = TensorType { dtype: graph.type_of(operand).dtype, dims: dims.clone() };
    add_of_type(graph, slice, &[operand], of, span)
}

/// Adds an op whose type is known from what the window's type says.
pub(crate) fn add_of_type(graph: &mut Graph, op: Op, operands: &[Value], of: TensorType, span: &Span) -> Value {
    let node = graph.add_unchecked(op, operands, ResultTypes::from_iter([of]), span.clone());
    Value { node, result: 0 }
}

pub(crate) fn broadcast(graph: &mut Graph, scalar: Value, dims: &Dims, span: &Span) -> Value {
    let of = TensorType { dtype: graph.type_of(scalar).dtype, dims: dims.clone() };
    let broadcast = Op::Shape(ShapeOp::BroadcastInDim { dims: dims.clone(), axes: Vec::new() });
    add_of_type(graph, broadcast, &[scalar], of, span)
}

/// The body of a fold, for tensors in the place of scalars.
pub(crate) struct Body<'b> {
    /// The elementwise ops of the body and the values that they make there.
    operations: Vec<(Value, &'b ElementwiseOp, &'b [Value])>,
    parameters: [Value; 2],
    result: Value,
    /// The constants of the body, repeated for all results.
    constants: HashMap<Value, Value>,
    span: &'b Span,
}

impl<'b> Body<'b> {
    pub fn new(graph: &mut Graph, body: &'b Graph, dims: &Dims, span: &'b Span) -> Self {
        let mut operations = Vec::new();
        let mut constants = HashMap::new();
        for id in body.topological_order() {
            let (node, value) = (body.node(id), Value { node: id, result: 0 });
            if let Some(Op::Elementwise(op)) = node.op() {
                operations.push((value, op, node.operands()));
            } else if let Some(array) = body.constant(value) {
                let constant = graph.add_constant(array.clone(), span.clone());
                constants.insert(value, broadcast(graph, constant, dims, span));
            }
        }
        let parameters: Vec<Value> = body.parameters().collect();
        let parameters = <[Value; 2]>::try_from(parameters).expect("an accumulator and an element");
        Body { operations, parameters, result: body.results()[0], constants, span }
    }

    /// The accumulators after one more element for each.
    pub fn apply(&self, graph: &mut Graph, accumulators: Value, elements: Value) -> Value {
        let mut values = self.constants.clone();
        values.extend(self.parameters.into_iter().zip([accumulators, elements]));
        for &(value, op, operands) in &self.operations {
            let operands: Vec<Value> = operands.iter().map(|operand| values[operand]).collect();
            let op = Op::Elementwise(*op);
            let made =
                graph.add_value(op, &operands, self.span.clone()).expect("the op takes tensors as it does scalars");
            values.insert(value, made);
        }
        values[&self.result]
    }
}

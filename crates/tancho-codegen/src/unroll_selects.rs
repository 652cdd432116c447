//! Makes tensor operations of `select_and_scatter` whose windows are small, known and do not overlap: the gradient of a
//! pooling by the largest.
//!
//! A window's places are numbered in row-major order. A fold over the slices of the places (see `unroll_windows`) gives the
//! number of the selected one for each window; then each element of the result asks whether its own number is that:
//!
//! ```text
//! r = select_and_scatter x, source, init, size=[2], strides=[2]
//!
//! keep     = select(x[0::2], x[1::2])
//! chosen   = keep ? 0 : 1                        one number for each window, in memory
//! r[w, k]  = chosen[w] = k ? scatter(init, source[w]) : init
//! ```
//!
//! Elements behind the last window are `init`. Windows that overlap stay a procedure: there an element may be selected twice,
//! and the order of the additions is that of the windows.

use tancho_ir::ops::{BinaryOp, Comparison, ControlOp, ElementwiseOp, FoldOp, ShapeOp, WindowAxis};
use tancho_ir::{Dim, Dims, Graph, NodeId, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType, Shape};

use crate::unroll_windows::{
    Axis, Body, MOST_OPERATIONS, add_of_type, broadcast, elements_at, elementwise_ops, next_place, padded,
};

/// Rewrites what selects within small windows that do not overlap.
pub fn unroll_selects(graph: &mut Graph) {
    for id in graph.topological_order() {
        if let Some(Op::Fold(FoldOp::SelectAndScatter { window, select, scatter })) = graph.node(id).op()
            && let Some(axes) = unrolled_axes(graph, id, window, select, scatter)
        {
            let (select, scatter) = (select.clone(), scatter.clone());
            unroll(graph, id, &axes, &select, &scatter);
        }
    }
}

fn unrolled_axes(
    graph: &Graph,
    id: NodeId,
    window: &[WindowAxis],
    select: &Graph,
    scatter: &Graph,
) -> Option<Vec<Axis>> {
    let axes: Vec<Axis> = window.iter().map(Axis::known).collect::<Option<_>>()?;
    let places = axes.iter().try_fold(1i64, |places, axis| places.checked_mul(axis.size))?;
    // Each place costs a slice, a comparison and two selections.
    let operations = usize::try_from(places).ok()?.checked_mul(elementwise_ops(select)? + 3)?;
    elementwise_ops(scatter)?;
    let [operand, source, _] = *graph.node(id).operands() else { return None };
    let (sizes, counts) = (&graph.type_of(operand).dims, &graph.type_of(source).dims);
    let is_apart = |(axis, (size, count)): (&Axis, (&Dim, &Dim))| {
        let is_whole = axis.stride == axis.size && axis.dilation == 1 && axis.low == 0 && axis.high == 0;
        // What is behind the last window must be known where a window has several places.
        is_whole && (axis.size == 1 || (size.as_known().is_some() && count.as_known().is_some()))
    };
    let is_meant = operations <= MOST_OPERATIONS
        && !counts.contains(&Dim::ZERO)
        && axes.iter().zip(sizes.iter().zip(counts)).all(is_apart);
    is_meant.then_some(axes)
}

fn unroll(graph: &mut Graph, id: NodeId, axes: &[Axis], select: &Graph, scatter: &Graph) {
    let span = graph.node(id).span().clone();
    let [operand, source, initial] = *graph.node(id).operands() else { unreachable!("it has three operands") };
    let operand = padded(graph, operand, initial, axes, &span);
    let chosen = choose(graph, operand, source, axes, select, &span);
    let spread = spread(graph, chosen, source, initial, axes, scatter, &span);
    let result = fill_the_rest(graph, spread, operand, initial, &span);
    graph.replace_all_uses(Value { node: id, result: 0 }, result);
    graph.remove(id);
}

/// For each window the number of the selected place, in memory.
fn choose(graph: &mut Graph, operand: Value, source: Value, axes: &[Axis], select: &Graph, span: &Span) -> Value {
    let dims = graph.type_of(source).dims.clone();
    let select = Body::new(graph, select, &dims, span);
    let mut place = vec![0; axes.len()];
    let mut best = elements_at(graph, operand, axes, &place, &dims, span);
    let mut chosen = number(graph, 0, &dims, span);
    let mut count = 0;
    while next_place(&mut place, axes) {
        count += 1;
        let candidate = elements_at(graph, operand, axes, &place, &dims, span);
        let keeps = select.apply(graph, best, candidate);
        best = add(graph, ElementwiseOp::Select, &[keeps, best, candidate], span);
        let here = number(graph, count, &dims, span);
        chosen = add(graph, ElementwiseOp::Select, &[keeps, chosen, here], span);
    }
    let barrier = Op::Control(ControlOp::OptimizationBarrier);
    graph.add_value(barrier, &[chosen], span.clone()).expect("a barrier takes any value")
}

/// The elements of all windows: what is scattered where a place was selected, the initial value elsewhere.
fn spread(
    graph: &mut Graph,
    chosen: Value,
    source: Value,
    initial: Value,
    axes: &[Axis],
    scatter: &Graph,
    span: &Span,
) -> Value {
    let of = graph.type_of(source).clone();
    // Each axis of several places is followed by one of these places.
    let (mut dims, mut own, mut joined) = (Dims::new(), Vec::new(), Dims::new());
    let mut places = Vec::new();
    for (axis, count) in axes.iter().zip(&of.dims) {
        own.push(dims.len());
        dims.push(count.clone());
        joined.push(count.clone() * Dim::known(axis.size));
        if axis.size > 1 {
            places.push((dims.len(), axis.size));
            dims.push(Dim::known(axis.size));
        }
    }
    let widened = |graph: &mut Graph, value: Value| {
        let of = TensorType { dtype: graph.type_of(value).dtype, dims: dims.clone() };
        let broadcast = Op::Shape(ShapeOp::BroadcastInDim { dims: dims.clone(), axes: own.clone() });
        add_of_type(graph, broadcast, &[value], of, span)
    };
    let (chosen, source) = (widened(graph, chosen), widened(graph, source));
    let initial = broadcast(graph, initial, &dims, span);
    let mut here = number(graph, 0, &dims, span);
    for (axis, size) in places {
        let size = number(graph, size as i32, &dims, span);
        let of = TensorType { dtype: DType::I32, dims: dims.clone() };
        let iota = Op::Shape(ShapeOp::Iota { dtype: DType::I32, dims: dims.clone(), axis });
        let index = add_of_type(graph, iota, &[], of, span);
        let before = add(graph, ElementwiseOp::Binary(BinaryOp::Multiply), &[here, size], span);
        here = add(graph, ElementwiseOp::Binary(BinaryOp::Add), &[before, index], span);
    }
    let is_chosen = add(graph, ElementwiseOp::Compare(Comparison::Eq), &[chosen, here], span);
    let scattered = Body::new(graph, scatter, &dims, span).apply(graph, initial, source);
    let spread = add(graph, ElementwiseOp::Select, &[is_chosen, scattered, initial], span);
    let of = TensorType { dtype: of.dtype, dims: joined.clone() };
    add_of_type(graph, Op::Shape(ShapeOp::Reshape { dims: joined }), &[spread], of, span)
}

/// Puts the initial value where the operand has elements behind the last window.
fn fill_the_rest(graph: &mut Graph, spread: Value, operand: Value, initial: Value, span: &Span) -> Value {
    let of = graph.type_of(operand).clone();
    let covered = graph.type_of(spread).dims.clone();
    let high: Dims = of.dims.iter().zip(&covered).map(|(size, covered)| size.clone() - covered.clone()).collect();
    if high.iter().all(|rest| *rest == Dim::ZERO) {
        return spread;
    }
    let low = covered.iter().map(|_| Dim::ZERO).collect();
    let pad = Op::Shape(ShapeOp::Pad { low, high, interior: vec![0; covered.len()] });
    add_of_type(graph, pad, &[spread, initial], of, span)
}

fn number(graph: &mut Graph, value: i32, dims: &Dims, span: &Span) -> Value {
    let array = Array::new(Shape::scalar(), &[value]).expect("memory for a scalar");
    let constant = graph.add_constant(array, span.clone());
    broadcast(graph, constant, dims, span)
}

fn add(graph: &mut Graph, op: ElementwiseOp, operands: &[Value], span: &Span) -> Value {
    graph.add_value(Op::Elementwise(op), operands, span.clone()).expect("the operands have one shape")
}

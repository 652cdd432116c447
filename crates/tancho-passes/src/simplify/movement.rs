//! Facts of the ops that move elements, and of folds of nothing.

use tancho_ir::ops::{ReduceKind, ReduceOp, ShapeOp};
use tancho_ir::{Dim, Dims, Graph, NodeId, Op, Value};

use crate::pattern::{broadcast, inverse, is_identity, reshape, result_type, shape_op, transpose};
use crate::rewrite::Replacement;
use crate::splat::{Splat, splat_value};

/// Broadcasts are left out: a broadcast of a scalar constant is the form that all others take.
pub fn move_splat(graph: &Graph, id: NodeId) -> Option<Replacement> {
    match shape_op(graph, id)? {
        (
            ShapeOp::Reshape { .. } | ShapeOp::Transpose { .. } | ShapeOp::Slice { .. } | ShapeOp::Reverse { .. },
            operand,
        ) => splat_value(graph, operand)?.to_replacement(result_type(graph, id)),
        _ => None,
    }
}

pub fn reshape_same(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, operand) = reshape(graph, id)?;
    (graph.type_of(operand).dims == *dims).then(|| operand.into())
}

pub fn reshape_reshape(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, inner) = reshape(graph, id)?;
    let (_, operand) = reshape(graph, inner.node)?;
    Some(Replacement::reshape(dims.iter().cloned(), operand))
}

pub fn transpose_identity(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (permutation, operand) = transpose(graph, id)?;
    is_identity(permutation).then(|| operand.into())
}

pub fn transpose_transpose(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (outer, middle) = transpose(graph, id)?;
    let (inner, operand) = transpose(graph, middle.node)?;
    Some(Replacement::transpose(outer.iter().map(|&axis| inner[axis]).collect(), operand))
}

pub fn transpose_is_reshape(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (permutation, operand) = transpose(graph, id)?;
    let dims = &graph.type_of(operand).dims;
    let moved: Vec<usize> = permutation.iter().copied().filter(|&axis| dims[axis] != Dim::ONE).collect();
    moved.is_sorted().then(|| Replacement::reshape(permutation.iter().map(|&axis| dims[axis].clone()), operand))
}

pub fn transpose_broadcast(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (permutation, inner) = transpose(graph, id)?;
    let (_, axes, operand) = broadcast(graph, inner.node)?;
    let place = inverse(permutation);
    let axes = axes.iter().map(|&axis| place[axis]).collect();
    Some(Replacement::broadcast(&result_type(graph, id).dims, axes, operand))
}

pub fn broadcast_same(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, axes, operand) = broadcast(graph, id)?;
    (is_identity(axes) && graph.type_of(operand).dims == *dims).then(|| operand.into())
}

pub fn broadcast_broadcast(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, outer, middle) = broadcast(graph, id)?;
    let (_, inner, operand) = broadcast(graph, middle.node)?;
    Some(Replacement::broadcast(dims, inner.iter().map(|&axis| outer[axis]).collect(), operand))
}

pub fn broadcast_transpose(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, axes, inner) = broadcast(graph, id)?;
    let (permutation, operand) = transpose(graph, inner.node)?;
    let place = inverse(permutation);
    Some(Replacement::broadcast(dims, place.iter().map(|&axis| axes[axis]).collect(), operand))
}

/// Only for a reshape that adds axes of size 1: `[n]` to `[1, n]` to `[m, n]`.
pub fn broadcast_reshape(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (dims, axes, inner) = broadcast(graph, id)?;
    let (middle, operand) = reshape(graph, inner.node)?;
    let mut places = Vec::new();
    let mut rest = graph.type_of(operand).dims.iter().peekable();
    for (dim, &axis) in middle.iter().zip(axes) {
        match rest.peek() {
            Some(&next) if next == dim => {
                places.push(axis);
                rest.next();
            }
            _ if *dim == Dim::ONE => {}
            _ => return None,
        }
    }
    rest.peek().is_none().then(|| Replacement::broadcast(dims, places, operand))
}

pub fn reverse_unit(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Reverse { axes }, operand) = shape_op(graph, id)? else { return None };
    let dims = &graph.type_of(operand).dims;
    let longer: Vec<usize> = axes.iter().copied().filter(|&axis| dims[axis] != Dim::ONE).collect();
    (longer.len() < axes.len() || axes.is_empty()).then(|| reverse(longer, operand))
}

pub fn reverse_reverse(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Reverse { axes: outer }, middle) = shape_op(graph, id)? else { return None };
    let (ShapeOp::Reverse { axes: inner }, operand) = shape_op(graph, middle.node)? else { return None };
    let rank = graph.type_of(operand).rank();
    Some(reverse((0..rank).filter(|axis| outer.contains(axis) != inner.contains(axis)).collect(), operand))
}

fn reverse(axes: Vec<usize>, operand: Value) -> Replacement {
    if axes.is_empty() {
        return operand.into();
    }
    Replacement::op(Op::Shape(ShapeOp::Reverse { axes }), &[operand])
}

pub fn slice_whole(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Slice { start, limit, strides }, operand) = shape_op(graph, id)? else { return None };
    let is_whole = start.iter().all(|start| *start == Dim::ZERO)
        && *limit == graph.type_of(operand).dims
        && strides.iter().all(|&stride| stride == 1);
    is_whole.then(|| operand.into())
}

pub fn slice_slice(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Slice { start, limit, strides }, inner) = shape_op(graph, id)? else { return None };
    let (ShapeOp::Slice { start: begin, strides: steps, .. }, operand) = shape_op(graph, inner.node)? else {
        return None;
    };
    let (mut starts, mut limits) = (Dims::new(), Dims::new());
    for axis in 0..start.len() {
        let step = Dim::known(steps[axis]);
        // The last element that the outer slice takes is at `last` of the inner one; one behind it is the limit.
        let end = if steps[axis] == 1 {
            limit[axis].clone()
        } else {
            let (from, to) = (start[axis].as_known()?, limit[axis].as_known()?);
            if from >= to {
                return None;
            }
            let last = to - 1 - (to - 1 - from) % strides[axis];
            Dim::known(last) * step.clone() + Dim::ONE
        };
        starts.push(begin[axis].clone() + start[axis].clone() * step);
        limits.push(begin[axis].clone() + end);
    }
    let strides = strides.iter().zip(steps).map(|(x, y)| x.checked_mul(*y)).collect::<Option<_>>()?;
    Some(Replacement::op(Op::Shape(ShapeOp::Slice { start: starts, limit: limits, strides }), &[operand]))
}

/// Where the slice along the concatenated axis lies within one operand.
pub fn slice_concatenate(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Slice { start, limit, strides }, inner) = shape_op(graph, id)? else { return None };
    let Op::Shape(ShapeOp::Concatenate { axis }) = graph.op_of(inner)? else { return None };
    let (axis, mut offset) = (*axis, Dim::ZERO);
    for &operand in graph.node(inner.node).operands() {
        let end = offset.clone() + graph.type_of(operand).dims[axis].clone();
        let at_least = |x: &Dim, y: &Dim| (x.clone() - y.clone()).as_known().is_some_and(|difference| difference >= 0);
        if at_least(&start[axis], &offset) && at_least(&end, &limit[axis]) {
            let (mut start, mut limit) = (start.clone(), limit.clone());
            start[axis] = start[axis].clone() - offset.clone();
            limit[axis] = limit[axis].clone() - offset;
            let slice = ShapeOp::Slice { start, limit, strides: strides.clone() };
            return Some(Replacement::op(Op::Shape(slice), &[operand]));
        }
        offset = end;
    }
    None
}

pub fn pad_nothing(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Pad { low, high, interior }, operand) = shape_op(graph, id)? else { return None };
    let is_nothing = low.iter().chain(high).all(|dim| *dim == Dim::ZERO) && interior.iter().all(|&gap| gap == 0);
    is_nothing.then(|| operand.into())
}

pub fn concatenate_one(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Concatenate { .. }, operand) = shape_op(graph, id)? else { return None };
    (graph.node(id).operands().len() == 1).then(|| operand.into())
}

pub fn concatenate_empty(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (ShapeOp::Concatenate { axis }, _) = shape_op(graph, id)? else { return None };
    let operands = graph.node(id).operands();
    let has_elements = |value: &Value| graph.type_of(*value).dims[*axis] != Dim::ZERO;
    let mut rest: Vec<Value> = operands.iter().copied().filter(has_elements).collect();
    if rest.is_empty() {
        rest.push(operands[0]);
    }
    (rest.len() < operands.len()).then(|| Replacement::op(Op::Shape(ShapeOp::Concatenate { axis: *axis }), &rest))
}

fn reduce(graph: &Graph, id: NodeId) -> Option<(&ReduceOp, Value)> {
    match graph.node(id).op()? {
        Op::Reduce(op) => Some((op, graph.node(id).operands()[0])),
        _ => None,
    }
}

pub fn reduce_no_axes(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operand) = reduce(graph, id)?;
    op.axes.is_empty().then(|| operand.into())
}

pub fn reduce_unit_axes(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operand) = reduce(graph, id)?;
    let of = graph.type_of(operand);
    if !op.axes.iter().all(|&axis| of.dims[axis] == Dim::ONE) {
        return None;
    }
    match op.kind {
        ReduceKind::Sum if of.dtype.is_float() => None,
        ReduceKind::Sum
        | ReduceKind::Product
        | ReduceKind::Max
        | ReduceKind::Min
        | ReduceKind::And
        | ReduceKind::Or => Some(Replacement::reshape(result_type(graph, id).dims.iter().cloned(), operand)),
        ReduceKind::ArgMax(index) | ReduceKind::ArgMin(index) => {
            Splat::zero(index).to_replacement(result_type(graph, id))
        }
    }
}

pub fn reduce_sorted_axes(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (op, operand) = reduce(graph, id)?;
    if op.axes.is_sorted() {
        return None;
    }
    let mut axes = op.axes.clone();
    axes.sort_unstable();
    Some(Replacement::op(Op::Reduce(ReduceOp { kind: op.kind, axes }), &[operand]))
}

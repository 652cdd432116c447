//! `reduce_window`.
//!
//! A sum over windows is a convolution with ones: its cotangent is a sum over windows again, with stride and dilation
//! exchanged ([`transposed_window`]); a place that holds no element holds the initial value. Of a maximum or minimum over
//! windows without dilation, the first element of each window that has the result gets all of its cotangent, which is
//! `select_and_scatter`. Any other body is a `reduce` along an axis of its own, in which the windows are laid out.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, FoldOp, GatherOp, IndexOp, WindowAxis};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::DType;

use super::super::conv::transposed_window;
use super::super::index::integer;
use super::super::{Fault, Pullback};
use super::{Body, body_of, classify, through};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, window: &[WindowAxis], body: &Arc<Graph>) -> Result<(), Fault> {
    let is_dilated = window.iter().any(|axis| axis.base_dilation != 1 || axis.dilation != 1);
    match classify(body) {
        Some(Body::Sum) => sum(pullback, window),
        Some(Body::Max) if !is_dilated => extremum(pullback, window, Body::Max),
        Some(Body::Min) if !is_dilated => extremum(pullback, window, Body::Min),
        Some(Body::Max | Body::Min | Body::Product | Body::Old | Body::New) | None => {
            through(pullback, |build, operands| {
                let (inputs, inits) = operands.split_at(operands.len() / 2);
                let mut laid_out = Vec::with_capacity(operands.len());
                for (&input, &initial) in inputs.iter().zip(inits) {
                    laid_out.push(lay_out(build, input, initial, window)?);
                }
                laid_out.extend(inits);
                let reduce = FoldOp::Reduce { axes: vec![window.len()], body: body.clone() };
                Ok(build.add_all(reduce, &laid_out)?.into_vec())
            })
        }
    }
}

fn sum(pullback: &mut Pullback<'_>, window: &[WindowAxis]) -> Result<(), Fault> {
    let (x, cotangent) = (pullback.operands[0], pullback.cotangent());
    let dtype = pullback.build.dtype(x);
    let body = body_of(Body::Sum, dtype);
    if pullback.wanted[0] {
        let build = &mut pullback.build;
        let (dims, places) = (build.dims(x), build.dims(cotangent));
        let sizes = dims.iter().zip(&places);
        let back: Vec<WindowAxis> =
            window.iter().zip(sizes).map(|(axis, (size, places))| transposed_window(axis, size, places)).collect();
        let zero = build.scalar(dtype, 0.0);
        let share = build.add(FoldOp::ReduceWindow { window: back, body: body.clone() }, &[cotangent, zero])?;
        let share = build.reshape(share, dims)?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        // The initial value begins each sum, and stands where there is no element.
        let build = &mut pullback.build;
        let (ones, zero) = (build.full_like(x, 1.0)?, build.scalar(dtype, 0.0));
        let elements = build.add(FoldOp::ReduceWindow { window: window.to_vec(), body }, &[ones, zero])?;
        let all = Dim::product(window.iter().map(|axis| &axis.size)) + Dim::ONE;
        let all = build.size(&all, dtype)?;
        let dims = build.dims(elements);
        let all = build.broadcast_in_dim(all, &dims, Vec::new())?;
        let times = build.minus(all, elements)?;
        let share = build.times(cotangent, times)?;
        let share = build.sum_all(share)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

fn extremum(pullback: &mut Pullback<'_>, window: &[WindowAxis], kind: Body) -> Result<(), Fault> {
    let (x, initial, mut cotangent) = (pullback.operands[0], pullback.operands[1], pullback.cotangent());
    let result = pullback.result(0);
    let build = &mut pullback.build;
    let dtype = build.dtype(x);
    let (comparison, identity) = match kind {
        Body::Min => (Comparison::Le, f64::INFINITY),
        Body::Max | Body::Sum | Body::Product | Body::Old | Body::New => (Comparison::Ge, f64::NEG_INFINITY),
    };
    let is_identity = |build: &Build<'_>| build.graph.constant(initial).is_some_and(|x| x.to_f64_vec() == [identity]);
    if !is_identity(build) {
        // The initial value is the result where no element is.
        let nothing = build.scalar(dtype, identity);
        let fold = FoldOp::ReduceWindow { window: window.to_vec(), body: body_of(kind, dtype) };
        let of_elements = build.add(fold, &[x, nothing])?;
        let is_element = build.compare(Comparison::Eq, of_elements, result)?;
        let zeros = build.zeros_like(cotangent)?;
        if pullback.wanted[1] {
            let build = &mut pullback.build;
            let share = build.select(is_element, zeros, cotangent)?;
            let share = build.sum_all(share)?;
            pullback.add_share(1, share)?;
        }
        cotangent = pullback.build.select(is_element, cotangent, zeros)?;
    }
    if pullback.wanted[0] {
        let build = &mut pullback.build;
        let (select, scatter) = (comparison_body(comparison, dtype)?, body_of(Body::Sum, dtype));
        let zero = build.scalar(dtype, 0.0);
        let op = FoldOp::SelectAndScatter { window: window.to_vec(), select, scatter };
        let share = build.add(op, &[x, cotangent, zero])?;
        pullback.add_share(0, share)?;
    }
    Ok(())
}

fn comparison_body(comparison: Comparison, dtype: DType) -> Result<Arc<Graph>, Fault> {
    let mut graph = Graph::new(comparison.name());
    let scalar = TensorType::scalar(dtype);
    let operands = [0; 2].map(|_| graph.add_parameter(None, scalar.clone(), Span::NONE));
    let result = graph.add_value(Op::Elementwise(ElementwiseOp::Compare(comparison)), &operands, Span::NONE)?;
    graph.set_results(vec![result]);
    Ok(Arc::new(graph))
}

/// The windows' elements along a last axis, in row-major order within each, behind the axes of the windows' places; what is
/// no element is the initial value.
fn lay_out(build: &mut Build<'_>, x: Value, initial: Value, window: &[WindowAxis]) -> Built {
    let rank = window.len();
    let of = build.type_of(x).clone();
    // Each axis becomes one of places and one within the window; from the last axis on, so that the others stay.
    let mut spread = x;
    let mut masks: Vec<(usize, Value)> = Vec::new();
    for axis in (0..rank).rev() {
        if window[axis].is_trivial() {
            let mut dims = build.dims(spread);
            dims.insert(axis + 1, Dim::ONE);
            spread = build.reshape(spread, dims)?;
            continue;
        }
        let (elements, is_element) = window_elements(build, &window[axis], &of.dims[axis])?;
        spread = take_along(build, spread, axis, elements)?;
        masks.push((axis, is_element));
    }
    let dims = build.dims(spread);
    let mut mask: Option<Value> = None;
    for (axis, is_element) in masks {
        let whole = build.broadcast_in_dim(is_element, &dims, vec![2 * axis, 2 * axis + 1])?;
        mask = Some(match mask {
            Some(mask) => build.binary(BinaryOp::And, mask, whole)?,
            None => whole,
        });
    }
    if let Some(mask) = mask {
        let initial = build.broadcast_in_dim(initial, &dims, Vec::new())?;
        spread = build.select(mask, spread, initial)?;
    }
    let (places, within): (Vec<usize>, Vec<usize>) = (0..2 * rank).partition(|axis| axis % 2 == 0);
    let moved = build.transpose(spread, [&places[..], &within].concat())?;
    let mut lanes: Dims = places.iter().map(|&axis| dims[axis].clone()).collect();
    lanes.push(Dim::product(within.iter().map(|&axis| &dims[axis])));
    build.reshape(moved, lanes)
}

/// For each place of a window along an axis of `size` elements, and each place within it: the element that is there, and
/// whether there is one.
fn window_elements(build: &mut Build<'_>, window: &WindowAxis, size: &Dim) -> Built<(Value, Value)> {
    let dims: Dims = Dims::from_iter([window.positions(size), window.size.clone()]);
    let constant = |build: &mut Build<'_>, value: &Dim| {
        let scalar = integer(build, DType::I64, value)?;
        build.broadcast_in_dim(scalar, &dims, Vec::new())
    };
    let mut from = constant(build, &-window.low.clone())?;
    for (axis, step) in [(0, window.stride), (1, window.dilation)] {
        let index = build.iota(DType::I64, dims.clone(), axis)?;
        let step = constant(build, &Dim::known(step))?;
        let distance = build.times(index, step)?;
        from = build.plus(from, distance)?;
    }
    let (zero, step, size) =
        (constant(build, &Dim::ZERO)?, constant(build, &Dim::known(window.base_dilation))?, constant(build, size)?);
    let element = build.divided(from, step)?;
    let product = build.times(element, step)?;
    let conditions = [
        build.compare(Comparison::Ge, from, zero)?,
        build.compare(Comparison::Eq, product, from)?,
        build.compare(Comparison::Lt, element, size)?,
    ];
    let both = build.binary(BinaryOp::And, conditions[0], conditions[1])?;
    let all = build.binary(BinaryOp::And, both, conditions[2])?;
    Ok((element, all))
}

/// The elements along an axis that a matrix of indices names, in its place two axes; indices outside are clamped, and where
/// there is no element, there are zeros.
fn take_along(build: &mut Build<'_>, x: Value, axis: usize, indices: Value) -> Built {
    let of = build.type_of(x).clone();
    let rank = of.rank();
    if of.dims[axis] == Dim::ZERO {
        let mut dims = of.dims.clone();
        dims.remove(axis);
        dims.insert_many(axis, build.dims(indices));
        return build.full(&TensorType { dtype: of.dtype, dims }, 0.0);
    }
    let mut slice_sizes = of.dims.clone();
    slice_sizes[axis] = Dim::ONE.minimum(&of.dims[axis]);
    let gather = GatherOp {
        offset_dims: (0..rank + 1).filter(|&other| other != axis && other != axis + 1).collect(),
        collapsed_slice_dims: vec![axis],
        start_index_map: vec![axis],
        index_vector_dim: 2,
        slice_sizes,
        ..GatherOp::default()
    };
    build.add(IndexOp::Gather(gather), &[x, indices])
}

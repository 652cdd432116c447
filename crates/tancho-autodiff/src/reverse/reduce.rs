//! The rules of reductions.
//!
//! - `reduce_max` and `reduce_min`: elements that are equal to the result share its cotangent equally, as in TensorFlow.
//! - `reduce_product`: each element's factor is the product of the others, from the products of those before and of those
//!   behind it. Nothing is divided, so that zeros among the elements are as good as other numbers.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, FoldOp, ReduceKind, ReduceOp};
use tancho_ir::{Dim, Dims, Graph, Span, TensorType, Value};
use tancho_tensor::DType;

use super::{Fault, Pullback};
use crate::build::{Build, Built};

pub(super) fn zero_reason(op: &ReduceOp) -> Option<&'static str> {
    match op.kind {
        ReduceKind::And | ReduceKind::Or => Some("integers have no derivative"),
        ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => Some("an index has no derivative"),
        ReduceKind::Sum | ReduceKind::Product | ReduceKind::Max | ReduceKind::Min => None,
    }
}

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ReduceOp) -> Result<(), Fault> {
    let (x, y, cotangent) = (pullback.operands[0], pullback.result(0), pullback.cotangent());
    let dims = pullback.build.dims(x);
    let build = &mut pullback.build;
    let share = match op.kind {
        ReduceKind::Sum => build.broadcast_back(cotangent, &op.axes, &dims)?,
        ReduceKind::Max | ReduceKind::Min => {
            let wide = build.broadcast_back(y, &op.axes, &dims)?;
            let is_extreme = build.compare(Comparison::Eq, x, wide)?;
            let dtype = build.dtype(x);
            let ones = build.convert(dtype, is_extreme)?;
            let count = build.sum(ones, op.axes.clone())?;
            // No elements have no maximum, and a NaN is equal to nothing.
            let one = build.full_like(count, 1.0)?;
            let count = build.binary(BinaryOp::Maximum, count, one)?;
            let part = build.divided(cotangent, count)?;
            let part = build.broadcast_back(part, &op.axes, &dims)?;
            let zeros = build.zeros_like(x)?;
            build.select(is_extreme, part, zeros)?
        }
        ReduceKind::Product => {
            let others = products_of_others(build, x, &op.axes)?;
            let cotangent = build.broadcast_back(cotangent, &op.axes, &dims)?;
            build.times(cotangent, others)?
        }
        ReduceKind::And | ReduceKind::Or | ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => return Ok(()),
    };
    pullback.add_share(0, share)?;
    Ok(())
}

/// For each element, the product of all others along axes.
fn products_of_others(build: &mut Build<'_>, x: Value, axes: &[usize]) -> Built {
    // The reduced axes become one, behind the others.
    let dims = build.dims(x);
    let (reduced, kept): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(|axis| axes.contains(axis));
    let order: Vec<usize> = kept.iter().chain(&reduced).copied().collect();
    let moved = build.transpose(x, order.clone())?;
    let moved_dims = build.dims(moved);
    let mut flat_dims: Dims = kept.iter().map(|&axis| dims[axis].clone()).collect();
    flat_dims.push(Dim::product(reduced.iter().map(|&axis| &dims[axis])));
    let flat = build.reshape(moved, flat_dims)?;

    let before = running_product(build, flat, false)?;
    let behind = running_product(build, flat, true)?;
    let product = build.times(before, behind)?;

    let product = build.reshape(product, moved_dims)?;
    let mut inverse = vec![0; order.len()];
    for (place, &axis) in order.iter().enumerate() {
        inverse[axis] = place;
    }
    build.transpose(product, inverse)
}

/// For each element, the product of those before it along the last axis; with `reverse`, of those behind it.
fn running_product(build: &mut Build<'_>, x: Value, reverse: bool) -> Built {
    let dims = build.dims(x);
    let axis = dims.len() - 1;
    let dtype = build.dtype(x);
    let one = build.scalar(dtype, 1.0);
    let products = build.add(FoldOp::Scan { axis, reverse, body: product_body(dtype)? }, &[x, one])?;
    // Moved by one place: a one comes in where nothing stands before, and the product of all goes out.
    let (mut low, mut high) = (Dims::from_elem(Dim::ZERO, dims.len()), Dims::from_elem(Dim::ZERO, dims.len()));
    (low[axis], high[axis]) = if reverse { (Dim::known(-1), Dim::ONE) } else { (Dim::ONE, Dim::known(-1)) };
    let interior = vec![0; dims.len()];
    build.pad(products, one, low, high, interior)
}

fn product_body(dtype: DType) -> Built<Arc<Graph>> {
    let mut body = Graph::new("product");
    let of = TensorType::scalar(dtype);
    let x = body.add_parameter(Some("x"), of.clone(), Span::NONE);
    let y = body.add_parameter(Some("y"), of, Span::NONE);
    let z = body.add_value(ElementwiseOp::Binary(BinaryOp::Multiply).into(), &[x, y], Span::NONE)?;
    body.set_results(vec![z]);
    Ok(Arc::new(body))
}

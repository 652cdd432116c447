//! The index family: places that are computed.
//!
//! What reads is answered by what adds at the same places, and the other way round. Where an operand has a cotangent
//! already, it is added to in place, so that slices that are taken again and again cost what they hold, not what they are
//! taken from.
//!
//! Sorting is a permutation: an index is sorted along, and cotangents go back where their elements came from. Indices, starts
//! and what a comparator sees have no derivative.

mod scatter;

use std::sync::Arc;

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Dims, Graph, Span, TensorType, Value};
use tancho_tensor::DType;

use super::fold::{Body, body_of};
use super::{Fault, Pullback};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &IndexOp) -> Result<(), Fault> {
    match op {
        IndexOp::Gather(op) => gather(pullback, op)?,
        IndexOp::Scatter(op) => scatter::pull_back(pullback, op)?,
        IndexOp::DynamicSlice { sizes } => dynamic_slice(pullback, sizes)?,
        IndexOp::DynamicUpdateSlice => dynamic_update_slice(pullback)?,
        IndexOp::Sort { axis, stable, comparator } => sort(pullback, *axis, *stable, comparator)?,
        IndexOp::TopK { k: _ } => top_k(pullback)?,
    }
    Ok(())
}

/// Adds updates at places to what an operand's cotangent is so far.
fn scatter_share(
    pullback: &mut Pullback<'_>,
    position: usize,
    op: ScatterOp,
    operands: [Value; 2],
) -> Result<(), Fault> {
    if !pullback.wanted[position] {
        return Ok(());
    }
    let base = match pullback.share_so_far(position) {
        Some(base) => base,
        None => {
            let operand = pullback.operands[position];
            pullback.build.zeros_like(operand)?
        }
    };
    let [indices, updates] = operands;
    let total = pullback.build.add(IndexOp::Scatter(op), &[base, indices, updates])?;
    pullback.set_share(position, total);
    Ok(())
}

fn gather(pullback: &mut Pullback<'_>, op: &GatherOp) -> Result<(), Fault> {
    if !pullback.wanted[0] {
        return Ok(());
    }
    let (operand, indices, cotangent) = (pullback.operands[0], pullback.operands[1], pullback.cotangent());
    let build = &mut pullback.build;
    let dims = build.dims(operand);
    // A gather clamps its starts, and a scatter drops what lies outside.
    let ranges: Vec<[Dim; 2]> = op
        .start_index_map
        .iter()
        .map(|&axis| [Dim::ZERO, (dims[axis].clone() - op.slice_sizes[axis].clone()).maximum(&Dim::ZERO)])
        .collect();
    let starts = clamp_vectors(build, indices, op.index_vector_dim, &ranges)?;
    let body = body_of(Body::Sum, build.dtype(operand));
    scatter_share(pullback, 0, scatter_of(op, body), [starts, cotangent])
}

/// The scatter that writes where a gather reads.
fn scatter_of(op: &GatherOp, body: Arc<Graph>) -> ScatterOp {
    ScatterOp {
        update_window_dims: op.offset_dims.clone(),
        inserted_window_dims: op.collapsed_slice_dims.clone(),
        input_batching_dims: op.operand_batching_dims.clone(),
        scatter_indices_batching_dims: op.start_indices_batching_dims.clone(),
        scatter_dims_to_operand_dims: op.start_index_map.clone(),
        index_vector_dim: op.index_vector_dim,
        // Clamping keeps numbers in order, but not vectors of them.
        indices_are_sorted: op.indices_are_sorted && op.start_index_map.len() == 1,
        unique_indices: false,
        body,
    }
}

/// The smallest and the largest value of an integer dtype that a size can be.
fn range_of(dtype: DType) -> [i64; 2] {
    match dtype {
        DType::I8 => [i8::MIN.into(), i8::MAX.into()],
        DType::I16 => [i16::MIN.into(), i16::MAX.into()],
        DType::I32 => [i32::MIN.into(), i32::MAX.into()],
        DType::U8 => [0, u8::MAX.into()],
        DType::U16 => [0, u16::MAX.into()],
        DType::U32 => [0, u32::MAX.into()],
        DType::U64 => [0, i64::MAX],
        DType::I64 | DType::F16 | DType::BF16 | DType::F32 | DType::F64 | DType::Bool => [i64::MIN, i64::MAX],
    }
}

/// Index vectors, each component within its range.
///
/// A bound that the dtype does not have is none, so that no index needs to be converted.
fn clamp_vectors(build: &mut Build<'_>, indices: Value, vector_axis: usize, ranges: &[[Dim; 2]]) -> Built {
    let of = build.type_of(indices).clone();
    let [least, most] = range_of(of.dtype);
    let within = |dim: &Dim| dim.maximum(&Dim::known(least)).minimum(&Dim::known(most));
    let mut bounds: Vec<Value> = Vec::with_capacity(2);
    for side in 0..2 {
        let limits: Vec<Dim> = ranges.iter().map(|range| within(&range[side])).collect();
        let Some(first) = limits.first() else { return Ok(indices) };
        bounds.push(match limits.iter().all(|limit| limit == first) {
            true => integer(build, of.dtype, first)?,
            false => {
                let vector = integers(build, of.dtype, &limits)?;
                build.broadcast_in_dim(vector, &of.dims, vec![vector_axis])?
            }
        });
    }
    clamp(build, bounds[0], indices, bounds[1])
}

fn clamp(build: &mut Build<'_>, low: Value, x: Value, high: Value) -> Built {
    build.add(tancho_ir::ops::ElementwiseOp::Clamp, &[low, x, high])
}

/// A number that may be negative as a scalar.
pub(super) fn integer(build: &mut Build<'_>, dtype: DType, value: &Dim) -> Built {
    if value.as_known().is_some() || value.is_never_negative() {
        return build.size(value, dtype);
    }
    // Only sizes become values of a program; a number of either sign is the difference of two.
    let zero = Dim::ZERO;
    let (above, below) = (value.maximum(&zero), (-value.clone()).maximum(&zero));
    let (above, below) = (build.size(&above, dtype)?, build.size(&below, dtype)?);
    build.minus(above, below)
}

/// Numbers as a vector.
fn integers(build: &mut Build<'_>, dtype: DType, values: &[Dim]) -> Built {
    let mut elements = Vec::with_capacity(values.len());
    for value in values {
        let scalar = integer(build, dtype, value)?;
        elements.push(build.reshape(scalar, Dims::from_iter([Dim::ONE]))?);
    }
    match elements.as_slice() {
        [one] => Ok(*one),
        _ => build.add(tancho_ir::ops::ShapeOp::Concatenate { axis: 0 }, &elements),
    }
}

fn dynamic_slice(pullback: &mut Pullback<'_>, sizes: &Dims) -> Result<(), Fault> {
    if !pullback.wanted[0] {
        return Ok(());
    }
    let (operand, cotangent) = (pullback.operands[0], pullback.cotangent());
    let starts = pullback.operands[1..].to_vec();
    let so_far = pullback.share_so_far(0);
    let build = &mut pullback.build;
    let (base, update) = match so_far {
        None => (build.zeros_like(operand)?, cotangent),
        Some(base) => {
            let slice = IndexOp::DynamicSlice { sizes: sizes.clone() };
            let there = build.add(slice, &[&[base][..], &starts].concat())?;
            (base, build.plus(there, cotangent)?)
        }
    };
    let total = build.add(IndexOp::DynamicUpdateSlice, &[&[base, update][..], &starts].concat())?;
    pullback.set_share(0, total);
    Ok(())
}

fn dynamic_update_slice(pullback: &mut Pullback<'_>) -> Result<(), Fault> {
    let (update, cotangent) = (pullback.operands[1], pullback.cotangent());
    let starts = pullback.operands[2..].to_vec();
    if pullback.wanted[1] {
        let slice = IndexOp::DynamicSlice { sizes: pullback.build.dims(update) };
        let share = pullback.build.add(slice, &[&[cotangent][..], &starts].concat())?;
        pullback.add_share(1, share)?;
    }
    if pullback.wanted[0] {
        let zeros = pullback.build.zeros_like(update)?;
        let operands = [&[cotangent, zeros][..], &starts].concat();
        let share = pullback.build.add(IndexOp::DynamicUpdateSlice, &operands)?;
        pullback.add_share(0, share)?;
    }
    Ok(())
}

fn sort(pullback: &mut Pullback<'_>, axis: usize, stable: bool, comparator: &Arc<Graph>) -> Result<(), Fault> {
    let build = &mut pullback.build;
    let dims = build.dims(pullback.operands[0]);
    let index = index_dtype(&dims[axis]);
    let iota = build.iota(index, dims, axis)?;
    let operands = [&pullback.operands[..], &[iota]].concat();
    let op = IndexOp::Sort { axis, stable, comparator: ignore_two(comparator, index)? };
    let sorted = build.add_all(op, &operands)?;
    let places = sorted[operands.len() - 1];
    for position in 0..operands.len() - 1 {
        if let Some(cotangent) = pullback.cotangents[position] {
            scatter_along(pullback, position, axis, places, cotangent)?;
        }
    }
    Ok(())
}

fn top_k(pullback: &mut Pullback<'_>) -> Result<(), Fault> {
    let Some(cotangent) = pullback.cotangents[0] else { return Ok(()) };
    let (axis, places) = (pullback.build.rank(cotangent) - 1, pullback.result(1));
    scatter_along(pullback, 0, axis, places, cotangent)
}

/// Puts elements of a cotangent at places along an axis, no two of which are the same.
fn scatter_along(
    pullback: &mut Pullback<'_>,
    position: usize,
    axis: usize,
    places: Value,
    cotangent: Value,
) -> Result<(), Fault> {
    let (rank, dtype) = (pullback.build.rank(cotangent), pullback.build.dtype(cotangent));
    let others: Vec<usize> = (0..rank).filter(|&other| other != axis).collect();
    let op = ScatterOp {
        update_window_dims: Vec::new(),
        inserted_window_dims: vec![axis],
        input_batching_dims: others.clone(),
        scatter_indices_batching_dims: others,
        scatter_dims_to_operand_dims: vec![axis],
        index_vector_dim: rank,
        indices_are_sorted: false,
        unique_indices: true,
        body: body_of(Body::Sum, dtype),
    };
    scatter_share(pullback, position, op, [places, cotangent])
}

/// The dtype of indices up to a size.
pub(super) fn index_dtype(size: &Dim) -> DType {
    let is_small = size.as_known().is_some_and(|size| size <= i64::from(i32::MAX));
    if is_small { DType::I32 } else { DType::I64 }
}

/// A comparator that takes two more elements, of a dtype, and does not look at them.
fn ignore_two(comparator: &Graph, dtype: DType) -> Result<Arc<Graph>, Fault> {
    let mut graph = comparator.clone();
    for _ in 0..2 {
        graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE);
    }
    Ok(Arc::new(graph))
}

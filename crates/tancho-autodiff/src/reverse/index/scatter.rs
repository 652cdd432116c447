//! Scatters, by what their body computes of an old element and an update.
//!
//! An update whose element lies outside of the operand is dropped: its cotangent is 0. What a cotangent has at the places of
//! the updates is read by a gather ([`gather_updates`]), which must not clamp: windows that may lie across the end are read
//! from a cotangent that has zeros around it, and single elements are read at clamped places and masked.
//!
//! With `ȳ` the cotangent of the result, of the operand `x` and of each update `u` at a place:
//!
//! - *sum*: `x̄ = ȳ`, `ū` is `ȳ` there.
//! - *the new one*: `x̄` is `ȳ` with zeros where anything was written; only the update that was written last has a cotangent,
//!   which is found by scattering the numbers of the updates in the same way.
//! - *the old one*: `x̄ = ȳ`.
//! - *product*: `x̄ = ȳ·∏u`; `ū` is `ȳ·x` times the product of the other updates there, which is found without a division by
//!   zero from the product of those that are not zero and the number of those that are.
//! - *maximum*, *minimum*: `ȳ` is shared evenly by all that are equal to the result, as `reduce_max` has it.

use tancho_ir::ops::{BinaryOp, Comparison, GatherOp, IndexOp, ReduceKind, ScatterOp};
use tancho_ir::{Dim, Dims, TensorType, Value};
use tancho_tensor::DType;

use super::super::fold::{Body, body_of, classify_component};
use super::super::{Fault, Pullback};
use super::{clamp_vectors, index_dtype, integer, integers};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ScatterOp) -> Result<(), Fault> {
    let count = pullback.operands.len() / 2;
    let indices = pullback.operands[count];
    for position in 0..count {
        let Some(cotangent) = pullback.cotangents[position] else { continue };
        let update_position = count + 1 + position;
        let of_update = pullback.wanted[update_position];
        // The operand matters where it is wanted; what else it would share is not computed.
        let body = classify_component(&op.body, position, count);
        let depends = |parameter: usize| pullback.wanted[if parameter < count { parameter } else { parameter + 1 }];
        let Some(body) = body else {
            if (0..2 * count).any(depends) {
                return Err(Fault::Reason(format!(
                    "the body @{} is neither a sum, a product, a maximum, a minimum nor one of its parameters",
                    op.body.name()
                )));
            }
            continue;
        };
        let places = Places { op, indices, updates: pullback.operands[update_position] };
        let x = pullback.operands[position];
        match body {
            Body::Sum => {
                pullback.add_share(position, cotangent)?;
                if of_update {
                    let share = gather_updates(&mut pullback.build, &places, cotangent)?;
                    pullback.add_share(update_position, share)?;
                }
            }
            Body::Old => pullback.add_share(position, cotangent)?,
            Body::New => assignment(pullback, &places, [position, update_position], cotangent)?,
            Body::Product => product(pullback, &places, [position, update_position], x, cotangent)?,
            Body::Max | Body::Min => extremum(pullback, &places, [position, update_position], x, cotangent)?,
        }
    }
    Ok(())
}

/// Where the updates of a scatter go.
struct Places<'a> {
    op: &'a ScatterOp,
    indices: Value,
    updates: Value,
}

impl Places<'_> {
    /// Scatters other updates to the same places.
    fn scatter(&self, build: &mut Build<'_>, body: Body, into: Value, updates: Value) -> Built {
        let op = ScatterOp { body: body_of(body, build.dtype(into)), ..self.op.clone() };
        build.add(IndexOp::Scatter(op), &[into, self.indices, updates])
    }
}

fn assignment(
    pullback: &mut Pullback<'_>,
    places: &Places<'_>,
    [position, update_position]: [usize; 2],
    cotangent: Value,
) -> Result<(), Fault> {
    let build = &mut pullback.build;
    if pullback.wanted[position] {
        let zeros = build.zeros_like(places.updates)?;
        let share = places.scatter(build, Body::New, cotangent, zeros)?;
        pullback.add_share(position, share)?;
    }
    if pullback.wanted[update_position] {
        let build = &mut pullback.build;
        let share = gather_updates(build, places, cotangent)?;
        let share = if places.op.unique_indices {
            share
        } else {
            // Numbers from 1, so that 0 is no update.
            let dims = build.dims(places.updates);
            let elements = Dim::product(&dims);
            let index = index_dtype(&elements);
            let numbers = build.iota(index, Dims::from_iter([elements]), 0)?;
            let one = build.full_like(numbers, 1.0)?;
            let numbers = build.plus(numbers, one)?;
            let numbers = build.reshape(numbers, dims)?;
            let nobody = build.full(&build.type_of(cotangent).with_dtype(index), 0.0)?;
            let writers = places.scatter(build, Body::New, nobody, numbers)?;
            let writer = gather_updates(build, places, writers)?;
            let is_last = build.compare(Comparison::Eq, writer, numbers)?;
            let zeros = build.zeros_like(share)?;
            build.select(is_last, share, zeros)?
        };
        pullback.add_share(update_position, share)?;
    }
    Ok(())
}

fn product(
    pullback: &mut Pullback<'_>,
    places: &Places<'_>,
    [position, update_position]: [usize; 2],
    x: Value,
    cotangent: Value,
) -> Result<(), Fault> {
    let build = &mut pullback.build;
    if pullback.wanted[position] {
        let share = places.scatter(build, Body::Product, cotangent, places.updates)?;
        pullback.add_share(position, share)?;
    }
    if pullback.wanted[update_position] {
        let build = &mut pullback.build;
        let base = build.times(cotangent, x)?;
        let share = if places.op.unique_indices {
            gather_updates(build, places, base)?
        } else {
            let updates = places.updates;
            let (zeros, ones) = (build.zeros_like(updates)?, build.full_like(updates, 1.0)?);
            let is_zero = build.compare(Comparison::Eq, updates, zeros)?;
            let factors = build.select(is_zero, ones, updates)?;
            let counted = build.select(is_zero, ones, zeros)?;
            let none = build.zeros_like(x)?;
            let zeros_there = places.scatter(build, Body::Sum, none, counted)?;
            let product = places.scatter(build, Body::Product, base, factors)?;
            let (product, zeros_there) =
                (gather_updates(build, places, product)?, gather_updates(build, places, zeros_there)?);
            // The others have no zero where all zeros there are this one.
            let are_others_whole = build.compare(Comparison::Eq, zeros_there, counted)?;
            let others = build.divided(product, factors)?;
            build.select(are_others_whole, others, zeros)?
        };
        pullback.add_share(update_position, share)?;
    }
    Ok(())
}

fn extremum(
    pullback: &mut Pullback<'_>,
    places: &Places<'_>,
    [position, update_position]: [usize; 2],
    x: Value,
    cotangent: Value,
) -> Result<(), Fault> {
    let result = pullback.result(position);
    let build = &mut pullback.build;
    let at_updates = gather_updates(build, places, result)?;
    let (zeros, ones) = (build.zeros_like(places.updates)?, build.full_like(places.updates, 1.0)?);
    let update_wins = build.compare(Comparison::Eq, at_updates, places.updates)?;
    let counted = build.select(update_wins, ones, zeros)?;
    let (none, one) = (build.zeros_like(x)?, build.full_like(x, 1.0)?);
    let old_wins = build.compare(Comparison::Eq, result, x)?;
    let winners = build.select(old_wins, one, none)?;
    let winners = places.scatter(build, Body::Sum, winners, counted)?;
    // A NaN is equal to nothing.
    let winners = build.binary(BinaryOp::Maximum, winners, one)?;
    let each = build.divided(cotangent, winners)?;
    if pullback.wanted[position] {
        let share = pullback.build.select(old_wins, each, none)?;
        pullback.add_share(position, share)?;
    }
    if pullback.wanted[update_position] {
        let build = &mut pullback.build;
        let share = gather_updates(build, places, each)?;
        let share = build.select(update_wins, share, zeros)?;
        pullback.add_share(update_position, share)?;
    }
    Ok(())
}

/// What a value of the operand's sizes has at the places of the updates; 0 where an update is dropped.
fn gather_updates(build: &mut Build<'_>, places: &Places<'_>, from: Value) -> Built {
    let Places { op, indices, updates } = *places;
    let (dims, update_dims) = (build.dims(from), build.dims(updates));
    let is_removed = |axis: &usize| op.inserted_window_dims.contains(axis) || op.input_batching_dims.contains(axis);
    let window_axes: Vec<usize> = (0..dims.len()).filter(|axis| !is_removed(axis)).collect();
    let mut slice_sizes: Dims = dims.iter().map(|size| Dim::ONE.minimum(size)).collect();
    for (&axis, &of_update) in window_axes.iter().zip(&op.update_window_dims) {
        slice_sizes[axis] = update_dims[of_update].clone();
    }
    // Axes along which a window of several elements may lie across the end.
    let mapped = &op.scatter_dims_to_operand_dims;
    let is_wide = |axis: usize| window_axes.contains(&axis) && slice_sizes[axis] != Dim::ONE;
    let margin = |axis: usize| if is_wide(axis) { slice_sizes[axis].clone() } else { Dim::ZERO };
    let any_wide = mapped.iter().any(|&axis| is_wide(axis));
    let ranges: Vec<[Dim; 2]> = mapped
        .iter()
        .map(|&axis| match is_wide(axis) {
            true => [-margin(axis), dims[axis].clone()],
            false => [Dim::ZERO, (dims[axis].clone() - Dim::ONE).maximum(&Dim::ZERO)],
        })
        .collect();
    let clamped = clamp_vectors(build, indices, op.index_vector_dim, &ranges)?;
    let (mut source, mut starts) = (from, clamped);
    if any_wide {
        let margins: Dims =
            (0..dims.len()).map(|axis| if mapped.contains(&axis) { margin(axis) } else { Dim::ZERO }).collect();
        let zero = build.scalar(build.dtype(from), 0.0);
        source = build.pad(from, zero, margins.clone(), margins, vec![0; dims.len()])?;
        // The margins may be beyond the indices' dtype.
        starts = build.convert(DType::I64, clamped)?;
        let shifts: Vec<Dim> = mapped.iter().map(|&axis| margin(axis)).collect();
        let shifts = match shifts.iter().all(|shift| *shift == shifts[0]) {
            true => integer(build, DType::I64, &shifts[0])?,
            false => integers(build, DType::I64, &shifts)?,
        };
        let along = if build.rank(shifts) == 0 { Vec::new() } else { vec![op.index_vector_dim] };
        let dims = build.dims(starts);
        let shifts = build.broadcast_in_dim(shifts, &dims, along)?;
        starts = build.plus(starts, shifts)?;
    }
    let gather = GatherOp {
        offset_dims: op.update_window_dims.clone(),
        collapsed_slice_dims: op.inserted_window_dims.clone(),
        operand_batching_dims: op.input_batching_dims.clone(),
        start_indices_batching_dims: op.scatter_indices_batching_dims.clone(),
        start_index_map: mapped.clone(),
        index_vector_dim: op.index_vector_dim,
        slice_sizes: slice_sizes.clone(),
        indices_are_sorted: false,
    };
    let found = build.add(IndexOp::Gather(gather), &[source, starts])?;
    let found = build.reshape(found, update_dims.clone())?;
    if mapped.iter().all(|&axis| is_wide(axis)) {
        return Ok(found);
    }
    // A start that was clamped along an axis without a margin is outside. Starts that were clamped to a margin read zeros
    // anyway, so that all may be compared.
    let is_inside = build.compare(Comparison::Eq, clamped, indices)?;
    let has_vectors = op.index_vector_dim < build.rank(indices);
    let is_inside =
        if has_vectors { build.reduce(ReduceKind::And, is_inside, vec![op.index_vector_dim])? } else { is_inside };
    let batch: Vec<usize> = (0..update_dims.len()).filter(|axis| !op.update_window_dims.contains(axis)).collect();
    let mask = build.broadcast_in_dim(is_inside, &update_dims, batch)?;
    let of = TensorType { dtype: build.dtype(from), dims: update_dims };
    let zeros = build.full(&of, 0.0)?;
    build.select(mask, found, zeros)
}

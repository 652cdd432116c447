//! The rules of shape ops: elements go back to where they came from.
//!
//! All of these are linear; none computes with values, but that what was repeated is summed.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, TensorType, Value};
use tancho_tensor::Array;

use super::{Fault, Pullback};
use crate::build::{Build, Built};

pub(super) fn zero_reason(op: &ShapeOp) -> Option<&'static str> {
    match op {
        ShapeOp::Constant(_) => Some("a constant depends on nothing"),
        ShapeOp::Iota { .. } | ShapeOp::DimensionSize { .. } => Some("it depends on sizes alone"),
        ShapeOp::BitcastConvert { .. } => Some("bits have no derivative"),
        ShapeOp::BroadcastInDim { .. }
        | ShapeOp::Reshape { .. }
        | ShapeOp::Transpose { .. }
        | ShapeOp::Slice { .. }
        | ShapeOp::Concatenate { .. }
        | ShapeOp::Pad { .. }
        | ShapeOp::Reverse { .. } => None,
    }
}

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ShapeOp) -> Result<(), Fault> {
    let cotangent = pullback.cotangent();
    match op {
        ShapeOp::Constant(_)
        | ShapeOp::Iota { .. }
        | ShapeOp::DimensionSize { .. }
        | ShapeOp::BitcastConvert { .. } => {}
        ShapeOp::BroadcastInDim { dims, axes } => {
            let operand = pullback.type_of_operand(0).clone();
            let share = sum_repeated(&mut pullback.build, cotangent, &operand, dims, axes)?;
            pullback.add_share(0, share)?;
        }
        ShapeOp::Reshape { dims: _ } => {
            let dims = pullback.type_of_operand(0).dims.clone();
            let share = pullback.build.reshape(cotangent, dims)?;
            pullback.add_share(0, share)?;
        }
        ShapeOp::Transpose { permutation } => {
            let mut inverse = vec![0; permutation.len()];
            for (place, &axis) in permutation.iter().enumerate() {
                inverse[axis] = place;
            }
            let share = pullback.build.transpose(cotangent, inverse)?;
            pullback.add_share(0, share)?;
        }
        ShapeOp::Slice { start, limit: _, strides } => {
            let operand = pullback.type_of_operand(0).dims.clone();
            let share = put_back(&mut pullback.build, cotangent, &operand, start, strides)?;
            pullback.add_share(0, share)?;
        }
        ShapeOp::Concatenate { axis } => concatenate(pullback, cotangent, *axis)?,
        ShapeOp::Pad { low, high, interior } => pad(pullback, cotangent, low, high, interior)?,
        ShapeOp::Reverse { axes } => {
            let share = pullback.build.reverse(cotangent, axes.clone())?;
            pullback.add_share(0, share)?;
        }
    }
    Ok(())
}

/// Sums over the axes along which the operand was repeated, and puts what is left in the operand's order.
fn sum_repeated(build: &mut Build<'_>, cotangent: Value, operand: &TensorType, dims: &Dims, axes: &[usize]) -> Built {
    let stays = |axis: &usize| {
        axes.iter()
            .position(|of| of == axis)
            .is_some_and(|place| operand.dims[place] != Dim::ONE || dims[*axis] == Dim::ONE)
    };
    let (kept, summed): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(stays);
    let sum = build.sum(cotangent, summed)?;
    let order = axes.iter().filter_map(|axis| kept.iter().position(|of| of == axis)).collect();
    let share = build.transpose(sum, order)?;
    build.reshape(share, operand.dims.clone())
}

/// The elements of a slice at their places among zeros.
fn put_back(build: &mut Build<'_>, cotangent: Value, operand: &Dims, start: &Dims, strides: &[i64]) -> Built {
    let interior: Vec<i64> = strides.iter().map(|stride| stride - 1).collect();
    let sizes = build.dims(cotangent);
    let high = (0..sizes.len())
        .map(|axis| operand[axis].clone() - start[axis].clone() - spread(&sizes[axis], interior[axis]))
        .collect();
    let dtype = build.dtype(cotangent);
    let zero = build.scalar(dtype, 0.0);
    build.pad(cotangent, zero, start.clone(), high, interior)
}

/// The size of an axis with elements put between the others, as `pad` has it.
fn spread(size: &Dim, interior: i64) -> Dim {
    if interior == 0 {
        return size.clone();
    }
    size.clone() + (size.clone() - Dim::ONE).maximum(&Dim::ZERO) * Dim::known(interior)
}

fn concatenate(pullback: &mut Pullback<'_>, cotangent: Value, axis: usize) -> Result<(), Fault> {
    let whole = pullback.build.dims(cotangent);
    let mut offset = Dim::ZERO;
    for position in 0..pullback.operands.len() {
        let end = offset.clone() + pullback.type_of_operand(position).dims[axis].clone();
        if pullback.wanted[position] {
            let (mut start, mut limit) = (Dims::from_elem(Dim::ZERO, whole.len()), whole.clone());
            start[axis] = offset;
            limit[axis] = end.clone();
            let share = pullback.build.slice(cotangent, start, limit, vec![1; whole.len()])?;
            pullback.add_share(position, share)?;
        }
        offset = end;
    }
    Ok(())
}

/// The operand's elements stand in the result from `low` on, a stride apart, as far as they were not cut off; the rest is the
/// padding value.
fn pad(pullback: &mut Pullback<'_>, cotangent: Value, low: &Dims, high: &Dims, interior: &[i64]) -> Result<(), Fault> {
    let operand = pullback.type_of_operand(0).dims.clone();
    let rank = operand.len();
    let build = &mut pullback.build;
    if pullback.wanted[0] {
        let spans: Dims = operand.iter().zip(interior).map(|(size, &interior)| spread(size, interior)).collect();
        let strides: Vec<i64> = interior.iter().map(|interior| interior + 1).collect();
        let share = if low.iter().chain(high).all(Dim::is_never_negative) {
            let limit = low.iter().zip(&spans).map(|(low, span)| low.clone() + span.clone()).collect();
            build.slice(cotangent, low.clone(), limit, strides)?
        } else {
            // What was cut off had no part in the result: zeros come where it was.
            let dtype = build.dtype(cotangent);
            let zero = build.scalar(dtype, 0.0);
            let negated = |dims: &Dims| -> Dims { dims.iter().map(|dim| -dim.clone()).collect() };
            let whole = build.pad(cotangent, zero, negated(low), negated(high), vec![0; rank])?;
            let (start, limit) = (Dims::from_elem(Dim::ZERO, rank), spans);
            if strides.iter().all(|&stride| stride == 1) { whole } else { build.slice(whole, start, limit, strides)? }
        };
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let build = &mut pullback.build;
        let taken = build.constant(Array::scalar(false));
        let taken = build.broadcast_in_dim(taken, &operand, Vec::new())?;
        let free = build.constant(Array::scalar(true));
        let is_padding = build.pad(taken, free, low.clone(), high.clone(), interior.to_vec())?;
        let zeros = build.zeros_like(cotangent)?;
        let rest = build.select(is_padding, cotangent, zeros)?;
        let share = build.sum_all(rest)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

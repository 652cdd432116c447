//! Reading and writing at places that operands give; sorting.

use std::cmp::Reverse;

use tancho_ir::Bindings;
use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_tensor::{Array, DType, Shape, with_element};

use crate::Host;
use crate::region::Region;
use crate::scalar::Scalar;
use crate::value::{Cells, Failure, for_each_index, integer, position, try_for_each_index, word};

pub(crate) fn evaluate(
    op: &IndexOp,
    operands: &[Array],
    results: &[(DType, Shape)],
    bindings: &Bindings,
    host: &Host<'_>,
) -> Result<Vec<Array>, Failure> {
    match op {
        IndexOp::Gather(op) => {
            let sizes = op.slice_sizes.iter().map(|dim| bindings.evaluate(dim));
            let sizes: Vec<i64> = sizes.collect::<Option<_>>().ok_or(Failure::TooLarge)?;
            gather(op, &operands[0], &operands[1], &sizes, &results[0].1)
        }
        IndexOp::Scatter(op) => scatter(op, operands, &mut Region::new(&op.body, host)),
        IndexOp::DynamicSlice { sizes: _ } => {
            let (operand, shape) = (&operands[0], &results[0].1);
            let start = clamped_start(&operands[1..], operand.shape(), shape);
            let mut result = Cells::filled(operand.dtype(), shape, 0)?;
            let mut at = 0;
            for_each_index(shape, |index| {
                result.set(at, word(operand, position(operand.shape(), &sum(&start, index))));
                at += 1;
            });
            Ok(vec![result.finish()?])
        }
        IndexOp::DynamicUpdateSlice => {
            let (operand, update) = (&operands[0], &operands[1]);
            let start = clamped_start(&operands[2..], operand.shape(), update.shape());
            let mut result = Cells::copy_of(operand)?;
            let mut from = 0;
            for_each_index(update.shape(), |index| {
                result.set(position(operand.shape(), &sum(&start, index)), word(update, from));
                from += 1;
            });
            Ok(vec![result.finish()?])
        }
        IndexOp::Sort { axis, stable: _, comparator } => sort(*axis, operands, &mut Region::new(comparator, host)),
        IndexOp::TopK { k: _ } => top_k(&operands[0], results),
    }
}

/// Where a slice begins: as the scalars say, but within the operand.
fn clamped_start(starts: &[Array], whole: &Shape, slice: &Shape) -> Vec<usize> {
    let clamped = |((start, &whole), &slice): ((&Array, &usize), &usize)| {
        integer(start.dtype(), word(start, 0)).clamp(0, (whole - slice) as i128) as usize
    };
    starts.iter().zip(whole.iter()).zip(slice.iter()).map(clamped).collect()
}

fn sum(left: &[usize], right: &[usize]) -> Vec<usize> {
    left.iter().zip(right).map(|(x, y)| x + y).collect()
}

/// An index vector: `start` along the axes of `map`, 0 along the others; then the batching axes take their place from the
/// index of the vector.
fn full_start(
    rank: usize,
    indices: &Array,
    vector_axis: usize,
    batch: &[usize],
    map: &[usize],
    [batching, indices_batching]: [&[usize]; 2],
) -> Vec<i128> {
    let mut full = vec![0; rank];
    for (place, &axis) in map.iter().enumerate() {
        let mut index = batch.to_vec();
        // A vector along an axis that is not there has one element, and that is a scalar.
        if vector_axis < indices.shape().rank() {
            index.insert(vector_axis, place);
        }
        full[axis] = integer(indices.dtype(), word(indices, position(indices.shape(), &index)));
    }
    for (&axis, &of_indices) in batching.iter().zip(indices_batching) {
        full[axis] = batch[of_indices - usize::from(of_indices > vector_axis)] as i128;
    }
    full
}

/// Splits the places of an index into those on some axes and those on the others.
fn split(index: &[usize], axes: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let on = index.iter().enumerate().filter(|(axis, _)| axes.contains(axis)).map(|(_, &place)| place);
    let off = index.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &place)| place);
    (on.collect(), off.collect())
}

/// The index within a slice: `window` along the axes that are not removed, 0 along the others.
fn full_window(rank: usize, window: &[usize], removed: [&[usize]; 2]) -> Vec<usize> {
    let mut window = window.iter();
    let is_removed = |axis: usize| removed.iter().any(|axes| axes.contains(&axis));
    (0..rank).map(|axis| if is_removed(axis) { 0 } else { window.next().copied().unwrap_or(0) }).collect()
}

/// The position of an index, where it lies within the sizes.
fn checked_position(sizes: &[usize], index: impl Iterator<Item = i128>) -> Option<usize> {
    sizes.iter().zip(index).try_fold(0, |position, (&size, place)| {
        let place = usize::try_from(place).ok().filter(|&place| place < size)?;
        Some(position * size + place)
    })
}

fn gather(
    op: &GatherOp,
    operand: &Array,
    indices: &Array,
    slice_sizes: &[i64],
    shape: &Shape,
) -> Result<Vec<Array>, Failure> {
    let sizes = operand.shape();
    let mut result = Cells::filled(operand.dtype(), shape, 0)?;
    let mut at = 0;
    for_each_index(shape, |index| {
        let (offset, batch) = split(index, &op.offset_dims);
        let batching = [&op.operand_batching_dims[..], &op.start_indices_batching_dims];
        let mut start = full_start(sizes.rank(), indices, op.index_vector_dim, &batch, &op.start_index_map, batching);
        for &axis in &op.start_index_map {
            start[axis] = start[axis].clamp(0, sizes[axis] as i128 - i128::from(slice_sizes[axis]));
        }
        let window = full_window(sizes.rank(), &offset, [&op.collapsed_slice_dims, &op.operand_batching_dims]);
        let index = start.iter().zip(&window).map(|(&start, &offset)| start + offset as i128);
        // Only a slice of no elements along a collapsed axis can lie outside; its element stays 0.
        if let Some(from) = checked_position(sizes, index) {
            result.set(at, word(operand, from));
        }
        at += 1;
    });
    Ok(vec![result.finish()?])
}

fn scatter(op: &ScatterOp, operands: &[Array], body: &mut Region<'_>) -> Result<Vec<Array>, Failure> {
    let count = operands.len() / 2;
    let (inputs, indices, updates) = (&operands[..count], &operands[count], &operands[count + 1..]);
    let sizes = inputs[0].shape();
    let mut results = inputs.iter().map(Cells::copy_of).collect::<Result<Vec<_>, _>>()?;
    let mut from = 0;
    try_for_each_index(updates[0].shape(), |index| {
        let (window, batch) = split(index, &op.update_window_dims);
        let batching = [&op.input_batching_dims[..], &op.scatter_indices_batching_dims];
        let map = &op.scatter_dims_to_operand_dims;
        let start = full_start(sizes.rank(), indices, op.index_vector_dim, &batch, map, batching);
        let window = full_window(sizes.rank(), &window, [&op.inserted_window_dims, &op.input_batching_dims]);
        let index = start.iter().zip(&window).map(|(&start, &offset)| start + offset as i128);
        if let Some(at) = checked_position(sizes, index) {
            let mut arguments: Vec<u64> = results.iter().map(|result| result.get(at)).collect();
            arguments.extend(updates.iter().map(|update| word(update, from)));
            let next = body.call(&arguments)?;
            results.iter_mut().zip(next).for_each(|(result, &word)| result.set(at, word));
        }
        from += 1;
        Ok(())
    })?;
    results.into_iter().map(Cells::finish).collect()
}

/// The indices along an axis, one lane after another: for each index with the place 0 along the axis, the positions of all
/// elements that differ from it there.
fn for_each_lane(
    shape: &Shape,
    axis: usize,
    mut visit: impl FnMut(&[usize]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if shape.contains(&0) {
        return Ok(());
    }
    let mut lanes = shape.to_vec();
    lanes[axis] = 1;
    try_for_each_index(&lanes, |lane| {
        let mut index = lane.to_vec();
        let position_of = |place| {
            index[axis] = place;
            position(shape, &index)
        };
        visit(&(0..shape[axis]).map(position_of).collect::<Vec<_>>())
    })
}

fn sort(axis: usize, operands: &[Array], comparator: &mut Region<'_>) -> Result<Vec<Array>, Failure> {
    let mut results = operands.iter().map(Cells::copy_of).collect::<Result<Vec<_>, _>>()?;
    for_each_lane(operands[0].shape(), axis, |lane| {
        let sorted = merge_sort(lane, &mut |x, y| {
            let pairs = operands.iter().flat_map(|operand| [word(operand, x), word(operand, y)]);
            comparator.decide(&pairs.collect::<Vec<_>>())
        })?;
        for (&to, &from) in lane.iter().zip(&sorted) {
            results.iter_mut().zip(operands).for_each(|(result, operand)| result.set(to, word(operand, from)));
        }
        Ok(())
    })?;
    results.into_iter().map(Cells::finish).collect()
}

/// Merge sort, which is stable, and gives some permutation whatever the comparator says.
fn merge_sort(
    items: &[usize],
    is_before: &mut dyn FnMut(usize, usize) -> Result<bool, Failure>,
) -> Result<Vec<usize>, Failure> {
    if items.len() < 2 {
        return Ok(items.to_vec());
    }
    let (left, right) = items.split_at(items.len() / 2);
    let (left, right) = (merge_sort(left, is_before)?, merge_sort(right, is_before)?);
    let mut merged = Vec::with_capacity(items.len());
    let (mut left, mut right) = (&left[..], &right[..]);
    while let (&[x, ref left_rest @ ..], &[y, ref right_rest @ ..]) = (left, right) {
        // The right one goes first only where it must.
        if is_before(y, x)? {
            merged.push(y);
            right = right_rest;
        } else {
            merged.push(x);
            left = left_rest;
        }
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn top_k(operand: &Array, results: &[(DType, Shape)]) -> Result<Vec<Array>, Failure> {
    let shape = operand.shape();
    let axis = shape.rank() - 1;
    let k = results[0].1[axis];
    let mut values = Cells::filled(operand.dtype(), &results[0].1, 0)?;
    let mut indices = Cells::filled(DType::I32, &results[1].1, 0)?;
    let mut row = 0;
    for_each_lane(shape, axis, |lane| {
        let mut places: Vec<usize> = (0..lane.len()).collect();
        let key = |&place: &usize| with_element!(operand.dtype(), T => order(T::from_word(word(operand, lane[place]))));
        // Stable, so that equal elements stay in the order of their indices.
        places.sort_by_key(|place| Reverse(key(place)));
        for (to, &place) in places[..k].iter().enumerate() {
            values.set(row * k + to, word(operand, lane[place]));
            indices.set(row * k + to, place as u64);
        }
        row += 1;
        Ok(())
    })?;
    Ok(vec![values.finish()?, indices.finish()?])
}

/// A number in the order of the elements: NaN is larger than every number, and +0 larger than −0.
fn order<T: Scalar>(x: T) -> i128 {
    if !T::DTYPE.is_float() {
        return integer(T::DTYPE, x.to_word());
    }
    if x.is_nan() {
        return i128::MAX;
    }
    let sign = 1 << (T::DTYPE.bits() - 1);
    let magnitude = i128::from(x.to_word() & (sign - 1));
    // −0 comes before +0.
    if x.to_word() & sign == 0 { magnitude } else { -1 - magnitude }
}

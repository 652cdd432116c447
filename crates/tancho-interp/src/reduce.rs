//! Folds along axes, in the order that `tancho_ir::ops::reduce::order` defines.
//!
//! A group of neighbouring axes makes the operand a block of three sizes, `outer × length × inner`: what stands before
//! the group, the group, and what stands behind it. The group is folded for each pair of outer and inner.

use tancho_ir::ops::reduce::order::{COLUMN_BLOCK, LANES, LAST_LANES, ROW_BLOCK, groups};
use tancho_ir::ops::{BinaryOp, ReduceKind, ReduceOp};
use tancho_tensor::{Array, DType, Shape, with_element};

use crate::elementwise::convert;
use crate::scalar::Scalar;
use crate::value::{Failure, elements, fill};

pub(crate) fn evaluate(op: &ReduceOp, operand: &Array) -> Result<Array, Failure> {
    if operand.dtype().is_half() && matches!(op.kind, ReduceKind::Sum | ReduceKind::Product) {
        // One rounding, at the end.
        return convert(operand.dtype(), &evaluate(op, &convert(DType::F32, operand)?)?);
    }
    let fold_with = |operation: BinaryOp| {
        with_element!(operand.dtype(), T => {
            let fold = |x, y| T::binary(operation, x, y).expect("the op takes the dtype");
            reduce(operand, &op.axes, identity::<T>(operation), &fold)
        })
    };
    match op.kind {
        ReduceKind::Sum => fold_with(BinaryOp::Add),
        ReduceKind::Product => fold_with(BinaryOp::Multiply),
        ReduceKind::Max => fold_with(BinaryOp::Maximum),
        ReduceKind::Min => fold_with(BinaryOp::Minimum),
        ReduceKind::And => fold_with(BinaryOp::And),
        ReduceKind::Or => fold_with(BinaryOp::Or),
        ReduceKind::ArgMax(dtype) => with_element!(operand.dtype(), T => {
            convert(dtype, &first_extreme::<T>(operand, op.axes[0], T::gt)?)
        }),
        ReduceKind::ArgMin(dtype) => with_element!(operand.dtype(), T => {
            convert(dtype, &first_extreme::<T>(operand, op.axes[0], T::lt)?)
        }),
    }
}

/// What a fold begins with, and what no elements give.
fn identity<T: Scalar>(operation: BinaryOp) -> T {
    match operation {
        BinaryOp::Add | BinaryOp::Or => T::ZERO,
        BinaryOp::Multiply => T::ONE,
        BinaryOp::Maximum => T::LEAST,
        BinaryOp::Minimum => T::GREATEST,
        BinaryOp::And => T::ALL_ONES,
        BinaryOp::Atan2
        | BinaryOp::Divide
        | BinaryOp::NextAfter
        | BinaryOp::Power
        | BinaryOp::Remainder
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Subtract
        | BinaryOp::Xor => unreachable!("no reduction folds with {}", operation.name()),
    }
}

fn reduce<T: Scalar>(
    operand: &Array,
    axes: &[usize],
    identity: T,
    fold: &impl Fn(T, T) -> T,
) -> Result<Array, Failure> {
    if operand.is_empty() {
        // The steps below would give the same, but they could meet a shape on the way that is larger than the result.
        let kept = (0..operand.shape().rank()).filter(|axis| !axes.contains(axis));
        return fill(&kept.map(|axis| operand.shape()[axis]).collect(), |_| identity);
    }
    let mut result = operand.clone();
    // Innermost first, so that the axes of the groups that are left stay where they are.
    for group in groups(axes) {
        let is_row = group.end == result.shape().rank();
        let shape = result.shape().clone();
        let kept: Shape = shape[..group.start].iter().chain(&shape[group.end..]).copied().collect();
        let length: usize = shape[group.clone()].iter().product();
        let inner: usize = shape[group.end..].iter().product();
        let x = elements::<T>(&result);
        let reduced = fill(&kept, |at| {
            let (outer, behind) = (at / inner, at % inner);
            let element = |r: usize| x[(outer * length + r) * inner + behind];
            if is_row {
                fold_blocks(length, ROW_BLOCK, identity, fold, |block| fold_lanes(block, identity, fold, element))
            } else {
                fold_blocks(length, COLUMN_BLOCK, identity, fold, |block| block.map(element).fold(identity, fold))
            }
        })?;
        result = reduced;
    }
    Ok(result)
}

/// Cuts `0 .. length` into blocks and folds the blocks' values in order, beginning with the first.
fn fold_blocks<T>(
    length: usize,
    block: usize,
    identity: T,
    fold: impl Fn(T, T) -> T,
    value_of: impl Fn(std::ops::Range<usize>) -> T,
) -> T {
    let blocks = (0..length).step_by(block).map(|start| start..length.min(start + block));
    blocks.map(value_of).reduce(fold).unwrap_or(identity)
}

/// Folds the elements of a block in interleaved lanes, then the lanes pairwise: far ones down to four, then neighbours.
fn fold_lanes<T: Copy>(
    block: std::ops::Range<usize>,
    identity: T,
    fold: impl Fn(T, T) -> T,
    element: impl Fn(usize) -> T,
) -> T {
    let mut lanes = [identity; LANES];
    for r in block {
        lanes[r % LANES] = fold(lanes[r % LANES], element(r));
    }
    let mut half = LANES / 2;
    while half >= LAST_LANES {
        for lane in 0..half {
            lanes[lane] = fold(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    fold(fold(lanes[0], lanes[1]), fold(lanes[2], lanes[3]))
}

/// The index of the first NaN along an axis; where there is none, of the first element that no other `wins` against.
fn first_extreme<T: Scalar>(operand: &Array, axis: usize, wins: impl Fn(&T, &T) -> bool) -> Result<Array, Failure> {
    let shape = operand.shape();
    let kept: Shape = shape[..axis].iter().chain(&shape[axis + 1..]).copied().collect();
    if operand.is_empty() {
        // The axis has an element, so that the result is empty as well; the product below could overflow.
        return fill(&kept, |_| 0i64);
    }
    let length = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let x = elements::<T>(operand);
    fill(&kept, |at| {
        let element = |r: usize| x[(at / inner * length + r) * inner + at % inner];
        let first_nan = (0..length).find(|&r| element(r).is_nan());
        let index = first_nan
            .unwrap_or_else(|| (0..length).fold(0, |best, r| if wins(&element(r), &element(best)) { r } else { best }));
        index as i64
    })
}

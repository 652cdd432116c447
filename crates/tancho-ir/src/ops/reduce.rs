//! Folds along axes.

use tancho_tensor::DType;

use super::{Check, OpError};
use crate::{Dim, TensorType};

/// Folds the elements along axes into one; the axes leave the shape.
///
/// (C4) The axes are distinct. (C5) They are within the rank. (C6) `argmax` and `argmin` take one axis, of size at least 1.
///
/// # Numerics
/// The order of the fold is fixed by the operand's shape and the axes alone; see [`order`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReduceOp {
    pub kind: ReduceKind,
    /// Sorted or not; the order does not matter.
    pub axes: Vec<usize>,
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// The sum; 0 of no elements. Integers (which wrap) and floats.
    Sum,
    /// The product; 1 of no elements. Integers (which wrap) and floats.
    Product,
    /// The maximum as the op `maximum` has it; −∞ or the least value of no elements. All dtypes.
    Max,
    /// The minimum as the op `minimum` has it; ∞ or the largest value of no elements. All dtypes.
    Min,
    /// The conjunction; all ones of no elements. Integers and `bool`.
    And,
    /// The disjunction; 0 of no elements. Integers and `bool`.
    Or,
    /// The index of the first maximum, as `i32` or `i64`; the first NaN wins, and zeros are equal. Integers and floats.
    ArgMax(DType),
    /// The index of the first minimum, as `i32` or `i64`; the first NaN wins, and zeros are equal. Integers and floats.
    ArgMin(DType),
}

impl ReduceOp {
    pub fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "reduce_sum",
            ReduceKind::Product => "reduce_product",
            ReduceKind::Max => "reduce_max",
            ReduceKind::Min => "reduce_min",
            ReduceKind::And => "reduce_and",
            ReduceKind::Or => "reduce_or",
            ReduceKind::ArgMax(_) => "argmax",
            ReduceKind::ArgMin(_) => "argmin",
        }
    }
}

impl ReduceKind {
    pub fn accepts(self, dtype: DType) -> bool {
        match self {
            ReduceKind::Sum | ReduceKind::Product | ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => {
                dtype != DType::Bool
            }
            ReduceKind::Max | ReduceKind::Min => true,
            ReduceKind::And | ReduceKind::Or => !dtype.is_float(),
        }
    }

    /// The dtype of the result for elements of a dtype.
    pub fn result_dtype(self, dtype: DType) -> DType {
        match self {
            ReduceKind::ArgMax(index) | ReduceKind::ArgMin(index) => index,
            ReduceKind::Sum
            | ReduceKind::Product
            | ReduceKind::Max
            | ReduceKind::Min
            | ReduceKind::And
            | ReduceKind::Or => dtype,
        }
    }
}

pub(super) fn infer(op: &ReduceOp, operand: &TensorType, check: &mut Check<'_>) -> Result<TensorType, OpError> {
    check.that(op.kind.accepts(operand.dtype), "c1", || format!("does not take {operand}"))?;
    // reduce_c4, reduce_c5
    check.distinct_axes(&op.axes, operand.rank(), "c5", "axis")?;
    if let ReduceKind::ArgMax(index) | ReduceKind::ArgMin(index) = op.kind {
        // reduce_c6
        check.that(matches!(index, DType::I32 | DType::I64), "c6", || format!("does not make {index} indices"))?;
        check.that(op.axes.len() == 1, "c6", || format!("takes one axis, not {:?}", op.axes))?;
        check.at_least(&operand.dims[op.axes[0]], &Dim::ONE, "c6", || {
            format!("axis {} of {operand} is empty", op.axes[0])
        })?;
    }
    let kept = (0..operand.rank()).filter(|axis| !op.axes.contains(axis));
    Ok(TensorType::new(op.kind.result_dtype(operand.dtype), kept.map(|axis| operand.dims[axis].clone())))
}

/// The order in which a reduction folds its elements.
///
/// Every kernel, emitter and thread count gives the bits of this order, and the interpreter follows it.
///
/// 1. Reduced axes that are neighbours form a *group*. A reduction over several groups is a sequence of reductions, the
///    innermost group first.
/// 2. A group's elements are numbered in row-major order, `r = 0 … R − 1`, and cut into *blocks* of consecutive numbers,
///    of [`ROW_BLOCK`](order::ROW_BLOCK) elements where the group holds the operand's last axis (a *row* reduction), else
///    of [`COLUMN_BLOCK`](order::COLUMN_BLOCK) (a *column* reduction).
/// 3. Within a block of a row reduction, element `r` belongs to lane `r mod LANES`. Each lane folds its elements in order,
///    beginning with the identity. Then the lanes are folded pairwise: `lane[j] = lane[j] ∘ lane[j + h]` for `j < h`, with
///    `h = LANES/2, LANES/4, …` until [`LAST_LANES`](order::LAST_LANES) are left, and those as neighbours,
///    `(lane[0] ∘ lane[1]) ∘ (lane[2] ∘ lane[3])`. So up to three elements are folded from left to right.
/// 4. Within a block of a column reduction, the elements are folded in order, beginning with the identity.
/// 5. The values of the blocks are folded in order, beginning with the first. No elements give the identity.
///
/// The identities are +0 for sums (so that a sum of negative zeros is +0), 1 for products, the least and the largest value
/// (infinities for floats) for maxima and minima, all ones for conjunctions and 0 for disjunctions. The arg reductions
/// fold pairs of value and index, where NaN is before every value, then the larger (smaller) value, then the smaller
/// index; that fold does not depend on any order.
pub mod order {
    /// The number of interleaved partial results of a row reduction.
    pub const LANES: usize = 16;
    /// The number of lanes that are folded as neighbours in the end.
    pub const LAST_LANES: usize = 4;
    /// The elements of a block of a row reduction.
    pub const ROW_BLOCK: usize = 4096;
    /// The elements of a block of a column reduction.
    pub const COLUMN_BLOCK: usize = 256;

    /// Splits reduced axes into groups of neighbours, innermost first; each group is a range of axes.
    ///
    /// `axes` need not be sorted.
    pub fn groups(axes: &[usize]) -> Vec<std::ops::Range<usize>> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
        for axis in sorted {
            match groups.last_mut() {
                Some(group) if group.end == axis => group.end += 1,
                _ => groups.push(axis..axis + 1),
            }
        }
        groups.reverse();
        groups
    }
}

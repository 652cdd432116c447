//! Products of matrices and of tensors.

use tancho_ir::ops::DotOp;
use tancho_ir::{Dim, Dims, TensorType, Value};

use crate::apply::{Attributes, apply};
use crate::axes::resolve_axis;
use crate::builder::{Builder, common_dims, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand};
use crate::tensor::Tensor;

/// The axes of a general product; those of the left tensor in the first places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotAxes {
    /// Axes that both have, and that the result begins with.
    pub batch: (Vec<i64>, Vec<i64>),
    /// Axes over which products are summed.
    pub contract: (Vec<i64>, Vec<i64>),
}

impl Tensor {
    /// The product of matrices, as NumPy's `matmul`: the last axis of this tensor is contracted with the last but one of
    /// the other; axes before those are batches, which broadcast; a tensor of rank 1 is a row on the left, a column on
    /// the right, and that axis leaves the result.
    ///
    /// # Shape
    /// `[…, m, k] · […, k, n] → […, m, n]`
    #[track_caller]
    pub fn matmul(&self, other: impl AsTensor) -> Tensor {
        matmul(self, other)
    }

    /// Sums of products over axes, for each batch: the batch axes, then the free axes of this tensor, then those of the
    /// other.
    #[track_caller]
    pub fn dot_general(&self, other: impl AsTensor, axes: &DotAxes) -> Tensor {
        let lists = [&axes.batch.0, &axes.batch.1, &axes.contract.0, &axes.contract.1];
        let attributes = lists.iter().fold(Attributes::none(), |attributes, list| attributes.integers((*list).clone()));
        apply("dot_general", attributes, [Operand::Lend(self), other.into_operand()], &|builder, values| {
            let resolve = |list: &[i64], value: Value| {
                let rank = builder.rank(value);
                list.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Result<Vec<usize>, Fault>>()
            };
            let op = DotOp {
                lhs_batch: resolve(&axes.batch.0, values[0])?,
                rhs_batch: resolve(&axes.batch.1, values[1])?,
                lhs_contract: resolve(&axes.contract.0, values[0])?,
                rhs_contract: resolve(&axes.contract.1, values[1])?,
            };
            builder.dot(values[0], values[1], op)
        })
    }
}

/// The product of matrices; see [`Tensor::matmul`].
#[track_caller]
pub fn matmul(left: impl AsTensor, right: impl AsTensor) -> Tensor {
    apply("matmul", Attributes::none(), [left.into_operand(), right.into_operand()], &|builder, values| {
        build_matmul(builder, values[0], values[1])
    })
}

/// Sums of products over axes of both: the free axes of the left tensor, then those of the right.
#[track_caller]
pub fn tensordot(
    left: impl AsTensor,
    right: impl AsTensor,
    left_axes: impl Into<Vec<i64>>,
    right_axes: impl Into<Vec<i64>>,
) -> Tensor {
    let (left_axes, right_axes) = (left_axes.into(), right_axes.into());
    let attributes = Attributes::none().integers(left_axes.clone()).integers(right_axes.clone());
    apply("tensordot", attributes, [left.into_operand(), right.into_operand()], &|builder, values| {
        let resolve = |list: &[i64], value: Value| {
            let rank = builder.rank(value);
            list.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Result<Vec<usize>, Fault>>()
        };
        let (lhs_contract, rhs_contract) = (resolve(&left_axes, values[0])?, resolve(&right_axes, values[1])?);
        builder.dot(values[0], values[1], DotOp { lhs_contract, rhs_contract, ..DotOp::default() })
    })
}

fn build_matmul(builder: &mut Builder<'_>, left: Value, right: Value) -> Result<Value, Fault> {
    let (lhs, rhs) = (builder.type_of(left).clone(), builder.type_of(right).clone());
    require(lhs.rank() > 0 && rhs.rank() > 0, || format!("takes tensors of rank 1 or more, not {lhs} and {rhs}"))?;
    let (inner_left, inner_right) = (lhs.rank() - 1, rhs.rank().saturating_sub(2));
    let (x, y) = (&lhs.dims[inner_left], &rhs.dims[inner_right]);
    require(x.always_equals(y) != Some(false), || {
        format!("inner dimensions differ: lhs {lhs} has {x}, rhs {rhs} has {y}")
    })?;
    let contract =
        |lhs_axis, rhs_axis| DotOp { lhs_contract: vec![lhs_axis], rhs_contract: vec![rhs_axis], ..DotOp::default() };
    // One matrix or vector on the right: every leading axis of the left is free, and nothing needs to be broadcast.
    if rhs.rank() <= 2 {
        return builder.dot(left, right, contract(inner_left, inner_right));
    }
    batched(builder, (left, &lhs), (right, &rhs))
}

/// `[…, m, k] · […, k, n]` or `[k] · […, k, n]`, with the batches broadcast.
fn batched(
    builder: &mut Builder<'_>,
    (left, lhs): (Value, &TensorType),
    (right, rhs): (Value, &TensorType),
) -> Result<Value, Fault> {
    let is_row = lhs.rank() == 1;
    let n_matrix = if is_row { 1 } else { 2 };
    let (left_batch, left_matrix) = lhs.dims.split_at(lhs.rank() - n_matrix);
    let (right_batch, right_matrix) = rhs.dims.split_at(rhs.rank() - 2);
    let batch = common_dims(left_batch, right_batch)
        .ok_or_else(|| Fault(format!("batches do not broadcast: lhs {lhs}, rhs {rhs}")))?;
    let join = |matrix: &[Dim]| batch.iter().chain(matrix).cloned().collect::<Dims>();
    let left = builder.broadcast_to(left, &join(left_matrix))?;
    let right = builder.broadcast_to(right, &join(right_matrix))?;
    let axes: Vec<usize> = (0..batch.len()).collect();
    let op = DotOp {
        lhs_batch: axes.clone(),
        rhs_batch: axes,
        lhs_contract: vec![batch.len() + n_matrix - 1],
        rhs_contract: vec![batch.len()],
    };
    builder.dot(left, right, op)
}

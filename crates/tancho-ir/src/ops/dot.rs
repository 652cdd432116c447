//! Products over contracted axes.

use super::{Check, OpError};
use crate::TensorType;
use tancho_tensor::DType;

/// `dot_general`: sums of products over contracted axes, for each batch.
///
/// The result's axes are the batch axes, then the free axes of the left operand, then those of the right.
///
/// (C1) Both name as many batch axes. (C2) Both name as many contracted axes. (C3), (C4) No axis is named twice. (C5)–(C8)
/// Axes are within the rank. (C9) Batch sizes agree. (C10) Contracted sizes agree. Integers (which wrap) and floats.
///
/// # Numerics
/// The contracted elements are numbered in row-major order of the contracted axes as the op names them and cut into blocks
/// of [`K_BLOCK`] consecutive numbers. Each block is one chain of fused multiply-adds that begins with +0, and the blocks
/// are added in order, beginning with the first. No elements give 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DotOp {
    pub lhs_batch: Vec<usize>,
    pub rhs_batch: Vec<usize>,
    pub lhs_contract: Vec<usize>,
    pub rhs_contract: Vec<usize>,
}

/// The contracted elements of one chain of fused multiply-adds.
pub const K_BLOCK: usize = 256;

impl DotOp {
    /// `[m, k] · [k, n]`
    pub fn matmul() -> Self {
        DotOp { lhs_contract: vec![1], rhs_contract: vec![0], ..DotOp::default() }
    }

    pub fn name(&self) -> &'static str {
        "dot_general"
    }

    /// The axes of an operand of a rank that are neither batch nor contracted, in order.
    pub fn free_axes(batch: &[usize], contract: &[usize], rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !batch.contains(axis) && !contract.contains(axis)).collect()
    }
}

pub(super) fn infer(
    op: &DotOp,
    lhs: &TensorType,
    rhs: &TensorType,
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    check.that(lhs.dtype == rhs.dtype, "c13", || format!("dtypes differ: lhs {lhs}, rhs {rhs}"))?;
    check.that(lhs.dtype != DType::Bool, "c13", || format!("does not take {lhs}"))?;
    // dot_general_c1
    check.that(op.lhs_batch.len() == op.rhs_batch.len(), "c1", || {
        format!("batch axes differ in number: lhs {:?}, rhs {:?}", op.lhs_batch, op.rhs_batch)
    })?;
    // dot_general_c2
    check.that(op.lhs_contract.len() == op.rhs_contract.len(), "c2", || {
        format!("contracted axes differ in number: lhs {:?}, rhs {:?}", op.lhs_contract, op.rhs_contract)
    })?;
    // dot_general_c3 to dot_general_c8
    for (batch, contract, operand, constraint) in
        [(&op.lhs_batch, &op.lhs_contract, lhs, "c3"), (&op.rhs_batch, &op.rhs_contract, rhs, "c4")]
    {
        let axes: Vec<usize> = batch.iter().chain(contract).copied().collect();
        check.distinct_axes(&axes, operand.rank(), constraint, "axis")?;
    }
    let mut dims = crate::Dims::new();
    for (&left, &right) in op.lhs_batch.iter().zip(&op.rhs_batch) {
        // dot_general_c9
        let (x, y) = (&lhs.dims[left], &rhs.dims[right]);
        check.equal(x, y, "c9", || format!("batch sizes differ: lhs {lhs} has {x}, rhs {rhs} has {y}"))?;
        dims.push(x.clone());
    }
    for (&left, &right) in op.lhs_contract.iter().zip(&op.rhs_contract) {
        // dot_general_c10
        let (x, y) = (&lhs.dims[left], &rhs.dims[right]);
        check.equal(x, y, "c10", || format!("contracted sizes differ: lhs {lhs} has {x}, rhs {rhs} has {y}"))?;
    }
    dims.extend(
        DotOp::free_axes(&op.lhs_batch, &op.lhs_contract, lhs.rank()).iter().map(|&axis| lhs.dims[axis].clone()),
    );
    dims.extend(
        DotOp::free_axes(&op.rhs_batch, &op.rhs_contract, rhs.rank()).iter().map(|&axis| rhs.dims[axis].clone()),
    );
    Ok(TensorType { dtype: lhs.dtype, dims })
}

//! Computed places: gather, scatter, dynamic slices, sorting. Each is a procedure.

mod walk;
mod slice;
mod gather;
mod scatter;
mod sort;
mod top_k;

use tancho_ir::ops::IndexOp;
use tancho_ir::{Dim, NodeId};

use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &IndexOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    let launch = match op {
        IndexOp::Gather(op) => gather::lower(lowering, id, op, results[0]),
        IndexOp::Scatter(op) => scatter::lower(lowering, id, op, results)?,
        IndexOp::DynamicSlice { .. } => slice::lower_slice(lowering, id, results[0]),
        IndexOp::DynamicUpdateSlice => slice::lower_update(lowering, id, results[0]),
        IndexOp::Sort { axis, stable: _, comparator } => sort::lower(lowering, id, *axis, comparator, results)?,
        IndexOp::TopK { k } => top_k::lower(lowering, id, k, results),
    };
    Ok(vec![launch])
}

/// The distance, in elements, from one place along each axis to the next, in a dense array of these sizes.
fn strides_of(sizes: &[Dim]) -> Vec<Dim> {
    (0..sizes.len()).map(|axis| Dim::product(&sizes[axis + 1..])).collect()
}

/// `position + index · stride`.
fn advance(builder: &mut ProcedureBuilder, position: Variable, index: Variable, stride: &Dim) -> Variable {
    if *stride == Dim::ONE {
        return builder.add(position, index);
    }
    let stride = builder.size(stride);
    builder.multiply_add(index, stride, position)
}

/// An index of any integer dtype as `i64`; a `u64` beyond that range is the largest `i64`.
fn index_as_i64(builder: &mut ProcedureBuilder, index: Variable) -> Variable {
    if builder.dtype(index) != tancho_tensor::DType::U64 {
        return builder.convert(index, tancho_tensor::DType::I64);
    }
    let largest = builder.constant(i64::MAX as u64, tancho_tensor::DType::U64);
    let index = builder.minimum(index, largest);
    builder.convert(index, tancho_tensor::DType::I64)
}

/// An index of any integer dtype as `i64`, clamped to `0 ..= whole − part`.
pub(super) fn clamp_start(builder: &mut ProcedureBuilder, start: Variable, whole: &Dim, part: &Dim) -> Variable {
    let start = index_as_i64(builder, start);
    let last = builder.size(&(whole.clone() - part.clone()));
    let start = builder.minimum(start, last);
    let zero = builder.integer(0);
    builder.maximum(start, zero)
}

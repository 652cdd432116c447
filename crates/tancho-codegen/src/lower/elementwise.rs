//! Elementwise ops: the operands at the same index, then their expansion into the body.

use tancho_ir::Value;
use tancho_ir::ops::ElementwiseOp;

use super::{KernelBuilder, Stop};
use crate::draft::Map;
use crate::kernel::Scalar;
use crate::math;

pub(super) fn lower(
    builder: &mut KernelBuilder<'_>,
    op: &ElementwiseOp,
    operands: &[Value],
    map: &Map,
) -> Result<Scalar, Stop> {
    let mut scalars = [Scalar(0); 3];
    for (scalar, &operand) in scalars.iter_mut().zip(operands) {
        *scalar = pull_or_broadcast(builder, operand, map)?;
    }
    let [x, y, z] = scalars;
    let body = &mut builder.draft.body;
    Ok(match op {
        ElementwiseOp::Unary(op) => math::expand_unary(body, *op, x),
        ElementwiseOp::Binary(op) => math::expand_binary(body, *op, x, y),
        ElementwiseOp::Compare(comparison) => math::expand_compare(body, *comparison, x, y),
        ElementwiseOp::Select => body.select(x, y, z),
        ElementwiseOp::Convert(dtype) => math::expand_convert(body, x, *dtype),
        ElementwiseOp::Clamp => math::clamp(body, x, y, z),
    })
}

/// A scalar stands for every element: the predicate of a select, the bounds of a clamp.
fn pull_or_broadcast(builder: &mut KernelBuilder<'_>, operand: Value, map: &Map) -> Result<Scalar, Stop> {
    if builder.graph.type_of(operand).rank() == 0 {
        return builder.pull(operand, &Map::new());
    }
    builder.pull(operand, map)
}

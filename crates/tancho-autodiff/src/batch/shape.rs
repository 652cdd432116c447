//! The movement of data: the same op with its axes shifted.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::{Item, Items, Rule, batched, shifted, with_batch, with_batch_axis};
use crate::build::Built;
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &ShapeOp, operands: &[Item]) -> Result<Items, Fault> {
    let op = match op {
        // Without operands, none is batched; what these give is the same for all elements.
        ShapeOp::Constant(_) | ShapeOp::Iota { .. } | ShapeOp::DimensionSize { .. } => {
            let value = rule.build.add(op.clone(), &[])?;
            return Ok(Items::from_iter([Item { value, is_batched: false }]));
        }
        ShapeOp::BroadcastInDim { dims, axes } => {
            ShapeOp::BroadcastInDim { dims: with_batch(&rule.size, dims), axes: with_batch_axis(axes) }
        }
        ShapeOp::Reshape { dims } => ShapeOp::Reshape { dims: with_batch(&rule.size, dims) },
        ShapeOp::Transpose { permutation } => ShapeOp::Transpose { permutation: with_batch_axis(permutation) },
        ShapeOp::Slice { start, limit, strides } => ShapeOp::Slice {
            start: with_batch(&Dim::ZERO, start),
            limit: with_batch(&rule.size, limit),
            strides: std::iter::once(1).chain(strides.iter().copied()).collect(),
        },
        ShapeOp::Concatenate { axis } => ShapeOp::Concatenate { axis: axis + 1 },
        ShapeOp::Pad { low, high, interior } => {
            return Ok(batched(pad(rule, operands[0], operands[1], [low, high], interior)?));
        }
        // The axis that may come or go is the last one.
        ShapeOp::BitcastConvert { dtype } => ShapeOp::BitcastConvert { dtype: *dtype },
        ShapeOp::Reverse { axes } => ShapeOp::Reverse { axes: shifted(axes) },
    };
    let operands = rule.broadcast_all(operands)?;
    rule.add(op, &operands)
}

/// A padding with a batched value is chosen where a mask of the operand's elements, padded in the same way, is false.
fn pad(rule: &mut Rule<'_>, operand: Item, value: Item, [low, high]: [&Dims; 2], interior: &[i64]) -> Built<Value> {
    if !value.is_batched {
        return pad_each(rule, operand, value.value, [low, high], interior);
    }
    let of = rule.type_of(operand);
    let zero = rule.build.scalar(of.dtype, 0.0);
    let padded = pad_each(rule, operand, zero, [low, high], interior)?;
    let padded = rule.broadcast(Item { value: padded, is_batched: operand.is_batched })?;
    let mask = rule.build.full(&of.with_dtype(DType::Bool), 1.0)?;
    let outside = rule.build.scalar(DType::Bool, 0.0);
    let mask = rule.build.pad(mask, outside, low.clone(), high.clone(), interior.to_vec())?;
    let mask = rule.broadcast(Item { value: mask, is_batched: false })?;
    let dims = rule.build.dims(padded);
    let value = rule.spread_scalar(value.value, &dims)?;
    rule.build.select(mask, padded, value)
}

/// Pads with one value for all elements.
fn pad_each(
    rule: &mut Rule<'_>,
    operand: Item,
    value: Value,
    [low, high]: [&Dims; 2],
    interior: &[i64],
) -> Built<Value> {
    if !operand.is_batched {
        return rule.build.pad(operand.value, value, low.clone(), high.clone(), interior.to_vec());
    }
    let interior = std::iter::once(0).chain(interior.iter().copied()).collect();
    rule.build.pad(operand.value, value, with_batch(&Dim::ZERO, low), with_batch(&Dim::ZERO, high), interior)
}

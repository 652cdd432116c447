//! The movement of data: each op is a change of the index.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::{Array, DType};

use super::elementwise::convert;
use super::{KernelBuilder, Stop};
use crate::draft::{Affine, Map};
use crate::kernel::{Instruction, Scalar};

pub(super) fn lower(
    builder: &mut KernelBuilder<'_>,
    op: &ShapeOp,
    value: Value,
    operands: &[Value],
    map: &Map,
) -> Result<Scalar, Stop> {
    match op {
        ShapeOp::Constant(array) => match element_bits(array) {
            Some(bits) if array.dtype().is_half() => {
                Ok(builder.halves.constant(&mut builder.draft.body, bits, array.dtype()))
            }
            Some(bits) => Ok(builder.draft.body.constant_bits(bits, array.dtype())),
            None => Ok(builder.load(value, map)),
        },
        ShapeOp::Iota { dtype, axis, .. } => {
            let index = index(builder, &map[*axis]);
            Ok(convert(&mut builder.draft.body, &mut builder.halves, index, DType::I64, *dtype))
        }
        ShapeOp::DimensionSize { dim, dtype } => {
            let size = builder.draft.size(dim);
            Ok(convert(&mut builder.draft.body, &mut builder.halves, size, DType::I64, *dtype))
        }
        ShapeOp::BroadcastInDim { .. }
        | ShapeOp::Reshape { .. }
        | ShapeOp::Transpose { .. }
        | ShapeOp::Slice { .. }
        | ShapeOp::Reverse { .. } => {
            let dims = builder.graph.type_of(operands[0]).dims.clone();
            match operand_map(op, &dims, map) {
                Some(map) => builder.pull(operands[0], &map),
                // The elements of a dense operand lie in the same order: the reshaped value is loaded from its memory.
                None => Ok(builder.load(value, map)),
            }
        }
        ShapeOp::BitcastConvert { .. } | ShapeOp::Concatenate { .. } | ShapeOp::Pad { .. } => {
            Ok(builder.load(value, map))
        }
    }
}

/// The index of the operand's element for an index of the result of an op that moves data; `None` where it is not affine
/// (only for `reshape`) or the op is of another kind.
pub(super) fn operand_map(op: &ShapeOp, operand: &Dims, map: &Map) -> Option<Map> {
    let zero = || Affine::constant(Dim::ZERO);
    match op {
        ShapeOp::BroadcastInDim { axes, .. } => {
            let index = |(size, &axis): (&Dim, &usize)| if *size == Dim::ONE { zero() } else { map[axis].clone() };
            Some(operand.iter().zip(axes).map(index).collect())
        }
        ShapeOp::Transpose { permutation } => {
            let mut result = vec![zero(); map.len()];
            for (axis, index) in permutation.iter().zip(map) {
                result[*axis] = index.clone();
            }
            Some(result)
        }
        ShapeOp::Slice { start, strides, .. } => Some(
            map.iter()
                .zip(start.iter().zip(strides))
                .map(|(index, (start, &stride))| index.scaled(&Dim::known(stride), start.clone()))
                .collect(),
        ),
        ShapeOp::Reverse { axes } => Some(
            map.iter()
                .enumerate()
                .map(|(axis, index)| match axes.contains(&axis) {
                    true => index.scaled(&Dim::known(-1), operand[axis].clone() - Dim::ONE),
                    false => index.clone(),
                })
                .collect(),
        ),
        ShapeOp::Reshape { dims } => reshape_map(operand, dims, map),
        ShapeOp::Constant(_)
        | ShapeOp::Iota { .. }
        | ShapeOp::DimensionSize { .. }
        | ShapeOp::BitcastConvert { .. }
        | ShapeOp::Concatenate { .. }
        | ShapeOp::Pad { .. } => None,
    }
}

/// The index before a reshape, where each axis of the operand is a run of axes of the result (axes of size 1 aside).
fn reshape_map(operand: &Dims, result: &Dims, map: &Map) -> Option<Map> {
    let mut axes = result.iter().zip(map).filter(|(size, _)| **size != Dim::ONE);
    let mut before = Map::new();
    for size in operand {
        let mut index = Affine::constant(Dim::ZERO);
        let mut covered = Dim::ONE;
        while covered != *size {
            let (result_size, result_index) = axes.next()?;
            index = index.scaled(result_size, Dim::ZERO).plus(result_index);
            covered = covered * result_size.clone();
            if covered.as_known().is_some()
                && size.as_known().is_some_and(|size| size < covered.as_known().unwrap_or(0))
            {
                return None;
            }
        }
        before.push(index);
    }
    axes.next().is_none().then_some(before)
}

/// The value of an index expression, as `i64`.
fn index(builder: &mut KernelBuilder<'_>, index: &Affine) -> Scalar {
    let mut total: Option<Scalar> = None;
    for (dimension, coefficient) in &index.terms {
        let mut term = builder.draft.body.push(Instruction::Index(*dimension as u32), DType::I64);
        if *coefficient != Dim::ONE {
            let factor = builder.draft.size(coefficient);
            term = builder.draft.body.multiply(term, factor);
        }
        total = Some(match total {
            Some(total) => builder.draft.body.add(total, term),
            None => term,
        });
    }
    let offset = &index.offset;
    match total {
        Some(total) if *offset == Dim::ZERO => total,
        Some(total) => {
            let offset = builder.draft.size(offset);
            builder.draft.body.add(total, offset)
        }
        None => builder.draft.size(offset),
    }
}

/// The bits of the only element of an array.
pub(crate) fn element_bits(array: &Array) -> Option<u64> {
    if array.len() != 1 {
        return None;
    }
    let mut bits = [0; 8];
    let bytes = array.buffer().bytes();
    bits[..bytes.len()].copy_from_slice(bytes);
    Some(u64::from_le_bytes(bits))
}

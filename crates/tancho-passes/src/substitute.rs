//! Replaces symbols in the attributes of an op.

use tancho_ir::ops::{ControlOp, ShapeOp};
use tancho_ir::{Dim, Dims, Op, Symbol};

/// The op with the symbols in its attributes replaced.
pub fn substitute_symbols(op: &Op, replacement: &impl Fn(&Symbol) -> Option<Dim>) -> Op {
    let dims = |dims: &Dims| -> Dims { dims.iter().map(|dim| dim.substitute(replacement)).collect() };
    match op {
        // These have no sizes.
        Op::Elementwise(_) | Op::Reduce(_) | Op::Dot(_) => op.clone(),
        // The body of a call has symbols of its own.
        Op::Control(ControlOp::Call(_)) => op.clone(),
        Op::Shape(shape) => Op::Shape(match shape {
            ShapeOp::Iota { dtype, dims: sizes, axis } => {
                ShapeOp::Iota { dtype: *dtype, dims: dims(sizes), axis: *axis }
            }
            ShapeOp::DimensionSize { dim, dtype } => {
                ShapeOp::DimensionSize { dim: dim.substitute(replacement), dtype: *dtype }
            }
            ShapeOp::BroadcastInDim { dims: sizes, axes } => {
                ShapeOp::BroadcastInDim { dims: dims(sizes), axes: axes.clone() }
            }
            ShapeOp::Reshape { dims: sizes } => ShapeOp::Reshape { dims: dims(sizes) },
            ShapeOp::Slice { start, limit, strides } => {
                ShapeOp::Slice { start: dims(start), limit: dims(limit), strides: strides.clone() }
            }
            ShapeOp::Pad { low, high, interior } => {
                ShapeOp::Pad { low: dims(low), high: dims(high), interior: interior.clone() }
            }
            ShapeOp::Constant(_)
            | ShapeOp::Transpose { .. }
            | ShapeOp::Concatenate { .. }
            | ShapeOp::Reverse { .. } => shape.clone(),
        }),
    }
}

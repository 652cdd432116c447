//! Replaces symbols in the attributes of an op.

use crate::ops::{ControlOp, ConvOp, CustomCall, FoldOp, GatherOp, IndexOp, RandomOp, ShapeOp, WindowAxis};
use crate::{Dim, Dims, Op, Symbol};

/// The op with the symbols in its attributes replaced.
pub fn substitute_symbols(op: &Op, replacement: &impl Fn(&Symbol) -> Option<Dim>) -> Op {
    let dims = |dims: &Dims| -> Dims { dims.iter().map(|dim| dim.substitute(replacement)).collect() };
    let windows = |window: &[WindowAxis]| -> Vec<WindowAxis> {
        let replace = |axis: &WindowAxis| WindowAxis {
            size: axis.size.substitute(replacement),
            low: axis.low.substitute(replacement),
            high: axis.high.substitute(replacement),
            ..*axis
        };
        window.iter().map(replace).collect()
    };
    match op {
        // These have no sizes.
        Op::Elementwise(_) | Op::Reduce(_) | Op::Dot(_) | Op::Linalg(_) | Op::Effect(_) => op.clone(),
        // The graphs that an op holds have symbols of their own.
        Op::Control(op) => Op::Control(match op {
            ControlOp::CustomCall(call) => {
                let results = call.results.iter().map(|of| of.substitute(replacement)).collect();
                ControlOp::CustomCall(CustomCall { results, ..call.clone() })
            }
            ControlOp::While { condition, body, bound } => {
                let bound = bound.as_ref().map(|bound| bound.substitute(replacement));
                ControlOp::While { condition: condition.clone(), body: body.clone(), bound }
            }
            ControlOp::Call { .. }
            | ControlOp::Case { .. }
            | ControlOp::OptimizationBarrier
            | ControlOp::StopGradient => op.clone(),
        }),
        Op::Conv(op) => Op::Conv(ConvOp { window: windows(&op.window), ..op.clone() }),
        Op::Fold(op) => Op::Fold(match op {
            FoldOp::ReduceWindow { window, body } => {
                FoldOp::ReduceWindow { window: windows(window), body: body.clone() }
            }
            FoldOp::SelectAndScatter { window, select, scatter } => {
                FoldOp::SelectAndScatter { window: windows(window), select: select.clone(), scatter: scatter.clone() }
            }
            FoldOp::Reduce { .. } | FoldOp::Scan { .. } => op.clone(),
        }),
        Op::Index(op) => Op::Index(match op {
            IndexOp::Gather(gather) => {
                IndexOp::Gather(GatherOp { slice_sizes: dims(&gather.slice_sizes), ..gather.clone() })
            }
            IndexOp::DynamicSlice { sizes } => IndexOp::DynamicSlice { sizes: dims(sizes) },
            IndexOp::TopK { k } => IndexOp::TopK { k: k.substitute(replacement) },
            IndexOp::Scatter(_) | IndexOp::DynamicUpdateSlice | IndexOp::Sort { .. } => op.clone(),
        }),
        Op::Random(op) => Op::Random(RandomOp { bits: op.bits.substitute(replacement), ..op.clone() }),
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
            | ShapeOp::BitcastConvert { .. }
            | ShapeOp::Reverse { .. } => shape.clone(),
        }),
    }
}

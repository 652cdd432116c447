//! What each op becomes: the list that the documentation shows.

use tancho_ir::Op;
use tancho_ir::ops::{ControlOp, EffectOp, FoldOp, IndexOp, LinalgOp, ReduceKind, ShapeOp};

use super::elementwise::dialect;

/// The StableHLO that an op becomes, in the words of the documentation.
pub fn counterpart(op: &Op) -> String {
    let text = match op {
        Op::Elementwise(op) => return format!("`{}.{}`", dialect(*op), op.name()),
        Op::Shape(op) => match op {
            ShapeOp::Constant(_) => "`stablehlo.constant`",
            ShapeOp::Iota { .. } => "`stablehlo.iota`, `stablehlo.dynamic_iota`",
            ShapeOp::DimensionSize { .. } => "`stablehlo.get_dimension_size` and arithmetic",
            ShapeOp::BroadcastInDim { .. } => "`stablehlo.broadcast_in_dim`, `stablehlo.dynamic_broadcast_in_dim`",
            ShapeOp::Reshape { .. } => "`stablehlo.reshape`, `stablehlo.dynamic_reshape`",
            ShapeOp::Transpose { .. } => "`stablehlo.transpose`",
            ShapeOp::Slice { .. } => "`stablehlo.slice`, `stablehlo.real_dynamic_slice`",
            ShapeOp::Concatenate { .. } => "`stablehlo.concatenate`",
            ShapeOp::Pad { .. } => "`stablehlo.pad`, `stablehlo.dynamic_pad`",
            ShapeOp::BitcastConvert { .. } => "`stablehlo.bitcast_convert`",
            ShapeOp::Reverse { .. } => "`stablehlo.reverse`",
        },
        Op::Reduce(op) => match op.kind {
            ReduceKind::Sum
            | ReduceKind::Product
            | ReduceKind::Max
            | ReduceKind::Min
            | ReduceKind::And
            | ReduceKind::Or => "`stablehlo.reduce` with one op for a body",
            ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => "`stablehlo.reduce` of values and indices",
        },
        Op::Dot(_) => "`stablehlo.dot_general` of the highest precision",
        Op::Conv(_) => "`stablehlo.convolution` of the highest precision, `stablehlo.dynamic_conv`",
        Op::Fold(op) => match op {
            FoldOp::Reduce { .. } => "`stablehlo.reduce`",
            FoldOp::ReduceWindow { .. } => {
                "`stablehlo.reduce_window`, or the custom call `stablehlo.dynamic_reduce_window`"
            }
            FoldOp::SelectAndScatter { .. } => "`stablehlo.select_and_scatter`; window and padding must be known",
            FoldOp::Scan { .. } => {
                "`stablehlo.reduce_window` where the initial value changes nothing, else `stablehlo.while` for known sizes"
            }
        },
        Op::Index(op) => match op {
            IndexOp::Gather(_) => "`stablehlo.gather`, `stablehlo.dynamic_gather`",
            IndexOp::Scatter(_) => "`stablehlo.scatter`",
            IndexOp::DynamicSlice { .. } => "`stablehlo.dynamic_slice`, `stablehlo.real_dynamic_slice`",
            IndexOp::DynamicUpdateSlice => "`stablehlo.dynamic_update_slice`",
            IndexOp::Sort { .. } => "`stablehlo.sort`, always stable",
            IndexOp::TopK { .. } => "`chlo.top_k`; `k` must be known",
        },
        Op::Random(_) => "`stablehlo.rng_bit_generator`; sizes must be known",
        Op::Linalg(op) => match op {
            LinalgOp::Cholesky { .. } => "`stablehlo.cholesky` and a mask of the other triangle",
            LinalgOp::TriangularSolve { .. } => "`stablehlo.triangular_solve`",
        },
        Op::Control(op) => match op {
            ControlOp::Call { .. } => "`func.call` of a private function",
            ControlOp::While { .. } => "`stablehlo.while`, with what does not change captured",
            ControlOp::Case { .. } => "`stablehlo.case`, `stablehlo.if`",
            ControlOp::OptimizationBarrier => "`stablehlo.optimization_barrier`",
            ControlOp::StopGradient => "nothing: its operands",
            ControlOp::CustomCall(_) => "`stablehlo.custom_call`; the sizes of results must be known",
        },
        Op::Effect(EffectOp::Print { .. } | EffectOp::Assert { .. }) => "none",
    };
    text.into()
}

//! Samples of reductions, with sizes at both sides of the lengths of their blocks.

use tancho_ir::ops::{ReduceKind, ReduceOp};
use tancho_ir::{Op, TensorType};
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

/// One of every kind: each names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<ReduceOp> {
    let kinds = std::iter::successors(Some(ReduceKind::Sum), |kind| {
        Some(match kind {
            ReduceKind::Sum => ReduceKind::Product,
            ReduceKind::Product => ReduceKind::Max,
            ReduceKind::Max => ReduceKind::Min,
            ReduceKind::Min => ReduceKind::And,
            ReduceKind::And => ReduceKind::Or,
            ReduceKind::Or => ReduceKind::ArgMax(DType::I32),
            ReduceKind::ArgMax(DType::I32) => ReduceKind::ArgMax(DType::I64),
            ReduceKind::ArgMax(_) => ReduceKind::ArgMin(DType::I32),
            ReduceKind::ArgMin(DType::I32) => ReduceKind::ArgMin(DType::I64),
            ReduceKind::ArgMin(_) => return None,
        })
    });
    kinds.map(|kind| ReduceOp { kind, axes: vec![0] }).collect()
}

/// Sizes and reduced axes.
const REDUCTIONS: &[(&[usize], &[usize])] = &[
    (&[], &[]),
    (&[0], &[0]),
    (&[1], &[0]),
    (&[7], &[0]),
    (&[7], &[]),
    (&[16], &[0]),
    (&[67], &[0]),
    (&[4099], &[0]),
    (&[3, 5], &[1]),
    (&[3, 5], &[0]),
    (&[3, 5], &[0, 1]),
    (&[3, 5], &[1, 0]),
    (&[3, 0], &[1]),
    (&[3, 0], &[0]),
    (&[0, 3], &[0]),
    (&[3, 67], &[1]),
    (&[67, 3], &[0]),
    (&[300, 17], &[0]),
    (&[2, 4100], &[1]),
    (&[2, 3, 5], &[1]),
    (&[2, 3, 5], &[0, 2]),
    (&[2, 300, 5], &[2, 1]),
    (&[5, 2, 300], &[0, 2]),
    (&[2, 3, 1, 5], &[1, 2]),
    (&[2, 3, 4, 5, 2], &[0, 2, 4]),
    (&[2, 1, 2, 3, 1, 2], &[1, 2, 4, 5]),
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &ReduceOp) {
    for dtype in DType::ALL.into_iter().filter(|&dtype| op.kind.accepts(dtype)) {
        for (sizes, axes) in REDUCTIONS {
            let possible = match op.kind {
                ReduceKind::Sum
                | ReduceKind::Product
                | ReduceKind::Max
                | ReduceKind::Min
                | ReduceKind::And
                | ReduceKind::Or => true,
                ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => axes.len() == 1 && sizes[axes[0]] > 0,
            };
            if possible {
                let op = ReduceOp { kind: op.kind, axes: axes.to_vec() };
                samples.push(Sample::new(Op::Reduce(op), [of(dtype, sizes)]));
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &ReduceOp) {
    let dtype = DType::ALL.into_iter().find(|&dtype| op.kind.accepts(dtype)).unwrap_or(DType::F32);
    for (sizes, axes) in [("?n", vec![0]), ("?n, 3, 2*?m", vec![2]), ("2, ?n + 1", vec![1])] {
        let op = ReduceOp { kind: op.kind, axes };
        samples.push(Sample::new(Op::Reduce(op), [typed(&format!("{dtype}[{sizes}]"))]));
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &ReduceOp) {
    let mut add = |axes: &[usize], operand: &str, constraint, message| {
        let op = ReduceOp { kind: op.kind, axes: axes.to_vec() };
        samples.push(Invalid::new(Op::Reduce(op), [typed(operand)], constraint, message));
    };
    match op.kind {
        ReduceKind::Sum => {
            add(&[0], "bool[3]", "c1", "reduce_sum: does not take bool[3]");
            add(&[1], "f32[3]", "c5", "reduce_sum: axis 1 is out of range for rank 1");
            add(&[0, 0], "f32[3, 2]", "c5", "reduce_sum: axis 0 is named twice");
        }
        ReduceKind::Product => add(&[0], "bool[3]", "c1", "reduce_product: does not take bool[3]"),
        ReduceKind::Max => add(&[2], "f32[3, 2]", "c5", "reduce_max: axis 2 is out of range for rank 2"),
        ReduceKind::Min => add(&[0], "f32[]", "c5", "reduce_min: axis 0 is out of range for rank 0"),
        ReduceKind::And => add(&[0], "f32[3]", "c1", "reduce_and: does not take f32[3]"),
        ReduceKind::Or => add(&[0], "f64[3]", "c1", "reduce_or: does not take f64[3]"),
        ReduceKind::ArgMax(_) => {
            add(&[0, 1], "f32[3, 2]", "c6", "argmax: takes one axis, not [0, 1]");
            add(&[], "f32[3, 2]", "c6", "argmax: takes one axis, not []");
            add(&[1], "f32[3, 0]", "c6", "argmax: axis 1 of f32[3, 0] is empty");
        }
        ReduceKind::ArgMin(_) => {
            add(&[0], "bool[3]", "c1", "argmin: does not take bool[3]");
            add(&[0], "f32[0]", "c6", "argmin: axis 0 of f32[0] is empty");
        }
    }
    if let ReduceKind::ArgMax(DType::I64) = op.kind {
        let op = ReduceOp { kind: ReduceKind::ArgMax(DType::F32), axes: vec![0] };
        let operands: [TensorType; 1] = [of(DType::F32, &[3])];
        samples.push(Invalid::new(Op::Reduce(op), operands, "c6", "argmax: does not make f32 indices"));
    }
}

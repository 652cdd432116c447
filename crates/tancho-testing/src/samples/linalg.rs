//! Samples of factorisations and triangular systems.

use tancho_ir::Op;
use tancho_ir::ops::LinalgOp;
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

/// Every op with every combination of flags. Each op names the one behind it, so that a new one is put between two.
pub(super) fn prototypes() -> Vec<LinalgOp> {
    let solve = LinalgOp::TriangularSolve { left_side: true, lower: true, unit_diagonal: true, transpose: true };
    let ops = std::iter::successors(Some(LinalgOp::Cholesky { lower: true }), |op| match op {
        LinalgOp::Cholesky { .. } => Some(solve),
        LinalgOp::TriangularSolve { .. } => None,
    });
    ops.flat_map(flag_combinations).collect()
}

fn flag_combinations(op: LinalgOp) -> Vec<LinalgOp> {
    let flags = |count: u32| (0..1u32 << count).map(|bits| [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1));
    match op {
        LinalgOp::Cholesky { .. } => flags(1).map(|[lower, ..]| LinalgOp::Cholesky { lower }).collect(),
        LinalgOp::TriangularSolve { .. } => flags(4)
            .map(|[left_side, lower, unit_diagonal, transpose]| LinalgOp::TriangularSolve {
                left_side,
                lower,
                unit_diagonal,
                transpose,
            })
            .collect(),
    }
}

/// Batch sizes, the size of the square matrices, and the other size of the right side.
const SYSTEMS: [(&[usize], usize, usize); 9] = [
    (&[], 1, 1),
    (&[], 3, 2),
    (&[], 0, 3),
    (&[], 3, 0),
    (&[], 5, 1),
    (&[], 17, 9),
    (&[3], 4, 5),
    (&[0], 2, 2),
    (&[2, 3], 3, 4),
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &LinalgOp) {
    for dtype in DType::ALL.into_iter().filter(|dtype| dtype.is_float()) {
        for (batch, size, other) in SYSTEMS {
            let matrices = |rows, columns| of(dtype, &[batch, &[rows, columns]].concat());
            match *op {
                LinalgOp::Cholesky { .. } => samples.push(Sample::new(Op::Linalg(*op), [matrices(size, size)])),
                LinalgOp::TriangularSolve { left_side, .. } => {
                    let right = if left_side { matrices(size, other) } else { matrices(other, size) };
                    samples.push(Sample::new(Op::Linalg(*op), [matrices(size, size), right]));
                }
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &LinalgOp) {
    match *op {
        LinalgOp::Cholesky { .. } => samples.push(Sample::new(Op::Linalg(*op), [typed("f32[?b, ?n, ?m]")])),
        LinalgOp::TriangularSolve { left_side, .. } => {
            let right = if left_side { "f64[?c, ?n, 3]" } else { "f64[?c, 3, ?m]" };
            samples.push(Sample::new(Op::Linalg(*op), [typed("f64[?b, ?n, ?n]"), typed(right)]));
        }
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &LinalgOp) {
    let mut add = |operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Linalg(*op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    match *op {
        LinalgOp::Cholesky { .. } => {
            add(&["i32[3, 3]"], "c1", "cholesky: does not take i32[3, 3]");
            add(&["f32[3]"], "c2", "cholesky: f32[3] has no matrices");
            add(&["f32[3, 4]"], "c3", "cholesky: the matrices of f32[3, 4] are not square");
        }
        LinalgOp::TriangularSolve { left_side, .. } => {
            let message = "triangular_solve: dtypes differ: f32[3, 3] and f64[3, 3]";
            add(&["f32[3, 3]", "f64[3, 3]"], "c1", message);
            let message = "triangular_solve: ranks differ: f32[3, 3] and f32[2, 3, 3]";
            add(&["f32[3, 3]", "f32[2, 3, 3]"], "c2", message);
            let message = "triangular_solve: the matrices of f32[2, 3] are not square";
            add(&["f32[2, 3]", "f32[3, 3]"], "c3", message);
            let message = "triangular_solve: f32[4, 3, 3] does not fit f32[2, 3, 3]";
            add(&["f32[2, 3, 3]", "f32[4, 3, 3]"], "c3", message);
            if left_side {
                add(&["f32[3, 3]", "f32[2, 3]"], "c3", "triangular_solve: f32[2, 3] does not fit f32[3, 3]");
            } else {
                add(&["f32[3, 3]", "f32[3, 2]"], "c3", "triangular_solve: f32[3, 2] does not fit f32[3, 3]");
            }
        }
    }
}

//! Linear algebra: factors and triangular systems, batched over leading axes.

use super::{Check, OpError};
use crate::TensorType;

/// Factors and solutions of the matrices in the last two axes. Floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinalgOp {
    /// The Cholesky factor of symmetric positive definite matrices: `L` with `L·Lᵀ = A` (`lower`), or `Lᵀ`.
    ///
    /// Only that triangle of the operand is read, and the other one of the result is 0.
    /// (C2) The rank is at least 2. (C3) The last two sizes agree.
    ///
    /// # Numerics
    /// Row by row; each element's sum is one chain of fused multiply-adds. A matrix that is not positive definite gives NaN
    /// from its first bad pivot on.
    Cholesky { lower: bool },
    /// Solves `op(A)·X = B` (`left_side`) or `X·op(A) = B` for `X`, with a triangular `A`.
    ///
    /// Operands: `A`, `B`. Only the triangle that `lower` names is read, and the diagonal counts as ones with
    /// `unit_diagonal`. `op(A)` is `Aᵀ` with `transpose`, else `A`.
    /// (C1) One dtype. (C2) One rank, at least 2. (C3) The batch sizes agree and `A` is square with the size of `B` on that
    /// side.
    ///
    /// # Numerics
    /// Substitution; each element's sum is one chain of fused multiply-adds, then a division.
    TriangularSolve { left_side: bool, lower: bool, unit_diagonal: bool, transpose: bool },
}

impl LinalgOp {
    pub fn name(&self) -> &'static str {
        match self {
            LinalgOp::Cholesky { .. } => "cholesky",
            LinalgOp::TriangularSolve { .. } => "triangular_solve",
        }
    }

    pub fn arity(&self) -> usize {
        match self {
            LinalgOp::Cholesky { .. } => 1,
            LinalgOp::TriangularSolve { .. } => 2,
        }
    }
}

pub(super) fn infer(op: &LinalgOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<TensorType, OpError> {
    let a = &operands[0];
    check.that(a.dtype.is_float(), "c1", || format!("does not take {a}"))?;
    // cholesky_c2, triangular_solve_c2
    check.that(a.rank() >= 2, "c2", || format!("{a} has no matrices"))?;
    let (rows, columns) = (&a.dims[a.rank() - 2], &a.dims[a.rank() - 1]);
    // cholesky_c3, triangular_solve_c3
    check.equal(rows, columns, "c3", || format!("the matrices of {a} are not square"))?;
    match op {
        LinalgOp::Cholesky { lower: _ } => Ok(a.clone()),
        LinalgOp::TriangularSolve { left_side, lower: _, unit_diagonal: _, transpose: _ } => {
            let b = &operands[1];
            // triangular_solve_c1
            check.that(a.dtype == b.dtype, "c1", || format!("dtypes differ: {a} and {b}"))?;
            check.that(a.rank() == b.rank(), "c2", || format!("ranks differ: {a} and {b}"))?;
            let message = || format!("{b} does not fit {a}");
            for (x, y) in a.dims.iter().zip(&b.dims).take(a.rank() - 2) {
                check.equal(x, y, "c3", message)?;
            }
            let side = if *left_side { b.rank() - 2 } else { b.rank() - 1 };
            check.equal(rows, &b.dims[side], "c3", message)?;
            Ok(b.clone())
        }
    }
}

//! Factors of matrices and triangular systems, batched over leading axes.

use tancho_ir::ops::{LinalgOp, Op};
use tancho_ir::{Dim as IrDim, Dims};

use crate::apply::{Attributes, apply};
use crate::builder::{common_dims, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::tensor::Tensor;

/// Which triangular system a [`Tensor::triangular_solve`] solves; the default is `A·X = B` with a lower triangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriangularOptions {
    /// `A·X = B`, else `X·A = B`.
    pub left_side: bool,
    /// Whether the lower triangle of `A` is read, else the upper one.
    pub lower: bool,
    /// Whether the diagonal counts as ones and is not read.
    pub unit_diagonal: bool,
    /// Whether `A` stands for its transpose.
    pub transpose: bool,
}

impl Default for TriangularOptions {
    fn default() -> Self {
        TriangularOptions { left_side: true, lower: true, unit_diagonal: false, transpose: false }
    }
}

impl Tensor {
    /// The lower triangular `L` with `L·Lᵀ = A`, of symmetric positive definite matrices. Floats.
    ///
    /// # Shape
    /// `[…, n, n] → […, n, n]`
    ///
    /// # Numerics
    /// The lower triangle alone is read, and above the diagonal the result is 0. A matrix that is not positive definite gives
    /// NaN from its first bad pivot on.
    ///
    /// # Errors
    /// The last two axes are not of one size; the elements are not floats.
    #[track_caller]
    pub fn cholesky(&self) -> Tensor {
        self.unary("cholesky", Attributes::none(), &|builder, values| {
            builder.require_float(values[0])?;
            builder.add(Op::Linalg(LinalgOp::Cholesky { lower: true }), &[values[0]])
        })
    }

    /// `X` with `A·X = B`, where this tensor is the triangular `A`. Floats.
    ///
    /// # Shape
    /// `[…, n, n]`, `B` `[…, n, m] → […, n, m]`, or `[…, m, n]` where `A` is on the right; the leading axes broadcast.
    ///
    /// # Numerics
    /// By substitution. A zero on the diagonal gives infinities and NaN.
    ///
    /// # Errors
    /// The matrices are not square, or do not fit `B`; dtypes differ, or are not floats.
    #[track_caller]
    pub fn triangular_solve(&self, b: impl AsTensor, options: TriangularOptions) -> Tensor {
        let TriangularOptions { left_side, lower, unit_diagonal, transpose } = options;
        let flags = [left_side, lower, unit_diagonal, transpose];
        let attributes = flags.into_iter().fold(Attributes::none(), Attributes::flag);
        let mut inputs = [Operand::Lend(self), b.into_operand()];
        resolve("triangular_solve", &mut inputs);
        apply("triangular_solve", attributes, inputs, &|builder, values| {
            builder.require_float(values[0])?;
            let (a, b) = (builder.type_of(values[0]).clone(), builder.type_of(values[1]).clone());
            require(a.rank() >= 2 && b.rank() >= 2, || format!("takes matrices, not {a} and {b}"))?;
            let (a_batch, a_matrix) = a.dims.split_at(a.rank() - 2);
            let (b_batch, b_matrix) = b.dims.split_at(b.rank() - 2);
            let batch =
                common_dims(a_batch, b_batch).ok_or_else(|| Fault(format!("batches do not broadcast: {a} and {b}")))?;
            let join = |matrix: &[IrDim]| batch.iter().chain(matrix).cloned().collect::<Dims>();
            let a = builder.broadcast_to(values[0], &join(a_matrix))?;
            let b = builder.broadcast_to(values[1], &join(b_matrix))?;
            let op = LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose };
            builder.add(Op::Linalg(op), &[a, b])
        })
    }
}

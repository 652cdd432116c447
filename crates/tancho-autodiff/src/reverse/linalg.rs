//! The linalg family: factors and triangular systems.
//!
//! Notation: `X̄` is the cotangent of `X`; matrices stand in the last two axes, and everything else is batched.
//!
//! **Cholesky** (Murray 2016, *Differentiation of the Cholesky decomposition*). With `L·Lᵀ = A` and `P = Φ(Lᵀ·L̄)`, where Φ
//! takes the lower triangle with half of the diagonal, `S = L⁻ᵀ·P·L⁻¹`. Only one triangle of `A` is read, so that its
//! elements off the diagonal have what stands at both places, and the other triangle has nothing: `Ā = Φ(S + Sᵀ)`.
//!
//! **Triangular systems.** `op(A)·X = B` has `B̄ = op(A)⁻ᵀ·X̄`, the same system transposed, and `op(A)` has `−B̄·Xᵀ`, of which
//! only the triangle that is read counts.

use tancho_ir::Value;
use tancho_ir::ops::{Comparison, DotOp, LinalgOp};
use tancho_tensor::DType;

use super::{Fault, Pullback};
use crate::build::{Build, Built};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &LinalgOp) -> Result<(), Fault> {
    match *op {
        LinalgOp::Cholesky { lower } => cholesky(pullback, lower)?,
        LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose } => {
            triangular_solve(pullback, left_side, lower, unit_diagonal, transpose)?;
        }
    }
    Ok(())
}

fn cholesky(pullback: &mut Pullback<'_>, lower: bool) -> Result<(), Fault> {
    let (factor, cotangent) = (pullback.result(0), pullback.cotangent());
    let build = &mut pullback.build;
    let turned = |build: &mut Build<'_>, x: Value| if lower { Ok(x) } else { transpose(build, x) };
    let (factor, cotangent) = (turned(build, factor)?, turned(build, cotangent)?);
    let product = matmul(build, [factor, cotangent], [true, false])?;
    let product = lower_half(build, product)?;
    let solve =
        |left_side, transpose| LinalgOp::TriangularSolve { left_side, lower: true, unit_diagonal: false, transpose };
    let half = build.add(solve(true, true), &[factor, product])?;
    let both = build.add(solve(false, false), &[factor, half])?;
    let mirrored = transpose(build, both)?;
    let sum = build.plus(both, mirrored)?;
    let share = lower_half(build, sum)?;
    let share = turned(build, share)?;
    pullback.add_share(0, share)?;
    Ok(())
}

fn triangular_solve(
    pullback: &mut Pullback<'_>,
    left_side: bool,
    lower: bool,
    unit_diagonal: bool,
    transpose: bool,
) -> Result<(), Fault> {
    let (a, x, cotangent) = (pullback.operands[0], pullback.result(0), pullback.cotangent());
    let op = LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose: !transpose };
    let build = &mut pullback.build;
    let of_b = build.add(op, &[a, cotangent])?;
    if pullback.wanted[0] {
        // Of op(A): −B̄·Xᵀ, or −Xᵀ·B̄ where it stands at the right side; of A, that or its transpose.
        let build = &mut pullback.build;
        let product = match (left_side, transpose) {
            (true, false) => matmul(build, [of_b, x], [false, true])?,
            (true, true) => matmul(build, [x, of_b], [false, true])?,
            (false, false) => matmul(build, [x, of_b], [true, false])?,
            (false, true) => matmul(build, [of_b, x], [true, false])?,
        };
        let negated = build.negate(product)?;
        let zeros = build.zeros_like(negated)?;
        let is_read = match (lower, unit_diagonal) {
            (true, false) => Comparison::Ge,
            (true, true) => Comparison::Gt,
            (false, false) => Comparison::Le,
            (false, true) => Comparison::Lt,
        };
        let share = select_triangle(build, is_read, negated, zeros)?;
        pullback.add_share(0, share)?;
    }
    pullback.add_share(1, of_b)?;
    Ok(())
}

/// The matrices with their axes exchanged.
fn transpose(build: &mut Build<'_>, x: Value) -> Built {
    let rank = build.rank(x);
    let mut permutation: Vec<usize> = (0..rank).collect();
    permutation.swap(rank - 2, rank - 1);
    build.transpose(x, permutation)
}

/// The products of matrices, each transposed or not.
fn matmul(build: &mut Build<'_>, [x, y]: [Value; 2], [transpose_x, transpose_y]: [bool; 2]) -> Built {
    let rank = build.rank(x);
    let batch: Vec<usize> = (0..rank - 2).collect();
    let op = DotOp {
        lhs_batch: batch.clone(),
        rhs_batch: batch,
        lhs_contract: vec![if transpose_x { rank - 2 } else { rank - 1 }],
        rhs_contract: vec![if transpose_y { rank - 1 } else { rank - 2 }],
    };
    build.dot(op, x, y)
}

/// The lower triangle with half of the diagonal.
fn lower_half(build: &mut Build<'_>, x: Value) -> Built {
    let (zeros, half) = (build.zeros_like(x)?, build.scaled(x, 0.5)?);
    let lower = select_triangle(build, Comparison::Gt, x, zeros)?;
    select_triangle(build, Comparison::Eq, half, lower)
}

/// One value where the row compares so to the column, else another.
fn select_triangle(build: &mut Build<'_>, rows_to_columns: Comparison, inside: Value, outside: Value) -> Built {
    let (dims, rank) = (build.dims(inside), build.rank(inside));
    let rows = build.iota(DType::I32, dims.clone(), rank - 2)?;
    let columns = build.iota(DType::I32, dims, rank - 1)?;
    let is_inside = build.compare(rows_to_columns, rows, columns)?;
    build.select(is_inside, inside, outside)
}

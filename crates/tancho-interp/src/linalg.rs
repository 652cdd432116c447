//! Factors of matrices and triangular systems, by the textbook.

use tancho_ir::ops::{BinaryOp, LinalgOp, UnaryOp};
use tancho_tensor::{Array, DType, with_element};

use crate::elementwise::convert;
use crate::scalar::Scalar;
use crate::value::{Failure, elements, fill};

pub(crate) fn evaluate(op: LinalgOp, operands: &[Array]) -> Result<Array, Failure> {
    let dtype = operands[0].dtype();
    if dtype.is_half() {
        // One rounding, at the end.
        let operands = operands.iter().map(|operand| convert(DType::F32, operand)).collect::<Result<Vec<_>, _>>()?;
        return convert(dtype, &evaluate(op, &operands)?);
    }
    with_element!(dtype, T => match op {
        LinalgOp::Cholesky { lower } => cholesky::<T>(&operands[0], lower),
        LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose } => {
            solve::<T>(&operands[0], &operands[1], Triangle { left_side, lower, unit_diagonal, transpose })
        }
    })
}

fn divide<T: Scalar>(x: T, y: T) -> T {
    T::binary(BinaryOp::Divide, x, y).expect("the op takes floats")
}

fn negate<T: Scalar>(x: T) -> T {
    T::unary(UnaryOp::Negate, x).expect("the op takes floats")
}

/// `sum − x·y` with one rounding.
fn multiply_subtract<T: Scalar>(x: T, y: T, sum: T) -> T {
    T::multiply_add(negate(x), y, sum)
}

/// Row by row; a sum runs over the columns from left to right.
fn cholesky<T: Scalar>(operand: &Array, lower: bool) -> Result<Array, Failure> {
    let n = operand.shape()[operand.shape().rank() - 1];
    let a = elements::<T>(operand);
    let mut factors = vec![T::ZERO; a.len()];
    let matrices = factors.chunks_exact_mut((n * n).max(1)).zip(a.chunks_exact((n * n).max(1)));
    for (factor, a) in matrices {
        let at = |row: usize, column: usize| if lower { row * n + column } else { column * n + row };
        for row in 0..n {
            for column in 0..=row {
                let sum = (0..column).fold(a[at(row, column)], |sum, k| {
                    multiply_subtract(factor[at(row, k)], factor[at(column, k)], sum)
                });
                factor[at(row, column)] = if column < row {
                    divide(sum, factor[at(column, column)])
                } else if sum > T::ZERO {
                    T::unary(UnaryOp::Sqrt, sum).expect("the op takes floats")
                } else {
                    // Not positive definite. What is computed with this pivot becomes NaN as well.
                    T::ALL_ONES
                };
            }
        }
    }
    fill(operand.shape(), |at| factors[at])
}

struct Triangle {
    left_side: bool,
    lower: bool,
    unit_diagonal: bool,
    transpose: bool,
}

/// `M·x = b` for each row or column `x` of the result. The unknowns are found one after another, and each one's sum runs over
/// the others in the order in which they were found.
fn solve<T: Scalar>(a: &Array, b: &Array, triangle: Triangle) -> Result<Array, Failure> {
    let Triangle { left_side, lower, unit_diagonal, transpose } = triangle;
    let rank = b.shape().rank();
    let (rows, columns) = (b.shape()[rank - 2], b.shape()[rank - 1]);
    let (n, systems) = if left_side { (rows, columns) } else { (columns, rows) };
    let (a, mut x) = (elements::<T>(a), elements::<T>(b).to_vec());
    // A system with the matrix at the right side is one with the transposed matrix at the left.
    let is_transposed = transpose == left_side;
    let coefficient =
        |a: &[T], row: usize, column: usize| a[if is_transposed { column * n + row } else { row * n + column }];
    let order: Vec<usize> = if lower != is_transposed { (0..n).collect() } else { (0..n).rev().collect() };
    if !x.is_empty() {
        for (x, a) in x.chunks_exact_mut(rows * columns).zip(a.chunks_exact(n * n)) {
            for system in 0..systems {
                let at =
                    |unknown: usize| if left_side { unknown * columns + system } else { system * columns + unknown };
                for (found, &row) in order.iter().enumerate() {
                    let sum = order[..found].iter().fold(x[at(row)], |sum, &column| {
                        multiply_subtract(coefficient(a, row, column), x[at(column)], sum)
                    });
                    x[at(row)] = if unit_diagonal { sum } else { divide(sum, coefficient(a, row, row)) };
                }
            }
        }
    }
    fill(b.shape(), |at| x[at])
}

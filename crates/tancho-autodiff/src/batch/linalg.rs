//! Linear algebra, which has leading batch axes anyway. A triangular matrix that all elements share is not repeated: the systems
//! of all elements are systems of that one matrix.

use tancho_ir::ops::LinalgOp;

use super::merge::{merge, split};
use super::{Item, Items, Rule, batched};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &LinalgOp, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        LinalgOp::TriangularSolve { left_side, lower: _, unit_diagonal: _, transpose: _ }
            if !operands[0].is_batched =>
        {
            let (a, b) = (operands[0], operands[1]);
            // A system is a column where the matrix is on the left side, else a row.
            let axis = rule.rank(b) - if *left_side { 1 } else { 2 };
            let systems = merge(rule, b.value, axis, 1)?;
            let solved = rule.build.add(*op, &[a.value, systems])?;
            let dims = rule.types[0].dims.clone();
            Ok(batched(split(rule, solved, axis, 1, &dims)?))
        }
        LinalgOp::Cholesky { lower: _ } | LinalgOp::TriangularSolve { .. } => {
            let operands = rule.broadcast_all(operands)?;
            rule.add(*op, &operands)
        }
    }
}

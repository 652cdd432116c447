//! Linear algebra: factors and triangular systems as procedures.
//!
//! Each element's sum is one chain of fused multiply-adds in the documented order; what is chosen here is in which order the
//! chains of different elements go on, such that several are under way at once and memory is read as it lies.

mod cholesky;
mod solve;

use tancho_ir::NodeId;
use tancho_ir::ops::LinalgOp;
use tancho_tensor::DType;

use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::kernel::Unary;
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &LinalgOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    let launch = match *op {
        LinalgOp::Cholesky { lower: true } => cholesky::lower_left(lowering, id, results[0]),
        LinalgOp::Cholesky { lower: false } => cholesky::lower_right(lowering, id, results[0]),
        LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose } => {
            let triangle = solve::Triangle { left_side, lower, unit_diagonal, transpose };
            solve::lower(lowering, id, triangle, results[0])
        }
    };
    Ok(vec![launch])
}

/// Matrices in a buffer.
#[derive(Clone, Copy)]
struct Matrices {
    place: Place,
    dtype: DType,
}

/// `sum − x·y` with one rounding.
fn multiply_subtract(builder: &mut ProcedureBuilder, x: Variable, y: Variable, sum: Variable) -> Variable {
    let negated = negate(builder, x);
    builder.multiply_add(negated, y, sum)
}

fn negate(builder: &mut ProcedureBuilder, x: Variable) -> Variable {
    builder.compute(&[x], |body, operands| body.unary(Unary::Negate, operands[0]))
}

fn divide(builder: &mut ProcedureBuilder, x: Variable, y: Variable) -> Variable {
    builder.compute(&[x, y], |body, operands| body.divide(operands[0], operands[1]))
}

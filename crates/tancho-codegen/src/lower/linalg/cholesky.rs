//! Cholesky factors; rows are matrices.
//!
//! The lower factor is made *left-looking*, some rows at a time: for each column before these rows, the chains of all of them
//! run over the same earlier columns, from left to right, side by side.
//! ```text
//! L[i,j] = (A[i,j] − Σₖ L[i,k]·L[j,k]) / L[j,j]     k < j < i
//! L[i,i] = √(A[i,i] − Σₖ L[i,k]²)
//! ```
//! The upper factor `U = Lᵀ` is made *right-looking*: once row `k` is done, its products are taken from all rows below. So
//! that chain goes on in memory, and each step runs along rows. The order within each chain is the same.

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, NodeId};
use tancho_tensor::DType;

use super::{Matrices, divide, multiply_subtract, negate};
use crate::fuse::Lowering;
use crate::kernel::Unary;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The number of rows of the lower factor that are made at once.
const ROWS: i64 = 4;

/// The buffers of a factorisation, the matrices' size, and their number and work.
struct Setup {
    builder: ProcedureBuilder,
    from: Matrices,
    to: Matrices,
    n: Dim,
    count: Dim,
}

impl Setup {
    fn new(lowering: &mut Lowering<'_>, id: NodeId, result: BufferId) -> Self {
        let graph = lowering.graph;
        let operand = graph.node(id).operands()[0];
        let of = graph.type_of(operand);
        let mut builder = ProcedureBuilder::new("cholesky");
        let from = Matrices { place: builder.reads(lowering.request(operand), of.dtype), dtype: of.dtype };
        let to = Matrices { place: builder.writes(result, of.dtype), dtype: of.dtype };
        let n = of.dims[of.rank() - 1].clone();
        Setup { builder, from, to, n, count: Dim::product(&of.dims[..of.rank() - 2]) }
    }

    fn finish(self) -> Launch {
        let work = self.n.clone() * self.n.clone() * (self.n + Dim::known(8));
        Launch::Procedure(self.builder.finish(self.count, work, Vec::new()))
    }
}

/// The lower factor.
pub(super) fn lower_left(lowering: &mut Lowering<'_>, id: NodeId, result: BufferId) -> Launch {
    let mut setup = Setup::new(lowering, id, result);
    let (from, to, n) = (setup.from, setup.to, setup.n.clone());
    setup.builder.for_each_row(|builder, row| {
        let volume = builder.size(&(n.clone() * n.clone()));
        let origin = builder.multiply(row, volume);
        let left = Left { from, to, n: builder.size(&n), origin };
        let rows = builder.integer(ROWS);
        let blocks = n.ceil_div(&Dim::known(ROWS)).expect("a positive divisor");
        let blocks = builder.size(&blocks);
        builder.repeat(blocks, |builder, block| {
            let first = builder.multiply(block, rows);
            let end = builder.add(first, rows);
            let is_whole = builder.compare(Comparison::Le, end, left.n);
            builder.if_else(
                is_whole,
                |builder| left.factor_before(builder, first, ROWS),
                |builder| {
                    builder.for_each(first, left.n, |builder, row| left.factor_before_row(builder, row, first));
                },
            );
            let end = builder.minimum(end, left.n);
            builder.for_each(first, end, |builder, row| left.factor_diagonal(builder, row, first));
        });
    });
    setup.finish()
}

struct Left {
    from: Matrices,
    to: Matrices,
    n: Variable,
    origin: Variable,
}

impl Left {
    fn row_start(&self, builder: &mut ProcedureBuilder, row: Variable) -> Variable {
        builder.multiply_add(row, self.n, self.origin)
    }

    /// The elements of some neighbouring rows, in the columns before the first of them.
    fn factor_before(&self, builder: &mut ProcedureBuilder, first: Variable, rows: i64) {
        let mut starts = vec![self.row_start(builder, first)];
        for _ in 1..rows {
            let last = starts[starts.len() - 1];
            starts.push(builder.add(last, self.n));
        }
        builder.repeat(first, |builder, column| {
            let column_start = self.row_start(builder, column);
            let sums: Vec<Variable> = starts
                .iter()
                .map(|&start| {
                    let at = builder.add(start, column);
                    let element = builder.load(self.from.place, at);
                    builder.variable(element)
                })
                .collect();
            builder.repeat(column, |builder, k| {
                let at = builder.add(column_start, k);
                let other = builder.load(self.to.place, at);
                let elements: Vec<Variable> = starts
                    .iter()
                    .map(|&start| {
                        let at = builder.add(start, k);
                        builder.load(self.to.place, at)
                    })
                    .collect();
                for (&sum, element) in sums.iter().zip(elements) {
                    let next = multiply_subtract(builder, element, other, sum);
                    builder.assign(sum, next);
                }
            });
            let at = builder.add(column_start, column);
            let pivot = builder.load(self.to.place, at);
            for (&sum, &start) in sums.iter().zip(&starts) {
                let quotient = divide(builder, sum, pivot);
                let at = builder.add(start, column);
                builder.store(self.to.place, at, quotient);
            }
        });
    }

    /// The elements of one row in the columns before `end`.
    fn factor_before_row(&self, builder: &mut ProcedureBuilder, row: Variable, end: Variable) {
        let zero = builder.integer(0);
        self.factor_columns(builder, row, zero, end);
    }

    /// The elements of a row from a column to the diagonal, and the zeros behind it.
    fn factor_diagonal(&self, builder: &mut ProcedureBuilder, row: Variable, begin: Variable) {
        self.factor_columns(builder, row, begin, row);
        let start = self.row_start(builder, row);
        let sum = self.chain(builder, start, start, row);
        let at = builder.add(start, row);
        let pivot = pivot(builder, sum);
        builder.store(self.to.place, at, pivot);
        let one = builder.integer(1);
        let behind = builder.add(at, one);
        let end = builder.add(start, self.n);
        let zero = builder.constant(0, self.to.dtype);
        builder.for_each(behind, end, |builder, at| builder.store(self.to.place, at, zero));
    }

    fn factor_columns(&self, builder: &mut ProcedureBuilder, row: Variable, begin: Variable, end: Variable) {
        let start = self.row_start(builder, row);
        builder.for_each(begin, end, |builder, column| {
            let column_start = self.row_start(builder, column);
            let sum = self.chain(builder, start, column_start, column);
            let at = builder.add(column_start, column);
            let pivot = builder.load(self.to.place, at);
            let quotient = divide(builder, sum, pivot);
            let at = builder.add(start, column);
            builder.store(self.to.place, at, quotient);
        });
    }

    /// `A[i,j] − Σₖ L[i,k]·L[j,k]` for the rows `i` and `j` that start there.
    fn chain(&self, builder: &mut ProcedureBuilder, row: Variable, other: Variable, column: Variable) -> Variable {
        let at = builder.add(row, column);
        let element = builder.load(self.from.place, at);
        let sum = builder.variable(element);
        builder.repeat(column, |builder, k| {
            let (at, other_at) = (builder.add(row, k), builder.add(other, k));
            let (x, y) = (builder.load(self.to.place, at), builder.load(self.to.place, other_at));
            let next = multiply_subtract(builder, x, y, sum);
            builder.assign(sum, next);
        });
        sum
    }
}

/// The upper factor.
pub(super) fn lower_right(lowering: &mut Lowering<'_>, id: NodeId, result: BufferId) -> Launch {
    let mut setup = Setup::new(lowering, id, result);
    let (from, to, n) = (setup.from, setup.to, setup.n.clone());
    setup.builder.for_each_row(|builder, row| {
        let volume = builder.size(&(n.clone() * n.clone()));
        let origin = builder.multiply(row, volume);
        let n = builder.size(&n);
        let one = builder.integer(1);
        builder.repeat(n, |builder, row| {
            let start = builder.multiply_add(row, n, origin);
            let diagonal = builder.add(start, row);
            let end = builder.add(start, n);
            let nothing = builder.constant(0, to.dtype);
            builder.for_each(start, diagonal, |builder, at| builder.store(to.place, at, nothing));
            builder.for_each(diagonal, end, |builder, at| {
                let element = builder.load(from.place, at);
                builder.store(to.place, at, element);
            });
        });
        builder.repeat(n, |builder, k| {
            let start = builder.multiply_add(k, n, origin);
            let diagonal = builder.add(start, k);
            let end = builder.add(start, n);
            let sum = builder.load(to.place, diagonal);
            let pivot = pivot(builder, sum);
            builder.store(to.place, diagonal, pivot);
            let behind = builder.add(diagonal, one);
            builder.for_each(behind, end, |builder, at| {
                let element = builder.load(to.place, at);
                let quotient = divide(builder, element, pivot);
                builder.store(to.place, at, quotient);
            });
            let below = builder.add(k, one);
            builder.for_each(below, n, |builder, row| {
                let at = builder.add(start, row);
                let factor = builder.load(to.place, at);
                let factor = negate(builder, factor);
                let rows = builder.subtract(row, k);
                let distance = builder.multiply(rows, n);
                builder.for_each(at, end, |builder, at| {
                    let other = builder.load(to.place, at);
                    let target = builder.add(at, distance);
                    let sum = builder.load(to.place, target);
                    let next = builder.multiply_add(factor, other, sum);
                    builder.store(to.place, target, next);
                });
            });
        });
    });
    setup.finish()
}

/// The diagonal's element for its sum: the root, or NaN where the matrix is not positive definite.
fn pivot(builder: &mut ProcedureBuilder, sum: Variable) -> Variable {
    builder.compute(&[sum], |body, operands| {
        let dtype = body.dtype(operands[0]);
        let zero = body.float(0.0, dtype);
        let is_positive = body.compare(Comparison::Gt, operands[0], zero);
        let root = body.unary(Unary::Sqrt, operands[0]);
        let nan = body.constant_bits(nan_bits(dtype), dtype);
        body.select(is_positive, root, nan)
    })
}

fn nan_bits(dtype: DType) -> u64 {
    match dtype {
        DType::F64 => f64::NAN.to_bits(),
        _ => u64::from(f32::NAN.to_bits()),
    }
}

//! Triangular systems; rows are right-hand sides.
//!
//! A system is `M·x = b`, with `M` the matrix or its transpose. The unknowns are found one after another, and each one's sum
//! runs over the others in the order in which they were found.
//!
//! - Of the columns of a result (`left_side`), a run of neighbours is solved at once, so that memory is read along rows.
//! - Otherwise each system is solved for itself: with chains in variables where a row of `M` lies side by side, and else by
//!   taking each unknown, once found, from all later sums.

use tancho_ir::{Dim, NodeId};

use super::{Matrices, divide, multiply_subtract, negate};
use crate::fuse::Lowering;
use crate::lower::fold::Runs;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The most columns that are solved at once.
const LONGEST_RUN: i64 = 256;

/// The fewest columns that are worth it.
const SHORTEST_RUN: i64 = 4;

#[derive(Clone, Copy)]
pub(super) struct Triangle {
    pub left_side: bool,
    pub lower: bool,
    pub unit_diagonal: bool,
    pub transpose: bool,
}

pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, triangle: Triangle, result: BufferId) -> Launch {
    let graph = lowering.graph;
    let node = graph.node(id);
    let (a, b) = (node.operands()[0], node.operands()[1]);
    let of = &node.types()[0];
    let mut builder = ProcedureBuilder::new("triangular_solve");
    let matrices = Matrices { place: builder.reads(lowering.request(a), of.dtype), dtype: of.dtype };
    let right = Matrices { place: builder.reads(lowering.request(b), of.dtype), dtype: of.dtype };
    let solution = Matrices { place: builder.writes(result, of.dtype), dtype: of.dtype };
    let [rows, columns] = [&of.dims[of.rank() - 2], &of.dims[of.rank() - 1]];
    let (n, systems) = if triangle.left_side { (rows, columns) } else { (columns, rows) };
    let batch = Dim::product(&of.dims[..of.rank() - 2]);
    // A system with the matrix at the right side is one with the transposed matrix at the left.
    let is_transposed = triangle.transpose == triangle.left_side;
    let is_forward = triangle.lower != is_transposed;
    let setup = |builder: &mut ProcedureBuilder, matrix: Variable| {
        let volume = builder.size(&(n.clone() * n.clone()));
        let size = builder.size(n);
        let one = builder.integer(1);
        let (row_stride, column_stride) = if is_transposed { (one, size) } else { (size, one) };
        let origin = builder.multiply(matrix, volume);
        let unit_diagonal = triangle.unit_diagonal;
        System { matrices, right, solution, n: size, origin, row_stride, column_stride, unit_diagonal, is_forward }
    };
    let in_runs = triangle.left_side && columns.as_known().is_none_or(|columns| columns >= SHORTEST_RUN);
    let work = n.clone() * (n.clone() + Dim::known(8));
    let (rows, work) = if in_runs {
        let runs = Runs::new(systems, LONGEST_RUN);
        runs.for_each(&mut builder, |builder, matrix, first, count| {
            let system = setup(builder, matrix);
            let (size, stride) = (builder.size(&(n.clone() * columns.clone())), builder.size(columns));
            let start = builder.multiply_add(matrix, size, first);
            system.solve_run(builder, start, stride, count);
        });
        (runs.rows(batch), runs.work(work))
    } else {
        builder.for_each_row(|builder, row| {
            let systems = builder.size(systems);
            let (matrix, number) = builder.divide(row, systems);
            let system = setup(builder, matrix);
            let size = builder.size(&(n.clone() * if triangle.left_side { columns } else { rows }.clone()));
            let start = builder.multiply(matrix, size);
            let one = builder.integer(1);
            let stride = if triangle.left_side { builder.size(columns) } else { one };
            let distance = if triangle.left_side { one } else { system.n };
            let start = builder.multiply_add(number, distance, start);
            match is_transposed {
                true => system.solve_by_updates(builder, start, stride),
                false => system.solve_chains(builder, start, stride),
            }
        });
        (batch * systems.clone(), work)
    };
    Launch::Procedure(builder.finish(rows, work, Vec::new()))
}

/// A matrix, and in which order its rows give the unknowns.
struct System {
    matrices: Matrices,
    right: Matrices,
    solution: Matrices,
    n: Variable,
    /// The matrix's first element.
    origin: Variable,
    row_stride: Variable,
    column_stride: Variable,
    unit_diagonal: bool,
    is_forward: bool,
}

impl System {
    /// The number of the unknown that is found at some step.
    fn unknown(&self, builder: &mut ProcedureBuilder, step: Variable) -> Variable {
        if self.is_forward {
            return step;
        }
        let one = builder.integer(1);
        let last = builder.subtract(self.n, one);
        builder.subtract(last, step)
    }

    fn coefficient(&self, builder: &mut ProcedureBuilder, row: Variable, column: Variable) -> Variable {
        let at = builder.multiply_add(row, self.row_stride, self.origin);
        let at = builder.multiply_add(column, self.column_stride, at);
        builder.load(self.matrices.place, at)
    }

    fn finish_unknown(&self, builder: &mut ProcedureBuilder, sum: Variable, pivot: Option<Variable>) -> Variable {
        match pivot {
            Some(pivot) => divide(builder, sum, pivot),
            None => sum,
        }
    }

    fn pivot(&self, builder: &mut ProcedureBuilder, row: Variable) -> Option<Variable> {
        (!self.unit_diagonal).then(|| self.coefficient(builder, row, row))
    }

    /// `count` systems, whose unknowns are neighbours in memory.
    fn solve_run(&self, builder: &mut ProcedureBuilder, start: Variable, stride: Variable, count: Variable) {
        builder.repeat(self.n, |builder, step| {
            let row = self.unknown(builder, step);
            let at = builder.multiply_add(row, stride, start);
            let end = builder.add(at, count);
            builder.for_each(at, end, |builder, at| {
                let element = builder.load(self.right.place, at);
                builder.store(self.solution.place, at, element);
            });
            builder.repeat(step, |builder, found| {
                let column = self.unknown(builder, found);
                let coefficient = self.coefficient(builder, row, column);
                let factor = negate(builder, coefficient);
                let rows = builder.subtract(column, row);
                let distance = builder.multiply(rows, stride);
                builder.for_each(at, end, |builder, at| {
                    let from = builder.add(at, distance);
                    let known = builder.load(self.solution.place, from);
                    let sum = builder.load(self.solution.place, at);
                    let next = builder.multiply_add(factor, known, sum);
                    builder.store(self.solution.place, at, next);
                });
            });
            if let Some(pivot) = self.pivot(builder, row) {
                builder.for_each(at, end, |builder, at| {
                    let sum = builder.load(self.solution.place, at);
                    let quotient = divide(builder, sum, pivot);
                    builder.store(self.solution.place, at, quotient);
                });
            }
        });
    }

    /// One system, one chain after another.
    fn solve_chains(&self, builder: &mut ProcedureBuilder, start: Variable, stride: Variable) {
        builder.repeat(self.n, |builder, step| {
            let row = self.unknown(builder, step);
            let at = builder.multiply_add(row, stride, start);
            let element = builder.load(self.right.place, at);
            let sum = builder.variable(element);
            builder.repeat(step, |builder, found| {
                let column = self.unknown(builder, found);
                let coefficient = self.coefficient(builder, row, column);
                let from = builder.multiply_add(column, stride, start);
                let known = builder.load(self.solution.place, from);
                let next = multiply_subtract(builder, coefficient, known, sum);
                builder.assign(sum, next);
            });
            let pivot = self.pivot(builder, row);
            let unknown = self.finish_unknown(builder, sum, pivot);
            builder.store(self.solution.place, at, unknown);
        });
    }

    /// One system, all chains side by side: each unknown, once found, goes into all sums that need it.
    fn solve_by_updates(&self, builder: &mut ProcedureBuilder, start: Variable, stride: Variable) {
        builder.repeat(self.n, |builder, row| {
            let at = builder.multiply_add(row, stride, start);
            let element = builder.load(self.right.place, at);
            builder.store(self.solution.place, at, element);
        });
        builder.repeat(self.n, |builder, step| {
            let row = self.unknown(builder, step);
            let at = builder.multiply_add(row, stride, start);
            let sum = builder.load(self.solution.place, at);
            let pivot = self.pivot(builder, row);
            let unknown = self.finish_unknown(builder, sum, pivot);
            builder.store(self.solution.place, at, unknown);
            let one = builder.integer(1);
            let later = builder.add(step, one);
            builder.for_each(later, self.n, |builder, later| {
                let other = self.unknown(builder, later);
                let coefficient = self.coefficient(builder, other, row);
                let at = builder.multiply_add(other, stride, start);
                let sum = builder.load(self.solution.place, at);
                let next = multiply_subtract(builder, coefficient, unknown, sum);
                builder.store(self.solution.place, at, next);
            });
        });
    }
}

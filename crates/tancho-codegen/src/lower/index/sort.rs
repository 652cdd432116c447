//! `sort`: a stable merge sort of each row, bottom up.
//!
//! 1. Short runs are sorted by insertion, on the way from the operands into the rows' own memory (the results', where the
//!    axis is the last one; workspace else).
//! 2. Pairs of neighbouring runs are merged into the workspace, and then pairs of those back again, until a run is the row.
//!    The way back is taken in any case, so that the sorted row lies where it began.
//!
//! All operands are moved together. Whatever the comparator says, each run's elements are each taken once, so that the
//! result is a permutation.

use std::cell::RefCell;

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, Graph, NodeId, TensorType};
use tancho_tensor::DType;

use super::advance;
use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::procedure::region::{decode, inline};
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The length of the runs that insertion sorts.
const RUN: i64 = 16;

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    axis: usize,
    comparator: &Graph,
    results: &[BufferId],
) -> Result<Launch, CompileError> {
    let graph = lowering.graph;
    let node = graph.node(id);
    let dims = node.types()[0].dims.clone();
    let (length, stride) = (dims[axis].clone(), Dim::product(&dims[axis + 1..]));
    let rows = Dim::product(&dims[..axis]) * stride.clone();
    let dtypes: Vec<DType> = node.types().iter().map(|of| of.dtype).collect();
    let mut builder = ProcedureBuilder::new("sort");
    let mut sources = Vec::new();
    for (&operand, &dtype) in node.operands().iter().zip(&dtypes) {
        sources.push(builder.reads(lowering.request(operand), dtype));
    }
    let targets: Vec<Place> =
        results.iter().zip(&dtypes).map(|(&result, &dtype)| builder.writes(result, dtype)).collect();
    let mut workspace = |builder: &mut ProcedureBuilder| -> Vec<Place> {
        let place = |&dtype: &DType| {
            let buffer = lowering.add_workspace(TensorType { dtype, dims: dims.clone() });
            builder.writes(buffer, dtype)
        };
        dtypes.iter().map(place).collect()
    };
    let is_dense = stride == Dim::ONE;
    let near = if is_dense { targets.clone() } else { workspace(&mut builder) };
    let merges = length.as_known().is_none_or(|length| length > RUN);
    let far = if merges { workspace(&mut builder) } else { Vec::new() };
    let sort = Sort { comparator, dtypes: &dtypes, failure: RefCell::new(None) };
    builder.for_each_row(|builder, row| {
        let count = builder.size(&length);
        let origin = builder.multiply(row, count);
        let first = if is_dense {
            origin
        } else {
            let inner = builder.size(&stride);
            let (outer, inner_index) = builder.divide(row, inner);
            let block = builder.multiply(count, inner);
            builder.multiply_add(outer, block, inner_index)
        };
        sort.insert_runs(builder, (&sources, first, &stride), (&near, origin), count);
        if merges {
            sort.merge_runs(builder, &near, &far, origin, count);
        }
        if !is_dense {
            builder.repeat(count, |builder, place| {
                let from = builder.add(origin, place);
                let to = advance(builder, first, place, &stride);
                for (&target, &near) in targets.iter().zip(&near) {
                    let element = builder.load(near, from);
                    builder.store(target, to, element);
                }
            });
        }
    });
    let work = length * Dim::known(64 * (2 + comparator.node_count() as i64));
    match sort.failure.into_inner() {
        Some(error) => Err(error),
        None => Ok(Launch::Procedure(builder.finish(rows, work, Vec::new()))),
    }
}

/// A sort that is being written.
struct Sort<'a> {
    comparator: &'a Graph,
    dtypes: &'a [DType],
    failure: RefCell<Option<CompileError>>,
}

impl Sort<'_> {
    /// Whether elements (one of each operand, as they are in memory) come before others.
    fn is_before(&self, builder: &mut ProcedureBuilder, x: &[Variable], y: &[Variable]) -> Variable {
        let mut arguments = Vec::new();
        for ((&x, &y), &dtype) in x.iter().zip(y).zip(self.dtypes) {
            arguments.extend([decode(builder, x, dtype), decode(builder, y, dtype)]);
        }
        match inline(builder, self.comparator, &arguments) {
            Ok(results) => results[0],
            Err(error) => {
                *self.failure.borrow_mut() = Some(error);
                builder.bool(false)
            }
        }
    }

    fn load(&self, builder: &mut ProcedureBuilder, places: &[Place], position: Variable) -> Vec<Variable> {
        places.iter().map(|&place| builder.load(place, position)).collect()
    }

    fn store(&self, builder: &mut ProcedureBuilder, places: &[Place], position: Variable, elements: &[Variable]) {
        places.iter().zip(elements).for_each(|(&place, &element)| builder.store(place, position, element));
    }

    /// Takes the elements of a row from one place to another such that runs of [`RUN`] are sorted.
    fn insert_runs(
        &self,
        builder: &mut ProcedureBuilder,
        (sources, first, stride): (&[Place], Variable, &Dim),
        (near, origin): (&[Place], Variable),
        count: Variable,
    ) {
        let (run, one) = (builder.integer(RUN), builder.integer(1));
        let rounded = builder.integer(RUN - 1);
        let rounded = builder.add(count, rounded);
        let (runs, _) = builder.divide(rounded, run);
        builder.repeat(runs, |builder, number| {
            let low = builder.multiply(number, run);
            let high = builder.add(low, run);
            let high = builder.minimum(high, count);
            let lowest = builder.add(origin, low);
            builder.for_each(low, high, |builder, place| {
                let from = advance(builder, first, place, stride);
                let elements = self.load(builder, sources, from);
                let begin = builder.add(origin, place);
                let at = builder.variable(begin);
                let before = RefCell::new(Vec::new());
                builder.while_loop(
                    |builder| {
                        // At the run's begin, nothing is made of what is loaded.
                        let previous = builder.subtract(at, one);
                        let previous = builder.maximum(previous, lowest);
                        let others = self.load(builder, near, previous);
                        let goes_before = self.is_before(builder, &elements, &others);
                        let is_behind = builder.compare(Comparison::Gt, at, lowest);
                        *before.borrow_mut() = others;
                        builder.and(goes_before, is_behind)
                    },
                    |builder| {
                        self.store(builder, near, at, &before.borrow());
                        let previous = builder.subtract(at, one);
                        builder.assign(at, previous);
                    },
                );
                self.store(builder, near, at, &elements);
            });
        });
    }

    /// Merges the runs of a row until there is one.
    fn merge_runs(
        &self,
        builder: &mut ProcedureBuilder,
        near: &[Place],
        far: &[Place],
        origin: Variable,
        count: Variable,
    ) {
        let run = builder.integer(RUN);
        let width = builder.variable(run);
        let end = builder.add(origin, count);
        builder.while_loop(
            |builder| builder.compare(Comparison::Lt, width, count),
            |builder| {
                for (from, to) in [(near, far), (far, near)] {
                    self.merge_pairs(builder, from, to, (origin, end), width);
                    let doubled = builder.add(width, width);
                    builder.assign(width, doubled);
                }
            },
        );
    }

    /// Merges each pair of neighbouring runs of a width.
    fn merge_pairs(
        &self,
        builder: &mut ProcedureBuilder,
        from: &[Place],
        to: &[Place],
        (origin, end): (Variable, Variable),
        width: Variable,
    ) {
        let low = builder.variable(origin);
        builder.while_loop(
            |builder| builder.compare(Comparison::Lt, low, end),
            |builder| {
                let middle = builder.add(low, width);
                let high = builder.add(middle, width);
                let (middle, high) = (builder.minimum(middle, end), builder.minimum(high, end));
                self.merge_pair(builder, from, to, [low, middle, high]);
                builder.assign(low, high);
            },
        );
    }

    /// Merges two neighbouring runs. Of the second, those elements go first that come before the first one's.
    fn merge_pair(
        &self,
        builder: &mut ProcedureBuilder,
        from: &[Place],
        to: &[Place],
        [low, middle, high]: [Variable; 3],
    ) {
        let one = builder.integer(1);
        let (left, right, at) = (builder.variable(low), builder.variable(middle), builder.variable(low));
        // Runs that are in order as they lie are copied.
        let no = builder.bool(false);
        let merges = builder.variable(no);
        let has_second = builder.compare(Comparison::Lt, middle, high);
        builder.if_then(has_second, |builder| {
            let last = builder.subtract(middle, one);
            let (last, first) = (self.load(builder, from, last), self.load(builder, from, middle));
            let goes_before = self.is_before(builder, &first, &last);
            builder.assign(merges, goes_before);
        });
        builder.if_then(merges, |builder| {
            builder.while_loop(
                |builder| {
                    let has_left = builder.compare(Comparison::Lt, left, middle);
                    let has_right = builder.compare(Comparison::Lt, right, high);
                    builder.and(has_left, has_right)
                },
                |builder| {
                    let (x, y) = (self.load(builder, from, left), self.load(builder, from, right));
                    let goes_before = self.is_before(builder, &y, &x);
                    let taken: Vec<Variable> =
                        x.iter().zip(&y).map(|(&x, &y)| builder.select(goes_before, y, x)).collect();
                    self.store(builder, to, at, &taken);
                    let step = builder.convert(goes_before, DType::I64);
                    let next_right = builder.add(right, step);
                    let other_step = builder.subtract(one, step);
                    let next_left = builder.add(left, other_step);
                    let next = builder.add(at, one);
                    builder.assign(right, next_right);
                    builder.assign(left, next_left);
                    builder.assign(at, next);
                },
            );
        });
        let lefts = builder.subtract(middle, left);
        let rights = builder.subtract(high, right);
        let behind = builder.add(at, lefts);
        for (&to, &from) in to.iter().zip(from) {
            builder.copy((to, at), (from, left), lefts);
            builder.copy((to, behind), (from, right), rights);
        }
    }
}

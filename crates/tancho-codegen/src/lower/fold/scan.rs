//! `scan`: rows are the lanes along the axis.
//!
//! Along the last axis, a lane's accumulator is a variable. Along another one, runs of neighbouring lanes are walked at
//! once; the accumulator of each is the result that was stored last.

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, Graph, NodeId};

use super::common::{Fold, LONGEST_RUN, Runs, repeat_along};
use crate::fuse::Lowering;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    axis: usize,
    reverse: bool,
    body: &Graph,
    results: &[BufferId],
) -> Launch {
    let dims = lowering.graph.node(id).types()[0].dims.clone();
    let mut builder = ProcedureBuilder::new("scan");
    let fold = Fold::new(lowering, &mut builder, id, body, results);
    let (size, run) = (&dims[axis], Dim::product(&dims[axis + 1..]));
    let outer = Dim::product(&dims[..axis]);
    // The distance from one element of a lane to the next, and the place of the first in the order of the scan.
    let step = if reverse { -run.clone() } else { run.clone() };
    let begin = if reverse { (size.clone() - Dim::ONE) * run.clone() } else { Dim::ZERO };
    let start = |builder: &mut ProcedureBuilder, outer: Variable, first: Variable| {
        let volume = builder.size(&(size.clone() * run.clone()));
        let start = builder.multiply_add(outer, volume, first);
        let begin = builder.size(&begin);
        builder.add(start, begin)
    };
    let work = size.clone() * fold.work();
    let (rows, work) = if run == Dim::ONE {
        builder.for_each_row(|builder, row| {
            let zero = builder.integer(0);
            let start = start(builder, row, zero);
            let (size, step) = (builder.size(size), builder.size(&step));
            scan_lane(builder, &fold, start, size, step);
        });
        (outer, work)
    } else {
        let runs = Runs::new(&run, LONGEST_RUN);
        runs.for_each(&mut builder, |builder, outer, first, count| {
            let start = start(builder, outer, first);
            let (size, step) = (builder.size(size), builder.size(&step));
            scan_lanes(builder, &fold, start, size, step, count);
        });
        (runs.rows(outer), runs.work(work))
    };
    Launch::Procedure(builder.finish(rows, work, Vec::new()))
}

fn scan_lane(builder: &mut ProcedureBuilder, fold: &Fold<'_>, start: Variable, size: Variable, step: Variable) {
    let sums = fold.accumulators(builder);
    repeat_along(builder, size, start, step, |builder, position| {
        let elements = fold.load_inputs(builder, position);
        fold.step_in_place(builder, &sums, &elements);
        fold.store_results(builder, position, &sums);
    });
}

fn scan_lanes(
    builder: &mut ProcedureBuilder,
    fold: &Fold<'_>,
    start: Variable,
    size: Variable,
    step: Variable,
    count: Variable,
) {
    let line = |builder: &mut ProcedureBuilder, begin: Variable, previous: Option<Variable>| {
        let end = builder.add(begin, count);
        builder.for_each(begin, end, |builder, at| {
            let elements = fold.load_inputs(builder, at);
            let sums = match previous {
                None => fold.initial.clone(),
                Some(distance) => {
                    let previous = builder.subtract(at, distance);
                    fold.load_results(builder, previous)
                }
            };
            let next = fold.step(builder, &sums, &elements);
            fold.store_results(builder, at, &next);
        });
    };
    let (zero, one) = (builder.integer(0), builder.integer(1));
    let any = builder.compare(Comparison::Gt, size, zero);
    builder.if_then(any, |builder| line(builder, start, None));
    let second = builder.add(start, step);
    let later = builder.subtract(size, one);
    repeat_along(builder, later, second, step, |builder, position| line(builder, position, Some(step)));
}

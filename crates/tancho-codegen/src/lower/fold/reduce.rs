//! `reduce`: rows are results.
//!
//! Neighbouring axes that are all kept, or all folded, are walked as one. Where the last one is folded, a result's
//! accumulators are variables; else runs of results are folded at once.

use tancho_ir::{Dim, Graph, NodeId};

use super::common::{Fold, LONGEST_RUN, Runs, offset, walk};
use crate::fuse::Lowering;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// Neighbouring axes as one, with the distance of its elements in the operand.
struct Group {
    is_folded: bool,
    size: Dim,
    stride: Dim,
}

/// The axes of an operand in groups; those of size 1 belong to none.
fn group_axes(dims: &[Dim], folded: &[usize]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (axis, size) in dims.iter().enumerate().filter(|(_, size)| **size != Dim::ONE) {
        let is_folded = folded.contains(&axis);
        let stride = Dim::product(&dims[axis + 1..]);
        match groups.last_mut() {
            Some(last) if last.is_folded == is_folded => {
                last.size = last.size.clone() * size.clone();
                last.stride = stride;
            }
            _ => groups.push(Group { is_folded, size: size.clone(), stride }),
        }
    }
    groups
}

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    axes: &[usize],
    body: &Graph,
    results: &[BufferId],
) -> Launch {
    let graph = lowering.graph;
    let node = graph.node(id);
    let groups = group_axes(&graph.type_of(node.operands()[0]).dims, axes);
    let mut builder = ProcedureBuilder::new("reduce");
    let fold = Fold::new(lowering, &mut builder, id, body, results);
    let loops: Vec<(Dim, Dim)> =
        groups.iter().filter(|group| group.is_folded).map(|group| (group.size.clone(), group.stride.clone())).collect();
    let mut kept: Vec<&Group> = groups.iter().filter(|group| !group.is_folded).collect();
    let run = match groups.last() {
        Some(last) if !last.is_folded && !loops.is_empty() => kept.pop().map(|group| group.size.clone()),
        _ => None,
    };
    let (sizes, strides): (Vec<Dim>, Vec<Dim>) =
        kept.iter().map(|group| (group.size.clone(), group.stride.clone())).unzip();
    let origin = |builder: &mut ProcedureBuilder, outer: Variable, first: Variable| {
        let index = builder.split_position(outer, &sizes);
        offset(builder, first, &index, &strides)
    };
    let steps = Dim::product(loops.iter().map(|(count, _)| count));
    let work = (steps + Dim::ONE) * fold.work();
    let outer = Dim::product(&sizes);
    let (rows, work) = match &run {
        None => {
            builder.for_each_row(|builder, row| {
                let zero = builder.integer(0);
                let start = origin(builder, row, zero);
                let accumulators = fold.accumulators(builder);
                walk(builder, &loops, start, |builder, position| {
                    let elements = fold.load_inputs(builder, position);
                    fold.step_in_place(builder, &accumulators, &elements);
                });
                fold.store_results(builder, row, &accumulators);
            });
            (outer, work)
        }
        Some(run) => {
            let runs = Runs::new(run, LONGEST_RUN);
            runs.for_each(&mut builder, |builder, outer, first, count| {
                let start = origin(builder, outer, first);
                let run = builder.size(run);
                let result = builder.multiply_add(outer, run, first);
                fold.fill_results(builder, result, count);
                walk(builder, &loops, start, |builder, position| {
                    fold.step_results(builder, result, count, |builder, fold, distance| {
                        let from = builder.add(distance, position);
                        fold.load_inputs(builder, from)
                    });
                });
            });
            (runs.rows(outer), runs.work(work))
        }
    };
    Launch::Procedure(builder.finish(rows, work, Vec::new()))
}

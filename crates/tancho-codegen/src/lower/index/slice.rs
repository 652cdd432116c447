//! Slices at computed places: runs of neighbouring elements are copied, one for each row.

use tancho_ir::{Dim, Dims, NodeId, Value};

use super::clamp_start;
use crate::fuse::Lowering;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// `dynamic_slice`.
pub(super) fn lower_slice(lowering: &mut Lowering<'_>, id: NodeId, result: BufferId) -> Launch {
    let graph = lowering.graph;
    let operands = graph.node(id).operands();
    let (operand, starts) = (operands[0], &operands[1..]);
    let (whole, part) = (graph.type_of(operand).clone(), graph.node(id).types()[0].clone());
    let mut builder = ProcedureBuilder::new("dynamic_slice");
    let from = builder.reads(lowering.request(operand), whole.dtype);
    let to = builder.writes(result, part.dtype);
    let starts = load_starts(lowering, &mut builder, starts, &whole.dims, &part.dims);
    let (rows, run) = copied_runs(&whole.dims, &part.dims);
    let sizes = &part.dims[..rows];
    builder.for_each_row(|builder, row| {
        let (inner, outer) = places(builder, row, sizes, &run, &starts, &whole.dims);
        let count = builder.size(&run);
        builder.copy((to, inner), (from, outer), count);
    });
    Launch::Procedure(builder.finish(Dim::product(sizes), run, Vec::new()))
}

/// `dynamic_update_slice`: the result begins as a copy of the operand.
pub(super) fn lower_update(lowering: &mut Lowering<'_>, id: NodeId, result: BufferId) -> Launch {
    let graph = lowering.graph;
    let operands = graph.node(id).operands();
    let (operand, update, starts) = (operands[0], operands[1], &operands[2..]);
    let (whole, part) = (graph.type_of(operand).clone(), graph.type_of(update).clone());
    let mut builder = ProcedureBuilder::new("dynamic_update_slice");
    let source = lowering.request(operand);
    let from = builder.reads(lowering.request(update), part.dtype);
    let to = builder.writes(result, whole.dtype);
    let starts = load_starts(lowering, &mut builder, starts, &whole.dims, &part.dims);
    let (rows, run) = copied_runs(&whole.dims, &part.dims);
    let sizes = &part.dims[..rows];
    builder.for_each_row(|builder, row| {
        let (inner, outer) = places(builder, row, sizes, &run, &starts, &whole.dims);
        let count = builder.size(&run);
        builder.copy((to, outer), (from, inner), count);
    });
    Launch::Procedure(builder.finish(Dim::product(sizes), run, vec![(result, source)]))
}

/// The starts of a slice, clamped such that it lies within the whole.
fn load_starts(
    lowering: &mut Lowering<'_>,
    builder: &mut ProcedureBuilder,
    starts: &[Value],
    whole: &Dims,
    part: &Dims,
) -> Vec<Variable> {
    let origin = builder.integer(0);
    let clamped = starts.iter().zip(whole.iter().zip(part)).map(|(&start, (whole, part))| {
        let dtype = lowering.graph.type_of(start).dtype;
        let place = builder.reads(lowering.request(start), dtype);
        let start = builder.load(place, origin);
        clamp_start(builder, start, whole, part)
    });
    clamped.collect()
}

/// How many leading axes are walked, and how many neighbouring elements lie behind each of their places, in the whole and
/// in the part alike: the last axis along which they differ in size ends a run.
fn copied_runs(whole: &Dims, part: &Dims) -> (usize, Dim) {
    let differs = (0..part.len()).rev().find(|&axis| whole[axis] != part[axis]).unwrap_or(0);
    (differs.min(part.len()), Dim::product(&part[differs.min(part.len())..]))
}

/// The places of a row's run in the part and in the whole.
fn places(
    builder: &mut ProcedureBuilder,
    row: Variable,
    sizes: &[Dim],
    run: &Dim,
    starts: &[Variable],
    whole: &Dims,
) -> (Variable, Variable) {
    let run = builder.size(run);
    let inner = builder.multiply(row, run);
    let mut index = builder.split_position(row, sizes);
    let zero = builder.integer(0);
    index.resize(whole.len(), zero);
    for (index, &start) in index.iter_mut().zip(starts) {
        *index = builder.add(*index, start);
    }
    let outer = builder.position(&index, whole);
    (inner, outer)
}

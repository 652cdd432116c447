//! `select_and_scatter`: rows are the places along the axes that the window does not touch.
//!
//! Within a row, the source's elements are taken one after another. Rows that are neighbours in memory (features) are walked
//! at once, for each place of the window.

use tancho_ir::ops::{Comparison, WindowAxis};
use tancho_ir::{Dim, Graph, NodeId};

use super::common::{Runs, Tensor, call, offset, read, read_scalar, strides, walk, work, write};
use super::window::{Axis, Covered, axes_of};
use crate::fuse::Lowering;
use crate::procedure::region::held_as;
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The most neighbouring rows that are walked at once.
const LONGEST_RUN: i64 = 256;

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    window: &[WindowAxis],
    select: &Graph,
    scatter: &Graph,
    result: BufferId,
) -> Launch {
    let graph = lowering.graph;
    let operands = graph.node(id).operands();
    let of = graph.type_of(operands[0]);
    let (dims, places) = (&of.dims, &graph.type_of(operands[1]).dims);
    let mut builder = ProcedureBuilder::new("select_and_scatter");
    let operand = read(lowering, &mut builder, operands[0]);
    let source = read(lowering, &mut builder, operands[1]);
    let result = write(&mut builder, result, of.dtype);
    let initial = read_scalar(lowering, &mut builder, operands[2]);
    let axes = axes_of(window, dims);
    let source_strides = strides(places);
    let moving = axes.iter().rposition(|axis| !axis.window.is_trivial()).map_or(0, |axis| axis + 1);
    let run = Dim::product(&dims[moving..]);
    let (walked, fixed): (Vec<usize>, Vec<usize>) = (0..moving).partition(|&axis| !axes[axis].window.is_trivial());
    let pick = |of: &[Dim], which: &[usize]| which.iter().map(|&axis| of[axis].clone()).collect::<Vec<Dim>>();
    let outer = pick(dims, &fixed);
    let operand_strides = strides(dims);
    let moved: Vec<Axis> =
        axes.into_iter().enumerate().filter(|(axis, _)| walked.contains(axis)).map(|(_, axis)| axis).collect();
    let scattering = Scattering { operand, source, result, select, scatter };
    let runs = Runs::new(&run, LONGEST_RUN);
    runs.for_each(&mut builder, |builder, row, first, count| {
        let index = builder.split_position(row, &outer);
        let origin = offset(builder, first, &index, &pick(&operand_strides, &fixed));
        let source_origin = offset(builder, first, &index, &pick(&source_strides, &fixed));
        let elements: Vec<(Dim, Dim)> =
            walked.iter().map(|&axis| (dims[axis].clone(), operand_strides[axis].clone())).collect();
        walk(builder, &elements, origin, |builder, position| {
            let end = builder.add(position, count);
            builder.for_each(position, end, |builder, at| result.store(builder, at, initial));
        });
        let sizes: Vec<(Dim, Dim)> =
            walked.iter().map(|&axis| (places[axis].clone(), source_strides[axis].clone())).collect();
        for_each_source(builder, &sizes, source_origin, Vec::new(), &mut |builder, from, index| {
            scattering.take_run(builder, &moved, index, [from, origin, count]);
        });
    });
    let elements = Dim::product(walked.iter().map(|&axis| &dims[axis]));
    let steps = Dim::product(walked.iter().flat_map(|&axis| [&places[axis], &window[axis].size]));
    let work = elements + steps * (work(select, 1) + work(scatter, 1));
    Launch::Procedure(builder.finish(runs.rows(Dim::product(&outer)), runs.work(work), Vec::new()))
}

/// Runs code for each place of the source, with its position and its index.
fn for_each_source(
    builder: &mut ProcedureBuilder,
    sizes: &[(Dim, Dim)],
    start: Variable,
    index: Vec<Variable>,
    code: &mut dyn FnMut(&mut ProcedureBuilder, Variable, &[Variable]),
) {
    let Some(((count, stride), rest)) = sizes.split_first() else { return code(builder, start, &index) };
    let (count, stride) = (builder.size(count), builder.size(stride));
    let position = builder.variable(start);
    builder.repeat(count, |builder, place| {
        for_each_source(builder, rest, position, [index, vec![place]].concat(), code);
        let next = builder.add(position, stride);
        builder.assign(position, next);
    });
}

struct Scattering<'g> {
    operand: Tensor,
    source: Tensor,
    result: Tensor,
    select: &'g Graph,
    scatter: &'g Graph,
}

impl Scattering<'_> {
    /// Takes elements of the source, one for each of `count` neighbouring rows: from position `from` of the source on, with
    /// the rows' first elements of the operand at `origin`.
    fn take_run(
        &self,
        builder: &mut ProcedureBuilder,
        axes: &[Axis],
        index: &[Variable],
        [from, origin, count]: [Variable; 3],
    ) {
        builder.repeat(count, |builder, distance| {
            let start = builder.add(origin, distance);
            let nothing = builder.integer(-1);
            let chosen = builder.variable(nothing);
            let zero = builder.constant(0, held_as(self.operand.dtype));
            let value = builder.variable(zero);
            let covered = Covered { is_neutral: true, outside: &|_, _| {} };
            covered.for_each_place(builder, axes, index, start, |builder, position| {
                let element = self.operand.load(builder, position);
                let stays = call(builder, self.select, &[value, element])[0];
                let zero = builder.integer(0);
                let any = builder.compare(Comparison::Ge, chosen, zero);
                let stays = builder.and(any, stays);
                let next = builder.select(stays, chosen, position);
                let next_value = builder.select(stays, value, element);
                builder.assign(chosen, next);
                builder.assign(value, next_value);
            });
            // A window that lies in padding alone selects nothing.
            let zero = builder.integer(0);
            let any = builder.compare(Comparison::Ge, chosen, zero);
            builder.if_then(any, |builder| {
                let at = builder.add(from, distance);
                let element = self.source.load(builder, at);
                let sum = self.result.load(builder, chosen);
                let sum = call(builder, self.scatter, &[sum, element])[0];
                self.result.store(builder, chosen, sum);
            });
        });
    }
}

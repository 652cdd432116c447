//! `scatter`: results begin as copies of the operands, and the updates are folded into them in row-major order.
//!
//! Only the order of the updates of one element matters. Along a *batching* axis, and along an axis of the window for which
//! index vectors say nothing (a *free* one), an update's place is its element's place, so that no element has updates of two
//! places there: these are the rows that threads share, the last free axes as blocks of neighbouring elements. Within a row,
//! the other axes of the updates are walked in order.
//!
//! Along an axis of the window for which index vectors say where it begins (a *placed* one), only the part within the operand
//! is walked, where the index vector is known by then; else each place is checked.

use tancho_ir::ops::{Comparison, ScatterOp};
use tancho_ir::{Dim, NodeId, NodeKind, TensorType};
use tancho_tensor::DType;

use super::{advance, index_as_i64, strides_of};
use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::procedure::region::{decode, encode, inline};
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The elements of a block of the last free axes: so many that threads read and write long pieces.
const BLOCK: i64 = 128;

/// The elements of a block that are folded in one run of a loop, and the most nodes of a body for which that is so.
const TOGETHER: i64 = 8;
const SHORT_BODY: usize = 8;

/// What an axis of the updates is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An axis of the indices.
    Batch(usize),
    /// An axis of the indices and of the operand.
    Batching(usize, usize),
    /// An axis of the operand.
    Free(usize),
    /// An axis of the operand along which index vectors move the window.
    Placed(usize),
}

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &ScatterOp,
    results: &[BufferId],
) -> Result<Launch, CompileError> {
    let graph = lowering.graph;
    let operands = graph.node(id).operands();
    let count = operands.len() / 2;
    let (operand, indices) = (graph.type_of(operands[0]).clone(), graph.type_of(operands[count]).clone());
    let update = graph.type_of(operands[count + 1]).clone();
    let dtypes: Vec<DType> = operands[..count].iter().map(|&operand| graph.type_of(operand).dtype).collect();
    let mut builder = ProcedureBuilder::new("scatter");
    let vectors = builder.reads(lowering.request(operands[count]), indices.dtype);
    let mut updates = Vec::new();
    for (&update, &dtype) in operands[count + 1..].iter().zip(&dtypes) {
        updates.push(builder.reads(lowering.request(update), dtype));
    }
    let into = results.iter().zip(&dtypes).map(|(&result, &dtype)| builder.writes(result, dtype)).collect();
    let initial = results.iter().copied().zip(operands[..count].iter().map(|&operand| lowering.request(operand)));
    let initial = initial.collect();

    let kinds = kinds_of(op, &indices, update.rank());
    let block_axes = block_axes(&kinds, &operand, &update);
    let mut scatter = Scatter {
        op,
        replaces: replaces(op, count),
        update_strides: strides_of(&update.dims),
        strides: strides_of(&operand.dims),
        vector_strides: strides_of(&indices.dims),
        // Whatever is in the block is walked as one.
        walked: update.rank() - block_axes,
        block: Dim::product(&update.dims[update.rank() - block_axes..]),
        operand,
        update,
        kinds,
        dtypes,
        vectors,
        updates,
        into,
        failure: None,
    };
    let work = scatter.work_per_row();
    let rows = scatter.write(&mut builder);
    match scatter.failure {
        Some(error) => Err(error),
        None => Ok(Launch::Procedure(builder.finish(rows, work, initial))),
    }
}

fn kinds_of(op: &ScatterOp, indices: &TensorType, rank: usize) -> Vec<Kind> {
    let removed = |axis: &usize| op.inserted_window_dims.contains(axis) || op.input_batching_dims.contains(axis);
    let mut windows = (0..).filter(|axis| !removed(axis));
    let mut batches = (0..indices.rank()).filter(|&axis| axis != op.index_vector_dim);
    let kind = |axis: usize| {
        if op.update_window_dims.contains(&axis) {
            let of = windows.next().expect("there is no end");
            return if op.scatter_dims_to_operand_dims.contains(&of) { Kind::Placed(of) } else { Kind::Free(of) };
        }
        let of = batches.next().expect("as many as batch axes");
        match op.scatter_indices_batching_dims.iter().position(|&batching| batching == of) {
            Some(place) => Kind::Batching(of, op.input_batching_dims[place]),
            None => Kind::Batch(of),
        }
    };
    (0..rank).map(kind).collect()
}

/// How many of the last axes of the updates are free, and lie in the operand as they do in the updates.
fn block_axes(kinds: &[Kind], operand: &TensorType, update: &TensorType) -> usize {
    let (strides, update_strides) = (strides_of(&operand.dims), strides_of(&update.dims));
    let is_dense = |axis: &usize| match kinds[*axis] {
        Kind::Free(of) => strides[of] == update_strides[*axis],
        Kind::Batch(_) | Kind::Batching(..) | Kind::Placed(_) => false,
    };
    (0..kinds.len()).rev().take_while(is_dense).count()
}

/// Whether the body gives the updates as they are.
fn replaces(op: &ScatterOp, count: usize) -> bool {
    op.body.results().iter().enumerate().all(|(place, result)| {
        matches!(op.body.node(result.node).kind(), NodeKind::Parameter(position) if *position == count + place)
    })
}

/// A scatter that is being written.
struct Scatter<'a> {
    op: &'a ScatterOp,
    replaces: bool,
    operand: TensorType,
    update: TensorType,
    kinds: Vec<Kind>,
    strides: Vec<Dim>,
    update_strides: Vec<Dim>,
    vector_strides: Vec<Dim>,
    /// The number of the updates' axes before those of the block.
    walked: usize,
    block: Dim,
    dtypes: Vec<DType>,
    vectors: Place,
    updates: Vec<Place>,
    into: Vec<Place>,
    failure: Option<CompileError>,
}

/// What is known at some point of the walk.
#[derive(Clone)]
struct Point {
    /// The place along each axis of the updates that has been entered.
    places: Vec<Option<Variable>>,
    /// Where the window begins along each axis of the operand, once the index vector is loaded.
    starts: Option<Vec<Variable>>,
    /// The part of the block.
    part: (Variable, Variable),
}

impl Scatter<'_> {
    fn is_row_axis(&self, axis: usize) -> bool {
        matches!(self.kinds[axis], Kind::Batching(..) | Kind::Free(_))
    }

    /// About what a row costs: all updates that are walked, with what the body does.
    fn work_per_row(&self) -> Dim {
        let axes = (0..self.walked).filter(|&axis| !self.is_row_axis(axis));
        let points = Dim::product(axes.map(|axis| &self.update.dims[axis]));
        let cost = if self.replaces { 1 } else { 8 + 2 * self.op.body.node_count() as i64 };
        points * (self.block.minimum(&Dim::known(BLOCK)) * Dim::known(cost) + Dim::known(8))
    }

    /// Writes the code, and gives the number of rows.
    fn write(&mut self, builder: &mut ProcedureBuilder) -> Dim {
        let row_axes: Vec<usize> = (0..self.walked).filter(|&axis| self.is_row_axis(axis)).collect();
        let mut sizes: Vec<Dim> = row_axes.iter().map(|&axis| self.update.dims[axis].clone()).collect();
        sizes.push(self.block.ceil_div(&Dim::known(BLOCK)).expect("a block is not empty"));
        let mut places = vec![None; self.walked];
        if row_axes.is_empty() {
            // The call's blocks are neighbours: all of them for each index vector.
            let part = self.part(builder, Variable::ROW_BEGIN, Variable::ROW_END);
            self.walk(builder, 0, Point { places, starts: None, part });
            return Dim::product(&sizes);
        }
        builder.for_each_row(|builder, row| {
            let index = builder.split_position(row, &sizes);
            for (&axis, &place) in row_axes.iter().zip(&index) {
                places[axis] = Some(place);
            }
            let (number, one) = (index[row_axes.len()], builder.integer(1));
            let next = builder.add(number, one);
            let part = self.part(builder, number, next);
            self.walk(builder, 0, Point { places, starts: None, part });
        });
        Dim::product(&sizes)
    }

    /// The elements of the last free axes in a range of blocks.
    fn part(&self, builder: &mut ProcedureBuilder, first: Variable, end: Variable) -> (Variable, Variable) {
        let (block, whole) = (builder.integer(BLOCK), builder.size(&self.block));
        let begin = builder.multiply(first, block);
        let end = builder.multiply(end, block);
        (begin, builder.minimum(end, whole))
    }

    /// Walks the axes of the updates from one on.
    fn walk(&mut self, builder: &mut ProcedureBuilder, axis: usize, mut point: Point) {
        let is_known = |axis: usize| !matches!(self.kinds[axis], Kind::Batch(_));
        if point.starts.is_none() && (axis..self.walked).all(is_known) {
            let (starts, inside) = self.load_starts(builder, &point);
            point.starts = Some(starts);
            return match inside {
                Some(inside) => builder.if_then(inside, |builder| self.walk(builder, axis, point)),
                None => self.walk(builder, axis, point),
            };
        }
        if axis == self.walked {
            return self.fold(builder, &point);
        }
        if point.places[axis].is_some() {
            return self.walk(builder, axis + 1, point);
        }
        let zero = builder.integer(0);
        let size = builder.size(&self.update.dims[axis]);
        let (begin, end) = match (self.kinds[axis], &point.starts) {
            (Kind::Placed(of), Some(starts)) => self.part_inside(builder, starts[of], size, of),
            _ => (zero, size),
        };
        let is_last = axis + 1 == self.walked && self.block == Dim::ONE;
        if let (true, Kind::Placed(of), Some(_)) = (is_last && self.replaces, self.kinds[axis], &point.starts)
            && self.strides[of] == Dim::ONE
            && self.update_strides[axis] == Dim::ONE
        {
            point.places[axis] = Some(begin);
            let (to, from) = self.positions(builder, &point);
            let length = builder.subtract(end, begin);
            let length = builder.maximum(length, zero);
            return self.replace(builder, to, from, length);
        }
        builder.for_each(begin, end, |builder, place| {
            point.places[axis] = Some(place);
            self.walk(builder, axis + 1, point);
        });
    }

    /// The places of a window's axis that lie within the operand.
    fn part_inside(
        &self,
        builder: &mut ProcedureBuilder,
        start: Variable,
        size: Variable,
        of: usize,
    ) -> (Variable, Variable) {
        let zero = builder.integer(0);
        let whole = builder.size(&self.operand.dims[of]);
        // Far outside is as good as just outside, and does not overflow.
        let least = builder.subtract(zero, size);
        let start = builder.maximum(start, least);
        let start = builder.minimum(start, whole);
        let before = builder.subtract(zero, start);
        let begin = builder.maximum(before, zero);
        let behind = builder.subtract(whole, start);
        (begin, builder.minimum(behind, size))
    }

    /// Loads the index vector; gives where the window begins along each axis of the operand, and, if there are axes along
    /// which that decides it, whether the window's element of this point lies within the operand.
    fn load_starts(&self, builder: &mut ProcedureBuilder, point: &Point) -> (Vec<Variable>, Option<Variable>) {
        let zero = builder.integer(0);
        let mut at = zero;
        for (kind, place) in self.kinds.iter().zip(&point.places) {
            if let (Kind::Batch(of) | Kind::Batching(of, _), Some(place)) = (kind, place) {
                at = advance(builder, at, *place, &self.vector_strides[*of]);
            }
        }
        let mut inside = None;
        let mut starts = Vec::new();
        for axis in 0..self.operand.rank() {
            let mut start = zero;
            if let Some(place) = self.op.scatter_dims_to_operand_dims.iter().position(|&mapped| mapped == axis) {
                let place = builder.integer(place as i64);
                let at = match self.vector_strides.get(self.op.index_vector_dim) {
                    Some(stride) => advance(builder, at, place, stride),
                    None => at,
                };
                let loaded = builder.load(self.vectors, at);
                start = index_as_i64(builder, loaded);
            }
            starts.push(start);
            let window = self.kinds.iter().position(|&kind| kind == Kind::Placed(axis));
            let to_check = match window {
                // Walked before the index vector is known.
                Some(window) => point.places[window].map(|place| builder.add(start, place)),
                None => self.op.inserted_window_dims.contains(&axis).then_some(start),
            };
            if let Some(place) = to_check {
                // Negative numbers are large unsigned ones.
                let place = builder.convert(place, DType::U64);
                let size = builder.size(&self.operand.dims[axis]);
                let size = builder.convert(size, DType::U64);
                let is_inside = builder.compare(Comparison::Lt, place, size);
                inside = Some(inside.map_or(is_inside, |inside| builder.and(inside, is_inside)));
            }
        }
        (starts, inside)
    }

    /// The positions in the operand and in the updates at which the block begins.
    fn positions(&self, builder: &mut ProcedureBuilder, point: &Point) -> (Variable, Variable) {
        let (mut to, mut from) = (builder.integer(0), builder.integer(0));
        let starts = point.starts.as_ref().expect("index vectors are loaded before");
        for (&start, stride) in starts.iter().zip(&self.strides) {
            to = advance(builder, to, start, stride);
        }
        for (axis, place) in point.places.iter().enumerate() {
            let place = place.expect("all axes have been entered");
            from = advance(builder, from, place, &self.update_strides[axis]);
            match self.kinds[axis] {
                Kind::Batch(_) => {}
                Kind::Batching(_, of) | Kind::Free(of) | Kind::Placed(of) => {
                    to = advance(builder, to, place, &self.strides[of]);
                }
            }
        }
        (to, from)
    }

    /// Folds the updates of a part of a block.
    fn fold(&mut self, builder: &mut ProcedureBuilder, point: &Point) {
        let (to, from) = self.positions(builder, point);
        if self.block == Dim::ONE {
            return self.fold_element(builder, to, from);
        }
        let (begin, end) = point.part;
        if self.replaces {
            let (to, from) = (builder.add(to, begin), builder.add(from, begin));
            let length = builder.subtract(end, begin);
            return self.replace(builder, to, from, length);
        }
        // Several elements at a time, where the body is short, and those that are left.
        let together = builder.integer(TOGETHER);
        let mut rest = begin;
        if self.op.body.node_count() <= SHORT_BODY {
            let length = builder.subtract(end, begin);
            let (groups, _) = builder.divide(length, together);
            builder.repeat(groups, |builder, group| {
                let place = builder.multiply_add(group, together, begin);
                let (to, from) = (builder.add(to, place), builder.add(from, place));
                for element in 0..TOGETHER {
                    let element = builder.integer(element);
                    let (to, from) = (builder.add(to, element), builder.add(from, element));
                    self.fold_element(builder, to, from);
                }
            });
            rest = builder.multiply_add(groups, together, begin);
        }
        builder.for_each(rest, end, |builder, place| {
            let (to, from) = (builder.add(to, place), builder.add(from, place));
            self.fold_element(builder, to, from);
        });
    }

    fn replace(&self, builder: &mut ProcedureBuilder, to: Variable, from: Variable, length: Variable) {
        for (&into, &update) in self.into.iter().zip(&self.updates) {
            builder.copy((into, to), (update, from), length);
        }
    }

    fn fold_element(&mut self, builder: &mut ProcedureBuilder, to: Variable, from: Variable) {
        let mut arguments = Vec::new();
        for (places, position) in [(&self.into, to), (&self.updates, from)] {
            for (&place, &dtype) in places.iter().zip(&self.dtypes) {
                let bits = builder.load(place, position);
                arguments.push(decode(builder, bits, dtype));
            }
        }
        match inline(builder, &self.op.body, &arguments) {
            Ok(results) => {
                for ((&into, result), &dtype) in self.into.iter().zip(results).zip(&self.dtypes) {
                    let bits = encode(builder, result, dtype);
                    builder.store(into, to, bits);
                }
            }
            Err(error) => self.failure = Some(error),
        }
    }
}

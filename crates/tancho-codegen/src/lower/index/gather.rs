//! `gather`: the result is walked in its own order. The index vectors are loaded as far out as their axes allow.
//!
//! Each axis of the result is one of the index vectors' (a *batch* axis) or one of the slices' (an *offset* axis). The last
//! axes, as long as they are offset axes along which both the slice and the operand are dense, make a *run* that is copied at
//! once. Of the others, neighbours that can be walked as one axis are.

use tancho_ir::ops::GatherOp;
use tancho_ir::{Dim, NodeId, TensorType};

use super::walk::Walk;
use super::{advance, clamp_start, strides_of};
use crate::fuse::Lowering;
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

/// The longest run of a known length that is copied element by element, rather than by a call.
const SHORT_RUN: i64 = 8;

/// An axis of the result that is walked.
struct Axis {
    size: Dim,
    result_stride: Dim,
    /// The step in the operand: of an offset axis, and of a batch axis that is the operand's too.
    operand_stride: Option<Dim>,
    /// The step in the indices: of a batch axis.
    indices_stride: Option<Dim>,
}

impl Axis {
    /// Both axes as one, if one step along the first is as many as the second has places, in each array.
    fn merge(&self, inner: &Axis) -> Option<Axis> {
        let step = |outer: &Option<Dim>, of_inner: &Option<Dim>| match (outer, of_inner) {
            (Some(outer), Some(of_inner)) => *outer == of_inner.clone() * inner.size.clone(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let mergeable = step(&self.operand_stride, &inner.operand_stride)
            && step(&self.indices_stride, &inner.indices_stride)
            && self.result_stride == inner.result_stride.clone() * inner.size.clone();
        mergeable.then(|| Axis {
            size: self.size.clone() * inner.size.clone(),
            result_stride: inner.result_stride.clone(),
            operand_stride: inner.operand_stride.clone(),
            indices_stride: inner.indices_stride.clone(),
        })
    }
}

pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, op: &GatherOp, result: BufferId) -> Launch {
    let graph = lowering.graph;
    let operands = graph.node(id).operands();
    let (operand, indices) = (graph.type_of(operands[0]).clone(), graph.type_of(operands[1]).clone());
    let of_result = graph.node(id).types()[0].clone();
    let mut builder = ProcedureBuilder::new("gather");
    let from = builder.reads(lowering.request(operands[0]), operand.dtype);
    let vectors = builder.reads(lowering.request(operands[1]), indices.dtype);
    let to = builder.writes(result, of_result.dtype);

    let (run, walked) = run_of(op, &operand, &of_result);
    let axes = merge_axes(axes_of(op, &operand, &indices, &of_result, walked));
    let depth = axes.iter().rposition(|axis| axis.indices_stride.is_some()).map_or(0, |last| last + 1);
    let walk = Walk::new(axes.iter().map(|axis| axis.size.clone()).collect(), &run);
    let work = walk.points_per_row() * (run.clone() + Dim::known(8));
    let starts = Starts { op, operand: &operand, indices: &indices, vectors };
    // Only a slice of no elements along a collapsed axis can lie outside.
    let unsure: Vec<usize> =
        op.collapsed_slice_dims.iter().copied().filter(|&axis| op.slice_sizes[axis] != Dim::ONE).collect();
    walk.run(
        &mut builder,
        depth,
        |builder, index| starts.load(builder, &axes[..depth], index, &unsure),
        |builder, index, entered| {
            let (mut source, mut target) = (entered[0], builder.integer(0));
            for (axis, &index) in axes.iter().zip(index) {
                target = advance(builder, target, index, &axis.result_stride);
                if let (Some(stride), None) = (&axis.operand_stride, &axis.indices_stride) {
                    source = advance(builder, source, index, stride);
                }
            }
            match entered.get(1) {
                None => copy_run(builder, (to, target), (from, source), &run),
                Some(&inside) => builder.if_else(
                    inside,
                    |builder| copy_run(builder, (to, target), (from, source), &run),
                    |builder| clear_run(builder, (to, target), &run),
                ),
            }
        },
    );
    Launch::Procedure(builder.finish(walk.rows(), work, Vec::new()))
}

/// The axes of the operand that are axes of the result, in order.
fn offset_axes(op: &GatherOp, rank: usize) -> Vec<usize> {
    let removed = |axis: &usize| op.collapsed_slice_dims.contains(axis) || op.operand_batching_dims.contains(axis);
    (0..rank).filter(|axis| !removed(axis)).collect()
}

/// The number of neighbouring elements that are copied at once, and the number of the result's axes before them.
fn run_of(op: &GatherOp, operand: &TensorType, result: &TensorType) -> (Dim, usize) {
    let (strides, result_strides) = (strides_of(&operand.dims), strides_of(&result.dims));
    let mut walked = result.rank();
    for axis in offset_axes(op, operand.rank()).into_iter().rev() {
        if walked == 0 || !op.offset_dims.contains(&(walked - 1)) || strides[axis] != result_strides[walked - 1] {
            break;
        }
        walked -= 1;
    }
    (Dim::product(&result.dims[walked..]), walked)
}

/// The first `walked` axes of the result.
fn axes_of(op: &GatherOp, operand: &TensorType, indices: &TensorType, result: &TensorType, walked: usize) -> Vec<Axis> {
    let strides = strides_of(&operand.dims);
    let result_strides = strides_of(&result.dims);
    let indices_strides = strides_of(&indices.dims);
    let mut offsets = offset_axes(op, operand.rank()).into_iter();
    let mut batches = (0..indices.rank()).filter(|&axis| axis != op.index_vector_dim);
    let axis = |axis: usize| {
        let (size, result_stride) = (result.dims[axis].clone(), result_strides[axis].clone());
        if op.offset_dims.contains(&axis) {
            let of = offsets.next().expect("as many as offset_dims");
            return Axis { size, result_stride, operand_stride: Some(strides[of].clone()), indices_stride: None };
        }
        let of = batches.next().expect("as many as batch axes");
        let batching = op.start_indices_batching_dims.iter().position(|&batching| batching == of);
        let operand_stride = batching.map(|place| strides[op.operand_batching_dims[place]].clone());
        Axis { size, result_stride, operand_stride, indices_stride: Some(indices_strides[of].clone()) }
    };
    (0..walked).map(axis).collect()
}

/// Leaves out axes of size 1, and takes neighbours together.
fn merge_axes(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::new();
    for axis in axes.into_iter().filter(|axis| axis.size != Dim::ONE) {
        match merged.last().and_then(|outer| outer.merge(&axis)) {
            Some(both) => *merged.last_mut().expect("there is one") = both,
            None => merged.push(axis),
        }
    }
    merged
}

/// Where index vectors are loaded from.
struct Starts<'a> {
    op: &'a GatherOp,
    operand: &'a TensorType,
    indices: &'a TensorType,
    vectors: Place,
}

impl Starts<'_> {
    /// The position in the operand where the slice of an index vector begins, and, if there are axes along which that is
    /// not sure, whether it lies within the operand.
    fn load(
        &self,
        builder: &mut ProcedureBuilder,
        axes: &[Axis],
        index: &[Variable],
        unsure: &[usize],
    ) -> Vec<Variable> {
        let strides = strides_of(&self.operand.dims);
        let vector_strides = strides_of(&self.indices.dims);
        let (mut at, mut source) = (builder.integer(0), builder.integer(0));
        for (axis, &index) in axes.iter().zip(index) {
            let Some(stride) = &axis.indices_stride else { continue };
            at = advance(builder, at, index, stride);
            if let Some(stride) = &axis.operand_stride {
                source = advance(builder, source, index, stride);
            }
        }
        let mut inside = None;
        let zero = builder.integer(0);
        for (axis, step) in strides.iter().enumerate() {
            let mut start = zero;
            if let Some(place) = self.op.start_index_map.iter().position(|&mapped| mapped == axis) {
                let place = builder.integer(place as i64);
                // A vector along an axis that is not there is a scalar.
                let at = match vector_strides.get(self.op.index_vector_dim) {
                    Some(stride) => advance(builder, at, place, stride),
                    None => at,
                };
                let loaded = builder.load(self.vectors, at);
                start = clamp_start(builder, loaded, &self.operand.dims[axis], &self.op.slice_sizes[axis]);
                source = advance(builder, source, start, step);
            }
            if unsure.contains(&axis) {
                let size = builder.size(&self.operand.dims[axis]);
                let is_inside = builder.compare(tancho_ir::ops::Comparison::Lt, start, size);
                inside = Some(inside.map_or(is_inside, |inside| builder.and(inside, is_inside)));
            }
        }
        [Some(source), inside].into_iter().flatten().collect()
    }
}

fn copy_run(builder: &mut ProcedureBuilder, to: (Place, Variable), from: (Place, Variable), run: &Dim) {
    let Some(length) = run.as_known().filter(|&run| run <= SHORT_RUN) else {
        let count = builder.size(run);
        return builder.copy(to, from, count);
    };
    for place in 0..length {
        let place = builder.integer(place);
        let source = builder.add(from.1, place);
        let element = builder.load(from.0, source);
        let target = builder.add(to.1, place);
        builder.store(to.0, target, element);
    }
}

fn clear_run(builder: &mut ProcedureBuilder, to: (Place, Variable), run: &Dim) {
    let count = builder.size(run);
    let zero = builder.constant(0, builder.element_dtype(to.0));
    builder.repeat(count, |builder, place| {
        let target = builder.add(to.1, place);
        builder.store(to.0, target, zero);
    });
}

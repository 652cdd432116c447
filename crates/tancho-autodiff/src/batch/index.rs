//! Places that are computed. `gather` and `scatter` have axes for batches whose elements have places of their own; where all
//! elements have the same places, the batch axis is one more axis of the slices. Dynamic slices at batched starts are gathers
//! and scatters.

use std::sync::Arc;

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Dims, Graph, Span, TensorType, Value};
use tancho_tensor::DType;

use super::{Item, Items, Rule, batched, shifted, with_batch, with_batch_axis};
use crate::build::Built;
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &IndexOp, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        IndexOp::Gather(op) => gather(rule, op, operands[0], operands[1]),
        IndexOp::Scatter(op) => scatter(rule, op, operands),
        IndexOp::DynamicSlice { sizes } => dynamic_slice(rule, sizes, operands[0], &operands[1..]),
        IndexOp::DynamicUpdateSlice => dynamic_update_slice(rule, operands[0], operands[1], &operands[2..]),
        IndexOp::Sort { axis, stable, comparator } => {
            let operands = rule.broadcast_all(operands)?;
            rule.add(IndexOp::Sort { axis: axis + 1, stable: *stable, comparator: comparator.clone() }, &operands)
        }
        IndexOp::TopK { k } => {
            let operands = rule.broadcast_all(operands)?;
            rule.add(IndexOp::TopK { k: k.clone() }, &operands)
        }
    }
}

fn gather(rule: &mut Rule<'_>, op: &GatherOp, operand: Item, indices: Item) -> Result<Items, Fault> {
    let mut gather = op.clone();
    gather.offset_dims = shifted(&op.offset_dims);
    if operand.is_batched {
        gather.collapsed_slice_dims = shifted(&op.collapsed_slice_dims);
        gather.operand_batching_dims = shifted(&op.operand_batching_dims);
        gather.start_index_map = shifted(&op.start_index_map);
        gather.slice_sizes = with_batch(&rule.size, &op.slice_sizes);
    }
    if indices.is_batched {
        gather.start_indices_batching_dims = shifted(&op.start_indices_batching_dims);
        gather.index_vector_dim += 1;
        // Within an element they may be sorted, but not from one to the next.
        gather.indices_are_sorted = false;
    }
    match (operand.is_batched, indices.is_batched) {
        (true, true) => {
            gather.operand_batching_dims = with_batch_axis(&op.operand_batching_dims);
            gather.start_indices_batching_dims = with_batch_axis(&op.start_indices_batching_dims);
            gather.slice_sizes = with_batch(&one_element(&rule.size), &op.slice_sizes);
        }
        // The whole batch is in each slice.
        (true, false) => gather.offset_dims = with_batch_axis(&op.offset_dims),
        // The first axis of the indices is the first of the result.
        (false, _) => {}
    }
    rule.add(IndexOp::Gather(gather), &[operand.value, indices.value])
}

/// The size of a slice of one element of the batch, where there may be none.
fn one_element(size: &Dim) -> Dim {
    if *size == Dim::ZERO { Dim::ZERO } else { Dim::ONE }
}

fn scatter(rule: &mut Rule<'_>, op: &ScatterOp, operands: &[Item]) -> Result<Items, Fault> {
    let count = operands.len() / 2;
    let indices = operands[count];
    let mut scatter = op.clone();
    scatter.inserted_window_dims = shifted(&op.inserted_window_dims);
    scatter.scatter_dims_to_operand_dims = shifted(&op.scatter_dims_to_operand_dims);
    if indices.is_batched {
        scatter.update_window_dims = shifted(&op.update_window_dims);
        scatter.input_batching_dims = with_batch_axis(&op.input_batching_dims);
        scatter.scatter_indices_batching_dims = with_batch_axis(&op.scatter_indices_batching_dims);
        scatter.index_vector_dim += 1;
        // Within an element they may be sorted, but not from one to the next.
        scatter.indices_are_sorted = false;
    } else {
        // The whole batch is in each window.
        scatter.update_window_dims = with_batch_axis(&op.update_window_dims);
        scatter.input_batching_dims = shifted(&op.input_batching_dims);
    }
    let mut arguments = rule.broadcast_all(&operands[..count])?;
    arguments.push(indices.value);
    arguments.extend(rule.broadcast_all(&operands[count + 1..])?);
    rule.add(IndexOp::Scatter(scatter), &arguments)
}

/// A gather clamps starts as a dynamic slice does.
fn dynamic_slice(rule: &mut Rule<'_>, sizes: &Dims, operand: Item, starts: &[Item]) -> Result<Items, Fault> {
    if !starts.iter().any(|start| start.is_batched) {
        let mut arguments = vec![operand.value, first_start(rule, starts)];
        arguments.extend(starts.iter().map(|start| start.value));
        return rule.add(IndexOp::DynamicSlice { sizes: with_batch(&rule.size, sizes) }, &arguments);
    }
    let rank = rule.rank(operand);
    let indices = rule.broadcast_all(starts)?;
    let indices = index_vectors(rule, &indices)?;
    // The slices of one element of the batch from an operand that all share.
    let of_shared = GatherOp {
        offset_dims: (1..=rank).collect(),
        start_index_map: (0..rank).collect(),
        index_vector_dim: 1,
        slice_sizes: sizes.clone(),
        ..GatherOp::default()
    };
    let op = if operand.is_batched {
        GatherOp {
            operand_batching_dims: vec![0],
            start_indices_batching_dims: vec![0],
            start_index_map: (1..=rank).collect(),
            slice_sizes: with_batch(&one_element(&rule.size), sizes),
            ..of_shared
        }
    } else {
        of_shared
    };
    rule.add(IndexOp::Gather(op), &[operand.value, indices])
}

fn dynamic_update_slice(rule: &mut Rule<'_>, operand: Item, update: Item, starts: &[Item]) -> Result<Items, Fault> {
    let (whole, part) = (rule.type_of(operand), rule.type_of(update));
    let (operand, update) = (rule.broadcast(operand)?, rule.broadcast(update)?);
    if !starts.iter().any(|start| start.is_batched) {
        let mut arguments = vec![operand, update, first_start(rule, starts)];
        arguments.extend(starts.iter().map(|start| start.value));
        return rule.add(IndexOp::DynamicUpdateSlice, &arguments);
    }
    let rank = whole.rank();
    let mut indices = Vec::new();
    for (axis, &start) in starts.iter().enumerate() {
        let last = whole.dims[axis].clone() - part.dims[axis].clone();
        let start = rule.broadcast(start)?;
        indices.push(clamp_start(rule, start, &last)?);
    }
    let indices = index_vectors(rule, &indices)?;
    let op = ScatterOp {
        update_window_dims: (1..=rank).collect(),
        inserted_window_dims: Vec::new(),
        input_batching_dims: vec![0],
        scatter_indices_batching_dims: vec![0],
        scatter_dims_to_operand_dims: (1..=rank).collect(),
        index_vector_dim: 1,
        indices_are_sorted: false,
        unique_indices: true,
        body: Arc::new(take_update(whole.dtype)),
    };
    Ok(batched(rule.build.add(IndexOp::Scatter(op), &[operand, indices, update])?))
}

/// The start along the batch axis, in the dtype of the others.
fn first_start(rule: &mut Rule<'_>, starts: &[Item]) -> Value {
    let dtype = starts.first().map_or(DType::I64, |start| rule.build.dtype(start.value));
    rule.build.scalar(dtype, 0.0)
}

/// Batched scalars, one for each axis, as one vector for each element of the batch.
fn index_vectors(rule: &mut Rule<'_>, starts: &[Value]) -> Built<Value> {
    let dims = Dims::from_iter([rule.size.clone(), Dim::ONE]);
    let columns: Vec<Value> =
        starts.iter().map(|&start| rule.build.reshape(start, dims.clone())).collect::<Built<_>>()?;
    match columns.as_slice() {
        [one] => Ok(*one),
        _ => rule.build.add(tancho_ir::ops::ShapeOp::Concatenate { axis: 1 }, &columns),
    }
}

/// Starts as `i64` between 0 and the last one; the bound may be beyond the range of the starts' own dtype.
fn clamp_start(rule: &mut Rule<'_>, start: Value, last: &Dim) -> Built<Value> {
    let mut start = start;
    if rule.build.dtype(start) == DType::U64 {
        // What is beyond the range of `i64` would become negative.
        let most = rule.build.full_like(start, i64::MAX as f64 / 2.0)?;
        start = rule.build.binary(tancho_ir::ops::BinaryOp::Minimum, start, most)?;
    }
    let start = rule.build.convert(DType::I64, start)?;
    let (zero, last) = (rule.build.scalar(DType::I64, 0.0), rule.build.size(last, DType::I64)?);
    rule.build.add(tancho_ir::ops::ElementwiseOp::Clamp, &[zero, start, last])
}

/// The body of a scatter that replaces elements.
fn take_update(dtype: DType) -> Graph {
    let mut graph = Graph::new("take_update");
    graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE);
    let update = graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE);
    graph.set_results(vec![update]);
    graph
}

//! Places that are computed: gather, scatter, dynamic slices, sorting.

use std::sync::Arc;

use super::control::check_region;
use super::{Check, OpError, ResultTypes};
use crate::{Dim, Dims, Graph, TensorType};
use tancho_tensor::DType;

/// Reads or writes at places that other operands give.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexOp {
    /// Slices of the first operand, at places that the second, `start_indices`, gives.
    ///
    /// For each index vector there is one slice of `slice_sizes`; its start is clamped such that it lies within the operand.
    /// Constraints are numbered as in the StableHLO specification.
    Gather(GatherOp),
    /// Folds slices of updates into tensors, at places that `scatter_indices` gives.
    ///
    /// Operands: `n` tensors, indices, `n` updates. The body takes `n` elements that are there and `n` updates and gives `n`
    /// elements. An update whose element would lie outside of the tensor is dropped, element by element.
    /// Constraints are numbered as in the StableHLO specification.
    ///
    /// # Numerics
    /// Updates are folded in row-major order of the updates.
    Scatter(ScatterOp),
    /// A slice whose start is given by scalars, one for each axis; it is clamped such that the slice lies within the operand.
    ///
    /// (C2) There is one start for each axis. (C3) Starts are scalars of one integer dtype. (C4) Sizes are within the operand.
    DynamicSlice { sizes: Dims },
    /// The first operand with a slice replaced by the second, at a start given by scalars, clamped as that of `dynamic_slice`.
    ///
    /// (C2) Operand and update have one dtype, and (C3) one rank. (C4) There is one start for each axis. (C5) Starts are
    /// scalars of one integer dtype. (C6) The update fits.
    DynamicUpdateSlice,
    /// Sorts along an axis; several operands are moved together.
    ///
    /// The comparator takes two elements of each operand in turn (`x₀, y₀, x₁, y₁, …`) and says whether `x` comes before `y`.
    /// (C2) The operands have one shape. (C4) The axis is within the rank. (C5) The comparator has the type that this needs.
    ///
    /// # Numerics
    /// Always stable. If the comparator is no strict weak order, the result is some permutation.
    Sort { axis: usize, stable: bool, comparator: Arc<Graph> },
    /// The `k` largest elements of each row of the last axis, the largest first, and their indices as `i32`.
    ///
    /// (C1) `0 ≤ k ≤` the size of the last axis. Equal elements come by index; NaN is larger than every number, and +0 larger
    /// than −0.
    TopK { k: Dim },
}

/// The attributes of `gather`, named as in StableHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GatherOp {
    pub offset_dims: Vec<usize>,
    pub collapsed_slice_dims: Vec<usize>,
    pub operand_batching_dims: Vec<usize>,
    pub start_indices_batching_dims: Vec<usize>,
    pub start_index_map: Vec<usize>,
    pub index_vector_dim: usize,
    pub slice_sizes: Dims,
    pub indices_are_sorted: bool,
}

/// The attributes of `scatter`, named as in StableHLO.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterOp {
    pub update_window_dims: Vec<usize>,
    pub inserted_window_dims: Vec<usize>,
    pub input_batching_dims: Vec<usize>,
    pub scatter_indices_batching_dims: Vec<usize>,
    pub scatter_dims_to_operand_dims: Vec<usize>,
    pub index_vector_dim: usize,
    pub indices_are_sorted: bool,
    pub unique_indices: bool,
    pub body: Arc<Graph>,
}

impl IndexOp {
    pub fn name(&self) -> &'static str {
        match self {
            IndexOp::Gather(_) => "gather",
            IndexOp::Scatter(_) => "scatter",
            IndexOp::DynamicSlice { .. } => "dynamic_slice",
            IndexOp::DynamicUpdateSlice => "dynamic_update_slice",
            IndexOp::Sort { .. } => "sort",
            IndexOp::TopK { .. } => "top_k",
        }
    }

    pub fn arity(&self) -> Option<usize> {
        match self {
            IndexOp::Gather(_) => Some(2),
            IndexOp::TopK { .. } => Some(1),
            IndexOp::Scatter(_) | IndexOp::DynamicSlice { .. } | IndexOp::DynamicUpdateSlice | IndexOp::Sort { .. } => {
                None
            }
        }
    }

    /// The graphs that the op holds, under the names of their attributes.
    pub fn regions(&self) -> Vec<(&'static str, &Arc<Graph>)> {
        match self {
            IndexOp::Scatter(scatter) => vec![("body", &scatter.body)],
            IndexOp::Sort { axis: _, stable: _, comparator } => vec![("comparator", comparator)],
            IndexOp::Gather(_) | IndexOp::DynamicSlice { .. } | IndexOp::DynamicUpdateSlice | IndexOp::TopK { .. } => {
                Vec::new()
            }
        }
    }
}

pub(super) fn infer(op: &IndexOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    match op {
        IndexOp::Gather(gather) => infer_gather(gather, &operands[0], &operands[1], check).map(super::one),
        IndexOp::Scatter(scatter) => infer_scatter(scatter, operands, check),
        IndexOp::DynamicSlice { sizes } => {
            let (operand, starts) = operands.split_first().ok_or_else(|| check.error("i", "takes an operand"))?;
            // dynamic_slice_c2, dynamic_slice_c3
            check_starts(starts, operand, ["c2", "c3"], check)?;
            check.that(sizes.len() == operand.rank(), "c2", || format!("{} sizes for {operand}", sizes.len()))?;
            // dynamic_slice_c4
            for (axis, (size, whole)) in sizes.iter().zip(&operand.dims).enumerate() {
                let message = || format!("{size} elements do not fit axis {axis} of {operand}");
                check.at_least(size, &Dim::ZERO, "c4", message)?;
                check.at_least(whole, size, "c4", message)?;
            }
            Ok(super::one(TensorType { dtype: operand.dtype, dims: sizes.clone() }))
        }
        IndexOp::DynamicUpdateSlice => {
            let [operand, update, starts @ ..] = operands else {
                return Err(check.error("i", format!("takes at least 2 operands, but {} are given", operands.len())));
            };
            // dynamic_update_slice_c2, dynamic_update_slice_c3
            check.that(operand.dtype == update.dtype, "c2", || format!("dtypes differ: {operand} and {update}"))?;
            check.that(operand.rank() == update.rank(), "c3", || format!("ranks differ: {operand} and {update}"))?;
            // dynamic_update_slice_c4, dynamic_update_slice_c5
            check_starts(starts, operand, ["c4", "c5"], check)?;
            // dynamic_update_slice_c6
            for (whole, size) in operand.dims.iter().zip(&update.dims) {
                check.at_least(whole, size, "c6", || format!("{update} does not fit {operand}"))?;
            }
            Ok(super::one(operand.clone()))
        }
        IndexOp::Sort { axis, stable: _, comparator } => {
            let first = operands.first().ok_or_else(|| check.error("c1", "takes at least one operand"))?;
            let mut parameters = Vec::new();
            for operand in operands {
                // sort_c2
                check.same_dims(first, operand, "c2")?;
                parameters.extend([TensorType::scalar(operand.dtype), TensorType::scalar(operand.dtype)]);
            }
            // sort_c4
            check.that(*axis < first.rank(), "c4", || format!("axis {axis} is out of range for {first}"))?;
            // sort_c5
            check_region(comparator, &parameters, &[TensorType::scalar(DType::Bool)], "c5", check)?;
            Ok(operands.iter().cloned().collect())
        }
        IndexOp::TopK { k } => {
            let operand = &operands[0];
            let message = || format!("the {k} largest of the last axis of {operand}");
            // top_k_c1
            let size = operand.dims.last().ok_or_else(|| check.error("c1", message()))?;
            check.at_least(k, &Dim::ZERO, "c1", message)?;
            check.at_least(size, k, "c1", message)?;
            let mut dims = operand.dims.clone();
            *dims.last_mut().expect("there is a last axis") = k.clone();
            let indices = TensorType { dtype: DType::I32, dims: dims.clone() };
            Ok(ResultTypes::from_iter([TensorType { dtype: operand.dtype, dims }, indices]))
        }
    }
}

fn check_starts(
    starts: &[TensorType],
    operand: &TensorType,
    [count, scalars]: [&'static str; 2],
    check: &Check<'_>,
) -> Result<(), OpError> {
    check.that(starts.len() == operand.rank(), count, || {
        format!("{} starts for {operand} of rank {}", starts.len(), operand.rank())
    })?;
    starts.iter().try_for_each(|start| {
        check.that(start.rank() == 0 && start.dtype.is_integer(), scalars, || {
            format!("the start {start} is no integer scalar")
        })?;
        check.that(start.dtype == starts[0].dtype, scalars, || format!("starts differ: {} and {start}", starts[0]))
    })
}

/// Requires axes in ascending order.
fn ascending(axes: &[usize], constraint: &'static str, what: &str, check: &Check<'_>) -> Result<(), OpError> {
    check.that(axes.is_sorted(), constraint, || format!("{what} {axes:?} are not in order"))
}

/// The sizes of the index vectors' axes, without the one along which a vector lies, and the length of a vector.
fn batch_dims(indices: &TensorType, index_vector_dim: usize) -> (Dims, Dim) {
    let kept = (0..indices.rank()).filter(|&axis| axis != index_vector_dim);
    let length = indices.dims.get(index_vector_dim).cloned().unwrap_or(Dim::ONE);
    (kept.map(|axis| indices.dims[axis].clone()).collect(), length)
}

fn infer_gather(
    op: &GatherOp,
    operand: &TensorType,
    indices: &TensorType,
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    check.that(indices.dtype.is_integer(), "c2", || format!("the indices are {indices}"))?;
    // gather_c1
    let window_rank = op.offset_dims.len() + op.collapsed_slice_dims.len() + op.operand_batching_dims.len();
    check.that(window_rank == operand.rank(), "c1", || {
        format!("{window_rank} offset, collapsed and batching axes for {operand} of rank {}", operand.rank())
    })?;
    // gather_c2
    check.that(op.index_vector_dim <= indices.rank(), "c2", || {
        format!("index_vector_dim {} is out of range for {indices}", op.index_vector_dim)
    })?;
    let (batch, length) = batch_dims(indices, op.index_vector_dim);
    // gather_c3
    check.equal(&length, &Dim::known(op.start_index_map.len() as i64), "c3", || {
        format!("index vectors have {length} elements, but start_index_map has {}", op.start_index_map.len())
    })?;
    // gather_c4, gather_c5
    let rank = batch.len() + op.offset_dims.len();
    ascending(&op.offset_dims, "c4", "offset_dims", check)?;
    check.distinct_axes(&op.offset_dims, rank, "c5", "offset dim")?;
    // gather_c6 to gather_c8
    let removed: Vec<usize> = op.collapsed_slice_dims.iter().chain(&op.operand_batching_dims).copied().collect();
    check.distinct_axes(&removed, operand.rank(), "c6", "collapsed or batching dim")?;
    ascending(&op.collapsed_slice_dims, "c7", "collapsed_slice_dims", check)?;
    ascending(&op.operand_batching_dims, "c10", "operand_batching_dims", check)?;
    // gather_c13 to gather_c17
    check_batching(
        (operand, &op.operand_batching_dims),
        (indices, &op.start_indices_batching_dims),
        op.index_vector_dim,
        check,
    )?;
    // gather_c18, gather_c19
    let mapped: Vec<usize> = op.start_index_map.iter().chain(&op.operand_batching_dims).copied().collect();
    check.distinct_axes(&mapped, operand.rank(), "c18", "start index")?;
    // gather_c20
    check.that(op.slice_sizes.len() == operand.rank(), "c20", || {
        format!("{} slice sizes for {operand}", op.slice_sizes.len())
    })?;
    for (axis, (size, whole)) in op.slice_sizes.iter().zip(&operand.dims).enumerate() {
        // gather_c21
        let message = || format!("a slice of {size} does not fit axis {axis} of {operand}");
        check.at_least(size, &Dim::ZERO, "c21", message)?;
        check.at_least(whole, size, "c21", message)?;
        // gather_c8, gather_c12
        if removed.contains(&axis) {
            check.at_least(&Dim::ONE, size, "c8", || format!("a slice of {size} cannot lose axis {axis}"))?;
        }
    }
    // gather_c22
    let mut offsets = (0..operand.rank()).filter(|axis| !removed.contains(axis)).map(|axis| &op.slice_sizes[axis]);
    let mut batch = batch.iter();
    let dims = (0..rank).map(|axis| match op.offset_dims.contains(&axis) {
        true => offsets.next().expect("as many as offset_dims").clone(),
        false => batch.next().expect("as many as batch axes").clone(),
    });
    Ok(TensorType { dtype: operand.dtype, dims: dims.collect() })
}

fn check_batching(
    (operand, operand_axes): (&TensorType, &[usize]),
    (indices, indices_axes): (&TensorType, &[usize]),
    index_vector_dim: usize,
    check: &mut Check<'_>,
) -> Result<(), OpError> {
    check.distinct_axes(indices_axes, indices.rank(), "c14", "batching dim of the indices")?;
    check.that(!indices_axes.contains(&index_vector_dim), "c15", || {
        format!("index_vector_dim {index_vector_dim} is a batching dim")
    })?;
    check.that(operand_axes.len() == indices_axes.len(), "c16", || {
        format!("batching dims differ in number: {operand_axes:?} and {indices_axes:?}")
    })?;
    for (&left, &right) in operand_axes.iter().zip(indices_axes) {
        let (x, y) = (&operand.dims[left], &indices.dims[right]);
        check.equal(x, y, "c17", || format!("batching sizes differ: {operand} has {x}, {indices} has {y}"))?;
    }
    Ok(())
}

fn infer_scatter(op: &ScatterOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    check.that(operands.len() >= 3 && operands.len() % 2 == 1, "i", || {
        format!("takes tensors, indices and as many updates, but {} operands are given", operands.len())
    })?;
    let count = operands.len() / 2;
    let (inputs, indices, updates) = (&operands[..count], &operands[count], &operands[count + 1..]);
    let (input, update) = (&inputs[0], &updates[0]);
    check.that(indices.dtype.is_integer(), "c4", || format!("the indices are {indices}"))?;
    for (x, y) in inputs.iter().zip(updates) {
        // scatter_c1, scatter_c3, scatter_c6
        check.same_dims(input, x, "c1")?;
        check.same_dims(update, y, "c3")?;
        check.that(x.dtype == y.dtype, "c6", || format!("dtypes differ: {x} and {y}"))?;
    }
    // scatter_c2
    let window_rank = op.update_window_dims.len() + op.inserted_window_dims.len() + op.input_batching_dims.len();
    check.that(window_rank == input.rank(), "c2", || {
        format!("{window_rank} window, inserted and batching axes for {input} of rank {}", input.rank())
    })?;
    // scatter_c22
    check.that(op.index_vector_dim <= indices.rank(), "c22", || {
        format!("index_vector_dim {} is out of range for {indices}", op.index_vector_dim)
    })?;
    let (batch, length) = batch_dims(indices, op.index_vector_dim);
    // scatter_c19
    check.equal(&length, &Dim::known(op.scatter_dims_to_operand_dims.len() as i64), "c19", || {
        format!(
            "index vectors have {length} elements, but scatter_dims_to_operand_dims has {}",
            op.scatter_dims_to_operand_dims.len()
        )
    })?;
    check.that(update.rank() == batch.len() + op.update_window_dims.len(), "c4", || {
        format!("updates {update} have not the rank of {} index axes and the window", batch.len())
    })?;
    // scatter_c7, scatter_c8
    ascending(&op.update_window_dims, "c7", "update_window_dims", check)?;
    check.distinct_axes(&op.update_window_dims, update.rank(), "c8", "update window dim")?;
    // scatter_c9 to scatter_c13
    let removed: Vec<usize> = op.inserted_window_dims.iter().chain(&op.input_batching_dims).copied().collect();
    check.distinct_axes(&removed, input.rank(), "c9", "inserted or batching dim")?;
    ascending(&op.inserted_window_dims, "c10", "inserted_window_dims", check)?;
    ascending(&op.input_batching_dims, "c12", "input_batching_dims", check)?;
    // scatter_c14 to scatter_c18
    check_batching(
        (input, &op.input_batching_dims),
        (indices, &op.scatter_indices_batching_dims),
        op.index_vector_dim,
        check,
    )?;
    // scatter_c20, scatter_c21
    let mapped: Vec<usize> = op.scatter_dims_to_operand_dims.iter().chain(&op.input_batching_dims).copied().collect();
    check.distinct_axes(&mapped, input.rank(), "c20", "scatter dim")?;
    // scatter_c4
    let window_axes: Vec<usize> = (0..input.rank()).filter(|axis| !removed.contains(axis)).collect();
    let mut batch = batch.iter();
    let mut window = window_axes.iter();
    for axis in 0..update.rank() {
        let size = &update.dims[axis];
        if op.update_window_dims.contains(&axis) {
            let &of = window.next().expect("as many as update_window_dims");
            let whole = &input.dims[of];
            check.at_least(whole, size, "c4", || format!("updates {update} do not fit axis {of} of {input}"))?;
        } else {
            let expected = batch.next().expect("the ranks agree");
            check.equal(expected, size, "c4", || format!("updates {update} do not fit indices {indices}"))?;
        }
    }
    // scatter_c23
    let scalars: Vec<TensorType> = inputs.iter().map(|input| TensorType::scalar(input.dtype)).collect();
    check_region(&op.body, &[scalars.clone(), scalars.clone()].concat(), &scalars, "c23", check)?;
    Ok(inputs.iter().cloned().collect())
}

//! Reading and writing at places that tensors give.
//!
//! Indices are integers of any dtype. One that is out of range is clamped: a negative one reads the first element, one
//! that is too large the last.

use tancho_ir::ops::{GatherOp, IndexOp, Op};
use tancho_ir::{Dim as IrDim, Dims, Value};
use tancho_tensor::DType;

use crate::apply::{Attributes, apply, apply_all};
use crate::axes::resolve_axis;
use crate::builder::{Builder, common_dims, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::shape::Sizes;
use crate::tensor::Tensor;

impl Tensor {
    /// The parts of this tensor at indices along an axis, such as the rows of an embedding table.
    ///
    /// # Shape
    /// `[…a, n, …b]` at `[…i]` `→ […a, …i, …b]`
    ///
    /// # Numerics
    /// An index below 0 reads part 0, one of `n` or more reads part `n − 1`: as NumPy's `take` with `mode="clip"`.
    ///
    /// # Errors
    /// The axis is out of range, or has no element to take; the indices are not integers.
    #[track_caller]
    pub fn take(&self, indices: impl AsTensor, axis: i64) -> Tensor {
        let indices = resolve_indices("take", indices);
        apply("take", Attributes::none().integer(axis), [Operand::Lend(self), indices], &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            take(builder, values[0], values[1], axis)
        })
    }

    /// One element for each index, which counts along an axis; the other axes of both go along, and broadcast.
    ///
    /// It undoes [`Tensor::argsort`]: `x.take_along_axis(x.argsort(axis), axis)` is `x.sort(axis)`.
    ///
    /// # Shape
    /// `[…a, n, …b]` at `[…a, m, …b]` `→ […a, m, …b]`
    ///
    /// # Numerics
    /// An index below 0 reads element 0, one of `n` or more reads element `n − 1`.
    ///
    /// # Errors
    /// The axis is out of range, or has no element to take; the ranks differ, or sizes do not broadcast; the indices are
    /// not integers.
    #[track_caller]
    pub fn take_along_axis(&self, indices: impl AsTensor, axis: i64) -> Tensor {
        let inputs = [Operand::Lend(self), resolve_indices("take_along_axis", indices)];
        apply("take_along_axis", Attributes::none().integer(axis), inputs, &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            take_along_axis(builder, values[0], values[1], axis)
        })
    }

    /// The parts of this tensor at index vectors, which lie along the last axis of the indices, as TensorFlow's `gather_nd`.
    ///
    /// # Shape
    /// `[d₁, …, dₖ, …b]` at `[…i, k]` `→ […i, …b]`
    ///
    /// # Numerics
    /// Each index is clamped to the size of its axis.
    ///
    /// # Errors
    /// The index vectors have more elements than this tensor has axes, or a length that varies; an axis has no element to
    /// take; the indices are not integers.
    #[track_caller]
    pub fn gather_nd(&self, indices: impl AsTensor) -> Tensor {
        let indices = resolve_indices("gather_nd", indices);
        apply("gather_nd", Attributes::none(), [Operand::Lend(self), indices], &|builder, values| {
            let [x, indices] = [values[0], values[1]];
            require_integers(builder, indices)?;
            let (rank, vector_axis) = (builder.rank(x), index_vector_axis(builder, indices)?);
            let length = index_vector_length(builder, x, indices)?;
            let mut slice_sizes = builder.dims(x);
            for axis in 0..length {
                require_element(builder, x, axis)?;
                slice_sizes[axis] = IrDim::ONE;
            }
            let op = GatherOp {
                offset_dims: (vector_axis..vector_axis + rank - length).collect(),
                collapsed_slice_dims: (0..length).collect(),
                start_index_map: (0..length).collect(),
                index_vector_dim: vector_axis,
                slice_sizes,
                ..GatherOp::default()
            };
            builder.add(Op::Index(IndexOp::Gather(op)), &[x, indices])
        })
    }

    /// A part of the given sizes, whose place is computed: there is one start for each axis, an integer scalar.
    ///
    /// # Numerics
    /// Starts are clamped such that the part lies within the tensor.
    ///
    /// # Errors
    /// There is not one start and one size for each axis; a start is no integer scalar; a size is larger than its axis.
    #[track_caller]
    pub fn dynamic_slice<T: AsTensor>(&self, starts: impl IntoIterator<Item = T>, sizes: impl Into<Sizes>) -> Tensor {
        let sizes = sizes.into();
        let mut inputs = vec![Operand::Lend(self)];
        inputs.extend(resolve_starts("dynamic_slice", starts));
        let attributes = Attributes::none().sizes(sizes.as_slice());
        apply_all("dynamic_slice", attributes, &mut inputs, &|builder, values| {
            let mut operands = vec![values[0]];
            operands.extend(same_dtype(builder, &values[1..])?);
            builder.add(Op::Index(IndexOp::DynamicSlice { sizes: sizes.get()? }), &operands)
        })
    }

    /// This tensor with a part replaced, whose place is computed: there is one start for each axis, an integer scalar.
    ///
    /// # Numerics
    /// Starts are clamped such that the update lies within the tensor.
    ///
    /// # Errors
    /// The update has another dtype or rank, or is larger along an axis; there is not one start for each axis; a start is
    /// no integer scalar.
    #[track_caller]
    pub fn dynamic_update_slice<T: AsTensor>(
        &self,
        update: impl AsTensor,
        starts: impl IntoIterator<Item = T>,
    ) -> Tensor {
        let mut inputs = vec![Operand::Lend(self), update.into_operand()];
        resolve("dynamic_update_slice", &mut inputs);
        inputs.extend(resolve_starts("dynamic_update_slice", starts));
        apply_all("dynamic_update_slice", Attributes::none(), &mut inputs, &|builder, values| {
            let mut operands = values[..2].to_vec();
            operands.extend(same_dtype(builder, &values[2..])?);
            builder.add(Op::Index(IndexOp::DynamicUpdateSlice), &operands)
        })
    }
}

/// An operand of integers: a scalar keeps its own dtype, whatever the tensor is that it indexes.
#[track_caller]
pub(crate) fn resolve_indices<'a>(op: &'static str, indices: impl AsTensor + 'a) -> Operand<'a> {
    let mut indices = [indices.into_operand()];
    resolve(op, &mut indices);
    let [indices] = indices;
    indices
}

#[track_caller]
fn resolve_starts<'a, T: AsTensor + 'a>(op: &'static str, starts: impl IntoIterator<Item = T>) -> Vec<Operand<'a>> {
    let mut starts: Vec<Operand<'a>> = starts.into_iter().map(AsTensor::into_operand).collect();
    resolve(op, &mut starts);
    starts
}

/// Starts of one dtype, as the op takes them.
fn same_dtype(builder: &mut Builder<'_>, starts: &[Value]) -> Result<Vec<Value>, Fault> {
    let integers = starts.iter().all(|&start| builder.dtype(start).is_integer());
    if !integers || starts.windows(2).all(|pair| builder.dtype(pair[0]) == builder.dtype(pair[1])) {
        return Ok(starts.to_vec());
    }
    starts.iter().map(|&start| builder.convert(DType::I64, start)).collect()
}

pub(super) fn require_integers(builder: &Builder<'_>, indices: Value) -> Result<(), Fault> {
    require(builder.dtype(indices).is_integer(), || {
        format!("takes indices that are integers, not {}", builder.type_of(indices))
    })
}

fn require_element(builder: &Builder<'_>, x: Value, axis: usize) -> Result<(), Fault> {
    let of = builder.type_of(x);
    require(of.dims[axis] != IrDim::ZERO, || format!("axis {axis} of {of} has no element to take"))
}

/// The axis along which index vectors lie: the last one.
pub(super) fn index_vector_axis(builder: &Builder<'_>, indices: Value) -> Result<usize, Fault> {
    builder.rank(indices).checked_sub(1).ok_or_else(|| {
        Fault(format!("takes indices whose last axis has the index vectors, not {}", builder.type_of(indices)))
    })
}

/// The number of axes that an index vector counts along.
pub(super) fn index_vector_length(builder: &Builder<'_>, x: Value, indices: Value) -> Result<usize, Fault> {
    let (of, last) = (builder.type_of(indices), index_vector_axis(builder, indices)?);
    let length = of.dims[last].as_known().and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| Fault(format!("the index vectors of {of} have a length that varies")))?;
    require(length <= builder.rank(x), || {
        format!("index vectors of {length} elements do not fit {} of rank {}", builder.type_of(x), builder.rank(x))
    })?;
    Ok(length)
}

fn take(builder: &mut Builder<'_>, x: Value, indices: Value, axis: usize) -> Result<Value, Fault> {
    require_integers(builder, indices)?;
    require_element(builder, x, axis)?;
    let (rank, index_rank) = (builder.rank(x), builder.rank(indices));
    let mut slice_sizes = builder.dims(x);
    slice_sizes[axis] = IrDim::ONE;
    let op = GatherOp {
        offset_dims: (0..axis).chain(axis + index_rank..rank - 1 + index_rank).collect(),
        collapsed_slice_dims: vec![axis],
        start_index_map: vec![axis],
        index_vector_dim: index_rank,
        slice_sizes,
        ..GatherOp::default()
    };
    builder.add(Op::Index(IndexOp::Gather(op)), &[x, indices])
}

fn take_along_axis(builder: &mut Builder<'_>, x: Value, indices: Value, axis: usize) -> Result<Value, Fault> {
    require_integers(builder, indices)?;
    let (of, index) = (builder.type_of(x).clone(), builder.type_of(indices).clone());
    require(of.rank() == index.rank(), || format!("ranks differ: {of} and indices {index}"))?;
    require_element(builder, x, axis)?;
    let with_size = |dims: &Dims, size: &IrDim| {
        let mut dims = dims.clone();
        dims[axis] = size.clone();
        dims
    };
    let others = common_dims(&with_size(&of.dims, &IrDim::ONE), &with_size(&index.dims, &IrDim::ONE))
        .ok_or_else(|| Fault(format!("shapes do not broadcast beside axis {axis}: {of} and indices {index}")))?;
    let x = builder.broadcast_to(x, &with_size(&others, &of.dims[axis]))?;
    let indices = builder.broadcast_to(indices, &with_size(&others, &index.dims[axis]))?;
    let batch: Vec<usize> = (0..of.rank()).filter(|&other| other != axis).collect();
    let op = GatherOp {
        collapsed_slice_dims: vec![axis],
        operand_batching_dims: batch.clone(),
        start_indices_batching_dims: batch,
        start_index_map: vec![axis],
        index_vector_dim: of.rank(),
        slice_sizes: Dims::from_elem(IrDim::ONE, of.rank()),
        ..GatherOp::default()
    };
    builder.add(Op::Index(IndexOp::Gather(op)), &[x, indices])
}

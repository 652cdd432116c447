//! Updates at places that tensors give, and sums over segments.
//!
//! An update whose place is out of range is dropped. A tensor that is given by value may become the result in place.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, IndexOp, Op, ScatterOp};
use tancho_ir::{Dims, Graph, Value};
use tancho_tensor::DType;

use super::body::{binary_body, replacing_body};
use super::fold::identity;
use super::index::{index_vector_axis, index_vector_length, require_integers, resolve_indices};
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::{AsTensor, resolve};
use crate::shape::Dim;
use crate::tensor::Tensor;

macro_rules! scatters {
    ($($(#[$doc:meta])* $function:ident $name:literal $kind:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// The index vectors lie along the last axis of the indices, as in TensorFlow's function of this name.
        ///
        /// # Shape
        /// `[d₁, …, dₖ, …b]`, indices `[…i, k]`, updates `[…i, …b]` (which broadcast) `→ [d₁, …, dₖ, …b]`
        ///
        /// # Numerics
        /// Updates come in row-major order, so that where one place has several, the result is the same on any number of
        /// threads. One that is out of range is dropped.
        ///
        /// # Errors
        /// The index vectors have more elements than the tensor has axes, or a length that varies; the updates do not
        /// broadcast to their shape, or have another dtype; the indices are not integers.
        #[track_caller]
        pub fn $function(tensor: impl AsTensor, indices: impl AsTensor, updates: impl AsTensor) -> Tensor {
            scatter_nd($name, tensor, indices, updates, ScatterKind::$kind)
        }
    )*};
}
scatters! {
    /// The tensor with updates added at index vectors. Integers (which wrap) and floats.
    tensor_scatter_nd_add "tensor_scatter_nd_add" Add;
    /// The tensor with updates subtracted at index vectors. Integers (which wrap) and floats.
    tensor_scatter_nd_sub "tensor_scatter_nd_sub" Sub;
    /// The tensor with the larger one of element and update at index vectors; NaN if either is NaN.
    tensor_scatter_nd_max "tensor_scatter_nd_max" Max;
    /// The tensor with the smaller one of element and update at index vectors; NaN if either is NaN.
    tensor_scatter_nd_min "tensor_scatter_nd_min" Min;
    /// The tensor with updates in the place of the elements at index vectors; the last one stays where there are several.
    tensor_scatter_nd_update "tensor_scatter_nd_update" Update;
}

macro_rules! segments {
    ($($(#[$doc:meta])* $function:ident $name:literal $op:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Shape
        /// `[…i, …b]`, segments `[…i]` `→ [number, …b]`
        ///
        /// # Numerics
        /// The parts of a segment come in row-major order. What is of no segment from 0 to `number − 1` is dropped.
        ///
        /// # Errors
        /// The shape of the segments is not the beginning of that of the data; they are not integers.
        #[track_caller]
        pub fn $function(data: impl AsTensor, segments: impl AsTensor, number: impl Into<Dim>) -> Tensor {
            segment_fold($name, data, segments, number.into(), $op)
        }
    )*};
}
segments! {
    /// The sum of the parts of each segment; 0 of none. Integers (which wrap) and floats.
    segment_sum "segment_sum" BinaryOp::Add;
    /// The product of the parts of each segment; 1 of none. Integers (which wrap) and floats.
    segment_prod "segment_prod" BinaryOp::Multiply;
    /// The largest element of each segment; NaN if any is NaN, and −∞ or the least value of none.
    segment_max "segment_max" BinaryOp::Maximum;
    /// The smallest element of each segment; NaN if any is NaN, and ∞ or the largest value of none.
    segment_min "segment_min" BinaryOp::Minimum;
}

fn require_numbers(dtype: DType) -> Result<(), Fault> {
    require(dtype != DType::Bool, || "takes numbers, not bool".into())
}

#[track_caller]
fn scatter_nd(
    op: &'static str,
    tensor: impl AsTensor,
    indices: impl AsTensor,
    updates: impl AsTensor,
    kind: ScatterKind,
) -> Tensor {
    let mut ends = [tensor.into_operand(), updates.into_operand()];
    resolve(op, &mut ends);
    let [tensor, updates] = ends;
    let inputs = [tensor, resolve_indices(op, indices), updates];
    apply(op, Attributes::none(), inputs, &|builder, values| {
        scatter_build(builder, [values[0], values[1], values[2]], kind)
    })
}

/// What becomes of an element and an update.
#[derive(Clone, Copy)]
pub(crate) enum ScatterKind {
    Update,
    Add,
    Sub,
    Max,
    Min,
}

impl ScatterKind {
    fn body(self, dtype: DType) -> Result<Arc<Graph>, Fault> {
        match self {
            ScatterKind::Update => replacing_body(dtype),
            ScatterKind::Add => {
                require_numbers(dtype)?;
                binary_body(dtype, BinaryOp::Add)
            }
            ScatterKind::Sub => binary_body(dtype, BinaryOp::Subtract),
            ScatterKind::Max => binary_body(dtype, BinaryOp::Maximum),
            ScatterKind::Min => binary_body(dtype, BinaryOp::Minimum),
        }
    }
}

/// Puts updates at index vectors, which lie along the last axis of the indices.
pub(crate) fn scatter_build(
    builder: &mut Builder<'_>,
    [x, indices, updates]: [Value; 3],
    kind: ScatterKind,
) -> Result<Value, Fault> {
    require_integers(builder, indices)?;
    let (dims, vector_axis) = (builder.dims(x), index_vector_axis(builder, indices)?);
    let length = index_vector_length(builder, x, indices)?;
    let places = builder.dims(indices);
    let expected: Dims = places[..vector_axis].iter().chain(&dims[length..]).cloned().collect();
    let updates = builder.broadcast_to(updates, &expected)?;
    let scatter = ScatterOp {
        update_window_dims: (vector_axis..expected.len()).collect(),
        inserted_window_dims: (0..length).collect(),
        scatter_dims_to_operand_dims: (0..length).collect(),
        index_vector_dim: vector_axis,
        ..plain_scatter(kind.body(builder.dtype(x))?)
    };
    builder.add(Op::Index(IndexOp::Scatter(scatter)), &[x, indices, updates])
}

#[track_caller]
fn segment_fold(op: &'static str, data: impl AsTensor, segments: impl AsTensor, number: Dim, fold: BinaryOp) -> Tensor {
    let inputs = [data.into_operand(), resolve_indices(op, segments)];
    apply(op, Attributes::none().size(&number), inputs, &|builder, values| {
        require_integers(builder, values[1])?;
        if matches!(fold, BinaryOp::Add | BinaryOp::Multiply) {
            require_numbers(builder.dtype(values[0]))?;
        }
        let (data, index) = (builder.type_of(values[0]).clone(), builder.type_of(values[1]).clone());
        let begins = index.rank() <= data.rank()
            && index.dims.iter().zip(&data.dims).all(|(x, y)| x.always_equals(y) != Some(false));
        require(begins, || format!("the segments {index} do not begin the shape of {data}"))?;
        let rest = &data.dims[index.rank()..];
        let dims: Dims = std::iter::once(number.get()?).chain(rest.iter().cloned()).collect();
        let segments = values[1];
        // Sums and products of 16-bit floats are rounded once, as those of whole axes are.
        let fold_data = |builder: &mut Builder<'_>, [data]: [Value; 1]| {
            let dtype = builder.dtype(data);
            let empty = identity(builder, dtype, fold)?;
            let empty = builder.broadcast_to(empty, &dims)?;
            let scatter = ScatterOp {
                update_window_dims: (index.rank()..builder.rank(data)).collect(),
                inserted_window_dims: vec![0],
                scatter_dims_to_operand_dims: vec![0],
                index_vector_dim: index.rank(),
                ..plain_scatter(binary_body(dtype, fold)?)
            };
            builder.add(Op::Index(IndexOp::Scatter(scatter)), &[empty, segments, data])
        };
        builder.widened([values[0]], fold_data)
    })
}

fn plain_scatter(body: Arc<Graph>) -> ScatterOp {
    ScatterOp {
        update_window_dims: Vec::new(),
        inserted_window_dims: Vec::new(),
        input_batching_dims: Vec::new(),
        scatter_indices_batching_dims: Vec::new(),
        scatter_dims_to_operand_dims: Vec::new(),
        index_vector_dim: 0,
        indices_are_sorted: false,
        unique_indices: false,
        body,
    }
}

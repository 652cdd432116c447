//! Tensors from nothing: filled, counted and evenly spaced.

use std::panic::Location;

use tancho_ir::ops::{BinaryOp, Comparison};
use tancho_ir::{self as ir, Dims};
use tancho_tensor::{DType, Element};

use crate::apply::{Attributes, apply, apply_all, apply_at};
use crate::axes::resolve_axis;
use crate::builder::{Builder, require};
use crate::operand::{AsTensor, Operand};
use crate::scalar::Scalar;
use crate::shape::{Dim, Sizes};
use crate::tensor::Tensor;

/// A tensor of zeros.
#[track_caller]
pub fn zeros(dtype: DType, sizes: impl Into<Sizes>) -> Tensor {
    filled("zeros", dtype, 0.0, sizes.into())
}

/// A tensor of ones.
#[track_caller]
pub fn ones(dtype: DType, sizes: impl Into<Sizes>) -> Tensor {
    filled("ones", dtype, 1.0, sizes.into())
}

#[track_caller]
fn filled(op: &'static str, dtype: DType, value: f64, sizes: Sizes) -> Tensor {
    let attributes = Attributes::none().dtype(dtype).sizes(sizes.as_slice());
    apply(op, attributes, [], &|builder, _| {
        let value = builder.scalar(dtype, value)?;
        builder.broadcast_to(value, &sizes.get()?)
    })
}

/// A tensor whose elements are all one value: a Rust scalar, or a tensor of rank 0.
#[track_caller]
pub fn full(value: impl AsTensor, sizes: impl Into<Sizes>) -> Tensor {
    let sizes = sizes.into();
    apply("full", Attributes::none().sizes(sizes.as_slice()), [value.into_operand()], &|builder, values| {
        builder.broadcast_to(values[0], &sizes.get()?)
    })
}

/// The index along one axis, as elements of a dtype.
///
/// # Errors
/// The axis is out of range, or the dtype is `bool`.
#[track_caller]
pub fn iota(dtype: DType, sizes: impl Into<Sizes>, axis: i64) -> Tensor {
    let sizes = sizes.into();
    let attributes = Attributes::none().dtype(dtype).integer(axis).sizes(sizes.as_slice());
    apply("iota", attributes, [], &|builder, _| {
        let dims = sizes.get()?;
        let axis = resolve_axis(axis, dims.len())?;
        builder.iota(dtype, dims, axis)
    })
}

/// The identity matrix.
#[track_caller]
pub fn eye(dtype: DType, size: impl Into<Dim>) -> Tensor {
    let size = size.into();
    apply("eye", Attributes::none().dtype(dtype).size(&size), [], &|builder, _| {
        let dims = Dims::from_iter([size.get()?, size.get()?]);
        let rows = builder.iota(DType::I64, dims.clone(), 0)?;
        let columns = builder.iota(DType::I64, dims, 1)?;
        let diagonal = builder.compare(Comparison::Eq, rows, columns)?;
        builder.convert(dtype, diagonal)
    })
}

/// The numbers `start`, `start + step`, … below `end` (above it, for a negative step).
///
/// # Numerics
/// Element `i` is `start + i · step` in the dtype of the bounds.
///
/// # Errors
/// The step is zero, or a bound is not finite.
#[track_caller]
pub fn arange<T: Element + Into<Scalar>>(start: T, end: T, step: T) -> Tensor {
    let [from, to, by] = [start, end, step].map(|number| number.into().to_f64());
    let count = ((to - from) / by).ceil();
    if !(count.is_finite() && from.is_finite()) {
        return Tensor::fault("arange", format!("cannot count from {start} to {end} by {step}"));
    }
    spaced("arange", start, step, count.max(0.0) as i64)
}

#[track_caller]
fn spaced<T: Element + Into<Scalar>>(op: &'static str, start: T, step: T, count: i64) -> Tensor {
    let mut inputs = [Operand::Scalar(start.into()), Operand::Scalar(step.into())];
    crate::operand::resolve(op, &mut inputs);
    apply_all(op, Attributes::none().integer(count), &mut inputs, &|builder, values| {
        let index = index_along(builder, T::DTYPE, count)?;
        let scaled = builder.binary(BinaryOp::Multiply, index, values[1])?;
        builder.binary(BinaryOp::Add, scaled, values[0])
    })
}

fn index_along(builder: &mut Builder<'_>, dtype: DType, count: i64) -> Result<ir::Value, crate::error::Fault> {
    builder.iota(dtype, Dims::from_iter([ir::Dim::known(count)]), 0)
}

/// `count` numbers, evenly spaced from `start` to `end`, both included.
///
/// # Numerics
/// Element `i` is `start + i · ((end − start) / (count − 1))`, and the last one is `end` itself.
///
/// # Errors
/// The elements are not floats.
#[track_caller]
pub fn linspace<T: Element + Into<Scalar>>(start: T, end: T, count: usize) -> Tensor {
    let mut inputs = [Operand::Scalar(start.into()), Operand::Scalar(end.into())];
    crate::operand::resolve("linspace", &mut inputs);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    apply_all("linspace", Attributes::none().integer(count), &mut inputs, &|builder, values| {
        let (start, end) = (values[0], values[1]);
        require(T::DTYPE.is_float(), || format!("takes floats, not {}", T::DTYPE))?;
        let index = index_along(builder, T::DTYPE, count)?;
        let distance = builder.binary(BinaryOp::Subtract, end, start)?;
        let step = builder.binary_constant(BinaryOp::Divide, distance, (count - 1).max(1) as f64)?;
        let scaled = builder.binary(BinaryOp::Multiply, index, step)?;
        let number = builder.binary(BinaryOp::Add, scaled, start)?;
        if count < 2 {
            return Ok(number);
        }
        let last = builder.scalar(T::DTYPE, (count - 1) as f64)?;
        let is_last = builder.compare(Comparison::Eq, index, last)?;
        builder.select(is_last, end, number)
    })
}

/// A size as a tensor of rank 0.
pub(crate) fn size_tensor(dim: &Dim, dtype: DType, location: &'static Location<'static>) -> Tensor {
    let attributes = Attributes::none().dtype(dtype).size(dim);
    apply_at("dimension_size", attributes, &mut [], location, &|builder, _| {
        let dim = dim.get()?;
        builder.size(&dim, dtype)
    })
}

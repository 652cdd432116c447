//! Folds along axes.
//!
//! Axes are an integer (negative ones count from the end), an array of integers, or `..` for all; `keep(axes)` leaves
//! them in the shape with size 1.
//!
//! What is composed of several ops computes 16-bit floats in `f32` and rounds the result once.

use tancho_ir::ops::{BinaryOp, ControlOp, ReduceKind, UnaryOp};
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use crate::axes::Axes;
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::tensor::Tensor;

macro_rules! reductions {
    ($($(#[$doc:meta])* $method:ident $name:literal $kind:expr;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $method(&self, axes: impl Into<Axes>) -> Tensor {
                    self.reduce($name, axes.into(), &|builder, x, axes, keep| {
                        builder.reduce_keep($kind, x, axes, keep)
                    })
                }
            )*
        }
    };
}
reductions! {
    /// The sum; 0 of no elements. Integers (which wrap) and floats.
    sum "sum" ReduceKind::Sum;
    /// The product; 1 of no elements. Integers (which wrap) and floats.
    prod "prod" ReduceKind::Product;
    /// The largest element; NaN if any is NaN, and −∞ or the least value of no elements.
    max "max" ReduceKind::Max;
    /// The smallest element; NaN if any is NaN, and ∞ or the largest value of no elements.
    min "min" ReduceKind::Min;
}

/// How a reduction is built: from the value, the axes and whether they are kept.
type Reduction<'a> = &'a dyn Fn(&mut Builder<'_>, Value, &[usize], bool) -> Result<Value, Fault>;

impl Tensor {
    #[track_caller]
    fn reduce(&self, op: &'static str, axes: Axes, build: Reduction) -> Tensor {
        self.unary(op, axes.attributes(), &|builder, values| {
            let resolved = axes.resolve(builder.rank(values[0]))?;
            build(builder, values[0], &resolved, axes.keep)
        })
    }

    /// Whether all elements are true. `bool`.
    #[track_caller]
    pub fn all(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("all", axes.into(), &|builder, x, axes, keep| {
            require_bool(builder, x)?;
            builder.reduce_keep(ReduceKind::And, x, axes, keep)
        })
    }

    /// Whether any element is true. `bool`.
    #[track_caller]
    pub fn any(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("any", axes.into(), &|builder, x, axes, keep| {
            require_bool(builder, x)?;
            builder.reduce_keep(ReduceKind::Or, x, axes, keep)
        })
    }

    /// The mean; NaN of no elements.
    ///
    /// # Numerics
    /// The sum divided by the number of elements, of 16-bit floats in `f32` with one rounding. Floats: nothing is promoted, so
    /// that the mean of integers is an error rather than a rounded quotient.
    #[track_caller]
    pub fn mean(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("mean", axes.into(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            let mean = builder.mean(x, axes)?;
            builder.restore_axes(mean, &dims, axes, keep)
        })
    }

    /// The variance of the population: the mean of the squared distances from the mean. Floats.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("var", axes.into(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            let variance = variance(builder, x, axes)?;
            builder.restore_axes(variance, &dims, axes, keep)
        })
    }

    /// The standard deviation of the population: the root of the variance. Floats.
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("std", axes.into(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            let deviation = builder.widened([x], |builder, [x]| {
                let variance = variance(builder, x, axes)?;
                builder.unary(UnaryOp::Sqrt, variance)
            })?;
            builder.restore_axes(deviation, &dims, axes, keep)
        })
    }

    /// The Euclidean length: the root of the sum of squares. Floats.
    #[track_caller]
    pub fn norm(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("norm", axes.into(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            builder.require_float(x)?;
            let length = builder.widened([x], |builder, [x]| {
                let square = builder.binary(BinaryOp::Multiply, x, x)?;
                let sum = builder.reduce(ReduceKind::Sum, square, axes)?;
                builder.unary(UnaryOp::Sqrt, sum)
            })?;
            builder.restore_axes(length, &dims, axes, keep)
        })
    }

    /// The logarithm of the sum of exponentials. Floats.
    ///
    /// # Numerics
    /// The largest element is subtracted before and added afterwards, so that nothing overflows; where it is infinite, 0
    /// is.
    #[track_caller]
    pub fn logsumexp(&self, axes: impl Into<Axes>) -> Tensor {
        self.reduce("logsumexp", axes.into(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            let result = builder.widened([x], |builder, [x]| {
                let largest = finite_max(builder, x, axes)?;
                // The result does not depend on what is subtracted and added.
                let largest = builder.add(ControlOp::StopGradient.into(), &[largest])?;
                let back = builder.broadcast_back(largest, axes, &dims)?;
                let shifted = builder.binary(BinaryOp::Subtract, x, back)?;
                let exponential = builder.unary(UnaryOp::Exponential, shifted)?;
                let sum = builder.reduce(ReduceKind::Sum, exponential, axes)?;
                let logarithm = builder.unary(UnaryOp::Log, sum)?;
                builder.binary(BinaryOp::Add, logarithm, largest)
            })?;
            builder.restore_axes(result, &dims, axes, keep)
        })
    }

    /// The index of the largest element along an axis, as `i64`; the first NaN wins. `..` counts in row-major order.
    #[track_caller]
    pub fn argmax(&self, axis: impl Into<Axes>) -> Tensor {
        self.arg_reduce("argmax", axis.into(), ReduceKind::ArgMax(DType::I64))
    }

    /// The index of the smallest element along an axis, as `i64`; the first NaN wins. `..` counts in row-major order.
    #[track_caller]
    pub fn argmin(&self, axis: impl Into<Axes>) -> Tensor {
        self.arg_reduce("argmin", axis.into(), ReduceKind::ArgMin(DType::I64))
    }

    #[track_caller]
    fn arg_reduce(&self, op: &'static str, axis: Axes, kind: ReduceKind) -> Tensor {
        self.reduce(op, axis.clone(), &|builder, x, axes, keep| {
            let dims = builder.dims(x);
            let index = if axis.is_all() {
                let flat = builder.reshape(x, Dims::from_iter([Dim::product(&dims)]))?;
                builder.reduce(kind, flat, &[0])?
            } else {
                builder.reduce(kind, x, axes)?
            };
            builder.restore_axes(index, &dims, axes, keep)
        })
    }
}

fn require_bool(builder: &Builder<'_>, x: Value) -> Result<(), Fault> {
    require(builder.dtype(x) == DType::Bool, || format!("takes bool, not {}", builder.type_of(x)))
}

/// The variance over axes, which leave the shape.
pub(super) fn variance(builder: &mut Builder<'_>, x: Value, axes: &[usize]) -> Result<Value, Fault> {
    builder.require_float(x)?;
    let dims = builder.dims(x);
    builder.widened([x], |builder, [x]| {
        let mean = builder.mean(x, axes)?;
        let back = builder.broadcast_back(mean, axes, &dims)?;
        let distance = builder.binary(BinaryOp::Subtract, x, back)?;
        let square = builder.binary(BinaryOp::Multiply, distance, distance)?;
        builder.mean(square, axes)
    })
}

/// The largest element over axes, which leave the shape; 0 where it is infinite or NaN.
fn finite_max(builder: &mut Builder<'_>, x: Value, axes: &[usize]) -> Result<Value, Fault> {
    builder.require_float(x)?;
    let largest = builder.reduce(ReduceKind::Max, x, axes)?;
    let finite = builder.unary(UnaryOp::IsFinite, largest)?;
    let zero = builder.scalar(builder.dtype(x), 0.0)?;
    builder.select(finite, largest, zero)
}

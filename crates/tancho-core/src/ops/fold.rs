//! Running folds along an axis, and folds with a function of the user's.

use std::panic::Location;
use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, FoldOp, Op};
use tancho_ir::{Graph, Value};
use tancho_tensor::DType;

use super::body::{binary_body, text_of, trace_body};
use crate::apply::{Attributes, apply};
use crate::axes::{Axes, resolve_axis};
use crate::builder::{Builder, require};
use crate::error::{Fault, Result};
use crate::operand::{AsTensor, Operand};
use crate::tensor::Tensor;

macro_rules! running_folds {
    ($($(#[$doc:meta])* $method:ident $name:literal $Op:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The axis is out of range.
                #[track_caller]
                pub fn $method(&self, axis: i64) -> Tensor {
                    self.unary($name, Attributes::none().integer(axis), &|builder, values| {
                        running_fold(builder, values[0], axis, BinaryOp::$Op)
                    })
                }
            )*
        }
    };
}
running_folds! {
    /// The sums of the elements up to each one along an axis. Integers (which wrap) and floats.
    ///
    /// # Numerics
    /// One element is added after another. 16-bit floats are added in `f32`, and each sum is rounded.
    cumsum "cumsum" Add;
    /// The products of the elements up to each one along an axis. Integers (which wrap) and floats.
    ///
    /// # Numerics
    /// One element is multiplied after another. 16-bit floats are multiplied in `f32`, and each product is rounded.
    cumprod "cumprod" Multiply;
    /// The largest of the elements up to each one along an axis; NaN from the first NaN on.
    cummax "cummax" Maximum;
    /// The smallest of the elements up to each one along an axis; NaN from the first NaN on.
    cummin "cummin" Minimum;
}

impl Tensor {
    /// Folds the elements along axes with a function of two scalars, the accumulator and an element, beginning with a scalar.
    ///
    /// ```
    /// # use tancho_core::tensor;
    /// let sum_of_squares = tensor([1, 2, 3]).reduce_with(.., 0, |sum, x| sum + x.square());
    /// assert_eq!(sum_of_squares.item::<i32>()?, 14);
    /// # Ok::<(), tancho_core::Error>(())
    /// ```
    ///
    /// # Numerics
    /// One element is folded after another, in row-major order.
    ///
    /// # Errors
    /// An axis is out of range; the initial value is no scalar of this dtype; the function does not give such a scalar, or
    /// uses tensors around it.
    #[track_caller]
    pub fn reduce_with(
        &self,
        axes: impl Into<Axes>,
        initial: impl AsTensor,
        function: impl FnOnce(Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let axes = axes.into();
        let location = Location::caller();
        let body = match self.fold_body("reduce_with", location, function) {
            Ok(body) => body,
            Err(error) => return Tensor::from_error(error),
        };
        let attributes = axes.attributes().text(&text_of(&body));
        apply("reduce_with", attributes, [Operand::Lend(self), initial.into_operand()], &|builder, values| {
            let dims = builder.dims(values[0]);
            let axes_folded = axes.resolve(dims.len())?;
            let op = FoldOp::Reduce { axes: axes_folded.to_vec(), body: body.clone() };
            let folded = builder.add(Op::Fold(op), &[values[0], values[1]])?;
            builder.restore_axes(folded, &dims, &axes_folded, axes.keep)
        })
    }

    /// Folds as [`Tensor::reduce_with`] along an axis, and keeps what the accumulator is after each element.
    ///
    /// # Numerics
    /// One element is folded after another.
    ///
    /// # Errors
    /// The axis is out of range; the initial value is no scalar of this dtype; the function does not give such a scalar, or
    /// uses tensors around it.
    #[track_caller]
    pub fn scan_with(
        &self,
        axis: i64,
        initial: impl AsTensor,
        function: impl FnOnce(Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let location = Location::caller();
        let body = match self.fold_body("scan_with", location, function) {
            Ok(body) => body,
            Err(error) => return Tensor::from_error(error),
        };
        let attributes = Attributes::none().integer(axis).text(&text_of(&body));
        apply("scan_with", attributes, [Operand::Lend(self), initial.into_operand()], &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            scan(builder, values[0], values[1], axis, body.clone())
        })
    }

    /// The graph of a function that takes and gives scalars of this tensor's dtype.
    pub(super) fn fold_body(
        &self,
        op: &'static str,
        location: &'static Location<'static>,
        function: impl FnOnce(Tensor, Tensor) -> Tensor,
    ) -> Result<Arc<Graph>> {
        self.check()?;
        trace_body(op, self.dtype(), self.dtype(), location, function)
    }
}

/// What changes nothing in a fold with an op; 0 where the op has no such element.
pub(super) fn identity(builder: &mut Builder<'_>, dtype: DType, op: BinaryOp) -> Result<Value, Fault> {
    let value = match op {
        BinaryOp::Multiply | BinaryOp::And => 1.0,
        BinaryOp::Maximum if dtype == DType::Bool => 0.0,
        BinaryOp::Maximum => f64::NEG_INFINITY,
        BinaryOp::Minimum => f64::INFINITY,
        BinaryOp::Add
        | BinaryOp::Atan2
        | BinaryOp::Divide
        | BinaryOp::NextAfter
        | BinaryOp::Or
        | BinaryOp::Power
        | BinaryOp::Remainder
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Subtract
        | BinaryOp::Xor => 0.0,
    };
    builder.scalar(dtype, value)
}

fn running_fold(builder: &mut Builder<'_>, x: Value, axis: i64, op: BinaryOp) -> Result<Value, Fault> {
    let axis = resolve_axis(axis, builder.rank(x))?;
    let is_arithmetic = matches!(op, BinaryOp::Add | BinaryOp::Multiply);
    require(!is_arithmetic || builder.dtype(x) != DType::Bool, || {
        format!("takes numbers, not {}", builder.type_of(x))
    })?;
    builder.widened([x], |builder, [x]| {
        let dtype = builder.dtype(x);
        let initial = identity(builder, dtype, op)?;
        scan(builder, x, initial, axis, binary_body(dtype, op)?)
    })
}

fn scan(builder: &mut Builder<'_>, x: Value, initial: Value, axis: usize, body: Arc<Graph>) -> Result<Value, Fault> {
    builder.add(Op::Fold(FoldOp::Scan { axis, reverse: false, body }), &[x, initial])
}

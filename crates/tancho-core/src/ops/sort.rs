//! Sorting along an axis.
//!
//! Sorts are stable. NaN is larger than every number: it comes last where elements ascend, and first where they descend.
//! +0 and −0 are equal, except for [`Tensor::top_k`], which takes +0 for the larger one.

use std::panic::Location;
use std::sync::Arc;

use tancho_ir::Graph;
use tancho_ir::ops::{IndexOp, Op};
use tancho_tensor::DType;

use super::body::{Order, comparator, text_of, trace_body};
use crate::apply::{Attributes, apply_several};
use crate::axes::resolve_axis;
use crate::builder::require;
use crate::operand::Operand;
use crate::shape::Dim;
use crate::tensor::Tensor;

impl Tensor {
    /// The elements along an axis from the smallest to the largest.
    ///
    /// # Numerics
    /// Stable. NaN comes last.
    ///
    /// # Errors
    /// The axis is out of range.
    #[track_caller]
    pub fn sort(&self, axis: i64) -> Tensor {
        self.sort_in("sort", axis, Order::Ascending)
    }

    /// The elements along an axis from the largest to the smallest.
    ///
    /// # Numerics
    /// Stable. NaN comes first.
    ///
    /// # Errors
    /// The axis is out of range.
    #[track_caller]
    pub fn sort_descending(&self, axis: i64) -> Tensor {
        self.sort_in("sort_descending", axis, Order::Descending)
    }

    /// The indices, as `i64`, of the elements along an axis from the smallest to the largest.
    ///
    /// # Numerics
    /// Equal elements come by index. Those of NaN come last.
    ///
    /// # Errors
    /// The axis is out of range.
    #[track_caller]
    pub fn argsort(&self, axis: i64) -> Tensor {
        self.argsort_in("argsort", axis, Order::Ascending)
    }

    /// The indices, as `i64`, of the elements along an axis from the largest to the smallest.
    ///
    /// # Numerics
    /// Equal elements come by index. Those of NaN come first.
    ///
    /// # Errors
    /// The axis is out of range.
    #[track_caller]
    pub fn argsort_descending(&self, axis: i64) -> Tensor {
        self.argsort_in("argsort_descending", axis, Order::Descending)
    }

    /// The elements along an axis, sorted by a function of two scalars that says whether the first comes before the second.
    ///
    /// ```
    /// # use tancho_core::{Tensor, tensor};
    /// let by_magnitude = tensor([-3, 2, -1]).sort_by(0, |x, y| x.abs().lt(y.abs()));
    /// assert_eq!(by_magnitude.to_vec::<i32>()?, [-1, 2, -3]);
    /// # Ok::<(), tancho_core::Error>(())
    /// ```
    ///
    /// # Numerics
    /// Stable. If the function is no strict weak order, the result is some permutation.
    ///
    /// # Errors
    /// The axis is out of range, or the function does not give a `bool` scalar, or uses tensors around it.
    #[track_caller]
    pub fn sort_by(&self, axis: i64, is_before: impl FnOnce(Tensor, Tensor) -> Tensor) -> Tensor {
        let location = Location::caller();
        let body = self.check().and_then(|()| trace_body("sort_by", self.dtype(), DType::Bool, location, is_before));
        let body = match body {
            Ok(body) => body,
            Err(error) => return Tensor::from_error(error),
        };
        let attributes = Attributes::none().integer(axis).text(&text_of(&body));
        self.unary("sort_by", attributes, &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            builder.add(sort_op(axis, body.clone()), &[values[0]])
        })
    }

    /// The `k` largest elements of each row of the last axis, the largest first, and their indices as `i32`.
    ///
    /// # Shape
    /// `[…, n] → […, k], […, k]`
    ///
    /// # Numerics
    /// Equal elements come by index. NaN is larger than every number, and +0 is larger than −0.
    ///
    /// # Errors
    /// There are fewer than `k` elements.
    #[track_caller]
    pub fn top_k(&self, k: impl Into<Dim>) -> (Tensor, Tensor) {
        let k = k.into();
        let attributes = Attributes::none().size(&k);
        let [values, indices] = apply_several("top_k", attributes, &mut [Operand::Lend(self)], &|builder, values| {
            let of = builder.type_of(values[0]);
            require(of.rank() > 0, || format!("takes a tensor of rank 1 or more, not {of}"))?;
            builder.add_several(Op::Index(IndexOp::TopK { k: k.get()? }), &[values[0]])
        });
        (values, indices)
    }

    #[track_caller]
    fn sort_in(&self, op: &'static str, axis: i64, order: Order) -> Tensor {
        self.unary(op, Attributes::none().integer(axis), &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            let body = comparator(builder.dtype(values[0]), &[], order)?;
            builder.add(sort_op(axis, body), &[values[0]])
        })
    }

    #[track_caller]
    fn argsort_in(&self, op: &'static str, axis: i64, order: Order) -> Tensor {
        self.unary(op, Attributes::none().integer(axis), &|builder, values| {
            let axis = resolve_axis(axis, builder.rank(values[0]))?;
            let body = comparator(builder.dtype(values[0]), &[DType::I64], order)?;
            let indices = builder.iota(DType::I64, builder.dims(values[0]), axis)?;
            let [_, indices] = builder.add_several(sort_op(axis, body), &[values[0], indices])?;
            Ok(indices)
        })
    }
}

fn sort_op(axis: usize, comparator: Arc<Graph>) -> Op {
    Op::Index(IndexOp::Sort { axis, stable: true, comparator })
}

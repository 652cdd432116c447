//! Building graphs, for the operations of the facade: each is written once, as a closure on a [`Builder`].
//!
//! The methods add one IR op, or broadcast their operands as NumPy does and then add one. Types are read from the graph.

use smallvec::SmallVec;
use tancho_ir::ops::{BinaryOp, Comparison, DotOp, ElementwiseOp, Op, ReduceKind, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Graph, Relation, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use crate::error::Fault;
use crate::scalar::constant_array;

/// How an operation is built from the values of its inputs.
pub(crate) type Build<'a> = &'a dyn Fn(&mut Builder<'_>, &[Value]) -> Result<Value, Fault>;

/// As [`Build`], for an operation with `N` results.
pub(crate) type BuildSeveral<'a, const N: usize> = &'a dyn Fn(&mut Builder<'_>, &[Value]) -> Result<[Value; N], Fault>;

/// As [`Build`], for any number of results.
pub(crate) type BuildAll<'a> = &'a dyn Fn(&mut Builder<'_>, &[Value]) -> Result<SmallVec<[Value; 2]>, Fault>;

/// A graph under construction and the span of what is added.
pub(crate) struct Builder<'g> {
    graph: &'g mut Graph,
    span: Span,
}

impl<'g> Builder<'g> {
    pub(crate) fn new(graph: &'g mut Graph, span: Span) -> Self {
        Builder { graph, span }
    }

    pub(crate) fn type_of(&self, value: Value) -> &TensorType {
        self.graph.type_of(value)
    }

    pub(crate) fn dtype(&self, value: Value) -> DType {
        self.type_of(value).dtype
    }

    pub(crate) fn dims(&self, value: Value) -> Dims {
        self.type_of(value).dims.clone()
    }

    pub(crate) fn rank(&self, value: Value) -> usize {
        self.type_of(value).rank()
    }

    pub(crate) fn add(&mut self, op: Op, operands: &[Value]) -> Result<Value, Fault> {
        Ok(self.graph.add_value(op, operands, self.span.clone())?)
    }

    /// As [`Builder::add`], for an op with several results.
    pub(crate) fn add_several<const N: usize>(&mut self, op: Op, operands: &[Value]) -> Result<[Value; N], Fault> {
        let first = self.add(op, operands)?;
        Ok(std::array::from_fn(|result| Value { result: result as u32, ..first }))
    }

    /// Records what must hold between sizes.
    pub(crate) fn add_constraint(&mut self, relation: Relation) {
        self.graph.add_constraint(relation, self.span.clone());
    }

    fn shape_op(&mut self, op: ShapeOp, operand: Value) -> Result<Value, Fault> {
        self.add(Op::Shape(op), &[operand])
    }

    pub(crate) fn constant(&mut self, array: Array) -> Value {
        self.graph.add_constant(array, self.span.clone())
    }

    /// A constant of rank 0: rounded, or truncated and saturated.
    pub(crate) fn scalar(&mut self, dtype: DType, value: f64) -> Result<Value, Fault> {
        Ok(self.constant(constant_array(dtype, value)?))
    }

    /// A size as a scalar of a dtype.
    pub(crate) fn size(&mut self, dim: &Dim, dtype: DType) -> Result<Value, Fault> {
        if let Some(known) = dim.as_known() {
            return self.scalar(dtype, known as f64);
        }
        let size = self.add(Op::Shape(ShapeOp::DimensionSize { dim: dim.clone(), dtype: DType::I64 }), &[])?;
        self.convert(dtype, size)
    }

    pub(crate) fn iota(&mut self, dtype: DType, dims: Dims, axis: usize) -> Result<Value, Fault> {
        self.add(Op::Shape(ShapeOp::Iota { dtype, dims, axis }), &[])
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, x: Value) -> Result<Value, Fault> {
        self.add(Op::Elementwise(ElementwiseOp::Unary(op)), &[x])
    }

    pub(crate) fn convert(&mut self, dtype: DType, x: Value) -> Result<Value, Fault> {
        if self.dtype(x) == dtype { Ok(x) } else { self.add(Op::Elementwise(ElementwiseOp::Convert(dtype)), &[x]) }
    }

    /// Broadcasts both operands and applies the op.
    pub(crate) fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Result<Value, Fault> {
        let [x, y] = self.broadcast([x, y])?;
        self.add(Op::Elementwise(ElementwiseOp::Binary(op)), &[x, y])
    }

    /// As [`Builder::binary`] with a constant on the right.
    pub(crate) fn binary_constant(&mut self, op: BinaryOp, x: Value, constant: f64) -> Result<Value, Fault> {
        let constant = self.scalar(self.dtype(x), constant)?;
        self.binary(op, x, constant)
    }

    pub(crate) fn compare(&mut self, op: Comparison, x: Value, y: Value) -> Result<Value, Fault> {
        let [x, y] = self.broadcast([x, y])?;
        self.add(Op::Elementwise(ElementwiseOp::Compare(op)), &[x, y])
    }

    /// Broadcasts all three operands and selects.
    pub(crate) fn select(&mut self, predicate: Value, on_true: Value, on_false: Value) -> Result<Value, Fault> {
        require(self.dtype(predicate) == DType::Bool, || {
            format!("the condition is {}, not bool", self.type_of(predicate))
        })?;
        self.same_dtype(on_true, on_false)?;
        let dims = self.broadcast_dims(&[predicate, on_true, on_false])?;
        let on_true = self.align(on_true, &dims)?;
        let on_false = self.align(on_false, &dims)?;
        // A scalar predicate needs no broadcast.
        let predicate = if self.rank(predicate) == 0 { predicate } else { self.align(predicate, &dims)? };
        self.add(Op::Elementwise(ElementwiseOp::Select), &[predicate, on_true, on_false])
    }

    /// Broadcasts the operands and clamps.
    pub(crate) fn clamp(&mut self, low: Value, x: Value, high: Value) -> Result<Value, Fault> {
        self.same_dtype(low, x)?;
        self.same_dtype(x, high)?;
        let dims = self.broadcast_dims(&[x, low, high])?;
        let x = self.align(x, &dims)?;
        let [low, high] = [low, high].map(|bound| {
            // Scalar bounds need no broadcast.
            if self.rank(bound) == 0 { Ok(bound) } else { self.align(bound, &dims) }
        });
        self.add(Op::Elementwise(ElementwiseOp::Clamp), &[low?, x, high?])
    }

    /// Broadcasts two operands of one dtype to their common shape.
    pub(crate) fn broadcast(&mut self, [x, y]: [Value; 2]) -> Result<[Value; 2], Fault> {
        self.same_dtype(x, y)?;
        if self.type_of(x).dims == self.type_of(y).dims {
            return Ok([x, y]);
        }
        let dims = self.broadcast_dims(&[x, y])?;
        Ok([self.align(x, &dims)?, self.align(y, &dims)?])
    }

    fn same_dtype(&self, x: Value, y: Value) -> Result<(), Fault> {
        let (left, right) = (self.type_of(x), self.type_of(y));
        require(left.dtype == right.dtype, || format!("dtypes differ: lhs {left}, rhs {right}; use .to(dtype) on one"))
    }

    /// The common shape of values. Sizes that are unknown and not 1 are taken to be equal, which the ops then record.
    fn broadcast_dims(&self, values: &[Value]) -> Result<Dims, Fault> {
        let mut dims = self.dims(values[0]);
        for &value in &values[1..] {
            dims = common_dims(&dims, &self.type_of(value).dims).ok_or_else(|| {
                let types: Vec<String> = values.iter().map(|&value| self.type_of(value).to_string()).collect();
                Fault(format!("shapes do not broadcast: {}", types.join(" and ")))
            })?;
        }
        Ok(dims)
    }

    /// Broadcasts a value for an op that takes operands of one shape. Where unknown sizes are to be equal, nothing has to
    /// be repeated, and the op records it.
    fn align(&mut self, x: Value, dims: &Dims) -> Result<Value, Fault> {
        let own = &self.type_of(x).dims;
        let fits = |size: &Dim, dim: &Dim| size == dim || (size.as_known().is_none() && dim.as_known().is_none());
        if own.len() == dims.len() && own.iter().zip(dims).all(|(size, dim)| fits(size, dim)) {
            return Ok(x);
        }
        self.broadcast_to(x, dims)
    }

    /// Repeats a value along new leading axes and axes of size 1, as NumPy does.
    pub(crate) fn broadcast_to(&mut self, x: Value, dims: &Dims) -> Result<Value, Fault> {
        let rank = self.rank(x);
        require(rank <= dims.len(), || {
            format!("{} of rank {rank} does not broadcast to rank {}", self.type_of(x), dims.len())
        })?;
        let offset = dims.len() - rank;
        self.broadcast_in_dim(x, dims, (offset..dims.len()).collect())
    }

    /// Repeats a value; axis `i` of it becomes axis `axes[i]` of the result.
    pub(crate) fn broadcast_in_dim(&mut self, x: Value, dims: &Dims, axes: Vec<usize>) -> Result<Value, Fault> {
        if self.type_of(x).dims == *dims {
            return Ok(x);
        }
        self.shape_op(ShapeOp::BroadcastInDim { dims: dims.clone(), axes }, x)
    }

    /// A value of a reduction back in the shape of what was reduced.
    pub(crate) fn broadcast_back(&mut self, reduced: Value, axes: &[usize], dims: &Dims) -> Result<Value, Fault> {
        let kept = (0..dims.len()).filter(|axis| !axes.contains(axis)).collect();
        self.broadcast_in_dim(reduced, dims, kept)
    }

    pub(crate) fn reshape(&mut self, x: Value, dims: Dims) -> Result<Value, Fault> {
        if self.type_of(x).dims == dims { Ok(x) } else { self.shape_op(ShapeOp::Reshape { dims }, x) }
    }

    pub(crate) fn transpose(&mut self, x: Value, permutation: Vec<usize>) -> Result<Value, Fault> {
        if permutation.iter().copied().eq(0..self.rank(x)) {
            return Ok(x);
        }
        self.shape_op(ShapeOp::Transpose { permutation }, x)
    }

    pub(crate) fn slice(&mut self, x: Value, start: Dims, limit: Dims, strides: Vec<i64>) -> Result<Value, Fault> {
        self.shape_op(ShapeOp::Slice { start, limit, strides }, x)
    }

    pub(crate) fn reverse(&mut self, x: Value, axes: Vec<usize>) -> Result<Value, Fault> {
        if axes.is_empty() { Ok(x) } else { self.shape_op(ShapeOp::Reverse { axes }, x) }
    }

    pub(crate) fn concatenate(&mut self, parts: &[Value], axis: usize) -> Result<Value, Fault> {
        if let [only] = parts { Ok(*only) } else { self.add(Op::Shape(ShapeOp::Concatenate { axis }), parts) }
    }

    pub(crate) fn pad(&mut self, x: Value, value: Value, low: Dims, high: Dims) -> Result<Value, Fault> {
        let interior = vec![0; low.len()];
        self.add(Op::Shape(ShapeOp::Pad { low, high, interior }), &[x, value])
    }

    pub(crate) fn reduce(&mut self, kind: ReduceKind, x: Value, axes: &[usize]) -> Result<Value, Fault> {
        self.add(Op::Reduce(ReduceOp { kind, axes: axes.to_vec() }), &[x])
    }

    /// Reduces, and keeps the axes with size 1 if asked to.
    pub(crate) fn reduce_keep(
        &mut self,
        kind: ReduceKind,
        x: Value,
        axes: &[usize],
        keep: bool,
    ) -> Result<Value, Fault> {
        let dims = self.dims(x);
        let reduced = self.reduce(kind, x, axes)?;
        self.restore_axes(reduced, &dims, axes, keep)
    }

    /// Puts reduced axes back with size 1 if asked to; `dims` are those before the reduction.
    pub(crate) fn restore_axes(
        &mut self,
        reduced: Value,
        dims: &Dims,
        axes: &[usize],
        keep: bool,
    ) -> Result<Value, Fault> {
        if !keep {
            return Ok(reduced);
        }
        let kept = dims.iter().enumerate().map(|(axis, dim)| if axes.contains(&axis) { Dim::ONE } else { dim.clone() });
        self.reshape(reduced, kept.collect())
    }

    /// Computes with `f32` in the place of 16-bit floats of one dtype, and rounds the result once; with other values as they
    /// are.
    pub(crate) fn widened<const N: usize>(
        &mut self,
        values: [Value; N],
        compute: impl FnOnce(&mut Self, [Value; N]) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        let dtype = self.dtype(values[0]);
        if !dtype.is_half() || values.iter().any(|&value| self.dtype(value) != dtype) {
            return compute(self, values);
        }
        let mut wide = values;
        for value in &mut wide {
            *value = self.convert(DType::F32, *value)?;
        }
        let result = compute(self, wide)?;
        self.convert(dtype, result)
    }

    /// The mean over axes, which leave the shape: the sum divided by the number of elements.
    pub(crate) fn mean(&mut self, x: Value, axes: &[usize]) -> Result<Value, Fault> {
        self.require_float(x)?;
        let dims = self.dims(x);
        let count = Dim::product(axes.iter().map(|&axis| &dims[axis]));
        self.widened([x], |builder, [x]| {
            let sum = builder.reduce(ReduceKind::Sum, x, axes)?;
            let count = builder.size(&count, builder.dtype(x))?;
            builder.binary(BinaryOp::Divide, sum, count)
        })
    }

    pub(crate) fn dot(&mut self, x: Value, y: Value, op: DotOp) -> Result<Value, Fault> {
        self.same_dtype(x, y)?;
        self.add(Op::Dot(op), &[x, y])
    }

    pub(crate) fn require_float(&self, x: Value) -> Result<(), Fault> {
        require(self.dtype(x).is_float(), || {
            format!("takes floats, not {}; use .to(DType::F32) on it", self.type_of(x))
        })
    }
}

pub(crate) fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault(message())) }
}

/// The shape that both broadcast to, aligned at the last axis; `None` where known sizes differ and neither is 1.
pub(crate) fn common_dims(left: &[Dim], right: &[Dim]) -> Option<Dims> {
    let rank = left.len().max(right.len());
    let size = |dims: &[Dim], axis: usize| match (axis + dims.len()).checked_sub(rank) {
        Some(own) => dims[own].clone(),
        None => Dim::ONE,
    };
    let mut dims: SmallVec<[Dim; 4]> = Dims::new();
    for axis in 0..rank {
        let (x, y) = (size(left, axis), size(right, axis));
        dims.push(match (x.always_equals(&y), x == Dim::ONE, y == Dim::ONE) {
            (_, _, true) => x,
            (_, true, false) => y,
            // Unknown sizes may turn out to differ by a constant, so that only known ones are refused here.
            (Some(false), ..) if x.as_known().is_some() && y.as_known().is_some() => return None,
            // A known size says more than an unknown one.
            _ if y.as_known().is_some() => y,
            _ => x,
        });
    }
    Some(dims)
}

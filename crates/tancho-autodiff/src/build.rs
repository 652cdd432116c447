//! Adding ops to a graph, for the rules: one method an op, all with one span.

use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::ops::{BinaryOp, Comparison, DotOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Graph, Op, OpError, Scope, Span, TensorType, Value};
use tancho_tensor::{Array, DType, bf16, f16};

/// What adding an op gives.
pub(crate) type Built<T = Value> = Result<T, OpError>;

/// A graph under construction and the span of what is added.
pub(crate) struct Build<'g> {
    pub(crate) graph: &'g mut Graph,
    span: Span,
}

impl<'g> Build<'g> {
    pub(crate) fn new(graph: &'g mut Graph, span: Span) -> Self {
        Build { graph, span }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
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

    pub(crate) fn add(&mut self, op: impl Into<Op>, operands: &[Value]) -> Built {
        self.graph.add_value(op.into(), operands, self.span.clone())
    }

    /// As [`Build::add`], for an op with any number of results.
    pub(crate) fn add_all(&mut self, op: impl Into<Op>, operands: &[Value]) -> Built<SmallVec<[Value; 4]>> {
        let node = self.graph.add(op.into(), operands, self.span.clone())?;
        let n_results = self.graph.node(node).types().len() as u32;
        Ok((0..n_results).map(|result| Value { node, result }).collect())
    }

    pub(crate) fn constant(&mut self, array: Array) -> Value {
        self.graph.add_constant(array, self.span.clone())
    }

    /// A constant of rank 0, rounded to the dtype.
    pub(crate) fn scalar(&mut self, dtype: DType, value: f64) -> Value {
        self.constant(scalar_array(dtype, value))
    }

    /// A constant in the type of a value.
    pub(crate) fn full_like(&mut self, like: Value, value: f64) -> Built {
        let of = self.type_of(like).clone();
        self.full(&of, value)
    }

    pub(crate) fn full(&mut self, of: &TensorType, value: f64) -> Built {
        let scalar = self.scalar(of.dtype, value);
        self.broadcast_in_dim(scalar, &of.dims, Vec::new())
    }

    pub(crate) fn zeros_like(&mut self, like: Value) -> Built {
        self.full_like(like, 0.0)
    }

    /// The number that every element of a float constant is, also of one that is broadcast.
    pub(crate) fn splat(&self, value: Value) -> Option<f64> {
        match self.graph.op_of(value)? {
            Op::Shape(ShapeOp::BroadcastInDim { .. }) => self.splat(self.graph.node(value.node).operands()[0]),
            Op::Shape(ShapeOp::Constant(array)) if array.shape().rank() == 0 && array.dtype().is_float() => {
                array.to_f64_vec().first().copied()
            }
            _ => None,
        }
    }

    /// A size as a scalar of a dtype.
    pub(crate) fn size(&mut self, dim: &Dim, dtype: DType) -> Built {
        if let Some(known) = dim.as_known() {
            return Ok(self.scalar(dtype, known as f64));
        }
        let size = self.add(ShapeOp::DimensionSize { dim: dim.clone(), dtype: DType::I64 }, &[])?;
        self.convert(dtype, size)
    }

    pub(crate) fn iota(&mut self, dtype: DType, dims: Dims, axis: usize) -> Built {
        self.add(ShapeOp::Iota { dtype, dims, axis }, &[])
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, x: Value) -> Built {
        self.add(ElementwiseOp::Unary(op), &[x])
    }

    pub(crate) fn negate(&mut self, x: Value) -> Built {
        self.unary(UnaryOp::Negate, x)
    }

    /// Two operands of one type.
    pub(crate) fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Built {
        self.add(ElementwiseOp::Binary(op), &[x, y])
    }

    pub(crate) fn plus(&mut self, x: Value, y: Value) -> Built {
        self.binary(BinaryOp::Add, x, y)
    }

    pub(crate) fn minus(&mut self, x: Value, y: Value) -> Built {
        self.binary(BinaryOp::Subtract, x, y)
    }

    pub(crate) fn times(&mut self, x: Value, y: Value) -> Built {
        self.binary(BinaryOp::Multiply, x, y)
    }

    pub(crate) fn divided(&mut self, x: Value, y: Value) -> Built {
        self.binary(BinaryOp::Divide, x, y)
    }

    /// A product with a constant.
    pub(crate) fn scaled(&mut self, x: Value, factor: f64) -> Built {
        let factor = self.full_like(x, factor)?;
        self.times(x, factor)
    }

    /// Operands of one type.
    pub(crate) fn compare(&mut self, op: Comparison, x: Value, y: Value) -> Built {
        self.add(ElementwiseOp::Compare(op), &[x, y])
    }

    /// A predicate of rank 0 or of the others' shape, and two values of one type.
    pub(crate) fn select(&mut self, predicate: Value, on_true: Value, on_false: Value) -> Built {
        self.add(ElementwiseOp::Select, &[predicate, on_true, on_false])
    }

    pub(crate) fn convert(&mut self, dtype: DType, x: Value) -> Built {
        if self.dtype(x) == dtype { Ok(x) } else { self.add(ElementwiseOp::Convert(dtype), &[x]) }
    }

    /// Axis `i` of a value becomes axis `axes[i]` of the result.
    pub(crate) fn broadcast_in_dim(&mut self, x: Value, dims: &Dims, axes: Vec<usize>) -> Built {
        if self.type_of(x).dims == *dims {
            return Ok(x);
        }
        self.add(ShapeOp::BroadcastInDim { dims: dims.clone(), axes }, &[x])
    }

    /// A value of a reduction back in the shape of what was reduced.
    pub(crate) fn broadcast_back(&mut self, reduced: Value, axes: &[usize], dims: &Dims) -> Built {
        let kept = (0..dims.len()).filter(|axis| !axes.contains(axis)).collect();
        self.broadcast_in_dim(reduced, dims, kept)
    }

    pub(crate) fn reshape(&mut self, x: Value, dims: Dims) -> Built {
        if self.type_of(x).dims == dims { Ok(x) } else { self.add(ShapeOp::Reshape { dims }, &[x]) }
    }

    pub(crate) fn transpose(&mut self, x: Value, permutation: Vec<usize>) -> Built {
        if permutation.iter().copied().eq(0..self.rank(x)) {
            return Ok(x);
        }
        self.add(ShapeOp::Transpose { permutation }, &[x])
    }

    pub(crate) fn slice(&mut self, x: Value, start: Dims, limit: Dims, strides: Vec<i64>) -> Built {
        self.add(ShapeOp::Slice { start, limit, strides }, &[x])
    }

    pub(crate) fn reverse(&mut self, x: Value, axes: Vec<usize>) -> Built {
        if axes.is_empty() { Ok(x) } else { self.add(ShapeOp::Reverse { axes }, &[x]) }
    }

    pub(crate) fn pad(&mut self, x: Value, value: Value, low: Dims, high: Dims, interior: Vec<i64>) -> Built {
        self.add(ShapeOp::Pad { low, high, interior }, &[x, value])
    }

    pub(crate) fn reduce(&mut self, kind: ReduceKind, x: Value, axes: Vec<usize>) -> Built {
        if axes.is_empty() { Ok(x) } else { self.add(ReduceOp { kind, axes }, &[x]) }
    }

    pub(crate) fn sum(&mut self, x: Value, axes: Vec<usize>) -> Built {
        self.reduce(ReduceKind::Sum, x, axes)
    }

    /// The sum of all elements.
    pub(crate) fn sum_all(&mut self, x: Value) -> Built {
        let axes = (0..self.rank(x)).collect();
        self.sum(x, axes)
    }

    pub(crate) fn dot(&mut self, op: DotOp, x: Value, y: Value) -> Built {
        self.add(op, &[x, y])
    }

    /// Puts a copy of a graph's ops here; the operands must fit its parameters.
    pub(crate) fn inline(&mut self, callee: &Arc<Graph>, operands: &[Value]) -> Built<SmallVec<[Value; 4]>> {
        Ok(tancho_ir::inline_graph(self.graph, callee, operands, &self.span).into_iter().collect())
    }
}

/// The span of what a rule adds for an op: its line, in a scope of its own.
pub(crate) fn derived_span(span: &Span, name: &str) -> Span {
    let scope = Scope { name: name.into(), location: None, parent: span.scope.clone() };
    Span { location: span.location.clone(), scope: Some(Arc::new(scope)) }
}

/// A value in a dtype, rounded once.
pub(crate) fn scalar_array(dtype: DType, value: f64) -> Array {
    match dtype {
        DType::F64 => Array::scalar(value),
        DType::F32 => Array::scalar(value as f32),
        DType::F16 => Array::scalar(f16::from_f32(tancho_tensor::round_to_odd(value))),
        DType::BF16 => Array::scalar(bf16::from_f32(tancho_tensor::round_to_odd(value))),
        DType::I8 => Array::scalar(value as i8),
        DType::I16 => Array::scalar(value as i16),
        DType::I32 => Array::scalar(value as i32),
        DType::I64 => Array::scalar(value as i64),
        DType::U8 => Array::scalar(value as u8),
        DType::U16 => Array::scalar(value as u16),
        DType::U32 => Array::scalar(value as u32),
        DType::U64 => Array::scalar(value as u64),
        DType::Bool => Array::scalar(value != 0.0),
    }
}

//! Reductions with a body, and `map`.

use std::sync::Arc;

use tancho_ir::ops::{FoldOp, ReduceKind, ReduceOp, ShapeOp};
use tancho_ir::{Dims, Graph, NodeKind, Op, TensorType, Value};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::constants::{greatest, least, number};
use super::error::Imports;
use super::recognize::{binary_body, fold_kind, is_arg_body, is_identity};
use super::site::Site;

/// The operands of a fold, in the dtypes of its body, and the body.
pub(super) struct Fold {
    pub inputs: Vec<Value>,
    pub inits: Vec<Value>,
    pub body: Arc<Graph>,
}

impl Fold {
    pub(super) fn operands(&self) -> Vec<Value> {
        [self.inputs.as_slice(), &self.inits].concat()
    }
}

impl<'m> Importer<'m> {
    pub(super) fn reduce(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let axes = self.axes(site, "dimensions")?;
        let fold = self.fold(site)?;
        if let Some(value) = self.plain_reduce(site, &axes, &fold)? {
            return self.one(value);
        }
        if let Some(values) = self.arg_reduce(site, &axes, &fold)? {
            return self.all(values);
        }
        let values = self.emit_all(site, FoldOp::Reduce { axes, body: fold.body.clone() }, &fold.operands())?;
        self.all(values)
    }

    /// Operands that are tensors, then as many initial values, and the first region as the body.
    ///
    /// The body may compute in wider elements than the tensors have: these are converted.
    pub(super) fn fold(&mut self, site: &Site<'m>) -> Imports<Fold> {
        let operands = self.operands(site)?;
        self.expect_regions(site, 1)?;
        let region = self.region(site, 0)?;
        let count = operands.len() / 2;
        let fits = operands.len() == 2 * count && region.arguments.len() == 2 * count;
        self.expect(site, fits, || {
            let (found, arguments) = (operands.len(), region.arguments.len());
            format!("expected as many tensors as initial values and arguments of the body, found {found} operands and {arguments} arguments")
        })?;
        let (mut inputs, mut inits) = (operands[..count].to_vec(), operands[count..].to_vec());
        let mut scalars = Vec::new();
        for (position, argument) in region.arguments.iter().enumerate() {
            let dtype = self.stated(site, &argument.ty)?.dtype;
            scalars.push(TensorType::scalar(dtype));
            if position < count {
                inputs[position] = self.promoted(site, inputs[position], dtype)?;
                inits[position] = self.promoted(site, inits[position], dtype)?;
            }
        }
        let body = self.fold_body(site, 0, &scalars)?;
        Ok(Fold { inputs, inits, body })
    }

    /// The value with elements of the dtype, where that is a wider one of the same kind.
    pub(super) fn promoted(&mut self, site: &Site<'_>, value: Value, dtype: DType) -> Imports<Value> {
        let from = self.dtype_of(value);
        let widens = from.is_float() == dtype.is_float() && from.size() < dtype.size() && from != DType::Bool;
        if widens { self.converted(site, value, dtype) } else { Ok(value) }
    }

    /// A reduction by one binary op, as the op for it; an initial value that is not the identity is folded in at the end.
    fn plain_reduce(&mut self, site: &Site<'_>, axes: &[usize], fold: &Fold) -> Imports<Option<Value>> {
        let ([input], [init], Some(op)) = (&fold.inputs[..], &fold.inits[..], binary_body(&fold.body)) else {
            return Ok(None);
        };
        let Some(kind) = fold_kind(op, self.dtype_of(*input)) else { return Ok(None) };
        let starts_neutral = self.level().graph.constant(*init).is_some_and(|array| is_identity(array, kind));
        let value = self.emit(site, ReduceOp { kind, axes: axes.to_vec() }, &[*input])?;
        if starts_neutral {
            return Ok(Some(value));
        }
        let dims = self.type_of(value).dims.clone();
        let init = self.broadcast(site, *init, &dims, Vec::new())?;
        Ok(Some(self.apply(site, op, init, value)?))
    }

    /// A reduction of values and their indices that finds the first maximum or minimum.
    fn arg_reduce(&mut self, site: &Site<'_>, axes: &[usize], fold: &Fold) -> Imports<Option<Vec<Value>>> {
        let (&[input, indices], &[init, first], &[axis]) = (&fold.inputs[..], &fold.inits[..], axes) else {
            return Ok(None);
        };
        let (dtype, index) = (self.dtype_of(input), self.dtype_of(indices));
        let graph = &self.level().graph;
        let constant = |value: Value, array: tancho_tensor::Array| {
            graph.constant(value).is_some_and(|found| {
                found.dtype() == array.dtype()
                    && found.shape().rank() == 0
                    && found.buffer().bytes() == array.buffer().bytes()
            })
        };
        let largest = constant(init, least(dtype));
        let empty = graph.type_of(input).dims.get(axis).is_none_or(|size| size.as_known() == Some(0));
        let fits = (largest || constant(init, greatest(dtype)))
            && constant(first, number(index, 0.0))
            && matches!(index, DType::I32 | DType::I64)
            && !empty
            && is_iota(graph, indices, axis)
            && is_arg_body(&fold.body, largest, dtype);
        if !fits {
            return Ok(None);
        }
        let (kind, arg) = match largest {
            true => (ReduceKind::Max, ReduceKind::ArgMax(index)),
            false => (ReduceKind::Min, ReduceKind::ArgMin(index)),
        };
        let value = self.emit(site, ReduceOp { kind, axes: vec![axis] }, &[input])?;
        let input = if dtype == DType::Bool { self.converted(site, input, DType::U8)? } else { input };
        let index = self.emit(site, ReduceOp { kind: arg, axes: vec![axis] }, &[input])?;
        Ok(Some(vec![value, index]))
    }

    /// `map`: the body's ops over whole tensors.
    pub(super) fn map(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.operands(site)?;
        self.expect_regions(site, 1)?;
        let Some(&first) = operands.first() else {
            return Err(self.malformed(site, "expected at least one operand"));
        };
        let scalars: Vec<TensorType> =
            operands.iter().map(|&operand| TensorType::scalar(self.dtype_of(operand))).collect();
        let dims = self.type_of(first).dims.clone();
        let body = self.fold_body(site, 0, &scalars)?;
        let mut values: Vec<Option<Value>> = vec![None; body.id_bound()];
        for id in body.topological_order() {
            let node = body.node(id);
            let value = match node.kind() {
                NodeKind::Parameter(position) => operands[*position],
                NodeKind::Op(Op::Shape(ShapeOp::Constant(array))) => {
                    let scalar = self.emit(site, ShapeOp::Constant(array.clone()), &[])?;
                    self.broadcast(site, scalar, &dims, Vec::new())?
                }
                NodeKind::Op(Op::Elementwise(op)) => {
                    let inputs: Option<Vec<Value>> =
                        node.operands().iter().map(|value| values[value.node.index()]).collect();
                    let inputs = inputs.ok_or_else(|| self.malformed(site, "a body whose values form a circle"))?;
                    self.emit(site, *op, &inputs)?
                }
                NodeKind::Op(op) => return Err(self.unsupported(site, format_args!("{} in its body", op.name()))),
            };
            values[id.index()] = Some(value);
        }
        let results: Option<Vec<Value>> = body.results().iter().map(|value| values[value.node.index()]).collect();
        let results = results.ok_or_else(|| self.malformed(site, "a body without results"))?;
        self.all(results)
    }

    /// The sum along axes.
    pub(super) fn sum(&mut self, site: &Site<'_>, value: Value, axes: Vec<usize>) -> Imports<Value> {
        self.emit(site, ReduceOp { kind: ReduceKind::Sum, axes }, &[value])
    }

    /// The value with `dims` at other axes than `axis`, along which its elements lie.
    pub(super) fn along(&mut self, site: &Site<'_>, value: Value, dims: &Dims, axis: usize) -> Imports<Value> {
        self.broadcast(site, value, dims, vec![axis])
    }
}

/// Whether a value counts from 0 along an axis.
fn is_iota(graph: &Graph, value: Value, axis: usize) -> bool {
    let (mut value, mut axis) = (value, axis);
    loop {
        match graph.op_of(value) {
            Some(Op::Shape(ShapeOp::Iota { axis: along, .. })) => return *along == axis,
            Some(Op::Shape(ShapeOp::BroadcastInDim { dims, axes })) => {
                let source = graph.node(value.node).operands()[0];
                match axes.iter().position(|&to| to == axis) {
                    Some(from) if graph.type_of(source).dims[from] == dims[axis] => (value, axis) = (source, from),
                    _ => return false,
                }
            }
            _ => return false,
        }
    }
}

//! `select_and_scatter`.
//!
//! With sums, a result is the initial value and the sources of all windows that select its element: a source has the
//! cotangent of the element that its window selects, and nothing where a window lies in padding alone. Which element that is
//! says `reduce_window` over pairs of an element and its index, whose body asks the op's own `select`; the cotangents are then
//! gathered, so that what comes of differentiating them again is a scatter.

use std::sync::Arc;

use tancho_ir::ops::{Comparison, ControlOp, ElementwiseOp, FoldOp, GatherOp, IndexOp, WindowAxis};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use super::super::index::index_dtype;
use super::super::{Fault, Pullback};
use super::{Body, classify};
use crate::build::scalar_array;

pub(super) fn pull_back(
    pullback: &mut Pullback<'_>,
    window: &[WindowAxis],
    select: &Arc<Graph>,
    scatter: &Arc<Graph>,
) -> Result<(), Fault> {
    let (operand, cotangent) = (pullback.operands[0], pullback.cotangent());
    if !pullback.wanted[1] && !pullback.wanted[2] {
        return Ok(());
    }
    if classify(scatter) != Some(Body::Sum) {
        return Err(Fault::Reason(format!("@{}, by which it scatters, is no sum", scatter.name())));
    }
    if pullback.wanted[1] {
        let build = &mut pullback.build;
        let of = build.type_of(operand).clone();
        let elements = of.elements();
        let index = index_dtype(&elements);
        let line = Dims::from_iter([elements]);
        let indices = build.iota(index, line.clone(), 0)?;
        let indices = build.reshape(indices, of.dims.clone())?;
        let body = selecting_body(select, of.dtype, index)?;
        let (nothing, none) = (build.scalar(of.dtype, 0.0), build.scalar(index, -1.0));
        let fold = FoldOp::ReduceWindow { window: window.to_vec(), body };
        let selected = build.add_all(fold, &[operand, indices, nothing, none])?[1];
        let flat = build.reshape(cotangent, line.clone())?;
        let rank = build.rank(selected);
        let gather = GatherOp {
            collapsed_slice_dims: vec![0],
            start_index_map: vec![0],
            index_vector_dim: rank,
            slice_sizes: Dims::from_iter([Dim::ONE.minimum(&line[0])]),
            ..GatherOp::default()
        };
        let share = if line[0] == Dim::ZERO {
            let source = pullback.operands[1];
            build.zeros_like(source)?
        } else {
            let found = build.add(IndexOp::Gather(gather), &[flat, selected])?;
            let none = build.full_like(selected, -1.0)?;
            let is_element = build.compare(Comparison::Gt, selected, none)?;
            let zeros = build.zeros_like(found)?;
            build.select(is_element, found, zeros)?
        };
        pullback.add_share(1, share)?;
    }
    if pullback.wanted[2] {
        let share = pullback.build.sum_all(cotangent)?;
        pullback.add_share(2, share)?;
    }
    Ok(())
}

/// Takes a chosen element and its index, and another one; gives the one that is chosen then. An index below 0 means that there
/// is no element.
fn selecting_body(select: &Arc<Graph>, dtype: DType, index: DType) -> Result<Arc<Graph>, Fault> {
    let mut graph = Graph::new("selected");
    let parameter = |graph: &mut Graph, dtype| graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE);
    let [x, i, y, j] = [dtype, index, dtype, index].map(|dtype| parameter(&mut graph, dtype));
    let zero: Array = scalar_array(index, 0.0);
    let zero = graph.add_constant(zero, Span::NONE);
    let mut add = |op: Op, operands: &[Value]| graph.add_value(op, operands, Span::NONE);
    let compare = |comparison| Op::Elementwise(ElementwiseOp::Compare(comparison));
    let binary = |op| Op::Elementwise(ElementwiseOp::Binary(op));
    let stays = add(Op::Control(ControlOp::call(select.clone())), &[x, y])?;
    let has_chosen = add(compare(Comparison::Ge), &[i, zero])?;
    let stays = add(binary(tancho_ir::ops::BinaryOp::And), &[stays, has_chosen])?;
    let is_padding = add(compare(Comparison::Lt), &[j, zero])?;
    let stays = add(binary(tancho_ir::ops::BinaryOp::Or), &[stays, is_padding])?;
    let value = add(Op::Elementwise(ElementwiseOp::Select), &[stays, x, y])?;
    let place = add(Op::Elementwise(ElementwiseOp::Select), &[stays, i, j])?;
    graph.set_results(vec![value, place]);
    Ok(Arc::new(graph))
}

//! The graphs over scalars that folds, scatters and sorts hold.
//!
//! Such a graph is built here for an IR op, or traced from a closure of the user's. A traced one becomes words of the
//! eager cache's key as text, since the text determines the graph.

use std::panic::Location;
use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, Op, ShapeOp};
use tancho_ir::{Graph, Span, TensorType, Value};
use tancho_ir::{PrintOptions, print};
use tancho_tensor::DType;

use crate::builder::Builder;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::tensor::Tensor;
use crate::trace::{Kind, Session};

/// `op(accumulator, element)`.
pub(super) fn binary_body(dtype: DType, op: BinaryOp) -> Result<Arc<Graph>, Fault> {
    scalar_body(&[dtype; 2], |builder, values| {
        builder.add(Op::Elementwise(ElementwiseOp::Binary(op)), &[values[0], values[1]])
    })
}

/// The update in the place of what was there.
pub(super) fn replacing_body(dtype: DType) -> Result<Arc<Graph>, Fault> {
    scalar_body(&[dtype; 2], |_, values| Ok(values[1]))
}

/// Which of two elements comes first when they are sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// A comparator for a sort: NaN is larger than every number, and zeros are equal. `companions` are the dtypes of further
/// operands, which are moved along.
pub(super) fn comparator(dtype: DType, companions: &[DType], order: Order) -> Result<Arc<Graph>, Fault> {
    let parameters: Vec<DType> = [dtype].iter().chain(companions).flat_map(|&dtype| [dtype; 2]).collect();
    scalar_body(&parameters, |builder, values| {
        let (x, y) = match order {
            Order::Ascending => (values[0], values[1]),
            Order::Descending => (values[1], values[0]),
        };
        let less = builder.compare(Comparison::Lt, x, y)?;
        if !dtype.is_float() {
            return Ok(less);
        }
        let is_number = builder.compare(Comparison::Eq, x, x)?;
        let is_nan = builder.compare(Comparison::Ne, y, y)?;
        let before_nan = builder.binary(BinaryOp::And, is_number, is_nan)?;
        builder.binary(BinaryOp::Or, less, before_nan)
    })
}

fn scalar_body(
    parameters: &[DType],
    build: impl FnOnce(&mut Builder<'_>, &[Value]) -> Result<Value, Fault>,
) -> Result<Arc<Graph>, Fault> {
    let mut graph = Graph::new("body");
    let values: Vec<Value> =
        parameters.iter().map(|&dtype| graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE)).collect();
    let result = build(&mut Builder::new(&mut graph, Span::NONE), &values)?;
    graph.set_results(vec![result]);
    Ok(Arc::new(graph))
}

/// Traces a closure over two scalars of a dtype.
///
/// # Errors
/// The closure uses a tensor that it was not given, or a size that varies, or its result is no scalar of the dtype
/// `gives`.
pub(super) fn trace_body(
    op: &'static str,
    dtype: DType,
    gives: DType,
    location: &'static Location<'static>,
    body: impl FnOnce(Tensor, Tensor) -> Tensor,
) -> Result<Arc<Graph>> {
    let fault = |message| Error::at(ErrorKind::Op { op, message }, location);
    let session = Session::open("body", Kind::Body, location)?;
    let [x, y] = ["x", "y"].map(|name| session.add_parameter(name, TensorType::scalar(dtype), location));
    let result = body(x, y);
    let graph = session.finish(&[&result], &[None], location)?.graph;
    let varies = |op: &Op| matches!(op, Op::Shape(ShapeOp::DimensionSize { .. }));
    if graph.node_ids().any(|id| graph.node(id).op().is_some_and(varies)) {
        return Err(fault("a size that varies cannot be used within the function".into()));
    }
    let expected = TensorType::scalar(gives);
    if let Some(of) = graph.result_types().find(|&of| *of != expected) {
        return Err(fault(format!("the function gives {of}, not {expected}")));
    }
    Ok(Arc::new(graph))
}

/// The graph as text, for an operation's attributes.
pub(super) fn text_of(body: &Graph) -> String {
    print(body, &PrintOptions { spans: false, elide_above: None })
}

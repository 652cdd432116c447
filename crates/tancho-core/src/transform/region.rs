//! The graph of a function within the trace at hand.

use std::panic::Location;

use tancho_ir::{Graph, Span, TensorType, Value};

use super::ArgumentList;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::region::{Callee, OpenRegion};
use crate::signature::leaf_type;
use crate::tensor::Tensor;
use crate::tree::flatten;

/// A function as a graph: its arguments' leaves, then what it captures, are the parameters.
pub(super) struct FunctionGraph<Out> {
    pub(super) callee: Callee,
    /// The results, which tell their structure.
    pub(super) out: Out,
}

/// Traces a function on arguments of the given types, which have the structure of `arguments`.
pub(super) fn trace_function<Args: ArgumentList, F: Trace<Args>>(
    op: &'static str,
    function: &F,
    arguments: &Args,
    types: Vec<TensorType>,
    location: &'static Location<'static>,
) -> Result<FunctionGraph<F::Out>> {
    let parameters: Vec<(String, TensorType)> =
        types.into_iter().enumerate().map(|(place, of)| (format!("x{place}"), of)).collect();
    let (region, tensors) = OpenRegion::begin(op, &parameters, location)?;
    let out = function.trace(arguments.with_leaves(tensors)?)?;
    let region = region.close(&flatten(&out), location)?;
    let callee = Callee::new(region);
    if let Some(name) = callee.assigned_names().next() {
        let message = format!("the function assigns the variable {name}, which {op} does not take");
        return Err(Error::at(ErrorKind::Op { op, message }, location));
    }
    Ok(FunctionGraph { callee, out })
}

pub(super) fn leaf_types(
    op: &'static str,
    leaves: &[Tensor],
    location: &'static Location<'static>,
) -> Result<Vec<TensorType>> {
    leaves
        .iter()
        .map(|leaf| {
            leaf.check()?;
            leaf_type(leaf)
                .ok_or_else(|| Error::at(ErrorKind::Op { op, message: "an argument has no type".into() }, location))
        })
        .collect()
}

/// The positions of floats.
pub(super) fn float_places(types: &[TensorType]) -> Vec<usize> {
    (0..types.len()).filter(|&place| types[place].dtype.is_float()).collect()
}

/// The graph with its parameters in another order: at place `i` the one that was at `order[i]`.
pub(super) fn reorder(graph: &Graph, order: &[usize]) -> Graph {
    let mut reordered = Graph::new(graph.name());
    let old: Vec<Value> = graph.parameters().collect();
    let mut arguments = vec![Value { node: old[0].node, result: 0 }; old.len()];
    for &place in order {
        let name = graph.node(old[place].node).name();
        arguments[place] = reordered.add_parameter(name, graph.type_of(old[place]).clone(), Span::NONE);
    }
    for constraint in graph.constraints() {
        reordered.add_constraint(constraint.relation.clone(), constraint.span.clone());
    }
    let results = reordered.inline(graph, &arguments, Clone::clone, Clone::clone, Clone::clone);
    reordered.set_results(results);
    reordered
}

/// A tangent or cotangent for what is no float: zeros.
#[track_caller]
pub(super) fn zeros_like(tensor: &Tensor) -> Tensor {
    crate::zeros(tensor.dtype(), tensor.shape())
}

//! Derivatives of whole graphs.

use std::collections::HashMap;

use tancho_ir::{Graph, Span, TensorType, Value};

use crate::build::Build;
use crate::error::DiffError;
use crate::forward::tangents;
use crate::reverse::gradients;

/// The graph that takes the parameters, then a cotangent for each result of a float dtype, and gives the results, then the
/// cotangents of the parameters at the positions `wrt`; zeros where the results do not depend on one.
///
/// # Errors
/// An op on the way has no derivative.
pub fn vjp(graph: &Graph, wrt: &[usize]) -> Result<Graph, DiffError> {
    let (mut result, parameters, results) = copy(graph, &format!("{}_vjp", graph.name()));
    let floats = results.iter().filter(|&&value| result.type_of(value).dtype.is_float()).copied().collect::<Vec<_>>();
    let seeds: Vec<(Value, Value)> = floats
        .into_iter()
        .map(|value| (value, result.add_parameter(None, result.type_of(value).clone(), Span::NONE)))
        .collect();
    let sources: Vec<Value> = wrt.iter().map(|&position| parameters[position]).collect();
    let found = gradients(&mut result, &seeds, &sources, &|_| true)?;
    finish(result, results, &sources, found)
}

/// The graph that takes the parameters, then a tangent for each of those at the positions `wrt`, and gives the results, then
/// the tangent of each result of a float dtype.
///
/// # Errors
/// An op on the way has no derivative.
pub fn jvp(graph: &Graph, wrt: &[usize]) -> Result<Graph, DiffError> {
    let (mut result, parameters, results) = copy(graph, &format!("{}_jvp", graph.name()));
    let seeds: Vec<(Value, Value)> = wrt
        .iter()
        .map(|&position| {
            let of: TensorType = result.type_of(parameters[position]).clone();
            (parameters[position], result.add_parameter(None, of, Span::NONE))
        })
        .collect();
    let targets = results.iter().filter(|&&value| result.type_of(value).dtype.is_float()).copied().collect::<Vec<_>>();
    let found = tangents(&mut result, &seeds, &targets)?;
    finish(result, results, &targets, found)
}

/// A graph with another name, its parameters, and its results, which are not set.
fn copy(graph: &Graph, name: &str) -> (Graph, Vec<Value>, Vec<Value>) {
    let mut copy = graph.clone();
    copy.set_name(name);
    let (parameters, results) = (copy.parameters().collect(), copy.results().to_vec());
    (copy, parameters, results)
}

/// Sets the results: those of the function, then derivatives, zeros in the type of `like` where there is none.
fn finish(
    mut graph: Graph,
    results: Vec<Value>,
    like: &[Value],
    found: Vec<Option<Value>>,
) -> Result<Graph, DiffError> {
    let mut zeros: HashMap<TensorType, Value> = HashMap::new();
    let mut all = results;
    for (&like, found) in like.iter().zip(found) {
        let of = graph.type_of(like).clone();
        let value = match (found, zeros.get(&of)) {
            (Some(value), _) | (None, Some(&value)) => value,
            (None, None) => {
                let built = Build::new(&mut graph, Span::NONE).full(&of, 0.0);
                let value = built.map_err(|source| DiffError::Rule { of: "zero", source, span: Span::NONE })?;
                zeros.insert(of, value);
                value
            }
        };
        all.push(value);
    }
    graph.set_results(all);
    Ok(graph)
}

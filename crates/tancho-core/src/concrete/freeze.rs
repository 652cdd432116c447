//! A trace with the values of its variables in it: a graph that needs nothing of the program that made it.

use std::panic::Location;

use tancho_ir::{Graph, Op, Span, TensorType, Value};

use super::Concrete;
use crate::error::Result;
use crate::tree::Tree;

impl<Args, Out: Tree> Concrete<Args, Out> {
    /// The graph with what its variables hold now as constants, for files. It gives the results of the function; what the
    /// function assigns to variables is left out.
    ///
    /// # Errors
    /// A variable was dropped.
    #[track_caller]
    pub fn freeze(&self) -> Result<Graph> {
        let location = Location::caller();
        let (graph, variables) = (self.traced.graph(), self.traced.state().variables());
        // The variables' parameters are behind the others, and so are the results that are assigned to them.
        let n_arguments = graph.parameter_count() - variables.len();
        let n_assigned = variables.iter().filter(|variable| variable.result.is_some()).count();
        let mut frozen = Graph::new(graph.name());
        let mut inputs: Vec<Value> = Vec::new();
        for (position, parameter) in graph.parameters().enumerate() {
            let node = graph.node(parameter.node);
            let span = node.span().clone();
            inputs.push(match position.checked_sub(n_arguments) {
                None => frozen.add_parameter(node.name(), graph.type_of(parameter).clone(), span),
                Some(place) => {
                    let cell = variables[place].upgrade(graph.name(), location)?;
                    let array = cell.lock_from_outside(location)?.clone();
                    let constant = frozen.add_constant(array, span);
                    frozen.set_node_name(constant.node, node.name());
                    constant
                }
            });
        }
        let mut results = frozen.inline(graph, &inputs, Op::clone, TensorType::clone, Span::clone);
        results.truncate(results.len() - n_assigned);
        for constraint in graph.constraints() {
            frozen.add_constraint(constraint.relation.clone(), constraint.span.clone());
        }
        let n_results = results.len();
        frozen.set_results(results);
        for position in 0..n_results {
            if let Some(name) = graph.result_name(position) {
                frozen.set_result_name(position, name);
            }
        }
        remove_unused(&mut frozen);
        Ok(frozen)
    }
}

/// Removes what was computed for assignments only.
fn remove_unused(graph: &mut Graph) {
    for id in graph.topological_order().into_iter().rev() {
        if graph.node(id).op().is_some_and(|op| !op.has_side_effect()) && !graph.is_used(id) {
            graph.remove(id);
        }
    }
}

//! Puts the operations of a graph into another one, as a call of it would compute them.
//!
//! The callee's symbols get the sizes of the operands (from the parameters whose size is a symbol and nothing else), its nodes
//! are copied with the symbols replaced in their attributes and types. What the callee requires of its symbols is required of
//! the sizes of the operands. A copy's span is the callee's own line, inside a scope with the callee's name that was opened
//! at the line of the call.
//!
//! A size of a copy may be another expression than the op gives in its new place: `max(0, ?n)` is `?n` for the callee, whose
//! symbols are sizes, and `max(0, ?a - 2)` is not `?a - 2` for the caller, unless one knows that there is a value of this
//! size. There is one; so that both are equal becomes a constraint, which the verifier and readers of the text find.

use std::sync::Arc;

use crate::ops::control::bind_symbols;
use crate::{Dim, Graph, Relation, Span, Symbol, TensorType, Value, infer, substitute_symbols};

/// Copies the operations of `callee` into `graph`, with `operands`, which must fit, as its parameters and the line of the call
/// as `span`; gives the values of its results.
pub fn inline_graph(graph: &mut Graph, callee: &Graph, operands: &[Value], span: &Span) -> Vec<Value> {
    let parameter_types: Vec<&TensorType> = callee.parameter_types().collect();
    let operand_types: Vec<TensorType> = operands.iter().map(|&operand| graph.type_of(operand).clone()).collect();
    let assignment = bind_symbols(&parameter_types, &operand_types);
    let replacement = |symbol: &Symbol| -> Option<Dim> {
        assignment.iter().find(|(name, _)| name == symbol).map(|(_, dim)| dim.clone())
    };
    let scope: Arc<str> = callee.name().into();
    let nested = |inner: &Span| inner.nested_in(&scope, span);

    for constraint in callee.constraints() {
        let relation = match &constraint.relation {
            Relation::Equal(x, y) => Relation::Equal(x.substitute(&replacement), y.substitute(&replacement)),
            Relation::AtLeast(x, y) => Relation::AtLeast(x.substitute(&replacement), y.substitute(&replacement)),
        };
        graph.add_constraint(relation, nested(&constraint.span));
    }
    let bound = graph.id_bound();
    let results = graph.inline(
        callee,
        operands,
        |op| substitute_symbols(op, &replacement),
        |of| of.substitute(&replacement),
        nested,
    );
    if !assignment.is_empty() {
        state_sizes(graph, bound);
    }
    results
}

/// Requires that the sizes of the nodes from an id on are those that their ops give.
fn state_sizes(graph: &mut Graph, bound: usize) {
    let mut relations = Vec::new();
    for id in graph.node_ids().rev().take_while(|id| id.index() >= bound) {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        let operands: Vec<TensorType> = node.operands().iter().map(|&operand| graph.type_of(operand).clone()).collect();
        // What the op requires, the callee has required.
        let Ok(inferred) = infer(op, &operands, &mut Vec::new()) else { continue };
        for (stated, inferred) in node.types().iter().zip(&inferred) {
            let sizes = stated.dims.iter().zip(&inferred.dims).filter(|(stated, inferred)| stated != inferred);
            relations.extend(sizes.map(|(x, y)| (Relation::Equal(x.clone(), y.clone()), node.span().clone())));
        }
    }
    for (relation, span) in relations {
        graph.add_constraint(relation, span);
    }
}

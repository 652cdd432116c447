//! Puts the body of each callee in the place of the call.
//!
//! For each call: the callee's symbols get the sizes of the operands (from the parameters whose size is a symbol and nothing
//! else), its nodes are copied with the symbols replaced in their attributes and types, and the users of the call use the
//! copies. What the callee requires of its symbols is required of the sizes of the call. A copy's span is the callee's own
//! line, inside a scope with the callee's name that was opened at the line of the call.
//!
//! A size of a copy may be another expression than the op gives in its new place: `max(0, ?n)` is `?n` for the callee, whose
//! symbols are sizes, and `max(0, ?a - 2)` is not `?a - 2` for the caller, unless one knows that there is a value of this
//! size. There is one; so that both are equal becomes a constraint, which the verifier and readers of the text find.
//!
//! Copies may be calls themselves; they are inlined next. A graph is a value and cannot contain itself, so that this ends.

use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::ops::control::bind_symbols;
use tancho_ir::{Dim, Graph, NodeId, Op, Relation, Span, Symbol, TensorType, Value, infer};

use crate::optimize_regions::map_regions;
use crate::rewrite::remove_unused;
use crate::substitute::substitute_symbols;
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut changed = Changed::NOTHING;
    let mut calls: Vec<NodeId> = graph.node_ids().filter(|&id| callee(graph, id).is_some()).collect();
    while let Some(id) = calls.pop() {
        let Some(callee) = callee(graph, id).cloned() else { continue };
        if !context.permit() {
            break;
        }
        let bound = graph.id_bound();
        inline_call(graph, id, &callee);
        changed.0 += 1;
        calls.extend(graph.node_ids().rev().take_while(|copy| copy.index() >= bound));
    }
    // The graphs that loops and branches hold have calls of their own.
    let regions = map_regions(graph, |region| {
        let mut inlined = Graph::clone(region);
        (run(&mut inlined, context).0 > 0).then(|| Arc::new(inlined))
    });
    Changed(changed.0 + regions.0)
}

fn callee(graph: &Graph, id: NodeId) -> Option<&Arc<Graph>> {
    // A call whose users went with another call is gone.
    if !graph.contains(id) {
        return None;
    }
    match graph.node(id).op()? {
        Op::Control(ControlOp::Call(callee)) => Some(callee),
        Op::Control(_)
        | Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_) => None,
    }
}

fn inline_call(graph: &mut Graph, id: NodeId, callee: &Graph) {
    let call = graph.node(id);
    let (operands, span) = (call.operands().to_vec(), call.span().clone());
    let parameter_types: Vec<&TensorType> = callee.parameter_types().collect();
    let operand_types: Vec<TensorType> = operands.iter().map(|&operand| graph.type_of(operand).clone()).collect();
    let assignment = bind_symbols(&parameter_types, &operand_types);
    let replacement = |symbol: &Symbol| -> Option<Dim> {
        assignment.iter().find(|(name, _)| name == symbol).map(|(_, dim)| dim.clone())
    };
    let scope: Arc<str> = callee.name().into();
    let nested = |inner: &Span| inner.nested_in(&scope, &span);

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
        &operands,
        |op| substitute_symbols(op, &replacement),
        |of| of.substitute(&replacement),
        nested,
    );
    if !assignment.is_empty() {
        state_sizes(graph, bound);
    }
    for (result, new) in results.into_iter().enumerate() {
        graph.replace_all_uses(Value { node: id, result: result as u32 }, new);
    }
    remove_unused(graph, vec![id]);
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

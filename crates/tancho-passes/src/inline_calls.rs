//! Puts the body of each callee in the place of the call.
//!
//! For each call: the callee's symbols get the sizes of the operands (from the parameters whose size is a symbol and nothing
//! else), its nodes are copied with the symbols replaced in their attributes and types, and the users of the call use the
//! copies. What the callee requires of its symbols is required of the sizes of the call. A copy's span is the callee's own
//! line, inside a scope with the callee's name that was opened at the line of the call.
//!
//! Copies may be calls themselves; they are inlined next. A graph is a value and cannot contain itself, so that this ends.

use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::ops::control::bind_symbols;
use tancho_ir::{Dim, Graph, NodeId, Op, Relation, Span, Symbol, TensorType, Value};

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
    let results = graph.inline(
        callee,
        &operands,
        |op| substitute_symbols(op, &replacement),
        |of| of.substitute(&replacement),
        nested,
    );
    for (result, new) in results.into_iter().enumerate() {
        graph.replace_all_uses(Value { node: id, result: result as u32 }, new);
    }
    remove_unused(graph, vec![id]);
}

//! Puts the body of each callee in the place of the call.
//!
//! For each call, [`inline_graph`] copies the callee's nodes, and the users of the call use the copies.
//!
//! A call with effects is ordered among the effects around it; its copies take its place in that order: what came before the
//! call comes before the first effects of the callee, and the last of these come before what came behind the call.
//!
//! `stop_gradient` goes too, as the call of a graph that gives what it takes: it means nothing but to a gradient, which was
//! made before.
//!
//! Copies may be calls themselves; they are inlined next. A graph is a value and cannot contain itself, so that this ends.

use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, NodeId, Op, Value, inline_graph};

use crate::optimize_regions::map_regions;
use crate::rewrite::remove_unused;
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    let mut changed = Changed::NOTHING;
    let mut calls: Vec<NodeId> = graph.node_ids().filter(|&id| called(graph, id).is_some()).collect();
    while let Some(id) = calls.pop() {
        let Some(called) = called(graph, id) else { continue };
        if !context.permit() {
            break;
        }
        let bound = graph.id_bound();
        match called {
            Called::Graph(callee) => inline_call(graph, id, &callee),
            Called::Identity => {
                let operands = graph.node(id).operands().to_vec();
                put_in_place(graph, id, operands);
            }
        }
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

/// What a node calls.
enum Called {
    Graph(Arc<Graph>),
    /// What gives the operands as they are.
    Identity,
}

fn called(graph: &Graph, id: NodeId) -> Option<Called> {
    // A call whose users went with another call is gone.
    if !graph.contains(id) {
        return None;
    }
    match graph.node(id).op()? {
        Op::Control(ControlOp::Call { callee, gradient: _ }) => Some(Called::Graph(callee.clone())),
        Op::Control(ControlOp::StopGradient) => Some(Called::Identity),
        Op::Control(
            ControlOp::While { .. }
            | ControlOp::Case { .. }
            | ControlOp::OptimizationBarrier
            | ControlOp::CustomCall(_),
        )
        | Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Effect(_) => None,
    }
}

fn inline_call(graph: &mut Graph, id: NodeId, callee: &Graph) {
    let call = graph.node(id);
    let (operands, span) = (call.operands().to_vec(), call.span().clone());
    let bound = graph.id_bound();
    let results = inline_graph(graph, callee, &operands, &span);
    order_effects(graph, id, bound);
    put_in_place(graph, id, results);
}

/// Lets the users of a node use other values, and removes it and what only it used.
fn put_in_place(graph: &mut Graph, id: NodeId, results: Vec<Value>) {
    for (result, new) in results.into_iter().enumerate() {
        graph.replace_all_uses(Value { node: id, result: result as u32 }, new);
    }
    let operands: Vec<NodeId> = graph.node(id).operands().iter().map(|operand| operand.node).collect();
    // The effects of a call are those of its copies.
    graph.remove(id);
    remove_unused(graph, operands);
}

/// Orders the effects among the nodes from an id on as those of a call are ordered.
fn order_effects(graph: &mut Graph, call: NodeId, bound: usize) {
    let (before, behind) = (graph.ordered_before(call), graph.ordered_behind(call));
    if before.is_empty() && behind.is_empty() {
        return;
    }
    let is_ordered = |id: NodeId| {
        let has_side_effect = graph.node(id).op().is_some_and(Op::has_side_effect);
        has_side_effect || !graph.ordered_before(id).is_empty() || !graph.ordered_behind(id).is_empty()
    };
    let copies = graph.node_ids().rev().take_while(|id| id.index() >= bound);
    let effects: Vec<NodeId> = copies.filter(|&id| is_ordered(id)).collect();
    for &effect in &effects {
        if graph.ordered_before(effect).is_empty() {
            before.iter().for_each(|&before| graph.add_order(before, effect));
        }
        if graph.ordered_behind(effect).is_empty() {
            behind.iter().for_each(|&behind| graph.add_order(effect, behind));
        }
    }
    // Else what is before the call and what is behind it stay in order when it goes.
    if !effects.is_empty() {
        graph.clear_order(call);
    }
}

//! Brings a graph into the form that fusion expects.
//!
//! 1. A reduction over several groups of axes becomes a sequence of reductions over one group each, the innermost first, as
//!    its order is defined (see [`order`]).
//! 2. The operands of a product have their free axes side by side and in order, and so their contracted ones; where they
//!    do not, the operand is transposed first.

use tancho_ir::ops::reduce::order;
use tancho_ir::ops::{DotOp, ReduceOp, ShapeOp};
use tancho_ir::{Graph, NodeId, Op, Value};

/// Rewrites a graph so that it can be cut into kernels.
pub fn legalize(graph: &mut Graph) {
    for id in graph.topological_order() {
        match graph.node(id).op() {
            Some(Op::Reduce(op)) => split_groups(graph, id, op.clone()),
            Some(Op::Dot(op)) => order_operands(graph, id, op.clone()),
            Some(Op::Elementwise(_) | Op::Shape(_) | Op::Control(_)) | None => {}
        }
    }
}

fn split_groups(graph: &mut Graph, id: NodeId, op: ReduceOp) {
    let groups = order::groups(&op.axes);
    if groups.len() < 2 {
        return;
    }
    let span = graph.node(id).span().clone();
    let mut value = graph.node(id).operands()[0];
    // Axes before a group keep their numbers when the group goes, so that the innermost first needs no renumbering.
    for group in groups {
        let reduce = Op::Reduce(ReduceOp { kind: op.kind, axes: group.collect() });
        value = graph.add_value(reduce, &[value], span.clone()).expect("a part of a reduction that fits");
    }
    graph.replace_all_uses(Value { node: id, result: 0 }, value);
    graph.remove(id);
}

fn order_operands(graph: &mut Graph, id: NodeId, op: DotOp) {
    let [lhs, rhs] = *graph.node(id).operands() else { return };
    let lhs_free = DotOp::free_axes(&op.lhs_batch, &op.lhs_contract, graph.type_of(lhs).rank());
    let rhs_free = DotOp::free_axes(&op.rhs_batch, &op.rhs_contract, graph.type_of(rhs).rank());
    let batch = op.lhs_batch.len();
    let contract = op.lhs_contract.len();
    let mut ordered = op.clone();
    let mut operands = [lhs, rhs];
    if !(is_run(&lhs_free) && is_run(&op.lhs_contract)) {
        let permutation = [op.lhs_batch.clone(), lhs_free, op.lhs_contract].concat();
        ordered.lhs_batch = (0..batch).collect();
        ordered.lhs_contract = (permutation.len() - contract..permutation.len()).collect();
        operands[0] = transpose(graph, id, lhs, permutation);
    }
    if !(is_run(&rhs_free) && is_run(&op.rhs_contract)) {
        let permutation = [op.rhs_batch.clone(), op.rhs_contract, rhs_free].concat();
        ordered.rhs_batch = (0..batch).collect();
        ordered.rhs_contract = (batch..batch + contract).collect();
        operands[1] = transpose(graph, id, rhs, permutation);
    }
    if operands != [lhs, rhs] {
        graph.replace_op(id, Op::Dot(ordered), &operands);
    }
}

fn transpose(graph: &mut Graph, id: NodeId, value: Value, permutation: Vec<usize>) -> Value {
    let span = graph.node(id).span().clone();
    graph.add_value(Op::Shape(ShapeOp::Transpose { permutation }), &[value], span).expect("a permutation of the axes")
}

/// Whether axes are consecutive numbers.
fn is_run(axes: &[usize]) -> bool {
    axes.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

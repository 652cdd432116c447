//! Folds transposes into the products that read or feed them.
//!
//! `dot_general` names its axes, so that it can read a transposed operand as it lies: the axes that it names are renamed
//! through the permutation. The order in which products are added is that of the contracted axes *as the op names them*, and
//! the names keep their order, so every bit stays. The result's free axes follow the operand's, so the fold needs their
//! order kept.
//!
//! A transpose of the result folds where it swaps the free axes of the left operand, as a whole, with those of the right
//! (`transpose(a · b) = b · a` with the axes named the other way round: the factors of each product swap, which keeps its
//! bits), or where it permutes batch axes, which are renamed. The product must have no other user, or it would be made twice.

use tancho_ir::ops::DotOp;
use tancho_ir::{Graph, NodeId, Op, Value};

use crate::pattern::transpose;
use crate::rewrite::{Replacement, Rewrite, apply_rewrites};
use crate::{Changed, Context};

pub fn run(graph: &mut Graph, context: &Context) -> Changed {
    apply_rewrites(graph, context, REWRITES)
}

pub const REWRITES: &[Rewrite] = &[
    Rewrite {
        name: "fold_lhs_transpose",
        keeps: "the contracted axes keep their order",
        apply: |graph, id| fold_operand(graph, id, 0),
    },
    Rewrite {
        name: "fold_rhs_transpose",
        keeps: "the contracted axes keep their order",
        apply: |graph, id| fold_operand(graph, id, 1),
    },
    Rewrite {
        name: "fold_result_transpose",
        keeps: "the contracted axes keep their order, and x * y + z = y * x + z",
        apply: fold_result,
    },
];

fn dot(graph: &Graph, id: NodeId) -> Option<(&DotOp, Value, Value)> {
    let node = graph.node(id);
    match (node.op()?, node.operands()) {
        (Op::Dot(op), &[lhs, rhs]) => Some((op, lhs, rhs)),
        _ => None,
    }
}

fn fold_operand(graph: &Graph, id: NodeId, position: usize) -> Option<Replacement> {
    let (op, lhs, rhs) = dot(graph, id)?;
    let (operand, batch, contract) =
        if position == 0 { (lhs, &op.lhs_batch, &op.lhs_contract) } else { (rhs, &op.rhs_batch, &op.rhs_contract) };
    let (permutation, source) = transpose(graph, operand.node)?;
    let renamed = |axes: &[usize]| axes.iter().map(|&axis| permutation[axis]).collect::<Vec<_>>();
    let free = DotOp::free_axes(batch, contract, permutation.len());
    if !renamed(&free).is_sorted() {
        return None;
    }
    let (batch, contract) = (renamed(batch), renamed(contract));
    let mut new = op.clone();
    Some(if position == 0 {
        (new.lhs_batch, new.lhs_contract) = (batch, contract);
        Replacement::op(Op::Dot(new), &[source, rhs])
    } else {
        (new.rhs_batch, new.rhs_contract) = (batch, contract);
        Replacement::op(Op::Dot(new), &[lhs, source])
    })
}

fn fold_result(graph: &Graph, id: NodeId) -> Option<Replacement> {
    let (permutation, product) = transpose(graph, id)?;
    let (op, lhs, rhs) = dot(graph, product.node)?;
    if graph.only_user(product) != Some(id) {
        return None;
    }
    let batch = op.lhs_batch.len();
    let lhs_free = graph.type_of(lhs).rank() - batch - op.lhs_contract.len();
    let (batch_axes, free_axes) = permutation.split_at(batch);
    if batch_axes.iter().any(|&axis| axis >= batch) {
        return None;
    }
    let renamed = |axes: &[usize]| batch_axes.iter().map(|&axis| axes[axis]).collect::<Vec<_>>();
    let new = DotOp {
        lhs_batch: renamed(&op.lhs_batch),
        rhs_batch: renamed(&op.rhs_batch),
        lhs_contract: op.lhs_contract.clone(),
        rhs_contract: op.rhs_contract.clone(),
    };
    if free_axes.is_sorted() {
        return Some(Replacement::op(Op::Dot(new), &[lhs, rhs]));
    }
    let boundary = batch + lhs_free;
    let swapped = (boundary..permutation.len()).chain(batch..boundary);
    if !swapped.eq(free_axes.iter().copied()) {
        return None;
    }
    let new = DotOp {
        lhs_batch: new.rhs_batch,
        rhs_batch: new.lhs_batch,
        lhs_contract: new.rhs_contract,
        rhs_contract: new.lhs_contract,
    };
    Some(Replacement::op(Op::Dot(new), &[rhs, lhs]))
}

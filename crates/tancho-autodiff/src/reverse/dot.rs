//! The rule of products: the product of the cotangent with the other operand.
//!
//! The free axes of the other operand are contracted, what was contracted becomes free, batch axes stay. The operands of
//! each product stand in the order in which a plain matrix product needs no transposition: `ct · Bᵀ` and `Aᵀ · ct`.

use tancho_ir::ops::DotOp;

use super::{Fault, Pullback};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &DotOp) -> Result<(), Fault> {
    let cotangent = pullback.cotangent();
    let (lhs, rhs) = (pullback.operands[0], pullback.operands[1]);
    let (lhs_rank, rhs_rank) = (pullback.build.rank(lhs), pullback.build.rank(rhs));
    let lhs_free = DotOp::free_axes(&op.lhs_batch, &op.lhs_contract, lhs_rank);
    let rhs_free = DotOp::free_axes(&op.rhs_batch, &op.rhs_contract, rhs_rank);
    let n_batch = op.lhs_batch.len();
    let batch: Vec<usize> = (0..n_batch).collect();
    let of_lhs: Vec<usize> = (n_batch..n_batch + lhs_free.len()).collect();
    let of_rhs: Vec<usize> = (n_batch + lhs_free.len()..n_batch + lhs_free.len() + rhs_free.len()).collect();

    if pullback.wanted[0] {
        let product = DotOp {
            lhs_batch: batch.clone(),
            rhs_batch: op.rhs_batch.clone(),
            lhs_contract: of_rhs,
            rhs_contract: rhs_free.clone(),
        };
        let share = pullback.build.dot(product, cotangent, rhs)?;
        // The axes: batch, free ones of the left operand, contracted ones in the order of the right operand.
        let contracted = in_order(&op.rhs_contract, &op.lhs_contract);
        let axes = op.lhs_batch.iter().chain(&lhs_free).chain(&contracted);
        let share = pullback.build.transpose(share, places(axes, lhs_rank))?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let product =
            DotOp { lhs_batch: op.lhs_batch.clone(), rhs_batch: batch, lhs_contract: lhs_free, rhs_contract: of_lhs };
        let share = pullback.build.dot(product, lhs, cotangent)?;
        // The axes: batch, contracted ones in the order of the left operand, free ones of the right operand.
        let contracted = in_order(&op.lhs_contract, &op.rhs_contract);
        let axes = op.rhs_batch.iter().chain(&contracted).chain(&rhs_free);
        let share = pullback.build.transpose(share, places(axes, rhs_rank))?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

/// The partners of axes, in the order of the axes.
fn in_order(axes: &[usize], partners: &[usize]) -> Vec<usize> {
    let mut pairs: Vec<(usize, usize)> = axes.iter().copied().zip(partners.iter().copied()).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, partner)| partner).collect()
}

/// Where each axis stands in a list of all.
fn places<'a>(axes: impl Iterator<Item = &'a usize>, rank: usize) -> Vec<usize> {
    let mut places = vec![0; rank];
    for (place, &axis) in axes.enumerate() {
        places[axis] = place;
    }
    places
}

//! `reduce` with a body.
//!
//! A sum gives each element the result's cotangent. Of a maximum or minimum, all elements that are equal to the result share it
//! evenly, the initial value among them, as `reduce_max` has it. Any other body is the last place of a scan.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, FoldOp};
use tancho_ir::{Dim, Dims, Graph, Value};

use super::super::{Fault, Pullback};
use super::scan::with_initial;
use super::{Body, classify, slice_along, through};

pub(super) fn pull_back(pullback: &mut Pullback<'_>, axes: &[usize], body: &Arc<Graph>) -> Result<(), Fault> {
    match classify(body) {
        Some(Body::Sum) => sum(pullback, axes),
        Some(Body::Max | Body::Min) => extremum(pullback, axes),
        Some(Body::Product | Body::Old | Body::New) | None => as_scan(pullback, axes, body),
    }
}

fn sum(pullback: &mut Pullback<'_>, axes: &[usize]) -> Result<(), Fault> {
    let cotangent = pullback.cotangent();
    if pullback.wanted[0] {
        let dims = pullback.build.dims(pullback.operands[0]);
        let share = pullback.build.broadcast_back(cotangent, axes, &dims)?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let share = pullback.build.sum_all(cotangent)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

fn extremum(pullback: &mut Pullback<'_>, axes: &[usize]) -> Result<(), Fault> {
    let (x, initial, cotangent) = (pullback.operands[0], pullback.operands[1], pullback.cotangent());
    let result = pullback.result(0);
    let build = &mut pullback.build;
    let (dims, dtype) = (build.dims(x), build.dtype(x));
    let whole = build.broadcast_back(result, axes, &dims)?;
    let wins = build.compare(Comparison::Eq, x, whole)?;
    let ones = build.convert(dtype, wins)?;
    let winners = build.sum(ones, axes.to_vec())?;
    let kept = build.dims(result);
    let initial = build.broadcast_in_dim(initial, &kept, Vec::new())?;
    let initial_wins = build.compare(Comparison::Eq, initial, result)?;
    let one = build.convert(dtype, initial_wins)?;
    let winners = build.plus(winners, one)?;
    // A NaN is equal to nothing.
    let least = build.full_like(winners, 1.0)?;
    let winners = build.binary(BinaryOp::Maximum, winners, least)?;
    let each = build.divided(cotangent, winners)?;
    if pullback.wanted[0] {
        let build = &mut pullback.build;
        let each = build.broadcast_back(each, axes, &dims)?;
        let zeros = build.zeros_like(x)?;
        let share = build.select(wins, each, zeros)?;
        pullback.add_share(0, share)?;
    }
    if pullback.wanted[1] {
        let build = &mut pullback.build;
        let zeros = build.zeros_like(each)?;
        let share = build.select(initial_wins, each, zeros)?;
        let share = build.sum_all(share)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

fn as_scan(pullback: &mut Pullback<'_>, axes: &[usize], body: &Arc<Graph>) -> Result<(), Fault> {
    through(pullback, |build, operands| {
        let (inputs, inits) = operands.split_at(operands.len() / 2);
        let dims = build.dims(inputs[0]);
        let (folded, kept): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(|axis| axes.contains(axis));
        let size = Dim::product(folded.iter().map(|&axis| &dims[axis]));
        let kept_dims: Dims = kept.iter().map(|&axis| dims[axis].clone()).collect();
        let mut lanes: Dims = kept_dims.clone();
        lanes.push(size.clone());
        let permutation = [&kept[..], &folded].concat();
        let mut rows: Vec<Value> = Vec::with_capacity(inputs.len());
        for &input in inputs {
            let moved = build.transpose(input, permutation.clone())?;
            rows.push(build.reshape(moved, lanes.clone())?);
        }
        let axis = kept.len();
        let scan = FoldOp::Scan { axis, reverse: false, body: body.clone() };
        let running = build.add_all(scan, &[&rows[..], inits].concat())?;
        let mut results = Vec::with_capacity(inputs.len());
        for (&states, &initial) in running.iter().zip(inits) {
            let states = with_initial(build, states, initial, axis)?;
            let last = slice_along(build, states, axis, size.clone(), size.clone() + Dim::ONE)?;
            results.push(build.reshape(last, kept_dims.clone())?);
        }
        Ok(results)
    })
}

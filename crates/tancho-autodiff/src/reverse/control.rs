//! The rules of control flow.
//!
//! - `call`: the callee gives what its derivative needs as further results, and a call of the derivative graph takes these.
//!   With `recompute`, the derivative computes anew what it needs, from operands behind a barrier, so that no pass finds
//!   that it was computed before. A gradient of the user's own is called.
//! - `case`: a branch of cotangents for each branch. What a branch computes differs from branch to branch, so that nothing is
//!   kept: each computes anew what it needs.
//! - `while`: in `control/loops.rs`.
//!
//! A call or a loop that gives more than before stays the node that it was, so that whoever holds its results keeps them, and
//! effects happen once.

pub(crate) mod loops;

use std::collections::BTreeSet;
use std::sync::Arc;

use tancho_ir::ops::{CallGradient, ControlOp};
use tancho_ir::{Graph, Value};

use super::{Fault, Pullback};
use crate::cut::{Derivative, Seed, is_cheap};

pub(super) fn zero_reason(op: &ControlOp) -> Option<&'static str> {
    match op {
        ControlOp::StopGradient => Some("the operands count as constants"),
        ControlOp::Call { .. }
        | ControlOp::While { .. }
        | ControlOp::Case { .. }
        | ControlOp::OptimizationBarrier
        | ControlOp::CustomCall(_) => None,
    }
}

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ControlOp) -> Result<(), Fault> {
    match op {
        ControlOp::Call { callee, gradient } => match gradient {
            CallGradient::Through => call_through(pullback, callee),
            CallGradient::Recompute => call_again(pullback, callee),
            CallGradient::Custom(gradient) => call_custom(pullback, gradient),
        },
        ControlOp::While { condition, body, bound } => loops::pull_back(pullback, condition, body, bound.as_ref()),
        ControlOp::Case { branches } => case(pullback, branches),
        ControlOp::OptimizationBarrier => barrier(pullback),
        ControlOp::StopGradient => Ok(()),
        ControlOp::CustomCall(call) => {
            Err(Fault::Reason(format!("the function {:?} of the host is not known to have one", call.target)))
        }
    }
}

/// What is known of the results' cotangents, and which operands wait for theirs.
fn ask(pullback: &Pullback<'_>) -> (Vec<Seed>, Vec<Value>, Vec<usize>) {
    let (mut seeds, mut cotangents) = (Vec::new(), Vec::new());
    for (result, cotangent) in pullback.cotangents.iter().enumerate() {
        if let Some(cotangent) = cotangent {
            seeds.push(Seed::Result(result));
            cotangents.push(*cotangent);
        }
    }
    (seeds, cotangents, positions(&pullback.wanted))
}

fn positions(which: &[bool]) -> Vec<usize> {
    which.iter().enumerate().filter(|(_, which)| **which).map(|(position, _)| position).collect()
}

fn call_through(pullback: &mut Pullback<'_>, callee: &Arc<Graph>) -> Result<(), Fault> {
    let (seeds, cotangents, sources) = ask(pullback);
    let derivative = Derivative::reverse(callee, &seeds, &sources)?;
    let found: Vec<Value> = derivative.found.iter().flatten().copied().collect();
    let graph = derivative.graph();
    // What depends on no parameter is a constant, and is not worth keeping.
    let varying = crate::cut::find_varying(graph, &|_| true);
    let keeps = |id: tancho_ir::NodeId| varying[id.index()] && graph.node(id).op().is_some_and(|op| !is_cheap(op));
    let cut = derivative.cut(&found, &keeps, &[]);
    let mut arguments: Vec<Value> = cut.parameters.iter().map(|&position| pullback.operands[position]).collect();
    if !cut.kept.is_empty() {
        let (function, kept) = derivative.function(&cut.kept);
        let node = pullback.node;
        let operands = pullback.operands.clone();
        pullback.build.graph.extend_op(node, ControlOp::call(Arc::new(function)).into(), &operands)?;
        arguments.extend(kept.iter().map(|&result| pullback.result(result)));
    }
    arguments.extend(cotangents);
    let shares = pullback.build.add_all(ControlOp::call(named(cut.graph, callee)), &arguments)?;
    let places = (0..sources.len()).filter(|&place| derivative.found[place].is_some());
    for (place, share) in places.zip(shares) {
        pullback.add_share(sources[place], share)?;
    }
    Ok(())
}

/// A derivative graph, under a name that says of what.
fn named(mut graph: Graph, of: &Graph) -> Arc<Graph> {
    graph.set_name(format!("{}_gradient", of.name()));
    Arc::new(graph)
}

fn call_again(pullback: &mut Pullback<'_>, callee: &Arc<Graph>) -> Result<(), Fault> {
    let (seeds, cotangents, sources) = ask(pullback);
    let derivative = Derivative::reverse(callee, &seeds, &sources)?;
    let found: Vec<Value> = derivative.found.iter().flatten().copied().collect();
    let cut = derivative.cut(&found, &|_| false, &[]);
    let operands = cut.parameters.iter().map(|&position| pullback.operands[position]);
    let arguments: Vec<Value> = operands.chain(cotangents).collect();
    let arguments = pullback.build.add_all(ControlOp::OptimizationBarrier, &arguments)?;
    let op = ControlOp::Call { callee: named(cut.graph, callee), gradient: CallGradient::Recompute };
    let shares = pullback.build.add_all(op, &arguments)?;
    let places = (0..sources.len()).filter(|&place| derivative.found[place].is_some());
    for (place, share) in places.zip(shares) {
        pullback.add_share(sources[place], share)?;
    }
    Ok(())
}

fn call_custom(pullback: &mut Pullback<'_>, gradient: &Arc<Graph>) -> Result<(), Fault> {
    let mut arguments = pullback.operands.to_vec();
    for result in 0..pullback.cotangents.len() {
        let value = pullback.result(result);
        if pullback.build.dtype(value).is_float() {
            arguments.push(pullback.cotangent_or_zeros(result)?);
        }
    }
    let shares = pullback.build.add_all(ControlOp::call(gradient.clone()), &arguments)?;
    let floats: Vec<usize> =
        (0..pullback.operands.len()).filter(|&position| pullback.type_of_operand(position).dtype.is_float()).collect();
    for (position, share) in floats.into_iter().zip(shares) {
        pullback.add_share(position, share)?;
    }
    Ok(())
}

/// Operands: the index, then those of the branches.
fn case(pullback: &mut Pullback<'_>, branches: &[Arc<Graph>]) -> Result<(), Fault> {
    let (seeds, cotangents, wanted) = ask(pullback);
    let sources: Vec<usize> = wanted.iter().map(|position| position - 1).collect();
    let mut derivatives = Vec::new();
    for branch in branches {
        derivatives.push(Derivative::reverse(branch, &seeds, &sources)?);
    }
    // Every branch gives a cotangent for each operand that has one in any.
    let places: Vec<usize> = (0..sources.len())
        .filter(|&place| derivatives.iter().any(|derivative| derivative.found[place].is_some()))
        .collect();
    if places.is_empty() {
        return Ok(());
    }
    let mut results = Vec::new();
    for derivative in &mut derivatives {
        let mut of_branch = Vec::new();
        for &place in &places {
            let like = derivative.graph().parameters().nth(sources[place]).expect("a parameter for each operand");
            of_branch.push(derivative.found_or_zeros(place, like)?);
        }
        results.push(of_branch);
    }
    // And all take the same.
    let taken: BTreeSet<usize> = derivatives
        .iter()
        .zip(&results)
        .flat_map(|(derivative, results)| derivative.needed_parameters(results))
        .collect();
    let taken: Vec<usize> = taken.into_iter().collect();
    let new = derivatives.iter().zip(&results).zip(branches).map(|((derivative, results), branch)| {
        let cut = derivative.cut(results, &|_| false, &taken);
        named(cut.graph, branch)
    });
    let op = ControlOp::Case { branches: new.collect() };
    let operands = taken.iter().map(|&position| pullback.operands[position + 1]);
    let arguments: Vec<Value> = std::iter::once(pullback.operands[0]).chain(operands).chain(cotangents).collect();
    let shares = pullback.build.add_all(op, &arguments)?;
    for (&place, share) in places.iter().zip(shares) {
        pullback.add_share(wanted[place], share)?;
    }
    Ok(())
}

fn barrier(pullback: &mut Pullback<'_>) -> Result<(), Fault> {
    let places: Vec<usize> = (0..pullback.operands.len())
        .filter(|&place| pullback.wanted[place] && pullback.cotangents[place].is_some())
        .collect();
    let cotangents: Vec<Value> = places.iter().filter_map(|&place| pullback.cotangents[place]).collect();
    if cotangents.is_empty() {
        return Ok(());
    }
    let shares = pullback.build.add_all(ControlOp::OptimizationBarrier, &cotangents)?;
    for (place, share) in places.into_iter().zip(shares) {
        pullback.add_share(place, share)?;
    }
    Ok(())
}

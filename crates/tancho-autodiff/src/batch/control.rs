//! Calls and the flow of control.
//!
//! A loop whose condition is the same for all elements stays one; which of its states are batched is found by a fixpoint. Where
//! the condition is batched, the loop carries it, goes on while it holds for any element, and takes the next state only
//! where it holds:
//!
//! ```text
//! more = condition(state)
//! while any(more):
//!     state = select(more, body(state), state)
//!     more = condition(state)
//! ```
//!
//! So an element that has ended keeps its state and its condition, and stays ended.

use std::sync::Arc;

use tancho_ir::ops::{CallGradient, Comparison, ControlOp, ReduceKind};
use tancho_ir::{Dim, Graph, TensorType, Value};
use tancho_tensor::DType;

use super::regions::Region;
use super::{Item, Items, Rule, flags, values};
use crate::build::{Build, Built};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &ControlOp, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        ControlOp::Call { callee, gradient } => {
            let (region, gradient) = match gradient {
                CallGradient::Through | CallGradient::Recompute => {
                    (rule.batch_region_freely(callee, &flags(operands))?, gradient.clone())
                }
                CallGradient::Custom(gradient) => batch_custom_gradient(rule, callee, gradient, operands)?,
            };
            let op = ControlOp::Call { callee: region.graph, gradient };
            add(rule, op, &values(operands), &region.are_batched)
        }
        ControlOp::While { condition, body, bound } => batch_while(rule, condition, body, bound, operands),
        ControlOp::Case { branches } => {
            let (index, operands) = (operands[0], &operands[1..]);
            if index.is_batched {
                choose_results(rule, branches, index, operands)
            } else {
                batch_case(rule, branches, index, operands)
            }
        }
        ControlOp::OptimizationBarrier | ControlOp::StopGradient => {
            add(rule, op.clone(), &values(operands), &flags(operands))
        }
        ControlOp::CustomCall(call) => {
            Err(Fault::Reason(format!("the function {} of the host does not take a batch", call.target)))
        }
    }
}

fn add(rule: &mut Rule<'_>, op: ControlOp, operands: &[Value], are_batched: &[bool]) -> Result<Items, Fault> {
    let results = rule.build.add_all(op, operands)?;
    Ok(results.into_iter().zip(are_batched).map(|(value, &is_batched)| Item { value, is_batched }).collect())
}

/// The callee and the graph of its gradient.
///
/// All float results are batched, so that all cotangents are: a cotangent that is the sum over the batch already would be
/// counted once for each element. The cotangent of an operand that is not batched is the sum over the batch.
fn batch_custom_gradient(
    rule: &mut Rule<'_>,
    callee: &Arc<Graph>,
    gradient: &Arc<Graph>,
    operands: &[Item],
) -> Result<(Region, CallGradient), Fault> {
    let floats: Vec<bool> = callee.result_types().map(|of| of.dtype.is_float()).collect();
    let region = rule.batch_region(callee, &flags(operands), &floats)?;
    let cotangents = floats.iter().filter(|&&is_float| is_float).copied();
    let parameters: Vec<bool> = operands.iter().map(|operand| operand.is_batched).chain(cotangents).collect();
    let gradient = rule.batch_region(gradient, &parameters, &vec![true; gradient.results().len()])?.graph;
    let of_floats = operands.iter().filter(|operand| rule.build.dtype(operand.value).is_float());
    let of_floats: Vec<bool> = of_floats.map(|operand| operand.is_batched).collect();
    let mut summed = (*gradient).clone();
    let mut build = Build::new(&mut summed, rule.build.span().clone());
    let mut results = Vec::new();
    for (&result, is_batched) in gradient.results().iter().zip(of_floats) {
        results.push(if is_batched { result } else { build.sum(result, vec![0])? });
    }
    summed.set_results(results);
    Ok((region, CallGradient::Custom(Arc::new(summed))))
}

fn batch_while(
    rule: &mut Rule<'_>,
    condition: &Arc<Graph>,
    body: &Arc<Graph>,
    bound: &Option<Dim>,
    operands: &[Item],
) -> Result<Items, Fault> {
    let n_state = body.results().len();
    let mut are_batched = flags(operands);
    // A state is batched where it begins so or where the body makes it so.
    let mut next = loop {
        let next = rule.batch_region(body, &are_batched, &are_batched[..n_state])?;
        if next.are_batched == are_batched[..n_state] {
            break next;
        }
        are_batched[..n_state].copy_from_slice(&next.are_batched);
    };
    let mut decision = rule.batch_region_freely(condition, &are_batched)?;
    let each_decides = decision.are_batched[0];
    if each_decides {
        refuse_effects([condition, body], "the condition of a loop with effects is not the same for all elements")?;
        // What an element has when it ends depends on when that is, but for what the body passes on.
        for (position, (&result, parameter)) in body.results().iter().zip(body.parameters()).enumerate() {
            are_batched[position] |= result != parameter;
        }
        next = rule.batch_region(body, &are_batched, &are_batched[..n_state])?;
        decision = rule.batch_region(condition, &are_batched, &[true])?;
    }
    let mut state = Vec::new();
    for (&operand, &is_batched) in operands.iter().zip(&are_batched) {
        state.push(if is_batched { rule.broadcast(operand)? } else { operand.value });
    }
    if !each_decides {
        let op = ControlOp::While { condition: decision.graph, body: next.graph, bound: bound.clone() };
        return add(rule, op, &state, &are_batched[..n_state]);
    }
    let more = rule.build.inline(&decision.graph, &state)?[0];
    state.insert(0, more);
    let passed: Vec<bool> = body.results().iter().zip(body.parameters()).map(|(&result, own)| result == own).collect();
    let body = make_loop_body(rule, &next, &decision, &are_batched, &passed)?;
    let condition = make_loop_condition(rule, &body)?;
    let op = ControlOp::While { condition: Arc::new(condition), body: Arc::new(body), bound: bound.clone() };
    let results = rule.build.add_all(op, &state)?;
    let results = results[1..].iter().zip(&are_batched);
    Ok(results.map(|(&value, &is_batched)| Item { value, is_batched }).collect())
}

/// The body of a loop that carries which elements go on.
fn make_loop_body(
    rule: &Rule<'_>,
    next: &Region,
    decision: &Region,
    are_batched: &[bool],
    passed: &[bool],
) -> Result<Graph, Fault> {
    let mut graph = Graph::new(format!("{}_where", next.graph.name()));
    let span = rule.build.span();
    let of_batch = next.graph.parameter_types().zip(are_batched).find(|(_, is_batched)| **is_batched);
    let size = of_batch.map_or(&rule.size, |(of, _)| &of.dims[0]).clone();
    let more = graph.add_parameter(None, TensorType::new(DType::Bool, [size]), span.clone());
    let parameters: Vec<Value> =
        next.graph.parameter_types().map(|of| graph.add_parameter(None, of.clone(), span.clone())).collect();
    let mut build = Build::new(&mut graph, span.clone());
    let stepped = build.inline(&next.graph, &parameters)?;
    let mut state = parameters.clone();
    for (position, &stepped) in stepped.iter().enumerate() {
        if !passed[position] {
            let dims = build.dims(stepped);
            let more = build.broadcast_in_dim(more, &dims, vec![0])?;
            state[position] = build.select(more, stepped, parameters[position])?;
        }
    }
    let mut results = vec![build.inline(&decision.graph, &state)?[0]];
    results.extend(&state[..stepped.len()]);
    graph.set_results(results);
    Ok(graph)
}

/// Whether any element goes on.
fn make_loop_condition(rule: &Rule<'_>, body: &Graph) -> Built<Graph> {
    let mut graph = Graph::new("any_element");
    let span = rule.build.span();
    let parameters: Vec<Value> =
        body.parameter_types().map(|of| graph.add_parameter(None, of.clone(), span.clone())).collect();
    let any = Build::new(&mut graph, span.clone()).reduce(ReduceKind::Or, parameters[0], vec![0])?;
    graph.set_results(vec![any]);
    Ok(graph)
}

/// One branch for all elements. A result is batched where it is in any branch.
fn batch_case(rule: &mut Rule<'_>, branches: &[Arc<Graph>], index: Item, operands: &[Item]) -> Result<Items, Fault> {
    let parameters = flags(operands);
    let mut wanted = vec![false; branches[0].results().len()];
    for branch in branches {
        let region = rule.batch_region_freely(branch, &parameters)?;
        wanted.iter_mut().zip(region.are_batched).for_each(|(wanted, is_batched)| *wanted |= is_batched);
    }
    let branches = branches.iter().map(|branch| Ok(rule.batch_region(branch, &parameters, &wanted)?.graph));
    let op = ControlOp::Case { branches: branches.collect::<Result<_, Fault>>()? };
    let mut arguments = vec![index.value];
    arguments.extend(values(operands));
    add(rule, op, &arguments, &wanted)
}

/// All branches for all elements, of which each takes the results of its own. An index out of range chooses the last one.
fn choose_results(
    rule: &mut Rule<'_>,
    branches: &[Arc<Graph>],
    index: Item,
    operands: &[Item],
) -> Result<Items, Fault> {
    refuse_effects(branches, "a branch with effects is not taken for all elements")?;
    let mut results: Option<Items> = None;
    for (number, branch) in branches.iter().enumerate().rev() {
        let region = rule.batch_region_freely(branch, &flags(operands))?;
        let of_branch = add(rule, ControlOp::call(region.graph), &values(operands), &region.are_batched)?;
        let Some(chosen) = &mut results else {
            results = Some(of_branch);
            continue;
        };
        let number = rule.build.full_like(index.value, number as f64)?;
        let is_chosen = rule.build.compare(Comparison::Eq, index.value, number)?;
        for (chosen, &of_branch) in chosen.iter_mut().zip(&of_branch) {
            let (on_true, on_false) = (rule.broadcast(of_branch)?, rule.broadcast(*chosen)?);
            let dims = rule.build.dims(on_true);
            let is_chosen = rule.spread_scalar(is_chosen, &dims)?;
            *chosen = Item { value: rule.build.select(is_chosen, on_true, on_false)?, is_batched: true };
        }
    }
    Ok(results.unwrap_or_default())
}

fn refuse_effects<'a>(graphs: impl IntoIterator<Item = &'a Arc<Graph>>, reason: &str) -> Result<(), Fault> {
    if graphs.into_iter().any(|graph| graph.has_side_effect()) { Err(Fault::Reason(reason.into())) } else { Ok(()) }
}

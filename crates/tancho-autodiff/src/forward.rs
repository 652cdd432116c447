//! Forward mode: the tangents of values.
//!
//! Nodes are visited in topological order, and the tangents of the operands give those of the results. The movement of data
//! moves tangents as it moves values. For other ops that are no flow of control this is the rule for reverse mode, transposed:
//! 1. In a graph of its own, the rule gives the cotangents of the operands as functions of those of the results.
//! 2. These functions are linear, so that reverse mode on them, with tangents of the operands as seeds, gives the tangents
//!    of the results.
//! 3. What the cotangents themselves were used for is unused now and goes; the rest is copied into the graph.
//!
//! A call, a branch or a loop gets a second one beside it that gives the tangents: what of the function the tangents need is
//! computed anew there, where later passes do not find that it is the same. The graph's own nodes are left as they are,
//! since a tangent may be made of what they give.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::ops::{CallGradient, ControlOp};
use tancho_ir::{Dim, Graph, NodeId, Op, OpError, Span, TensorType, Value, inline_graph};

use crate::build::{Build, derived_span};
use crate::cut::{Derivative, remove_unused};
use crate::error::DiffError;
use crate::reverse::control::loops::{find_active_state, splice};
use crate::reverse::{gradients, zero_reason};

/// Adds to a graph the tangents of `targets`, given tangents of some values as `seeds`; `None` where a target does not
/// depend on any of those.
///
/// # Errors
/// An op on the way has no derivative.
pub fn tangents(
    graph: &mut Graph,
    seeds: &[(Value, Value)],
    targets: &[Value],
) -> Result<Vec<Option<Value>>, DiffError> {
    let needed = find_needed(graph, targets);
    let mut known: HashMap<Value, Value> = HashMap::new();
    for &(value, tangent) in seeds {
        add_tangent(graph, &mut known, value, tangent).map_err(|error| rule_error(graph, value.node, error))?;
    }
    for id in graph.topological_order() {
        if !needed.contains(&id) {
            continue;
        }
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        let given: SmallVec<[Option<Value>; 4]> =
            node.operands().iter().map(|operand| known.get(operand).copied()).collect();
        if given.iter().all(Option::is_none) || zero_reason(op).is_some() {
            continue;
        }
        let op = op.clone();
        let results = push_forward(graph, id, &op, &given)?;
        for (result, tangent) in results.into_iter().enumerate() {
            if let Some(tangent) = tangent {
                let value = Value { node: id, result: result as u32 };
                add_tangent(graph, &mut known, value, tangent).map_err(|error| rule_error(graph, id, error))?;
            }
        }
    }
    Ok(targets.iter().map(|target| known.get(target).copied()).collect())
}

/// The scope of what is added.
const SCOPE: &str = "tangent";

/// The nodes on which values depend.
fn find_needed(graph: &Graph, targets: &[Value]) -> HashSet<NodeId> {
    let mut needed = HashSet::new();
    let mut waiting: Vec<NodeId> = targets.iter().map(|target| target.node).collect();
    while let Some(id) = waiting.pop() {
        if needed.insert(id) {
            waiting.extend(graph.node(id).operands().iter().map(|operand| operand.node));
        }
    }
    needed
}

fn add_tangent(
    graph: &mut Graph,
    known: &mut HashMap<Value, Value>,
    value: Value,
    tangent: Value,
) -> Result<(), OpError> {
    let span = derived_span(graph.node(value.node).span(), SCOPE);
    let dims = graph.type_of(value).dims.clone();
    let mut build = Build::new(graph, span);
    let tangent = build.reshape(tangent, dims)?;
    let total = match known.get(&value) {
        Some(&before) => build.plus(before, tangent)?,
        None => tangent,
    };
    known.insert(value, total);
    Ok(())
}

fn rule_error(graph: &Graph, node: NodeId, source: OpError) -> DiffError {
    let node = graph.node(node);
    DiffError::Rule { of: node.op().map_or("parameter", Op::name), source, span: node.span().clone() }
}

/// The tangents of a node's results for those of its operands.
fn push_forward(
    graph: &mut Graph,
    id: NodeId,
    op: &Op,
    given: &[Option<Value>],
) -> Result<Vec<Option<Value>>, DiffError> {
    match op {
        Op::Shape(_) => move_alike(graph, id, op, given).map_err(|error| rule_error(graph, id, error)),
        Op::Elementwise(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Effect(_) => transpose_rule(graph, id, op, given),
        Op::Control(control) => match control {
            ControlOp::Call { gradient: CallGradient::Custom(_), .. } | ControlOp::OptimizationBarrier => {
                transpose_rule(graph, id, op, given)
            }
            ControlOp::Call { callee, gradient: gradient @ (CallGradient::Through | CallGradient::Recompute) } => {
                call(graph, id, callee, gradient, given)
            }
            ControlOp::While { condition, body, bound } => {
                while_loop(graph, id, condition, body, bound.as_ref(), given)
            }
            ControlOp::Case { branches } => case(graph, id, branches, given),
            ControlOp::StopGradient => Ok(vec![None; given.len()]),
            ControlOp::CustomCall(call) => Err(DiffError::NotDifferentiable {
                op: op.name(),
                reason: format!("the function {:?} of the host is not known to have one", call.target),
                span: graph.node(id).span().clone(),
            }),
        },
    }
}

/// The op itself on tangents, zeros where there is none: what moves elements is linear in all operands together.
fn move_alike(graph: &mut Graph, id: NodeId, op: &Op, given: &[Option<Value>]) -> Result<Vec<Option<Value>>, OpError> {
    let node = graph.node(id);
    let (operands, span) = (node.operands().to_vec(), derived_span(node.span(), SCOPE));
    let mut build = Build::new(graph, span);
    let mut arguments = Vec::new();
    for (&operand, tangent) in operands.iter().zip(given) {
        arguments.push(match tangent {
            Some(tangent) => *tangent,
            None => build.zeros_like(operand)?,
        });
    }
    Ok(vec![Some(build.add(op.clone(), &arguments)?)])
}

/// The rule for reverse mode, transposed; see the file's own documentation.
fn transpose_rule(
    graph: &mut Graph,
    id: NodeId,
    op: &Op,
    given: &[Option<Value>],
) -> Result<Vec<Option<Value>>, DiffError> {
    let node = graph.node(id);
    let (operands, span) = (node.operands().to_vec(), node.span().clone());
    let result_types: Vec<TensorType> = node.types().to_vec();
    let mut scratch = Graph::new(op.name());
    let parameters: Vec<Value> = operands
        .iter()
        .map(|&operand| scratch.add_parameter(None, graph.type_of(operand).clone(), Span::NONE))
        .collect();
    let copy = scratch.add_unchecked(op.clone(), &parameters, result_types.iter().cloned().collect(), span.clone());
    // The graph has the results already.
    let known: Vec<Value> = result_types.iter().map(|of| scratch.add_parameter(None, of.clone(), Span::NONE)).collect();
    let given_places: Vec<usize> = (0..given.len()).filter(|&place| given[place].is_some()).collect();
    let tangents: Vec<Value> = given_places
        .iter()
        .map(|&place| scratch.add_parameter(None, scratch.type_of(parameters[place]).clone(), Span::NONE))
        .collect();
    let mut seeds = Vec::new();
    for (result, of) in result_types.iter().enumerate() {
        if of.dtype.is_float() {
            let value = Value { node: copy, result: result as u32 };
            seeds.push((value, scratch.add_parameter(None, of.clone(), Span::NONE)));
        }
    }
    let cotangents: Vec<Value> = seeds.iter().map(|&(_, cotangent)| cotangent).collect();
    let sources: Vec<Value> = given_places.iter().map(|&place| parameters[place]).collect();
    let shares = gradients(&mut scratch, &seeds, &sources, &|_| true)?;
    // A call would be differentiated as a whole, with what it makes of the cotangents. While calls are replaced, the shares
    // are held as the results.
    scratch.set_results(shares.iter().flatten().copied().collect());
    inline_calls(&mut scratch, &cotangents);
    let mut inlined = scratch.results().to_vec().into_iter();
    let transposed: Vec<(Value, Value)> = shares
        .iter()
        .zip(&tangents)
        .filter(|(share, _)| share.is_some())
        .filter_map(|(_, &tangent)| Some((inlined.next()?, tangent)))
        .collect();
    let found = gradients(&mut scratch, &transposed, &cotangents, &|_| true)?;
    scratch.set_results(found.iter().flatten().copied().collect());
    for (result, &known) in known.iter().enumerate() {
        scratch.replace_all_uses(Value { node: copy, result: result as u32 }, known);
    }
    remove_unused(&mut scratch, |_| false);
    if cotangents.iter().any(|&cotangent| scratch.use_count(cotangent) > 0) {
        let reason = "its rule is not linear in the cotangent, so that there is no forward mode".into();
        return Err(DiffError::NotDifferentiable { op: op.name(), reason, span });
    }

    let results = (0..result_types.len() as u32).map(|result| Value { node: id, result });
    let mut arguments: Vec<Value> = operands.iter().copied().chain(results).collect();
    arguments.extend(given.iter().flatten());
    // Nobody uses a cotangent.
    arguments.extend(cotangents.iter().map(|_| operands[0]));
    let derived = derived_span(&span, SCOPE);
    for constraint in scratch.constraints() {
        graph.add_constraint(constraint.relation.clone(), derived.clone());
    }
    let mut values = graph.inline(&scratch, &arguments, Op::clone, TensorType::clone, |_| derived.clone()).into_iter();
    let mut found = found.into_iter();
    Ok(result_types
        .iter()
        .map(|of| if of.dtype.is_float() { found.next().flatten().and_then(|_| values.next()) } else { None })
        .collect())
}

/// Puts their callees in the places of the calls that depend on values.
fn inline_calls(graph: &mut Graph, values: &[Value]) {
    loop {
        let mut depends: HashSet<NodeId> = values.iter().map(|value| value.node).collect();
        let mut found = None;
        for id in graph.topological_order() {
            let node = graph.node(id);
            if !node.operands().iter().any(|operand| depends.contains(&operand.node)) {
                continue;
            }
            depends.insert(id);
            if let Some(Op::Control(ControlOp::Call { callee, gradient: _ })) = node.op() {
                found = Some((id, callee.clone(), node.operands().to_vec(), node.span().clone()));
                break;
            }
        }
        let Some((id, callee, operands, span)) = found else { return };
        let results = inline_graph(graph, &callee, &operands, &span);
        for (result, new) in results.into_iter().enumerate() {
            graph.replace_all_uses(Value { node: id, result: result as u32 }, new);
        }
        graph.remove(id);
    }
}

/// The places of what is there.
fn places<T>(given: &[Option<T>]) -> Vec<usize> {
    (0..given.len()).filter(|&place| given[place].is_some()).collect()
}

/// The results of a float dtype.
fn float_results(graph: &Graph) -> Vec<usize> {
    let types: Vec<&TensorType> = graph.result_types().collect();
    (0..types.len()).filter(|&result| types[result].dtype.is_float()).collect()
}

/// Adds the op that gives the tangents, and puts these in the places of the results that they belong to.
fn add_op(
    graph: &mut Graph,
    id: NodeId,
    op: ControlOp,
    arguments: &[Value],
    of: impl IntoIterator<Item = usize>,
    skip: usize,
) -> Result<Vec<Option<Value>>, DiffError> {
    let node = graph.node(id);
    let mut results = vec![None; node.types().len()];
    let span = derived_span(node.span(), SCOPE);
    let values = Build::new(graph, span).add_all(op, arguments).map_err(|error| rule_error(graph, id, error))?;
    for (result, value) in of.into_iter().zip(values.into_iter().skip(skip)) {
        results[result] = Some(value);
    }
    Ok(results)
}

/// A graph of tangents, under a name that says of what.
fn named(mut graph: Graph, of: &Graph) -> Arc<Graph> {
    graph.set_name(format!("{}_tangent", of.name()));
    Arc::new(graph)
}

fn call(
    graph: &mut Graph,
    id: NodeId,
    callee: &Graph,
    gradient: &CallGradient,
    given: &[Option<Value>],
) -> Result<Vec<Option<Value>>, DiffError> {
    let targets = float_results(callee);
    let derivative = Derivative::forward(callee, &places(given), &targets)?;
    let found: Vec<Value> = derivative.found.iter().flatten().copied().collect();
    if found.is_empty() {
        return Ok(vec![None; graph.node(id).types().len()]);
    }
    let cut = derivative.cut(&found, &|_| false, &[]);
    let operands = graph.node(id).operands();
    let operands = cut.parameters.iter().map(|&position| operands[position]);
    let arguments: Vec<Value> = operands.chain(given.iter().flatten().copied()).collect();
    let op = ControlOp::Call { callee: named(cut.graph, callee), gradient: gradient.clone() };
    let of = places(&derivative.found).into_iter().map(|place| targets[place]);
    add_op(graph, id, op, &arguments, of, 0)
}

/// Operands: the index, then those of the branches.
fn case(
    graph: &mut Graph,
    id: NodeId,
    branches: &[Arc<Graph>],
    given: &[Option<Value>],
) -> Result<Vec<Option<Value>>, DiffError> {
    let seeds: Vec<usize> = places(given).into_iter().map(|position| position - 1).collect();
    let targets = float_results(&branches[0]);
    let mut derivatives = Vec::new();
    for branch in branches {
        derivatives.push(Derivative::forward(branch, &seeds, &targets)?);
    }
    // Every branch gives a tangent for each result that has one in any.
    let found: Vec<usize> = (0..targets.len())
        .filter(|&place| derivatives.iter().any(|derivative| derivative.found[place].is_some()))
        .collect();
    if found.is_empty() {
        return Ok(vec![None; graph.node(id).types().len()]);
    }
    let mut results = Vec::new();
    for derivative in &mut derivatives {
        let mut of_branch = Vec::new();
        for &place in &found {
            let like = derivative.graph().results()[targets[place]];
            of_branch.push(derivative.found_or_zeros(place, like)?);
        }
        results.push(of_branch);
    }
    // And all take the same.
    let needed =
        derivatives.iter().zip(&results).flat_map(|(derivative, results)| derivative.needed_parameters(results));
    let taken: Vec<usize> = needed.collect::<BTreeSet<usize>>().into_iter().collect();
    let new = derivatives
        .iter()
        .zip(&results)
        .zip(branches)
        .map(|((derivative, results), branch)| named(derivative.cut(results, &|_| false, &taken).graph, branch));
    let op = ControlOp::Case { branches: new.collect() };
    let operands = graph.node(id).operands();
    let taken = taken.iter().map(|&position| operands[position + 1]);
    let arguments: Vec<Value> =
        std::iter::once(operands[0]).chain(taken).chain(given.iter().flatten().copied()).collect();
    add_op(graph, id, op, &arguments, found.into_iter().map(|place| targets[place]), 0)
}

/// A loop over the state and its tangents.
fn while_loop(
    graph: &mut Graph,
    id: NodeId,
    condition: &Graph,
    body: &Graph,
    bound: Option<&Dim>,
    given: &[Option<Value>],
) -> Result<Vec<Option<Value>>, DiffError> {
    let n_states = body.results().len();
    let wanted: Vec<bool> = given.iter().map(Option::is_some).collect();
    let active = find_active_state(body, &wanted);
    let seeds: Vec<usize> = (0..active.len()).filter(|&position| active[position]).collect();
    let states: Vec<usize> = seeds.iter().copied().filter(|&position| position < n_states).collect();
    let invariants = &seeds[states.len()..];
    if states.is_empty() {
        return Ok(vec![None; n_states]);
    }
    let mut derivative = Derivative::forward(body, &seeds, &states)?;
    let mut tangents = Vec::new();
    for (place, &state) in states.iter().enumerate() {
        let like = body.results()[state];
        tangents.push(derivative.found_or_zeros(place, like)?);
    }
    let mut turn = derivative.graph().clone();
    let results = turn.results().iter().copied().chain(tangents).collect();
    turn.set_results(results);
    // What the loop prints, it has printed.
    remove_unused(&mut turn, |_| false);

    // Parameters: state, its tangents, invariants, their tangents.
    let types: Vec<TensorType> = turn.parameter_types().cloned().collect();
    let (own, told) = types.split_at(active.len());
    let add_parameters = |graph: &mut Graph, own: &[TensorType], told: &[TensorType]| {
        let mut add = |types: &[TensorType]| -> Vec<Value> {
            types.iter().map(|of| graph.add_parameter(None, of.clone(), Span::NONE)).collect()
        };
        let (state, of_state) = (add(&own[..n_states]), add(&told[..states.len()]));
        let (rest, of_rest) = (add(&own[n_states..]), add(&told[states.len()..]));
        ([state, rest].concat(), [of_state, of_rest].concat())
    };
    let mut new_body = Graph::new(format!("{}_tangent", body.name()));
    let (own_values, told_values) = add_parameters(&mut new_body, own, told);
    let results = splice(&mut new_body, &turn, &[own_values, told_values].concat());
    new_body.set_results(results);

    // The condition's symbols are its own: those of a tangent are those of what it belongs to.
    let mut new_condition = Graph::new(condition.name());
    let own: Vec<TensorType> = condition.parameter_types().cloned().collect();
    let told: Vec<TensorType> = seeds.iter().map(|&position| own[position].clone()).collect();
    let (own_values, _) = add_parameters(&mut new_condition, &own, &told);
    let mut pure = condition.clone();
    remove_unused(&mut pure, |_| false);
    let results = splice(&mut new_condition, &pure, &own_values);
    new_condition.set_results(results);

    let operands = graph.node(id).operands().to_vec();
    let mut arguments = operands[..n_states].to_vec();
    for &state in &states {
        arguments.push(match given[state] {
            Some(tangent) => tangent,
            None => {
                let span = derived_span(graph.node(id).span(), SCOPE);
                let zeros = Build::new(graph, span).zeros_like(operands[state]);
                zeros.map_err(|error| rule_error(graph, id, error))?
            }
        });
    }
    arguments.extend_from_slice(&operands[n_states..]);
    arguments.extend(invariants.iter().filter_map(|&position| given[position]));
    let op = ControlOp::While { condition: Arc::new(new_condition), body: Arc::new(new_body), bound: bound.cloned() };
    add_op(graph, id, op, &arguments, states.iter().copied(), n_states)
}

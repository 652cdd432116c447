//! The rule of `while`: a loop that goes back through the turns.
//!
//! Notation: the body takes the state `s` and the invariants `c`, and gives the next state; `s̄` and `c̄` are cotangents.
//!
//! 1. Which elements of the state depend on a source, and which have a cotangent, is a fixpoint over turns: the body's
//!    derivative is made with those that are known until no new one comes.
//! 2. The derivative of one turn takes `s̄` and gives the `s̄` of before; `c̄` goes through it as a sum that begins with what has
//!    been added before. What it needs of the turn, elements of `s` and values that are dear to compute anew, is kept; what
//!    depends on invariants alone is not.
//! 3. The loop gets a counter and a buffer `[bound, …]` for each value that is kept, as further elements of the state.
//! 4. The loop back counts down, reads what was kept, and runs the derivative of the turn.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use tancho_ir::ops::control::bind_symbols;
use tancho_ir::ops::{BinaryOp, Comparison, ControlOp, ElementwiseOp, IndexOp};
use tancho_ir::{Dim, Graph, NodeId, Op, OpError, Span, Symbol, TensorType, Value};
use tancho_tensor::{Array, DType};

use super::super::{Fault, Pullback, find_active, is_active};
use super::positions;
use crate::build::Build;
use crate::cut::{Cut, Derivative, Seed, copy_constraints, find_varying, is_cheap};

/// Counters and places of turns.
const COUNTER: DType = DType::I32;

pub(super) fn pull_back(
    pullback: &mut Pullback<'_>,
    condition: &Arc<Graph>,
    body: &Arc<Graph>,
    bound: Option<&Dim>,
) -> Result<(), Fault> {
    let Some(bound) = bound else {
        return Err(Fault::Reason(
            "a loop without a bound cannot be differentiated in reverse; give while_loop a bound, or use forward mode"
                .into(),
        ));
    };
    let n_states = pullback.cotangents.len();
    let active = find_active_state(body, &pullback.wanted);
    let seeded = (0..n_states).map(|state| active[state] && pullback.cotangents[state].is_some()).collect();
    let Some(turn) = Turn::new(body, n_states, &active, seeded)? else { return Ok(()) };

    let (counter, buffers) = keep(pullback, condition, body, bound, &turn)?;
    let (cotangents, sums) = go_back(pullback, body, bound, &turn, counter, &buffers)?;
    // The sums have taken into account what was there; the others are added.
    for (&position, sum) in turn.invariants.iter().zip(sums) {
        match sum {
            Sum::Total(total) => pullback.set_share(position, total),
            Sum::Part(part) => pullback.add_share(position, part)?,
        }
    }
    for (&state, cotangent) in turn.states.iter().zip(cotangents) {
        pullback.add_share(state, cotangent)?;
    }
    Ok(())
}

/// Which operands depend on sources in any turn: the states to which it gets from the operands that do at the beginning.
pub(crate) fn find_active_state(body: &Graph, wanted: &[bool]) -> Vec<bool> {
    let order = body.topological_order();
    let parameters: Vec<Value> = body.parameters().collect();
    let mut active = wanted.to_vec();
    loop {
        let sources: HashSet<Value> = positions(&active).into_iter().map(|position| parameters[position]).collect();
        let nodes = find_active(body, &order, &sources, &|_| true);
        let mut changed = false;
        for (state, &next) in body.results().iter().enumerate() {
            if !active[state] && is_active(body, &nodes, &sources, next) {
                active[state] = true;
                changed = true;
            }
        }
        if !changed {
            return active;
        }
    }
}

/// The derivative of one turn.
struct Turn {
    derivative: Derivative,
    cut: Cut,
    /// The elements of the state that have cotangents.
    states: Vec<usize>,
    /// The invariants that get cotangents, as positions of operands.
    invariants: Vec<usize>,
    /// The elements of the state that the derivative takes and that change from turn to turn.
    kept_states: Vec<usize>,
}

impl Turn {
    /// `None` where no source has a part in what is seeded.
    fn new(body: &Graph, n_states: usize, active: &[bool], mut seeded: Vec<bool>) -> Result<Option<Turn>, Fault> {
        let sources = positions(active);
        let mut invariants: Vec<usize> = sources.iter().copied().filter(|&position| position >= n_states).collect();
        let mut derivative = loop {
            let states = positions(&seeded);
            if states.is_empty() {
                return Ok(None);
            }
            let seeds = states.iter().map(|&state| Seed::Result(state));
            let seeds: Vec<Seed> = seeds.chain(invariants.iter().map(|&position| Seed::Parameter(position))).collect();
            let active_states = sources.iter().copied().filter(|&position| position < n_states);
            let asked: Vec<usize> = active_states.chain(invariants.iter().copied()).collect();
            let mut derivative = Derivative::reverse(body, &seeds, &asked)?;
            let mut changed = false;
            for (place, &position) in asked.iter().enumerate() {
                if position < n_states && derivative.found[place].is_some() && !seeded[position] {
                    (seeded[position], changed) = (true, true);
                }
            }
            // A sum to which nothing is added is none.
            let first = asked.len() - invariants.len();
            let added = |place: usize| derivative.found[first + place] != Some(derivative.told(states.len() + place));
            let used: Vec<usize> =
                (0..invariants.len()).filter(|&place| added(place)).map(|place| invariants[place]).collect();
            if !changed && used.len() == invariants.len() {
                // What is asked for, in the order of what is told.
                let place_of = |position: &usize| asked.iter().position(|asked| asked == position);
                let found =
                    states.iter().chain(&invariants).map(|p| place_of(p).and_then(|place| derivative.found[place]));
                derivative.found = found.collect();
                break derivative;
            }
            if !changed {
                invariants = used;
            }
        };
        let states = positions(&seeded);
        let mut results = Vec::new();
        for place in 0..derivative.found.len() {
            let like = derivative.told(place);
            results.push(derivative.found_or_zeros(place, like)?);
        }
        let changes: Vec<bool> =
            body.parameters().zip(body.results()).map(|(before, after)| before != *after).collect();
        let graph = derivative.graph();
        let varying = find_varying(graph, &|position| changes.get(position).copied().unwrap_or(false));
        let keeps = |id: NodeId| varying[id.index()] && graph.node(id).op().is_some_and(|op| !is_cheap(op));
        let cut = derivative.cut(&results, &keeps, &[]);
        let kept_states =
            cut.parameters.iter().copied().filter(|&p| changes.get(p).copied().unwrap_or(false)).collect();
        Ok(Some(Turn { derivative, cut, states, invariants, kept_states }))
    }

    /// The types of what is kept, in the body's symbols.
    fn kept_types(&self) -> Vec<TensorType> {
        let graph = self.derivative.graph();
        let states: Vec<Value> = graph.parameters().collect();
        let states = self.kept_states.iter().map(|&state| states[state]);
        states.chain(self.cut.kept.iter().copied()).map(|value| graph.type_of(value).clone()).collect()
    }
}

/// Symbols that a graph does not have.
struct FreshSymbols(BTreeSet<Symbol>);

impl FreshSymbols {
    fn new(graph: &Graph) -> Self {
        let mut used = BTreeSet::new();
        for of in graph.node_ids().flat_map(|id| graph.node(id).types()) {
            of.dims.iter().for_each(|dim| dim.collect_symbols(&mut used));
        }
        FreshSymbols(used)
    }

    /// The size itself where it is known, else a symbol for it.
    fn dim_for(&mut self, dim: &Dim, name: &str) -> Dim {
        if dim.as_known().is_some() {
            return dim.clone();
        }
        let mut name = String::from(name);
        while !self.0.insert(Symbol::new(&name)) {
            name.push('_');
        }
        Dim::symbol(name)
    }
}

fn with_axis(of: &TensorType, size: &Dim) -> TensorType {
    TensorType { dtype: of.dtype, dims: std::iter::once(size.clone()).chain(of.dims.iter().cloned()).collect() }
}

/// Lets the loop count its turns and keep what the derivative needs; gives the counter and the buffers.
fn keep(
    pullback: &mut Pullback<'_>,
    condition: &Arc<Graph>,
    body: &Arc<Graph>,
    bound: &Dim,
    turn: &Turn,
) -> Result<(Value, Vec<Value>), Fault> {
    let n_states = pullback.cotangents.len();
    let (function, kept) = turn.derivative.function(&turn.cut.kept);
    // A buffer has a place even if there is no turn, so that an update fits.
    let turns = bound.maximum(&Dim::ONE);
    let inner_turns = FreshSymbols::new(body).dim_for(&turns, "turns");
    let kept_types = turn.kept_types();

    let buffer_types: Vec<TensorType> = kept_types.iter().map(|of| with_axis(of, &inner_turns)).collect();
    let mut new_body = Graph::new(body.name());
    let (own, counter, buffers) = add_parameters(&mut new_body, body, n_states, &buffer_types);
    let values = splice(&mut new_body, &function, &own);
    let mut results = values[..n_states].to_vec();
    let mut build = Build::new(&mut new_body, pullback.build.span().clone());
    let one = build.constant(Array::scalar(1_i32));
    results.push(build.plus(counter, one)?);
    let states = turn.kept_states.iter().map(|&state| own[state]);
    let kept_values: Vec<Value> = states.chain(kept.iter().map(|&position| values[position])).collect();
    for (&buffer, &value) in buffers.iter().zip(&kept_values) {
        results.push(put(&mut build, buffer, value, counter)?);
    }
    new_body.set_results(results);

    // The condition does not look at the buffers, and has symbols of its own.
    let mut fresh = FreshSymbols::new(condition);
    let buffer_types = buffer_types
        .iter()
        .map(|of| TensorType { dtype: of.dtype, dims: of.dims.iter().map(|dim| fresh.dim_for(dim, "kept")).collect() });
    let buffer_types: Vec<TensorType> = buffer_types.collect();
    let mut new_condition = Graph::new(condition.name());
    let (own, ..) = add_parameters(&mut new_condition, condition, n_states, &buffer_types);
    let decision = splice(&mut new_condition, condition, &own);
    new_condition.set_results(decision);

    let operands = pullback.operands.clone();
    let operand_types: Vec<TensorType> =
        operands.iter().map(|&operand| pullback.build.type_of(operand).clone()).collect();
    let parameter_types: Vec<&TensorType> = body.parameter_types().collect();
    let assignment = bind_symbols(&parameter_types, &operand_types);
    let replacement = |symbol: &Symbol| assignment.iter().find(|(name, _)| name == symbol).map(|(_, dim)| dim.clone());
    let mut arguments = operands[..n_states].to_vec();
    arguments.push(pullback.build.constant(Array::scalar(0_i32)));
    for of in &kept_types {
        let buffer = with_axis(&of.substitute(&replacement), &turns);
        arguments.push(pullback.build.full(&buffer, 0.0)?);
    }
    arguments.extend_from_slice(&operands[n_states..]);
    let op =
        ControlOp::While { condition: Arc::new(new_condition), body: Arc::new(new_body), bound: Some(bound.clone()) };
    let node = pullback.node;
    pullback.build.graph.extend_op(node, op.into(), &arguments)?;
    let buffers = (0..kept_types.len()).map(|place| pullback.result(n_states + 1 + place)).collect();
    Ok((pullback.result(n_states), buffers))
}

/// Adds the parameters of a graph of the loop, with the counter and the buffers between the state and the invariants; gives
/// the graph's own, the counter and the buffers.
fn add_parameters(
    graph: &mut Graph,
    of: &Graph,
    n_states: usize,
    buffer_types: &[TensorType],
) -> (Vec<Value>, Value, Vec<Value>) {
    let mut copies = of.parameters().map(|parameter| {
        let node = of.node(parameter.node);
        (node.name(), of.type_of(parameter).clone(), node.span().clone())
    });
    let mut own = Vec::new();
    for (name, of, span) in copies.by_ref().take(n_states) {
        own.push(graph.add_parameter(name, of, span));
    }
    let counter = graph.add_parameter(Some("turn"), TensorType::scalar(COUNTER), Span::NONE);
    let buffers = buffer_types.iter().map(|of| graph.add_parameter(Some("kept"), of.clone(), Span::NONE)).collect();
    for (name, of, span) in copies {
        own.push(graph.add_parameter(name, of, span));
    }
    (own, counter, buffers)
}

/// Copies the ops of a graph into one that has the same symbols; gives the results.
pub(crate) fn splice(graph: &mut Graph, function: &Graph, arguments: &[Value]) -> Vec<Value> {
    copy_constraints(function, graph);
    graph.inline(function, arguments, Op::clone, TensorType::clone, Span::clone)
}

/// A buffer with a value in the place of a turn.
fn put(build: &mut Build<'_>, buffer: Value, value: Value, turn: Value) -> Result<Value, OpError> {
    let of = with_axis(build.type_of(value), &Dim::ONE);
    let update = build.reshape(value, of.dims)?;
    let operands: Vec<Value> = [buffer, update].into_iter().chain(starts(build, turn, buffer)).collect();
    build.add(IndexOp::DynamicUpdateSlice, &operands)
}

/// What a buffer has in the place of a turn.
fn take(build: &mut Build<'_>, buffer: Value, of: &TensorType, turn: Value) -> Result<Value, OpError> {
    let operands: Vec<Value> = std::iter::once(buffer).chain(starts(build, turn, buffer)).collect();
    let sizes = with_axis(of, &Dim::ONE).dims;
    let slice = build.add(IndexOp::DynamicSlice { sizes }, &operands)?;
    build.reshape(slice, of.dims.clone())
}

/// The place of a turn in a buffer.
fn starts(build: &mut Build<'_>, turn: Value, buffer: Value) -> Vec<Value> {
    let mut starts = vec![turn];
    if build.rank(buffer) > 1 {
        let zero = build.constant(Array::scalar(0_i32));
        starts.resize(build.rank(buffer), zero);
    }
    starts
}

/// What the loop back has summed for an invariant.
enum Sum {
    /// With what had been added before.
    Total(Value),
    /// Alone.
    Part(Value),
}

/// Runs the derivative of the turns, the last one first; gives the cotangents of the state before the first turn, and the
/// sums of the invariants' ones.
fn go_back(
    pullback: &mut Pullback<'_>,
    body: &Arc<Graph>,
    bound: &Dim,
    turn: &Turn,
    counter: Value,
    buffers: &[Value],
) -> Result<(Vec<Value>, Vec<Sum>), Fault> {
    let (derivative, cut) = (turn.derivative.graph(), &turn.cut);
    let n_told = turn.states.len() + turn.invariants.len();
    let inner_turns = FreshSymbols::new(body).dim_for(&bound.maximum(&Dim::ONE), "turns");
    let kept_types = turn.kept_types();
    let passed: Vec<usize> = cut.parameters.iter().copied().filter(|p| !turn.kept_states.contains(p)).collect();
    let own: Vec<Value> = derivative.parameters().collect();

    // Parameters: the number of turns that are left, cotangents, sums, buffers, what does not change.
    let mut types = vec![TensorType::scalar(COUNTER)];
    types.extend((0..n_told).map(|place| derivative.type_of(turn.derivative.told(place)).clone()));
    types.extend(kept_types.iter().map(|of| with_axis(of, &inner_turns)));
    types.extend(passed.iter().map(|&position| derivative.type_of(own[position]).clone()));

    let mut condition = Graph::new("turns_left");
    let parameters: Vec<Value> = types.iter().map(|of| condition.add_parameter(None, of.clone(), Span::NONE)).collect();
    let mut build = Build::new(&mut condition, pullback.build.span().clone());
    let zero = build.constant(Array::scalar(0_i32));
    let left = build.compare(Comparison::Gt, parameters[0], zero)?;
    condition.set_results(vec![left]);

    let mut back = Graph::new(format!("{}_gradient", body.name()));
    let parameters: Vec<Value> = types.iter().map(|of| back.add_parameter(None, of.clone(), Span::NONE)).collect();
    let (told, rest) = parameters[1..].split_at(n_told);
    let (places, constants) = rest.split_at(kept_types.len());
    let mut build = Build::new(&mut back, pullback.build.span().clone());
    let one = build.constant(Array::scalar(1_i32));
    let place = build.add(ElementwiseOp::Binary(BinaryOp::Subtract), &[parameters[0], one])?;
    let mut values = Vec::new();
    for (&buffer, of) in places.iter().zip(&kept_types) {
        values.push(take(&mut build, buffer, of, place)?);
    }
    let value_of = |position: &usize| match turn.kept_states.iter().position(|state| state == position) {
        Some(place) => values[place],
        None => constants[passed.iter().position(|passed| passed == position).expect("it is passed")],
    };
    let kept = values[turn.kept_states.len()..].iter().copied();
    let arguments: Vec<Value> = cut.parameters.iter().map(value_of).chain(kept).chain(told.iter().copied()).collect();
    let mut results = vec![place];
    results.extend(splice(&mut back, &cut.graph, &arguments));
    back.set_results(results);

    let mut arguments = vec![counter];
    for &state in &turn.states {
        arguments.push(pullback.cotangent_or_zeros(state)?);
    }
    let mut begun: HashSet<Value> = HashSet::new();
    let mut totals = Vec::new();
    for &position in &turn.invariants {
        let operand = pullback.operands[position];
        // A value that is two operands has one cotangent, which one of the two sums goes on with.
        let before = if begun.insert(operand) { pullback.share_so_far(position) } else { None };
        totals.push(before.is_some());
        arguments.push(match before {
            Some(before) => before,
            None => pullback.build.zeros_like(operand)?,
        });
    }
    arguments.extend_from_slice(buffers);
    arguments.extend(passed.iter().map(|&position| pullback.operands[position]));
    let op = ControlOp::While { condition: Arc::new(condition), body: Arc::new(back), bound: Some(bound.clone()) };
    let results = pullback.build.add_all(op, &arguments)?;
    let (cotangents, sums) = results[1..].split_at(turn.states.len());
    let sums = sums.iter().zip(totals).map(|(&sum, total)| if total { Sum::Total(sum) } else { Sum::Part(sum) });
    Ok((cotangents.to_vec(), sums.collect()))
}

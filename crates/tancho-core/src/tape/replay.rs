//! Gradients of what an eager tape has recorded.
//!
//! 1. The entries that the target depends on are found, from the last to the first.
//! 2. Their graphs are put together: the inputs that no entry made are parameters. Gradients are added.
//! 3. What an entry gave is there already: its values become parameters in the place of the ops that computed them, and
//!    what is then unused is removed. So the forward pass does not run again, but for what is inside of an entry.
//! 4. The graph is compiled, and run on the values.
//!
//! The list's structure (which graphs, on which inputs) is the key of a cache, so that steps 2 and 3 and the compilation
//! happen once for a loop. Other tapes that record see the whole as one operation, so that it has gradients in turn.

use std::panic::Location;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tancho_autodiff::DiffError;
use tancho_ir::ops::{BinaryOp, ControlOp};
use tancho_ir::{Graph, NodeId, Op, Span, TensorType, Value};
use tancho_runtime::{Argument, CompileOptions, Executable, Plan};
use tancho_tensor::{Array, DType, Shape};

use super::jacobian::add_jacobian;
use super::log::{self, Entry, Identity, TapeId};
use super::sources::Source;
use crate::builder::Builder;
use crate::error::{Error, ErrorKind, Fault, Result};
use crate::table::Table;
use crate::tensor::{Repr, Tensor};
use crate::trace;

/// A gradient that was compiled.
struct Compiled {
    plan: Arc<Plan>,
    graph: Arc<Graph>,
    /// What the parameters are.
    parameters: Vec<Place>,
    /// By source: the position of its gradient among the results.
    results: Vec<Option<usize>>,
    /// The graphs whose addresses are in the key.
    _graphs: Vec<Arc<Graph>>,
}

/// A value of the list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Input { entry: usize, position: usize },
    Output { entry: usize, position: usize },
    Target(usize),
    Weight(usize),
}

static CACHE: Table<Arc<Compiled>> = Table::new(512);

pub(super) fn gradients(
    id: TapeId,
    targets: &[Tensor],
    weights: Option<&[Tensor]>,
    sources: &[Source<'_>],
    persistent: bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    run(id, targets, Weights::Given(weights), sources, persistent, location)
}

pub(super) fn jacobian(
    id: TapeId,
    target: &Tensor,
    sources: &[Source<'_>],
    persistent: bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    run(id, std::slice::from_ref(target), Weights::Each, sources, persistent, location)
}

/// What the elements of the targets are weighted with.
#[derive(Clone, Copy)]
enum Weights<'a> {
    /// These, or one.
    Given(Option<&'a [Tensor]>),
    /// One for an element and zero for the others, for each element.
    Each,
}

fn run(
    id: TapeId,
    targets: &[Tensor],
    weights: Weights<'_>,
    sources: &[Source<'_>],
    persistent: bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    for tensor in targets.iter().chain(sources.iter().map(Source::tensor)) {
        tensor.check()?;
        if matches!(tensor.0, Repr::Node(_) | Repr::Placeholder(_)) {
            return Err(trace::not_a_value("gradient", tensor, location));
        }
    }
    let recording = log::take_turn(id, sources, persistent, || super::used_error(location))?;
    let list = List::new(&recording.entries, targets, &recording.sources);
    let weight_tensors: &[Tensor] = match weights {
        Weights::Given(Some(weights)) => weights,
        Weights::Given(None) | Weights::Each => &[],
    };
    for (target, weight) in targets.iter().zip(weight_tensors) {
        check_weight(target, weight, location)?;
    }
    let words = list.words(weights);
    let compiled = match CACHE.get(&words, &[]) {
        Some(compiled) => compiled,
        None => {
            let compiled = Arc::new(list.compile(weights, location)?);
            CACHE.get_or_insert(&words, &[], || compiled)
        }
    };
    let inputs: SmallVec<[Tensor; 2]> =
        compiled.parameters.iter().map(|&place| list.tensor(place, weight_tensors).clone()).collect();
    let arrays: Vec<&Array> = inputs
        .iter()
        .map(|tensor| tensor.value().ok_or_else(|| trace::not_a_value("gradient", tensor, location)))
        .collect::<Result<_>>()?;
    let mut arguments: Vec<Argument> = arrays.into_iter().map(Argument::Lend).collect();
    let results = compiled
        .plan
        .run(&mut arguments)
        .map_err(|source| Error::at(ErrorKind::Call { graph: "gradient".into(), source }, location))?;
    let results: SmallVec<[Tensor; 1]> = if log::is_recording() {
        log::record(&compiled.graph, inputs, results)
    } else {
        results.into_iter().map(|array| Tensor(Repr::Value(array))).collect()
    };
    Ok(compiled.results.iter().map(|place| place.map(|place| results[place].clone())).collect())
}

fn check_weight(target: &Tensor, weight: &Tensor, location: &'static Location<'static>) -> Result<()> {
    weight.check()?;
    let same = target.dtype() == weight.dtype() && target.shape() == weight.shape();
    let message = || format!("the weights {} are not of the target's type {}", weight.describe(), target.describe());
    if same { Ok(()) } else { Err(Error::at(ErrorKind::Op { op: "gradient", message: message() }, location)) }
}

/// The entries that a gradient needs, and how they hang together.
struct List<'a> {
    entries: Vec<&'a Arc<Entry>>,
    targets: &'a [Tensor],
    sources: &'a [Vec<Identity>],
    /// A number for each value: equal tensors have equal numbers.
    numbers: FxHashMap<Identity, usize>,
}

impl<'a> List<'a> {
    fn new(entries: &'a [Arc<Entry>], targets: &'a [Tensor], sources: &'a [Vec<Identity>]) -> Self {
        let mut needed: rustc_hash::FxHashSet<Identity> = targets.iter().filter_map(Identity::of).collect();
        let mut found: Vec<&Arc<Entry>> = Vec::new();
        for entry in entries.iter().rev() {
            if entry.outputs.iter().filter_map(Identity::of).any(|output| needed.contains(&output)) {
                needed.extend(entry.inputs.iter().filter_map(Identity::of));
                found.push(entry);
            }
        }
        found.reverse();
        let mut numbers = FxHashMap::default();
        let values = found.iter().flat_map(|entry| entry.inputs.iter().chain(&entry.outputs)).chain(targets);
        for identity in values.filter_map(Identity::of) {
            let next = numbers.len();
            numbers.entry(identity).or_insert(next);
        }
        List { entries: found, targets, sources, numbers }
    }

    fn number(&self, identity: &Identity) -> u64 {
        self.numbers.get(identity).map_or(u64::MAX, |&number| number as u64)
    }

    /// The structure as words: graphs by address, values by number, types of what comes from outside.
    fn words(&self, weights: Weights<'_>) -> SmallVec<[u64; 64]> {
        let mut words: SmallVec<[u64; 64]> = SmallVec::new();
        words.push(match weights {
            Weights::Given(None) => 0,
            Weights::Given(Some(_)) => 1,
            Weights::Each => 2,
        });
        let push_type = |words: &mut SmallVec<[u64; 64]>, tensor: &Tensor| {
            let Some(array) = tensor.value() else { return };
            words.push(array.dtype() as u64 | (array.shape().rank() as u64) << 8);
            words.extend(array.shape().iter().map(|&size| size as u64));
        };
        words.push(self.entries.len() as u64);
        for entry in &self.entries {
            words.push(Arc::as_ptr(&entry.graph) as u64);
            words.push(entry.outputs.len() as u64);
            for value in entry.inputs.iter().chain(&entry.outputs) {
                words.push(Identity::of(value).map_or(u64::MAX, |identity| self.number(&identity)));
                push_type(&mut words, value);
            }
        }
        for target in self.targets {
            words.push(Identity::of(target).map_or(u64::MAX, |identity| self.number(&identity)));
            push_type(&mut words, target);
        }
        for source in self.sources {
            words.push(source.len() as u64);
            words.extend(source.iter().map(|identity| self.number(identity)));
        }
        words
    }

    fn tensor<'t>(&'t self, place: Place, weights: &'t [Tensor]) -> &'t Tensor {
        match place {
            Place::Input { entry, position } => &self.entries[entry].inputs[position],
            Place::Output { entry, position } => &self.entries[entry].outputs[position],
            Place::Target(position) => &self.targets[position],
            Place::Weight(position) => &weights[position],
        }
    }

    fn compile(&self, weights: Weights<'_>, location: &'static Location<'static>) -> Result<Compiled> {
        let (graph, parameters, results) = self.build(weights, location)?;
        let shapes: Vec<(DType, Shape)> =
            graph.parameter_types().map(|of| (of.dtype, of.known_shape().unwrap_or_default())).collect();
        let shapes: Vec<(DType, &Shape)> = shapes.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
        let executable = Executable::compile(graph.clone(), &CompileOptions::default())
            .map_err(|source| Error::at(ErrorKind::Compile { graph: "gradient".into(), source }, location))?;
        let plan = executable
            .plan(&shapes)
            .map_err(|source| Error::at(ErrorKind::Call { graph: "gradient".into(), source }, location))?;
        let graphs = self.entries.iter().map(|entry| entry.graph.clone()).collect();
        Ok(Compiled { plan, graph: Arc::new(graph), parameters, results, _graphs: graphs })
    }

    fn build(
        &self,
        weights: Weights<'_>,
        location: &'static Location<'static>,
    ) -> Result<(Graph, Vec<Place>, Vec<Option<usize>>)> {
        let mut graph = Graph::new("gradient");
        let mut parameters: Vec<(Value, Place)> = Vec::new();
        let mut values: FxHashMap<Identity, Value> = FxHashMap::default();
        let mut made: Vec<(Value, Place)> = Vec::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let mut operands = Vec::new();
            for (position, input) in entry.inputs.iter().enumerate() {
                let place = Place::Input { entry: number, position };
                operands.push(value_of(&mut graph, &mut values, &mut parameters, input, place, location)?);
            }
            let outputs = add_entry(&mut graph, &entry.graph, &operands, location)?;
            for (position, (output, tensor)) in outputs.into_iter().zip(&entry.outputs).enumerate() {
                values.extend(Identity::of(tensor).map(|identity| (identity, output)));
                made.push((output, Place::Output { entry: number, position }));
            }
        }
        let mut targets = Vec::new();
        for (position, target) in self.targets.iter().enumerate() {
            let place = Place::Target(position);
            targets.push(value_of(&mut graph, &mut values, &mut parameters, target, place, location)?);
        }
        // Each identity of each source, as a value of the graph where the list has it.
        let sources: Vec<Vec<Value>> = self
            .sources
            .iter()
            .map(|source| source.iter().filter_map(|identity| values.get(identity).copied()).collect())
            .collect();
        let grads = match weights {
            Weights::Given(given) => {
                let mut seeds = Vec::new();
                for (position, &target) in targets.iter().enumerate() {
                    let of = graph.type_of(target).clone();
                    if !of.dtype.is_float() {
                        continue;
                    }
                    let weight = match given {
                        Some(_) => {
                            let value = graph.add_parameter(None, of, Span::NONE);
                            parameters.push((value, Place::Weight(position)));
                            value
                        }
                        None => ones(&mut graph, &of, location)?,
                    };
                    seeds.push((target, weight));
                }
                add_gradients(&mut graph, &seeds, &sources, &|_| true, location)?
            }
            Weights::Each => {
                let target = targets[0];
                add_jacobian(&mut graph, target, &sources, &|_| true, location)?
            }
        };
        let mut results = Vec::new();
        let mut places = Vec::new();
        for grad in grads {
            places.push(grad.map(|value| {
                results.push(value);
                results.len() - 1
            }));
        }
        graph.set_results(results);
        // The forward pass has run: what it gave stands in the place of what would compute it.
        for (output, place) in made {
            let is_op = graph.node(output.node).op().is_some();
            if is_op && graph.use_count(output) > 0 {
                let parameter = graph.add_parameter(None, graph.type_of(output).clone(), Span::NONE);
                graph.replace_all_uses(output, parameter);
                parameters.push((parameter, place));
            }
        }
        remove_unused(&mut graph);
        // Parameters are in the order in which they were added.
        parameters.sort_by_key(|(value, _)| value.node);
        Ok((graph, parameters.into_iter().map(|(_, place)| place).collect(), places))
    }
}

/// The value of a tensor in the graph: a parameter where nothing has made it.
fn value_of(
    graph: &mut Graph,
    values: &mut FxHashMap<Identity, Value>,
    parameters: &mut Vec<(Value, Place)>,
    tensor: &Tensor,
    place: Place,
    location: &'static Location<'static>,
) -> Result<Value> {
    let known = |identity: &Identity| values.get(identity).copied();
    if let Some(value) = Identity::of(tensor).as_ref().and_then(known) {
        return Ok(value);
    }
    let Some(array) = tensor.value() else { return Err(trace::not_a_value("gradient", tensor, location)) };
    let value = graph.add_parameter(None, TensorType::of(array), Span::NONE);
    values.extend(Identity::of(tensor).map(|identity| (identity, value)));
    parameters.push((value, place));
    Ok(value)
}

/// Puts what ran into the graph, without its effects.
fn add_entry(
    graph: &mut Graph,
    entry: &Arc<Graph>,
    operands: &[Value],
    location: &'static Location<'static>,
) -> Result<Vec<Value>> {
    let is_known = |of: &TensorType| of.known_shape().is_some();
    let plain = !entry.has_side_effect()
        && entry.node_ids().all(|id| {
            entry.node(id).types().iter().all(is_known) && entry.node(id).op().is_none_or(|op| op.regions().is_empty())
        });
    if plain {
        return Ok(graph.inline(entry, operands, Op::clone, TensorType::clone, Span::clone));
    }
    let callee = if entry.has_side_effect() { Arc::new(without_effects(entry)) } else { entry.clone() };
    let node = graph
        .add(Op::Control(ControlOp::call(callee)), operands, Span::NONE)
        .map_err(|error| Error::at(ErrorKind::Op { op: "gradient", message: error.message }, location))?;
    let n_results = graph.node(node).types().len() as u32;
    Ok((0..n_results).map(|result| Value { node, result }).collect())
}

/// The graph without prints and assertions, which have no results.
fn without_effects(graph: &Graph) -> Graph {
    let mut copy = graph.clone();
    for id in graph.node_ids().collect::<Vec<_>>() {
        let node = graph.node(id);
        match node.op() {
            Some(Op::Effect(_)) => copy.remove(id),
            Some(op) if op.has_side_effect() && !op.regions().is_empty() => {
                let op = op.with_regions(|region| {
                    if region.has_side_effect() { Arc::new(without_effects(region)) } else { region.clone() }
                });
                copy.replace_op(id, op, node.operands());
            }
            Some(_) | None => {}
        }
    }
    copy
}

fn remove_unused(graph: &mut Graph) {
    for id in graph.topological_order().into_iter().rev() {
        let removable = graph.node(id).op().is_some_and(|op| !op.has_side_effect());
        if removable && !graph.is_used(id) {
            graph.remove(id);
        }
    }
}

/// Ones of a type.
pub(crate) fn ones(graph: &mut Graph, of: &TensorType, location: &'static Location<'static>) -> Result<Value> {
    let fault = |fault: Fault| Error::at(ErrorKind::Op { op: "gradient", message: fault.0 }, location);
    let mut builder = Builder::new(graph, Span::NONE);
    let one = builder.scalar(of.dtype, 1.0).map_err(fault)?;
    builder.broadcast_to(one, &of.dims).map_err(fault)
}

/// Adds the gradients of seeds by sources to a graph; a source that several values stand for has the sum of theirs.
pub(crate) fn add_gradients(
    graph: &mut Graph,
    seeds: &[(Value, Value)],
    sources: &[Vec<Value>],
    include: &dyn Fn(NodeId) -> bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Value>>> {
    let all: Vec<Value> = sources.iter().flatten().copied().collect();
    let grads = tancho_autodiff::gradients(graph, seeds, &all, include).map_err(|error| diff_error(error, location))?;
    sum_by_source(&mut Builder::new(graph, Span::NONE), sources, grads)
        .map_err(|fault| Error::at(ErrorKind::Op { op: "gradient", message: fault.0 }, location))
}

/// The gradients of sources, from those of all values that stand for them.
pub(super) fn sum_by_source(
    builder: &mut Builder<'_>,
    sources: &[Vec<Value>],
    grads: Vec<Option<Value>>,
) -> std::result::Result<Vec<Option<Value>>, Fault> {
    let mut grads = grads.into_iter();
    let mut totals = Vec::new();
    for values in sources {
        let mut total: Option<Value> = None;
        for grad in grads.by_ref().take(values.len()).flatten() {
            total = Some(match total {
                None => grad,
                Some(total) => builder.binary(BinaryOp::Add, total, grad)?,
            });
        }
        totals.push(total);
    }
    Ok(totals)
}

/// The error of a gradient: at the line of the op that has none, or of the gradient where that is unknown.
pub(crate) fn diff_error(error: DiffError, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Gradient { source: Box::new(error) }, location)
}

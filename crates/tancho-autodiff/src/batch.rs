//! Batching: a graph for one element becomes a graph for many.
//!
//! 1. A value of the new graph is *batched*, which means that it has a new axis 0, the *batch axis*, or it is the same for
//!    all elements of the batch, and then it stays as it was. Parameters are what the caller says.
//! 2. Nodes are visited in topological order. One that has no batched operand is copied as it is. For any other one, the
//!    rule of its op, in the file of its family, adds ops that do for all elements what the op does for one, and says which
//!    of the results are batched. Rules take any mixture of batched and unbatched operands, and put an unbatched one along
//!    the batch axis only where the op cannot do without.
//! 3. Results that are not batched are broadcast along the batch axis.
//!
//! Each element has the bits that the graph gives for it alone: no rule changes the order in which numbers are folded.
//! (Cotangents of an operand that a custom gradient gives are the one exception: they are sums over the batch.)
//!
//! Where an op has no form for a batch, `serial` runs it in a loop over the batch.
//!
//! Graphs that an op holds are batched by [`regions::Regions`], which keeps what it made: a graph that is held in many places
//! is batched once for each combination of batched parameters. Bodies of folds are functions of scalars and stay as they are.

mod regions;
mod serial;
mod merge;
mod elementwise;
mod shape;
mod reduce;
mod dot;
mod conv;
mod fold;
mod index;
mod random;
mod linalg;
mod control;
mod effect;

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{Dim, Dims, Graph, Node, NodeId, Op, TensorType, Value};

use crate::build::{Build, Built};
use crate::error::DiffError;
use crate::reverse::Fault;
use regions::{Region, Regions};

/// The graph that computes what `graph` does for `size` elements at once: the parameters that `batched` names have a new
/// leading axis of that size, and so has every result.
///
/// The size is a number, or an expression whose symbols a parameter binds: where it is a symbol of its own, at least one
/// parameter must be batched. A symbol that the graph has already is the same size. Parameters beyond the end of `batched`
/// are not batched.
///
/// An effect happens once for the whole batch: `print` prints the values of all elements, and `assert` looks at all. A loop
/// whose condition is batched runs until no element goes on, and what has ended keeps its state; branches whose index is
/// batched are all computed. So a loop within those must also end for elements that would not have come there, and there may
/// be no effects.
///
/// Some ops with batched operands need at least one element, which is a constraint where the size is a symbol.
///
/// # Errors
/// An op cannot be batched: a function of the host, or an effect that would only happen for some elements.
pub fn batch(graph: &Graph, size: &Dim, batched: &[bool]) -> Result<Graph, DiffError> {
    let wanted = vec![true; graph.results().len()];
    let region = batch_graph(graph, size, batched, &wanted, &mut Regions::default())?;
    Ok(Arc::unwrap_or_clone(region.graph))
}

/// As [`batch`], but only the results that `wanted` names must be batched; the others are where they depend on what is.
fn batch_graph(
    graph: &Graph,
    size: &Dim,
    batched: &[bool],
    wanted: &[bool],
    regions: &mut Regions,
) -> Result<Region, DiffError> {
    let mut result = Graph::new(format!("{}_batch", graph.name()));
    for constraint in graph.constraints() {
        result.add_constraint(constraint.relation.clone(), constraint.span.clone());
    }
    let mut items: Vec<Items> = vec![Items::new(); graph.id_bound()];
    for (position, parameter) in graph.parameters().enumerate() {
        let node = graph.node(parameter.node);
        let is_batched = batched.get(position).copied().unwrap_or(false);
        let of = &node.types()[0];
        let of = if is_batched { batched_type(of, size) } else { of.clone() };
        let value = result.add_parameter(node.name(), of, node.span().clone());
        items[parameter.node.index()].push(Item { value, is_batched });
    }
    let mut effects: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for id in graph.topological_order() {
        let node = graph.node(id);
        let Some(op) = node.op() else { continue };
        let operands: Items =
            node.operands().iter().map(|value| items[value.node.index()][value.result as usize]).collect();
        let first = result.id_bound();
        let results = if operands.iter().any(|operand| operand.is_batched) {
            let build = Build::new(&mut result, node.span().clone());
            let mut rule = Rule { build, size: size.clone(), types: node.types(), regions };
            apply_rule(&mut rule, op, &operands).map_err(|fault| explain(fault, node, op))?
        } else {
            copy_node(&mut result, node, op, &operands)
        };
        keep_name(&mut result, node, &results, first);
        if op.has_side_effect() {
            keep_order(graph, id, &mut result, first, &mut effects);
        }
        items[id.index()] = results;
    }
    let mut results = Vec::new();
    let mut are_batched = Vec::new();
    for (value, &wanted) in graph.results().iter().zip(wanted) {
        let item = items[value.node.index()][value.result as usize];
        let node = graph.node(value.node);
        let build = Build::new(&mut result, node.span().clone());
        let mut rule = Rule { build, size: size.clone(), types: node.types(), regions };
        let op = node.op().map_or("parameter", Op::name);
        let broadcast = |source| DiffError::Rule { of: op, source, span: node.span().clone() };
        results.push(if wanted { rule.broadcast(item).map_err(broadcast)? } else { item.value });
        are_batched.push(wanted || item.is_batched);
    }
    result.set_results(results);
    for position in 0..graph.results().len() {
        if let Some(name) = graph.result_name(position) {
            result.set_result_name(position, name);
        }
    }
    Ok(Region { graph: Arc::new(result), are_batched })
}

fn batched_type(of: &TensorType, size: &Dim) -> TensorType {
    TensorType { dtype: of.dtype, dims: with_batch(size, &of.dims) }
}

/// Sizes with that of the batch before them.
fn with_batch(size: &Dim, dims: &[Dim]) -> Dims {
    std::iter::once(size).chain(dims).cloned().collect()
}

/// Axes of a value as they are behind the batch axis.
fn shifted(axes: &[usize]) -> Vec<usize> {
    axes.iter().map(|axis| axis + 1).collect()
}

/// As [`shifted`], with the batch axis before them.
fn with_batch_axis(axes: &[usize]) -> Vec<usize> {
    std::iter::once(0).chain(shifted(axes)).collect()
}

/// A node none of whose operands is batched. Its types stay, which may be stated in other words than what is inferred.
fn copy_node(graph: &mut Graph, node: &Node, op: &Op, operands: &[Item]) -> Items {
    let operands: SmallVec<[Value; 4]> = operands.iter().map(|operand| operand.value).collect();
    let copy = graph.add_unchecked(op.clone(), &operands, node.types().iter().cloned().collect(), node.span().clone());
    (0..node.types().len() as u32)
        .map(|result| Item { value: Value { node: copy, result }, is_batched: false })
        .collect()
}

/// Gives the name of a node to what is in its place, if that is new.
fn keep_name(graph: &mut Graph, node: &Node, results: &[Item], first: usize) {
    if let (Some(name), Some(item)) = (node.name(), results.first())
        && item.value.node.index() >= first
    {
        graph.set_node_name(item.value.node, Some(name));
    }
}

/// Orders the effects among the nodes since `first`, which are in the place of one node, behind those that it was behind.
fn keep_order(graph: &Graph, id: NodeId, result: &mut Graph, first: usize, effects: &mut HashMap<NodeId, Vec<NodeId>>) {
    let new = result.node_ids().rev().take_while(|new| new.index() >= first);
    let own: Vec<NodeId> = new.filter(|&new| result.node(new).op().is_some_and(Op::has_side_effect)).collect();
    for before in graph.ordered_before(id) {
        for &before in effects.get(&before).into_iter().flatten() {
            own.iter().for_each(|&after| result.add_order(before, after));
        }
    }
    effects.insert(id, own);
}

fn apply_rule(rule: &mut Rule<'_>, op: &Op, operands: &[Item]) -> Result<Items, Fault> {
    match op {
        Op::Elementwise(op) => elementwise::batch(rule, op, operands),
        Op::Shape(op) => shape::batch(rule, op, operands),
        Op::Reduce(op) => reduce::batch(rule, op, operands),
        Op::Dot(op) => dot::batch(rule, op, operands),
        Op::Conv(op) => conv::batch(rule, op, operands),
        Op::Fold(op) => fold::batch(rule, op, operands),
        Op::Index(op) => index::batch(rule, op, operands),
        Op::Random(op) => random::batch(rule, op, operands),
        Op::Linalg(op) => linalg::batch(rule, op, operands),
        Op::Control(op) => control::batch(rule, op, operands),
        Op::Effect(op) => effect::batch(rule, op, operands),
    }
}

fn explain(fault: Fault, node: &Node, op: &Op) -> DiffError {
    let (op, span) = (op.name(), node.span().clone());
    match fault {
        Fault::Rule(source) => DiffError::Rule { of: op, source, span },
        Fault::Reason(reason) => DiffError::NotBatchable { op, reason, span },
        Fault::Nested(error) => error,
    }
}

/// A value of the new graph.
#[derive(Clone, Copy, Debug)]
struct Item {
    value: Value,
    /// Whether axis 0 is that of the batch.
    is_batched: bool,
}

type Items = SmallVec<[Item; 4]>;

/// A node under batching: what its rule sees.
struct Rule<'a> {
    build: Build<'a>,
    size: Dim,
    /// The types of the node's results for one element.
    types: &'a [TensorType],
    regions: &'a mut Regions,
}

impl Rule<'_> {
    /// The type of an operand for one element.
    fn type_of(&self, item: Item) -> TensorType {
        let of = self.build.type_of(item.value);
        let skipped = usize::from(item.is_batched);
        TensorType { dtype: of.dtype, dims: of.dims[skipped..].iter().cloned().collect() }
    }

    /// The rank of an operand for one element.
    fn rank(&self, item: Item) -> usize {
        self.build.rank(item.value) - usize::from(item.is_batched)
    }

    /// A value for each element.
    fn broadcast(&mut self, item: Item) -> Built {
        if item.is_batched {
            return Ok(item.value);
        }
        let of = self.build.type_of(item.value);
        let (dims, axes) = (with_batch(&self.size, &of.dims), (1..=of.rank()).collect());
        // Also where the value has those sizes already, it has no batch axis.
        self.build.add(tancho_ir::ops::ShapeOp::BroadcastInDim { dims, axes }, &[item.value])
    }

    fn broadcast_all(&mut self, items: &[Item]) -> Built<SmallVec<[Value; 4]>> {
        items.iter().map(|&item| self.broadcast(item)).collect()
    }

    /// The elements of a batched scalar along all axes of batched values with these sizes.
    fn spread_scalar(&mut self, scalar: Value, dims: &Dims) -> Built {
        self.build.broadcast_in_dim(scalar, dims, vec![0])
    }

    /// Adds an op all of whose results are batched.
    fn add(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Items, Fault> {
        let results = self.build.add_all(op, operands)?;
        Ok(results.into_iter().map(|value| Item { value, is_batched: true }).collect())
    }

    /// A graph that an op holds, batched; see [`Regions::batch`].
    fn batch_region(&mut self, graph: &Arc<Graph>, batched: &[bool], wanted: &[bool]) -> Result<Region, DiffError> {
        self.regions.batch(graph, &self.size, batched, wanted)
    }

    /// As [`Rule::batch_region`], with those results batched that must be.
    fn batch_region_freely(&mut self, graph: &Arc<Graph>, batched: &[bool]) -> Result<Region, DiffError> {
        self.batch_region(graph, batched, &vec![false; graph.results().len()])
    }
}

fn batched(value: Value) -> Items {
    Items::from_iter([Item { value, is_batched: true }])
}

fn flags(items: &[Item]) -> Vec<bool> {
    items.iter().map(|item| item.is_batched).collect()
}

fn values(items: &[Item]) -> SmallVec<[Value; 4]> {
    items.iter().map(|item| item.value).collect()
}

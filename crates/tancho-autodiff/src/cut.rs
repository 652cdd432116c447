//! The derivative of a graph that an op holds, as graphs of their own.
//!
//! A copy of the graph gets parameters for cotangents (or tangents) and the ops of the derivative, and is then cut:
//! - What the derivative needs and depends on the new parameters goes into the *derivative graph*.
//! - What it needs of the function itself is a parameter of the function, is *kept* (the function gives it as a further
//!   result, and the derivative graph takes it), or is computed anew in the derivative graph. The caller decides what is worth
//!   keeping.
//!
//! Effects are part of the function alone: what is computed anew prints nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use tancho_ir::ops::IndexOp;
use tancho_ir::{Graph, NodeId, NodeKind, Op, Relation, Span, Symbol, TensorType, Value, attribute_dims};

use crate::build::Build;
use crate::error::DiffError;
use crate::forward::tangents;
use crate::reverse::gradients;

/// What the derivative is told: the cotangent of a result, or a cotangent that a parameter begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seed {
    Result(usize),
    Parameter(usize),
}

/// A graph with the ops of its derivative added.
pub(crate) struct Derivative {
    graph: Graph,
    /// The parameters of the function; those behind are what the derivative is told.
    n_parameters: usize,
    /// What was asked for; `None` is zero.
    pub(crate) found: Vec<Option<Value>>,
}

/// A derivative graph. It takes some of the function's parameters, then what is kept, then what the derivative is told.
pub(crate) struct Cut {
    pub(crate) graph: Graph,
    /// Which parameters of the function it takes.
    pub(crate) parameters: Vec<usize>,
    /// Which values of the function it takes, of [`Derivative`]'s graph.
    pub(crate) kept: Vec<Value>,
}

impl Derivative {
    /// The cotangents of parameters.
    pub(crate) fn reverse(function: &Graph, seeds: &[Seed], sources: &[usize]) -> Result<Self, DiffError> {
        let mut graph = function.clone();
        let parameters: Vec<Value> = graph.parameters().collect();
        let mut pairs = Vec::new();
        for seed in seeds {
            let value = match *seed {
                Seed::Result(result) => graph.results()[result],
                Seed::Parameter(parameter) => parameters[parameter],
            };
            let of = graph.type_of(value).clone();
            pairs.push((value, graph.add_parameter(None, of, Span::NONE)));
        }
        let sources: Vec<Value> = sources.iter().map(|&source| parameters[source]).collect();
        let found = gradients(&mut graph, &pairs, &sources, &|_| true)?;
        Ok(Derivative { graph, n_parameters: parameters.len(), found })
    }

    /// The tangents of results, for tangents of the parameters at positions.
    pub(crate) fn forward(function: &Graph, seeds: &[usize], targets: &[usize]) -> Result<Self, DiffError> {
        let mut graph = function.clone();
        let parameters: Vec<Value> = graph.parameters().collect();
        let mut pairs = Vec::new();
        for &seed in seeds {
            let of = graph.type_of(parameters[seed]).clone();
            pairs.push((parameters[seed], graph.add_parameter(None, of, Span::NONE)));
        }
        let targets: Vec<Value> = targets.iter().map(|&target| graph.results()[target]).collect();
        let found = tangents(&mut graph, &pairs, &targets)?;
        Ok(Derivative { graph, n_parameters: parameters.len(), found })
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parameter that tells the derivative something, by its place.
    pub(crate) fn told(&self, place: usize) -> Value {
        self.graph.parameters().nth(self.n_parameters + place).expect("a parameter for each seed")
    }

    /// What was found at a place, zeros in the type of a value where there is nothing.
    pub(crate) fn found_or_zeros(&mut self, place: usize, like: Value) -> Result<Value, DiffError> {
        match self.found[place] {
            Some(found) => Ok(found),
            None => {
                let zeros = Build::new(&mut self.graph, Span::NONE).zeros_like(like);
                zeros.map_err(|source| DiffError::Rule { of: "zero", source, span: Span::NONE })
            }
        }
    }

    /// The derivative graph that gives `results`. `keeps` says of a node of the function whether its values are kept; `also`
    /// names parameters of the function that are taken in any case.
    pub(crate) fn cut(&self, results: &[Value], keeps: &dyn Fn(NodeId) -> bool, also: &[usize]) -> Cut {
        let needs = self.find_needs(results, keeps);
        let mut parameters: BTreeSet<usize> = needs.parameters.iter().chain(also).copied().collect();
        self.add_binding_parameters(&needs, &mut parameters);

        let mut cut = Graph::new(self.graph.name());
        let own: Vec<Value> = self.graph.parameters().collect();
        let mut copies: HashMap<Value, Value> = HashMap::new();
        let told = own[self.n_parameters..].iter();
        let taken = parameters.iter().map(|&position| &own[position]).chain(&needs.kept).chain(told);
        for &value in taken {
            let node = self.graph.node(value.node);
            let copy = cut.add_parameter(node.name(), self.graph.type_of(value).clone(), node.span().clone());
            copies.insert(value, copy);
        }
        copy_nodes(&self.graph, &mut cut, &mut copies, &|id| needs.nodes.contains(&id));
        copy_constraints(&self.graph, &mut cut);
        cut.set_results(results.iter().map(|result| copies[result]).collect());
        Cut { graph: cut, parameters: parameters.into_iter().collect(), kept: needs.kept }
    }

    /// The positions of the function's parameters that the derivative graph of `results` takes where nothing is kept.
    pub(crate) fn needed_parameters(&self, results: &[Value]) -> Vec<usize> {
        let needs = self.find_needs(results, &|_| false);
        let mut parameters = needs.parameters.clone();
        self.add_binding_parameters(&needs, &mut parameters);
        parameters.into_iter().collect()
    }

    /// The function with what is kept as further results, and the position of each among the results.
    pub(crate) fn function(&self, kept: &[Value]) -> (Graph, Vec<usize>) {
        let depends = self.depends_on_told();
        let mut function = Graph::new(self.graph.name());
        let mut copies: HashMap<Value, Value> = HashMap::new();
        for value in self.graph.parameters().take(self.n_parameters) {
            let node = self.graph.node(value.node);
            let copy = function.add_parameter(node.name(), self.graph.type_of(value).clone(), node.span().clone());
            copies.insert(value, copy);
        }
        copy_nodes(&self.graph, &mut function, &mut copies, &|id| !depends[id.index()]);
        copy_constraints(&self.graph, &mut function);
        let mut results = self.graph.results().to_vec();
        let mut positions = Vec::new();
        for value in kept {
            let position = results.iter().position(|result| result == value).unwrap_or_else(|| {
                results.push(*value);
                results.len() - 1
            });
            positions.push(position);
        }
        function.set_results(results.iter().map(|result| copies[result]).collect());
        for position in 0..self.graph.results().len() {
            if let Some(name) = self.graph.result_name(position) {
                function.set_result_name(position, name);
            }
        }
        remove_unused(&mut function, Op::has_side_effect);
        (function, positions)
    }

    /// By node: whether it depends on what the derivative is told.
    fn depends_on_told(&self) -> Vec<bool> {
        let mut depends = vec![false; self.graph.id_bound()];
        for id in self.graph.topological_order() {
            let node = self.graph.node(id);
            depends[id.index()] = match node.kind() {
                NodeKind::Parameter(position) => *position >= self.n_parameters,
                NodeKind::Op(_) => node.operands().iter().any(|operand| depends[operand.node.index()]),
            };
        }
        depends
    }

    fn find_needs(&self, results: &[Value], keeps: &dyn Fn(NodeId) -> bool) -> Needs {
        let depends = self.depends_on_told();
        let mut needs = Needs::default();
        let mut waiting: Vec<Value> = results.iter().rev().copied().collect();
        let mut seen: HashSet<Value> = HashSet::new();
        while let Some(value) = waiting.pop() {
            if !seen.insert(value) {
                continue;
            }
            let node = self.graph.node(value.node);
            match node.kind() {
                NodeKind::Parameter(position) if *position < self.n_parameters => {
                    needs.parameters.insert(*position);
                }
                NodeKind::Parameter(_) => {}
                NodeKind::Op(_) if !depends[value.node.index()] && keeps(value.node) => needs.kept.push(value),
                NodeKind::Op(_) => {
                    if needs.nodes.insert(value.node) {
                        waiting.extend(node.operands().iter().rev());
                    }
                }
            }
        }
        needs
    }

    /// Adds parameters that give the symbols of what is needed their values.
    fn add_binding_parameters(&self, needs: &Needs, parameters: &mut BTreeSet<usize>) {
        let own: Vec<Value> = self.graph.parameters().collect();
        let mut used = BTreeSet::new();
        let mut bound: BTreeSet<Symbol> = BTreeSet::new();
        let taken = parameters.iter().map(|&position| &own[position]).chain(&needs.kept);
        for &value in taken.chain(&own[self.n_parameters..]) {
            let of = self.graph.type_of(value);
            of.dims.iter().for_each(|dim| dim.collect_symbols(&mut used));
            bound.extend(plain_symbols(of));
        }
        for &id in &needs.nodes {
            let node = self.graph.node(id);
            node.types().iter().flat_map(|of| &of.dims).for_each(|dim| dim.collect_symbols(&mut used));
            let attributes = node.op().map(attribute_dims).unwrap_or_default();
            attributes.iter().for_each(|dim| dim.collect_symbols(&mut used));
        }
        for (position, &value) in own[..self.n_parameters].iter().enumerate() {
            let symbols: Vec<Symbol> = plain_symbols(self.graph.type_of(value)).collect();
            if symbols.iter().any(|symbol| used.contains(symbol) && !bound.contains(symbol)) {
                self.graph.type_of(value).dims.iter().for_each(|dim| dim.collect_symbols(&mut used));
                bound.extend(symbols);
                parameters.insert(position);
            }
        }
    }
}

#[derive(Default)]
struct Needs {
    parameters: BTreeSet<usize>,
    kept: Vec<Value>,
    nodes: HashSet<NodeId>,
}

/// Whether an op is not worth keeping: it takes hardly more time than to read what it gives, if its operands are there.
pub(crate) fn is_cheap(op: &Op) -> bool {
    match op {
        Op::Elementwise(_) | Op::Shape(_) => true,
        Op::Index(op) => matches!(op, IndexOp::DynamicSlice { .. }),
        Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Effect(_) => false,
    }
}

/// By node: whether it depends on parameters that `varies` names.
pub(crate) fn find_varying(graph: &Graph, varies: &dyn Fn(usize) -> bool) -> Vec<bool> {
    let mut varying = vec![false; graph.id_bound()];
    for id in graph.topological_order() {
        let node = graph.node(id);
        varying[id.index()] = match node.kind() {
            NodeKind::Parameter(position) => varies(*position),
            NodeKind::Op(_) => node.operands().iter().any(|operand| varying[operand.node.index()]),
        };
    }
    varying
}

/// Removes ops that nobody uses, but those that `stays` names.
pub(crate) fn remove_unused(graph: &mut Graph, stays: impl Fn(&Op) -> bool) {
    for id in graph.topological_order().into_iter().rev() {
        let removable = graph.node(id).op().is_some_and(|op| !stays(op));
        if removable && !graph.is_used(id) {
            graph.remove(id);
        }
    }
}

/// Copies what a graph requires of its symbols, as far as the other graph knows these.
pub(crate) fn copy_constraints(from: &Graph, to: &mut Graph) {
    let bound: BTreeSet<Symbol> = to.parameter_types().flat_map(plain_symbols).collect();
    for constraint in from.constraints() {
        let mut used = BTreeSet::new();
        let (Relation::Equal(left, right) | Relation::AtLeast(left, right)) = &constraint.relation;
        left.collect_symbols(&mut used);
        right.collect_symbols(&mut used);
        if used.is_subset(&bound) {
            to.add_constraint(constraint.relation.clone(), constraint.span.clone());
        }
    }
}

fn copy_nodes(from: &Graph, to: &mut Graph, copies: &mut HashMap<Value, Value>, wanted: &dyn Fn(NodeId) -> bool) {
    let mut nodes: HashMap<NodeId, NodeId> = HashMap::new();
    for id in from.topological_order() {
        let node = from.node(id);
        let NodeKind::Op(op) = node.kind() else { continue };
        if !wanted(id) {
            continue;
        }
        let operands: Vec<Value> = node.operands().iter().map(|operand| copies[operand]).collect();
        let types = node.types().iter().cloned().collect();
        let copy = to.add_unchecked(op.clone(), &operands, types, node.span().clone());
        to.set_node_name(copy, node.name());
        for before in from.ordered_before(id) {
            if let Some(&before) = nodes.get(&before) {
                to.add_order(before, copy);
            }
        }
        nodes.insert(id, copy);
        for result in 0..node.types().len() as u32 {
            // A kept value is a parameter of the copy, though its node may be needed for another one.
            copies.entry(Value { node: id, result }).or_insert(Value { node: copy, result });
        }
    }
}

/// The symbols that a value of this type gives their values.
fn plain_symbols(of: &TensorType) -> impl Iterator<Item = Symbol> + '_ {
    of.dims.iter().filter_map(|dim| dim.as_symbol().cloned())
}

//! The graph. This is the only file that knows petgraph.
//!
//! A value is a node and the index of one of its results. A node owns its ordered operands; the edges of the petgraph
//! mirror them (operand position, result index), for users, order and drawing, and the verifier checks the mirror. Edges
//! without a value order effects. Ids of nodes are never reused within a graph.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use smallvec::SmallVec;
use tancho_tensor::Array;

use crate::ops::{Op, OpError, ResultTypes, ShapeOp, infer};
use crate::{Constraint, Relation, Span, TensorType};

/// The name of a node within its graph. Later nodes have larger ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One result of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    pub node: NodeId,
    pub result: u32,
}

/// What a node does.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// The graph's parameter of this position.
    Parameter(usize),
    Op(Op),
}

/// A parameter or an operation.
#[derive(Clone, Debug)]
pub struct Node {
    kind: NodeKind,
    operands: SmallVec<[Value; 3]>,
    types: ResultTypes,
    span: Span,
    name: Option<Arc<str>>,
    index: NodeIndex,
}

impl Node {
    pub fn kind(&self) -> &NodeKind {
        &self.kind
    }

    /// The operation, where the node is not a parameter.
    #[inline]
    pub fn op(&self) -> Option<&Op> {
        match &self.kind {
            NodeKind::Parameter(_) => None,
            NodeKind::Op(op) => Some(op),
        }
    }

    #[inline]
    pub fn operands(&self) -> &[Value] {
        &self.operands
    }

    /// The types of the results.
    #[inline]
    pub fn types(&self) -> &[TensorType] {
        &self.types
    }

    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The name that the printer uses instead of a number.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// An edge of the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    /// The target's operand at a position is the source's result.
    Operand { position: u32, result: u32 },
    /// The target's effect comes after the source's.
    Order,
}

/// A function over tensors: parameters, operations, results, and what must hold between its symbols.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    name: Arc<str>,
    /// By id; `None` where the node was removed.
    nodes: Vec<Option<Node>>,
    mirror: StableDiGraph<NodeId, Edge>,
    parameters: Vec<NodeId>,
    results: Vec<Value>,
    /// Names of results, where the program has them.
    result_names: Vec<Option<Arc<str>>>,
    constraints: Vec<Constraint>,
}

impl Graph {
    pub fn new(name: impl AsRef<str>) -> Self {
        Graph { name: name.as_ref().into(), ..Graph::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn set_name(&mut self, name: impl AsRef<str>) {
        self.name = name.as_ref().into();
    }

    /// Adds a parameter behind those that are there.
    pub fn add_parameter(&mut self, name: Option<&str>, parameter: TensorType, span: Span) -> Value {
        let position = self.parameters.len();
        let node =
            self.insert(NodeKind::Parameter(position), SmallVec::new(), ResultTypes::from_iter([parameter]), span);
        self.node_mut(node).name = name.map(Arc::from);
        self.parameters.push(node);
        Value { node, result: 0 }
    }

    /// Adds an operation whose types are inferred; what it requires of the symbols is recorded with its span.
    ///
    /// # Errors
    /// The op does not take operands of these types.
    pub fn add(&mut self, op: Op, operands: &[Value], span: Span) -> Result<NodeId, OpError> {
        let operand_types: SmallVec<[TensorType; 3]> =
            operands.iter().map(|&value| self.type_of(value).clone()).collect();
        let mut relations = Vec::new();
        let types = infer(&op, &operand_types, &mut relations)?;
        for relation in relations {
            self.add_constraint(relation, span.clone());
        }
        Ok(self.insert(NodeKind::Op(op), SmallVec::from_slice(operands), types, span))
    }

    /// As [`Graph::add`], for an op with one result.
    ///
    /// # Errors
    /// The op does not take operands of these types.
    pub fn add_value(&mut self, op: Op, operands: &[Value], span: Span) -> Result<Value, OpError> {
        Ok(Value { node: self.add(op, operands, span)?, result: 0 })
    }

    /// Adds an operation with the types as they are given: for the parser and for what the verifier shall look at.
    pub fn add_unchecked(&mut self, op: Op, operands: &[Value], types: ResultTypes, span: Span) -> NodeId {
        self.insert(NodeKind::Op(op), SmallVec::from_slice(operands), types, span)
    }

    pub fn add_constant(&mut self, array: Array, span: Span) -> Value {
        let types = ResultTypes::from_iter([TensorType::of(&array)]);
        let node = self.insert(NodeKind::Op(Op::Shape(ShapeOp::Constant(array))), SmallVec::new(), types, span);
        Value { node, result: 0 }
    }

    /// Records a relation between sizes; one that always holds, or is there already, is not recorded.
    pub fn add_constraint(&mut self, relation: Relation, span: Span) {
        let known = relation.always_holds() == Some(true);
        if !known && !self.constraints.iter().any(|constraint| constraint.relation == relation) {
            self.constraints.push(Constraint { relation, span });
        }
    }

    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// Orders the effect of a node after that of another.
    pub fn add_order(&mut self, before: NodeId, after: NodeId) {
        let (source, target) = (self.node(before).index, self.node(after).index);
        // An operand's edge may connect the two already, and stays.
        if !self.mirror.edges_connecting(source, target).any(|edge| *edge.weight() == Edge::Order) {
            self.mirror.add_edge(source, target, Edge::Order);
        }
    }

    /// Takes a node out of the order of effects. Its operands and users stay before and behind it.
    pub fn clear_order(&mut self, id: NodeId) {
        let index = self.node(id).index;
        let edges = [Direction::Incoming, Direction::Outgoing].map(|direction| {
            let edges = self.mirror.edges_directed(index, direction);
            edges.filter(|edge| *edge.weight() == Edge::Order).map(|edge| edge.id()).collect::<Vec<_>>()
        });
        for edge in edges.into_iter().flatten() {
            self.mirror.remove_edge(edge);
        }
    }

    pub fn set_results(&mut self, results: Vec<Value>) {
        self.result_names.resize(results.len(), None);
        self.results = results;
    }

    pub fn set_result_name(&mut self, position: usize, name: &str) {
        self.result_names[position] = Some(name.into());
    }

    pub fn set_node_name(&mut self, node: NodeId, name: Option<&str>) {
        self.node_mut(node).name = name.map(Arc::from);
    }

    pub fn results(&self) -> &[Value] {
        &self.results
    }

    pub fn result_name(&self, position: usize) -> Option<&str> {
        self.result_names.get(position)?.as_deref()
    }

    pub fn result_types(&self) -> impl Iterator<Item = &TensorType> {
        self.results.iter().map(|&value| self.type_of(value))
    }

    pub fn parameters(&self) -> impl Iterator<Item = Value> {
        self.parameters.iter().map(|&node| Value { node, result: 0 })
    }

    pub fn parameter_types(&self) -> impl Iterator<Item = &TensorType> {
        self.parameters().map(|value| self.type_of(value))
    }

    pub fn parameter_count(&self) -> usize {
        self.parameters.len()
    }

    /// # Panics
    /// The node was removed, or is of another graph.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes[id.index()].as_ref().expect("a node that was not removed")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes[id.index()].as_mut().expect("a node that was not removed")
    }

    #[inline]
    pub fn contains(&self, id: NodeId) -> bool {
        self.nodes.get(id.index()).is_some_and(Option::is_some)
    }

    /// The operation that makes a value, where it is no parameter.
    #[inline]
    pub fn op_of(&self, value: Value) -> Option<&Op> {
        self.node(value.node).op()
    }

    /// The array, where the value is a constant.
    pub fn constant(&self, value: Value) -> Option<&Array> {
        match self.op_of(value) {
            Some(Op::Shape(ShapeOp::Constant(array))) => Some(array),
            _ => None,
        }
    }

    #[inline]
    pub fn type_of(&self, value: Value) -> &TensorType {
        &self.node(value.node).types[value.result as usize]
    }

    /// The nodes in the order in which they were added.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        self.nodes.iter().enumerate().filter(|(_, node)| node.is_some()).map(|(id, _)| NodeId(id as u32))
    }

    /// Whether any operation must happen even if nobody uses its results.
    pub fn has_side_effect(&self) -> bool {
        // A graph may be held in many places, and is looked at once.
        let mut seen: HashSet<*const Graph> = HashSet::new();
        let mut waiting: Vec<&Graph> = vec![self];
        while let Some(graph) = waiting.pop() {
            for op in graph.nodes.iter().flatten().filter_map(Node::op) {
                if op.is_effect() {
                    return true;
                }
                let regions = op.run_regions().into_iter().map(|(_, region)| &**region);
                waiting.extend(regions.filter(|region| seen.insert(std::ptr::from_ref(*region))));
            }
        }
        false
    }

    /// The number of nodes of the graph with every graph that it runs in its place, as often as it is held; calls that
    /// double one another make that many from few. Saturates.
    pub fn expanded_size(&self) -> usize {
        fn size(graph: &Graph, known: &mut HashMap<*const Graph, usize>) -> usize {
            if let Some(&size) = known.get(&std::ptr::from_ref(graph)) {
                return size;
            }
            let mut total = graph.node_count();
            for op in graph.nodes.iter().flatten().filter_map(Node::op) {
                for (_, region) in op.run_regions() {
                    total = total.saturating_add(size(region, known));
                }
            }
            known.insert(std::ptr::from_ref(graph), total);
            total
        }
        size(self, &mut HashMap::new())
    }

    /// The number of nodes, parameters included.
    pub fn node_count(&self) -> usize {
        self.mirror.node_count()
    }

    /// One more than the largest id, for tables that are indexed by [`NodeId::index`].
    pub fn id_bound(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes such that operands and what is ordered before come first; ties are broken by id.
    ///
    /// A node on a cycle, which only a broken graph has, is left out.
    pub fn topological_order(&self) -> Vec<NodeId> {
        let mut missing: Vec<usize> = vec![0; self.id_bound()];
        let mut ready = BinaryHeap::new();
        for id in self.node_ids() {
            missing[id.index()] = self.mirror.edges_directed(self.node(id).index, Direction::Incoming).count();
            if missing[id.index()] == 0 {
                ready.push(Reverse(id));
            }
        }
        let mut order = Vec::with_capacity(self.node_count());
        while let Some(Reverse(id)) = ready.pop() {
            order.push(id);
            for edge in self.mirror.edges_directed(self.node(id).index, Direction::Outgoing) {
                let target = self.mirror[edge.target()];
                missing[target.index()] -= 1;
                if missing[target.index()] == 0 {
                    ready.push(Reverse(target));
                }
            }
        }
        order
    }

    /// The uses of a value as an operand: (node, position), sorted. Results of the graph do not count.
    pub fn users(&self, value: Value) -> Vec<(NodeId, usize)> {
        let mut users: Vec<(NodeId, usize)> = self
            .mirror
            .edges_directed(self.node(value.node).index, Direction::Outgoing)
            .filter_map(|edge| match *edge.weight() {
                Edge::Operand { position, result } if result == value.result => {
                    Some((self.mirror[edge.target()], position as usize))
                }
                _ => None,
            })
            .collect();
        users.sort_unstable();
        users
    }

    /// How often a value is used: as an operand and as a result of the graph.
    pub fn use_count(&self, value: Value) -> usize {
        self.users(value).len() + self.results.iter().filter(|&&result| result == value).count()
    }

    /// Whether any result of a node is used, as an operand or as a result of the graph.
    pub fn is_used(&self, id: NodeId) -> bool {
        self.mirror.edges_directed(self.node(id).index, Direction::Outgoing).any(|edge| *edge.weight() != Edge::Order)
            || self.results.iter().any(|result| result.node == id)
    }

    /// The node that has all uses of a value, where there is one.
    pub fn only_user(&self, value: Value) -> Option<NodeId> {
        let mut users = self
            .mirror
            .edges_directed(self.node(value.node).index, Direction::Outgoing)
            .filter(|edge| matches!(*edge.weight(), Edge::Operand { result, .. } if result == value.result))
            .map(|edge| self.mirror[edge.target()]);
        let first = users.next()?;
        (users.all(|user| user == first) && !self.results.contains(&value)).then_some(first)
    }

    /// The nodes whose effects are ordered directly before that of a node, sorted.
    pub fn ordered_before(&self, id: NodeId) -> Vec<NodeId> {
        let mut before: Vec<NodeId> = self
            .mirror
            .edges_directed(self.node(id).index, Direction::Incoming)
            .filter(|edge| *edge.weight() == Edge::Order)
            .map(|edge| self.mirror[edge.source()])
            .collect();
        before.sort_unstable();
        before
    }

    /// The nodes whose effects are ordered directly behind that of a node, sorted.
    pub fn ordered_behind(&self, id: NodeId) -> Vec<NodeId> {
        let mut behind: Vec<NodeId> = self
            .mirror
            .edges_directed(self.node(id).index, Direction::Outgoing)
            .filter(|edge| *edge.weight() == Edge::Order)
            .map(|edge| self.mirror[edge.target()])
            .collect();
        behind.sort_unstable();
        behind
    }

    /// Puts another operation of the same result types in a node's place; the span stays.
    pub fn replace_op(&mut self, id: NodeId, op: Op, operands: &[Value]) {
        self.disconnect_operands(id);
        let node = self.node_mut(id);
        node.kind = NodeKind::Op(op);
        node.operands = SmallVec::from_slice(operands);
        self.connect_operands(id);
    }

    /// Puts another operation in a node's place whose result types begin with those of the node: what uses the node's results
    /// goes on to use them, and more results stand behind.
    ///
    /// # Errors
    /// The op does not take operands of these types.
    ///
    /// # Panics
    /// The op has fewer results than the node.
    pub fn extend_op(&mut self, id: NodeId, op: Op, operands: &[Value]) -> Result<(), OpError> {
        let operand_types: SmallVec<[TensorType; 3]> =
            operands.iter().map(|&value| self.type_of(value).clone()).collect();
        let mut relations = Vec::new();
        let types = infer(&op, &operand_types, &mut relations)?;
        let known = self.node(id).types.len();
        assert!(types.len() >= known, "the results that are there stay");
        let span = self.node(id).span.clone();
        for relation in relations {
            self.add_constraint(relation, span.clone());
        }
        self.replace_op(id, op, operands);
        // Those that are there are stated as they were.
        self.node_mut(id).types.extend(types.into_iter().skip(known));
        Ok(())
    }

    /// Puts another operand at a position.
    pub fn set_operand(&mut self, id: NodeId, position: usize, value: Value) {
        let target = self.node(id).index;
        let edge = self
            .mirror
            .edges_directed(target, Direction::Incoming)
            .find(|edge| matches!(*edge.weight(), Edge::Operand { position: p, .. } if p as usize == position))
            .map(|edge| edge.id())
            .expect("the mirror holds every operand");
        self.mirror.remove_edge(edge);
        self.node_mut(id).operands[position] = value;
        let source = self.node(value.node).index;
        self.mirror.add_edge(source, target, Edge::Operand { position: position as u32, result: value.result });
    }

    /// Lets every user of `old`, and the results of the graph, use `new`.
    pub fn replace_all_uses(&mut self, old: Value, new: Value) {
        // In the order of petgraph's own list: taking its first edge off needs no search, so that a value with many users
        // is replaced in linear time.
        let edges: SmallVec<[_; 8]> = self
            .mirror
            .edges_directed(self.node(old.node).index, Direction::Outgoing)
            .filter_map(|edge| match *edge.weight() {
                Edge::Operand { position, result } if result == old.result => {
                    Some((edge.id(), edge.target(), position))
                }
                Edge::Operand { .. } | Edge::Order => None,
            })
            .collect();
        let source = self.node(new.node).index;
        for (edge, target, position) in edges {
            self.mirror.remove_edge(edge);
            self.mirror.add_edge(source, target, Edge::Operand { position, result: new.result });
            let user = self.mirror[target];
            self.node_mut(user).operands[position as usize] = new;
        }
        for result in &mut self.results {
            if *result == old {
                *result = new;
            }
        }
        if self.node(new.node).name.is_none() && old.result == 0 && new.result == 0 {
            let name = self.node(old.node).op().and(self.node(old.node).name.clone());
            if let Some(name) = name {
                self.node_mut(old.node).name = None;
                self.node_mut(new.node).name = Some(name);
            }
        }
    }

    /// Removes an operation that nobody uses. What was ordered before it stays before what was ordered behind it.
    ///
    /// # Panics
    /// The node is a parameter, or is used.
    pub fn remove(&mut self, id: NodeId) {
        let node = self.node(id);
        assert!(node.op().is_some(), "parameters stay");
        let used =
            self.mirror.edges_directed(node.index, Direction::Outgoing).any(|edge| *edge.weight() != Edge::Order);
        assert!(!used && !self.results.iter().any(|result| result.node == id), "a removed node has no users");
        let index = node.index;
        let (before, behind) = (self.ordered_before(id), self.ordered_behind(id));
        for &first in &before {
            behind.iter().for_each(|&second| self.add_order(first, second));
        }
        self.mirror.remove_node(index);
        self.nodes[id.index()] = None;
    }

    /// Whether the operands of every node and the edges of the mirror agree: `Err` names a node where they do not.
    pub fn check_mirror(&self) -> Result<(), NodeId> {
        self.broken_mirrors().first().map_or(Ok(()), |&id| Err(id))
    }

    /// The nodes whose operands and edges of the mirror do not agree.
    pub fn broken_mirrors(&self) -> Vec<NodeId> {
        let mirrors = |id: NodeId| {
            let node = self.node(id);
            let mut mirrored: Vec<(usize, Value)> = self
                .mirror
                .edges_directed(node.index, Direction::Incoming)
                .filter_map(|edge| match *edge.weight() {
                    Edge::Operand { position, result } => {
                        Some((position as usize, Value { node: self.mirror[edge.source()], result }))
                    }
                    Edge::Order => None,
                })
                .collect();
            mirrored.sort_unstable();
            mirrored.into_iter().eq(node.operands.iter().copied().enumerate())
        };
        self.node_ids().filter(|&id| !mirrors(id)).collect()
    }

    /// Copies the operations of a graph into this one with `arguments` as its parameters; gives the values of its results.
    ///
    /// `map` rewrites the types and `span` the spans on the way. Constraints are not copied.
    pub fn inline(
        &mut self,
        callee: &Graph,
        arguments: &[Value],
        mut map: impl FnMut(&Op) -> Op,
        mut map_type: impl FnMut(&TensorType) -> TensorType,
        mut map_span: impl FnMut(&Span) -> Span,
    ) -> Vec<Value> {
        let mut copies: HashMap<NodeId, NodeId> = HashMap::new();
        for (&parameter, argument) in callee.parameters.iter().zip(arguments) {
            copies.insert(parameter, argument.node);
        }
        let moved = |copies: &HashMap<NodeId, NodeId>, value: Value| match callee.node(value.node).kind {
            NodeKind::Parameter(position) => arguments[position],
            NodeKind::Op(_) => Value { node: copies[&value.node], result: value.result },
        };
        for id in callee.topological_order() {
            let node = callee.node(id);
            let NodeKind::Op(op) = &node.kind else { continue };
            let operands: SmallVec<[Value; 3]> = node.operands.iter().map(|&value| moved(&copies, value)).collect();
            let types = node.types.iter().map(&mut map_type).collect();
            let copy = self.insert(NodeKind::Op(map(op)), operands, types, map_span(&node.span));
            for before in callee.ordered_before(id) {
                self.add_order(copies[&before], copy);
            }
            copies.insert(id, copy);
        }
        callee.results.iter().map(|&value| moved(&copies, value)).collect()
    }

    /// Takes an edge out of the mirror, for the tests of the verifier.
    #[cfg(test)]
    pub(crate) fn break_mirror(&mut self, id: NodeId) {
        self.disconnect_operands(id);
    }

    fn insert(&mut self, kind: NodeKind, operands: SmallVec<[Value; 3]>, types: ResultTypes, span: Span) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2³² nodes"));
        let index = self.mirror.add_node(id);
        self.nodes.push(Some(Node { kind, operands, types, span, name: None, index }));
        self.connect_operands(id);
        id
    }

    fn connect_operands(&mut self, id: NodeId) {
        let target = self.node(id).index;
        for position in 0..self.node(id).operands.len() {
            let value = self.node(id).operands[position];
            let source = self.node(value.node).index;
            self.mirror.add_edge(source, target, Edge::Operand { position: position as u32, result: value.result });
        }
    }

    fn disconnect_operands(&mut self, id: NodeId) {
        let edges: Vec<_> = self
            .mirror
            .edges_directed(self.node(id).index, Direction::Incoming)
            .filter(|edge| *edge.weight() != Edge::Order)
            .map(|edge| edge.id())
            .collect();
        for edge in edges {
            self.mirror.remove_edge(edge);
        }
    }
}

/// Two graphs are equal when they print the same: names of values and ids do not count.
impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.same_structure(other)
    }
}

impl Graph {
    /// Whether both compute the same, operation by operation, in the order of [`Graph::topological_order`].
    pub fn same_structure(&self, other: &Graph) -> bool {
        // Parameters come first, whenever they were added.
        let order = |graph: &Graph| -> Vec<NodeId> {
            let ops = graph.topological_order().into_iter().filter(|&id| graph.node(id).op().is_some());
            graph.parameters.iter().copied().chain(ops).collect()
        };
        let (mine, theirs) = (order(self), order(other));
        if self.name != other.name || mine.len() != theirs.len() || self.parameters.len() != other.parameters.len() {
            return false;
        }
        let place: HashMap<NodeId, usize> = mine.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let other_place: HashMap<NodeId, usize> = theirs.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let same_value = |x: &Value, y: &Value| place[&x.node] == other_place[&y.node] && x.result == y.result;
        let same_values =
            |x: &[Value], y: &[Value]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same_value(x, y));
        let relations = |graph: &Graph| graph.constraints.iter().map(|c| c.relation.clone()).collect::<Vec<_>>();
        let same_order = |x: NodeId, y: NodeId| {
            let mine: Vec<usize> = self.ordered_before(x).iter().map(|before| place[before]).collect();
            let theirs: Vec<usize> = other.ordered_before(y).iter().map(|before| other_place[before]).collect();
            mine.len() == theirs.len() && mine.iter().all(|before| theirs.contains(before))
        };
        mine.iter().zip(&theirs).all(|(&x, &y)| {
            let in_same_order = same_order(x, y);
            let (x, y) = (self.node(x), other.node(y));
            in_same_order && x.kind == y.kind && x.types == y.types && same_values(&x.operands, &y.operands)
        }) && same_values(&self.results, &other.results)
            && relations(self) == relations(other)
    }
}

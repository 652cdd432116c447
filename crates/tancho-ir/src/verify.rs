//! Checks that a graph is one.
//!
//! What a sound graph is, and what this file checks, in the order of the checks:
//!
//! 1. *Mirror.* The edges that users are found by mirror the operands of every node.
//! 2. *Parameters.* They have no operands, one type, and their positions count from zero.
//! 3. *Values.* Every operand, and every result of the graph, is a result that its node has.
//! 4. *Order.* No node comes, through operands or the order of effects, before itself.
//! 5. *Types.* The types of a node's results are those that [`infer`] gives for its op and the types of its operands, up to
//!    the graph's constraints. (An op that replaced another may state a size as `?a` where `?b` is inferred, if the graph
//!    requires `?a = ?b`.) This includes the signature of a `call`.
//! 6. *Sizes.* No size is negative. Every symbol in a type, an attribute or a constraint is bound by a parameter that has
//!    it as a size by itself; it is reported where it first comes in.
//! 7. *Constraints.* None is false whatever the symbols are.
//! 8. *Callees.* The graphs that are called are sound; each is checked once.
//!
//! Not checked: that the constraints hold all that [`infer`] requires. A rewriting may give an op whose requirement only
//! follows from what the graph requires, in a way that no simple rule finds.
//!
//! All errors are collected, and printed below the lines of the graph that they are about.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::equalities::Equalities;
use crate::ops::{
    ControlOp, ConvOp, DotOp, EffectOp, ElementwiseOp, FoldOp, IndexOp, LinalgOp, RandomOp, ReduceOp, ShapeOp,
    WindowAxis,
};
use crate::text::{Place, PrintOptions, print_lines};
use crate::{Dim, Graph, Node, NodeId, NodeKind, Op, Span, Symbol, TensorType, Value, infer};

/// Everything that is wrong with a graph and the graphs that it calls.
#[derive(Clone, Debug)]
pub struct VerifyErrors {
    errors: Vec<VerifyError>,
    /// The graphs that have errors, with these below their lines.
    text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The name of the graph.
    pub graph: String,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeId>,
    /// Where that node comes from.
    pub span: Span,
    pub message: String,
    place: Place,
}

impl VerifyErrors {
    pub fn errors(&self) -> &[VerifyError] {
        &self.errors
    }
}

impl fmt::Display for VerifyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        writeln!(f, "{}\n; {count} error{}", self.text.trim_end(), if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for VerifyErrors {}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}: {}", self.graph, self.message)?;
        if self.span.is_none() { Ok(()) } else { write!(f, " ({})", self.span) }
    }
}

/// Checks a graph and the graphs that it calls.
///
/// # Errors
/// Everything that is wrong.
pub fn verify(graph: &Graph) -> Result<(), VerifyErrors> {
    let mut all = VerifyErrors { errors: Vec::new(), text: String::new() };
    let mut seen = HashSet::new();
    // The graph is shown last, as it is in a text.
    let mut waiting = vec![graph];
    let mut graphs = Vec::new();
    while let Some(graph) = waiting.pop() {
        graphs.push(graph);
        for id in graph.node_ids() {
            for (_, callee) in graph.node(id).op().map(Op::regions).unwrap_or_default() {
                if seen.insert(Arc::as_ptr(callee)) {
                    waiting.push(callee);
                }
            }
        }
    }
    for graph in graphs.into_iter().rev() {
        let errors = Verifier::new(graph).run();
        if !errors.is_empty() {
            annotate(&mut all.text, graph, &errors);
            all.errors.extend(errors);
        }
    }
    if all.errors.is_empty() { Ok(()) } else { Err(all) }
}

/// Prints a graph with the errors below their lines, as comments.
fn annotate(out: &mut String, graph: &Graph, errors: &[VerifyError]) {
    let mut by_place: HashMap<Place, Vec<&VerifyError>> = HashMap::new();
    for error in errors {
        by_place.entry(error.place).or_default().push(error);
    }
    let options = PrintOptions { elide_above: Some(16), ..PrintOptions::default() };
    for line in print_lines(graph, &options) {
        let _ = writeln!(out, "{}", line.text);
        let Some(errors) = by_place.get(&line.place) else { continue };
        let shown = line.text.lines().last().unwrap_or("");
        let code = shown.split("  loc(").next().unwrap_or(shown).trim_end();
        let start = code.len() - code.trim_start().len();
        // The semicolon takes the first column, in which only the header has something to underline.
        let width = code.chars().count().saturating_sub(start.max(1) + 1);
        let marks = format!("{}^{}", " ".repeat(start.saturating_sub(1)), "~".repeat(width));
        let _ = writeln!(out, ";{marks}");
        for error in errors {
            let _ = writeln!(out, "; error: {}", error.message);
        }
    }
    out.push('\n');
}

struct Verifier<'a> {
    graph: &'a Graph,
    equalities: Equalities,
    bound: BTreeSet<Symbol>,
    errors: Vec<VerifyError>,
}

impl<'a> Verifier<'a> {
    fn new(graph: &'a Graph) -> Self {
        let bound = graph.parameters().flat_map(|value| graph.node(value.node).types().first());
        Verifier {
            graph,
            equalities: Equalities::new(graph.constraints()),
            bound: bound.flat_map(|of| of.dims.iter().filter_map(Dim::as_symbol)).cloned().collect(),
            errors: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<VerifyError> {
        self.check_mirror();
        self.check_parameters();
        self.check_order();
        for id in self.graph.node_ids() {
            self.check_node(id);
        }
        self.check_results();
        self.check_constraints();
        self.errors
    }

    fn report(&mut self, place: Place, message: impl Into<String>) {
        let node = match place {
            Place::Node(id) => Some(id),
            Place::Header | Place::Constraint(_) | Place::Return | Place::End => None,
        };
        let span = match place {
            Place::Node(id) => self.graph.node(id).span().clone(),
            Place::Constraint(position) => self.graph.constraints()[position].span.clone(),
            Place::Header | Place::Return | Place::End => Span::NONE,
        };
        // Parameters stand in the header.
        let place = match node {
            Some(id) if self.graph.node(id).op().is_none() => Place::Header,
            _ => place,
        };
        let graph = self.graph.name().to_owned();
        self.errors.push(VerifyError { graph, node, span, message: message.into(), place });
    }

    fn check_mirror(&mut self) {
        for id in self.graph.broken_mirrors() {
            self.report(Place::Node(id), "the edges of the graph do not mirror the operands");
        }
    }

    fn check_parameters(&mut self) {
        let parameters: Vec<NodeId> = self.graph.parameters().map(|value| value.node).collect();
        for (position, &id) in parameters.iter().enumerate() {
            let node = self.graph.node(id);
            if *node.kind() != NodeKind::Parameter(position) {
                self.report(Place::Node(id), format!("parameter {position} is {:?}", node.kind()));
            }
            if !node.operands().is_empty() || node.types().len() != 1 {
                self.report(Place::Node(id), format!("parameter {position} has operands, or not one type"));
            }
        }
        let known: HashSet<NodeId> = parameters.into_iter().collect();
        for id in self.graph.node_ids() {
            if let NodeKind::Parameter(position) = self.graph.node(id).kind()
                && !known.contains(&id)
            {
                self.report(Place::Header, format!("a node is parameter {position}, but the graph has no such"));
            }
        }
    }

    /// Finds cycles: a node that the topological order leaves out has a predecessor that it leaves out too, so that going
    /// back and back ends in a circle.
    fn check_order(&mut self) {
        let sorted: HashSet<NodeId> = self.graph.topological_order().into_iter().collect();
        let mut visited: HashSet<NodeId> = HashSet::new();
        let unsorted: Vec<NodeId> = self.graph.node_ids().filter(|id| !sorted.contains(id)).collect();
        for &start in &unsorted {
            let mut path: Vec<NodeId> = Vec::new();
            let mut current = start;
            while visited.insert(current) {
                path.push(current);
                let before = self.predecessors(current).into_iter().find(|id| !sorted.contains(id));
                let Some(before) = before else { break };
                current = before;
            }
            let Some(first) = path.iter().position(|&id| id == current) else { continue };
            // The way was backwards; the oldest node of the circle is named first.
            let mut cycle = path.split_off(first);
            cycle.reverse();
            let oldest = cycle.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(place, _)| place);
            cycle.rotate_left(oldest);
            let names: Vec<String> = cycle.iter().map(|&id| self.describe(id)).collect();
            let message = format!("comes before itself: {} -> {}", names.join(" -> "), names[0]);
            self.report(Place::Node(cycle[0]), message);
        }
    }

    fn predecessors(&self, id: NodeId) -> Vec<NodeId> {
        let mut before: Vec<NodeId> = self.graph.node(id).operands().iter().map(|value| value.node).collect();
        before.extend(self.graph.ordered_before(id));
        before
    }

    /// A node in a message, which cannot use the numbers of the printer: its name, or its op and its id.
    fn describe(&self, id: NodeId) -> String {
        let node = self.graph.node(id);
        match (node.name(), node.op()) {
            (Some(name), _) => format!("%{name}"),
            (None, Some(op)) => format!("{} (node {})", op.name(), id.index()),
            (None, None) => format!("parameter (node {})", id.index()),
        }
    }

    fn exists(&self, value: Value) -> bool {
        self.graph.contains(value.node) && (value.result as usize) < self.graph.node(value.node).types().len()
    }

    fn check_node(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let mut sound = true;
        for (position, &value) in node.operands().iter().enumerate() {
            if !self.exists(value) {
                sound = false;
                self.report(Place::Node(id), format!("operand {position} does not exist"));
            }
        }
        for of in node.types() {
            if let Some(dim) = of.dims.iter().find(|dim| dim.as_known().is_some_and(|size| size < 0)) {
                self.report(Place::Node(id), format!("size {dim} of {of} is negative"));
            }
        }
        if !sound {
            return;
        }
        if let NodeKind::Op(op) = node.kind() {
            self.check_types(id, node, op);
        }
        self.check_symbols(id, node);
    }

    fn check_types(&mut self, id: NodeId, node: &Node, op: &Op) {
        let operands: Vec<TensorType> =
            node.operands().iter().map(|&value| self.graph.type_of(value).clone()).collect();
        let inferred = match infer(op, &operands, &mut Vec::new()) {
            Ok(inferred) => inferred,
            Err(error) => return self.report(Place::Node(id), error.to_string()),
        };
        if inferred.len() != node.types().len() {
            let message = format!("has {} results, but {} gives {}", node.types().len(), op.name(), inferred.len());
            return self.report(Place::Node(id), message);
        }
        for (stated, inferred) in node.types().iter().zip(&inferred) {
            if !self.equalities.same_type(stated, inferred) {
                self.report(Place::Node(id), format!("has the type {stated}, but {} gives {inferred}", op.name()));
            }
        }
    }

    /// Reports the symbols that no parameter binds and that come in here: in the node's own types and attributes, and not
    /// already in the types of its operands.
    fn check_symbols(&mut self, id: NodeId, node: &Node) {
        let mut symbols = BTreeSet::new();
        for dim in node.types().iter().flat_map(|of| &of.dims) {
            dim.collect_symbols(&mut symbols);
        }
        if let Some(op) = node.op() {
            attribute_dims(op).into_iter().for_each(|dim| dim.collect_symbols(&mut symbols));
        }
        symbols.retain(|symbol| !self.bound.contains(symbol));
        if symbols.is_empty() {
            return;
        }
        let mut known = BTreeSet::new();
        for dim in node.operands().iter().flat_map(|&value| &self.graph.type_of(value).dims) {
            dim.collect_symbols(&mut known);
        }
        for symbol in symbols.difference(&known) {
            self.report(Place::Node(id), format!("no parameter has {symbol} as a size"));
        }
    }

    fn check_results(&mut self) {
        for (position, &value) in self.graph.results().iter().enumerate() {
            if !self.exists(value) {
                self.report(Place::Return, format!("result {position} does not exist"));
            }
        }
    }

    fn check_constraints(&mut self) {
        for (position, constraint) in self.graph.constraints().iter().enumerate() {
            let (left, right) = constraint.relation.sides();
            let mut symbols = BTreeSet::new();
            left.collect_symbols(&mut symbols);
            right.collect_symbols(&mut symbols);
            symbols.retain(|symbol| !self.bound.contains(symbol));
            for symbol in symbols {
                self.report(Place::Constraint(position), format!("no parameter has {symbol} as a size"));
            }
            if constraint.relation.always_holds() == Some(false) {
                self.report(Place::Constraint(position), "never holds");
            }
        }
    }
}

/// The sizes among an op's attributes.
pub fn attribute_dims(op: &Op) -> Vec<&Dim> {
    match op {
        Op::Elementwise(
            ElementwiseOp::Unary(_)
            | ElementwiseOp::Binary(_)
            | ElementwiseOp::Compare(_)
            | ElementwiseOp::Select
            | ElementwiseOp::Convert(_)
            | ElementwiseOp::ReducePrecision { .. }
            | ElementwiseOp::Clamp,
        ) => Vec::new(),
        Op::Shape(op) => match op {
            ShapeOp::Constant(_)
            | ShapeOp::Transpose { permutation: _ }
            | ShapeOp::Concatenate { axis: _ }
            | ShapeOp::BitcastConvert { dtype: _ }
            | ShapeOp::Reverse { axes: _ } => Vec::new(),
            ShapeOp::Iota { dtype: _, dims, axis: _ }
            | ShapeOp::BroadcastInDim { dims, axes: _ }
            | ShapeOp::Reshape { dims } => dims.iter().collect(),
            ShapeOp::DimensionSize { dim, dtype: _ } => vec![dim],
            ShapeOp::Slice { start, limit, strides: _ } => start.iter().chain(limit).collect(),
            ShapeOp::Pad { low, high, interior: _ } => low.iter().chain(high).collect(),
        },
        Op::Reduce(ReduceOp { kind: _, axes: _ }) => Vec::new(),
        Op::Dot(DotOp { .. }) => Vec::new(),
        Op::Conv(ConvOp { window, .. }) => window_dims(window),
        Op::Fold(op) => match op {
            FoldOp::Reduce { axes: _, body: _ } | FoldOp::Scan { axis: _, reverse: _, body: _ } => Vec::new(),
            FoldOp::ReduceWindow { window, body: _ } | FoldOp::SelectAndScatter { window, select: _, scatter: _ } => {
                window_dims(window)
            }
        },
        Op::Index(op) => match op {
            IndexOp::Gather(gather) => gather.slice_sizes.iter().collect(),
            IndexOp::DynamicSlice { sizes } => sizes.iter().collect(),
            IndexOp::TopK { k } => vec![k],
            IndexOp::Scatter(_) | IndexOp::DynamicUpdateSlice | IndexOp::Sort { .. } => Vec::new(),
        },
        Op::Random(RandomOp { algorithm: _, bits }) => bits.dims.iter().collect(),
        Op::Linalg(LinalgOp::Cholesky { .. } | LinalgOp::TriangularSolve { .. }) => Vec::new(),
        Op::Control(op) => match op {
            ControlOp::CustomCall(call) => call.results.iter().flat_map(|of| &of.dims).collect(),
            ControlOp::While { condition: _, body: _, bound } => bound.iter().collect(),
            ControlOp::Call { .. }
            | ControlOp::Case { .. }
            | ControlOp::OptimizationBarrier
            | ControlOp::StopGradient => Vec::new(),
        },
        Op::Effect(EffectOp::Print { format: _ } | EffectOp::Assert { message: _ }) => Vec::new(),
    }
}

fn window_dims(window: &[WindowAxis]) -> Vec<&Dim> {
    window.iter().flat_map(|axis| [&axis.size, &axis.low, &axis.high]).collect()
}

#[cfg(test)]
mod tests;

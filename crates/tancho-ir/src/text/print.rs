//! Graphs as text.
//!
//! Operations stand in topological order with ties broken by creation, so that equal graphs print alike. Graphs that are
//! called come first, each once, in the order in which they are needed. A broken graph prints too, for the verifier:
//! nodes on a cycle stand at the end, and a value that does not exist is `%?`.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::literal::{REPETITION_BUDGET, write_array};
use super::names::{UniqueNames, write_name, write_quoted};
use super::write_attributes;
use crate::ops::{CallGradient, ControlOp, ShapeOp};
use crate::{Graph, Location, Node, NodeId, Op, Span, TensorType, Value};

/// The column at which spans begin, so that they stand below each other behind lines of usual length.
const SPAN_COLUMN: usize = 72;

/// What is printed. The default is everything, which reads back as the same graph.
#[derive(Clone, Debug)]
pub struct PrintOptions {
    /// Whether `loc(…)` says where operations come from.
    pub spans: bool,
    /// Constants of more elements are printed as `dense<...>`, which does not read back.
    pub elide_above: Option<usize>,
}

impl Default for PrintOptions {
    fn default() -> Self {
        PrintOptions { spans: true, elide_above: None }
    }
}

/// The text of a graph and of the graphs that it calls.
pub fn print(graph: &Graph, options: &PrintOptions) -> String {
    let mut printer = Printer::new(options);
    let name = printer.functions.take(graph.name());
    let text = printer.print_body(graph);
    printer.append(&name, &text);
    printer.out
}

/// In full, with spans.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self, &PrintOptions::default()))
    }
}

/// What a printed line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The name and the parameters.
    Header,
    /// The constraint of this position.
    Constraint(usize),
    Node(NodeId),
    /// The results.
    Return,
    End,
}

/// A line of one function, without its line break.
pub(crate) struct PrintedLine {
    pub(crate) place: Place,
    pub(crate) text: String,
}

/// The lines of a graph alone; the graphs that it calls appear by their own names.
pub(crate) fn print_lines(graph: &Graph, options: &PrintOptions) -> Vec<PrintedLine> {
    let mut header = String::from("func ");
    let _ = write_name(&mut header, '@', graph.name());
    let mut lines = function_lines(graph, &HashMap::new(), options, &mut REPETITION_BUDGET.clone());
    lines[0].text.insert_str(0, &header);
    lines
}

/// Prints the functions of a module.
struct Printer<'a> {
    options: &'a PrintOptions,
    out: String,
    functions: UniqueNames,
    /// The printed names of graphs that are called.
    callees: HashMap<*const Graph, String>,
    /// The printed names by the graph's own name and its text, so that equal graphs are printed once.
    printed: HashMap<(Arc<str>, String), String>,
    budget: usize,
}

impl<'a> Printer<'a> {
    fn new(options: &'a PrintOptions) -> Self {
        Printer {
            options,
            out: String::new(),
            functions: UniqueNames::default(),
            callees: HashMap::new(),
            printed: HashMap::new(),
            budget: REPETITION_BUDGET,
        }
    }

    fn append(&mut self, name: &str, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str("func ");
        let _ = write_name(&mut self.out, '@', name);
        self.out.push_str(text);
    }

    /// Prints what a graph calls and gives the text of the graph itself, but for its name.
    fn print_body(&mut self, graph: &Graph) -> String {
        for id in print_order(graph) {
            for (_, callee) in graph.node(id).op().map(Op::regions).unwrap_or_default() {
                self.print_callee(callee);
            }
        }
        let mut text = String::new();
        for line in function_lines(graph, &self.callees, self.options, &mut self.budget) {
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }

    fn print_callee(&mut self, callee: &Arc<Graph>) {
        if self.callees.contains_key(&Arc::as_ptr(callee)) {
            return;
        }
        let text = self.print_body(callee);
        // Texts in which values are left out do not tell graphs apart.
        let key = (Arc::from(callee.name()), text);
        let name = match self.printed.get(&key) {
            Some(name) if self.options.elide_above.is_none() => name.clone(),
            _ => {
                let name = self.functions.take(callee.name());
                self.append(&name, &key.1);
                self.printed.insert(key, name.clone());
                name
            }
        };
        self.callees.insert(Arc::as_ptr(callee), name);
    }
}

/// The operations in the order in which they are printed: those on a cycle at the end.
pub(crate) fn print_order(graph: &Graph) -> Vec<NodeId> {
    let is_op = |id: &NodeId| graph.node(*id).op().is_some();
    let mut order = graph.topological_order();
    if order.len() < graph.node_count() {
        let sorted: HashSet<NodeId> = order.iter().copied().collect();
        order.extend(graph.node_ids().filter(|id| !sorted.contains(id)));
    }
    order.retain(is_op);
    order
}

/// The names of the values of a graph, with their sigil, by the id of the node.
struct ValueNames(Vec<String>);

impl ValueNames {
    fn new(graph: &Graph, order: &[NodeId]) -> Self {
        let mut names = vec![String::new(); graph.id_bound()];
        let (mut unique, mut number) = (UniqueNames::default(), 0);
        for id in graph.parameters().map(|value| value.node).chain(order.iter().copied()) {
            let name = &mut names[id.index()];
            let _ = match graph.node(id).name() {
                Some(own) => write_name(name, '%', &unique.take(own)),
                None => {
                    number += 1;
                    write!(name, "%{}", number - 1)
                }
            };
        }
        ValueNames(names)
    }

    fn of(&self, id: NodeId) -> &str {
        &self.0[id.index()]
    }

    fn write_value(&self, out: &mut String, graph: &Graph, value: Value) {
        if !graph.contains(value.node) {
            out.push_str("%?");
            return;
        }
        out.push_str(self.of(value.node));
        if graph.node(value.node).types().len() != 1 || value.result != 0 {
            let _ = write!(out, "#{}", value.result);
        }
    }
}

/// The lines of a function; the first one lacks `func` and the name.
fn function_lines(
    graph: &Graph,
    callees: &HashMap<*const Graph, String>,
    options: &PrintOptions,
    budget: &mut usize,
) -> Vec<PrintedLine> {
    let order = print_order(graph);
    let names = ValueNames::new(graph, &order);
    let mut lines = Vec::with_capacity(order.len() + graph.constraints().len() + 3);
    let mut push = |place, text| lines.push(PrintedLine { place, text });
    push(Place::Header, header(graph, &names, options));
    for (position, constraint) in graph.constraints().iter().enumerate() {
        let mut text = format!("  require {}", constraint.relation);
        write_span(&mut text, &constraint.span, options, SPAN_COLUMN);
        push(Place::Constraint(position), text);
    }
    for &id in &order {
        push(Place::Node(id), operation(graph, id, &names, callees, options, budget));
    }
    push(Place::Return, return_line(graph, &names));
    push(Place::End, "}".to_owned());
    lines
}

fn header(graph: &Graph, names: &ValueNames, options: &PrintOptions) -> String {
    // Parameters that come with spans stand on lines of their own.
    let has_spans = options.spans && graph.parameters().any(|value| !graph.node(value.node).span().is_none());
    let separator = if has_spans { "\n    " } else { " " };
    let mut text = String::from("(");
    for (position, value) in graph.parameters().enumerate() {
        match position {
            0 if has_spans => text.push_str(separator),
            0 => {}
            _ => {
                text.push(',');
                text.push_str(separator);
            }
        }
        let node = graph.node(value.node);
        let _ = write!(text, "{}: ", names.of(value.node));
        write_types(&mut text, node.types());
        write_span(&mut text, node.span(), options, 0);
    }
    if has_spans {
        text.push('\n');
    }
    text.push_str(") -> ");
    let results: Vec<Option<&TensorType>> = graph.results().iter().map(|&value| type_at(graph, value)).collect();
    match results.as_slice() {
        [Some(result)] => {
            let _ = write!(text, "{result}");
        }
        results => {
            text.push('(');
            for (position, result) in results.iter().enumerate() {
                let separator = if position > 0 { ", " } else { "" };
                let _ = match result {
                    Some(result) => write!(text, "{separator}{result}"),
                    None => write!(text, "{separator}?"),
                };
            }
            text.push(')');
        }
    }
    text.push_str(" {");
    text
}

fn operation(
    graph: &Graph,
    id: NodeId,
    names: &ValueNames,
    callees: &HashMap<*const Graph, String>,
    options: &PrintOptions,
    budget: &mut usize,
) -> String {
    let node = graph.node(id);
    let mut text = format!("  {}", names.of(id));
    if node.types().len() != 1 {
        let _ = write!(text, ":{}", node.types().len());
    }
    text.push_str(" = ");
    if let Some(op) = node.op() {
        write_op(&mut text, graph, node, op, names, callees, options, budget);
    }
    text.push_str(" : ");
    write_types(&mut text, node.types());
    let before = graph.ordered_before(id);
    for (position, &id) in before.iter().enumerate() {
        let separator = if position == 0 { " after(" } else { ", " };
        let _ = write!(text, "{separator}{}", names.of(id));
    }
    if !before.is_empty() {
        text.push(')');
    }
    write_span(&mut text, node.span(), options, SPAN_COLUMN);
    text
}

/// The op with its operands and attributes.
#[allow(clippy::too_many_arguments)]
fn write_op(
    text: &mut String,
    graph: &Graph,
    node: &Node,
    op: &Op,
    names: &ValueNames,
    callees: &HashMap<*const Graph, String>,
    options: &PrintOptions,
    budget: &mut usize,
) {
    text.push_str(op.name());
    let write_operands = |text: &mut String| {
        for (position, &value) in node.operands().iter().enumerate() {
            text.push_str(if position > 0 { ", " } else { "" });
            names.write_value(text, graph, value);
        }
    };
    let write_callee = |text: &mut String, callee: &Arc<Graph>| {
        let name = callees.get(&Arc::as_ptr(callee)).map_or(callee.name(), String::as_str);
        let _ = write_name(text, '@', name);
    };
    text.push(' ');
    let start = text.len();
    match op {
        Op::Shape(ShapeOp::Constant(array)) => write_array(text, array, options.elide_above, budget),
        Op::Control(ControlOp::Call { callee, gradient }) => {
            write_callee(text, callee);
            text.push('(');
            write_operands(text);
            text.push(')');
            match gradient {
                CallGradient::Through => {}
                CallGradient::Recompute => text.push_str(", recompute"),
                CallGradient::Custom(gradient) => {
                    text.push_str(", gradient=");
                    write_callee(text, gradient);
                }
            }
        }
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Effect(_) => {
            write_operands(text);
            let separator_at = text.len();
            let _ = write_attributes(text, op);
            if separator_at > start && text.len() > separator_at {
                text.insert_str(separator_at, ", ");
            }
            if let Op::Control(ControlOp::Case { branches }) = op {
                text.push_str(", branches=[");
                for (position, branch) in branches.iter().enumerate() {
                    text.push_str(if position > 0 { ", " } else { "" });
                    write_callee(text, branch);
                }
                text.push(']');
            } else {
                for (name, region) in op.regions() {
                    let _ = write!(text, ", {name}=");
                    write_callee(text, region);
                }
            }
        }
    }
    if text.len() == start {
        text.pop();
    }
}

fn return_line(graph: &Graph, names: &ValueNames) -> String {
    let mut text = String::from("  return");
    for (position, &value) in graph.results().iter().enumerate() {
        text.push_str(if position > 0 { ", " } else { " " });
        names.write_value(&mut text, graph, value);
        if let Some(name) = graph.result_name(position) {
            text.push_str(" as ");
            let _ = write_quoted(&mut text, name);
        }
    }
    text
}

fn write_types(text: &mut String, types: &[TensorType]) {
    if let [one] = types {
        let _ = write!(text, "{one}");
        return;
    }
    text.push('(');
    for (position, of) in types.iter().enumerate() {
        let separator = if position > 0 { ", " } else { "" };
        let _ = write!(text, "{separator}{of}");
    }
    text.push(')');
}

fn type_at(graph: &Graph, value: Value) -> Option<&TensorType> {
    if graph.contains(value.node) { graph.node(value.node).types().get(value.result as usize) } else { None }
}

fn write_span(text: &mut String, span: &Span, options: &PrintOptions, column: usize) {
    if !options.spans || span.is_none() {
        return;
    }
    let padding = column.saturating_sub(text.chars().count()).max(if column > 0 { 2 } else { 1 });
    text.extend(std::iter::repeat_n(' ', padding));
    text.push_str("loc(");
    let mut separator = "";
    if let Some(location) = &span.location {
        write_location(text, location);
        separator = " ";
    }
    for scope in span.scopes() {
        text.push_str(separator);
        text.push_str("in ");
        let _ = write_quoted(text, &scope.name);
        if let Some(location) = &scope.location {
            text.push_str(" at ");
            write_location(text, location);
        }
        separator = " ";
    }
    text.push(')');
}

fn write_location(text: &mut String, location: &Location) {
    let _ = write_quoted(text, &location.file);
    let _ = write!(text, ":{}:{}", location.line, location.column);
}

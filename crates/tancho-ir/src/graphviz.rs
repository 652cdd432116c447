//! Graphs as pictures: the text that Graphviz's `dot` draws.

use std::fmt::Write as _;

use crate::ops::ShapeOp;
use crate::text::{print_order, write_array};
use crate::{Graph, NodeId, Op, write_attributes};

/// A graph in Graphviz's language: a box for each operation with its attributes and types, an edge for each operand, a
/// dashed one where only effects are ordered. Graphs that are called are not drawn.
pub fn to_dot(graph: &Graph) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "digraph {} {{", quoted(graph.name()));
    let _ = writeln!(out, "  rankdir=TB;");
    let _ = writeln!(out, "  node [shape=box, fontname=\"monospace\", fontsize=10];");
    let _ = writeln!(out, "  edge [fontname=\"monospace\", fontsize=9];");
    let nodes: Vec<NodeId> = graph.parameters().map(|value| value.node).chain(print_order(graph)).collect();
    for &id in &nodes {
        let style = if graph.node(id).op().is_none() { ", style=rounded" } else { "" };
        let _ = writeln!(out, "  n{} [label={}{style}];", id.index(), quoted(&label(graph, id)));
    }
    for &id in &nodes {
        let node = graph.node(id);
        for (position, value) in node.operands().iter().enumerate() {
            let several = node.operands().len() > 1;
            let label = if several { format!(" [headlabel=\"{position}\"]") } else { String::new() };
            let _ = writeln!(out, "  n{} -> n{}{label};", value.node.index(), id.index());
        }
        for before in graph.ordered_before(id) {
            let _ = writeln!(out, "  n{} -> n{} [style=dashed];", before.index(), id.index());
        }
    }
    for (position, value) in graph.results().iter().enumerate() {
        let name = graph.result_name(position).map_or_else(|| format!("result {position}"), str::to_owned);
        let _ = writeln!(out, "  r{position} [label={}, shape=plaintext];", quoted(&name));
        let _ = writeln!(out, "  n{} -> r{position};", value.node.index());
    }
    out.push_str("}\n");
    out
}

fn label(graph: &Graph, id: NodeId) -> String {
    let node = graph.node(id);
    let mut label = node.name().map_or_else(String::new, |name| format!("%{name}\n"));
    match node.op() {
        None => {}
        Some(op) => {
            let mut attributes = String::new();
            match op {
                Op::Shape(ShapeOp::Constant(array)) => write_array(&mut attributes, array, Some(4), &mut 0),
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
                    let _ = write_attributes(&mut attributes, op);
                }
            }
            let separator = if attributes.is_empty() { "" } else { " " };
            let _ = writeln!(label, "{}{separator}{attributes}", op.name());
        }
    }
    let types: Vec<String> = node.types().iter().map(ToString::to_string).collect();
    label + &types.join(", ")
}

/// A string of Graphviz, lines separated by `\n`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

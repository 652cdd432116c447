//! Jacobian matrices: all rows at once, as a batch of gradients.

use std::panic::Location;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tancho_ir::ops::{Comparison, ControlOp};
use tancho_ir::{Dim, Dims, Graph, NodeId, Op, Span, TensorType, Value};
use tancho_tensor::DType;

use super::replay::{diff_error, sum_by_source};
use crate::builder::Builder;
use crate::error::{Error, ErrorKind, Fault, Result};

/// Adds the derivatives of each element of the target by sources to a graph: of the target's shape, then the source's. A
/// source that several values stand for has the sum of theirs.
pub(crate) fn add_jacobian(
    graph: &mut Graph,
    target: Value,
    sources: &[Vec<Value>],
    include: &dyn Fn(NodeId) -> bool,
    location: &'static Location<'static>,
) -> Result<Vec<Option<Value>>> {
    let all: Vec<Value> = sources.iter().flatten().copied().collect();
    if !graph.type_of(target).dtype.is_float() {
        return Ok(vec![None; sources.len()]);
    }
    let part = extract(graph, target, &all, include);
    let connected: Vec<usize> = (0..all.len()).filter(|&place| part.connected[place]).collect();
    let of = graph.type_of(target).clone();
    let count = Dim::product(of.dims.iter());
    let vjp = tancho_autodiff::vjp(&part.graph, &connected).map_err(|error| diff_error(error, location))?;
    let mut batched = vec![false; vjp.parameter_count()];
    batched[part.operands.len()] = true;
    let rows = tancho_autodiff::batch(&vjp, &count, &batched).map_err(|error| diff_error(error, location))?;
    let fault = |fault: Fault| Error::at(ErrorKind::Op { op: "jacobian", message: fault.0 }, location);
    let mut operands = part.operands;
    operands.push(unit_rows(graph, &of, &count).map_err(fault)?);
    let node = graph
        .add(Op::Control(ControlOp::call(Arc::new(rows))), &operands, Span::NONE)
        .map_err(|error| Error::at(ErrorKind::Op { op: "jacobian", message: error.message }, location))?;
    let mut builder = Builder::new(graph, Span::NONE);
    let mut flat: Vec<Option<Value>> = vec![None; all.len()];
    for (result, &place) in connected.iter().enumerate() {
        // The first result is the target itself.
        let grad = Value { node, result: result as u32 + 1 };
        let dims: Dims = of.dims.iter().chain(&builder.type_of(all[place]).dims).cloned().collect();
        flat[place] = Some(builder.reshape(grad, dims).map_err(fault)?);
    }
    sum_by_source(&mut builder, sources, flat).map_err(fault)
}

/// For each element of a type one array that is 1 there and 0 elsewhere, stacked.
fn unit_rows(graph: &mut Graph, of: &TensorType, count: &Dim) -> std::result::Result<Value, Fault> {
    let mut builder = Builder::new(graph, Span::NONE);
    let square: Dims = [count.clone(), count.clone()].into_iter().collect();
    let row = builder.iota(DType::I64, square.clone(), 0)?;
    let column = builder.iota(DType::I64, square, 1)?;
    let is_diagonal = builder.compare(Comparison::Eq, row, column)?;
    let unit = builder.convert(of.dtype, is_diagonal)?;
    builder.reshape(unit, std::iter::once(count.clone()).chain(of.dims.iter().cloned()).collect())
}

/// A part of a graph as a graph of its own.
struct Part {
    /// Takes the sources, then what the part uses of the rest; gives the target.
    graph: Graph,
    operands: Vec<Value>,
    /// Which sources the target depends on.
    connected: Vec<bool>,
}

/// The part between sources and a target: the nodes that depend on a source and that the target depends on.
fn extract(graph: &Graph, target: Value, sources: &[Value], include: &dyn Fn(NodeId) -> bool) -> Part {
    let order = graph.topological_order();
    let mut depends = vec![false; graph.id_bound()];
    for &id in order.iter().filter(|&&id| graph.node(id).op().is_some() && include(id)) {
        let on_source = |value: &Value| sources.contains(value) || depends[value.node.index()];
        depends[id.index()] = graph.node(id).operands().iter().any(on_source);
    }
    let mut needed = vec![false; graph.id_bound()];
    needed[target.node.index()] = depends[target.node.index()];
    let mut connected: Vec<bool> = sources.iter().map(|&source| source == target).collect();
    for &id in order.iter().rev() {
        if !needed[id.index()] {
            continue;
        }
        for &operand in graph.node(id).operands() {
            if let Some(place) = sources.iter().position(|&source| source == operand) {
                connected[place] = true;
            }
            needed[operand.node.index()] |= depends[operand.node.index()];
        }
    }
    let mut part = Graph::new("jacobian");
    let mut operands: Vec<Value> = Vec::new();
    let mut copies: FxHashMap<Value, Value> = FxHashMap::default();
    for &source in sources {
        let parameter = part.add_parameter(None, graph.type_of(source).clone(), Span::NONE);
        copies.entry(source).or_insert(parameter);
        operands.push(source);
    }
    for &id in order.iter().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        let mut inputs = Vec::new();
        for &operand in node.operands() {
            let copy = copies.get(&operand).copied().unwrap_or_else(|| {
                operands.push(operand);
                part.add_parameter(None, graph.type_of(operand).clone(), Span::NONE)
            });
            copies.insert(operand, copy);
            inputs.push(copy);
        }
        let Some(op) = node.op() else { continue };
        let copy = part.add_unchecked(op.clone(), &inputs, node.types().iter().cloned().collect(), node.span().clone());
        for result in 0..node.types().len() as u32 {
            // A source between others is taken as it is.
            copies.entry(Value { node: id, result }).or_insert(Value { node: copy, result });
        }
    }
    let result = copies.get(&target).copied().unwrap_or_else(|| {
        operands.push(target);
        part.add_parameter(None, graph.type_of(target).clone(), Span::NONE)
    });
    part.set_results(vec![result]);
    Part { graph: part, operands, connected }
}

//! The variables of a trace: what each holds at this point.
//!
//! The first use of a variable adds a parameter, an assignment changes what the trace knows. A region asks the trace around it
//! first, so that there is a value for its operand.

use std::panic::Location;
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, NodeId, Op, Relation, Span, Value};
use tancho_runtime::{CompileOptions, Executable};
use tancho_tensor::Array;

use super::{Kind, STACK, Trace, fail, is_active, leaked, no_value, not_a_value, operand_values, span_at};
use crate::error::{Error, ErrorKind, Result};
use crate::signature::legal_name;
use crate::tensor::{Repr, Tensor};
use crate::variable::Cell;

/// A variable that a trace uses.
#[derive(Clone)]
pub(crate) struct UsedVariable {
    pub(crate) cell: Arc<Cell>,
    /// What it holds when the graph begins.
    pub(crate) parameter: Value,
    /// What it holds now.
    pub(crate) current: Value,
    /// What it has held, each with the bound of ids when it came to hold it.
    pub(crate) history: Vec<(Value, usize)>,
}

impl UsedVariable {
    pub(crate) fn is_assigned(&self) -> bool {
        self.current != self.parameter
    }
}

/// What a variable holds at this point of the active trace.
pub(crate) fn read_variable(cell: &Arc<Cell>, location: &'static Location<'static>) -> Tensor {
    STACK.with_borrow_mut(|stack| {
        let level = stack.len() - 1;
        match variable_value(stack, level, cell, location) {
            Ok(value) => stack[level].tensor(value, location),
            Err(error) => fail(stack, error),
        }
    })
}

/// Lets a variable hold a tensor from this point of the active trace on. Gradients do not flow through an assignment.
pub(crate) fn assign_variable(
    op: &'static str,
    cell: &Arc<Cell>,
    tensor: &Tensor,
    location: &'static Location<'static>,
) -> Result<()> {
    STACK.with_borrow_mut(|stack| {
        let level = stack.len() - 1;
        let value = operand_values(op, &[tensor], location, stack)?[0];
        variable_value(stack, level, cell, location)?;
        let trace = &mut stack[level];
        let of = trace.graph.type_of(value).clone();
        cell.check_type(op, &of, location)?;
        for (size, expected) in of.dims.iter().zip(&cell.of().dims) {
            trace.graph.add_constraint(Relation::Equal(size.clone(), expected.clone()), span_at(location));
        }
        let held = trace.add_node(op, Op::Control(ControlOp::StopGradient), &[value], location)?[0];
        trace.assign(cell, held);
        Ok(())
    })
}

/// The value of a variable in a trace; one that uses it for the first time gets a parameter for it.
pub(super) fn variable_value(
    stack: &mut [Trace],
    level: usize,
    cell: &Arc<Cell>,
    location: &'static Location<'static>,
) -> Result<Value> {
    if let Some(used) = stack[level].variables.iter().find(|used| used.cell.id() == cell.id()) {
        return Ok(used.current);
    }
    match stack[level].kind {
        Kind::Function { .. } => {}
        // The trace around has to have a value for the operand.
        Kind::Region => drop(variable_value(stack, level - 1, cell, location)?),
        Kind::Body => {
            let message = format!("{} cannot be used in a function of scalars", cell.called());
            return Err(Error::at(ErrorKind::Message(message), location));
        }
    }
    let trace = &mut stack[level];
    let parameter = trace.graph.add_parameter(Some(&trace.free_name(cell.name())), cell.of().clone(), Span::NONE);
    let history = vec![(parameter, 0)];
    trace.variables.push(UsedVariable { cell: cell.clone(), parameter, current: parameter, history });
    Ok(parameter)
}

/// Takes down that a variable was made, for the check when the trace is closed.
pub(crate) fn note_creation(cell: &Arc<Cell>) {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.last_mut() {
            trace.created.push(Arc::downgrade(cell));
        }
    });
}

/// The value that a new variable begins with: computed now, also while a function is traced.
///
/// # Errors
/// The tensor has none that does not depend on the arguments of a traced function; or the function is traced again.
pub(crate) fn initial_value(tensor: &Tensor, location: &'static Location<'static>) -> Result<Array> {
    tensor.check()?;
    if !is_active() {
        return tensor.value().cloned().ok_or_else(|| not_a_value("variable", tensor, location));
    }
    let graph = STACK.with_borrow(|stack| {
        if let Some(function) = stack.iter().find(|trace| !trace.may_create) {
            let function = function.graph.name().to_owned();
            return Err(Error::at(ErrorKind::LateVariable { function }, location));
        }
        let Repr::Node(node) = &tensor.0 else { return Ok(None) };
        let Some(owner) = stack.iter().find(|trace| trace.id == node.trace) else {
            return Err(leaked("variable", node, None, location));
        };
        owner.constant_part(node.value, location).map(Some)
    })?;
    match graph {
        None => tensor.value().cloned().ok_or_else(|| not_a_value("variable", tensor, location)),
        Some(graph) => {
            let name = graph.name().to_owned();
            let compiled = Executable::compile(graph, &CompileOptions::default())
                .map_err(|source| Error::at(ErrorKind::Compile { graph: name.clone(), source }, location))?;
            let results = compiled
                .call(&mut [])
                .map_err(|source| Error::at(ErrorKind::Call { graph: name, source }, location))?;
            results.into_iter().next().ok_or_else(|| no_value("variable", tensor, location))
        }
    }
}

impl Trace {
    /// Lets a variable that the trace uses hold a value.
    pub(super) fn assign(&mut self, cell: &Cell, value: Value) {
        let bound = self.graph.id_bound();
        if let Some(used) = self.variables.iter_mut().find(|used| used.cell.id() == cell.id()) {
            used.current = value;
            used.history.push((value, bound));
        }
    }

    pub(super) fn uses(&self, created: &Weak<Cell>) -> bool {
        self.variables.iter().any(|used| std::ptr::eq(Arc::as_ptr(&used.cell), created.as_ptr()))
    }

    /// A name for a parameter that no other has.
    pub(super) fn free_name(&self, name: &str) -> String {
        let name = legal_name(name);
        let taken = |name: &str| self.graph.parameters().any(|value| self.graph.node(value.node).name() == Some(name));
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        candidates.find(|name| !taken(name)).expect("there are more numbers than names")
    }

    /// The graph that computes a value which does not depend on parameters, but for variables, of which it takes what they
    /// hold now.
    pub(super) fn constant_part(&self, value: Value, location: &'static Location<'static>) -> Result<Graph> {
        let mut part = Graph::new("initial_value");
        let mut needed = vec![false; self.graph.id_bound()];
        let order = self.graph.topological_order();
        needed[value.node.index()] = true;
        // Users come before what they use.
        for &id in order.iter().rev() {
            if !needed[id.index()] {
                continue;
            }
            for operand in self.graph.node(id).operands() {
                needed[operand.node.index()] = true;
            }
        }
        let mut copies: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in order {
            if !needed[id.index()] {
                continue;
            }
            let node = self.graph.node(id);
            let copy = match node.op() {
                Some(op) => {
                    let operands: Vec<Value> = node
                        .operands()
                        .iter()
                        .map(|operand| Value { node: copies[&operand.node], result: operand.result })
                        .collect();
                    let types = node.types().iter().cloned().collect();
                    part.add_unchecked(op.clone(), &operands, types, node.span().clone())
                }
                None => {
                    let used = self.variables.iter().find(|used| used.parameter.node == id);
                    let Some(used) = used else {
                        let name = node.name().unwrap_or("an argument");
                        let message =
                            format!("the first value of a variable depends on {name}, which a call will give");
                        return Err(Error::at(ErrorKind::Message(message), location));
                    };
                    part.add_constant(used.cell.lock().clone(), Span::NONE).node
                }
            };
            copies.insert(id, copy);
        }
        part.set_results(vec![Value { node: copies[&value.node], result: value.result }]);
        Ok(part)
    }
}

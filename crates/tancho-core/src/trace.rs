//! The traces that are under way on a thread.
//!
//! A trace owns the graph that it builds. Traces nest: the innermost one is active, and every operation on the thread is
//! staged into its graph. A [`Session`] holds a trace open and closes it when it goes, also when the traced closure panics.
//!
//! There are three kinds ([`Kind`]). A *function*'s trace sees nothing of the traces around it. A *region* (a branch, the
//! body of a loop) does: what it uses of them is *captured* as a parameter of its graph, which becomes an operand of the op
//! that holds the region. A *body* over scalars (of a fold) may use nothing but its own.
//!
//! A trace knows what each variable that it uses holds at this point. The first use adds a parameter, an assignment changes
//! what the trace knows, and whoever closes the trace learns which variables it uses and what they hold at the end.
//!
//! No user code runs while the stack is borrowed.

use std::cell::{self, RefCell};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tancho_ir::ops::{ControlOp, ShapeOp};
use tancho_ir::{Graph, NodeId, Op, Relation, Scope, Span, TensorType, Value};
use tancho_runtime::{CompileOptions, Executable};
use tancho_tensor::{Array, DType, Shape};

use crate::builder::{Build, BuildAll, Builder};
use crate::error::{Error, ErrorKind, Result};
use crate::region::{Input, sizes_op};
use crate::signature::legal_name;
use crate::tape::{self, Mark, Source};
use crate::tensor::{Repr, Tensor, TraceNode};
use crate::variable::{BoundVariable, Cell};

/// How deep traces may nest; what goes deeper is taken for a recursion without end.
const MOST_NESTED: usize = 64;

/// The identity of a trace, never used again within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(u64);

thread_local! {
    /// The number of open traces, apart from the stack so that eager operations look at one word only.
    static DEPTH: cell::Cell<usize> = const { cell::Cell::new(0) };
    static STACK: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
    static SCOPE: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

/// What a trace sees of the traces around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A traced function, for the slot of a cache at this address: the same one twice on the stack is a recursion.
    Function { slot: usize },
    /// A graph that an op of the trace around it will hold.
    Region,
    /// A function of scalars that an op will hold.
    Body,
}

struct Trace {
    id: TraceId,
    kind: Kind,
    graph: Graph,
    /// The values of the trace around that a region uses, with the parameters that stand for them.
    captures: Vec<(Value, Value)>,
    variables: Vec<UsedVariable>,
    /// The node with the last effect, which the next one comes after.
    last_effect: Option<NodeId>,
    /// Whether variables may be made: not when a function is traced again.
    may_create: bool,
    /// Variables that were made here.
    created: Vec<Weak<Cell>>,
    constants: FxHashMap<ConstantKey, Value>,
    /// Captured tensors that a tape watches: each is a constant of its own.
    watched_constants: Vec<(Array, Value)>,
    /// The arrays behind the addresses in `constants`, so that no address is used again.
    captured: Vec<Array>,
    /// Tensors from outside by which an eager tape may want a gradient, with the constants that stand for them.
    outside: Vec<(Tensor, Value)>,
    error: Option<Error>,
}

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

/// Captured tensors are one constant where they share their memory, scalars where they have the same bits.
#[derive(PartialEq, Eq, Hash)]
enum ConstantKey {
    Memory(usize, DType, Shape),
    Scalar(DType, [u8; 8]),
}

pub(crate) fn is_active() -> bool {
    DEPTH.get() > 0
}

/// The innermost trace.
pub(crate) fn active() -> Option<TraceId> {
    STACK.with_borrow(|stack| stack.last().map(|trace| trace.id))
}

/// The error that the active trace has met already, which its call will fail with.
pub(crate) fn active_error() -> Option<Error> {
    STACK.with_borrow(|stack| stack.last().and_then(|trace| trace.error.clone()))
}

/// Requires in the active trace that two sizes are equal.
pub(crate) fn require_equal(x: &tancho_ir::Dim, y: &tancho_ir::Dim, location: &'static Location<'static>) {
    STACK.with_borrow_mut(|stack| {
        if let Some(trace) = stack.last_mut() {
            trace.graph.add_constraint(Relation::Equal(x.clone(), y.clone()), span_at(location));
        }
    });
}

/// Whether this thread is already tracing for a slot.
pub(crate) fn is_tracing(slot: usize) -> bool {
    is_active() && STACK.with_borrow(|stack| stack.iter().any(|trace| trace.kind == Kind::Function { slot }))
}

/// Runs a closure with `name` on the span of every operation in it; a layer, or a part of a model.
#[track_caller]
pub fn scope<R>(name: &str, body: impl FnOnce() -> R) -> R {
    let location = Some(Location::caller().into());
    let parent = SCOPE.with_borrow(Clone::clone);
    let _restore = enter_scope(Some(Arc::new(Scope { name: name.into(), location, parent })));
    body()
}

/// Puts the scope back that was open before.
struct Restore(Option<Arc<Scope>>);

impl Drop for Restore {
    fn drop(&mut self) {
        SCOPE.set(self.0.take());
    }
}

fn enter_scope(scope: Option<Arc<Scope>>) -> Restore {
    Restore(SCOPE.replace(scope))
}

/// The span of a line within the open scopes.
pub(crate) fn span_at(location: &'static Location<'static>) -> Span {
    Span { location: Some(location.into()), scope: SCOPE.with_borrow(Clone::clone) }
}

/// Lets the call of the active trace, if there is one, fail with an error.
pub(crate) fn record_error(error: &Error) {
    if is_active() {
        STACK.with_borrow_mut(|stack| {
            if let Some(trace) = stack.last_mut() {
                trace.error.get_or_insert_with(|| error.clone());
            }
        });
    }
}

/// Stages an operation into the active trace.
pub(crate) fn stage(
    op: &'static str,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    build: Build,
) -> Tensor {
    STACK.with_borrow_mut(|stack| {
        let result = operand_values(op, inputs, location, stack).and_then(|operands| {
            let trace = stack.last_mut().expect("a trace is active");
            let mut builder = Builder::new(&mut trace.graph, span_at(location));
            let value = build(&mut builder, &operands)
                .map_err(|fault| Error::at(ErrorKind::Op { op, message: fault.0 }, location))?;
            Ok(trace.tensor(value, location))
        });
        result.unwrap_or_else(|error| fail(stack, error))
    })
}

/// As [`stage`], for any number of results.
pub(crate) fn stage_all(
    op: &'static str,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    build: BuildAll,
) -> Result<Vec<Tensor>> {
    STACK.with_borrow_mut(|stack| {
        let result = operand_values(op, inputs, location, stack).and_then(|operands| {
            let trace = stack.last_mut().expect("a trace is active");
            let mut builder = Builder::new(&mut trace.graph, span_at(location));
            let values = build(&mut builder, &operands)
                .map_err(|fault| Error::at(ErrorKind::Op { op, message: fault.0 }, location))?;
            Ok(values.iter().map(|&value| trace.tensor(value, location)).collect())
        });
        result.inspect_err(|error| {
            fail(stack, error.clone());
        })
    })
}

/// Stages a call of a traced function, which uses variables: their values are operands and results behind the others.
pub(crate) fn stage_call(
    name: &str,
    graph: &Arc<Graph>,
    inputs: &[&Tensor],
    variables: &[BoundVariable],
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let cells: Vec<Arc<Cell>> = variables
        .iter()
        .map(|variable| variable.upgrade(name, location))
        .collect::<Result<_>>()
        .inspect_err(record_error)?;
    STACK.with_borrow_mut(|stack| {
        let result = operand_values(name, inputs, location, stack).and_then(|mut operands| {
            let level = stack.len() - 1;
            for cell in &cells {
                operands.push(variable_value(stack, level, cell, location)?);
            }
            let trace = &mut stack[level];
            let op = Op::Control(ControlOp::call(graph.clone()));
            let values = trace.add_node(name, op, &operands, location)?;
            for (variable, cell) in variables.iter().zip(&cells) {
                if let Some(result) = variable.result {
                    trace.assign(cell, values[result]);
                }
            }
            let n_results = values.len() - variables.iter().filter(|variable| variable.result.is_some()).count();
            Ok(trace.tensors(&values[..n_results], location))
        });
        result.inspect_err(|error| {
            fail(stack, error.clone());
        })
    })
}

/// Stages an op that holds regions. Its operands are tensors, then what the regions use; the results behind the tensors'
/// own are what variables then hold.
pub(crate) fn stage_with_state(
    name: &'static str,
    tensors: &[&Tensor],
    inputs: &[Input],
    assigned: &[Arc<Cell>],
    location: &'static Location<'static>,
    op: Op,
) -> Result<Vec<Tensor>> {
    STACK.with_borrow_mut(|stack| {
        let result = operand_values(name, tensors, location, stack).and_then(|mut operands| {
            let level = stack.len() - 1;
            for input in inputs {
                operands.push(match input {
                    Input::Captured(node) => {
                        operand_values(name, &[&Tensor(Repr::Node(node.clone()))], location, stack)?[0]
                    }
                    Input::Variable(cell) => variable_value(stack, level, cell, location)?,
                    Input::Sizes(of) => stack[level].add_node(name, sizes_op(of), &[], location)?[0],
                });
            }
            let trace = &mut stack[level];
            let values = trace.add_node(name, op, &operands, location).map_err(|error| match error.kind() {
                // The user knows the operation under its own name.
                ErrorKind::Op { message, .. } => {
                    let message = message.strip_prefix(&format!("{name}: ")).unwrap_or(message).to_owned();
                    Error::at(ErrorKind::Op { op: name, message }, location)
                }
                _ => error,
            })?;
            let (own, last) = values.split_at(values.len() - assigned.len());
            for (cell, &value) in assigned.iter().zip(last) {
                trace.assign(cell, value);
            }
            Ok(trace.tensors(own, location))
        });
        result.inspect_err(|error| {
            fail(stack, error.clone());
        })
    })
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
fn variable_value(
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

/// The same value, as a value of the active trace that nothing else is.
pub(crate) fn distinct(tensor: &Tensor) -> Tensor {
    let location = Location::caller();
    STACK.with_borrow_mut(|stack| {
        let result = operand_values("identity", &[tensor], location, stack).and_then(|operands| {
            let trace = stack.last_mut().expect("a trace is active");
            let dims = trace.graph.type_of(operands[0]).dims.clone();
            let values = trace.add_node("identity", Op::Shape(ShapeOp::Reshape { dims }), &operands, location)?;
            Ok(trace.tensor(values[0], location))
        });
        result.unwrap_or_else(|error| fail(stack, error))
    })
}

/// What a tape of a trace watches.
pub(crate) enum Watched {
    Value(Value),
    Variable(u64),
}

/// The mark of a new tape in the active trace, where there is one.
pub(crate) fn mark(watches_variables: bool) -> Option<Mark> {
    STACK.with_borrow(|stack| {
        let trace = stack.last()?;
        let recorded = vec![(trace.graph.id_bound(), None)];
        Some(Mark { trace: trace.id, recorded, watched: Vec::new(), watches_variables, used: false })
    })
}

pub(crate) fn watch(mark: &mut Mark, source: Source<'_>) {
    if let Some(cell) = source.cell() {
        mark.watched.push(Watched::Variable(cell.id()));
        return;
    }
    STACK.with_borrow_mut(|stack| {
        if stack.last().is_none_or(|trace| trace.id != mark.trace) {
            return;
        }
        // A value of a trace around a region is captured here, if it can be: what cannot be used needs no watching.
        let node = own_value("watch", source, stack, Location::caller()).ok().flatten();
        let Some(trace) = stack.last_mut() else { return };
        match &source.tensor().0 {
            Repr::Node(_) => mark.watched.extend(node.map(Watched::Value)),
            Repr::Value(array) => mark.watched.push(Watched::Value(trace.watched_constant(array))),
            Repr::Recorded(recorded) => mark.watched.push(Watched::Value(trace.watched_constant(&recorded.array))),
            Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => {}
        }
    });
}

/// The value that stands in the active trace for a source which is a value of this trace or of one around it.
fn own_value(
    op: &str,
    source: Source<'_>,
    stack: &mut [Trace],
    location: &'static Location<'static>,
) -> Result<Option<Value>> {
    let tensor = source.tensor();
    match &tensor.0 {
        Repr::Node(_) => Ok(Some(operand_values(op, &[tensor], location, stack)?[0])),
        Repr::Value(_) | Repr::Recorded(_) | Repr::Variable(_) | Repr::Placeholder(_) | Repr::Error(_) => Ok(None),
    }
}

pub(crate) fn set_recording(mark: &mut Mark, on: bool) {
    let bound = STACK.with_borrow(|stack| {
        stack.iter().find(|trace| trace.id == mark.trace).map_or(0, |trace| trace.graph.id_bound())
    });
    match mark.recorded.last_mut() {
        Some((_, end @ None)) if !on => *end = Some(bound),
        Some((_, Some(_))) | None if on => mark.recorded.push((bound, None)),
        Some(_) | None => {}
    }
}

/// Adds gradients of tensors by sources to the active trace, as the tape with a mark has recorded it.
pub(crate) fn gradients(
    mark: &Mark,
    targets: &[Tensor],
    weights: Option<&[Tensor]>,
    sources: &[Source<'_>],
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    STACK.with_borrow_mut(|stack| {
        check_mark("gradient", mark, stack, location)?;
        let targets = operand_values("gradient", &targets.iter().collect::<Vec<_>>(), location, stack)?;
        let weights = match weights {
            Some(weights) => Some(operand_values("gradient", &weights.iter().collect::<Vec<_>>(), location, stack)?),
            None => None,
        };
        let trace = stack.last_mut().expect("a trace is active");
        let mut seeds = Vec::new();
        for (place, &target) in targets.iter().enumerate() {
            let of = trace.graph.type_of(target).clone();
            let weight = match &weights {
                Some(weights) => weights[place],
                None if of.dtype.is_float() => tape::ones(&mut trace.graph, &of, location)?,
                None => continue,
            };
            if trace.graph.type_of(weight).dtype != of.dtype || trace.graph.type_of(weight).dims != of.dims {
                let message = format!("the weights {} are not of the target's type {of}", trace.graph.type_of(weight));
                return Err(Error::at(ErrorKind::Op { op: "gradient", message }, location));
            }
            seeds.push((target, weight));
        }
        let sources = source_values("gradient", mark, sources, stack, location)?;
        let trace = stack.last_mut().expect("a trace is active");
        let grads = tape::add_gradients(&mut trace.graph, &seeds, &sources, &|id| mark.includes(id), location)?;
        Ok(grads.into_iter().map(|grad| grad.map(|grad| trace.tensor(grad, location))).collect())
    })
}

/// As [`gradients`], for each element of one tensor.
pub(crate) fn jacobian(
    mark: &Mark,
    target: &Tensor,
    sources: &[Source<'_>],
    location: &'static Location<'static>,
) -> Result<Vec<Option<Tensor>>> {
    STACK.with_borrow_mut(|stack| {
        check_mark("jacobian", mark, stack, location)?;
        let target = operand_values("jacobian", &[target], location, stack)?[0];
        let sources = source_values("jacobian", mark, sources, stack, location)?;
        let trace = stack.last_mut().expect("a trace is active");
        let grads = tape::add_jacobian(&mut trace.graph, target, &sources, &|id| mark.includes(id), location)?;
        Ok(grads.into_iter().map(|grad| grad.map(|grad| trace.tensor(grad, location))).collect())
    })
}

/// The values of the active trace that stand for sources, as far as a tape watches them.
fn source_values(
    op: &str,
    mark: &Mark,
    sources: &[Source<'_>],
    stack: &mut [Trace],
    location: &'static Location<'static>,
) -> Result<Vec<Vec<Value>>> {
    let own: Vec<Option<Value>> =
        sources.iter().map(|&source| own_value(op, source, stack, location)).collect::<Result<_>>()?;
    let trace = stack.last().expect("a trace is active");
    sources.iter().zip(own).map(|(source, own)| trace.values_of(mark, source, own)).collect()
}

fn check_mark(op: &'static str, mark: &Mark, stack: &[Trace], location: &'static Location<'static>) -> Result<()> {
    if stack.last().is_some_and(|trace| trace.id == mark.trace) {
        return Ok(());
    }
    let message = match stack.iter().find(|trace| trace.id == mark.trace) {
        Some(trace) => format!(
            "the tape is of the trace of @{}, and its gradient is taken in a branch, a loop or a function within it",
            trace.graph.name()
        ),
        None => "the tape is of a trace that has ended".into(),
    };
    Err(Error::at(ErrorKind::Op { op, message }, location))
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

fn fail(stack: &mut [Trace], error: Error) -> Tensor {
    if let Some(trace) = stack.last_mut() {
        trace.error.get_or_insert_with(|| error.clone());
    }
    Tensor(Repr::Error(error))
}

/// The values of tensors in the graph of the active trace; constants are added to it, and regions capture.
fn operand_values(
    op: &str,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    stack: &mut [Trace],
) -> Result<SmallVec<[Value; 4]>> {
    let level = stack.len() - 1;
    inputs
        .iter()
        .map(|tensor| match &tensor.0 {
            Repr::Value(array) => Ok(constant_value(stack, tensor, array, location)),
            Repr::Recorded(recorded) => Ok(constant_value(stack, tensor, &recorded.array, location)),
            Repr::Variable(cell) => variable_value(stack, level, cell, location),
            Repr::Node(node) if node.trace == stack[level].id => Ok(node.value),
            Repr::Node(node) => {
                let owner = stack.iter().position(|trace| trace.id == node.trace);
                match owner {
                    Some(owner) if stack[owner + 1..].iter().all(|trace| trace.kind == Kind::Region) => {
                        Ok(capture(stack, owner, level, node.value))
                    }
                    _ => Err(leaked(op, node, owner.map(|owner| stack[owner].graph.name()), location)),
                }
            }
            Repr::Placeholder(_) => Err(no_value(op, tensor, location)),
            Repr::Error(error) => Err(error.clone()),
        })
        .collect()
}

/// The value of the active trace for a tensor from outside, whose array this is. One that a tape of a trace around a region
/// watches, or an eager tape, is captured, so that the gradient finds it.
fn constant_value(stack: &mut [Trace], tensor: &Tensor, array: &Array, location: &'static Location<'static>) -> Value {
    let level = stack.len() - 1;
    let mut owner = level;
    while stack[owner].kind == Kind::Region && owner > 0 {
        owner -= 1;
        if let Some(value) = stack[owner].find_watched(array) {
            return capture(stack, owner, level, value);
        }
    }
    if matches!(stack[owner].kind, Kind::Function { .. }) && tape::is_active(tensor) {
        let value = stack[owner].outside_constant(tensor, array);
        return capture(stack, owner, level, value);
    }
    stack[level].constant(array, location)
}

/// The value of a region that stands for one of the trace `owner`, through all regions between.
fn capture(stack: &mut [Trace], owner: usize, level: usize, value: Value) -> Value {
    if owner == level {
        return value;
    }
    let outer = capture(stack, owner, level - 1, value);
    if let Some((_, parameter)) = stack[level].captures.iter().find(|(captured, _)| *captured == outer) {
        return *parameter;
    }
    let of = stack[level - 1].graph.type_of(outer).clone();
    let parameter = stack[level].graph.add_parameter(None, of, Span::NONE);
    stack[level].captures.push((outer, parameter));
    parameter
}

/// The error of a tensor that cannot be an operand outside of a trace.
pub(crate) fn not_a_value(op: &str, tensor: &Tensor, location: &'static Location<'static>) -> Error {
    match &tensor.0 {
        Repr::Error(error) => error.clone(),
        Repr::Node(node) => leaked(op, node, None, location),
        Repr::Placeholder(_) | Repr::Value(_) | Repr::Recorded(_) | Repr::Variable(_) => no_value(op, tensor, location),
    }
}

fn no_value(op: &str, tensor: &Tensor, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Message(format!("{op}: {} is a placeholder and has no value", tensor.describe())), location)
}

/// `owner` names the trace where it is still open on this thread.
fn leaked(op: &str, node: &TraceNode, owner: Option<&str>, location: &'static Location<'static>) -> Error {
    let (trace, advice) = match owner {
        Some(name) => (format!("the outer trace of @{name}"), "; pass it to the inner function as an argument"),
        None => ("a trace that has ended".into(), "; return it from the traced function instead"),
    };
    Error::at(ErrorKind::Leaked { op: op.into(), made: node.made.into(), trace, advice }, location)
}

impl Trace {
    /// Adds a node and gives its results; an effect comes after those before it.
    fn add_node(
        &mut self,
        name: &str,
        op: Op,
        operands: &[Value],
        location: &'static Location<'static>,
    ) -> Result<SmallVec<[Value; 4]>> {
        let (op_name, is_effect) = (op.name(), op.has_side_effect());
        let node = self.graph.add(op, operands, span_at(location)).map_err(|error| {
            let message = if name == op_name { error.message } else { format!("{name}: {}", error.message) };
            Error::at(ErrorKind::Op { op: op_name, message }, location)
        })?;
        if is_effect && let Some(last) = self.last_effect.replace(node) {
            self.graph.add_order(last, node);
        }
        let n_results = self.graph.node(node).types().len() as u32;
        Ok((0..n_results).map(|result| Value { node, result }).collect())
    }

    fn tensors(&self, values: &[Value], location: &'static Location<'static>) -> Vec<Tensor> {
        values.iter().map(|&value| self.tensor(value, location)).collect()
    }

    /// Lets a variable that the trace uses hold a value.
    fn assign(&mut self, cell: &Cell, value: Value) {
        let bound = self.graph.id_bound();
        if let Some(used) = self.variables.iter_mut().find(|used| used.cell.id() == cell.id()) {
            used.current = value;
            used.history.push((value, bound));
        }
    }

    /// The values that stand for a source, as far as a tape watches it; `own` is that of a source of a trace.
    fn values_of(&self, mark: &Mark, source: &Source<'_>, own: Option<Value>) -> Result<Vec<Value>> {
        let watches = |value: &Value| {
            let watched = mark.watched.iter().any(|watched| matches!(watched, Watched::Value(other) if other == value));
            // A parameter that came when the tape did record stands for something older.
            watched || mark.includes(value.node) && self.graph.node(value.node).op().is_some()
        };
        let tensor = source.tensor();
        tensor.check()?;
        Ok(match &tensor.0 {
            Repr::Variable(cell) => self.variable_sources(mark, cell),
            Repr::Node(_) => own.filter(watches).into_iter().collect(),
            Repr::Value(array) => self.find_watched(array).filter(watches).into_iter().collect(),
            Repr::Recorded(recorded) => self.find_watched(&recorded.array).filter(watches).into_iter().collect(),
            Repr::Placeholder(_) | Repr::Error(_) => Vec::new(),
        })
    }

    /// What a variable has held since a tape began, where the tape watches it.
    fn variable_sources(&self, mark: &Mark, cell: &Cell) -> Vec<Value> {
        let told = || mark.watched.iter().any(|watched| matches!(watched, Watched::Variable(id) if *id == cell.id()));
        if !(mark.watches_variables && cell.is_trainable() || told()) {
            return Vec::new();
        }
        let Some(used) = self.variables.iter().find(|used| used.cell.id() == cell.id()) else { return Vec::new() };
        let start = mark.recorded.first().map_or(0, |&(first, _)| first);
        let since = used.history.iter().rposition(|&(_, bound)| bound <= start).unwrap_or(0);
        used.history[since..].iter().map(|&(value, _)| value).collect()
    }

    /// The constant that stands for a watched array, and for it alone.
    fn watched_constant(&mut self, array: &Array) -> Value {
        if let Some(value) = self.find_watched(array) {
            return value;
        }
        let value = self.graph.add_constant(array.clone(), Span::NONE);
        self.watched_constants.push((array.clone(), value));
        value
    }

    fn find_watched(&self, array: &Array) -> Option<Value> {
        let same = |other: &Array| {
            other.buffer().as_ptr() == array.buffer().as_ptr()
                && other.dtype() == array.dtype()
                && other.shape() == array.shape()
        };
        self.watched_constants.iter().find(|(other, _)| same(other)).map(|(_, value)| *value)
    }

    /// The constant that stands for a tensor which an eager tape knows, and for it alone.
    fn outside_constant(&mut self, tensor: &Tensor, array: &Array) -> Value {
        let known = self.outside.iter().find(|(other, _)| tape::is_same(other, tensor));
        if let Some((_, value)) = known {
            return *value;
        }
        let value = match self.find_watched(array) {
            Some(value) => value,
            None => self.graph.add_constant(array.clone(), Span::NONE),
        };
        self.outside.push((tensor.clone(), value));
        value
    }

    fn uses(&self, created: &Weak<Cell>) -> bool {
        self.variables.iter().any(|used| std::ptr::eq(Arc::as_ptr(&used.cell), created.as_ptr()))
    }

    /// A name for a parameter that no other has.
    fn free_name(&self, name: &str) -> String {
        let name = legal_name(name);
        let taken = |name: &str| self.graph.parameters().any(|value| self.graph.node(value.node).name() == Some(name));
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        candidates.find(|name| !taken(name)).expect("there are more numbers than names")
    }

    /// The graph that computes a value which does not depend on parameters, but for variables, of which it takes what they
    /// hold now.
    fn constant_part(&self, value: Value, location: &'static Location<'static>) -> Result<Graph> {
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

    fn tensor(&self, value: Value, made: &'static Location<'static>) -> Tensor {
        let of = self.graph.type_of(value).clone();
        Tensor(Repr::Node(Arc::new(TraceNode { trace: self.id, value, of, made })))
    }

    fn constant(&mut self, array: &Array, location: &'static Location<'static>) -> Value {
        if let Some(value) = self.find_watched(array) {
            return value;
        }
        let key = if array.shape().rank() == 0 {
            let mut bits = [0; 8];
            bits[..array.dtype().size()].copy_from_slice(array.buffer().bytes());
            ConstantKey::Scalar(array.dtype(), bits)
        } else {
            ConstantKey::Memory(array.buffer().as_ptr() as usize, array.dtype(), array.shape().clone())
        };
        if let Some(&value) = self.constants.get(&key) {
            return value;
        }
        let value = self.graph.add_constant(array.clone(), span_at(location));
        self.captured.push(array.clone());
        self.constants.insert(key, value);
        value
    }
}

/// An open trace; it is the active one until another opens or it goes.
pub(crate) struct Session {
    id: TraceId,
    _scope: Restore,
}

/// A trace that was closed.
pub(crate) struct Finished {
    pub(crate) graph: Graph,
    /// What a region captured: values of the trace around it, with the parameters that stand for them.
    pub(crate) captures: Vec<(Value, Value)>,
    /// In the order of their parameters.
    pub(crate) variables: Vec<UsedVariable>,
    /// Tensors from outside by which an eager tape may want a gradient, with the constants that stand for them.
    pub(crate) outside: Vec<(Tensor, Value)>,
}

impl Session {
    pub(crate) fn open(name: &str, kind: Kind, location: &'static Location<'static>) -> Result<Session> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if DEPTH.get() >= MOST_NESTED {
            let kind = ErrorKind::TooDeep { function: name.into(), limit: MOST_NESTED };
            return Err(Error::at(kind, location));
        }
        let id = TraceId(NEXT.fetch_add(1, Relaxed));
        let trace = Trace {
            id,
            kind,
            graph: Graph::new(name),
            captures: Vec::new(),
            variables: Vec::new(),
            last_effect: None,
            may_create: kind != Kind::Body,
            created: Vec::new(),
            constants: FxHashMap::default(),
            watched_constants: Vec::new(),
            captured: Vec::new(),
            outside: Vec::new(),
            error: None,
        };
        STACK.with_borrow_mut(|stack| {
            stack.push(trace);
            DEPTH.set(stack.len());
        });
        // The scopes around a call are put to the spans where the call is inlined; a region's spans are its own.
        let scope = match kind {
            Kind::Function { .. } | Kind::Body => None,
            Kind::Region => SCOPE.with_borrow(Clone::clone),
        };
        Ok(Session { id, _scope: enter_scope(scope) })
    }

    /// Lets the making of variables be an error.
    pub(crate) fn forbid_variables(&self) {
        self.with_trace(|trace| trace.may_create = false);
    }

    fn with_trace<R>(&self, with: impl FnOnce(&mut Trace) -> R) -> R {
        STACK.with_borrow_mut(|stack| {
            with(stack.iter_mut().find(|trace| trace.id == self.id).expect("an open session has its trace"))
        })
    }

    pub(crate) fn add_parameter(&self, name: &str, of: TensorType, location: &'static Location<'static>) -> Tensor {
        self.with_trace(|trace| {
            let value = trace.graph.add_parameter(Some(name), of, Span::NONE);
            trace.tensor(value, location)
        })
    }

    /// Closes the trace with its results, each with the name that the graph shall have for it.
    ///
    /// # Errors
    /// The first one that any operation of the trace gave, or a result is of another trace.
    pub(crate) fn finish(
        self,
        results: &[&Tensor],
        names: &[Option<String>],
        location: &'static Location<'static>,
    ) -> Result<Finished> {
        STACK.with_borrow_mut(|stack| {
            let values = operand_values("return", results, location, stack);
            let trace = stack.last_mut().expect("an open session has its trace");
            if let Some(error) = &trace.error {
                return Err(error.clone());
            }
            if trace.created.iter().any(|created| created.strong_count() == 1 && trace.uses(created)) {
                let function = trace.graph.name().to_owned();
                return Err(Error::at(ErrorKind::LostVariable { function }, location));
            }
            let mut graph = std::mem::take(&mut trace.graph);
            graph.set_results(values?.to_vec());
            for (position, name) in names.iter().enumerate() {
                if let Some(name) = name {
                    graph.set_result_name(position, name);
                }
            }
            let (captures, variables) = (std::mem::take(&mut trace.captures), std::mem::take(&mut trace.variables));
            let outside = std::mem::take(&mut trace.outside);
            Ok(Finished { graph, captures, variables, outside })
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let closed = STACK.with_borrow_mut(|stack| {
            let place = stack.iter().position(|trace| trace.id == self.id).unwrap_or(stack.len());
            let closed = stack.split_off(place);
            DEPTH.set(stack.len());
            closed
        });
        // Dropped where the stack is not borrowed, since buffers go with it.
        drop(closed);
    }
}

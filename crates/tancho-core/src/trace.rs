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

mod state;
mod tapes;

use std::cell::{self, RefCell};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tancho_ir::ops::ControlOp;
use tancho_ir::{Graph, NodeId, Op, Relation, Scope, Span, TensorType, Value};
use tancho_tensor::{Array, DType, Shape};

use crate::builder::{Build, BuildAll, Builder};
use crate::error::{Error, ErrorKind, Result};
use crate::region::{Input, sizes_op};
use crate::tape;
use crate::tensor::{Repr, Tensor, TraceNode};
use crate::variable::{BoundVariable, Cell};

use state::variable_value;
pub(crate) use state::{UsedVariable, assign_variable, initial_value, note_creation, read_variable};
pub(crate) use tapes::{Watched, distinct, gradients, jacobian, mark, set_recording, watch};

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

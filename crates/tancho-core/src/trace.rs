//! The traces that are under way on a thread.
//!
//! A trace owns the graph that it builds. Traces nest, where a traced function calls another: the innermost one is
//! active, and every operation on the thread is staged into its graph. A [`Session`] holds a trace open and closes it
//! when it goes, also when the traced closure panics.
//!
//! No user code runs while the stack is borrowed.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustc_hash::FxHashMap;
use tancho_ir::{Graph, Scope, Span, TensorType, Value};
use tancho_tensor::{Array, DType, Shape};

use crate::builder::{Build, BuildAll, Builder};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Repr, Tensor, TraceNode};

/// How deep traces may nest; what goes deeper is taken for a recursion without end.
const MOST_NESTED: usize = 64;

/// The identity of a trace, never used again within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(u64);

thread_local! {
    /// The number of open traces, apart from the stack so that eager operations look at one word only.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static STACK: RefCell<Vec<Trace>> = const { RefCell::new(Vec::new()) };
    static SCOPE: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) };
}

struct Trace {
    id: TraceId,
    /// The address of the cache slot that the trace is to fill: the same one twice on the stack is a recursion.
    slot: usize,
    graph: Graph,
    constants: FxHashMap<ConstantKey, Value>,
    /// The arrays behind the addresses in `constants`, so that no address is used again.
    captured: Vec<Array>,
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

/// Whether this thread is already tracing for a slot.
pub(crate) fn is_tracing(slot: usize) -> bool {
    is_active() && STACK.with_borrow(|stack| stack.iter().any(|trace| trace.slot == slot))
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

/// Stages an operation with any number of results; the closure adds its node to the graph.
pub(crate) fn stage_call(
    name: &str,
    graph: &Arc<Graph>,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    STACK.with_borrow_mut(|stack| {
        let result = operand_values(name, inputs, location, stack).and_then(|operands| {
            let trace = stack.last_mut().expect("a trace is active");
            let op = tancho_ir::Op::Control(tancho_ir::ops::ControlOp::Call(graph.clone()));
            let node = trace.graph.add(op, &operands, span_at(location)).map_err(|error| {
                let message = format!("{name}: {}", error.message);
                Error::at(ErrorKind::Op { op: "call", message }, location)
            })?;
            let n_results = trace.graph.node(node).types().len() as u32;
            Ok((0..n_results).map(|result| trace.tensor(Value { node, result }, location)).collect())
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

/// The values of tensors in the graph of the active trace; constants are added to it.
fn operand_values(
    op: &str,
    inputs: &[&Tensor],
    location: &'static Location<'static>,
    stack: &mut [Trace],
) -> Result<smallvec::SmallVec<[Value; 4]>> {
    let (active, outer) = stack.split_last_mut().expect("a trace is active");
    inputs
        .iter()
        .map(|tensor| match &tensor.0 {
            Repr::Value(array) => Ok(active.constant(array, location)),
            Repr::Node(node) if node.trace == active.id => Ok(node.value),
            Repr::Node(node) => {
                let owner = outer.iter().find(|trace| trace.id == node.trace);
                Err(leaked(op, node, owner.map(|trace| trace.graph.name()), location))
            }
            Repr::Placeholder(_) => Err(no_value(op, tensor, location)),
            Repr::Error(error) => Err(error.clone()),
        })
        .collect()
}

/// The error of a tensor that cannot be an operand outside of a trace.
pub(crate) fn not_a_value(op: &str, tensor: &Tensor, location: &'static Location<'static>) -> Error {
    match &tensor.0 {
        Repr::Error(error) => error.clone(),
        Repr::Node(node) => leaked(op, node, None, location),
        Repr::Placeholder(_) | Repr::Value(_) => no_value(op, tensor, location),
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
    fn tensor(&self, value: Value, made: &'static Location<'static>) -> Tensor {
        let of = self.graph.type_of(value).clone();
        Tensor(Repr::Node(Arc::new(TraceNode { trace: self.id, value, of, made })))
    }

    fn constant(&mut self, array: &Array, location: &'static Location<'static>) -> Value {
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
    /// The scopes around a call are put to the spans where the call is inlined, so a trace begins with none.
    _scope: Restore,
}

impl Session {
    /// Opens a trace for a slot of a function's cache.
    pub(crate) fn open(name: &str, slot: usize, location: &'static Location<'static>) -> Result<Session> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if DEPTH.get() >= MOST_NESTED {
            let kind = ErrorKind::TooDeep { function: name.into(), limit: MOST_NESTED };
            return Err(Error::at(kind, location));
        }
        let id = TraceId(NEXT.fetch_add(1, Relaxed));
        let trace = Trace {
            id,
            slot,
            graph: Graph::new(name),
            constants: FxHashMap::default(),
            captured: Vec::new(),
            error: None,
        };
        STACK.with_borrow_mut(|stack| {
            stack.push(trace);
            DEPTH.set(stack.len());
        });
        Ok(Session { id, _scope: enter_scope(None) })
    }

    pub(crate) fn add_parameter(&self, name: &str, of: TensorType, location: &'static Location<'static>) -> Tensor {
        STACK.with_borrow_mut(|stack| {
            let trace = stack.iter_mut().find(|trace| trace.id == self.id).expect("an open session has its trace");
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
    ) -> Result<Graph> {
        STACK.with_borrow_mut(|stack| {
            let values = operand_values("return", results, location, stack);
            let trace = stack.last_mut().expect("an open session has its trace");
            if let Some(error) = &trace.error {
                return Err(error.clone());
            }
            let mut graph = std::mem::take(&mut trace.graph);
            graph.set_results(values?.to_vec());
            for (position, name) in names.iter().enumerate() {
                if let Some(name) = name {
                    graph.set_result_name(position, name);
                }
            }
            Ok(graph)
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

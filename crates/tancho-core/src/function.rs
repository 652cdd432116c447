//! Traced functions.
//!
//! A [`Function`] holds a Rust closure over tensors and what was made of it. A call looks for the arguments' signature:
//!
//! 1. *calls*: exact signature → plan. A hit allocates nothing but the results, and holds no lock while code runs.
//! 2. *traces*: signature → trace. Without a fixed signature it is the exact one again; with one, the structure of the
//!    arguments alone, so that one trace serves every size, and a new size costs a plan.
//! 3. Otherwise the closure runs once, on nodes of a new trace, and the graph is compiled.
//!
//! Threads that miss at the same time wait for the one that traces. A thread that is itself tracing does not wait, since
//! two that wait for each other would wait for ever: it traces for itself, and one of the two results is kept.
//!
//! A function that is called while another is traced is not run: its graph becomes a `call` in the other's.

use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use smallvec::SmallVec;
use tancho_ir::TensorType;
use tancho_runtime::{Argument, Plan};
use tancho_tensor::{DType, Shape};

use crate::arguments::{Arguments, Leaf};
use crate::concrete::{Concrete, Traced};
use crate::error::{Error, ErrorKind, Result};
use crate::signature::{self, Key, Spec, legal_name, legal_names, name_symbols};
use crate::table::{Statics, Table};
use crate::tensor::{Repr, Tensor};
use crate::trace::{self, Session};
use crate::tree::{Paths, Tree, flatten, paths};

/// A closure over trees of tensors that can be traced: up to eight arguments, and a tree or a `Result` of one.
pub trait Trace<Args>: Send + Sync {
    type Out: Tree;

    fn trace(&self, arguments: Args) -> Result<Self::Out>;
}

/// What a traced closure returns.
pub trait Outcome {
    type Out: Tree;

    fn into_result(self) -> Result<Self::Out>;
}

impl<T: Tree> Outcome for T {
    type Out = T;

    fn into_result(self) -> Result<T> {
        Ok(self)
    }
}

impl<T: Tree> Outcome for Result<T, Error> {
    type Out = T;

    fn into_result(self) -> Result<T> {
        self
    }
}

macro_rules! arities {
    ($($($T:ident $x:ident)*;)*) => {$(
        impl<Body, R: Outcome, $($T: Tree),*> Trace<($($T,)*)> for Body
        where
            Body: Fn($($T),*) -> R + Send + Sync,
        {
            type Out = R::Out;

            fn trace(&self, ($($x,)*): ($($T,)*)) -> Result<R::Out> {
                self($($x),*).into_result()
            }
        }
    )*};
}
arities! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
    A a B b C c D d E e F f G g;
    A a B b C c D d E e F f G g H h;
}

/// A closure over tensors, traced and compiled once for each signature; shared by its clones, and between threads.
pub struct Function<'f, Args, Out>(Arc<Inner<'f, Args, Out>>);

impl<Args, Out> Clone for Function<'_, Args, Out> {
    fn clone(&self) -> Self {
        Function(self.0.clone())
    }
}

struct Inner<'f, Args, Out> {
    body: Arc<dyn Trace<Args, Out = Out> + 'f>,
    options: Options,
    n_traced: AtomicUsize,
    calls: Table<Arc<Call<Out>>>,
    traces: Table<Arc<Slot<Out>>>,
}

#[derive(Clone)]
struct Options {
    name: Arc<str>,
    argument_names: &'static [&'static str],
    signature: Option<Arc<[TensorType]>>,
}

/// A signature that was called, ready to run.
struct Call<Out> {
    plan: Arc<Plan>,
    traced: Arc<Traced<Out>>,
}

/// The place of a trace; who holds `tracing` fills it.
struct Slot<Out> {
    tracing: Mutex<()>,
    traced: OnceLock<Arc<Traced<Out>>>,
}

/// How many signatures of one function are kept.
const CAPACITY: usize = 1024;

/// Makes a traced function of a closure.
///
/// The closure runs once for each signature of its arguments, on tensors that stand for values to come. What it does with
/// them becomes a graph, which is compiled and then called with values. Everything else in it runs while tracing only.
pub fn function<'f, Args, Body>(body: Body) -> Function<'f, Args, Body::Out>
where
    Body: Trace<Args> + 'f,
{
    let options = Options { name: "function".into(), argument_names: &[], signature: None };
    Function::new(Arc::new(body), options)
}

impl<'f, Args, Out> Function<'f, Args, Out> {
    fn new(body: Arc<dyn Trace<Args, Out = Out> + 'f>, options: Options) -> Self {
        Function(Arc::new(Inner {
            body,
            options,
            n_traced: AtomicUsize::new(0),
            calls: Table::new(CAPACITY),
            traces: Table::new(CAPACITY),
        }))
    }

    /// The function under a name, for graphs and messages; nothing that was traced before is kept.
    pub fn with_name(self, name: &str) -> Self {
        let options = Options { name: legal_name(name).into(), ..self.0.options.clone() };
        Function::new(self.0.body.clone(), options)
    }

    /// The function with names for its arguments.
    #[doc(hidden)]
    pub fn with_argument_names(self, argument_names: &'static [&'static str]) -> Self {
        let options = Options { argument_names, ..self.0.options.clone() };
        Function::new(self.0.body.clone(), options)
    }

    /// Fixes the dtypes and sizes of the arguments' tensors, in order. One trace then serves every size that varies.
    ///
    /// # Errors
    /// A size is negative.
    #[track_caller]
    pub fn with_signature(self, specs: impl IntoIterator<Item = Spec>) -> Result<Self> {
        let signature = name_symbols(specs.into_iter().map(|spec| spec.tensor_type()));
        check_sizes(&self.0.options.name, &signature, Location::caller())?;
        let options = Options { signature: Some(signature.into()), ..self.0.options.clone() };
        Ok(Function::new(self.0.body.clone(), options))
    }

    /// How often the closure has run.
    pub fn tracing_count(&self) -> usize {
        self.0.n_traced.load(Relaxed)
    }
}

impl<Args, Out: Tree> Function<'_, Args, Out> {
    /// Calls the function. `&x` lends a tensor, `x` gives it away.
    ///
    /// # Errors
    /// An argument or an operation of the closure carries an error, the arguments do not fit the signature, the graph
    /// cannot be compiled, or memory is short.
    #[track_caller]
    pub fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        let location = Location::caller();
        let call = {
            let mut key = Key::exact();
            arguments.visit(&mut key);
            if trace::is_active() {
                return self.stage(&arguments, &key, location);
            }
            check_values(&self.0.options.name, &key, location)?;
            match self.0.calls.get(&key.words, &key.statics) {
                Some(call) => call,
                None => self.prepare(&arguments, &key, location)?,
            }
        };
        run(&self.0.options.name, &call.plan, &call.traced, arguments, location)
    }

    /// The function for the signature of arguments, or of [`spec`](crate::spec)s in their place, traced and compiled.
    ///
    /// # Errors
    /// As [`Function::call`].
    #[track_caller]
    pub fn concrete(&self, arguments: impl Arguments<Args>) -> Result<Concrete<Args, Out>> {
        let location = Location::caller();
        let mut key = Key::exact();
        arguments.visit(&mut key);
        check_no_errors(&key)?;
        let traced = self.traced(&arguments, &key, location)?;
        traced.executable(location)?;
        Ok(Concrete::new(traced))
    }

    /// Makes a signature ready that has not been called.
    #[cold]
    fn prepare(
        &self,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Call<Out>>> {
        let traced = self.traced(arguments, key, location)?;
        let plan = traced.plan(key, location)?;
        Ok(self.0.calls.get_or_insert(&key.words, &key.statics, || Arc::new(Call { plan, traced })))
    }

    /// Adds a call of the function to the trace at hand.
    fn stage(
        &self,
        arguments: &impl Arguments<Args>,
        key: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Out> {
        check_no_errors(key).inspect_err(trace::record_error)?;
        let traced = self.traced(arguments, key, location).inspect_err(trace::record_error)?;
        let results = trace::stage_call(&self.0.options.name, traced.graph(), &key.leaves, location)?;
        Ok(traced.rebuild(results, location))
    }

    /// The trace for a signature, made if there is none.
    fn traced(
        &self,
        arguments: &impl Arguments<Args>,
        exact: &Key<'_>,
        location: &'static Location<'static>,
    ) -> Result<Arc<Traced<Out>>> {
        let mut structure = Key::structure();
        arguments.visit(&mut structure);
        let mut paths = Paths::new(self.0.options.argument_names);
        arguments.visit(&mut paths);
        let paths = paths.found;
        let types = match &self.0.options.signature {
            Some(signature) => {
                self.check_signature(signature, exact, &paths, location)?;
                signature.to_vec()
            }
            None => name_symbols(exact.leaves.iter().filter_map(|leaf| signature::leaf_type(leaf))),
        };
        check_sizes(&self.0.options.name, &types, location)?;

        let make_slot = || Arc::new(Slot { tracing: Mutex::new(()), traced: OnceLock::new() });
        let words = if self.0.options.signature.is_some() { &structure.words } else { &exact.words };
        let slot = self.0.traces.get_or_insert(words, &structure.statics, make_slot);
        if let Some(traced) = slot.traced.get() {
            return Ok(traced.clone());
        }
        let address = Arc::as_ptr(&slot) as usize;
        if trace::is_tracing(address) {
            let function = self.0.options.name.to_string();
            return Err(Error::at(ErrorKind::Recursion { function }, location));
        }
        let _turn = (!trace::is_active()).then(|| slot.tracing.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(traced) = slot.traced.get() {
            return Ok(traced.clone());
        }
        let traced = self.trace(arguments, types, paths, &structure, address, location)?;
        Ok(slot.traced.get_or_init(|| Arc::new(traced)).clone())
    }

    fn check_signature(
        &self,
        signature: &[TensorType],
        key: &Key<'_>,
        paths: &[String],
        location: &'static Location<'static>,
    ) -> Result<()> {
        let differences = signature::differences(signature, &key.leaves, paths);
        if differences.is_empty() {
            return Ok(());
        }
        let function = self.0.options.name.to_string();
        Err(Error::at(ErrorKind::Signature { function, differences }, location))
    }

    /// Runs the closure on the parameters of a new graph.
    fn trace(
        &self,
        arguments: &impl Arguments<Args>,
        types: Vec<TensorType>,
        paths: Vec<String>,
        structure: &Key<'_>,
        slot: usize,
        location: &'static Location<'static>,
    ) -> Result<Traced<Out>> {
        let session = Session::open(&self.0.options.name, slot, location)?;
        let names = legal_names(&paths);
        let mut parameters = types.into_iter().zip(&names).map(|(of, name)| session.add_parameter(name, of, location));
        let arguments = arguments.rebuild(&mut || next_leaf(&mut parameters, location));
        self.0.n_traced.fetch_add(1, Relaxed);
        // An error that the closure returns is its own answer to one that an operation gave before.
        let out = self.0.body.trace(arguments)?;
        let leaves = flatten(&out);
        let graph = session.finish(&leaves.iter().collect::<Vec<_>>(), &result_names(&out), location)?;
        let statics: Statics = structure.statics.iter().map(|value| value.boxed()).collect();
        Ok(Traced::new(graph, out, paths, structure.words.as_slice().into(), statics))
    }
}

/// The names of results: their paths, where those have names in them.
fn result_names(out: &impl Tree) -> Vec<Option<String>> {
    let paths = paths(out);
    let names = legal_names(&paths);
    let is_named = |path: &String| path.chars().any(|letter| letter.is_alphabetic());
    paths.iter().zip(names).map(|(path, name)| is_named(path).then_some(name)).collect()
}

/// The next of the leaves that a structure is filled with.
pub(crate) fn next_leaf(leaves: &mut dyn Iterator<Item = Tensor>, location: &'static Location<'static>) -> Tensor {
    leaves.next().unwrap_or_else(|| {
        // Only an implementation of `Tree` whose methods disagree comes here.
        let message = "a tree is rebuilt with more leaves than it shows".into();
        Tensor::from_error(Error::at(ErrorKind::Message(message), location))
    })
}

/// Lets a call fail where a tensor among its arguments has no value.
pub(crate) fn check_values(name: &str, key: &Key<'_>, location: &'static Location<'static>) -> Result<()> {
    match key.leaves.iter().find(|leaf| !matches!(leaf.0, Repr::Value(_))) {
        Some(leaf) => Err(trace::not_a_value(name, leaf, location)),
        None => Ok(()),
    }
}

/// Refuses sizes below zero, which only a spec can have.
fn check_sizes(name: &str, types: &[TensorType], location: &'static Location<'static>) -> Result<()> {
    let is_negative = |of: &&TensorType| of.dims.iter().any(|dim| dim.as_known().is_some_and(|size| size < 0));
    match types.iter().find(is_negative) {
        Some(of) => Err(Error::at(ErrorKind::Message(format!("{name}: {of} has a negative size")), location)),
        None => Ok(()),
    }
}

pub(crate) fn check_no_errors(key: &Key<'_>) -> Result<()> {
    key.leaves.iter().try_for_each(|leaf| leaf.check())
}

/// Runs a plan on arguments that fit it.
pub(crate) fn run<Args, Out: Tree>(
    name: &str,
    plan: &Plan,
    traced: &Traced<Out>,
    arguments: impl Arguments<Args>,
    location: &'static Location<'static>,
) -> Result<Out> {
    let mut fed: SmallVec<[Argument; 4]> = SmallVec::new();
    arguments.feed(&mut |leaf| {
        fed.push(match leaf {
            Leaf::Lend(Tensor(Repr::Value(array))) => Argument::Lend(array),
            Leaf::Give(Tensor(Repr::Value(array))) => Argument::Give(array),
            // The values have been checked.
            Leaf::Lend(_) | Leaf::Give(_) => Argument::Taken,
        });
    });
    let results =
        plan.run(&mut fed).map_err(|source| Error::at(ErrorKind::Call { graph: name.into(), source }, location))?;
    let mut results = results.into_iter().map(Tensor::from_array);
    Ok(traced.out().rebuild(&mut || next_leaf(&mut results, location)))
}

/// The dtypes and shapes of values.
pub(crate) fn value_types<'a>(leaves: &[&'a Tensor]) -> SmallVec<[(DType, &'a Shape); 8]> {
    leaves
        .iter()
        .filter_map(|leaf| match &leaf.0 {
            Repr::Value(array) => Some((array.dtype(), array.shape())),
            Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => None,
        })
        .collect()
}

/// What a function with the attribute `#[function]` may return: a `Result`, or a structure that can carry an error.
pub trait Returned: Sized {
    type Out: Tree;

    fn from_result(result: Result<Self::Out>) -> Self;
}

impl<T: Tree> Returned for Result<T, Error> {
    type Out = T;

    fn from_result(result: Result<T>) -> Self {
        result
    }
}

impl Returned for Tensor {
    type Out = Tensor;

    fn from_result(result: Result<Tensor>) -> Self {
        result.unwrap_or_else(Tensor::from_error)
    }
}

impl<T: Returned<Out = T> + Tree, const N: usize> Returned for [T; N] {
    type Out = [T; N];

    fn from_result(result: Result<[T; N]>) -> Self {
        result.unwrap_or_else(|error| std::array::from_fn(|_| T::from_result(Err(error.clone()))))
    }
}

macro_rules! returned_tuples {
    ($($($T:ident)*;)*) => {$(
        impl<$($T: Returned<Out = $T> + Tree),*> Returned for ($($T,)*) {
            type Out = ($($T,)*);

            fn from_result(result: Result<Self>) -> Self {
                result.unwrap_or_else(|error| ($($T::from_result(Err(error.clone())),)*))
            }
        }
    )*};
}
returned_tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

//! The one way in which every operation of the facade is carried out.
//!
//! An operation is a name, attributes, inputs and a closure that builds it from IR ops. While a trace is active it is
//! staged there. Otherwise it is a function of one operation: built by the same closure, compiled, and cached
//! process-wide under (name, attributes, dtypes and shapes of the inputs), so that a composition such as `softmax` is
//! one graph in either case.
//!
//! The key is a list of words that is built on the stack, so that a hit of the cache allocates nothing.

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{Graph, Op, Span, TensorType, Value};
use tancho_runtime::{Argument, CallError, CompileOptions, Executable, Plan};
use tancho_tensor::{Array, DType, Shape};

use crate::builder::{Build, BuildAll, BuildSeveral, Builder};
use crate::error::{Error, ErrorKind, Result};
use crate::operand::{Operand, resolve};
use crate::shape::Dim;
use crate::table::Table;
use crate::tensor::{Repr, Tensor, nothing};
use crate::{tape, trace};

/// What an operation is told beside its inputs, as words of the cache's key.
#[derive(Default)]
pub(crate) struct Attributes {
    words: SmallVec<[u64; 8]>,
    /// The first size that has no number.
    symbolic: Option<Dim>,
}

impl Attributes {
    pub(crate) fn none() -> Self {
        Attributes::default()
    }

    pub(crate) fn integer(mut self, value: i64) -> Self {
        self.words.push(value as u64);
        self
    }

    pub(crate) fn integers(self, values: impl IntoIterator<Item = i64>) -> Self {
        let mut attributes = self.integer(0);
        let place = attributes.words.len() - 1;
        attributes.words.extend(values.into_iter().map(|value| value as u64));
        attributes.words[place] = (attributes.words.len() - place - 1) as u64;
        attributes
    }

    pub(crate) fn float(mut self, value: f64) -> Self {
        self.words.push(value.to_bits());
        self
    }

    /// A text, for what has no words of its own.
    pub(crate) fn text(self, text: &str) -> Self {
        let words = text.as_bytes().chunks(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            i64::from_le_bytes(bytes)
        });
        self.integer(text.len() as i64).integers(words)
    }

    pub(crate) fn flag(self, value: bool) -> Self {
        self.integer(i64::from(value))
    }

    pub(crate) fn dtype(self, dtype: DType) -> Self {
        self.integer(dtype as i64)
    }

    pub(crate) fn size(mut self, size: &Dim) -> Self {
        match size.get().ok().and_then(|dim| dim.as_known()) {
            Some(known) => self.words.push(known as u64),
            None => {
                self.symbolic.get_or_insert_with(|| size.clone());
            }
        }
        self
    }

    pub(crate) fn sizes(self, sizes: &[Dim]) -> Self {
        let counted = self.integer(sizes.len() as i64);
        sizes.iter().fold(counted, Attributes::size)
    }
}

/// Carries out an operation. Scalars and sizes among the inputs take the dtype of the first tensor.
#[track_caller]
pub(crate) fn apply<const N: usize>(
    op: &'static str,
    attributes: Attributes,
    mut inputs: [Operand<'_>; N],
    build: Build,
) -> Tensor {
    resolve(op, &mut inputs);
    apply_all(op, attributes, &mut inputs, build)
}

/// As [`apply`], for any number of inputs that are tensors.
#[track_caller]
pub(crate) fn apply_all(op: &'static str, attributes: Attributes, inputs: &mut [Operand<'_>], build: Build) -> Tensor {
    apply_at(op, attributes, inputs, Location::caller(), build)
}

/// As [`apply_all`], for a line that was taken down before.
pub(crate) fn apply_at(
    op: &'static str,
    attributes: Attributes,
    inputs: &mut [Operand<'_>],
    location: &'static Location<'static>,
    build: Build,
) -> Tensor {
    read_variables(inputs, location);
    if trace::is_active() {
        let tensors: SmallVec<[&Tensor; 4]> = inputs.iter().filter_map(Operand::tensor).collect();
        return trace::stage(op, &tensors, location, build);
    }
    let build_all: BuildAll = &|builder, values| Ok(SmallVec::from_slice(&[build(builder, values)?]));
    match run_eagerly(op, attributes, inputs, build_all, location) {
        Ok(results) => results.into_iter().next().unwrap_or_else(|| Tensor(Repr::Error(no_result(op, location)))),
        Err(error) => Tensor(Repr::Error(error)),
    }
}

/// As [`apply_all`], for an operation with `N` results; an error is carried by each of them.
#[track_caller]
pub(crate) fn apply_several<const N: usize>(
    op: &'static str,
    attributes: Attributes,
    inputs: &mut [Operand<'_>],
    build: BuildSeveral<N>,
) -> [Tensor; N] {
    let location = Location::caller();
    let build_all: BuildAll = &|builder, values| Ok(SmallVec::from_slice(&build(builder, values)?));
    read_variables(inputs, location);
    let results: Result<SmallVec<[Tensor; 1]>> = if trace::is_active() {
        let tensors: SmallVec<[&Tensor; 4]> = inputs.iter().filter_map(Operand::tensor).collect();
        trace::stage_all(op, &tensors, location, build_all).map(SmallVec::from_vec)
    } else {
        run_eagerly(op, attributes, inputs, build_all, location)
    };
    match results {
        Ok(results) => {
            let mut results = results.into_iter();
            std::array::from_fn(|_| results.next().unwrap_or_else(|| Tensor(Repr::Error(no_result(op, location)))))
        }
        Err(error) => std::array::from_fn(|_| Tensor(Repr::Error(error.clone()))),
    }
}

/// Puts what variables hold now in their place.
pub(crate) fn read_variables(inputs: &mut [Operand<'_>], location: &'static Location<'static>) {
    for input in inputs {
        if let Some(Tensor(Repr::Variable(cell))) = input.tensor() {
            *input = Operand::Give(cell.read(location));
        }
    }
}

fn no_result(op: &'static str, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Op { op, message: "the compiled code gave no result".into() }, location)
}

/// What is kept of an operation for one signature.
#[derive(Clone)]
struct Entry {
    plan: Arc<Plan>,
    /// The graph as it was built, for gradient tapes.
    graph: Arc<Graph>,
}

fn run_eagerly(
    op: &'static str,
    attributes: Attributes,
    inputs: &mut [Operand<'_>],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<SmallVec<[Tensor; 1]>> {
    let arrays = arrays_of(op, inputs, location)?;
    let entry = prepare(op, attributes, &arrays, build, location)?;
    drop(arrays);
    // A tape holds the inputs, so that nothing of it is overwritten.
    let recorded: Option<SmallVec<[Tensor; 2]>> =
        tape::is_recording().then(|| inputs.iter().filter_map(Operand::tensor).cloned().collect());
    let mut arguments: SmallVec<[Argument; 3]> = inputs
        .iter_mut()
        .filter_map(|input| match input {
            Operand::Lend(tensor) => tensor.value().map(Argument::Lend),
            Operand::Give(Tensor(Repr::Value(array))) => Some(Argument::Give(std::mem::replace(array, nothing()))),
            Operand::Give(tensor) => tensor.value().map(Argument::Lend),
            Operand::Scalar(_) | Operand::Size(_) => None,
        })
        .collect();
    let results = entry.plan.run(&mut arguments).map_err(|source| call_error(op, source, location))?;
    Ok(match recorded {
        Some(inputs) => tape::record(&entry.graph, inputs, results),
        None => results.into_iter().map(|array| Tensor(Repr::Value(array))).collect(),
    })
}

/// Carries out an operation that has an effect and no results; no tape sees it.
///
/// # Errors
/// An input carries an error, the operation does not take the inputs, or it fails.
pub(crate) fn apply_effect(
    op: &'static str,
    attributes: Attributes,
    inputs: &mut [Operand<'_>],
    effect: Op,
    location: &'static Location<'static>,
) -> Result<()> {
    read_variables(inputs, location);
    if trace::is_active() {
        let tensors: SmallVec<[&Tensor; 4]> = inputs.iter().filter_map(Operand::tensor).collect();
        return trace::stage_with_state(op, &tensors, &[], &[], location, effect).map(drop);
    }
    let arrays = arrays_of(op, inputs, location)?;
    let build: BuildAll = &|builder, values| {
        builder.add(effect.clone(), values)?;
        Ok(SmallVec::new())
    };
    let entry = prepare(op, attributes, &arrays, build, location)?;
    let mut arguments: SmallVec<[Argument; 3]> = arrays.into_iter().map(Argument::Lend).collect();
    entry.plan.run(&mut arguments).map_err(|source| call_error(op, source, location))?;
    Ok(())
}

/// Puts the only result of an operation on an array and other inputs in the array's place; no tape sees it.
///
/// # Errors
/// As an operation's; the array is then what it was.
pub(crate) fn update_eagerly(
    op: &'static str,
    attributes: Attributes,
    held: &mut Array,
    others: &mut [Operand<'_>],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<()> {
    let lent = arrays_of(op, others, location)?;
    let entry = {
        let arrays: SmallVec<[&Array; 4]> = std::iter::once(&*held).chain(lent.iter().copied()).collect();
        prepare(op, attributes, &arrays, build, location)?
    };
    let given = Argument::Give(std::mem::replace(held, nothing()));
    let mut arguments: SmallVec<[Argument; 3]> =
        std::iter::once(given).chain(lent.into_iter().map(Argument::Lend)).collect();
    match entry.plan.run(&mut arguments) {
        Ok(results) => {
            *held = results.into_iter().next().ok_or_else(|| no_result(op, location))?;
            Ok(())
        }
        Err(source) => {
            if let Argument::Give(array) = std::mem::replace(&mut arguments[0], Argument::Taken) {
                *held = array;
            }
            Err(call_error(op, source, location))
        }
    }
}

fn call_error(op: &'static str, source: CallError, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Call { graph: op.into(), source }, location)
}

/// The values of all inputs.
fn arrays_of<'a>(
    op: &'static str,
    inputs: &'a [Operand<'_>],
    location: &'static Location<'static>,
) -> Result<SmallVec<[&'a Array; 4]>> {
    let tensors = inputs.iter().filter_map(Operand::tensor);
    tensors.map(|tensor| tensor.value().ok_or_else(|| trace::not_a_value(op, tensor, location))).collect()
}

/// The operation compiled for inputs of these types.
fn prepare(
    op: &'static str,
    attributes: Attributes,
    inputs: &[&Array],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<Arc<Entry>> {
    if let Some(size) = attributes.symbolic {
        let message = match size.get() {
            Ok(_) => format!("the size {size} is known only in the trace that it is from"),
            Err(fault) => fault.0,
        };
        return Err(Error::at(ErrorKind::Op { op, message }, location));
    }
    let mut key: SmallVec<[u64; 24]> = SmallVec::new();
    // Two names at one address and of one length are the same name.
    key.extend([op.as_ptr() as u64, op.len() as u64, attributes.words.len() as u64]);
    key.extend_from_slice(&attributes.words);
    for array in inputs {
        key.push(array.dtype() as u64 | (array.shape().rank() as u64) << 8);
        key.extend(array.shape().iter().map(|&size| size as u64));
    }
    match CACHE.get(&key, &[]) {
        Some(entry) => Ok(entry),
        None => {
            let entry = compile(op, inputs, build, location)?;
            Ok(CACHE.get_or_insert(&key, &[], || entry))
        }
    }
}

fn compile(
    op: &'static str,
    inputs: &[&Array],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<Entry> {
    let mut graph = Graph::new(op);
    let operands: SmallVec<[Value; 4]> =
        inputs.iter().map(|array| graph.add_parameter(None, TensorType::of(array), Span::NONE)).collect();
    let shapes: SmallVec<[(DType, &Shape); 4]> = inputs.iter().map(|array| (array.dtype(), array.shape())).collect();
    // The graph serves every caller of the operation, so that it has no span.
    let results = build(&mut Builder::new(&mut graph, Span::NONE), &operands)
        .map_err(|fault| Error::at(ErrorKind::Op { op, message: fault.0 }, location))?;
    graph.set_results(results.to_vec());
    let executable = Executable::compile(graph.clone(), &CompileOptions::default())
        .map_err(|source| Error::at(ErrorKind::Compile { graph: op.into(), source }, location))?;
    let plan = executable.plan(&shapes).map_err(|source| call_error(op, source, location))?;
    Ok(Entry { plan, graph: Arc::new(graph) })
}

/// At most this many operations are kept compiled.
static CACHE: Table<Entry> = Table::new(4096);

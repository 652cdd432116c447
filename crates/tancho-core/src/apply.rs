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
use tancho_ir::{Graph, Span, TensorType, Value};
use tancho_runtime::{Argument, CompileOptions, Executable, Plan};
use tancho_tensor::{Array, DType, Shape};

use crate::builder::{Build, BuildAll, BuildSeveral, Builder};
use crate::error::{Error, ErrorKind, Result};
use crate::operand::{Operand, resolve};
use crate::shape::Dim;
use crate::table::Table;
use crate::tensor::{Repr, Tensor, nothing};
use crate::trace;

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
    if trace::is_active() {
        let tensors: SmallVec<[&Tensor; 4]> = inputs.iter().filter_map(Operand::tensor).collect();
        return trace::stage(op, &tensors, location, build);
    }
    let build_all: BuildAll = &|builder, values| Ok(SmallVec::from_slice(&[build(builder, values)?]));
    match run_eagerly(op, attributes, inputs, build_all, location) {
        Ok(results) => first(op, results, location),
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
    let results: Result<Vec<Tensor>> = if trace::is_active() {
        let tensors: SmallVec<[&Tensor; 4]> = inputs.iter().filter_map(Operand::tensor).collect();
        trace::stage_all(op, &tensors, location, build_all)
    } else {
        run_eagerly(op, attributes, inputs, build_all, location)
            .map(|results| results.into_iter().map(|array| Tensor(Repr::Value(array))).collect())
    };
    match results {
        Ok(results) => {
            let mut results = results.into_iter();
            std::array::from_fn(|_| results.next().unwrap_or_else(|| Tensor(Repr::Error(no_result(op, location)))))
        }
        Err(error) => std::array::from_fn(|_| Tensor(Repr::Error(error.clone()))),
    }
}

fn first(op: &'static str, results: Results, location: &'static Location<'static>) -> Tensor {
    match results.into_iter().next() {
        Some(array) => Tensor(Repr::Value(array)),
        None => Tensor(Repr::Error(no_result(op, location))),
    }
}

fn no_result(op: &'static str, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Op { op, message: "the compiled code gave no result".into() }, location)
}

/// What compiled code gives.
type Results = SmallVec<[Array; 1]>;

fn run_eagerly(
    op: &'static str,
    attributes: Attributes,
    inputs: &mut [Operand<'_>],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<Results> {
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
    for input in inputs.iter().filter_map(Operand::tensor) {
        let Repr::Value(array) = &input.0 else { return Err(trace::not_a_value(op, input, location)) };
        key.push(array.dtype() as u64 | (array.shape().rank() as u64) << 8);
        key.extend(array.shape().iter().map(|&size| size as u64));
    }
    let plan = match CACHE.get(&key, &[]) {
        Some(plan) => plan,
        None => {
            let plan = compile(op, inputs, build, location)?;
            CACHE.get_or_insert(&key, &[], || plan)
        }
    };
    let mut arguments: SmallVec<[Argument; 3]> = inputs
        .iter_mut()
        .filter_map(|input| match input {
            Operand::Lend(Tensor(Repr::Value(array))) => Some(Argument::Lend(array)),
            Operand::Give(Tensor(Repr::Value(array))) => Some(Argument::Give(std::mem::replace(array, nothing()))),
            _ => None,
        })
        .collect();
    plan.run(&mut arguments).map_err(|source| Error::at(ErrorKind::Call { graph: op.into(), source }, location))
}

fn compile(
    op: &'static str,
    inputs: &[Operand<'_>],
    build: BuildAll,
    location: &'static Location<'static>,
) -> Result<Arc<Plan>> {
    let mut graph = Graph::new(op);
    let mut operands: SmallVec<[Value; 4]> = SmallVec::new();
    let mut shapes: SmallVec<[(DType, &Shape); 4]> = SmallVec::new();
    for input in inputs.iter().filter_map(Operand::tensor) {
        let Repr::Value(array) = &input.0 else { continue };
        shapes.push((array.dtype(), array.shape()));
        operands.push(graph.add_parameter(None, TensorType::of(array), Span::NONE));
    }
    // The graph serves every caller of the operation, so that it has no span.
    let results = build(&mut Builder::new(&mut graph, Span::NONE), &operands)
        .map_err(|fault| Error::at(ErrorKind::Op { op, message: fault.0 }, location))?;
    graph.set_results(results.to_vec());
    let executable = Executable::compile(graph, &CompileOptions::default())
        .map_err(|source| Error::at(ErrorKind::Compile { graph: op.into(), source }, location))?;
    executable.plan(&shapes).map_err(|source| Error::at(ErrorKind::Call { graph: op.into(), source }, location))
}

/// At most this many operations are kept compiled.
static CACHE: Table<Arc<Plan>> = Table::new(4096);

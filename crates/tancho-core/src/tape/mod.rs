//! Gradient tapes.
//!
//! A [`GradientTape`] remembers what is computed while it records, and gives gradients of results by what they were
//! computed from. There are two ways to remember:
//!
//! - *Eagerly* ([`log`]) a tape keeps a list of what ran on its thread: the graph of each operation or traced function, its
//!   inputs and its outputs. A result of such an operation is a tensor with an identity, by which later operations find it.
//!   [`replay`] puts the list together to one graph, adds its gradients, and runs what is needed with the values that are
//!   there already; the graph is compiled once for each structure of the list.
//! - *Within a trace* everything is in the trace's graph already: a tape is a mark in it, and gradients are added to it
//!   ([`crate::trace::gradients`]).

mod log;
mod replay;
mod jacobian;
mod sources;

use std::marker::PhantomData;
use std::panic::Location;

use tancho_ir::NodeId;

use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;
use crate::trace::{self, TraceId};
use crate::tree::{Tree, flatten};

pub(crate) use jacobian::add_jacobian;
pub(crate) use log::{RecordId, distinct, is_active, is_recording, is_same, read_variable, record};
pub(crate) use replay::{add_gradients, diff_error, ones};
pub use sources::{AsSource, OnlyTensors, Source, Sources, visit_sources};

/// Remembers what is computed, for gradients.
///
/// ```
/// # use tancho_core::{GradientTape, Variable};
/// let x = Variable::new(1.0f32);
/// let tape = GradientTape::new();
/// let y = x.square() + 2.0 * &x - 5.0;
/// assert_eq!(tape.gradient(&y, &x).item::<f32>()?, 4.0);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// A tape records on its thread from when it is made until it is dropped, or until its gradient is taken, unless it is
/// [persistent](GradientTape::persistent). It watches trainable variables of float dtypes; tensors it watches where it is
/// told so, with [`GradientTape::watch`]. Within a traced function the tape, its gradients and everything between belong to
/// that function.
pub struct GradientTape {
    place: Place,
    options: Options,
    /// A tape belongs to its thread.
    thread: PhantomData<*const ()>,
}

#[derive(Clone, Copy)]
struct Options {
    persistent: bool,
    watches_variables: bool,
}

enum Place {
    Eager(log::TapeId),
    Trace(std::cell::RefCell<Mark>),
}

/// What a tape knows of the trace that it is in.
pub(crate) struct Mark {
    pub(crate) trace: TraceId,
    /// The ids of nodes that were recorded: half-open ranges, of which the last may have no end yet.
    pub(crate) recorded: Vec<(usize, Option<usize>)>,
    pub(crate) watched: Vec<trace::Watched>,
    pub(crate) watches_variables: bool,
    pub(crate) used: bool,
}

impl Mark {
    pub(crate) fn includes(&self, id: NodeId) -> bool {
        let id = id.index();
        self.recorded.iter().any(|&(first, end)| first <= id && end.is_none_or(|end| id < end))
    }
}

impl GradientTape {
    /// A tape that records from now on, of which one gradient can be taken.
    pub fn new() -> GradientTape {
        GradientTape::with(Options { persistent: false, watches_variables: true })
    }

    /// A tape of which any number of gradients can be taken. It records until it is dropped, gradients among the rest.
    pub fn persistent() -> GradientTape {
        GradientTape::with(Options { persistent: true, watches_variables: true })
    }

    /// The tape, not watching variables unless it is told to; what it has recorded is forgotten.
    pub fn without_variables(self) -> GradientTape {
        GradientTape::with(Options { watches_variables: false, ..self.options })
    }

    fn with(options: Options) -> GradientTape {
        let place = match trace::mark(options.watches_variables) {
            Some(mark) => Place::Trace(mark.into()),
            None => Place::Eager(log::open(options.watches_variables)),
        };
        GradientTape { place, options, thread: PhantomData }
    }

    /// Lets the tape watch the tensors of a tree, or a variable.
    pub fn watch<S: Sources>(&self, sources: S) {
        sources.visit(&mut |source| match &self.place {
            Place::Eager(id) => log::watch(*id, source),
            Place::Trace(mark) => trace::watch(&mut mark.borrow_mut(), source),
        });
    }

    /// Runs a closure that the tape does not see.
    pub fn stop_recording<R>(&self, body: impl FnOnce() -> R) -> R {
        struct Resume<'t>(&'t GradientTape);
        impl Drop for Resume<'_> {
            fn drop(&mut self) {
                self.0.set_recording(true);
            }
        }
        self.set_recording(false);
        let _resume = Resume(self);
        body()
    }

    fn set_recording(&self, on: bool) {
        match &self.place {
            Place::Eager(id) => log::set_recording(*id, on),
            Place::Trace(mark) => trace::set_recording(&mut mark.borrow_mut(), on),
        }
    }

    /// The gradient of a tensor, or of the sum of all elements of a tree of them, by sources, in the structure of those.
    ///
    /// Sources are tensors, variables, arrays, vectors, maps and tuples of them, and structs of tensors that derive `Tree`.
    /// For the variables of a struct there is [`variables`](crate::variables).
    ///
    /// # Errors
    /// The tensors carry an error: the target or a source carries it; the target does not depend on a source through what
    /// was recorded (see [`GradientTape::gradient_or_zeros`] and [`GradientTape::gradient_or_none`]); an operation has no
    /// gradient; the tape was used before and is not persistent, or is of another trace.
    #[track_caller]
    pub fn gradient<S: Sources>(&self, target: &impl Tree, sources: S) -> S::Grads {
        let location = Location::caller();
        let found = self.gradients_at(target, None, &sources, location);
        self.assemble(found, &sources, |place, source| {
            let tensor = source.tensor();
            let message = if tensor.dtype().is_float() {
                format!(
                    "the target does not depend on source {place}; watch it before it is used, or take \
                     gradient_or_zeros or gradient_or_none"
                )
            } else {
                format!("source {place} is {}, and gradients are by floats", tensor.describe())
            };
            Tensor::from_error(Error::at(ErrorKind::Op { op: "gradient", message }, location))
        })
    }

    /// As [`GradientTape::gradient`], with zeros where the target does not depend on a source.
    #[track_caller]
    pub fn gradient_or_zeros<S: Sources>(&self, target: &impl Tree, sources: S) -> S::Grads {
        self.gradient_or_zeros_at(target, sources, Location::caller())
    }

    pub(crate) fn gradient_or_zeros_at<S: Sources>(
        &self,
        target: &impl Tree,
        sources: S,
        location: &'static Location<'static>,
    ) -> S::Grads {
        let found = self.gradients_at(target, None, &sources, location);
        self.assemble(found, &sources, |_, source| zeros_like(source))
    }

    /// As [`GradientTape::gradient`], with nothing where the target does not depend on a source.
    #[track_caller]
    pub fn gradient_or_none<S: Sources>(&self, target: &impl Tree, sources: S) -> S::Options {
        let location = Location::caller();
        let found = self.gradients_at(target, None, &sources, location);
        let mut found = match found {
            Ok(found) => found.into_iter(),
            Err(error) => vec![Some(Tensor::from_error(error)); count(&sources)].into_iter(),
        };
        sources.rebuild_options(&mut || found.next().flatten())
    }

    /// As [`GradientTape::gradient_or_zeros`], with weights for the elements of the target: the product of the weights and
    /// the Jacobian matrix.
    #[track_caller]
    pub fn gradient_with<S: Sources>(&self, target: &impl Tree, weights: &impl Tree, sources: S) -> S::Grads {
        let location = Location::caller();
        let found = self.gradients_at(target, Some(flatten(weights)), &sources, location);
        self.assemble(found, &sources, |_, source| zeros_like(source))
    }

    /// The derivative of every element of a tensor by every element of the sources: of the tensor's shape, then the
    /// source's. Zeros where the target does not depend on a source.
    #[track_caller]
    pub fn jacobian<S: Sources>(&self, target: &Tensor, sources: S) -> S::Grads {
        self.jacobian_at(target, sources, Location::caller())
    }

    pub(crate) fn jacobian_at<S: Sources>(
        &self,
        target: &Tensor,
        sources: S,
        location: &'static Location<'static>,
    ) -> S::Grads {
        let target = target.clone();
        let found = match &self.place {
            Place::Eager(id) => replay::jacobian(*id, &target, &list(&sources), self.options.persistent, location),
            Place::Trace(mark) => {
                let mut mark = mark.borrow_mut();
                self.take_turn(&mut mark, location)
                    .and_then(|()| trace::jacobian(&mark, &target, &list(&sources), location))
                    .inspect_err(trace::record_error)
            }
        };
        self.assemble(found, &sources, |_, source| {
            let mut sizes: Vec<crate::Dim> = target.shape().dims().to_vec();
            sizes.extend(source_shape(source).dims().iter().cloned());
            crate::zeros(source_dtype(source), sizes)
        })
    }

    fn gradients_at<S: Sources>(
        &self,
        target: &impl Tree,
        weights: Option<Vec<Tensor>>,
        sources: &S,
        location: &'static Location<'static>,
    ) -> Result<Vec<Option<Tensor>>> {
        let targets = flatten(target);
        if let Some(weights) = &weights
            && weights.len() != targets.len()
        {
            let message = format!("{} weights are given for {} targets", weights.len(), targets.len());
            return Err(Error::at(ErrorKind::Op { op: "gradient", message }, location))
                .inspect_err(trace::record_error);
        }
        match &self.place {
            Place::Eager(id) => {
                replay::gradients(*id, &targets, weights.as_deref(), &list(sources), self.options.persistent, location)
            }
            Place::Trace(mark) => {
                let mut mark = mark.borrow_mut();
                self.take_turn(&mut mark, location)
                    .and_then(|()| trace::gradients(&mark, &targets, weights.as_deref(), &list(sources), location))
                    .inspect_err(trace::record_error)
            }
        }
    }

    /// One turn is all that a tape has which is not persistent.
    fn take_turn(&self, mark: &mut Mark, location: &'static Location<'static>) -> Result<()> {
        if mark.used && !self.options.persistent {
            return Err(used_error(location));
        }
        mark.used = true;
        if !self.options.persistent {
            trace::set_recording(mark, false);
        }
        Ok(())
    }

    fn assemble<S: Sources>(
        &self,
        found: Result<Vec<Option<Tensor>>>,
        sources: &S,
        unconnected: impl Fn(usize, &Source<'_>) -> Tensor,
    ) -> S::Grads {
        let mut grads = match found {
            Ok(found) => {
                let list = list(sources);
                let filled = found.into_iter().zip(&list).enumerate();
                filled.map(|(place, (grad, source))| grad.unwrap_or_else(|| unconnected(place, source))).collect()
            }
            Err(error) => vec![Tensor::from_error(error); count(sources)],
        }
        .into_iter();
        sources.rebuild(&mut || grads.next().unwrap_or_else(|| Tensor::from(crate::tensor::nothing())))
    }
}

impl Default for GradientTape {
    fn default() -> Self {
        GradientTape::new()
    }
}

impl Drop for GradientTape {
    fn drop(&mut self) {
        if let Place::Eager(id) = self.place {
            log::close(id);
        }
    }
}

fn used_error(location: &'static Location<'static>) -> Error {
    let message = "a tape that is not persistent gives one gradient; use GradientTape::persistent()".into();
    Error::at(ErrorKind::Op { op: "gradient", message }, location)
}

fn list<S: Sources>(sources: &S) -> Vec<Source<'_>> {
    let mut list = Vec::new();
    sources.visit(&mut |source| list.push(source));
    list
}

fn count<S: Sources>(sources: &S) -> usize {
    list(sources).len()
}

fn source_shape(source: &Source<'_>) -> crate::Shape {
    match source {
        Source::Tensor(tensor) => tensor.shape(),
        Source::Variable(variable) => variable.shape(),
    }
}

fn source_dtype(source: &Source<'_>) -> crate::DType {
    match source {
        Source::Tensor(tensor) => tensor.dtype(),
        Source::Variable(variable) => variable.dtype(),
    }
}

#[track_caller]
fn zeros_like(source: &Source<'_>) -> Tensor {
    crate::zeros(source_dtype(source), source_shape(source))
}

//! A call of a plan with arrays: memory for the results and the arena comes from the pool.

#![allow(unsafe_code)]

use smallvec::SmallVec;
use tancho_ir::Span;
use tancho_tensor::{AllocError, Allocation, Array, Buffer, Scratch};

use crate::execute::Workers;
use crate::host::HostError;
use crate::plan::{Plan, ResultSource};
use crate::watch::{NoWatch, Watch};

/// An argument that is lent, or given away so that its memory may be reused for a result.
pub enum Argument<'a> {
    Lend(&'a Array),
    Give(Array),
    /// What a call leaves in the place of an argument that was given.
    Taken,
}

impl Argument<'_> {
    /// The array, where it has not been taken.
    pub fn array(&self) -> Option<&Array> {
        match self {
            Argument::Lend(array) => Some(array),
            Argument::Give(array) => Some(array),
            Argument::Taken => None,
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Alloc(#[from] AllocError),
    #[error(transparent)]
    Host(Box<HostError>),
    /// An assertion of the program does not hold.
    #[error("assertion failed: {message}{}", if .span.is_none() { String::new() } else { format!(" ({})", .span) })]
    Assert { message: String, span: Span },
}

impl From<HostError> for RunError {
    fn from(error: HostError) -> Self {
        RunError::Host(Box::new(error))
    }
}

/// What a call gives, one array for each result of the graph.
pub type Results = SmallVec<[Array; 1]>;

impl Plan {
    /// Runs the plan on arrays of the dtypes and shapes that it was made for.
    ///
    /// # Errors
    /// Memory is short, or a function of the host or an assertion fails. Arguments that were given may be gone then, unless it
    /// is before the first step that memory is short.
    ///
    /// # Panics
    /// The arguments have other dtypes or numbers of elements than the plan was made for, or were taken before.
    pub fn call(&self, arguments: &mut [Argument<'_>], workers: &impl Workers) -> Result<Results, RunError> {
        self.call_watched(arguments, workers, &mut NoWatch)
    }

    /// As [`Plan::call`], with somebody who watches the steps.
    pub(crate) fn call_watched(
        &self,
        arguments: &mut [Argument<'_>],
        workers: &impl Workers,
        watch: &mut impl Watch,
    ) -> Result<Results, RunError> {
        assert_eq!(arguments.len(), self.parameters.len(), "a plan takes an array for each parameter");
        let mut pointers: SmallVec<[*const u8; 8]> = SmallVec::new();
        for (argument, &(dtype, bytes)) in arguments.iter().zip(&self.parameters) {
            let array = argument.array().expect("an argument that was not taken");
            assert!(
                array.dtype() == dtype && array.buffer().len() == bytes,
                "a plan for {dtype} of {bytes} bytes was called with {}{}",
                array.dtype(),
                array.shape()
            );
            pointers.push(array.buffer().as_ptr());
        }
        // What may fail comes before anything is taken.
        let arena = match self.arena_bytes(if self.parallel { workers.count() } else { 1 }) {
            0 => None,
            bytes => Some(Scratch::new(bytes)?),
        };
        let mut donors: SmallVec<[Option<usize>; 2]> = SmallVec::from_elem(None, self.output_bytes.len());
        for &(argument, output) in &self.donations {
            if matches!(&arguments[argument], Argument::Give(array) if array.buffer().is_unique()) {
                donors[output] = Some(argument);
            }
        }
        let mut outputs: SmallVec<[Option<Allocation>; 2]> = SmallVec::new();
        for (donor, &bytes) in donors.iter().zip(&self.output_bytes) {
            outputs.push(if donor.is_some() { None } else { Some(Allocation::uninit(bytes)?) });
        }
        let mut memory: SmallVec<[Allocation; 2]> = SmallVec::new();
        for ((output, donor), &bytes) in outputs.into_iter().zip(donors).zip(&self.output_bytes) {
            let taken = donor.and_then(|argument| take_memory(&mut arguments[argument]));
            if let (Some(argument), Some(allocation)) = (donor, &taken) {
                pointers[argument] = allocation.as_ptr();
            }
            memory.push(match output.or(taken) {
                Some(allocation) => allocation,
                None => Allocation::uninit(bytes)?,
            });
        }
        let output_pointers: SmallVec<[*mut u8; 2]> = memory.iter().map(Allocation::as_ptr).collect();
        let arena_pointer = arena.as_ref().map_or(std::ptr::null_mut(), Scratch::as_ptr);
        // SAFETY: the arguments were just checked against the plan, and stay borrowed or owned here; the outputs and the arena
        // were allocated for it and are not shared; an output has an argument's memory only for a pair of `donations`.
        unsafe { self.run_watched(&pointers, &output_pointers, arena_pointer, workers, watch) }?;
        // SAFETY: the steps of a plan write every element of every output.
        let outputs: SmallVec<[Buffer; 2]> =
            memory.into_iter().map(|allocation| unsafe { allocation.freeze() }).collect();
        Ok(self.results(arguments, &outputs))
    }

    fn results(&self, arguments: &[Argument<'_>], outputs: &[Buffer]) -> Results {
        let result = |result: &crate::plan::PlannedResult| {
            let buffer = match &result.source {
                ResultSource::Output(position) => outputs[*position].clone(),
                ResultSource::Argument(position) => {
                    arguments[*position].array().expect("arguments that are results are not taken").buffer().clone()
                }
                ResultSource::Constant(buffer) => buffer.clone(),
            };
            // SAFETY: the plan gave the buffer the bytes of this type, and kernels store bools as 0 or 1.
            unsafe { Array::from_buffer_unchecked(result.dtype, result.shape.clone(), buffer) }
        };
        self.results.iter().map(result).collect()
    }
}

/// The memory of an argument that was given, where nobody else holds it.
fn take_memory(argument: &mut Argument<'_>) -> Option<Allocation> {
    if !matches!(argument, Argument::Give(_)) {
        return None;
    }
    let Argument::Give(array) = std::mem::replace(argument, Argument::Taken) else { return None };
    let (dtype, shape) = (array.dtype(), array.shape().clone());
    match array.into_buffer().into_unique() {
        Ok(allocation) => Some(allocation),
        Err(buffer) => {
            // SAFETY: these are the parts of the array that was just taken apart.
            *argument = Argument::Give(unsafe { Array::from_buffer_unchecked(dtype, shape, buffer) });
            None
        }
    }
}

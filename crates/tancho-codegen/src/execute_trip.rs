//! A nested plan with the places of its run resolved once, for runs that follow one another on the same memory.
//!
//! The trips of a loop differ in nothing but which of its two places each value of the state is read from. So every other
//! trip finds its places as the last but one did, and a loop of many trips resolves them for two trips alone: a kernel of
//! one tile is then a call and nothing else.

#![allow(unsafe_code)]

use smallvec::SmallVec;

use crate::call::RunError;
use crate::execute::{Bases, Workers};
use crate::execute_nested::{copy, found_results, output_places};
use crate::step::{LoopStep, NestedPlan, Step};
use crate::watch::Watch;

/// A nested plan on the memory of a run.
pub(crate) struct Trip<'p> {
    arguments: SmallVec<[*const u8; 8]>,
    outputs: SmallVec<[*mut u8; 4]>,
    arena: *mut u8,
    steps: SmallVec<[ResolvedStep<'p>; 6]>,
    /// The pointer tables of all calls, one after the other.
    pointers: SmallVec<[*mut u8; 24]>,
    /// What is found elsewhere than where it is wanted: (to, from, bytes).
    copies: SmallVec<[(*mut u8, *const u8, usize); 4]>,
}

enum ResolvedStep<'p> {
    /// One tile of a kernel; its pointers stand from `first` on.
    Call {
        step: &'p LoopStep,
        tile: [i64; 4],
        first: usize,
    },
    Copy {
        to: *mut u8,
        from: *const u8,
        bytes: usize,
    },
    Step(&'p Step),
}

impl<'p> Trip<'p> {
    /// Resolves the places of a run that finds its arguments and is to leave result `i` at `targets[i]`.
    pub(crate) fn new(nested: &'p NestedPlan, arguments: &[*const u8], targets: &[*mut u8], bases: &Bases<'_>) -> Self {
        let outputs = output_places(nested, targets);
        let arena = bases.resolve(nested.arena);
        let inner = Bases { arguments, outputs: &outputs, arena, ..*bases };
        let mut pointers: SmallVec<[*mut u8; 24]> = SmallVec::new();
        let mut steps = SmallVec::new();
        for step in &nested.plan.steps {
            steps.push(match step {
                Step::Loop(step) if step.tiles.count == 1 => {
                    let first = pointers.len();
                    pointers.extend(step.kernel.pointers.iter().map(|&pointer| inner.resolve(pointer)));
                    ResolvedStep::Call { step, tile: step.tiles.tile(0), first }
                }
                Step::Copy(step) => {
                    let (to, from) = (inner.resolve(step.to), inner.resolve(step.from));
                    ResolvedStep::Copy { to, from, bytes: step.bytes }
                }
                step => ResolvedStep::Step(step),
            });
        }
        let copies =
            found_results(nested, arguments, &outputs, targets).filter(|(to, from, _)| !std::ptr::eq(*to, *from));
        let copies = copies.collect();
        Trip { arguments: SmallVec::from_slice(arguments), outputs, arena, steps, pointers, copies }
    }

    /// Runs the plan; `bases` are those with which it was resolved.
    pub(crate) fn run(
        &self,
        bases: &Bases<'_>,
        workers: &impl Workers,
        watch: &mut impl Watch,
    ) -> Result<(), RunError> {
        for (number, step) in self.steps.iter().enumerate() {
            let begun = watch.begin(number);
            match step {
                ResolvedStep::Call { step, tile: [row_begin, row_end, inner_begin, inner_end], first } => {
                    let arguments = step.kernel.arguments.as_ptr();
                    // SAFETY: as in `run_loop`, which would call the kernel in the same way.
                    unsafe {
                        (step.kernel.function)(
                            self.pointers[*first..].as_ptr(),
                            arguments,
                            bases.scratch,
                            *row_begin,
                            *row_end,
                            *inner_begin,
                            *inner_end,
                        );
                    }
                }
                ResolvedStep::Copy { to, from, bytes } => copy(*to, *from, *bytes),
                ResolvedStep::Step(step) => {
                    let inner =
                        Bases { arguments: &self.arguments, outputs: &self.outputs, arena: self.arena, ..*bases };
                    step.run(&inner, workers, watch)?;
                }
            }
            watch.end(begun);
        }
        self.copies.iter().for_each(|&(to, from, bytes)| copy(to, from, bytes));
        Ok(())
    }
}

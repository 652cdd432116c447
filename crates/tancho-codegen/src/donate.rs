//! Donation: which arguments' memory may become an output's.
//!
//! A pair is safe when the output is written by one launch only, and no later launch reads the argument. That launch is
//!
//! - a kernel whose every access to the argument reads exactly the element that the same point writes: the loads of a point
//!   come before its stores, so that nothing is read after it was overwritten. Where a dimension is folded, the point is one
//!   of the result, which is stored once, when everything was read;
//! - a product whose epilogue is such a kernel, and which multiplies other buffers;
//! - a procedure whose result begins as a copy of the argument, which it does not read otherwise.

use smallvec::SmallVec;

use crate::compiled::Compiled;
use crate::kernel::{AccessMap, Form, Kernel};
use crate::plan::Plan;
use crate::program::{BufferId, Launch, LoopLaunch, Memory, ProductOutput, Program};
use crate::uses::Uses;

/// An argument whose memory may become an output's, where both have as many bytes.
pub(crate) struct Donation {
    pub argument: (usize, BufferId),
    pub output: (usize, BufferId),
}

impl Donation {
    fn agrees(&self, buffer_bytes: &[usize]) -> bool {
        buffer_bytes[self.argument.1.index()] == buffer_bytes[self.output.1.index()]
    }
}

/// Whether result `result` may be written over argument `argument` in a run of its own: the argument is not needed any more
/// where the result is written, and each part of it is read before it is overwritten.
pub(crate) fn may_replace(plan: &Plan, argument: usize, result: usize) -> bool {
    let Compiled { program, uses, .. } = &*plan.compiled;
    let output = program.results[result].0;
    program.results.iter().filter(|(buffer, _)| *buffer == output).count() == 1
        && uses.donations.iter().any(|donation| {
            donation.argument.0 == argument && donation.output.1 == output && donation.agrees(&plan.buffer_bytes)
        })
}

/// The pairs (argument, output) of as many bytes; each argument and each output at most once.
pub(crate) fn agreed_donations(uses: &Uses, buffer_bytes: &[usize]) -> SmallVec<[(usize, usize); 2]> {
    let mut pairs: SmallVec<[(usize, usize); 2]> = SmallVec::new();
    for donation in &uses.donations {
        let Donation { argument, output } = donation;
        let taken = pairs.iter().any(|&(a, o)| a == argument.0 || o == output.0);
        if !taken && donation.agrees(buffer_bytes) {
            pairs.push((argument.0, output.0));
        }
    }
    pairs
}

/// The safe pairs whatever the sizes, from the buffers that each launch reads and writes; in the order of the launches.
pub(crate) fn donations(program: &Program, reads: &[Box<[BufferId]>], writes: &[Box<[BufferId]>]) -> Vec<Donation> {
    let mut writers = vec![0; program.buffers.len()];
    writes.iter().for_each(|writes| writes.iter().for_each(|buffer| writers[buffer.index()] += 1));
    let mut donations = Vec::new();
    for (index, launch) in program.launches.iter().enumerate() {
        for &output in &writes[index] {
            let Memory::Output(position) = program.buffers[output.index()].memory else { continue };
            if writers[output.index()] > 1 {
                continue;
            }
            for argument in arguments(program) {
                // What is read later is asked last, since it takes longest.
                let is_read = reads[index].contains(&argument.1);
                if is_read
                    && is_in_place(launch, argument.1, output)
                    && !program.results.iter().any(|(buffer, _)| *buffer == argument.1)
                    && !reads[index + 1..].iter().any(|reads| reads.contains(&argument.1))
                {
                    donations.push(Donation { argument, output: (position, output) });
                }
            }
        }
    }
    donations
}

/// Whether a launch may write an output over an argument that it reads.
fn is_in_place(launch: &Launch, argument: BufferId, output: BufferId) -> bool {
    match launch {
        Launch::Loop(launch) => stores_last(&launch.kernel) && reads_in_place(launch, argument, output),
        Launch::Product(product) => match &product.output {
            ProductOutput::Epilogue(epilogue) => {
                product.lhs.operand().buffer != argument
                    && product.rhs.operand.buffer != argument
                    && reads_in_place(epilogue, argument, output)
            }
            ProductOutput::Buffer(_) | ProductOutput::Strided { .. } => false,
        },
        // The copy is made before anything is written, and is none where both are one.
        Launch::Procedure(launch) => {
            launch.initial.contains(&(output, argument))
                && launch.initial.iter().filter(|initial| initial.1 == argument).count() == 1
                && !launch.operands.contains(&(argument, false))
        }
        Launch::While(_) | Launch::Case(_) | Launch::Host(_) => false,
    }
}

/// The arguments that are in a program's buffers, by position.
fn arguments(program: &Program) -> impl Iterator<Item = (usize, BufferId)> + '_ {
    program.buffers.iter().enumerate().filter_map(|(index, buffer)| match buffer.memory {
        Memory::Argument(position) => Some((position, BufferId(index as u32))),
        Memory::Output(_) | Memory::Constant(_) | Memory::Temporary => None,
    })
}

/// Whether what a kernel stores at a point is stored when all was read that the point needs.
fn stores_last(kernel: &Kernel) -> bool {
    match kernel.form {
        Form::Map => true,
        // A value that is stored for each element of a row may be followed by another stage, which reads the row again.
        Form::Row | Form::Column | Form::Sequence => {
            kernel.stores.len() == 1 && !kernel.stores[0].access.moves_along(kernel.outer)
        }
    }
}

/// Whether the kernel reads the argument, and each time at the element that it writes.
fn reads_in_place(launch: &LoopLaunch, argument: BufferId, output: BufferId) -> bool {
    let kernel = &launch.kernel;
    let loads = kernel.loads.len();
    let strides = |access: usize| {
        let before: usize = kernel.accesses().take(access).map(|access| access.argument_count()).sum();
        let count = kernel.accesses().nth(access).map_or(0, |access| access.argument_count());
        &launch.arguments[kernel.rank() + before..kernel.rank() + before + count]
    };
    let Some(store) = (loads..launch.operands.len()).find(|&access| launch.operands[access].buffer == output) else {
        return false;
    };
    let stored = &kernel.stores[store - loads].access;
    let mut reads = (0..loads)
        .filter(|&access| launch.operands[access].buffer == argument && kernel.loads[access].map != AccessMap::Tile)
        .peekable();
    reads.peek().is_some()
        && reads.all(|access| {
            kernel.loads[access].map == stored.map
                && kernel.loads[access].dtype.size() == stored.dtype.size()
                && launch.operands[access].offset == launch.operands[store].offset
                && strides(access) == strides(store)
        })
}

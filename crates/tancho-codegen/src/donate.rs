//! Donation: which arguments' memory may become an output's.
//!
//! A pair is safe when the output is written by one launch only, a map kernel whose every access to the argument reads
//! exactly the element that the same point writes, and no later launch reads the argument. The loads of a point come before
//! its stores, so that nothing is read after it was overwritten.

use smallvec::SmallVec;
use tancho_ir::Bindings;

use crate::kernel::{AccessMap, Form};
use crate::program::{BufferId, Launch, LoopLaunch, Memory, Program};

/// The pairs (argument, output) whose sizes agree under the bindings; each argument and each output at most once.
pub(crate) fn donations(program: &Program, bindings: &Bindings) -> SmallVec<[(usize, usize); 2]> {
    let mut pairs: SmallVec<[(usize, usize); 2]> = SmallVec::new();
    for (index, launch) in program.launches.iter().enumerate() {
        let Launch::Loop(launch) = launch else { continue };
        if launch.kernel.form != Form::Map {
            continue;
        }
        for (position, output) in written_outputs(program, launch) {
            for (argument_position, argument) in arguments(program) {
                let taken = pairs.iter().any(|&(a, o)| a == argument_position || o == position);
                let returned = program.results.iter().any(|(buffer, _)| *buffer == argument);
                if !taken
                    && !returned
                    && same_bytes(program, bindings, argument, output)
                    && written_once(program, output)
                    && !read_after(program, index, argument)
                    && reads_in_place(launch, argument, output)
                {
                    pairs.push((argument_position, position));
                }
            }
        }
    }
    pairs
}

fn written_outputs(program: &Program, launch: &LoopLaunch) -> Vec<(usize, BufferId)> {
    let stored = launch.operands[launch.kernel.loads.len()..].iter();
    stored
        .filter_map(|operand| match program.buffers[operand.buffer.index()].memory {
            Memory::Output(position) => Some((position, operand.buffer)),
            _ => None,
        })
        .collect()
}

fn arguments(program: &Program) -> impl Iterator<Item = (usize, BufferId)> + '_ {
    program.buffers.iter().enumerate().filter_map(|(index, buffer)| match buffer.memory {
        Memory::Argument(position) => Some((position, BufferId(index as u32))),
        _ => None,
    })
}

fn same_bytes(program: &Program, bindings: &Bindings, x: BufferId, y: BufferId) -> bool {
    let bytes = |buffer: BufferId| {
        let of = &program.buffers[buffer.index()].of;
        Some((bindings.evaluate(&of.elements())?, of.dtype.size()))
    };
    bytes(x).is_some() && bytes(x) == bytes(y)
}

fn written_once(program: &Program, buffer: BufferId) -> bool {
    program.launches.iter().filter(|launch| launch.writes().contains(&buffer)).count() == 1
}

fn read_after(program: &Program, index: usize, buffer: BufferId) -> bool {
    program.launches[index + 1..].iter().any(|launch| launch.reads().contains(&buffer))
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

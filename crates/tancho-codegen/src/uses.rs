//! What every plan of a program asks of it and no size changes: which launches use which buffers, and which arguments'
//! memory may become an output's. It is found once, since a plan is made for each size that a program meets.

use crate::donate::{self, Donation};
use crate::lists::Lists;
use crate::program::{BufferId, Launch, Memory, Program};

/// The uses of a program's buffers.
pub(crate) struct Uses {
    /// The buffers that each launch writes.
    pub writes: Lists<BufferId>,
    /// The last launch that uses each buffer.
    pub last: Box<[Option<usize>]>,
    /// The temporaries that each launch is the last to use.
    pub ends: Lists<BufferId>,
    /// Arguments and outputs that may be one, where their sizes agree.
    pub donations: Box<[Donation]>,
}

impl Uses {
    pub fn of(program: &Program) -> Uses {
        let buffers = |of: fn(&Launch) -> Vec<BufferId>| -> Box<[Box<[BufferId]>]> {
            program.launches.iter().map(|launch| of(launch).into()).collect()
        };
        let (reads, writes) = (buffers(Launch::reads), buffers(Launch::writes));
        let mut last = vec![None; program.buffers.len()];
        for (index, (reads, writes)) in reads.iter().zip(&writes).enumerate() {
            reads.iter().chain(writes).for_each(|buffer| last[buffer.index()] = Some(index));
        }
        let mut ends = vec![Vec::new(); program.launches.len()];
        for (buffer, (info, last)) in program.buffers.iter().zip(&last).enumerate() {
            if let (Memory::Temporary, Some(last)) = (&info.memory, last) {
                ends[*last].push(BufferId(buffer as u32));
            }
        }
        let donations = donate::donations(program, &reads, &writes).into();
        let (writes, ends) = (writes.into_iter().collect(), ends.into_iter().collect());
        Uses { writes, last: last.into(), ends, donations }
    }
}

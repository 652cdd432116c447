//! What a procedure costs, by walking its statements once.
//!
//! Integers that follow from sizes are computed, so that most loops have known trips. A loop's index stands at the middle
//! of its range, which makes what a nested triangle adds up to about right, and a branch on an index goes as it goes there.
//! What comes from memory is unknown: a loop that ends there, and every loop with a condition, is walked for one trip, a
//! branch as its dearer side, and a copy of an unknown length counts nothing.

use crate::kernel::Instruction;
use crate::kernel::evaluate::{Point, evaluate_into};
use crate::procedure::{Block, Compute, Procedure, Statement, Variable};

use super::kernel::instruction_flops;

/// FLOP, and for each of the procedure's buffers the bytes that are read and written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts {
    pub flops: u64,
    pub read: Vec<u64>,
    pub written: Vec<u64>,
}

/// What all rows of a procedure cost, and whether that is an estimate.
pub(super) fn procedure_work(procedure: &Procedure, sizes: &[i64], rows: i64) -> (Counts, bool) {
    let n_buffers = procedure.buffers.len();
    let mut known = vec![None; procedure.variables.len()];
    known[Variable::ROW_BEGIN.index()] = Known::exactly(0);
    known[Variable::ROW_END.index()] = Known::exactly(rows);
    let mut walk = Walk {
        procedure,
        sizes,
        known,
        counts: Counts { flops: 0, read: vec![0; n_buffers], written: vec![0; n_buffers] },
        is_estimate: false,
        values: Vec::new(),
    };
    walk.block(&procedure.block, 1);
    (walk.counts, walk.is_estimate)
}

struct Walk<'p> {
    procedure: &'p Procedure,
    sizes: &'p [i64],
    /// The integer that each variable holds, where it is known.
    known: Vec<Option<Known>>,
    counts: Counts,
    is_estimate: bool,
    /// Room for the values of a body.
    values: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Known {
    value: i64,
    /// Whether it depends on the index of a loop, of which this is the middle.
    is_middle: bool,
}

impl Known {
    fn exactly(value: i64) -> Option<Self> {
        Some(Known { value, is_middle: false })
    }
}

impl Walk<'_> {
    /// Walks statements that run so many times.
    fn block(&mut self, block: &Block, times: u64) {
        for statement in block {
            match statement {
                Statement::Compute(compute) => self.compute(compute, times),
                Statement::Load { into, buffer, index: _ } => {
                    self.known[into.index()] = None;
                    let bytes = self.procedure.buffers[buffer.index()].size() as u64;
                    add(&mut self.counts.read[buffer.index()], bytes.saturating_mul(times));
                }
                Statement::Store { buffer, index: _, value: _ } => {
                    let bytes = self.procedure.buffers[buffer.index()].size() as u64;
                    add(&mut self.counts.written[buffer.index()], bytes.saturating_mul(times));
                }
                Statement::Copy { to, from, count } => {
                    let count = self.known[count.index()];
                    self.is_estimate |= count.is_none_or(|count| count.is_middle);
                    let elements = count.map(|count| count.value.max(0) as u64);
                    let bytes = self.procedure.buffers[from.0.index()].size() as u64;
                    let bytes = bytes.saturating_mul(elements.unwrap_or(0)).saturating_mul(times);
                    add(&mut self.counts.read[from.0.index()], bytes);
                    add(&mut self.counts.written[to.0.index()], bytes);
                }
                Statement::For { index, begin, end, block } => {
                    let range = self.known[begin.index()].zip(self.known[end.index()]);
                    self.is_estimate |= range.is_none_or(|(begin, end)| begin.is_middle || end.is_middle);
                    let length = range.map(|(begin, end)| end.value.saturating_sub(begin.value).max(0));
                    self.forget(block);
                    self.known[index.index()] = range.zip(length).map(|((begin, _), length)| Known {
                        value: begin.value.saturating_add(length / 2),
                        is_middle: length > 1 || begin.is_middle,
                    });
                    self.block(block, times.saturating_mul(length.map_or(1, i64::cast_unsigned)));
                    self.forget(block);
                    self.known[index.index()] = None;
                }
                Statement::While { head, condition: _, block } => {
                    self.is_estimate = true;
                    self.forget(head);
                    self.forget(block);
                    self.block(head, times);
                    self.block(block, times);
                    self.forget(head);
                    self.forget(block);
                }
                Statement::If { condition, then, otherwise } => self.branch(*condition, then, otherwise, times),
            }
        }
    }

    fn branch(&mut self, condition: Variable, then: &Block, otherwise: &Block, times: u64) {
        match self.known[condition.index()] {
            Some(Known { value, is_middle }) => {
                self.is_estimate |= is_middle;
                self.block(if value == 0 { otherwise } else { then }, times);
            }
            None => {
                self.is_estimate = true;
                let before = self.counts.clone();
                self.block(then, times);
                let first = std::mem::replace(&mut self.counts, before);
                self.forget(then);
                self.block(otherwise, times);
                if weight(&first) > weight(&self.counts) {
                    self.counts = first;
                }
            }
        }
        self.forget(then);
        self.forget(otherwise);
    }

    fn compute(&mut self, compute: &Compute, times: u64) {
        let Compute { body, inputs, results } = compute;
        let flops = body.iter().map(|(value, _, _)| instruction_flops(body, value)).fold(0, u64::saturating_add);
        add(&mut self.counts.flops, flops.saturating_mul(times));
        let loads: Vec<u64> =
            inputs.iter().map(|input| self.known[input.index()].map_or(0, |known| known.value as u64)).collect();
        evaluate_into(body, &Point { loads: &loads, sizes: self.sizes, ..Point::default() }, &mut self.values);
        // What is known of each value, and whether it is one of the middle.
        let mut is_middle: Vec<Option<bool>> = Vec::with_capacity(body.len());
        for (_, instruction, dtype) in body.iter() {
            let outside = match instruction {
                Instruction::Load(input) => self.known[inputs[input as usize].index()].map(|known| known.is_middle),
                _ => Some(false),
            };
            let operands =
                instruction.operands().try_fold(false, |all, operand| Some(all | is_middle[operand.index()]?));
            is_middle.push(outside.zip(operands).map(|(x, y)| x | y).filter(|_| !dtype.is_float()));
        }
        for &(variable, value) in results {
            let number = signed(self.values[value.index()], body.dtype(value).bits());
            self.known[variable.index()] = is_middle[value.index()].map(|is_middle| Known { value: number, is_middle });
        }
    }

    /// Forgets what the statements of a block assign: it may have run any number of times.
    fn forget(&mut self, block: &Block) {
        for statement in block {
            match statement {
                Statement::Compute(compute) => {
                    compute.results.iter().for_each(|(variable, _)| self.known[variable.index()] = None);
                }
                Statement::Load { into, .. } => self.known[into.index()] = None,
                Statement::Store { .. } | Statement::Copy { .. } => {}
                Statement::For { index, block, .. } => {
                    self.known[index.index()] = None;
                    self.forget(block);
                }
                Statement::While { head, block, .. } => {
                    self.forget(head);
                    self.forget(block);
                }
                Statement::If { then, otherwise, .. } => {
                    self.forget(then);
                    self.forget(otherwise);
                }
            }
        }
    }
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

fn weight(counts: &Counts) -> (u64, u64) {
    let bytes = counts.read.iter().chain(&counts.written).fold(0, |sum: u64, &bytes| sum.saturating_add(bytes));
    (counts.flops, bytes)
}

/// A pattern of so many bits as a signed number. Unsigned ones of all 64 bits do not come up as places.
fn signed(bits: u64, width: usize) -> i64 {
    let unused = 64 - width as u32;
    ((bits << unused) as i64) >> unused
}

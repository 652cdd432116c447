//! A body as instructions on whole vectors, before they have registers.

use iced_x86::Code;

/// A vector that an operation makes, or that lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Value(pub(super) u32);

impl Value {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The 8 bytes that lanes of equal bits fill.
pub(super) fn spread(bits: u64, width: usize) -> u64 {
    if width == 4 { (bits & 0xffff_ffff) * 0x1_0000_0001 } else { bits }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// An operation makes it.
    Computed,
    /// It lies among the constants: these bits in each 8 bytes, twice those of a lane of 4 bytes.
    Constant(u64),
    /// It lies among the constants: numbers from this one on in lanes of so many bytes.
    Steps { first: usize, width: usize },
    /// It lies in a slot of the frame.
    Slot(usize),
    /// A register that is carried through a loop; it is always pinned.
    Accumulator(usize),
}

/// A word of the frame that holds for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowWord {
    /// The index along an outer dimension.
    Index(usize),
    /// A size that the body names.
    Size(usize),
}

/// Which halves of registers an operation of one value reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    /// It reads the lower half.
    Widening,
    /// It writes the lower half; what it reads is a whole register.
    Narrowing,
}

/// What is done. Where there are several operands that are no destination, only the last one may lie in memory. A width is
/// that of a lane in bytes, and parts are counted in vectors of such lanes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Neighbouring elements, so many vectors behind the current point.
    Load {
        to: Value,
        access: usize,
        part: usize,
        width: usize,
    },
    /// The one element of the row.
    Broadcast {
        to: Value,
        access: usize,
        width: usize,
    },
    /// A number that holds for the row, with the lower bits of as many as a lane has.
    Word {
        to: Value,
        word: RowWord,
        width: usize,
    },
    /// The index along the inner dimension of the current point, which is the first lane of the first part.
    Counter {
        to: Value,
        width: usize,
    },
    Store {
        access: usize,
        value: Value,
        part: usize,
        width: usize,
    },
    /// The row's one element.
    StoreOne {
        access: usize,
        value: Value,
        width: usize,
    },
    /// Makes a value the accumulator's; in the tail only of the lanes that there are.
    Carry {
        accumulator: usize,
        value: Value,
        part: usize,
        width: usize,
    },
    /// Writes a slot.
    Keep {
        slot: usize,
        value: Value,
    },
    One {
        code: Code,
        to: Value,
        x: Value,
        immediate: Option<u8>,
        in_register: bool,
        shape: Shape,
    },
    Two {
        code: Code,
        to: Value,
        x: Value,
        y: Value,
        immediate: Option<u8>,
    },
    /// The lower half of `x`, and that of `y` as the upper one.
    Join {
        to: Value,
        x: Value,
        y: Value,
    },
    /// Through a mask register.
    CompareToMask {
        code: Code,
        to: Value,
        x: Value,
        y: Value,
        immediate: u8,
        width: usize,
    },
    /// `x·y + z`.
    MultiplyAdd {
        to: Value,
        x: Value,
        y: Value,
        z: Value,
        width: usize,
    },
    /// `x` where the mask is set, else `y`.
    Select {
        to: Value,
        mask: Value,
        x: Value,
        y: Value,
        width: usize,
    },
}

/// How far a part is from the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The bytes of the narrowest lane, of which a part has one vector; of others it has as many as they are wider.
    pub(super) lane_bytes: usize,
    pub(super) lanes: usize,
    pub(super) accumulators: usize,
}

impl Op {
    pub(super) fn operands(&self) -> impl Iterator<Item = Value> {
        let operands = match *self {
            Op::Load { .. } | Op::Broadcast { .. } | Op::Word { .. } | Op::Counter { .. } => [None; 3],
            Op::Store { value, .. } | Op::StoreOne { value, .. } | Op::Carry { value, .. } | Op::Keep { value, .. } => {
                [Some(value), None, None]
            }
            Op::One { x, .. } => [Some(x), None, None],
            Op::Two { x, y, .. } | Op::Join { x, y, .. } | Op::CompareToMask { x, y, .. } => [Some(x), Some(y), None],
            Op::MultiplyAdd { x, y, z, .. } => [Some(x), Some(y), Some(z)],
            Op::Select { mask, x, y, .. } => [Some(mask), Some(x), Some(y)],
        };
        operands.into_iter().flatten()
    }

    pub(super) fn result(&self) -> Option<Value> {
        match *self {
            Op::Load { to, .. }
            | Op::Broadcast { to, .. }
            | Op::Word { to, .. }
            | Op::Counter { to, .. }
            | Op::Join { to, .. }
            | Op::One { to, .. }
            | Op::Two { to, .. }
            | Op::CompareToMask { to, .. }
            | Op::MultiplyAdd { to, .. }
            | Op::Select { to, .. } => Some(to),
            Op::Store { .. } | Op::StoreOne { .. } | Op::Carry { .. } | Op::Keep { .. } => None,
        }
    }

    /// The operation on other values, so many parts further.
    fn shifted(mut self, of: impl Fn(Value) -> Value, by: usize, step: Step) -> Op {
        match &mut self {
            Op::Load { part, width, .. } | Op::Store { part, width, .. } => *part += by * (*width / step.lane_bytes),
            Op::Carry { accumulator, part, width, .. } => {
                *part += by * (*width / step.lane_bytes);
                *accumulator += by * step.accumulators;
            }
            _ => {}
        }
        match &mut self {
            Op::Load { to, .. } | Op::Broadcast { to, .. } | Op::Word { to, .. } | Op::Counter { to, .. } => {
                *to = of(*to)
            }
            Op::Store { value, .. } | Op::StoreOne { value, .. } | Op::Carry { value, .. } | Op::Keep { value, .. } => {
                *value = of(*value);
            }
            Op::One { to, x, .. } => [*to, *x] = [*to, *x].map(of),
            Op::Two { to, x, y, .. } | Op::Join { to, x, y } | Op::CompareToMask { to, x, y, .. } => {
                [*to, *x, *y] = [*to, *x, *y].map(of);
            }
            Op::MultiplyAdd { to, x, y, z, .. } => [*to, *x, *y, *z] = [*to, *x, *y, *z].map(of),
            Op::Select { to, mask, x, y, .. } => [*to, *mask, *x, *y] = [*to, *mask, *x, *y].map(of),
        }
        self
    }
}

/// Operations in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    /// Of each value.
    pub(super) homes: Vec<Home>,
}

impl Program {
    pub(super) fn value(&mut self, home: Home) -> Value {
        self.homes.push(home);
        Value(self.homes.len() as u32 - 1)
    }

    pub(super) fn is_computed(&self, value: Value) -> bool {
        self.homes[value.index()] == Home::Computed
    }

    /// The program for so many neighbouring parts, in step, so that they are in flight together.
    pub(super) fn unrolled(&self, times: usize, step: Step) -> Program {
        let mut unrolled = Program { ops: Vec::with_capacity(self.ops.len() * times), homes: self.homes.clone() };
        let counters = self.ops.iter().filter(|op| matches!(op, Op::Counter { .. }));
        // All parts count from the same point.
        let counters: Vec<Value> = counters.filter_map(Op::result).collect();
        let mut copies: Vec<Vec<Value>> = vec![(0..self.homes.len() as u32).map(Value).collect()];
        for part in 1..times {
            let copy = (0..self.homes.len() as u32).map(Value).map(|value| match self.homes[value.index()] {
                Home::Computed if counters.contains(&value) => value,
                Home::Computed => unrolled.value(Home::Computed),
                // Each part has accumulators of its own.
                Home::Accumulator(first) => unrolled.value(Home::Accumulator(first + part * step.accumulators)),
                Home::Steps { first, width } => unrolled.value(Home::Steps { first: first + part * step.lanes, width }),
                Home::Constant(_) | Home::Slot(_) => value,
            });
            copies.push(copy.collect());
        }
        for op in &self.ops {
            let n_parts = if matches!(op, Op::Counter { .. }) { 1 } else { times };
            let shifted = copies[..n_parts].iter().enumerate();
            unrolled.ops.extend(shifted.map(|(part, copy)| op.shifted(|value| copy[value.index()], part, step)));
        }
        unrolled
    }

    /// Leaves out what nobody uses.
    pub(super) fn drop_unused(&mut self) {
        let mut is_used = vec![false; self.homes.len()];
        let mut kept = Vec::with_capacity(self.ops.len());
        for op in self.ops.drain(..).rev() {
            if op.result().is_none_or(|result| is_used[result.index()]) {
                op.operands().for_each(|operand| is_used[operand.index()] = true);
                kept.push(op);
            }
        }
        kept.reverse();
        self.ops = kept;
    }

    /// The most computed values that are alive at once.
    pub(super) fn pressure(&self) -> usize {
        let mut last_use = vec![usize::MAX; self.homes.len()];
        for (position, op) in self.ops.iter().enumerate() {
            for operand in op.operands() {
                last_use[operand.index()] = position;
            }
        }
        let (mut alive, mut most) = (0usize, 0);
        for (position, op) in self.ops.iter().enumerate() {
            if op.result().is_some() {
                alive += 1;
            }
            most = most.max(alive);
            let mut operands: Vec<Value> = op.operands().collect();
            operands.sort_unstable_by_key(|value| value.0);
            operands.dedup();
            let ends = |value: &&Value| self.is_computed(**value) && last_use[value.index()] == position;
            alive -= operands.iter().filter(ends).count();
            if op.result().is_some_and(|value| last_use[value.index()] == usize::MAX) {
                alive -= 1;
            }
        }
        most
    }

    /// The values in memory by how often they are used, the most used first.
    pub(super) fn by_use(&self) -> Vec<Value> {
        let mut uses = vec![0usize; self.homes.len()];
        for operand in self.ops.iter().flat_map(Op::operands) {
            uses[operand.index()] += 1;
        }
        let mut values: Vec<Value> = (0..self.homes.len() as u32)
            .map(Value)
            .filter(|&value| {
                matches!(self.homes[value.index()], Home::Constant(_) | Home::Steps { .. } | Home::Slot(_))
            })
            .filter(|&value| uses[value.index()] > 0)
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(uses[value.index()]));
        values
    }
}

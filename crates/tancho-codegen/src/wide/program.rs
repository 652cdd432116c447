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

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// An operation makes it.
    Computed,
    /// It lies among the constants, these bits in each lane.
    Constant(u64),
    /// It lies in a slot of the frame.
    Slot(usize),
    /// A register that is carried through a loop; it is always pinned.
    Accumulator(usize),
}

/// What is done. Where there are several operands that are no destination, only the last one may lie in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Neighbouring elements, so many vectors behind the current point.
    Load {
        to: Value,
        access: usize,
        part: usize,
    },
    /// The one element of the row.
    Broadcast {
        to: Value,
        access: usize,
    },
    Store {
        access: usize,
        value: Value,
        part: usize,
    },
    /// The row's one element.
    StoreOne {
        access: usize,
        value: Value,
    },
    /// Makes a value the accumulator's; in the tail only of the lanes that there are.
    Carry {
        accumulator: usize,
        value: Value,
        part: usize,
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
    },
    Two {
        code: Code,
        to: Value,
        x: Value,
        y: Value,
        immediate: Option<u8>,
    },
    /// Through a mask register.
    CompareToMask {
        code: Code,
        to: Value,
        x: Value,
        y: Value,
        immediate: u8,
    },
    /// `x·y + z`.
    MultiplyAdd {
        to: Value,
        x: Value,
        y: Value,
        z: Value,
    },
    /// `x` where the mask is set, else `y`.
    Select {
        to: Value,
        mask: Value,
        x: Value,
        y: Value,
    },
}

impl Op {
    pub(super) fn operands(&self) -> impl Iterator<Item = Value> {
        let operands = match *self {
            Op::Load { .. } | Op::Broadcast { .. } => [None; 3],
            Op::Store { value, .. } | Op::StoreOne { value, .. } | Op::Carry { value, .. } | Op::Keep { value, .. } => {
                [Some(value), None, None]
            }
            Op::One { x, .. } => [Some(x), None, None],
            Op::Two { x, y, .. } | Op::CompareToMask { x, y, .. } => [Some(x), Some(y), None],
            Op::MultiplyAdd { x, y, z, .. } => [Some(x), Some(y), Some(z)],
            Op::Select { mask, x, y, .. } => [Some(mask), Some(x), Some(y)],
        };
        operands.into_iter().flatten()
    }

    pub(super) fn result(&self) -> Option<Value> {
        match *self {
            Op::Load { to, .. }
            | Op::Broadcast { to, .. }
            | Op::One { to, .. }
            | Op::Two { to, .. }
            | Op::CompareToMask { to, .. }
            | Op::MultiplyAdd { to, .. }
            | Op::Select { to, .. } => Some(to),
            Op::Store { .. } | Op::StoreOne { .. } | Op::Carry { .. } | Op::Keep { .. } => None,
        }
    }

    /// The operation on other values, so many vectors further.
    fn shifted(self, of: impl Fn(Value) -> Value, by: usize) -> Op {
        match self {
            Op::Load { to, access, part } => Op::Load { to: of(to), access, part: part + by },
            Op::Broadcast { to, access } => Op::Broadcast { to: of(to), access },
            Op::Store { access, value, part } => Op::Store { access, value: of(value), part: part + by },
            Op::StoreOne { access, value } => Op::StoreOne { access, value: of(value) },
            Op::Carry { accumulator, value, part } => {
                Op::Carry { accumulator: accumulator + by, value: of(value), part: part + by }
            }
            Op::Keep { slot, value } => Op::Keep { slot, value: of(value) },
            Op::One { code, to, x, immediate, in_register } => {
                Op::One { code, to: of(to), x: of(x), immediate, in_register }
            }
            Op::Two { code, to, x, y, immediate } => Op::Two { code, to: of(to), x: of(x), y: of(y), immediate },
            Op::CompareToMask { code, to, x, y, immediate } => {
                Op::CompareToMask { code, to: of(to), x: of(x), y: of(y), immediate }
            }
            Op::MultiplyAdd { to, x, y, z } => Op::MultiplyAdd { to: of(to), x: of(x), y: of(y), z: of(z) },
            Op::Select { to, mask, x, y } => Op::Select { to: of(to), mask: of(mask), x: of(x), y: of(y) },
        }
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

    /// The program for so many neighbouring vectors, in step, so that they are in flight together.
    pub(super) fn unrolled(&self, times: usize) -> Program {
        let mut unrolled = Program { ops: Vec::with_capacity(self.ops.len() * times), homes: self.homes.clone() };
        let mut copies: Vec<Vec<Value>> = vec![(0..self.homes.len() as u32).map(Value).collect()];
        for part in 1..times {
            let copy = (0..self.homes.len() as u32).map(Value).map(|value| match self.homes[value.index()] {
                Home::Computed => unrolled.value(Home::Computed),
                // Each part has an accumulator of its own.
                Home::Accumulator(first) => unrolled.value(Home::Accumulator(first + part)),
                Home::Constant(_) | Home::Slot(_) => value,
            });
            copies.push(copy.collect());
        }
        for op in &self.ops {
            let shifted = copies.iter().enumerate().map(|(part, copy)| op.shifted(|value| copy[value.index()], part));
            unrolled.ops.extend(shifted);
        }
        unrolled
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
            .filter(|&value| matches!(self.homes[value.index()], Home::Constant(_) | Home::Slot(_)))
            .filter(|&value| uses[value.index()] > 0)
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(uses[value.index()]));
        values
    }
}

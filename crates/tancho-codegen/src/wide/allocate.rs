//! Registers for the values of a program, and its instructions, in one pass.
//!
//! A program is a straight line, so that the next use of each value is known. Where no register is free, the value whose next
//! use is farthest loses its own: one that lies in memory anyway is dropped, another is written to a slot of the frame first.
//! What lies in memory is an operand in memory where an instruction takes one, unless it is used again and a register is
//! free. The values in memory that are used most are *pinned*: they have a register that the loop loads before it begins.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::assembler::Assembler;
use super::codes::Class;
use super::lower::{TAIL_SLOTS, tail_slot};
use super::program::{Home, Op, Program, RowWord, Shape, Value};

/// The register that holds the address of the constants.
pub(super) const POOL: Register = Register::RBX;
/// The index along the inner dimension.
pub(super) const INDEX: Register = Register::RAX;
/// The lower half of the index.
const INDEX_LOW: Register = Register::EAX;
/// The lanes of the tail's first vector, of the 512-bit class; the next one follows.
pub(super) const TAIL_MASK: Register = Register::K2;
/// The same for lanes that are twice as wide as the kernel's narrowest.
pub(super) const WIDE_TAIL_MASK: Register = Register::K4;
/// For addresses that have no register.
pub(super) const TEMPORARY: Register = Register::R11;

/// Where a function's data lies.
pub(super) struct Places {
    /// The registers with the addresses of the row's elements, of the accesses that have one.
    pub(super) bases: Vec<Option<Register>>,
    /// The offset from the stack pointer of each access's address.
    pub(super) base_offsets: Vec<i64>,
    /// The offsets of the outer indices, and of the sizes that the body names.
    pub(super) indices_offset: i64,
    pub(super) sizes_offset: i64,
    /// The offset of the first slot.
    pub(super) slots_offset: i64,
    /// The slots in use so far.
    pub(super) slots: usize,
}

/// An operand that is a register or lies in memory.
#[derive(Clone, Copy, Debug)]
enum Source {
    Register(Register),
    Memory(MemoryOperand),
}

/// A pass over a program.
pub(super) struct Allocator<'a> {
    assembler: &'a mut Assembler,
    class: Class,
    places: &'a mut Places,
    program: &'a Program,
    /// Only some lanes are loaded and stored.
    is_tail: bool,
    /// What each register holds.
    registers: Vec<Option<Value>>,
    is_pinned: Vec<bool>,
    /// Registers that the current operation needs.
    locked: Vec<bool>,
    /// The register of each value.
    register_of: Vec<Option<usize>>,
    /// The slot that a computed value was written to.
    spilled: Vec<Option<usize>>,
    /// The positions of each value's uses, the next one last.
    uses: Vec<Vec<usize>>,
    /// The registers of the accumulators.
    accumulators: Vec<Register>,
}

/// The memory of a slot.
pub(super) fn slot_memory(class: Class, places: &Places, slot: usize) -> MemoryOperand {
    MemoryOperand::with_base_displ(Register::RSP, places.slots_offset + (slot * class.bytes()) as i64)
}

/// A vector of equal 8 bytes among the constants.
pub(super) fn constant_memory(assembler: &mut Assembler, class: Class, bits: u64) -> MemoryOperand {
    let offset = assembler.constant(bits.to_le_bytes().repeat(class.bytes() / 8));
    MemoryOperand::with_base_displ(POOL, offset)
}

/// A vector of numbers that go up from one among the constants.
pub(super) fn steps_memory(assembler: &mut Assembler, class: Class, first: usize, width: usize) -> MemoryOperand {
    let numbers = (first..).take(class.of(width).lanes());
    let bytes = numbers.flat_map(|number| (number as u64).to_le_bytes().into_iter().take(width));
    MemoryOperand::with_base_displ(POOL, assembler.constant(bytes.collect()))
}

pub(super) fn vector_register(class: Class, index: usize) -> Register {
    let first = if class.is_zmm { Register::ZMM0 } else { Register::YMM0 };
    first + index as u32
}

/// The register that is the lower half of another.
fn lower_half(class: Class, register: Register) -> Register {
    let index = register as u32 - vector_register(class, 0) as u32;
    let first = if class.is_zmm { Register::YMM0 } else { Register::XMM0 };
    first + index
}

/// Emits a program for the points at `INDEX`; the pinned homes are in the last registers.
pub(super) fn emit_program(
    assembler: &mut Assembler,
    class: Class,
    places: &mut Places,
    program: &Program,
    pinned: &[Home],
    is_tail: bool,
) {
    let mut program = program.clone();
    let tails: Vec<Value> =
        if is_tail { (0..TAIL_SLOTS).map(|slot| program.value(Home::Slot(slot))).collect() } else { Vec::new() };
    let n_values = program.homes.len();
    let mut uses: Vec<Vec<usize>> = vec![Vec::new(); n_values];
    for (position, op) in program.ops.iter().enumerate().rev() {
        for operand in op.operands() {
            if uses[operand.index()].last() != Some(&position) {
                uses[operand.index()].push(position);
            }
        }
        if let Some((part, width)) = masked_part(op).filter(|_| is_tail) {
            uses[tails[tail_slot(class, part, width)].index()].push(position);
        }
    }
    let n_registers = class.registers();
    let mut allocator = Allocator {
        assembler,
        class,
        places,
        program: &program,
        is_tail,
        registers: vec![None; n_registers],
        is_pinned: vec![false; n_registers],
        locked: vec![false; n_registers],
        register_of: vec![None; n_values],
        spilled: vec![None; n_values],
        uses,
        accumulators: Vec::new(),
    };
    for (index, home) in pinned.iter().enumerate() {
        let register = n_registers - 1 - index;
        allocator.is_pinned[register] = true;
        if let Home::Accumulator(_) = home {
            // They come first, in order.
            let register = allocator.vector(register);
            allocator.accumulators.push(register);
        }
        for (value, known) in program.homes.iter().enumerate() {
            if known == home {
                allocator.register_of[value] = Some(register);
            }
        }
    }
    for (position, op) in program.ops.iter().enumerate() {
        let tail = masked_part(op).filter(|_| is_tail);
        let tail = tail.map(|(part, width)| tails[tail_slot(class, part, width)]);
        allocator.emit(position, *op, tail);
    }
}

/// The vector of the tail whose lanes an operation minds, and the width of the lanes.
fn masked_part(op: &Op) -> Option<(usize, usize)> {
    match *op {
        Op::Load { part, width, .. } | Op::Store { part, width, .. } | Op::Carry { part, width, .. } => {
            Some((part, width))
        }
        _ => None,
    }
}

impl Allocator<'_> {
    fn push(&mut self, instruction: Result<Instruction, IcedError>) {
        self.assembler.push(instruction);
    }

    fn vector(&self, register: usize) -> Register {
        vector_register(self.class, register)
    }

    /// Where a value lies in memory.
    fn memory(&mut self, value: Value) -> Option<MemoryOperand> {
        match self.program.homes[value.index()] {
            Home::Constant(bits) => Some(constant_memory(self.assembler, self.class, bits)),
            Home::Steps { first, width } => Some(steps_memory(self.assembler, self.class, first, width)),
            Home::Slot(slot) => Some(slot_memory(self.class, self.places, slot)),
            Home::Accumulator(_) => None,
            Home::Computed => self.spilled[value.index()].map(|slot| slot_memory(self.class, self.places, slot)),
        }
    }

    fn next_use(&self, value: Value) -> usize {
        self.uses[value.index()].last().copied().unwrap_or(usize::MAX)
    }

    fn free_register(&self) -> Option<usize> {
        (0..self.registers.len())
            .find(|&index| self.registers[index].is_none() && !self.is_pinned[index] && !self.locked[index])
    }

    /// A register that holds nothing, locked.
    fn take_register(&mut self) -> usize {
        let register = self.free_register().unwrap_or_else(|| {
            let candidates = (0..self.registers.len()).filter(|&index| !self.is_pinned[index] && !self.locked[index]);
            let farthest = candidates.max_by_key(|&index| self.registers[index].map(|value| self.next_use(value)));
            let register = farthest.expect("an operation locks few registers");
            self.evict(register);
            register
        });
        self.locked[register] = true;
        register
    }

    fn evict(&mut self, register: usize) {
        let Some(value) = self.registers[register].take() else { return };
        self.register_of[value.index()] = None;
        let is_needed = self.next_use(value) != usize::MAX;
        if is_needed && self.program.is_computed(value) && self.spilled[value.index()].is_none() {
            let slot = self.places.slots;
            self.places.slots += 1;
            self.spilled[value.index()] = Some(slot);
            let memory = slot_memory(self.class, self.places, slot);
            let register = self.vector(register);
            self.push(Instruction::with2(self.class.store(), memory, register));
        }
    }

    /// Puts a value into a register, locked.
    fn in_register(&mut self, value: Value) -> usize {
        if let Some(register) = self.register_of[value.index()] {
            self.locked[register] = true;
            return register;
        }
        let register = self.take_register();
        let memory = self.memory(value).expect("what has no register is in memory");
        let to = self.vector(register);
        self.push(Instruction::with2(self.class.load(), to, memory));
        self.registers[register] = Some(value);
        self.register_of[value.index()] = Some(register);
        register
    }

    /// A value as the last operand.
    fn source(&mut self, value: Value, position: usize) -> Source {
        let uses = &self.uses[value.index()];
        let is_used_again = uses.iter().any(|&at| at > position);
        if self.register_of[value.index()].is_none() && !(is_used_again && self.free_register().is_some()) {
            let memory = self.memory(value).expect("what has no register is in memory");
            return Source::Memory(memory);
        }
        let register = self.in_register(value);
        Source::Register(self.vector(register))
    }

    /// Ends the uses at a position: values that have no other lose their registers.
    fn release(&mut self, op: Op, position: usize, tail: Option<Value>) {
        for value in op.operands().chain(tail) {
            while self.uses[value.index()].last().is_some_and(|&at| at <= position) {
                self.uses[value.index()].pop();
            }
            if self.next_use(value) == usize::MAX
                && let Some(register) = self.register_of[value.index()]
                && !self.is_pinned[register]
            {
                self.registers[register] = None;
                self.register_of[value.index()] = None;
            }
        }
        self.locked.fill(false);
    }

    /// The register of a result, taken after the operands are released, so that it may be one of theirs.
    fn define(&mut self, value: Value) -> Register {
        let register = self.take_register();
        self.locked[register] = false;
        self.hold(value, register);
        self.vector(register)
    }

    /// A register has a result, which may be used.
    fn hold(&mut self, value: Value, register: usize) {
        if self.next_use(value) != usize::MAX {
            self.registers[register] = Some(value);
            self.register_of[value.index()] = Some(register);
        }
    }

    /// Whether an operand's register may be overwritten: no later use, and it is not pinned.
    fn dies(&self, value: Value, position: usize) -> bool {
        let is_pinned = self.register_of[value.index()].is_some_and(|register| self.is_pinned[register]);
        !is_pinned && self.uses[value.index()].iter().all(|&at| at <= position)
    }

    /// A register with a value that the operation overwrites: its own, or that of a copy.
    fn overwritten(&mut self, value: Value, position: usize) -> usize {
        if self.dies(value, position) {
            return self.in_register(value);
        }
        let from = match self.register_of[value.index()] {
            Some(register) => {
                self.locked[register] = true;
                Source::Register(self.vector(register))
            }
            None => Source::Memory(self.memory(value).expect("what has no register is in memory")),
        };
        let register = self.take_register();
        let to = self.vector(register);
        self.move_to(to, from);
        register
    }

    fn move_to(&mut self, to: Register, from: Source) {
        let code = self.class.load();
        match from {
            Source::Register(from) => self.push(Instruction::with2(code, to, from)),
            Source::Memory(from) => self.push(Instruction::with2(code, to, from)),
        }
    }

    /// An instruction of two operands and a last one.
    fn push_three(&mut self, code: Code, to: Register, x: Register, y: Source, immediate: Option<u8>) {
        let immediate = immediate.map(u32::from);
        self.push(match (y, immediate) {
            (Source::Register(y), None) => Instruction::with3(code, to, x, y),
            (Source::Memory(y), None) => Instruction::with3(code, to, x, y),
            (Source::Register(y), Some(immediate)) => Instruction::with4(code, to, x, y, immediate),
            (Source::Memory(y), Some(immediate)) => Instruction::with4(code, to, x, y, immediate),
        });
    }

    /// The 256-bit choice of the third operand's lanes where the fourth is set.
    fn blend(width: usize) -> Code {
        if width == 4 { Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm } else { Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm }
    }

    /// The memory of an access's element, so many vectors behind the current point; of the row's one element without a
    /// part.
    fn element(&mut self, access: usize, place: Option<(usize, usize)>) -> MemoryOperand {
        let base = match self.places.bases[access] {
            Some(base) => base,
            None => {
                let memory = MemoryOperand::with_base_displ(Register::RSP, self.places.base_offsets[access]);
                self.push(Instruction::with2(Code::Mov_r64_rm64, TEMPORARY, memory));
                TEMPORARY
            }
        };
        let Some((part, width)) = place else { return MemoryOperand::with_base(base) };
        let (scale, displacement) = (width as u32, (part * self.class.bytes()) as i64);
        let displacement_size = if displacement == 0 { 0 } else { 1 };
        MemoryOperand::with_base_index_scale_displ_size(base, INDEX, scale, displacement, displacement_size)
    }

    fn emit(&mut self, position: usize, op: Op, tail: Option<Value>) {
        let tail_of_op = tail;
        let (tail_mask, masked_class) = match masked_part(&op) {
            Some((part, width)) if width == self.class.lane_bytes => (TAIL_MASK + part as u32, self.class),
            Some((part, width)) => (WIDE_TAIL_MASK + part as u32, self.class.of(width)),
            None => (Register::None, self.class),
        };
        match op {
            Op::Load { to, access, part, width } => {
                let memory = self.element(access, Some((part, width)));
                let [masked_load, _] = masked_class.masked_moves();
                match tail {
                    Some(mask) if !self.class.is_zmm => {
                        let mask = self.in_register(mask);
                        let mask = self.vector(mask);
                        self.release(op, position, tail_of_op);
                        let to = self.define(to);
                        self.push(Instruction::with3(masked_load, to, mask, memory));
                    }
                    _ => {
                        self.release(op, position, tail_of_op);
                        let to = self.define(to);
                        let code = if self.is_tail { masked_load } else { self.class.load() };
                        let load = Instruction::with2(code, to, memory).map(|mut load| {
                            if self.is_tail {
                                load.set_op_mask(tail_mask);
                                load.set_zeroing_masking(true);
                            }
                            load
                        });
                        self.push(load);
                    }
                }
            }
            Op::Broadcast { to, access, width } => {
                let memory = self.element(access, None);
                let to = self.define(to);
                self.push(Instruction::with2(self.class.of(width).broadcast(), to, memory));
            }
            Op::Word { to, word, width } => {
                let offset = match word {
                    RowWord::Index(dimension) => self.places.indices_offset + dimension as i64 * 8,
                    RowWord::Size(size) => self.places.sizes_offset + size as i64 * 8,
                };
                let to = self.define(to);
                let memory = MemoryOperand::with_base_displ(Register::RSP, offset);
                self.push(Instruction::with2(self.class.of(width).broadcast(), to, memory));
            }
            Op::Counter { to, width } => {
                let to = self.define(to);
                let class = self.class.of(width);
                let index = if width == 4 { INDEX_LOW } else { INDEX };
                if class.is_zmm {
                    self.push(Instruction::with2(class.spread_general(), to, index));
                } else {
                    let half = lower_half(class, to);
                    self.push(Instruction::with2(class.spread_general(), half, index));
                    self.push(Instruction::with2(class.spread_first(), to, half));
                }
            }
            Op::Store { access, value, part, width } => {
                let value = self.in_register(value);
                let value = self.vector(value);
                let memory = self.element(access, Some((part, width)));
                let [_, masked_store] = masked_class.masked_moves();
                match tail {
                    Some(mask) if !self.class.is_zmm => {
                        let mask = self.in_register(mask);
                        let mask = self.vector(mask);
                        self.push(Instruction::with3(masked_store, memory, mask, value));
                    }
                    _ => {
                        let code = if self.is_tail { masked_store } else { self.class.store() };
                        let store = Instruction::with2(code, memory, value).map(|mut store| {
                            if self.is_tail {
                                store.set_op_mask(tail_mask);
                            }
                            store
                        });
                        self.push(store);
                    }
                }
                self.release(op, position, tail_of_op);
            }
            Op::StoreOne { access, value, width } => {
                let register = self.in_register(value);
                let register = Register::XMM0 + register as u32;
                let memory = self.element(access, None);
                self.push(Instruction::with2(self.class.of(width).store_one(), memory, register));
                self.release(op, position, None);
            }
            Op::Carry { accumulator, value, width, .. } => {
                let to = self.accumulators[accumulator];
                let value = self.in_register(value);
                let value = self.vector(value);
                match tail {
                    Some(mask) if !self.class.is_zmm => {
                        let mask = self.in_register(mask);
                        let mask = self.vector(mask);
                        self.push(Instruction::with4(Self::blend(width), to, to, value, mask));
                    }
                    _ => {
                        let is_tail = self.is_tail;
                        let code = if is_tail { masked_class.masked_moves()[0] } else { self.class.load() };
                        let moved = Instruction::with2(code, to, value).map(|mut moved| {
                            if is_tail {
                                moved.set_op_mask(tail_mask);
                            }
                            moved
                        });
                        self.push(moved);
                    }
                }
                self.release(op, position, tail_of_op);
            }
            Op::Keep { slot, value } => {
                let register = self.in_register(value);
                let (memory, register) = (slot_memory(self.class, self.places, slot), self.vector(register));
                self.push(Instruction::with2(self.class.store(), memory, register));
                self.release(op, position, None);
            }
            Op::One { code, to, x, immediate, in_register, shape } => {
                let x = if in_register {
                    let register = self.in_register(x);
                    Source::Register(self.vector(register))
                } else {
                    self.source(x, position)
                };
                self.release(op, position, None);
                let to = self.define(to);
                let (to, x) = match (shape, x) {
                    (Shape::Widening, Source::Register(x)) => (to, Source::Register(lower_half(self.class, x))),
                    (Shape::Narrowing, x) => (lower_half(self.class, to), x),
                    (Shape::Whole | Shape::Widening, x) => (to, x),
                };
                let immediate = immediate.map(u32::from);
                self.push(match (x, immediate) {
                    (Source::Register(x), None) => Instruction::with2(code, to, x),
                    (Source::Memory(x), None) => Instruction::with2(code, to, x),
                    (Source::Register(x), Some(immediate)) => Instruction::with3(code, to, x, immediate),
                    (Source::Memory(x), Some(immediate)) => Instruction::with3(code, to, x, immediate),
                });
            }
            Op::Two { code, to, x, y, immediate } => {
                let x = self.in_register(x);
                let (x, y) = (self.vector(x), self.source(y, position));
                self.release(op, position, None);
                let to = self.define(to);
                self.push_three(code, to, x, y, immediate);
            }
            Op::Join { to, x, y } => {
                let x = self.in_register(x);
                let (x, y) = (self.vector(x), self.source(y, position));
                let y = match y {
                    Source::Register(y) => Source::Register(lower_half(self.class, y)),
                    Source::Memory(y) => Source::Memory(y),
                };
                self.release(op, position, None);
                let to = self.define(to);
                self.push_three(self.class.join(), to, x, y, Some(1));
            }
            Op::CompareToMask { code, to, x, y, immediate, width } => {
                let x = self.in_register(x);
                let (x, y) = (self.vector(x), self.source(y, position));
                self.push_three(code, Register::K1, x, y, Some(immediate));
                self.release(op, position, None);
                let to = self.define(to);
                self.push(Instruction::with2(self.class.of(width).mask_to_vector(), to, Register::K1));
            }
            Op::MultiplyAdd { to, x, y, z, width } => self.multiply_add(position, op, (to, width), [x, y, z]),
            Op::Select { to, mask, x, y, width } if self.class.is_zmm => {
                let register = self.overwritten(mask, position);
                let x = self.in_register(x);
                let (x, y) = (self.vector(x), self.source(y, position));
                let code = if width == 4 {
                    Code::EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8
                } else {
                    Code::EVEX_Vpternlogq_zmm_k1z_zmm_zmmm512b64_imm8
                };
                // Of the bits of mask, `x`, `y` in this order: the second where the first is set, else the third.
                let destination = self.vector(register);
                self.push_three(code, destination, x, y, Some(0xca));
                self.release(op, position, None);
                self.hold(to, register);
            }
            Op::Select { to, mask, x, y, width } => {
                let (mask, y) = (self.in_register(mask), self.in_register(y));
                let (mask, y) = (self.vector(mask), self.vector(y));
                let x = self.source(x, position);
                self.release(op, position, None);
                let to = self.define(to);
                let code = Self::blend(width);
                self.push(match x {
                    Source::Register(x) => Instruction::with4(code, to, y, x, mask),
                    Source::Memory(x) => Instruction::with4(code, to, y, x, mask),
                });
            }
        }
    }

    /// The result takes the register of one operand: of one that dies, if there is one, and of the last one best, so that
    /// the factors may be anything.
    fn multiply_add(&mut self, position: usize, op: Op, (to, width): (Value, usize), [x, y, z]: [Value; 3]) {
        let is_ready = |allocator: &Self, value: Value| {
            allocator.register_of[value.index()].is_some() && allocator.dies(value, position)
        };
        let is_here = |allocator: &Self, value: Value| allocator.register_of[value.index()].is_some();
        let [multiply_by_third, add_third, add_to] = self.class.of(width).multiply_add();
        let is_sum_free = is_ready(self, z) || (!is_here(self, z) && !is_ready(self, x) && !is_ready(self, y));
        let (register, code, second, third) = if is_sum_free {
            // The factor that has no register comes last.
            let (x, y) = if is_here(self, x) { (x, y) } else { (y, x) };
            (self.overwritten(z, position), add_to, x, y)
        } else {
            let (x, y) = if is_ready(self, x) || !is_ready(self, y) { (x, y) } else { (y, x) };
            let register = self.overwritten(x, position);
            if is_here(self, y) { (register, add_third, y, z) } else { (register, multiply_by_third, z, y) }
        };
        self.locked[register] = true;
        let second = self.in_register(second);
        let (second, third) = (self.vector(second), self.source(third, position));
        let destination = self.vector(register);
        self.push_three(code, destination, second, third, None);
        self.release(op, position, None);
        // The operand whose register this was, if it was not copied, has been released.
        self.hold(to, register);
    }
}

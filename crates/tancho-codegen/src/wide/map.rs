//! The function of a map kernel: the loop over rows, the addresses of a row, and the loops over vectors and the tail.
//!
//! The frame, from the stack pointer up: words (arguments and indices), then slots of one vector. The index along the inner
//! dimension stays in a register; an access's element is at its row's address plus the index times the size of an element.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::allocate::{
    INDEX, POOL, Places, TAIL_MASK, TEMPORARY, WIDE_TAIL_MASK, constant_memory, emit_program, slot_memory,
    steps_memory, vector_register,
};
use super::assembler::{Assembler, Label};
use super::codes::{Class, Does};
use super::lower::{Lowered, tail_slot};
use super::program::{Home, Program};
use crate::kernel::{AccessMap, Kernel, Stride};

/// The registers with the addresses of the first accesses.
const BASES: [Register; 10] = [
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
    Register::RDX,
];

const SAVED: [Register; 5] = [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];

/// The largest frame. It stays below a page, so that it does not reach over what guards the stack.
const MOST_FRAME: usize = 3584;

/// What lies in the frame's words, by number.
pub(super) struct Words {
    row: usize,
    row_end: usize,
    pub(super) inner_begin: usize,
    /// Where the loop of several vectors ends, that of one vector, and the tail.
    pub(super) ends: [usize; 3],
    /// The outer sizes and indices.
    sizes: usize,
    indices: usize,
    /// The accesses' addresses.
    pointers: usize,
    /// The addresses of the row, for accesses that have no register.
    bases: usize,
    strides: usize,
    /// The sizes that the body names.
    body_sizes: usize,
    /// Where the block of a row reduction ends, and its whole groups.
    pub(super) block_end: usize,
    pub(super) middle: usize,
    count: usize,
}

/// A stride along an outer dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowStride {
    /// In bytes, in this word.
    Word(usize),
    Bytes(i64),
}

/// The most operations in a loop of several vectors: longer ones have enough in flight by themselves.
const MOST_UNROLLED: usize = 48;

pub(super) struct Function<'k> {
    pub(super) assembler: Assembler,
    pub(super) class: Class,
    kernel: &'k Kernel,
    pub(super) words: Words,
    /// Whether some values are twice as wide as the narrowest.
    has_pairs: bool,
    /// Of each access, the outer dimension (none: the row's number) and the stride along it.
    strides: Vec<Vec<(Option<usize>, RowStride)>>,
    /// The sizes of the elements of the rows in scratch memory, which are accesses behind the kernel's.
    scratch_rows: Vec<usize>,
    pub(super) places: Places,
}

/// The function's code and listing; `None` if its frame would be too large.
pub(super) fn emit_map(
    kernel: &Kernel,
    class: Class,
    lowered: &Lowered,
    slots: usize,
    with_listing: bool,
) -> Option<Result<(Vec<u8>, String), crate::emit::EmitError>> {
    let pressure = lowered.points.pressure().max(1);
    let room = class.registers() - 2;
    let times = [4, 2, 1]
        .into_iter()
        .find(|times| *times == 1 || (pressure * times < room && lowered.points.ops.len() * times <= MOST_UNROLLED))?;
    let main = lowered.points.unrolled(times, class.step(0));
    let n_pinned = room.saturating_sub(main.pressure() + 1);
    let by_use = main.by_use();
    let pinned: Vec<Home> = by_use.iter().take(n_pinned).map(|value| main.homes[value.index()]).collect();

    let mut function = Function::new(kernel, class, slots, Vec::new(), with_listing);
    // The program of a row uses all registers.
    let is_pinned_once = lowered.row.ops.is_empty();
    let lanes = class.lanes();
    let labels = function.begin([lanes * times, lanes], 1, if is_pinned_once { &pinned } else { &[] });
    function.program(&lowered.row, &[], false);
    if !is_pinned_once {
        function.pin(&pinned);
    }
    function.inner_loops(&main, &lowered.points, times, &pinned);
    function.finish(labels)
}

impl<'k> Function<'k> {
    pub(super) fn new(
        kernel: &'k Kernel,
        class: Class,
        slots: usize,
        scratch_rows: Vec<usize>,
        with_listing: bool,
    ) -> Self {
        let n_accesses = kernel.accesses().count() + scratch_rows.len();
        let mut count = 0;
        let mut take = |n: usize| {
            count += n;
            count - n
        };
        let words = Words {
            row: take(1),
            row_end: take(1),
            inner_begin: take(1),
            ends: [take(1), take(1), take(1)],
            sizes: take(kernel.outer),
            indices: take(kernel.outer),
            pointers: take(n_accesses),
            bases: take(n_accesses),
            strides: take(n_accesses * (kernel.outer + 1)),
            body_sizes: take(kernel.sizes),
            block_end: take(1),
            middle: take(1),
            count: 0,
        };
        let words = Words { count, ..words };
        let slots_offset = (words.count * 8).next_multiple_of(64) as i64;
        let places = Places {
            bases: (0..n_accesses).map(|access| BASES.get(access).copied()).collect(),
            base_offsets: (0..n_accesses).map(|access| (words.bases + access) as i64 * 8).collect(),
            indices_offset: words.indices as i64 * 8,
            sizes_offset: words.body_sizes as i64 * 8,
            slots_offset,
            slots,
        };
        let assembler = Assembler::new(with_listing);
        let has_pairs = kernel.body.iter().any(|(_, _, dtype)| dtype.size() > class.lane_bytes);
        Function { assembler, class, kernel, words, has_pairs, strides: Vec::new(), scratch_rows, places }
    }

    /// What comes before a row's programs: the arguments, and the loop over rows. Gives the loop's begin and its exit.
    pub(super) fn begin(&mut self, steps: [usize; 2], parts: usize, pinned: &[Home]) -> [Label; 2] {
        self.enter();
        self.load_arguments();
        self.split_inner(steps, parts);
        let (row, exit) = (self.assembler.label(), self.assembler.label());
        self.load(Register::RAX, self.words.row);
        self.compare(Register::RAX, self.words.row_end);
        self.assembler.jump(Code::Jge_rel32_64, exit);
        self.split_row();
        self.pin(pinned);
        self.assembler.bind(row);
        self.find_row();
        [row, exit]
    }

    /// What comes behind a row's programs; the code and the listing, `None` if the frame is too large.
    pub(super) fn finish(
        mut self,
        [row, exit]: [Label; 2],
    ) -> Option<Result<(Vec<u8>, String), crate::emit::EmitError>> {
        self.next_row(row);
        self.assembler.bind(exit);
        self.leave();
        let frame = self.places.slots_offset as usize + self.places.slots * self.class.bytes();
        (frame <= MOST_FRAME).then(|| self.assembler.finish(frame))
    }

    pub(super) fn word(&self, word: usize) -> MemoryOperand {
        MemoryOperand::with_base_displ(Register::RSP, word as i64 * 8)
    }

    pub(super) fn load(&mut self, register: Register, word: usize) {
        let memory = self.word(word);
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, register, memory));
    }

    pub(super) fn store(&mut self, word: usize, register: Register) {
        let memory = self.word(word);
        self.assembler.push(Instruction::with2(Code::Mov_rm64_r64, memory, register));
    }

    pub(super) fn compare(&mut self, register: Register, word: usize) {
        let memory = self.word(word);
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, register, memory));
    }

    fn two(&mut self, code: Code, to: Register, from: Register) {
        self.assembler.push(Instruction::with2(code, to, from));
    }

    pub(super) fn immediate(&mut self, code: Code, to: Register, value: i32) {
        self.assembler.push(Instruction::with2(code, to, value));
    }

    fn enter(&mut self) {
        self.assembler.push(Instruction::with1(Code::Push_r64, Register::RBP));
        self.two(Code::Mov_r64_rm64, Register::RBP, Register::RSP);
        for register in SAVED {
            self.assembler.push(Instruction::with1(Code::Push_r64, register));
        }
        self.assembler.subtract_frame();
        self.immediate(Code::And_rm64_imm8, Register::RSP, -64);
        self.assembler.load_pool_address(POOL);
    }

    fn leave(&mut self) {
        self.assembler.push(Ok(Instruction::with(Code::VEX_Vzeroupper)));
        let saved = MemoryOperand::with_base_displ(Register::RBP, -8 * SAVED.len() as i64);
        self.assembler.push(Instruction::with2(Code::Lea_r64_m, Register::RSP, saved));
        for register in SAVED.into_iter().rev().chain([Register::RBP]) {
            self.assembler.push(Instruction::with1(Code::Pop_r64, register));
        }
        self.assembler.push(Ok(Instruction::with(Code::Retnq)));
    }

    /// Moves the arguments into the frame: pointers in `rdi`, sizes and strides in `rsi`, the rows in `rcx` and `r8`, the
    /// range of the inner dimension in `r9` and on the stack.
    fn load_arguments(&mut self) {
        let inner_end = MemoryOperand::with_base_displ(Register::RBP, 16);
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, Register::RAX, inner_end));
        self.store(self.words.row, Register::RCX);
        self.store(self.words.row_end, Register::R8);
        self.store(self.words.inner_begin, Register::R9);
        self.store(self.words.ends[2], Register::RAX);
        let mut next_argument = 0;
        let mut argument = |function: &mut Self| {
            let memory = MemoryOperand::with_base_displ(Register::RSI, 8 * next_argument);
            function.assembler.push(Instruction::with2(Code::Mov_r64_rm64, Register::RAX, memory));
            next_argument += 1;
        };
        let kernel = self.kernel;
        for dimension in 0..kernel.rank() {
            argument(self);
            if dimension < kernel.outer {
                self.store(self.words.sizes + dimension, Register::RAX);
            }
        }
        let mut next_stride = self.words.strides;
        for access in kernel.accesses() {
            let size = access.dtype.size() as i64;
            let mut stride_argument = |function: &mut Self| {
                argument(function);
                let bytes = size as i32;
                let scaled = Instruction::with3(Code::Imul_r64_rm64_imm32, Register::RAX, Register::RAX, bytes);
                function.assembler.push(scaled);
                function.store(next_stride, Register::RAX);
                next_stride += 1;
                RowStride::Word(next_stride - 1)
            };
            let mut strides = Vec::new();
            match &access.map {
                AccessMap::Tile => strides.push((None, stride_argument(self))),
                AccessMap::Strides(of_dimensions) => {
                    for (dimension, stride) in of_dimensions.iter().enumerate() {
                        let stride = match stride {
                            Stride::Zero => continue,
                            Stride::One => RowStride::Bytes(size),
                            Stride::Argument => stride_argument(self),
                        };
                        if dimension < kernel.outer {
                            strides.push((Some(dimension), stride));
                        }
                    }
                }
            }
            self.strides.push(strides);
        }
        for size in 0..kernel.sizes {
            argument(self);
            self.store(self.words.body_sizes + size, Register::RAX);
        }
        let n_accesses = self.strides.len();
        for access in 0..n_accesses {
            let memory = MemoryOperand::with_base_displ(Register::RDI, 8 * access as i64);
            self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, Register::RAX, memory));
            self.store(self.words.pointers + access, Register::RAX);
        }
        // The rows in scratch memory, whose address is in `rdx`, each aligned to 64 bytes.
        for (row, bytes) in self.scratch_rows.clone().into_iter().enumerate() {
            self.store(self.words.pointers + n_accesses + row, Register::RDX);
            self.strides.push(Vec::new());
            self.load(Register::RAX, self.words.ends[2]);
            let begin = self.word(self.words.inner_begin);
            self.assembler.push(Instruction::with2(Code::Sub_r64_rm64, Register::RAX, begin));
            let scaled = Instruction::with3(Code::Imul_r64_rm64_imm32, Register::RAX, Register::RAX, bytes as i32);
            self.assembler.push(scaled);
            self.immediate(Code::Add_rm64_imm32, Register::RAX, 63);
            self.immediate(Code::And_rm64_imm32, Register::RAX, -64);
            self.two(Code::Add_r64_rm64, Register::RDX, Register::RAX);
        }
    }

    /// Finds where the loops over the inner dimension end, and which lanes the tail has.
    fn split_inner(&mut self, steps: [usize; 2], parts: usize) {
        for (word, step) in self.words.ends.into_iter().zip(steps) {
            self.load(Register::RAX, self.words.ends[2]);
            let begin = self.word(self.words.inner_begin);
            self.assembler.push(Instruction::with2(Code::Sub_r64_rm64, Register::RAX, begin));
            self.two(Code::Xor_r32_rm32, Register::ECX, Register::ECX);
            self.two(Code::Test_rm64_r64, Register::RAX, Register::RAX);
            self.two(Code::Cmovl_r64_rm64, Register::RAX, Register::RCX);
            self.immediate(Code::And_rm64_imm32, Register::RAX, -(step as i32));
            self.assembler.push(Instruction::with2(Code::Add_r64_rm64, Register::RAX, begin));
            self.store(word, Register::RAX);
        }
        // The number of points of the tail; if it is not positive, there is no tail.
        self.load(Register::RCX, self.words.ends[2]);
        let whole = self.word(self.words.ends[1]);
        self.assembler.push(Instruction::with2(Code::Sub_r64_rm64, Register::RCX, whole));
        // A part is one vector of the narrowest lanes, or two of lanes that are twice as wide.
        let is_single = self.class.lane_bytes == 4;
        let widths: &[usize] = if is_single && self.has_pairs { &[4, 8] } else { &[self.class.lane_bytes] };
        for &width in widths {
            let (class, parts) = (self.class.of(width), parts * self.class.vectors_of(width));
            if class.is_zmm {
                self.find_tail_masks(class, parts);
            } else {
                self.find_tail_vectors(class, parts);
            }
        }
    }

    /// The tail's lanes as mask registers; `rcx` has the number of points.
    fn find_tail_masks(&mut self, class: Class, parts: usize) {
        self.immediate(Code::Mov_r32_imm32, Register::EAX, 1);
        self.two(Code::Shl_rm32_CL, Register::EAX, Register::CL);
        self.immediate(Code::Sub_rm32_imm8, Register::EAX, 1);
        let first = if class == self.class { TAIL_MASK } else { WIDE_TAIL_MASK };
        for part in 0..parts as u32 {
            if part > 0 {
                self.immediate(Code::Shr_rm32_imm8, Register::EAX, class.lanes() as i32);
            }
            self.two(Code::VEX_Kmovw_kr_r32, first + part, Register::EAX);
        }
    }

    /// The tail's lanes as vectors in slots; `rcx` has the number of points.
    fn find_tail_vectors(&mut self, class: Class, parts: usize) {
        let greater = class.code(Does::GreaterMask).expect("the 256-bit class has it");
        self.two(Code::VEX_Vmovq_xmm_rm64, Register::XMM0, Register::RCX);
        self.two(class.spread_first(), Register::YMM0, Register::XMM0);
        for part in 0..parts {
            let first = part * class.lanes();
            let indices = steps_memory(&mut self.assembler, class, first, class.lane_bytes);
            self.assembler.push(Instruction::with3(greater, Register::YMM1, Register::YMM0, indices));
            let slot = tail_slot(self.class, part, class.lane_bytes);
            let slot = slot_memory(class, &self.places, slot);
            self.assembler.push(Instruction::with2(class.store(), slot, Register::YMM1));
        }
    }

    /// The outer indices of the first row.
    fn split_row(&mut self) {
        for dimension in (1..self.kernel.outer).rev() {
            // `rax` is what is left of the row's number. An empty dimension has no rows.
            self.two(Code::Xor_r32_rm32, Register::EDX, Register::EDX);
            let size = self.word(self.words.sizes + dimension);
            self.assembler.push(Instruction::with1(Code::Div_rm64, size));
            self.store(self.words.indices + dimension, Register::RDX);
        }
        if self.kernel.outer > 0 {
            self.store(self.words.indices, Register::RAX);
        }
    }

    /// The addresses of the row.
    fn find_row(&mut self) {
        for access in 0..self.strides.len() {
            let base = self.places.bases[access].unwrap_or(TEMPORARY);
            self.load(base, self.words.pointers + access);
            for (dimension, stride) in self.strides[access].clone() {
                let index = dimension.map_or(self.words.row, |dimension| self.words.indices + dimension);
                self.load(Register::RCX, index);
                match stride {
                    RowStride::Word(word) => {
                        let stride = self.word(word);
                        self.assembler.push(Instruction::with2(Code::Imul_r64_rm64, Register::RCX, stride));
                    }
                    RowStride::Bytes(bytes) => {
                        let bytes = bytes as i32;
                        let scaled = Instruction::with3(Code::Imul_r64_rm64_imm32, Register::RCX, Register::RCX, bytes);
                        self.assembler.push(scaled);
                    }
                }
                self.two(Code::Add_r64_rm64, base, Register::RCX);
            }
            if base == TEMPORARY {
                self.store(self.words.bases + access, TEMPORARY);
            }
        }
    }

    /// Goes to the next row, if there is one.
    fn next_row(&mut self, row: Label) {
        let outer = self.kernel.outer;
        if outer > 0 {
            let done = self.assembler.label();
            for dimension in (0..outer).rev() {
                self.load(Register::RCX, self.words.indices + dimension);
                self.immediate(Code::Add_rm64_imm8, Register::RCX, 1);
                self.store(self.words.indices + dimension, Register::RCX);
                if dimension > 0 {
                    self.compare(Register::RCX, self.words.sizes + dimension);
                    self.assembler.jump(Code::Jl_rel32_64, done);
                    self.two(Code::Xor_r32_rm32, Register::ECX, Register::ECX);
                    self.store(self.words.indices + dimension, Register::RCX);
                }
            }
            self.assembler.bind(done);
        }
        self.load(Register::RCX, self.words.row);
        self.immediate(Code::Add_rm64_imm8, Register::RCX, 1);
        self.store(self.words.row, Register::RCX);
        self.compare(Register::RCX, self.words.row_end);
        self.assembler.jump(Code::Jl_rel32_64, row);
    }

    pub(super) fn program(&mut self, program: &Program, pinned: &[Home], is_tail: bool) {
        emit_program(&mut self.assembler, self.class, &mut self.places, program, pinned, is_tail);
    }

    /// Loads the pinned values.
    pub(super) fn pin(&mut self, pinned: &[Home]) {
        for (index, home) in pinned.iter().enumerate() {
            let memory = match *home {
                Home::Constant(bits) => constant_memory(&mut self.assembler, self.class, bits),
                Home::Steps { first, width } => steps_memory(&mut self.assembler, self.class, first, width),
                Home::Slot(slot) => slot_memory(self.class, &self.places, slot),
                Home::Computed | Home::Accumulator(_) => continue,
            };
            let register = vector_register(self.class, self.class.registers() - 1 - index);
            self.assembler.push(Instruction::with2(self.class.load(), register, memory));
        }
    }

    /// The loops of several vectors and of one, and the tail.
    fn inner_loops(&mut self, main: &Program, points: &Program, times: usize, pinned: &[Home]) {
        let lanes = self.class.lanes();
        self.load(INDEX, self.words.inner_begin);
        let mut loops = vec![(self.words.ends[1], points, lanes)];
        if times > 1 {
            loops.insert(0, (self.words.ends[0], main, lanes * times));
        }
        for (end, program, step) in loops {
            let (begin, done) = (self.assembler.label(), self.assembler.label());
            self.compare(INDEX, end);
            self.assembler.jump(Code::Jge_rel32_64, done);
            self.assembler.bind(begin);
            self.program(program, pinned, false);
            self.immediate(Code::Add_rm64_imm32, INDEX, step as i32);
            self.compare(INDEX, end);
            self.assembler.jump(Code::Jl_rel32_64, begin);
            self.assembler.bind(done);
        }
        let done = self.assembler.label();
        self.compare(INDEX, self.words.ends[2]);
        self.assembler.jump(Code::Jge_rel32_64, done);
        self.program(points, pinned, true);
        self.assembler.bind(done);
    }
}

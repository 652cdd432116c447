//! The function of a row kernel: for each row, one pass over it for each stage.
//!
//! A pass goes through the row in groups of [`LANES`] points, which are several vectors, so that each vector of a group has
//! an accumulator of its own for each reduction. The accumulators stay in registers through a block, the tail's lanes are
//! chosen by masks, and behind the block they are folded into the total, which lies in a slot of the frame. Kept values are
//! accesses of their own, side by side in scratch memory.

use iced_x86::{Code, Instruction, MemoryOperand, Register};
use tancho_ir::ops::ReduceKind;
use tancho_ir::ops::reduce::order::{LANES, ROW_BLOCK};
use tancho_tensor::DType;

use super::allocate::{INDEX, constant_memory, vector_register};
use super::codes::Class;
use super::lower::{Known, Lowered, Request, TAIL_SLOTS, lower_pass, lower_total};
use super::map::Function;
use super::program::{Home, Op, Program, spread};
use crate::emit::{EmitError, identity};
use crate::kernel::{Binary, Instruction as BodyInstruction, Kernel, Scalar};

/// The most accumulators, so that there are registers for the values of the points.
const MOST_ACCUMULATORS: usize = 8;

/// What is done in the pass of a stage.
struct Stage {
    lowered: Lowered,
    /// The program of a group of points.
    group: Program,
    /// The slot of each reduction's total, and what it begins with.
    totals: Vec<(usize, u64)>,
    /// What each accumulator begins with.
    identities: Vec<u64>,
    /// The folds of the accumulators.
    folds: Vec<Program>,
    has_points: bool,
}

/// The operation of a fold that the emitter has.
fn operation(kind: ReduceKind) -> Option<Binary> {
    match kind {
        ReduceKind::Sum => Some(Binary::Add),
        ReduceKind::Product => Some(Binary::Multiply),
        ReduceKind::Max => Some(Binary::Maximum),
        ReduceKind::Min => Some(Binary::Minimum),
        ReduceKind::And => Some(Binary::And),
        ReduceKind::Or => Some(Binary::Or),
        ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => None,
    }
}

/// The function's code and listing; `None` if the kernel is not for this emitter.
pub(super) fn emit_row(
    kernel: &Kernel,
    class: Class,
    with_listing: bool,
) -> Option<Result<(Vec<u8>, String), EmitError>> {
    let places = kernel.places();
    let stage_of = |value: Scalar| places[value.index()].stage;
    let values = kernel.reductions.iter().map(|reduction| reduction.value);
    let last = values.chain(kernel.stores.iter().map(|store| store.value)).map(stage_of).max()?;
    let kept: Vec<(Scalar, DType)> = kernel.kept_rows().filter(|(value, _)| places[value.index()].per_point).collect();
    if kept.iter().any(|&(_, dtype)| !matches!(dtype.size(), 4 | 8)) {
        return None;
    }
    // The totals' slots are behind those of the tail's masks.
    let total_of = |reduction: usize| TAIL_SLOTS + reduction;
    let mut slots = total_of(kernel.reductions.len());
    let mut stages = Vec::new();
    for stage in 0..=last {
        stages.push(lower_stage(kernel, class, stage, stage == last, &kept, &total_of, &mut slots)?);
    }
    let parts = LANES / class.lanes();
    let scratch_rows = kept.iter().map(|(_, dtype)| dtype.size()).collect();
    let mut function = Function::new(kernel, class, slots, scratch_rows, with_listing);
    let labels = function.begin([LANES, LANES], parts, &[]);
    for stage in &stages {
        function.stage(stage);
    }
    function.finish(labels)
}

fn lower_stage(
    kernel: &Kernel,
    class: Class,
    stage: usize,
    is_last: bool,
    kept: &[(Scalar, DType)],
    total_of: &impl Fn(usize) -> usize,
    slots: &mut usize,
) -> Option<Stage> {
    let places = kernel.places();
    let parts = LANES / class.lanes();
    let n_accesses = kernel.accesses().count();
    let mut known: Vec<Option<Known>> = vec![None; kernel.body.len()];
    for (value, instruction, _) in kernel.body.iter() {
        if let BodyInstruction::Reduced(reduction) = instruction {
            known[value.index()] = Some(Known::Slot(total_of(reduction as usize)));
        }
    }
    let mut request = Request { known: &[], stores: Vec::new(), row_stores: Vec::new(), folds: Vec::new() };
    for (row, &(value, _)) in kept.iter().enumerate() {
        let of_stage = places[value.index()].stage;
        if of_stage < stage {
            known[value.index()] = Some(Known::Access(n_accesses + row));
        } else if of_stage == stage && !is_last {
            request.stores.push((value, n_accesses + row));
        }
    }
    request.known = &known;
    for (store, access) in kernel.stores.iter().zip(kernel.loads.len()..) {
        let place = places[store.value.index()];
        if place.stage == stage {
            let is_per_point = place.per_point || store.access.moves_along(kernel.inner());
            let stores = if is_per_point { &mut request.stores } else { &mut request.row_stores };
            stores.push((store.value, access));
        }
    }
    let (mut totals, mut identities, mut folds) = (Vec::new(), Vec::new(), Vec::new());
    let mut folded = Vec::new();
    for (index, reduction) in kernel.reductions.iter().enumerate() {
        if places[reduction.value.index()].stage != stage {
            continue;
        }
        let (operation, dtype) = (operation(reduction.kind)?, kernel.body.dtype(reduction.value));
        if dtype == DType::Bool {
            return None;
        }
        let first = identities.len();
        let bits = spread(identity(reduction.kind, dtype), dtype.size());
        identities.extend(vec![bits; class.vectors_of(dtype.size())]);
        request.folds.push((reduction.value, operation, first));
        totals.push((total_of(index), bits));
        folded.push((operation, dtype, first, total_of(index)));
    }
    // The accumulators of a part lie side by side, then come those of the next one.
    let accumulators_of_part = identities.len();
    let identities = identities.repeat(parts);
    if identities.len() > MOST_ACCUMULATORS {
        return None;
    }
    for (operation, dtype, first, total) in folded {
        let of_part = first..first + class.vectors_of(dtype.size());
        let numbers =
            (0..parts).flat_map(|part| of_part.clone().map(move |number| part * accumulators_of_part + number));
        folds.push(lower_total(kernel, class, &places, (operation, dtype), numbers.collect(), total)?);
    }
    let has_points = !request.stores.is_empty() || !request.folds.is_empty();
    let lowered = lower_pass(kernel, class, &places, &request, slots)?;
    let group = lowered.points.unrolled(parts, class.step(accumulators_of_part));
    Some(Stage { lowered, group, totals, identities, folds, has_points })
}

impl Function<'_> {
    fn stage(&mut self, stage: &Stage) {
        self.program(&stage.lowered.row, &[], false);
        if !stage.has_points {
            return;
        }
        let n_accumulators = stage.identities.len();
        let room = self.class.registers() - 2 - n_accumulators;
        let n_pinned = room.saturating_sub(stage.group.pressure() + 1);
        let mut pinned: Vec<Home> = (0..n_accumulators).map(Home::Accumulator).collect();
        pinned.extend(stage.group.by_use().iter().take(n_pinned).map(|value| stage.group.homes[value.index()]));
        if stage.folds.is_empty() {
            self.pin(&pinned);
            self.load(INDEX, self.words.inner_begin);
            self.groups(stage, &pinned, self.words.ends[1], self.words.ends[2]);
            return;
        }
        self.begin_totals(stage);
        let (block, done) = (self.assembler.label(), self.assembler.label());
        self.load(INDEX, self.words.inner_begin);
        self.compare(INDEX, self.words.ends[2]);
        self.assembler.jump(Code::Jge_rel32_64, done);
        self.assembler.bind(block);
        let block_end = MemoryOperand::with_base_displ(INDEX, ROW_BLOCK as i64);
        self.assembler.push(Instruction::with2(Code::Lea_r64_m, Register::RCX, block_end));
        for (limit, word) in [(self.words.ends[2], self.words.block_end), (self.words.ends[1], self.words.middle)] {
            self.compare(Register::RCX, limit);
            let limit = self.word(limit);
            self.assembler.push(Instruction::with2(Code::Cmovg_r64_rm64, Register::RCX, limit));
            self.store(word, Register::RCX);
        }
        self.pin(&pinned);
        for (accumulator, &bits) in stage.identities.iter().enumerate() {
            let memory = constant_memory(&mut self.assembler, self.class, bits);
            let register = vector_register(self.class, self.class.registers() - 1 - accumulator);
            self.assembler.push(Instruction::with2(self.class.load(), register, memory));
        }
        self.groups(stage, &pinned, self.words.middle, self.words.block_end);
        for fold in &stage.folds {
            self.program(fold, &pinned[..n_accumulators], false);
        }
        self.load(INDEX, self.words.block_end);
        self.compare(INDEX, self.words.ends[2]);
        self.assembler.jump(Code::Jl_rel32_64, block);
        self.assembler.bind(done);
    }

    /// The totals of no blocks.
    fn begin_totals(&mut self, stage: &Stage) {
        let mut program = Program::default();
        for &(slot, bits) in &stage.totals {
            let value = program.value(Home::Constant(bits));
            program.ops.push(Op::Keep { slot, value });
        }
        self.program(&program, &[], false);
    }

    /// The groups of points from the index to the end of whole ones, and the points from there to the end of all.
    fn groups(&mut self, stage: &Stage, pinned: &[Home], middle: usize, end: usize) {
        let (begin, tail, done) = (self.assembler.label(), self.assembler.label(), self.assembler.label());
        self.compare(INDEX, middle);
        self.assembler.jump(Code::Jge_rel32_64, tail);
        self.assembler.bind(begin);
        self.program(&stage.group, pinned, false);
        self.immediate(Code::Add_rm64_imm32, INDEX, LANES as i32);
        self.compare(INDEX, middle);
        self.assembler.jump(Code::Jl_rel32_64, begin);
        self.assembler.bind(tail);
        self.compare(INDEX, end);
        self.assembler.jump(Code::Jge_rel32_64, done);
        self.program(&stage.group, pinned, true);
        self.assembler.bind(done);
    }
}

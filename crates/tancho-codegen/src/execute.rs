//! The call gate: runs the steps of a plan on raw memory.
//!
//! Everything that makes this sound was decided before: a plan's pointers stay within the buffers that its sizes describe,
//! a step writes only what no earlier step's reader still needs, and the tiles of a step write disjoint elements.

#![allow(unsafe_code)]

use std::ffi::c_void;

use smallvec::SmallVec;
use tancho_kernels::{Lhs, Matrix, Problem, Rhs};
use tancho_tensor::{Allocation, Buffer};

use crate::call::RunError;
use crate::execute_nested::{run_case, run_copy, run_host, run_while};
use crate::plan::Plan;
use crate::step::{
    Base, Epilogue, FoldStep, LhsOperand, LoopStep, MatrixOperand, PackStep, Pointer, ProductStep, RhsOperand, Step,
};
use crate::watch::{NoWatch, Watch};

/// Runs the tiles of a step, on one thread or on several.
pub trait Workers {
    /// The number of workers that `run` uses at most.
    fn count(&self) -> usize;

    /// Calls `task(tile, worker)` once for each tile below `tiles`, and returns when all are done. No two calls at one time
    /// have the same worker, which is below [`Workers::count`].
    fn run(&self, tiles: usize, task: &(dyn Fn(usize, usize) + Sync));
}

/// Everything on the calling thread.
pub struct OneThread;

impl Workers for OneThread {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, tiles: usize, task: &(dyn Fn(usize, usize) + Sync)) {
        (0..tiles).for_each(|tile| task(tile, 0));
    }
}

/// The memory of one run.
#[derive(Clone, Copy)]
pub(crate) struct Bases<'a> {
    pub arguments: &'a [*const u8],
    pub outputs: &'a [*mut u8],
    pub arena: *mut u8,
    /// The scratch memory of the first worker; those of the others follow.
    pub scratch: *mut u8,
    pub scratch_bytes: usize,
}

// SAFETY: the pointers are only dereferenced by kernels, each of which writes elements that no other tile touches.
unsafe impl Sync for Bases<'_> {}

impl Bases<'_> {
    pub(crate) fn resolve(&self, pointer: Pointer) -> *mut u8 {
        match pointer.base {
            Base::Fixed => std::ptr::with_exposed_provenance_mut(pointer.offset as usize),
            Base::Arena => self.arena.wrapping_offset(pointer.offset),
            Base::Argument(position) => self.arguments[position as usize].cast_mut().wrapping_offset(pointer.offset),
            Base::Output(position) => self.outputs[position as usize].wrapping_offset(pointer.offset),
        }
    }

    fn resolve_all(&self, pointers: &[Pointer]) -> SmallVec<[*mut u8; 8]> {
        pointers.iter().map(|&pointer| self.resolve(pointer)).collect()
    }

    fn scratch_of(&self, worker: usize) -> *mut u8 {
        self.scratch.wrapping_add(worker * self.scratch_bytes)
    }
}

impl Plan {
    /// Runs the plan.
    ///
    /// # Safety
    /// - `arguments` are readable for the bytes of the graph's parameters at the plan's sizes, and hold valid elements.
    /// - `outputs` are writable for [`Plan::output_bytes`], `arena` for [`Plan::arena_bytes`] of `workers.count()`; all are
    ///   aligned to 64 bytes, and used by nobody else meanwhile.
    /// - An output may be the memory of an argument only if [`Plan::donations`] has the pair.
    ///
    /// # Errors
    /// A function of the host or an assertion fails; the outputs then hold anything.
    pub unsafe fn run(
        &self,
        arguments: &[*const u8],
        outputs: &[*mut u8],
        arena: *mut u8,
        workers: &impl Workers,
    ) -> Result<(), RunError> {
        // SAFETY: as the caller has it.
        unsafe { self.run_watched(arguments, outputs, arena, workers, &mut NoWatch) }
    }

    /// As [`Plan::run`], with somebody who watches the steps.
    ///
    /// # Safety
    /// As for [`Plan::run`].
    pub(crate) unsafe fn run_watched(
        &self,
        arguments: &[*const u8],
        outputs: &[*mut u8],
        arena: *mut u8,
        workers: &impl Workers,
        watch: &mut impl Watch,
    ) -> Result<(), RunError> {
        let bases = Bases {
            arguments,
            outputs,
            arena,
            scratch: arena.wrapping_add(self.temporary_bytes),
            scratch_bytes: self.scratch_bytes,
        };
        self.run_steps(&bases, workers, watch)
    }

    /// Runs the steps on memory as [`Plan::run`] has it; a plan within another has the scratch memory of that one.
    pub(crate) fn run_steps(
        &self,
        bases: &Bases<'_>,
        workers: &impl Workers,
        watch: &mut impl Watch,
    ) -> Result<(), RunError> {
        for (number, step) in self.steps.iter().enumerate() {
            let begun = watch.begin(number);
            step.run(bases, workers, watch)?;
            watch.end(begun);
        }
        Ok(())
    }
}

impl Step {
    pub(crate) fn run(
        &self,
        bases: &Bases<'_>,
        workers: &impl Workers,
        watch: &mut impl Watch,
    ) -> Result<(), RunError> {
        match self {
            Step::Loop(step) => run_loop(step, bases, workers),
            Step::Fold(step) => run_fold(step, bases, workers),
            Step::Pack(step) => run_pack(step, bases, workers),
            Step::Product(step) => run_product(step, bases, workers),
            Step::Copy(step) => run_copy(step, bases),
            Step::While(step) => run_while(step, bases, workers, watch)?,
            Step::Case(step) => run_case(step, bases, workers, watch)?,
            Step::Host(step) => run_host(step, bases)?,
        }
        Ok(())
    }
}

fn run_loop(step: &LoopStep, bases: &Bases<'_>, workers: &impl Workers) {
    let pointers = SharedPointers(bases.resolve_all(&step.kernel.pointers));
    let task = |tile: usize, worker: usize| {
        let [row_begin, row_end, inner_begin, inner_end] = step.tiles.tile(tile);
        let scratch = bases.scratch_of(worker);
        let pointers = pointers.as_ptr();
        // SAFETY: the plan computed pointers and arguments for this kernel from the sizes of the memory that `run`'s caller
        // vouches for, and gave each worker scratch memory of its own.
        unsafe {
            (step.kernel.function)(
                pointers,
                step.kernel.arguments.as_ptr(),
                scratch,
                row_begin,
                row_end,
                inner_begin,
                inner_end,
            );
        }
    };
    match step.tiles.count {
        1 => task(0, 0),
        count => workers.run(count, &task),
    }
}

fn run_fold(step: &FoldStep, bases: &Bases<'_>, workers: &impl Workers) {
    let pointers = SharedPointers(bases.resolve_all(&step.kernel.pointers));
    let task = |tile: usize, worker: usize| {
        let first = tile as i64 * step.blocks_per_tile;
        let mut arguments: SmallVec<[i64; 16]> = SmallVec::from_slice(&step.kernel.arguments);
        for number in first..(first + step.blocks_per_tile).min(step.blocks) {
            let advanced = pointers.all().iter().zip(&step.advances);
            let pointers: SmallVec<[*mut u8; 8]> = advanced
                .map(|(pointer, &advance)| pointer.wrapping_offset(advance.wrapping_mul(number as isize)))
                .collect();
            let length = step.block.min(step.reduced - number * step.block);
            arguments[step.reduced_argument] = length;
            let inner_end = step.inner.unwrap_or(length);
            let scratch = bases.scratch_of(worker);
            // SAFETY: as in `run_loop`; the block lies within the folded dimension, and each has results of its own.
            unsafe {
                (step.kernel.function)(pointers.as_ptr(), arguments.as_ptr(), scratch, 0, step.rows, 0, inner_end);
            }
        }
    };
    match step.tiles {
        1 => task(0, 0),
        tiles => workers.run(tiles, &task),
    }
}

struct SharedPointers(SmallVec<[*mut u8; 8]>);

// SAFETY: the table is only read, and what it points to is governed as `Bases` says.
unsafe impl Sync for SharedPointers {}

impl SharedPointers {
    fn as_ptr(&self) -> *const *mut u8 {
        self.0.as_ptr()
    }

    fn all(&self) -> &[*mut u8] {
        &self.0
    }
}

fn run_pack(step: &PackStep, bases: &Bases<'_>, workers: &impl Workers) {
    let target = Address(bases.resolve(step.target));
    let source = Address(bases.resolve(step.rhs.pointer));
    let task = |tile: usize, _worker: usize| pack_panel(step, source.get(), target.get(), tile);
    match step.tiles {
        1 => task(0, 0),
        tiles => workers.run(tiles, &task),
    }
}

fn pack_panel(step: &PackStep, source: *const u8, target: *mut u8, tile: usize) {
    let (number, panel) = (tile / step.panels, tile % step.panels);
    let rhs = matrix(&step.rhs, source, &step.batch, number);
    let target = target.wrapping_add(number * step.matrix_bytes);
    // SAFETY: the plan made room for the packed matrices, and the source holds `k` rows of `n` columns at its strides.
    unsafe { step.matmul.pack_rhs(panel..panel + 1, &rhs, step.k, step.n, target) };
}

fn matrix(operand: &MatrixOperand, base: *const u8, batch: &[usize], number: usize) -> Matrix {
    Matrix {
        pointer: base.wrapping_offset(operand.batch_offset(batch, number)),
        row_stride: operand.row_stride,
        column_stride: operand.column_stride,
    }
}

/// Packs a constant into memory of its own.
pub(crate) fn pack_into(step: &PackStep, target: &Allocation) {
    let source =
        Bases { arguments: &[], outputs: &[], arena: target.as_ptr(), scratch: target.as_ptr(), scratch_bytes: 0 }
            .resolve(step.rhs.pointer);
    (0..step.tiles).for_each(|tile| pack_panel(step, source, target.as_ptr(), tile));
}

/// Makes memory that was allocated zeroed, and perhaps written since, shareable.
pub(crate) fn freeze(allocation: Allocation) -> Buffer {
    // SAFETY: every byte was zeroed when the memory was allocated, and no pointer to it is left.
    unsafe { allocation.freeze() }
}

fn run_product(step: &ProductStep, bases: &Bases<'_>, workers: &impl Workers) {
    let lhs = Address(bases.resolve(match &step.lhs {
        LhsOperand::Matrix(operand) => operand.pointer,
        LhsOperand::Windows { pointer, .. } => *pointer,
    }));
    let output = Address(bases.resolve(step.output));
    let rhs = Address(match &step.rhs {
        RhsOperand::Packed { pointer, .. } => bases.resolve(*pointer),
        RhsOperand::Unpacked(operand) => bases.resolve(operand.pointer),
    });
    let pointers = step.epilogue.as_ref().map(|epilogue| SharedPointers(bases.resolve_all(&epilogue.kernel.pointers)));
    let task = |tile: usize, worker: usize| {
        let (number, tile) = (tile / step.tiles_per_batch, tile % step.tiles_per_batch);
        let rhs = match &step.rhs {
            RhsOperand::Packed { matrix_bytes, .. } => Rhs::Packed(rhs.get().wrapping_add(number * matrix_bytes)),
            RhsOperand::Unpacked(operand) => Rhs::Unpacked(matrix(operand, rhs.get(), &step.batch, number)),
        };
        let context = step.epilogue.as_ref().zip(pointers.as_ref()).map(|(epilogue, pointers)| EpilogueContext {
            epilogue,
            pointers: &pointers.0,
            first_row: number * step.m,
        });
        let problem = Problem {
            m: step.m,
            n: step.n,
            k: step.k,
            lhs: match &step.lhs {
                LhsOperand::Matrix(operand) => Lhs::Matrix(matrix(operand, lhs.get(), &step.batch, number)),
                LhsOperand::Windows { windows, group_stride, .. } => {
                    Lhs::Windows(windows, lhs.get().wrapping_offset(number as isize * group_stride))
                }
            },
            rhs,
            out: output.get().wrapping_add(number * step.output_batch_bytes),
            out_row_stride: step.output_row_stride,
            epilogue: context.as_ref().map(|context| tancho_kernels::Epilogue {
                function: run_epilogue,
                context: std::ptr::from_ref(context).cast(),
            }),
        };
        // SAFETY: the plan computed the sizes and strides from the memory that `run`'s caller vouches for, packed the right
        // operand for this kernel, and gave each worker scratch memory of its own. The context outlives the call.
        unsafe { step.matmul.run_tile(tile, &problem, bases.scratch_of(worker)) };
    };
    match step.tiles {
        1 => task(0, 0),
        tiles => workers.run(tiles, &task),
    }
}

#[derive(Clone, Copy)]
struct Address(*mut u8);

// SAFETY: as for `Bases`.
unsafe impl Sync for Address {}

impl Address {
    fn get(&self) -> *mut u8 {
        self.0
    }
}

/// What the matrix kernel hands back with each block.
struct EpilogueContext<'a> {
    epilogue: &'a Epilogue,
    pointers: &'a [*mut u8],
    /// The number of the batch's first row among the rows of the kernel.
    first_row: usize,
}

/// Runs an epilogue's kernel on one block. The kernel counts rows over all batches, and reaches the block through its tile
/// access, whose base is set so that row and column numbers of the whole result lead into the block.
///
/// # Safety
/// `context` is an [`EpilogueContext`]; `block` is readable for the rows and columns at the stride.
unsafe extern "C" fn run_epilogue(
    context: *const c_void,
    block: *const u8,
    block_row_stride: usize,
    i0: usize,
    i1: usize,
    j0: usize,
    j1: usize,
) {
    // SAFETY: the matrix kernel passes on the context that `run_product` gave it.
    let EpilogueContext { epilogue, pointers, first_row } = unsafe { &*context.cast::<EpilogueContext<'_>>() };
    let (row_begin, row_end) = (first_row + i0, first_row + i1);
    let elements_before = row_begin.wrapping_mul(block_row_stride).wrapping_add(j0);
    let mut pointers: SmallVec<[*mut u8; 8]> = SmallVec::from_slice(pointers);
    pointers[epilogue.tile] = block.cast_mut().wrapping_sub(elements_before.wrapping_mul(epilogue.element_size));
    let mut arguments: SmallVec<[i64; 16]> = SmallVec::from_slice(&epilogue.kernel.arguments);
    arguments[epilogue.tile_argument] = block_row_stride as i64;
    // SAFETY: as in `run_loop`; the tile's pointer leads into the block for the rows and columns of this call, and map
    // kernels use no scratch memory.
    unsafe {
        (epilogue.kernel.function)(
            pointers.as_ptr(),
            arguments.as_ptr(),
            std::ptr::null_mut(),
            row_begin as i64,
            row_end as i64,
            j0 as i64,
            j1 as i64,
        );
    }
}

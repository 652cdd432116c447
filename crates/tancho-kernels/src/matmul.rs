//! Matrix products for a caller that knows the element type at run time: raw pointers and a table of functions.
//!
//! A product `out[i, j] = sum over p of lhs[i, p] * rhs[p, j]`, with `i < m`, `j < n`, `p < k`, takes two steps, both of
//! which can be shared out over threads:
//!
//! 1. Pack rhs, unless [`Matmul::prefers_unpacked`] says that this does not pay: [`Matmul::pack_rhs`] for disjoint ranges
//!    of [`Matmul::rhs_panels`] panels, into [`Matmul::packed_rhs_len`] elements. A constant is packed once.
//! 2. [`Matmul::run_tile`] for each of [`Matmul::tile_count`] tiles, in any order, each thread with
//!    [`Matmul::scratch_len`] bytes of its own.
//!
//! Pointers are to bytes and strides count elements. See the crate's documentation for the definition of the bits.

use std::ffi::c_void;
use std::ops::Range;

use crate::element::ElementType;
use crate::grid::{Grid, Orientation};
use crate::isa::Isa;
use crate::kernel::{self, Kernel};
use crate::pack::Operand;
use crate::tile;
use crate::windows::Windows;

/// A matrix to be read, with any strides (in elements; negative ones and zero too), so that a transposition is free.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    /// The element in row 0 and column 0.
    pub pointer: *const u8,
    pub row_stride: isize,
    pub column_stride: isize,
}

/// The left-hand side of a product.
#[derive(Clone, Copy, Debug)]
pub enum Lhs<'w> {
    Matrix(Matrix),
    /// The windows of an input, which begins at the address. [`Matmul::scratch_len_of_windows`] is needed.
    Windows(&'w Windows, *const u8),
}

/// The right-hand side of a product.
#[derive(Clone, Copy, Debug)]
pub enum Rhs {
    /// What [`Matmul::pack_rhs`] of the same kernel wrote, all panels of it.
    Packed(*const u8),
    /// A matrix of `k` rows and `n` columns. Each tile packs what it reads.
    Unpacked(Matrix),
}

/// What is to be done with each finished block of a product.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue {
    /// Called once for each block, as `function(context, block, block_row_stride, i0, i1, j0, j1)`: the block holds the
    /// rows `i0..i1` and the columns `j0..j1`; `block` is its element `(i0, j0)`, and its rows begin `block_row_stride`
    /// elements apart. The function writes the final results, wherever they belong. Threads call it at the same time, for
    /// different blocks.
    pub function: unsafe extern "C" fn(
        context: *const c_void,
        block: *const u8,
        block_row_stride: usize,
        i0: usize,
        i1: usize,
        j0: usize,
        j1: usize,
    ),
    pub context: *const c_void,
}

/// One product. A batch is a product for each of its matrices.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'w> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// `m` rows and `k` columns.
    pub lhs: Lhs<'w>,
    /// `k` rows and `n` columns.
    pub rhs: Rhs,
    /// `m` rows and `n` columns, each row's consecutive. Neither read nor written if there is an epilogue.
    pub out: *mut u8,
    /// Elements from one row of the output to the next, at least `n`.
    pub out_row_stride: usize,
    pub epilogue: Option<Epilogue>,
}

/// Matrix multiplication of one element type on one instruction set; see [`matmul`].
#[derive(Clone, Copy)]
pub struct Matmul {
    element: ElementType,
    isa: Isa,
    panel: usize,
    lanes: usize,
    grid: fn(m: usize, n: usize) -> Grid,
    scratch_len: fn(m: usize, n: usize, k: usize, has_windows: bool) -> usize,
    pack_rhs: unsafe fn(panels: Range<usize>, rhs: &Matrix, k: usize, n: usize, target: *mut u8),
    run_tile: unsafe fn(tile: usize, problem: &Problem, scratch: *mut u8),
}

impl Matmul {
    /// The element type of both operands and the output. The signed integer types share the kernels of the unsigned.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// The instruction set whose kernel this is: the one asked for, or a lesser one where that has no kernel of its own.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Elements of a packed rhs of `k` rows and `n` columns.
    pub fn packed_rhs_len(&self, k: usize, n: usize) -> usize {
        k * n.next_multiple_of(self.lanes)
    }

    /// The number of panels of an rhs of `n` columns.
    pub fn rhs_panels(&self, n: usize) -> usize {
        n.div_ceil(self.panel)
    }

    /// Packs some panels of an rhs of `k` rows and `n` columns. `target` is the beginning of the whole packed rhs, of
    /// [`Matmul::packed_rhs_len`] elements; an alignment of 64 bytes makes the product faster.
    ///
    /// # Safety
    /// `rhs` is readable for `k` rows and `n` columns. `panels` ends at [`Matmul::rhs_panels`] or before. `target` is
    /// writable, aligned to an element, and disjoint from `rhs`. Threads that pack into the same target have disjoint
    /// ranges.
    pub unsafe fn pack_rhs(&self, panels: Range<usize>, rhs: &Matrix, k: usize, n: usize, target: *mut u8) {
        debug_assert!(panels.end <= self.rhs_panels(n), "pack_rhs: panels {panels:?} of a matrix of {n} columns");
        // SAFETY: the caller's contract; `matmul` gives out kernels that the processor runs.
        unsafe { (self.pack_rhs)(panels, rhs, k, n, target) }
    }

    /// Whether the product is at least as fast with an rhs that is not packed, if it would have to be packed for this
    /// product alone: so it is when each element of rhs is read by one tile.
    pub fn prefers_unpacked(&self, m: usize, n: usize, _k: usize, _rhs: &Matrix) -> bool {
        let grid = (self.grid)(m, n);
        grid.orientation == Orientation::Transposed || grid.n_row_parts() <= 1
    }

    /// The number of tiles of a product. It depends on nothing but the shape.
    pub fn tile_count(&self, m: usize, n: usize, _k: usize) -> usize {
        (self.grid)(m, n).n_tiles()
    }

    /// Bytes of scratch memory that a thread needs to run tiles of a product.
    pub fn scratch_len(&self, m: usize, n: usize, k: usize) -> usize {
        (self.scratch_len)(m, n, k, false)
    }

    /// As [`Matmul::scratch_len`], for a left-hand side of windows.
    pub fn scratch_len_of_windows(&self, m: usize, n: usize, k: usize) -> usize {
        (self.scratch_len)(m, n, k, true)
    }

    /// Computes one tile of a product. Tiles write disjoint parts of the output, and can run in any order and at the same
    /// time.
    ///
    /// # Safety
    /// `tile` is below [`Matmul::tile_count`]. The operands are readable and the output is writable for the sizes of the
    /// problem, and aligned to an element; a packed rhs was packed by this kernel for the same `k` and `n`. `scratch` is
    /// writable for [`Matmul::scratch_len`] bytes, aligned to 64 bytes, and used by no other thread meanwhile. The output
    /// and the scratch memory are disjoint from the operands. The epilogue's function can be called with its context.
    pub unsafe fn run_tile(&self, tile: usize, problem: &Problem, scratch: *mut u8) {
        debug_assert!(
            tile < self.tile_count(problem.m, problem.n, problem.k),
            "run_tile: tile {tile} does not exist in {problem:?}"
        );
        debug_assert!(
            scratch.addr().is_multiple_of(tile::SCRATCH_ALIGNMENT),
            "run_tile: scratch memory at {scratch:?} is not aligned to {} bytes",
            tile::SCRATCH_ALIGNMENT
        );
        // SAFETY: the caller's contract; `matmul` gives out kernels that the processor runs.
        unsafe { (self.run_tile)(tile, problem, scratch) }
    }
}

/// Matrix multiplication of an element type on an instruction set.
///
/// # Panics
/// When the processor does not run the instruction set.
pub fn matmul(element: ElementType, isa: Isa) -> &'static Matmul {
    assert!(isa.is_available(), "matmul: this processor does not run {isa:?}");
    match isa {
        Isa::Portable => portable(element),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2(element),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512(element),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => unreachable!("matmul: {isa:?} is of x86-64"),
    }
}

const fn table<K: Kernel>(element: ElementType, isa: Isa) -> Matmul {
    Matmul {
        element,
        isa,
        panel: K::PANEL,
        lanes: K::LANES,
        grid: Grid::new::<K>,
        scratch_len: tile::scratch_len::<K>,
        // SAFETY (both): the caller of the table's function keeps the kernel's contract.
        pack_rhs: |panels, rhs, k, n, target| unsafe { K::pack_rhs(panels, Operand::new(rhs), k, n, target.cast()) },
        run_tile: |tile, problem, scratch| unsafe { K::run_tile(tile, problem, scratch) },
    }
}

/// Defines the function that finds the table of an element type on one instruction set.
macro_rules! tables {
    ($name:ident: $($element:ident by $kernel:ident on $isa:ident),* $(,)?) => {
        fn $name(element: ElementType) -> &'static Matmul {
            match element {
                $(ElementType::$element => {
                    const { &table::<kernel::$kernel>(ElementType::$element, Isa::$isa) }
                })*
            }
        }
    };
}

tables!(portable:
    F32 by PortableF32 on Portable,
    F64 by PortableF64 on Portable,
    I8 by PortableU8 on Portable,
    U8 by PortableU8 on Portable,
    I16 by PortableU16 on Portable,
    U16 by PortableU16 on Portable,
    I32 by PortableU32 on Portable,
    U32 by PortableU32 on Portable,
    I64 by PortableU64 on Portable,
    U64 by PortableU64 on Portable,
);

#[cfg(target_arch = "x86_64")]
tables!(avx2:
    F32 by Avx2F32 on Avx2,
    F64 by Avx2F64 on Avx2,
    I8 by Avx2U8 on Avx2,
    U8 by Avx2U8 on Avx2,
    I16 by Avx2U16 on Avx2,
    U16 by Avx2U16 on Avx2,
    I32 by Avx2U32 on Avx2,
    U32 by Avx2U32 on Avx2,
    I64 by Avx2U64 on Avx2,
    U64 by Avx2U64 on Avx2,
);

#[cfg(target_arch = "x86_64")]
tables!(avx512:
    F32 by Avx512F32 on Avx512,
    F64 by Avx512F64 on Avx512,
    I8 by Avx2U8 on Avx2,
    U8 by Avx2U8 on Avx2,
    I16 by Avx2U16 on Avx2,
    U16 by Avx2U16 on Avx2,
    I32 by Avx2U32 on Avx2,
    U32 by Avx2U32 on Avx2,
    I64 by Avx2U64 on Avx2,
    U64 by Avx2U64 on Avx2,
);

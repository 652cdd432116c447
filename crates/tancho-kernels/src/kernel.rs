//! A kernel: one element type on one instruction set, with the size of its register tile.
//!
//! The register tile has `ROWS` rows by `VECTORS` registers of columns. `ROWS * VECTORS` running sums, `VECTORS` registers
//! of rhs and one broadcast element of lhs fill the register file (16 registers of AVX2, 32 of AVX-512), and the sums are
//! enough to hide the latency of a fused multiply-add (4 cycles, two a cycle). All code is generic over [`Kernel`];
//! the functions of the trait are where the processor's features are enabled.

use std::ops::Range;

use crate::element::Element;
use crate::matmul::Problem;
use crate::microkernel::{self, Panels};
use crate::pack::{self, Operand};
use crate::tile;
use crate::vector::{Lanes, Vector};
#[cfg(target_arch = "x86_64")]
use crate::x86::{F32x8, F32x16, F64x4, F64x8};

/// One element type on one instruction set.
///
/// # Safety
/// The processor must run the kernel's instruction set, for all functions.
pub(crate) trait Kernel: 'static {
    type Element: Element;
    type Vector: Vector<Element = Self::Element>;
    /// Rows of the register tile, at most [`microkernel::MAX_ROWS`].
    const ROWS: usize;
    /// Registers in a row of the register tile, at most [`microkernel::MAX_VECTORS`].
    const VECTORS: usize;
    /// Elements in a register.
    const LANES: usize = Self::Vector::LANES;
    /// Columns of the register tile, which is the width of a packed panel.
    const PANEL: usize = {
        assert!(Self::ROWS <= microkernel::MAX_ROWS && Self::VECTORS <= microkernel::MAX_VECTORS);
        // Panels are packed in whole squares, so that none writes into its neighbour, which another thread may pack.
        assert!(Self::LANES.is_multiple_of(Self::Vector::SIDE));
        Self::VECTORS * Self::LANES
    };

    /// See [`microkernel::multiply`].
    unsafe fn multiply<const ROWS: usize, const PANELS: usize, const VECTORS: usize>(
        panels: &Panels<Self::Element>,
        out: *mut Self::Element,
        out_row_stride: usize,
        accumulate: bool,
    );

    /// See [`pack::pack_rhs`].
    unsafe fn pack_rhs(
        panels: Range<usize>,
        rhs: Operand<Self::Element>,
        k: usize,
        n: usize,
        target: *mut Self::Element,
    );

    /// See [`tile::run`].
    unsafe fn run_tile(tile: usize, problem: &Problem, scratch: *mut u8);
}

macro_rules! kernel {
    ($name:ident, $vector:ty, $rows:literal x $vectors:literal $(, $features:literal)?) => {
        pub(crate) struct $name;

        impl Kernel for $name {
            type Element = <$vector as Vector>::Element;
            type Vector = $vector;
            const ROWS: usize = $rows;
            const VECTORS: usize = $vectors;

            $(#[target_feature(enable = $features)])?
            unsafe fn multiply<const ROWS: usize, const PANELS: usize, const VECTORS: usize>(
                panels: &Panels<Self::Element>,
                out: *mut Self::Element,
                out_row_stride: usize,
                accumulate: bool,
            ) {
                // SAFETY: the caller keeps the contract of `microkernel::multiply`.
                unsafe {
                    microkernel::multiply::<Self::Vector, ROWS, PANELS, VECTORS>(panels, out, out_row_stride, accumulate)
                }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn pack_rhs(
                panels: Range<usize>,
                rhs: Operand<Self::Element>,
                k: usize,
                n: usize,
                target: *mut Self::Element,
            ) {
                // SAFETY: the caller keeps the contract of `pack::pack_rhs`.
                unsafe { pack::pack_rhs::<Self>(panels, rhs, k, n, target) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn run_tile(tile: usize, problem: &Problem, scratch: *mut u8) {
                // SAFETY: the caller keeps the contract of `tile::run`.
                unsafe { tile::run::<Self>(tile, problem, scratch) }
            }
        }
    };
}

kernel!(PortableF32, Lanes<f32, 4>, 4 x 2);
kernel!(PortableF64, Lanes<f64, 4>, 4 x 2);
kernel!(PortableU8, Lanes<u8, 16>, 4 x 2);
kernel!(PortableU16, Lanes<u16, 8>, 4 x 2);
kernel!(PortableU32, Lanes<u32, 4>, 4 x 2);
kernel!(PortableU64, Lanes<u64, 4>, 4 x 2);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;

    kernel!(Avx2F32, F32x8, 6 x 2, "avx2,fma");
    kernel!(Avx2F64, F64x4, 6 x 2, "avx2,fma");
    // There is no instruction that multiplies bytes; the compiler widens 16 of them better than it does 32.
    kernel!(Avx2U8, Lanes<u8, 16>, 4 x 2, "avx2,fma");
    kernel!(Avx2U16, Lanes<u16, 16>, 4 x 2, "avx2,fma");
    kernel!(Avx2U32, Lanes<u32, 8>, 4 x 2, "avx2,fma");
    kernel!(Avx2U64, Lanes<u64, 4>, 4 x 2, "avx2,fma");

    kernel!(Avx512F32, F32x16, 8 x 3, "avx512f,avx2,fma");
    kernel!(Avx512F64, F64x8, 8 x 3, "avx512f,avx2,fma");
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::*;

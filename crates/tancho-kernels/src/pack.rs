//! Packing: copying operands in the order in which the register tile reads them.
//!
//! The contracted dimension is cut into blocks of `K_BLOCK` (see [`crate::element::Element::K_BLOCK`]).
//!
//! - lhs: for one block and the rows of one tile, *slivers* of `ROWS` rows. A sliver holds, for each `p` of the block, its
//!   rows' elements. The last sliver has as many rows as are left.
//! - rhs: *panels* of `PANEL` columns. A panel holds, for each `p` of a block, its columns' elements. The last panel is as
//!   wide as its columns rounded up to whole registers, filled with zeros. All panels of the first block come first,
//!   then all of the second: panel `q` of the block that begins at `p` lies at `p * padded_n + q * PANEL * (length of the
//!   block)`, where `padded_n` is `n` rounded up to registers.
//!
//! Both are the same task for two roles, and both have three ways through the source: runs that are consecutive in the
//! direction of the packed rows are copied, runs that are consecutive along `p` are transposed in squares in registers,
//! anything else goes element by element.

use std::ops::Range;

use crate::element::Element;
use crate::kernel::Kernel;
use crate::matmul::Matrix;
use crate::vector::Vector;

/// A [`Matrix`] whose elements have a type.
#[derive(Clone, Copy)]
pub(crate) struct Operand<T> {
    pub(crate) pointer: *const T,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
}

impl<T: Element> Operand<T> {
    pub(crate) fn new(matrix: &Matrix) -> Self {
        let Matrix { pointer, row_stride, column_stride } = *matrix;
        Self { pointer: pointer.cast(), row_stride, column_stride }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// The view that begins at an element.
    ///
    /// # Safety
    /// The element lies within the matrix, or the view is not read.
    #[inline(always)]
    pub(crate) unsafe fn from(self, row: usize, column: usize) -> Self {
        let offset = row as isize * self.row_stride + column as isize * self.column_stride;
        Self { pointer: self.pointer.wrapping_offset(offset), ..self }
    }

    /// # Safety
    /// The element lies within the matrix.
    #[inline(always)]
    pub(crate) unsafe fn get(self, row: usize, column: usize) -> T {
        // SAFETY: the caller's contract.
        unsafe { *self.from(row, column).pointer }
    }
}

/// Elements that [`pack_lhs`] writes at most.
pub(crate) fn packed_lhs_len<K: Kernel>(rows: usize, k: usize) -> usize {
    rows * k + K::Vector::SIDE
}

/// Packs `rows` rows and `k` columns of lhs into slivers.
///
/// # Safety
/// `lhs` is readable for as many elements, and `target` writable for [`packed_lhs_len`].
#[inline(always)]
pub(crate) unsafe fn pack_lhs<K: Kernel>(lhs: Operand<K::Element>, rows: usize, k: usize, target: *mut K::Element) {
    for row in (0..rows).step_by(K::ROWS) {
        // SAFETY: slivers follow one another; what a transposition writes beyond its sliver is overwritten by the next
        // one, or falls into the surplus that `packed_lhs_len` allows for.
        unsafe {
            let (sliver, target) = (lhs.from(row, 0), target.add(row * k));
            match rows - row {
                1 => pack_runs::<K>(sliver, 1, 1, k, target),
                left if left >= K::ROWS => pack_runs::<K>(sliver, K::ROWS, K::ROWS, k, target),
                left => pack_runs::<K>(sliver, left, left, k, target),
            }
        }
    }
}

/// The width of the panel that begins at column `column` of `n`: a whole panel's, or what is left in whole registers.
#[inline(always)]
pub(crate) fn panel_width<K: Kernel>(column: usize, n: usize) -> usize {
    K::PANEL.min((n - column).next_multiple_of(K::LANES))
}

/// Packs panels of rhs (`k` rows, `n` columns), all blocks.
///
/// # Safety
/// `rhs` is readable for `k` rows and `n` columns; `panels` lies within the panels of `n` columns; `target` is writable
/// for `k * n.next_multiple_of(LANES)` elements.
#[inline(always)]
pub(crate) unsafe fn pack_rhs<K: Kernel>(
    panels: Range<usize>,
    rhs: Operand<K::Element>,
    k: usize,
    n: usize,
    target: *mut K::Element,
) {
    let columns = panels.start * K::PANEL..n.min(panels.end * K::PANEL);
    for first in (0..k).step_by(K::Element::K_BLOCK) {
        let block = K::Element::K_BLOCK.min(k - first);
        // SAFETY: the place of a panel that the module's documentation gives lies within `target`.
        unsafe {
            let target = target.add(first * n.next_multiple_of(K::LANES) + columns.start * block);
            pack_rhs_block::<K>(rhs.from(first, columns.start), block, columns.len(), target);
        }
    }
}

/// Packs all panels of one block (`k` rows) of `n` columns.
///
/// # Safety
/// `rhs` is readable for `k` rows and `n` columns, `target` writable for `k * n.next_multiple_of(LANES)` elements.
#[inline(always)]
pub(crate) unsafe fn pack_rhs_block<K: Kernel>(rhs: Operand<K::Element>, k: usize, n: usize, target: *mut K::Element) {
    /// So many panels are packed side by side that one row's part of them spans a few cache lines of the source.
    const GROUP: usize = 4;
    // SAFETY: panels lie side by side within what the caller vouches for.
    unsafe {
        let mut column = 0;
        if rhs.column_stride == 1 {
            while column + GROUP * K::PANEL <= n {
                copy_panels::<K, GROUP>(rhs.from(0, column), k, target.add(column * k));
                column += GROUP * K::PANEL;
            }
            while column + K::PANEL <= n {
                copy_panels::<K, 1>(rhs.from(0, column), k, target.add(column * k));
                column += K::PANEL;
            }
        }
        while column < n {
            let (source, target) = (rhs.from(0, column).transposed(), target.add(column * k));
            if n - column >= K::PANEL {
                pack_runs::<K>(source, K::PANEL, K::PANEL, k, target);
            } else {
                pack_runs::<K>(source, n - column, panel_width::<K>(column, n), k, target);
            }
            column += K::PANEL;
        }
    }
}

/// Copies `PANELS` whole panels whose columns are consecutive in the source.
///
/// # Safety
/// As [`pack_rhs_block`].
#[inline(always)]
unsafe fn copy_panels<K: Kernel, const PANELS: usize>(rhs: Operand<K::Element>, k: usize, target: *mut K::Element) {
    for p in 0..k {
        // SAFETY: the caller's contract.
        unsafe {
            let source = rhs.from(p, 0).pointer;
            for panel in 0..PANELS {
                for vector in 0..K::VECTORS {
                    let offset = vector * K::LANES;
                    K::Vector::load(source.add(panel * K::PANEL + offset))
                        .store(target.add((panel * k + p) * K::PANEL + offset));
                }
            }
        }
    }
}

/// Packs `n_runs` rows of `source` (the rows of a sliver, or the columns of a panel as rows), each `k` long:
/// `target[p * width + run] = source[run, p]`, with zeros from `n_runs` to `width`.
///
/// # Safety
/// `source` is readable for `n_runs` rows and `k` columns, `target` writable for `k * width + SIDE` elements, or for
/// `k * width` if `width` is a multiple of `SIDE`.
#[inline(always)]
unsafe fn pack_runs<K: Kernel>(
    source: Operand<K::Element>,
    n_runs: usize,
    width: usize,
    k: usize,
    target: *mut K::Element,
) {
    let side = K::Vector::SIDE;
    // SAFETY: as the comments below say, within what the caller vouches for.
    unsafe {
        let mut p = 0;
        if source.column_stride == 1 && width == 1 {
            std::ptr::copy_nonoverlapping(source.pointer, target, k);
            return;
        }
        if source.column_stride == 1 {
            while p + side <= k {
                // The last square of a row comes first: what it writes beyond `width` belongs to the squares before it
                // (and to the next `p`), which are written after it.
                for first in (0..width).step_by(side).rev() {
                    let n_square_runs = n_runs.saturating_sub(first).min(side);
                    let runs = source.from(first, p);
                    let rows = target.add(p * width + first);
                    K::Vector::transpose_square(runs.pointer, runs.row_stride, n_square_runs, rows, width);
                }
                p += side;
            }
        }
        if source.row_stride == 1 {
            while p < k {
                let row = target.add(p * width);
                std::ptr::copy_nonoverlapping(source.from(0, p).pointer, row, n_runs);
                fill_zeros(row, n_runs..width);
                p += 1;
            }
        }
        while p < k {
            let row = target.add(p * width);
            for run in 0..n_runs {
                *row.add(run) = source.get(run, p);
            }
            fill_zeros(row, n_runs..width);
            p += 1;
        }
    }
}

/// # Safety
/// `row` is writable for the range.
#[inline(always)]
unsafe fn fill_zeros<T: Element>(row: *mut T, range: Range<usize>) {
    for index in range {
        // SAFETY: the caller's contract.
        unsafe { *row.add(index) = T::ZERO };
    }
}

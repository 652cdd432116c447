//! Products with few rows over an rhs that is not packed: the rhs is streamed through once, row by row.
//!
//! The sums of a tile's columns are kept in scratch memory, which fits the first-level cache. A few rows of rhs at a time
//! update them: `sum[j] = fma(lhs[p], rhs[p, j], sum[j])` for `p`, `p + 1`, … in order. Each sum is the chain of the
//! definition; that it rests in memory between the steps changes no bit. All columns of a row are read one after another,
//! as memory likes it. At the end of a block the sums are added to the output.

use crate::element::Element;
use crate::kernel::Kernel;
use crate::pack::Operand;
use crate::vector::Vector;

/// The most rows of lhs for which the product is a stream. Beyond, packing pays.
pub(crate) const MAX_ROWS: usize = 8;

/// Elements of scratch memory for a tile.
pub(crate) fn scratch_len(rows: usize, columns: usize) -> usize {
    if rows <= MAX_ROWS { rows * columns } else { 0 }
}

/// The output of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Target<T> {
    pub(crate) pointer: *mut T,
    pub(crate) row_stride: usize,
}

/// Computes `n_rows <= MAX_ROWS` rows of a product.
///
/// # Safety
/// The operands are readable for `n_rows`, `k` and `n_columns`; rhs has a column stride of one; `out` is writable for the
/// same rows and columns, `sums` for [`scratch_len`] elements; the processor runs `K`.
#[inline(always)]
pub(crate) unsafe fn multiply_rows<K: Kernel>(
    lhs: Operand<K::Element>,
    rhs: Operand<K::Element>,
    n_rows: usize,
    n_columns: usize,
    k: usize,
    out: Target<K::Element>,
    sums: *mut K::Element,
) {
    // SAFETY: the caller's contract; `add_rows` takes as many rows of rhs as its second parameter says.
    unsafe {
        for first in (0..k).step_by(K::Element::K_BLOCK) {
            let end = k.min(first + K::Element::K_BLOCK);
            sums.write_bytes(0, n_rows * n_columns);
            let mut p = first;
            while p < end {
                let (lhs, rhs) = (lhs.from(0, p), rhs.from(p, 0));
                let step = Step { lhs, rhs, n_columns, sums };
                p += match (n_rows, end - p) {
                    (1, 8..) => add_rows::<K, 1, 8, 1>(&step, 0),
                    (_, 4..) => add_all_rows::<K, 4>(&step, n_rows),
                    _ => add_all_rows::<K, 1>(&step, n_rows),
                };
            }
            for row in 0..n_rows {
                for column in 0..n_columns {
                    let sum = *sums.add(row * n_columns + column);
                    let out = out.pointer.add(row * out.row_stride + column);
                    *out = if first > 0 { (*out).add(sum) } else { sum };
                }
            }
        }
    }
}

/// A few rows of rhs.
struct Step<T> {
    /// Its first column belongs to the first of the rows of rhs.
    lhs: Operand<T>,
    rhs: Operand<T>,
    n_columns: usize,
    sums: *mut T,
}

/// [`add_rows`] for all rows of lhs. Returns `DEPTH`.
///
/// # Safety
/// As [`add_rows`].
#[inline(always)]
unsafe fn add_all_rows<K: Kernel, const DEPTH: usize>(step: &Step<K::Element>, n_rows: usize) -> usize {
    for row in (0..n_rows).step_by(2) {
        // SAFETY: the caller's contract.
        unsafe {
            match n_rows - row {
                1 => add_rows::<K, 1, DEPTH, 2>(step, row),
                _ => add_rows::<K, 2, DEPTH, 2>(step, row),
            };
        }
    }
    DEPTH
}

/// Adds `DEPTH` rows of rhs, multiplied by elements of the `ROWS` rows of lhs from `first_row` on, to the sums; `WIDTH`
/// registers of columns at once. Returns `DEPTH`.
///
/// # Safety
/// As [`multiply_rows`], for the rows that the step and the parameters name.
// As in the register tile, loops with indices are what the compiler unrolls in time.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn add_rows<K: Kernel, const ROWS: usize, const DEPTH: usize, const WIDTH: usize>(
    step: &Step<K::Element>,
    first_row: usize,
) -> usize {
    let Step { lhs, rhs, n_columns, sums } = *step;
    // SAFETY: the caller's contract; the first loop stops before a register would reach beyond the columns.
    unsafe {
        let sums = sums.add(first_row * n_columns);
        let lhs = lhs.from(first_row, 0);
        let mut factors = [[K::Vector::splat(K::Element::ZERO); DEPTH]; ROWS];
        for row in 0..ROWS {
            for p in 0..DEPTH {
                factors[row][p] = K::Vector::splat(lhs.get(row, p));
            }
        }
        let mut column = 0;
        while column + WIDTH * K::LANES <= n_columns {
            let mut columns = [[K::Vector::splat(K::Element::ZERO); WIDTH]; DEPTH];
            for p in 0..DEPTH {
                for vector in 0..WIDTH {
                    columns[p][vector] = K::Vector::load(rhs.from(p, column + vector * K::LANES).pointer);
                }
            }
            for row in 0..ROWS {
                for vector in 0..WIDTH {
                    let target = sums.add(row * n_columns + column + vector * K::LANES);
                    let mut sum = K::Vector::load(target);
                    for p in 0..DEPTH {
                        sum = factors[row][p].mul_add(columns[p][vector], sum);
                    }
                    sum.store(target);
                }
            }
            column += WIDTH * K::LANES;
        }
        for column in column..n_columns {
            for row in 0..ROWS {
                let target = sums.add(row * n_columns + column);
                let mut sum = *target;
                for p in 0..DEPTH {
                    sum = lhs.get(row, p).mul_add(rhs.get(p, column), sum);
                }
                *target = sum;
            }
        }
    }
    DEPTH
}

//! Products with one or two rows over an rhs that is not packed: the rhs is streamed through once, row by row.
//!
//! The sums of a tile's columns are kept in scratch memory, which fits the first-level cache. A few rows of rhs at a time
//! update them: `sum[j] = fma(lhs[p], rhs[p, j], sum[j])` for `p`, `p + 1`, … in order. Each sum is the chain of the
//! definition; that it rests in memory between the steps changes no bit. All columns of a row are read one after another,
//! as memory likes it. At the end of a block the sums are added to the output.

use crate::element::Element;
use crate::kernel::Kernel;
use crate::pack::Operand;
use crate::vector::Vector;

/// The most rows of lhs for which the product is a stream.
pub(crate) const MAX_ROWS: usize = 2;

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
                match (n_rows, end - p) {
                    (1, 8..) => add_rows::<K, 1, 8>(lhs, rhs, n_columns, sums),
                    (1, _) => add_rows::<K, 1, 1>(lhs, rhs, n_columns, sums),
                    (_, 4..) => add_rows::<K, 2, 4>(lhs, rhs, n_columns, sums),
                    (_, _) => add_rows::<K, 2, 1>(lhs, rhs, n_columns, sums),
                }
                p += match (n_rows, end - p) {
                    (1, 8..) => 8,
                    (2, 4..) => 4,
                    _ => 1,
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

/// Adds `DEPTH` rows of rhs, multiplied by `ROWS` rows' elements of lhs, to the sums.
///
/// # Safety
/// As [`multiply_rows`], from the first of `DEPTH` values of `p` on.
#[inline(always)]
unsafe fn add_rows<K: Kernel, const ROWS: usize, const DEPTH: usize>(
    lhs: Operand<K::Element>,
    rhs: Operand<K::Element>,
    n_columns: usize,
    sums: *mut K::Element,
) {
    // SAFETY: the caller's contract; the first loop stops before a register would reach beyond the columns.
    unsafe {
        let mut factors = [[K::Vector::splat(K::Element::ZERO); DEPTH]; ROWS];
        for (row, factors) in factors.iter_mut().enumerate() {
            for (p, factor) in factors.iter_mut().enumerate() {
                *factor = K::Vector::splat(lhs.get(row, p));
            }
        }
        let mut column = 0;
        while column + K::LANES <= n_columns {
            for (row, factors) in factors.iter().enumerate() {
                let target = sums.add(row * n_columns + column);
                let mut sum = K::Vector::load(target);
                for (p, factor) in factors.iter().enumerate() {
                    sum = factor.mul_add(K::Vector::load(rhs.from(p, column).pointer), sum);
                }
                sum.store(target);
            }
            column += K::LANES;
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
}

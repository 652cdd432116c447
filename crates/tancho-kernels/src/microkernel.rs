//! The register tile: a few rows of lhs by a few columns of rhs, over one block of the contracted dimension.
//!
//! For each `p` of the block, the tile loads one row of the rhs panel, broadcasts each element of the lhs sliver's column,
//! and updates `ROWS * PANELS * VECTORS` running sums, each with one fused multiply-add. A sum thus is the single chain
//! of the definition, whatever the size of the tile. Few rows leave too few sums to keep the multipliers busy; a tile
//! with few rows then goes over several panels at once.

use crate::element::Element;
use crate::kernel::Kernel;
use crate::vector::Vector;

/// The most rows that [`multiply_rows`] knows.
pub(crate) const MAX_ROWS: usize = 8;
/// The most registers in a row that [`multiply_rows`] knows.
pub(crate) const MAX_VECTORS: usize = 3;
/// The most panels that [`panels_at_once`] asks for.
pub(crate) const MAX_PANELS: usize = 4;

/// The packed operands of one register tile.
pub(crate) struct Panels<T> {
    /// Length of the block of the contracted dimension.
    pub(crate) k: usize,
    /// `k` columns of a sliver's elements.
    pub(crate) lhs: *const T,
    /// `k` rows of a panel's elements.
    pub(crate) rhs: *const T,
    /// Elements from one panel to the next.
    pub(crate) rhs_panel_stride: usize,
}

/// How many panels a register tile of `rows` rows covers, if there are as many.
pub(crate) const fn panels_at_once(rows: usize) -> usize {
    match rows {
        1 => 4,
        2 => 2,
        _ => 1,
    }
}

/// Multiplies a sliver of `ROWS` rows by `PANELS` panels of `VECTORS` registers; stores the sums in `out`, or adds them to
/// it when `accumulate` is set.
///
/// # Safety
/// `panels` holds `k * ROWS` elements of lhs and `PANELS` panels of `k * VECTORS * LANES` elements; `out` is valid for
/// `ROWS` rows of `PANELS * VECTORS * LANES` elements.
// Loops over constants with indices unroll before the sums are put in registers; iterators do so too late.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const ROWS: usize, const PANELS: usize, const VECTORS: usize>(
    panels: &Panels<V::Element>,
    out: *mut V::Element,
    out_row_stride: usize,
    accumulate: bool,
) {
    // SAFETY: the pointers stay within the operands that the caller vouches for.
    unsafe {
        let (mut lhs, mut rhs) = (panels.lhs, panels.rhs);
        let mut sums = [[[V::splat(Element::ZERO); VECTORS]; PANELS]; ROWS];
        for _ in 0..panels.k {
            let mut columns = [[V::splat(Element::ZERO); VECTORS]; PANELS];
            for panel in 0..PANELS {
                for vector in 0..VECTORS {
                    let offset = panel * panels.rhs_panel_stride + vector * V::LANES;
                    columns[panel][vector] = V::load(rhs.add(offset));
                }
            }
            for row in 0..ROWS {
                let element = V::splat(*lhs.add(row));
                for panel in 0..PANELS {
                    for vector in 0..VECTORS {
                        sums[row][panel][vector] = element.mul_add(columns[panel][vector], sums[row][panel][vector]);
                    }
                }
            }
            lhs = lhs.add(ROWS);
            rhs = rhs.add(VECTORS * V::LANES);
        }
        for row in 0..ROWS {
            for panel in 0..PANELS {
                for vector in 0..VECTORS {
                    let target = out.add(row * out_row_stride + (panel * VECTORS + vector) * V::LANES);
                    let sum = sums[row][panel][vector];
                    let value = if accumulate { V::load(target).add(sum) } else { sum };
                    value.store(target);
                }
            }
        }
    }
}

/// [`multiply`] for sizes known at run time: `rows <= K::ROWS`, `vectors <= K::VECTORS`, and `n_panels` is 1, or is
/// [`panels_at_once`] of `rows` and `vectors` is `K::VECTORS`.
///
/// # Safety
/// As [`multiply`], on a processor that runs `K`.
#[inline(always)]
pub(crate) unsafe fn multiply_rows<K: Kernel>(
    rows: usize,
    n_panels: usize,
    vectors: usize,
    panels: &Panels<K::Element>,
    out: *mut K::Element,
    out_row_stride: usize,
    accumulate: bool,
) {
    macro_rules! call {
        ($rows:literal, $panels:literal, $vectors:literal) => {
            if const { $rows <= K::ROWS && $vectors <= K::VECTORS } {
                // SAFETY: the caller's contract.
                unsafe { K::multiply::<$rows, $panels, $vectors>(panels, out, out_row_stride, accumulate) }
            }
        };
    }
    macro_rules! by_vectors {
        ($rows:literal, $panels:literal) => {
            match vectors {
                1 => call!($rows, $panels, 1),
                2 => call!($rows, $panels, 2),
                3 => call!($rows, $panels, 3),
                _ => unreachable!("a register tile has at most {MAX_VECTORS} registers in a row"),
            }
        };
    }
    match (rows, n_panels) {
        (1, 1) => by_vectors!(1, 1),
        (1, 4) => by_vectors!(1, 4),
        (2, 1) => by_vectors!(2, 1),
        (2, 2) => by_vectors!(2, 2),
        (3, 1) => by_vectors!(3, 1),
        (4, 1) => by_vectors!(4, 1),
        (5, 1) => by_vectors!(5, 1),
        (6, 1) => by_vectors!(6, 1),
        (7, 1) => by_vectors!(7, 1),
        (8, 1) => by_vectors!(8, 1),
        _ => unreachable!("a register tile has at most {MAX_ROWS} rows, and several panels with one or two"),
    }
}

//! The cut of a product into tiles, the units of parallel work.
//!
//! The grid is a function of the shape and of the kernel, never of the number of threads. A tile has all of the contracted
//! dimension, so that no two tiles add to one element. Its size is a compromise:
//!
//! - The tile packs its rows of lhs, one block at a time. They must stay in the second-level cache (`MAX_LHS_BYTES`), and
//!   the more columns the tile has the less the packing weighs.
//! - The tile reads its columns of rhs from the third-level cache; the more rows it has the less that weighs.
//! - `WANTED_TILES` tiles keep a few threads busy to the end.
//!
//! Rows and columns are cut at multiples of the register tile and as evenly as that allows.
//!
//! A product with few columns wastes most of a register that holds elements of one row. It is computed as the transposed
//! product, `out^T = rhs^T * lhs^T`, when that fills the registers better: see [`Orientation::Transposed`]. A product with
//! few rows over an rhs with consecutive columns that is not packed is a stream through rhs: see [`crate::stream`].

use std::ops::Range;

use crate::element::Element;
use crate::kernel::Kernel;
use crate::stream;

/// Which operand's elements lie side by side in a register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orientation {
    /// Columns of rhs.
    Straight,
    /// Rows of lhs, in the role of rhs; for products with few columns.
    Transposed,
}

/// The cut of one product.
pub(crate) struct Grid {
    pub(crate) orientation: Orientation,
    rows: Cut,
    columns: Cut,
}

/// As many tiles as keep up to eight threads busy, if each tile has work enough.
const WANTED_TILES: usize = 16;
/// Bytes of one block of a tile's lhs at most.
const MAX_LHS_BYTES: usize = 132 * 1024;

/// Tiles are not cut smaller than the minima for the sake of [`WANTED_TILES`].
const MIN_ROWS: usize = 64;
const MIN_COLUMNS: usize = 128;
const MAX_COLUMNS: usize = 512;
/// The same for products with few rows, which are limited by memory: long pieces of the rows of rhs suit it.
const MIN_STREAM_COLUMNS: usize = 512;
const MAX_STREAM_COLUMNS: usize = 4096;

impl Grid {
    pub(crate) fn new<K: Kernel>(m: usize, n: usize) -> Self {
        if is_better_transposed::<K>(m, n) {
            let rows = Cut::new(m, K::PANEL, MAX_COLUMNS);
            let columns = Cut::new(n, n, n);
            return Self { orientation: Orientation::Transposed, rows, columns }.refined(MIN_COLUMNS, n);
        }
        let (min_columns, max_columns) = match m {
            0..=stream::MAX_ROWS => (MIN_STREAM_COLUMNS, MAX_STREAM_COLUMNS),
            _ => (MIN_COLUMNS, MAX_COLUMNS),
        };
        let max_rows = MAX_LHS_BYTES / (size_of::<K::Element>() * K::Element::K_BLOCK);
        let rows = Cut::new(m, K::ROWS, max_rows);
        let columns = Cut::new(n, K::PANEL, max_columns);
        Self { orientation: Orientation::Straight, rows, columns }.refined(MIN_ROWS, min_columns)
    }

    /// Halves the longer side of all tiles until there are [`WANTED_TILES`], or until the tiles would become too small.
    fn refined(mut self, min_rows: usize, min_columns: usize) -> Self {
        while self.n_tiles() < WANTED_TILES {
            let can_cut_rows = self.rows.part() >= 2 * min_rows;
            let can_cut_columns = self.columns.part() >= 2 * min_columns;
            if can_cut_columns && (self.columns.part() > self.rows.part() || !can_cut_rows) {
                self.columns.n_parts *= 2;
            } else if can_cut_rows {
                self.rows.n_parts *= 2;
            } else {
                break;
            }
        }
        self
    }

    pub(crate) fn n_tiles(&self) -> usize {
        self.rows.n_parts * self.columns.n_parts
    }

    pub(crate) fn n_row_parts(&self) -> usize {
        self.rows.n_parts
    }

    /// The rows and columns of a tile. Successive tiles have the same columns, so that rhs is read from the cache.
    pub(crate) fn tile(&self, tile: usize) -> (Range<usize>, Range<usize>) {
        (self.rows.range(tile % self.rows.n_parts), self.columns.range(tile / self.rows.n_parts))
    }

    /// The most rows and columns that a tile has.
    pub(crate) fn max_tile(&self) -> (usize, usize) {
        (self.rows.max_part(), self.columns.max_part())
    }
}

/// Whether registers that hold elements of a column waste so much less than registers that hold elements of a row that it
/// pays to pack lhs in panels and to transpose the result.
fn is_better_transposed<K: Kernel>(m: usize, n: usize) -> bool {
    let straight = m * n.next_multiple_of(K::LANES);
    let transposed = n * m.next_multiple_of(K::LANES);
    n < K::PANEL && transposed * 8 < straight * 7
}

/// The cut of one dimension into parts of whole units.
struct Cut {
    size: usize,
    unit: usize,
    n_parts: usize,
}

impl Cut {
    fn new(size: usize, unit: usize, max_part: usize) -> Self {
        Self { size, unit, n_parts: size.div_ceil(max_part) }
    }

    /// The average length of a part.
    fn part(&self) -> usize {
        self.size / self.n_parts.max(1)
    }

    fn n_units(&self) -> usize {
        self.size.div_ceil(self.unit)
    }

    fn max_part(&self) -> usize {
        self.size.min(self.n_units().div_ceil(self.n_parts.max(1)) * self.unit)
    }

    fn range(&self, part: usize) -> Range<usize> {
        let boundary = |part: usize| self.size.min(part * self.n_units() / self.n_parts * self.unit);
        boundary(part)..boundary(part + 1)
    }
}

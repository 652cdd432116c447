//! One tile of a product: the loops around the register tile.
//!
//! ```text
//! for each block of the contracted dimension:
//!     pack the tile's rows of lhs into slivers                                (stays in the second-level cache)
//!     for each panel of the tile's columns (or a few panels at once):         (stays in the first-level cache)
//!         pack the panel, unless rhs is packed
//!         for each sliver:
//!             out = or += sliver * panel                                      (register tile)
//! ```
//!
//! The first block stores, the others add: that is the definition's sum over blocks. With an epilogue, or in the transposed
//! orientation, the sums are kept in scratch memory until the last block.

use std::ops::Range;

use crate::element::Element;
use crate::grid::{Grid, Orientation};
use crate::kernel::Kernel;
use crate::matmul::{Problem, Rhs};
use crate::microkernel::{MAX_PANELS, Panels, multiply_rows, panels_at_once};
use crate::pack::{self, Operand};
use crate::stream;

/// Scratch memory is aligned to, and divided at multiples of, this many bytes.
pub(crate) const SCRATCH_ALIGNMENT: usize = 64;

/// The division of a thread's scratch memory, in elements.
struct Scratch {
    lhs: usize,
    rhs: usize,
    edge: usize,
    sums: usize,
    transposed_sums: usize,
}

impl Scratch {
    fn new<K: Kernel>(grid: &Grid, k: usize) -> Self {
        let (mut rows, mut columns) = grid.max_tile();
        let transposed_sums = rows * columns;
        if grid.orientation == Orientation::Transposed {
            std::mem::swap(&mut rows, &mut columns);
        }
        let block = k.min(K::Element::K_BLOCK);
        Self {
            lhs: pack::packed_lhs_len::<K>(rows, block).max(stream::scratch_len(rows, columns)),
            rhs: MAX_PANELS * K::PANEL * block,
            edge: K::ROWS * K::PANEL,
            sums: rows * sums_row_stride::<K>(columns),
            transposed_sums,
        }
    }

    fn offsets<K: Kernel>(&self) -> [usize; 6] {
        let lengths = [self.lhs, self.rhs, self.edge, self.sums, self.transposed_sums];
        let mut offsets = [0; 6];
        for (index, length) in lengths.into_iter().enumerate() {
            let unit = SCRATCH_ALIGNMENT / size_of::<K::Element>();
            offsets[index + 1] = offsets[index] + length.next_multiple_of(unit);
        }
        offsets
    }
}

/// The row stride of sums in scratch memory: whole registers, and not a power of two, for which the rows of a register
/// tile would compete for the same sets of the cache.
fn sums_row_stride<K: Kernel>(columns: usize) -> usize {
    columns.next_multiple_of(K::LANES) + SCRATCH_ALIGNMENT / size_of::<K::Element>()
}

/// Bytes of scratch memory that [`run`] uses.
pub(crate) fn scratch_len<K: Kernel>(m: usize, n: usize, k: usize) -> usize {
    let [.., end] = Scratch::new::<K>(&Grid::new::<K>(m, n), k).offsets::<K>();
    end * size_of::<K::Element>()
}

/// The rhs of a tile: packed, or to be packed on the way.
#[derive(Clone, Copy)]
enum Source<T> {
    Packed { pointer: *const T, padded_n: usize },
    Unpacked(Operand<T>),
}

/// Where the sums of a tile go.
#[derive(Clone, Copy)]
struct Target<T> {
    pointer: *mut T,
    row_stride: usize,
    /// Columns that may be written, at least the tile's.
    n_columns: usize,
}

/// The scratch memory of [`accumulate`].
#[derive(Clone, Copy)]
struct Buffers<T> {
    lhs: *mut T,
    rhs: *mut T,
    edge: *mut T,
}

/// Computes one tile of the grid.
///
/// # Safety
/// See [`crate::matmul::Matmul::run_tile`]; the processor runs `K`.
#[inline(always)]
pub(crate) unsafe fn run<K: Kernel>(tile: usize, problem: &Problem, scratch: *mut u8) {
    let Problem { m, n, k, .. } = *problem;
    let grid = Grid::new::<K>(m, n);
    let (rows, columns) = grid.tile(tile);
    let scratch_offsets = Scratch::new::<K>(&grid, k).offsets::<K>();
    // SAFETY: offsets lie within the scratch memory, whose length and alignment the caller vouches for; tiles lie within
    // the operands and the output.
    unsafe {
        let part = |index: usize| scratch.cast::<K::Element>().add(scratch_offsets[index]);
        let buffers = Buffers { lhs: part(0), rhs: part(1), edge: part(2) };
        let lhs = Operand::<K::Element>::new(&problem.lhs);
        let out = problem.out.cast::<K::Element>();
        let mut target = Target {
            pointer: out.wrapping_add(rows.start * problem.out_row_stride + columns.start),
            row_stride: problem.out_row_stride,
            n_columns: columns.len(),
        };
        match grid.orientation {
            Orientation::Straight => {
                if problem.epilogue.is_some() {
                    let row_stride = sums_row_stride::<K>(columns.len());
                    target = Target { pointer: part(3), row_stride, n_columns: row_stride };
                }
                let source = match problem.rhs {
                    Rhs::Packed(pointer) => {
                        Source::Packed { pointer: pointer.cast(), padded_n: n.next_multiple_of(K::LANES) }
                    }
                    Rhs::Unpacked(ref rhs) => Source::Unpacked(Operand::new(rhs)),
                };
                accumulate::<K>(lhs, source, rows.clone(), columns.clone(), k, target, buffers);
            }
            Orientation::Transposed => {
                if problem.epilogue.is_some() {
                    target = Target { pointer: part(4), row_stride: columns.len(), n_columns: columns.len() };
                }
                let rhs = match problem.rhs {
                    // There is one panel only, so its blocks make one matrix.
                    Rhs::Packed(pointer) => Operand {
                        pointer: pointer.cast(),
                        row_stride: n.next_multiple_of(K::LANES) as isize,
                        column_stride: 1,
                    },
                    Rhs::Unpacked(ref rhs) => Operand::new(rhs),
                };
                let row_stride = sums_row_stride::<K>(rows.len());
                let sums = Target { pointer: part(3), row_stride, n_columns: row_stride };
                let source = Source::Unpacked(lhs.transposed());
                accumulate::<K>(rhs.transposed(), source, columns.clone(), rows.clone(), k, sums, buffers);
                for row in 0..rows.len() {
                    for column in 0..columns.len() {
                        *target.pointer.add(row * target.row_stride + column) =
                            *sums.pointer.add(column * sums.row_stride + row);
                    }
                }
            }
        }
        if let Some(epilogue) = problem.epilogue {
            let block = target.pointer.cast_const().cast();
            let Range { start: i0, end: i1 } = rows;
            let Range { start: j0, end: j1 } = columns;
            (epilogue.function)(epilogue.context, block, target.row_stride, i0, i1, j0, j1);
        }
    }
}

/// Computes `rows` and `columns` of `lhs * source` into `target`.
///
/// # Safety
/// The ranges lie within the operands, and begin at multiples of a register tile's sides; `target` is valid for as many
/// rows of `n_columns`; the buffers are as long as [`Scratch`] says.
#[inline(always)]
unsafe fn accumulate<K: Kernel>(
    lhs: Operand<K::Element>,
    source: Source<K::Element>,
    rows: Range<usize>,
    columns: Range<usize>,
    k: usize,
    target: Target<K::Element>,
    buffers: Buffers<K::Element>,
) {
    // SAFETY: see the comments within; sizes are those that the caller vouches for.
    unsafe {
        if k == 0 {
            for row in 0..rows.len() {
                for column in 0..columns.len() {
                    *target.pointer.add(row * target.row_stride + column) = K::Element::ZERO;
                }
            }
        }
        if let Source::Unpacked(rhs) = source
            && rhs.column_stride == 1
            && rows.len() <= stream::MAX_ROWS
        {
            let (lhs, rhs) = (lhs.from(rows.start, 0), rhs.from(0, columns.start));
            let out = stream::Target { pointer: target.pointer, row_stride: target.row_stride };
            return stream::multiply_rows::<K>(lhs, rhs, rows.len(), columns.len(), k, out, buffers.lhs);
        }
        for first in (0..k).step_by(K::Element::K_BLOCK) {
            let block = K::Element::K_BLOCK.min(k - first);
            pack::pack_lhs::<K>(lhs.from(rows.start, first), rows.len(), block, buffers.lhs);
            let mut column = columns.start;
            while column < columns.end {
                let mut n_panels = panels_at_once(rows.len());
                if columns.end - column < n_panels * K::PANEL {
                    n_panels = 1;
                }
                let n_columns = (n_panels * K::PANEL).min(columns.end - column);
                let rhs = match source {
                    Source::Packed { pointer, padded_n } => pointer.add(first * padded_n + column * block),
                    Source::Unpacked(rhs) => {
                        pack::pack_rhs_block::<K>(rhs.from(first, column), block, n_columns, buffers.rhs);
                        buffers.rhs.cast_const()
                    }
                };
                let columns_of_block = ColumnsOfBlock {
                    rhs,
                    k: block,
                    n_panels,
                    n_columns,
                    target: Target {
                        pointer: target.pointer.add(column - columns.start),
                        n_columns: target.n_columns - (column - columns.start),
                        ..target
                    },
                    accumulate: first > 0,
                };
                multiply_slivers::<K>(&columns_of_block, rows.len(), buffers);
                column += n_columns;
            }
        }
    }
}

/// The panels that one walk over the slivers multiplies.
struct ColumnsOfBlock<T> {
    rhs: *const T,
    k: usize,
    n_panels: usize,
    n_columns: usize,
    target: Target<T>,
    accumulate: bool,
}

/// Multiplies all slivers of a tile by one panel, or by a few panels at once.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn multiply_slivers<K: Kernel>(
    columns: &ColumnsOfBlock<K::Element>,
    n_rows: usize,
    buffers: Buffers<K::Element>,
) {
    let ColumnsOfBlock { rhs, k, n_panels, n_columns, target, accumulate } = *columns;
    let vectors = n_columns.min(K::PANEL).div_ceil(K::LANES);
    for row in (0..n_rows).step_by(K::ROWS) {
        let n_sliver_rows = K::ROWS.min(n_rows - row);
        // Only a tile of one sliver has several panels at once, for which its rows decide.
        // SAFETY: the sliver lies within the packed lhs; a register tile that is wider than the columns that may be
        // written goes to the edge buffer first.
        unsafe {
            let panels = Panels { k, lhs: buffers.lhs.add(row * k), rhs, rhs_panel_stride: K::PANEL * k };
            let out = target.pointer.add(row * target.row_stride);
            if n_panels * vectors * K::LANES <= target.n_columns {
                multiply_rows::<K>(n_sliver_rows, n_panels, vectors, &panels, out, target.row_stride, accumulate);
                continue;
            }
            let edge_row_stride = vectors * K::LANES;
            multiply_rows::<K>(n_sliver_rows, 1, vectors, &panels, buffers.edge, edge_row_stride, false);
            for row in 0..n_sliver_rows {
                for column in 0..n_columns {
                    let sum = *buffers.edge.add(row * edge_row_stride + column);
                    let out = out.add(row * target.row_stride + column);
                    *out = if accumulate { (*out).add(sum) } else { sum };
                }
            }
        }
    }
}

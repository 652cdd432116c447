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
use crate::matmul::{Lhs, Problem, Rhs};
use crate::microkernel::{MAX_PANELS, Panels, multiply_rows, panels_at_once};
use crate::pack::{self, Operand};
use crate::stream;
use crate::windows::{self, Windows};

/// Scratch memory is aligned to, and divided at multiples of, this many bytes.
pub(crate) const SCRATCH_ALIGNMENT: usize = 64;

/// The division of a thread's scratch memory, in elements.
struct Scratch {
    lhs: usize,
    rhs: usize,
    edge: usize,
    sums: usize,
    transposed_sums: usize,
    /// A block of rows that windows give.
    gathered: usize,
}

impl Scratch {
    fn new<K: Kernel>(grid: &Grid, k: usize, has_windows: bool) -> Self {
        let (mut rows, mut columns) = grid.max_tile();
        let transposed_sums = rows * columns;
        if grid.orientation == Orientation::Transposed {
            std::mem::swap(&mut rows, &mut columns);
        }
        let block = k.min(K::Element::K_BLOCK);
        let gathered_rows = match grid.orientation {
            Orientation::Straight => rows,
            Orientation::Transposed => (MAX_PANELS * K::PANEL).min(columns),
        };
        Self {
            lhs: pack::packed_lhs_len::<K>(rows, block).max(stream::scratch_len(rows, columns)),
            rhs: MAX_PANELS * K::PANEL * block,
            edge: K::ROWS * K::PANEL,
            sums: rows * sums_row_stride::<K>(columns),
            transposed_sums,
            gathered: if has_windows { gathered_rows * block } else { 0 },
        }
    }

    fn offsets<K: Kernel>(&self) -> [usize; 7] {
        let lengths = [self.lhs, self.rhs, self.edge, self.sums, self.transposed_sums, self.gathered];
        let mut offsets = [0; 7];
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
pub(crate) fn scratch_len<K: Kernel>(m: usize, n: usize, k: usize, has_windows: bool) -> usize {
    let [.., end] = Scratch::new::<K>(&Grid::new::<K>(m, n), k, has_windows).offsets::<K>();
    end * size_of::<K::Element>()
}

/// The rhs of a tile: packed, or to be packed on the way.
#[derive(Clone, Copy)]
enum Source<'w, T> {
    Packed {
        pointer: *const T,
        padded_n: usize,
    },
    Unpacked(Operand<T>),
    /// The rows of windows as columns.
    Windows(Gathered<'w, T>),
}

/// The lhs of a tile.
#[derive(Clone, Copy)]
enum Left<'w, T> {
    Matrix(Operand<T>),
    Windows(Gathered<'w, T>),
}

/// Windows, and memory for a block of what they give.
#[derive(Clone, Copy)]
struct Gathered<'w, T> {
    windows: &'w Windows,
    input: *const T,
    memory: *mut T,
}

impl<T: Element> Gathered<'_, T> {
    /// Some rows and columns as a matrix, which is overwritten by the next.
    ///
    /// # Safety
    /// The input is readable for what the windows describe; the memory holds as many rows and columns.
    unsafe fn block(self, rows: Range<usize>, columns: Range<usize>) -> Operand<T> {
        let row_stride = columns.len() as isize;
        // SAFETY: the caller's contract.
        unsafe { windows::gather(self.windows, self.input, rows, columns, self.memory) };
        Operand { pointer: self.memory.cast_const(), row_stride, column_stride: 1 }
    }
}

/// Where the sums of a tile go.
#[derive(Clone, Copy)]
struct Target<T> {
    pointer: *mut T,
    row_stride: usize,
    /// Columns that may be written, at least the tile's.
    n_columns: usize,
}

impl<T> Target<T> {
    /// The target without its first columns.
    fn from(self, column: usize) -> Self {
        Self { pointer: self.pointer.wrapping_add(column), n_columns: self.n_columns - column, ..self }
    }
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
    let has_windows = matches!(problem.lhs, Lhs::Windows(..));
    let scratch_offsets = Scratch::new::<K>(&grid, k, has_windows).offsets::<K>();
    // SAFETY: offsets lie within the scratch memory, whose length and alignment the caller vouches for; tiles lie within
    // the operands and the output.
    unsafe {
        let part = |index: usize| scratch.cast::<K::Element>().add(scratch_offsets[index]);
        let buffers = Buffers { lhs: part(0), rhs: part(1), edge: part(2) };
        let lhs = match problem.lhs {
            Lhs::Matrix(ref matrix) => Left::Matrix(Operand::<K::Element>::new(matrix)),
            Lhs::Windows(windows, input) => Left::Windows(Gathered { windows, input: input.cast(), memory: part(5) }),
        };
        let mut target = Target {
            pointer: problem.out.cast::<K::Element>().wrapping_add(rows.start * problem.out_row_stride + columns.start),
            row_stride: problem.out_row_stride,
            n_columns: columns.len(),
        };
        let padded_n = n.next_multiple_of(K::LANES);
        let straight = grid.orientation == Orientation::Straight;
        if straight && problem.epilogue.is_some() {
            let row_stride = sums_row_stride::<K>(columns.len());
            target = Target { pointer: part(3), row_stride, n_columns: row_stride };
        }
        if !straight && problem.epilogue.is_some() {
            target = Target { pointer: part(4), row_stride: columns.len(), n_columns: columns.len() };
        }
        let row_stride = sums_row_stride::<K>(rows.len());
        let transposed_sums = Target { pointer: part(3), row_stride, n_columns: row_stride };
        let product = if straight {
            let source = match problem.rhs {
                Rhs::Packed(pointer) => Source::Packed { pointer: pointer.cast(), padded_n },
                Rhs::Unpacked(ref rhs) => Source::Unpacked(Operand::new(rhs)),
            };
            Product { lhs, source, rows: rows.clone(), columns: columns.clone(), k, target }
        } else {
            let rhs = match problem.rhs {
                // There is one panel only, so its blocks make one matrix.
                Rhs::Packed(pointer) => {
                    Operand { pointer: pointer.cast(), row_stride: padded_n as isize, column_stride: 1 }
                }
                Rhs::Unpacked(ref rhs) => Operand::new(rhs),
            };
            let source = match lhs {
                Left::Matrix(lhs) => Source::Unpacked(lhs.transposed()),
                Left::Windows(windows) => Source::Windows(windows),
            };
            let lhs = Left::Matrix(rhs.transposed());
            Product { lhs, source, rows: columns.clone(), columns: rows.clone(), k, target: transposed_sums }
        };
        accumulate::<K>(&product, buffers);
        if !straight {
            for row in 0..rows.len() {
                for column in 0..columns.len() {
                    *target.pointer.add(row * target.row_stride + column) =
                        *transposed_sums.pointer.add(column * transposed_sums.row_stride + row);
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

/// Some rows and columns of a product, `target = (lhs * source)[rows, columns]`.
struct Product<'w, T> {
    lhs: Left<'w, T>,
    source: Source<'w, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    k: usize,
    target: Target<T>,
}

/// Computes the rows and columns of a product.
///
/// # Safety
/// The ranges lie within the operands, and begin at multiples of a register tile's sides; `target` is valid for as many
/// rows of `n_columns`; the buffers are as long as [`Scratch`] says.
#[inline(always)]
unsafe fn accumulate<K: Kernel>(product: &Product<'_, K::Element>, buffers: Buffers<K::Element>) {
    let Product { lhs, source, ref rows, ref columns, k, target } = *product;
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
            && let Left::Matrix(lhs) = lhs
            && rhs.column_stride == 1
            && rows.len() <= stream::MAX_ROWS
        {
            let (lhs, rhs) = (lhs.from(rows.start, 0), rhs.from(0, columns.start));
            let out = stream::Target { pointer: target.pointer, row_stride: target.row_stride };
            return stream::multiply_rows::<K>(lhs, rhs, rows.len(), columns.len(), k, out, buffers.lhs);
        }
        for first in (0..k).step_by(K::Element::K_BLOCK) {
            let block = K::Element::K_BLOCK.min(k - first);
            let left = match lhs {
                Left::Matrix(lhs) => lhs.from(rows.start, first),
                Left::Windows(windows) => windows.block(rows.clone(), first..first + block),
            };
            pack::pack_lhs::<K>(left, rows.len(), block, buffers.lhs);
            for first_column in columns.clone().step_by(MAX_PANELS * K::PANEL) {
                let n_columns = (MAX_PANELS * K::PANEL).min(columns.end - first_column);
                let rhs = match source {
                    Source::Packed { pointer, padded_n } => pointer.add(first * padded_n + first_column * block),
                    Source::Unpacked(rhs) => {
                        pack::pack_rhs_block::<K>(rhs.from(first, first_column), block, n_columns, buffers.rhs);
                        buffers.rhs.cast_const()
                    }
                    Source::Windows(windows) => {
                        let rows = first_column..first_column + n_columns;
                        let rhs = windows.block(rows, first..first + block).transposed();
                        pack::pack_rhs_block::<K>(rhs, block, n_columns, buffers.rhs);
                        buffers.rhs.cast_const()
                    }
                };
                let group = PanelGroup {
                    rhs,
                    k: block,
                    n_columns,
                    target: target.from(first_column - columns.start),
                    accumulate: first > 0,
                };
                multiply_group::<K>(&group, rows.len(), buffers);
            }
        }
    }
}

/// Some panels of one block.
struct PanelGroup<T> {
    rhs: *const T,
    k: usize,
    n_columns: usize,
    target: Target<T>,
    accumulate: bool,
}

/// Multiplies all slivers of a tile by each panel of a group.
///
/// # Safety
/// As [`accumulate`].
#[inline(always)]
unsafe fn multiply_group<K: Kernel>(group: &PanelGroup<K::Element>, n_rows: usize, buffers: Buffers<K::Element>) {
    let PanelGroup { rhs, k, n_columns, target, accumulate } = *group;
    let mut column = 0;
    while column < n_columns {
        let mut n_panels = panels_at_once(n_rows);
        if n_columns - column < n_panels * K::PANEL {
            n_panels = 1;
        }
        let width = (n_panels * K::PANEL).min(n_columns - column);
        let vectors = width.min(K::PANEL).div_ceil(K::LANES);
        for row in (0..n_rows).step_by(K::ROWS) {
            let n_sliver_rows = K::ROWS.min(n_rows - row);
            // SAFETY: the sliver lies within the packed lhs, and the panel within the group; a register tile that is
            // wider than the columns that may be written goes to the edge buffer first. Several panels at once are
            // multiplied by the only sliver there is, with the number of rows that allows it.
            unsafe {
                let (lhs, rhs) = (buffers.lhs.add(row * k), rhs.add(column * k));
                let panels = Panels { k, lhs, rhs, rhs_panel_stride: K::PANEL * k };
                let target = target.from(column);
                let out = target.pointer.add(row * target.row_stride);
                let fits = n_panels * vectors * K::LANES <= target.n_columns;
                let (tile, tile_row_stride) =
                    if fits { (out, target.row_stride) } else { (buffers.edge, vectors * K::LANES) };
                let adds = accumulate && fits;
                multiply_rows::<K>(n_sliver_rows, n_panels, vectors, &panels, tile, tile_row_stride, adds);
                if fits {
                    continue;
                }
                for row in 0..n_sliver_rows {
                    for column in 0..width {
                        let sum = *tile.add(row * tile_row_stride + column);
                        let out = out.add(row * target.row_stride + column);
                        *out = if accumulate { (*out).add(sum) } else { sum };
                    }
                }
            }
        }
        column += width;
    }
}

//! What a plan consists of: steps with all numbers in them. Data only; [`execute`](crate::execute) runs them.

use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::Span;
use tancho_kernels::{Matmul, Windows};
use tancho_tensor::{DType, Shape};

use crate::emit::KernelFunction;
use crate::kernel::Form;
use crate::plan::Plan;
use crate::program::HostAction;

/// A place in memory relative to a base that a run supplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub base: Base,
    pub offset: isize,
}

/// What a run supplies the address of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The offset is an address.
    Fixed,
    Arena,
    Argument(u32),
    Output(u32),
}

impl Pointer {
    pub fn fixed(address: *const u8) -> Self {
        Pointer { base: Base::Fixed, offset: address.expose_provenance() as isize }
    }

    pub fn arena(offset: usize) -> Self {
        Pointer { base: Base::Arena, offset: offset as isize }
    }

    pub fn argument(position: usize) -> Self {
        Pointer { base: Base::Argument(position as u32), offset: 0 }
    }

    pub fn output(position: usize) -> Self {
        Pointer { base: Base::Output(position as u32), offset: 0 }
    }

    pub fn advanced(self, bytes: isize) -> Self {
        Pointer { base: self.base, offset: self.offset.wrapping_add(bytes) }
    }
}

pub(crate) enum Step {
    Loop(LoopStep),
    Fold(FoldStep),
    Pack(PackStep),
    Product(ProductStep),
    Copy(CopyStep),
    While(Box<WhileStep>),
    Case(Box<CaseStep>),
    Host(Box<HostStep>),
}

impl Step {
    pub fn name(&self) -> &'static str {
        match self {
            Step::Loop(_) => "launch",
            Step::Fold(_) => "blocks of a reduction",
            Step::Pack(_) => "pack",
            Step::Product(_) => "product",
            Step::Copy(_) => "copy",
            Step::While(_) => "while",
            Step::Case(_) => "case",
            Step::Host(_) => "host",
        }
    }

    /// The number of parts that threads can share.
    pub fn tiles(&self) -> usize {
        match self {
            Step::Loop(step) => step.tiles.count,
            Step::Fold(step) => step.tiles,
            Step::Pack(step) => step.tiles,
            Step::Product(step) => step.tiles,
            Step::Copy(_) | Step::While(_) | Step::Case(_) | Step::Host(_) => 1,
        }
    }
}

/// Copies memory, unless both places are one in this run.
pub(crate) struct CopyStep {
    pub to: Pointer,
    pub from: Pointer,
    pub bytes: usize,
}

/// A plan that a step runs.
pub(crate) struct NestedPlan {
    pub plan: Arc<Plan>,
    /// Its temporaries within those of the plan around it.
    pub arena: Pointer,
    pub temporary_bytes: usize,
    pub result_bytes: Vec<usize>,
}

/// A loop.
pub(crate) struct WhileStep {
    pub condition: NestedPlan,
    pub body: NestedPlan,
    pub operands: Vec<Pointer>,
    pub state: Vec<StateValue>,
    /// Where the condition is written.
    pub flag: Pointer,
    /// The most trips, where the program promises that.
    pub bound: Option<i64>,
}

impl WhileStep {
    /// The numbers of the nested plans.
    pub const CONDITION: usize = 0;
    pub const BODY: usize = 1;
}

/// A value of a loop's state.
pub(crate) struct StateValue {
    /// Where it is in the end.
    pub first: Pointer,
    /// The place with which that one takes turns; `None` where the body works in place.
    pub other: Option<Pointer>,
    /// Whether the body gives its argument back.
    pub stays: bool,
    pub bytes: usize,
}

/// A branch.
pub(crate) struct CaseStep {
    pub index: Pointer,
    pub is_bool: bool,
    pub branches: Vec<NestedPlan>,
    pub operands: Vec<Pointer>,
    pub results: Vec<Pointer>,
}

/// A call of a function of the host.
pub(crate) struct HostStep {
    pub action: HostAction,
    pub span: Span,
    pub operands: Vec<(Pointer, DType, Shape)>,
    pub results: Vec<(Pointer, DType, Shape)>,
}

/// A kernel with its buffers and its argument block.
pub(crate) struct BoundKernel {
    pub function: KernelFunction,
    pub pointers: Box<[Pointer]>,
    pub arguments: Box<[i64]>,
}

/// A kernel over its whole domain.
pub(crate) struct LoopStep {
    pub kernel: BoundKernel,
    pub tiles: Tiles,
}

/// A kernel that is called for each block of the dimension that it folds.
pub(crate) struct FoldStep {
    pub kernel: BoundKernel,
    pub rows: i64,
    /// The inner points of a column kernel; a row kernel folds the inner dimension itself.
    pub inner: Option<i64>,
    /// Where the size of the folded dimension stands among the arguments.
    pub reduced_argument: usize,
    /// The size of the folded dimension, and of its blocks, and their number.
    pub reduced: i64,
    pub block: i64,
    pub blocks: i64,
    pub blocks_per_tile: i64,
    /// The bytes from one block to the next, for each access.
    pub advances: Box<[isize]>,
    pub tiles: usize,
}

/// How the rows and the inner dimension of a kernel are cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiles {
    pub rows: i64,
    pub inner: i64,
    pub rows_per_tile: i64,
    pub inner_per_tile: i64,
    /// The number of tiles side by side along the inner dimension.
    pub across: i64,
    pub count: usize,
}

/// About the instructions times points of a tile: what is worth handing to another thread.
pub(crate) const TILE_WORK: i64 = 1 << 17;
const MAX_TILES: i64 = 256;
/// The inner points that a tile of a column kernel has at most, so that its accumulators stay in the first cache.
const COLUMN_INNER: i64 = 1024;
/// Tiles end at multiples of so many inner points, so that threads share no cache line.
const INNER_GRAIN: i64 = 64;

impl Tiles {
    /// The tiles of a kernel by its sizes; `work` is about what a point costs, in instructions.
    ///
    /// The tiles of a column kernel are wide, so that each step reads a long run of memory.
    pub fn of_loop(form: Form, rows: i64, inner: i64, work: i64) -> Self {
        let grain = if form.is_column() { COLUMN_INNER } else { INNER_GRAIN };
        Tiles::with_grain(form, rows, inner, work, grain)
    }

    /// As [`Tiles::of_loop`], with narrow tiles in a column kernel too: for one that has few wide ones.
    pub fn narrow(form: Form, rows: i64, inner: i64, work: i64) -> Self {
        Tiles::with_grain(form, rows, inner, work, INNER_GRAIN)
    }

    fn with_grain(form: Form, rows: i64, inner: i64, work: i64, grain: i64) -> Self {
        let total = rows.saturating_mul(inner.max(1)).saturating_mul(work);
        let wanted = (total / TILE_WORK).clamp(1, MAX_TILES);
        let row_tiles = wanted.min(rows);
        let rows_per_tile = ceil_div(rows, row_tiles);
        let row_tiles = ceil_div(rows, rows_per_tile);
        let inner_per_tile = match form {
            Form::Row => inner,
            Form::Map | Form::Column | Form::Sequence => {
                let across = ceil_div(wanted, row_tiles);
                let share = (ceil_div(ceil_div(inner, across), grain) * grain).min(inner);
                if form.is_column() { share.min(COLUMN_INNER) } else { share }
            }
        };
        let across = if inner_per_tile > 0 { ceil_div(inner, inner_per_tile) } else { 1 };
        Tiles { rows, inner, rows_per_tile, inner_per_tile, across, count: (row_tiles * across) as usize }
    }

    /// The rows and inner points of a tile: (row begin, row end, inner begin, inner end).
    pub fn tile(&self, number: usize) -> [i64; 4] {
        let (row, column) = (number as i64 / self.across, number as i64 % self.across);
        let (row_begin, inner_begin) = (row * self.rows_per_tile, column * self.inner_per_tile);
        let row_end = (row_begin + self.rows_per_tile).min(self.rows);
        let inner_end = (inner_begin + self.inner_per_tile).min(self.inner);
        [row_begin, row_end, inner_begin, inner_end]
    }
}

fn ceil_div(x: i64, y: i64) -> i64 {
    (x + y - 1) / y
}

/// A batch of strided matrices; strides of the batch axes are in bytes, of rows and columns in elements.
#[derive(Clone, Debug)]
pub(crate) struct MatrixOperand {
    pub pointer: Pointer,
    pub batch_strides: SmallVec<[isize; 2]>,
    pub row_stride: isize,
    pub column_stride: isize,
}

impl MatrixOperand {
    /// The distance in bytes of a matrix of the batch from the first.
    pub fn batch_offset(&self, batch: &[usize], mut number: usize) -> isize {
        let mut offset = 0isize;
        for (&size, &stride) in batch.iter().zip(&self.batch_strides).rev() {
            offset = offset.wrapping_add((number % size) as isize * stride);
            number /= size;
        }
        offset
    }
}

/// Brings right operands into the layout of the matrix kernel.
pub(crate) struct PackStep {
    pub matmul: &'static Matmul,
    pub n: usize,
    pub k: usize,
    pub batch: SmallVec<[usize; 2]>,
    pub rhs: MatrixOperand,
    pub target: Pointer,
    pub matrix_bytes: usize,
    pub panels: usize,
    pub tiles: usize,
}

/// A batch of matrix products.
pub(crate) struct ProductStep {
    pub matmul: &'static Matmul,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub batch: SmallVec<[usize; 2]>,
    pub lhs: LhsOperand,
    pub rhs: RhsOperand,
    /// Meaningless with an epilogue.
    pub output: Pointer,
    pub output_batch_bytes: usize,
    /// In elements.
    pub output_row_stride: usize,
    pub epilogue: Option<Epilogue>,
    pub tiles_per_batch: usize,
    pub tiles: usize,
}

pub(crate) enum LhsOperand {
    Matrix(MatrixOperand),
    /// The windows of each group's input; `group_stride` is in bytes.
    Windows {
        windows: Box<Windows>,
        pointer: Pointer,
        group_stride: isize,
    },
}

pub(crate) enum RhsOperand {
    /// `matrix_bytes` from one matrix of the batch to the next.
    Packed {
        pointer: Pointer,
        matrix_bytes: usize,
    },
    Unpacked(MatrixOperand),
}

/// A kernel that runs on each block of a product.
pub(crate) struct Epilogue {
    pub kernel: BoundKernel,
    /// The access that reads the block, and where its stride stands among the arguments.
    pub tile: usize,
    pub tile_argument: usize,
    pub element_size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_each_point_once() {
        for form in [Form::Map, Form::Row, Form::Column] {
            for (rows, inner) in [(1, 1), (1, 16 << 20), (3, 1000), (4096, 1024), (17, 100_003), (1 << 20, 3), (5, 0)] {
                for tiles in [Tiles::of_loop(form, rows, inner, 6), Tiles::narrow(form, rows, inner, 6)] {
                    let area: i64 = (0..tiles.count)
                        .map(|number| {
                            let [row_begin, row_end, inner_begin, inner_end] = tiles.tile(number);
                            assert!(
                                row_begin < row_end
                                    && row_end <= rows
                                    && inner_begin <= inner_end
                                    && inner_end <= inner
                            );
                            (row_end - row_begin) * (inner_end - inner_begin)
                        })
                        .sum();
                    assert_eq!(area, rows * inner, "{form:?} {rows} x {inner}");
                }
            }
        }
    }
}

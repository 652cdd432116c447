//! The plan of a reduction that is split over its blocks: the partial results get a place in the arena, the partial kernel
//! is called for each block, and the sequence kernel takes their results together. See [`split`](mod@crate::split).

use crate::compiled::SplitCode;
use crate::kernel::{Access, AccessMap, Kernel, Stride};
use crate::plan::{PlanError, Planner};
use crate::program::LoopLaunch;
use crate::step::{BoundKernel, FoldStep, LoopStep, Pointer, Step, TILE_WORK, Tiles};
use tancho_tensor::ALIGNMENT;

/// With so many tiles a kernel needs no splitting.
pub(crate) const ENOUGH_TILES: usize = 8;

impl Planner<'_> {
    /// Plans a launch as a split reduction where that is worth it; `false` where it is not, and nothing was planned.
    pub(crate) fn plan_fold(
        &mut self,
        index: usize,
        launch: &LoopLaunch,
        whole: &BoundKernel,
        tiles: Tiles,
        work: i64,
    ) -> Result<bool, PlanError> {
        let kernel = &*launch.kernel;
        let reduced = whole.arguments[kernel.outer];
        let points_of_tile = if kernel.form.is_column() { tiles.inner } else { 1 };
        let results = tiles.rows.saturating_mul(points_of_tile);
        let total = results.saturating_mul(work);
        if kernel.reductions.is_empty() || tiles.count >= ENOUGH_TILES || total < 2 * TILE_WORK {
            return Ok(false);
        }
        let compiled = self.compiled;
        let Some(codes) = compiled.split(index, kernel)? else { return Ok(false) };
        let split = &codes.split;
        let block = split.block as i64;
        let blocks = (reduced + block - 1) / block;
        if blocks < 2 {
            return Ok(false);
        }
        // The results of a block are dense, and so are the blocks.
        let mut partials = Vec::new();
        for reduction in &kernel.reductions {
            let bytes = (blocks * results) as usize * reduction.dtype.size();
            partials.push((self.arena.take(bytes), bytes));
        }
        let dense = dense_strides(&whole.arguments[..kernel.outer], points_of_tile);

        let loads = kernel.loads.len();
        let mut pointers = whole.pointers[..loads].to_vec();
        pointers.extend(partials.iter().map(|&(offset, _)| Pointer::arena(offset)));
        let mut arguments = whole.arguments[..kernel.rank() + argument_count(&kernel.loads)].to_vec();
        kernel.reductions.iter().for_each(|_| arguments.extend(&dense));
        arguments.extend(&whole.arguments[whole.arguments.len() - kernel.sizes..]);
        let along = |access: usize| strides(kernel, &whole.arguments, access)[kernel.outer];
        let load_advances =
            (0..loads).map(|load| along(load) as isize * block as isize * kernel.loads[load].dtype.size() as isize);
        let store_advances =
            kernel.reductions.iter().map(|reduction| results as isize * reduction.dtype.size() as isize);
        let advances = load_advances.chain(store_advances).collect();
        let blocks_per_tile = (TILE_WORK / (total / blocks).max(1)).clamp(1, blocks);
        self.steps.push(Step::Fold(FoldStep {
            kernel: BoundKernel {
                function: codes.partial.function(),
                pointers: pointers.into(),
                arguments: arguments.into(),
            },
            rows: tiles.rows,
            inner: kernel.form.is_column().then_some(tiles.inner),
            reduced_argument: kernel.outer,
            reduced,
            block,
            blocks,
            blocks_per_tile,
            advances,
            tiles: ((blocks + blocks_per_tile - 1) / blocks_per_tile) as usize,
        }));

        let step = sequence_step(codes, whole, kernel, &partials, &dense, [blocks, results]);
        let scratch = [&split.partial, &split.sequence].map(|kernel| kernel.scratch_bytes(points_of_tile as usize));
        let scratch = scratch[0].max(scratch[1]);
        self.scratch_bytes = self.scratch_bytes.max(scratch.next_multiple_of(ALIGNMENT));
        self.steps.push(Step::Loop(step));
        partials.iter().for_each(|&(offset, bytes)| self.arena.give_back(offset, bytes));
        Ok(true)
    }
}

/// The step that takes the blocks' results together.
fn sequence_step(
    codes: &SplitCode,
    whole: &BoundKernel,
    kernel: &Kernel,
    partials: &[(usize, usize)],
    dense: &[i64],
    [blocks, results]: [i64; 2],
) -> LoopStep {
    let SplitCode { split, sequence, .. } = codes;
    let function = sequence.function();
    let inner = if kernel.form.is_column() { whole.arguments[kernel.inner()] } else { 1 };
    let rows: i64 = whole.arguments[..kernel.outer].iter().product();
    let mut arguments = whole.arguments[..kernel.outer].to_vec();
    arguments.extend([blocks, inner]);
    let mut pointers: Vec<Pointer> = partials.iter().map(|&(offset, _)| Pointer::arena(offset)).collect();
    for _ in partials {
        arguments.extend(dense);
        arguments.push(results);
    }
    let stores = kernel.loads.len()..kernel.loads.len() + kernel.stores.len();
    for access in split.kept_loads.iter().copied().chain(stores) {
        pointers.push(whole.pointers[access]);
        arguments.extend(argument_strides(kernel, &whole.arguments, access));
    }
    arguments.extend(&whole.arguments[whole.arguments.len() - kernel.sizes..]);
    let work = (split.sequence.body.len() as i64).max(4).saturating_mul(blocks);
    let tiles = Tiles::of_loop(split.sequence.form, rows, inner, work);
    LoopStep { kernel: BoundKernel { function, pointers: pointers.into(), arguments: arguments.into() }, tiles }
}

fn argument_count(accesses: &[Access]) -> usize {
    accesses.iter().map(Access::argument_count).sum()
}

/// The strides of a dense array over outer sizes, with so many points behind each.
fn dense_strides(outer: &[i64], points: i64) -> Vec<i64> {
    let mut strides = vec![points; outer.len()];
    for dimension in (1..outer.len()).rev() {
        strides[dimension - 1] = strides[dimension] * outer[dimension];
    }
    strides
}

/// The strides of an access that are arguments, in order.
fn argument_strides<'a>(kernel: &Kernel, arguments: &'a [i64], access: usize) -> &'a [i64] {
    let before: usize = kernel.accesses().take(access).map(Access::argument_count).sum();
    let count = kernel.accesses().nth(access).map_or(0, Access::argument_count);
    &arguments[kernel.rank() + before..kernel.rank() + before + count]
}

/// The stride of an access along each dimension.
fn strides(kernel: &Kernel, arguments: &[i64], access: usize) -> Vec<i64> {
    let mut numbers = argument_strides(kernel, arguments, access).iter();
    let map = kernel.accesses().nth(access).map(|access| &access.map);
    let Some(AccessMap::Strides(strides)) = map else { return vec![0; kernel.rank()] };
    let number = |stride: &Stride| match stride {
        Stride::Zero => 0,
        Stride::One => 1,
        Stride::Argument => numbers.next().copied().unwrap_or(0),
    };
    strides.iter().map(number).collect()
}

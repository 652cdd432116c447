//! Column kernels: a dimension between the outer ones and the inner one is folded.
//!
//! The inner dimension is cut into tiles whose partial results stay in the first cache. For each tile the reduced dimension
//! is walked in blocks, a few steps at a time: the partial results of the block are loaded, take in the elements of those
//! steps in order, and are written back. The first block's partial results are the totals; those of a later one are taken
//! into the totals at its end. Then come the stores. A sequence is one block.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use tancho_ir::ops::reduce::order::COLUMN_BLOCK;
use tancho_tensor::DType;

use super::EmitError;
use super::emitter::{ByteStride, Emitter, Env};
use super::fold::{Fold, Partial, identity};
use super::group::Group;
use super::scratch::{COLUMN_TILE, ColumnPlaces};
use crate::kernel::{AccessMap, Form, Instruction, Kernel, Scalar};

/// The steps of the reduced dimension that are taken in at a time.
const STEPS: usize = 4;

/// More steps than any dimension has: the block of a sequence.
const ENDLESS: i64 = 1 << 62;

/// What one pass over the reduced dimension does.
struct Pass {
    /// Their numbers, how they fold, and where their results are.
    reductions: Vec<(usize, Fold, ColumnPlaces)>,
    /// The numbers of the stores for each step.
    stores: Vec<usize>,
    needed: Vec<bool>,
}

/// A tile of the inner dimension.
#[derive(Clone, Copy)]
struct Tile {
    begin: Value,
    /// The end of the part that whole groups cover.
    middle: Value,
    end: Value,
    lanes: usize,
}

impl Emitter<'_, '_> {
    pub(super) fn emit_column(&mut self, lanes: usize) -> Result<(), EmitError> {
        let kernel = self.kernel;
        for store in &kernel.stores {
            if self.places[store.value.index()].per_step && !moves_per_step(kernel, &store.access) {
                return Err(EmitError::Unsupported(
                    "a column kernel that stores a value of each step in one place".into(),
                ));
            }
        }
        self.for_each_row(|emitter, mut row| {
            let roots = kernel.reductions.iter().map(|reduction| reduction.value);
            let needed = emitter.needed(&row, roots.chain(kernel.stores.iter().map(|store| store.value)));
            emitter.evaluate(&mut row, &needed, |place| !place.per_point && !place.per_step);
            let (begin, end) = (emitter.arguments.inner_begin, emitter.arguments.inner_end);
            emitter.for_loop(begin, end, COLUMN_TILE as i64, &[], |emitter, begin, _| {
                let tile_end = emitter.builder.ins().iadd_imm_s(begin, COLUMN_TILE as i64);
                let end = emitter.builder.ins().smin(tile_end, end);
                let middle = emitter.whole_groups(begin, end, lanes);
                emitter.emit_tile(&row, Tile { begin, middle, end, lanes });
                Vec::new()
            });
        });
        Ok(())
    }

    fn emit_tile(&mut self, row: &Env, tile: Tile) {
        let kernel = self.kernel;
        let (all_places, _) = kernel.column_places();
        self.in_scratch.fill(None);
        let step_stores: Vec<usize> =
            (0..kernel.stores.len()).filter(|&store| moves_per_step(kernel, &kernel.stores[store].access)).collect();
        let stage_of = |emitter: &Self, value: Scalar| emitter.places[value.index()].stage;
        let values = kernel.reductions.iter().map(|reduction| reduction.value);
        let values = values.chain(step_stores.iter().map(|&store| kernel.stores[store].value));
        let n_stages = values.map(|value| stage_of(self, value) + 1).max().unwrap_or(0);
        for stage in 0..n_stages {
            let mut pass = Pass { reductions: Vec::new(), stores: Vec::new(), needed: Vec::new() };
            for (index, reduction) in kernel.reductions.iter().enumerate() {
                if stage_of(self, reduction.value) == stage {
                    let fold = Fold::new(reduction, kernel.body.dtype(reduction.value));
                    pass.reductions.push((index, fold, all_places[index]));
                }
            }
            let is_now = |&&store: &&usize| stage_of(self, kernel.stores[store].value) == stage;
            pass.stores = step_stores.iter().filter(is_now).copied().collect();
            if pass.reductions.is_empty() && pass.stores.is_empty() {
                continue;
            }
            let folded = pass.reductions.iter().map(|&(index, ..)| kernel.reductions[index].value);
            let stored = pass.stores.iter().map(|&store| kernel.stores[store].value);
            pass.needed = self.needed(row, folded.chain(stored));
            self.emit_pass(row, &pass, tile);
            for &(reduction, fold, places) in &pass.reductions {
                let place = if fold.is_arg() { places.totals[1] } else { places.totals[0] };
                let address = self.tile_address(place, fold.result, tile);
                for (value, instruction, _) in kernel.body.iter() {
                    if instruction == Instruction::Reduced(reduction as u32) {
                        self.in_scratch[value.index()] = Some(address);
                    }
                }
            }
        }
        let stores: Vec<usize> = (0..kernel.stores.len()).filter(|store| !step_stores.contains(store)).collect();
        if stores.is_empty() {
            return;
        }
        let needed = self.needed(row, stores.iter().map(|&store| kernel.stores[store].value));
        self.for_tile(tile, |emitter, inner, lanes| {
            let mut env = row.at(inner, lanes);
            emitter.evaluate(&mut env, &needed, |_| true);
            for &store in &stores {
                emitter.store_value(&env, store);
            }
        });
    }

    /// Runs a body for each group of the tile, and then for each point that is left.
    fn for_tile(&mut self, tile: Tile, body: impl Fn(&mut Self, Value, usize)) {
        for (begin, end, lanes) in [(tile.begin, tile.middle, tile.lanes), (tile.middle, tile.end, 1)] {
            self.for_loop(begin, end, lanes as i64, &[], |emitter, inner, _| {
                body(emitter, inner, lanes);
                Vec::new()
            });
        }
    }

    /// Runs a body for groups that cover the tile; the last one may reach behind it, where scratch memory has room.
    fn for_padded_tile(&mut self, tile: Tile, body: impl Fn(&mut Self, Value, usize)) {
        self.for_loop(tile.begin, tile.end, tile.lanes as i64, &[], |emitter, inner, _| {
            body(emitter, inner, tile.lanes);
            Vec::new()
        });
    }

    /// The address of a scratch array such that the inner index leads to its element.
    fn tile_address(&mut self, place: usize, dtype: DType, tile: Tile) -> Value {
        let size = dtype.size() as i64;
        let address = self.builder.ins().iadd_imm_s(self.arguments.scratch, place as i64);
        let behind = self.builder.ins().imul_imm_s(tile.begin, size);
        self.builder.ins().isub(address, behind)
    }

    /// The addresses of the values and the indices.
    fn tile_addresses(&mut self, places: [usize; 2], fold: Fold, tile: Tile) -> [Value; 2] {
        [self.tile_address(places[0], fold.dtype, tile), self.tile_address(places[1], fold.result, tile)]
    }

    /// Walks the reduced dimension.
    fn emit_pass(&mut self, row: &Env, pass: &Pass, tile: Tile) {
        let mut totals = Vec::new();
        let mut blocks = Vec::new();
        for &(_, fold, places) in &pass.reductions {
            totals.push(self.tile_addresses(places.totals, fold, tile));
            blocks.push(self.tile_addresses(places.blocks, fold, tile));
        }
        let zero = self.integer(0);
        let size = self.arguments.sizes[self.kernel.outer];
        // An empty dimension has one block, so that the totals become identities.
        let one = self.integer(1);
        let end = self.builder.ins().smax(size, one);
        let n_steps = if super::weight(self.kernel, &self.places) > super::SHORT { 1 } else { STEPS };
        let block_steps = if self.kernel.form == Form::Sequence { ENDLESS } else { COLUMN_BLOCK as i64 };
        self.for_loop(zero, end, block_steps, &[], |emitter, block, _| {
            let is_later = emitter.builder.ins().icmp_imm_s(IntCC::NotEqual, block, 0);
            let mut partials = Vec::new();
            for (&total, &block) in totals.iter().zip(&blocks) {
                partials.push([0, 1].map(|part| emitter.builder.ins().select(is_later, block[part], total[part])));
            }
            emitter.begin_partials(pass, &partials, tile);
            let block_end = emitter.builder.ins().iadd_imm_s(block, block_steps);
            let block_end = emitter.builder.ins().smin(block_end, size);
            let middle = emitter.whole_groups(block, block_end, n_steps);
            let loops = [(block, middle, n_steps), (middle, block_end, 1)];
            for &(begin, end, n_steps) in &loops[if n_steps > 1 { 0 } else { 1 }..] {
                let begin = if loops[0].2 == 1 { block } else { begin };
                emitter.for_loop(begin, end, n_steps as i64, &[], |emitter, step, _| {
                    emitter.emit_steps(row, pass, &partials, step, n_steps, tile);
                    Vec::new()
                });
            }
            if !pass.reductions.is_empty() {
                emitter.if_then(is_later, &[], |emitter| {
                    emitter.take_blocks(pass, &totals, &blocks, tile);
                    Vec::new()
                });
            }
            Vec::new()
        });
    }

    /// Makes the partial results of a tile the identities.
    fn begin_partials(&mut self, pass: &Pass, partials: &[[Value; 2]], tile: Tile) {
        if pass.reductions.is_empty() {
            return;
        }
        self.for_padded_tile(tile, |emitter, inner, lanes| {
            for (&(_, fold, _), &partial) in pass.reductions.iter().zip(partials) {
                let value = emitter.scalar_constant(identity(fold.kind, fold.dtype), fold.dtype);
                let index = fold.is_arg().then(|| Group::Scalar(emitter.scalar_constant(0, fold.result)));
                emitter.store_partial(fold, partial, &Partial { value: Group::Scalar(value), index }, inner, lanes);
            }
        });
    }

    /// Takes the partial results of a block into the totals.
    fn take_blocks(&mut self, pass: &Pass, totals: &[[Value; 2]], blocks: &[[Value; 2]], tile: Tile) {
        self.for_padded_tile(tile, |emitter, inner, lanes| {
            for ((&(_, fold, _), &total), &block) in pass.reductions.iter().zip(totals).zip(blocks) {
                let old = emitter.load_partial(fold, total, inner, lanes);
                let new = emitter.load_partial(fold, block, inner, lanes);
                let taken = emitter.take_in(fold, &old, &new, lanes);
                emitter.store_partial(fold, total, &taken, inner, lanes);
            }
        });
    }

    /// Takes a few steps in, for all points of a tile.
    fn emit_steps(
        &mut self,
        row: &Env,
        pass: &Pass,
        partials: &[[Value; 2]],
        first_step: Value,
        n_steps: usize,
        tile: Tile,
    ) {
        let steps: Vec<Env> = (0..n_steps)
            .map(|step| {
                let step = self.builder.ins().iadd_imm_s(first_step, step as i64);
                let mut env = self.step_env(row, step);
                self.evaluate(&mut env, &pass.needed, |place| !place.per_point);
                env
            })
            .collect();
        self.for_tile(tile, |emitter, inner, lanes| {
            // What is the same for all steps is computed once.
            let mut shared = row.at(inner, lanes);
            emitter.evaluate(&mut shared, &pass.needed, |place| !place.per_step);
            let mut envs = Vec::new();
            for step in &steps {
                let mut env = step.at(inner, lanes);
                for (group, shared) in env.groups.iter_mut().zip(&shared.groups) {
                    if shared.is_some() {
                        group.clone_from(shared);
                    }
                }
                emitter.evaluate(&mut env, &pass.needed, |_| true);
                envs.push(env);
            }
            for (&(reduction, fold, _), &partial) in pass.reductions.iter().zip(partials) {
                let mut taken = emitter.load_partial(fold, partial, inner, lanes);
                for env in &envs {
                    let index = fold.is_arg().then(|| {
                        let step = *env.indices.last().expect("the step is an index");
                        let step = emitter.scalar_convert(DType::I64, fold.result, step);
                        Group::Scalar(step)
                    });
                    let new = Partial { value: emitter.reduced_value(env, reduction), index };
                    taken = emitter.take_in(fold, &taken, &new, lanes);
                }
                emitter.store_partial(fold, partial, &taken, inner, lanes);
            }
            for env in &envs {
                for &store in &pass.stores {
                    emitter.store_value(env, store);
                }
            }
        });
    }

    /// The env of a row at a step of the reduced dimension.
    fn step_env(&mut self, row: &Env, step: Value) -> Env {
        let mut env = row.clone();
        env.indices.push(step);
        for access in 0..env.pointers.len() {
            let is_tile = self.kernel.accesses().nth(access).is_some_and(|access| access.map == AccessMap::Tile);
            let stride = if is_tile { ByteStride::Zero } else { self.arguments.strides[access][self.kernel.outer] };
            env.pointers[access] = self.advance(env.pointers[access], step, stride);
        }
        env
    }

    fn load_partial(&mut self, fold: Fold, [values, indices]: [Value; 2], inner: Value, lanes: usize) -> Partial {
        let address = self.advance(values, inner, ByteStride::Constant(fold.dtype.size() as i64));
        let value = self.load_group(fold.dtype, address, lanes);
        let index = fold.is_arg().then(|| {
            let address = self.advance(indices, inner, ByteStride::Constant(fold.result.size() as i64));
            self.load_group(fold.result, address, lanes)
        });
        Partial { value, index }
    }

    fn store_partial(
        &mut self,
        fold: Fold,
        [values, indices]: [Value; 2],
        partial: &Partial,
        inner: Value,
        lanes: usize,
    ) {
        let address = self.advance(values, inner, ByteStride::Constant(fold.dtype.size() as i64));
        self.store_group(fold.dtype, &partial.value, address, lanes);
        if let Some(index) = &partial.index {
            let address = self.advance(indices, inner, ByteStride::Constant(fold.result.size() as i64));
            self.store_group(fold.result, index, address, lanes);
        }
    }
}

/// Whether an access moves along the reduced dimension.
fn moves_per_step(kernel: &Kernel, access: &crate::kernel::Access) -> bool {
    access.map != AccessMap::Tile && access.moves_along(kernel.outer)
}

//! Row kernels: for each row, one pass over it for each stage.
//!
//! The pass of a stage computes what its reductions fold, what is stored at that stage, and what is kept for later ones;
//! values per row that the stage makes known are computed before it. A stage with reductions goes through the row in blocks,
//! and through a block in groups, whose points belong to the next lanes in turn: the partial results of the lanes are held
//! in vectors, the group's lanes first, and these become the last ones when they have taken the group in. After every
//! [`LANES`] points they stand in order again. The points that are left are taken into the lanes in memory.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use tancho_ir::ops::reduce::order::{LANES, ROW_BLOCK};

use super::emitter::{Emitter, Env};
use super::fold::{Fold, Lanes};
use super::group::Group;
use crate::kernel::{Instruction, Scalar};

/// What is done in the pass of a stage.
struct Stage {
    /// Their numbers, and how they fold.
    reductions: Vec<(usize, Fold)>,
    /// The numbers of the stores for each point.
    stores: Vec<usize>,
    /// What is kept, and the address of its row in scratch memory.
    kept: Vec<(Scalar, Value)>,
    /// The values that must be computed for it.
    needed: Vec<bool>,
}

impl Emitter<'_, '_> {
    pub(super) fn emit_row(&mut self, lanes: usize) {
        let stage_of = |emitter: &Self, value: Scalar| emitter.places[value.index()].stage;
        let reduced = self.kernel.reductions.iter().map(|reduction| stage_of(self, reduction.value));
        let stored = self.kernel.stores.iter().map(|store| stage_of(self, store.value));
        let last = reduced.chain(stored).max().unwrap_or(0);
        let rows = self.kept_addresses();
        self.for_each_row(|emitter, mut row| {
            for stage in 0..=last {
                emitter.emit_stage(&mut row, stage, &rows, lanes, stage == last);
            }
        });
    }

    /// The address of the scratch row of each value that is kept.
    fn kept_addresses(&mut self) -> Vec<(Scalar, Value)> {
        let kernel = self.kernel;
        let mut address = self.arguments.scratch;
        let length = self.builder.ins().isub(self.arguments.inner_end, self.arguments.inner_begin);
        let mut rows = Vec::new();
        for (value, dtype) in kernel.kept_rows() {
            if !self.places[value.index()].per_point {
                continue;
            }
            rows.push((value, address));
            let bytes = self.builder.ins().imul_imm_s(length, dtype.size() as i64);
            let bytes = self.builder.ins().iadd_imm_s(bytes, 63);
            let bytes = self.builder.ins().band_imm_s(bytes, -64);
            address = self.builder.ins().iadd(address, bytes);
        }
        rows
    }

    fn emit_stage(&mut self, row: &mut Env, stage: usize, rows: &[(Scalar, Value)], lanes: usize, is_last: bool) {
        let kernel = self.kernel;
        let inner = kernel.inner();
        for &(value, address) in rows {
            self.in_scratch[value.index()] = (self.places[value.index()].stage < stage).then_some(address);
        }
        let mut now = Stage { reductions: Vec::new(), stores: Vec::new(), kept: Vec::new(), needed: Vec::new() };
        let mut roots = Vec::new();
        let mut row_stores = Vec::new();
        for (index, reduction) in kernel.reductions.iter().enumerate() {
            if self.places[reduction.value.index()].stage == stage {
                now.reductions.push((index, Fold::new(reduction, kernel.body.dtype(reduction.value))));
                roots.push(reduction.value);
            }
        }
        for (index, store) in kernel.stores.iter().enumerate() {
            let place = self.places[store.value.index()];
            if place.stage == stage {
                let is_per_point = place.per_point || store.access.moves_along(inner);
                if is_per_point {
                    now.stores.push(index)
                } else {
                    row_stores.push(index)
                }
                roots.push(store.value);
            }
        }
        if !is_last {
            now.kept.extend(rows.iter().filter(|(value, _)| self.places[value.index()].stage == stage));
            roots.extend(now.kept.iter().map(|&(value, _)| value));
        }
        now.needed = self.needed(row, roots);
        self.evaluate(row, &now.needed, |place| !place.per_point);
        for store in row_stores {
            self.store_value(row, store);
        }
        if !now.reductions.is_empty() {
            self.emit_folding_pass(row, &now, lanes);
        } else if !now.stores.is_empty() || !now.kept.is_empty() {
            self.emit_plain_pass(row, &now, lanes);
        }
    }

    /// A pass that folds nothing.
    fn emit_plain_pass(&mut self, row: &Env, now: &Stage, lanes: usize) {
        let (begin, end) = (self.arguments.inner_begin, self.arguments.inner_end);
        let middle = self.whole_groups(begin, end, lanes);
        for (begin, end, lanes) in [(begin, middle, lanes), (middle, end, 1)] {
            self.for_loop(begin, end, lanes as i64, &[], |emitter, inner, _| {
                emitter.evaluate_points(row, now, inner, lanes);
                Vec::new()
            });
        }
    }

    /// Computes the values of a stage at neighbouring points, and writes those that are stored or kept.
    fn evaluate_points(&mut self, row: &Env, now: &Stage, inner: Value, lanes: usize) -> Env {
        let mut env = row.at(inner, lanes);
        self.evaluate(&mut env, &now.needed, |_| true);
        for &(value, address) in &now.kept {
            let group = env.groups[value.index()].clone().expect("what is kept has been computed");
            self.store_scratch(&env, self.kernel.body.dtype(value), address, &group);
        }
        for &store in &now.stores {
            self.store_value(&env, store);
        }
        env
    }

    /// A pass with reductions; their results become known in the row's env.
    fn emit_folding_pass(&mut self, row: &mut Env, now: &Stage, lanes: usize) {
        let folds: Vec<Fold> = now.reductions.iter().map(|&(_, fold)| fold).collect();
        let (begin, end) = (self.arguments.inner_begin, self.arguments.inner_end);
        let mut totals = Vec::new();
        for &fold in &folds {
            totals.extend(self.first_total(fold));
        }
        let totals = self.for_loop(begin, end, ROW_BLOCK as i64, &totals, |emitter, block, totals| {
            let lanes = emitter.fold_block(row, now, &folds, block, lanes);
            let mut next = Vec::new();
            for (&fold, lanes) in folds.iter().zip(lanes) {
                let total = &totals[next.len()..][..if fold.is_arg() { 2 } else { 1 }];
                let folded = emitter.fold_lanes(fold, lanes);
                let taken = emitter.take_block(fold, total, folded, block);
                next.extend(taken);
            }
            next
        });
        let mut at = 0;
        for &(reduction, fold) in &now.reductions {
            let count = if fold.is_arg() { 2 } else { 1 };
            let result = self.finish_total(fold, &totals[at..at + count]);
            at += count;
            for (value, instruction, _) in self.kernel.body.iter() {
                if instruction == Instruction::Reduced(reduction as u32) {
                    row.groups[value.index()] = Some(Group::Scalar(result));
                }
            }
        }
    }

    /// Takes the points of a block into lanes.
    fn fold_block(&mut self, row: &Env, now: &Stage, folds: &[Fold], block: Value, lanes: usize) -> Vec<Lanes> {
        let block_end = self.builder.ins().iadd_imm_s(block, ROW_BLOCK as i64);
        let block_end = self.builder.ins().smin(block_end, self.arguments.inner_end);
        let middle = self.whole_groups(block, block_end, LANES);
        let first: Vec<Lanes> = folds.iter().map(|&fold| self.first_lanes(fold)).collect();
        let carried = self.for_loop(block, middle, lanes as i64, &Lanes::flatten(&first), |emitter, inner, carried| {
            let mut all = Lanes::unflatten(folds, carried);
            let env = emitter.evaluate_points(row, now, inner, lanes);
            let index = emitter.builder.ins().isub(inner, block);
            for (&(reduction, fold), all) in now.reductions.iter().zip(&mut all) {
                let value = emitter.reduced_value(&env, reduction);
                emitter.take_into_lanes(fold, all, &value, index, lanes);
            }
            Lanes::flatten(&all)
        });
        let is_left = self.builder.ins().icmp(IntCC::SignedLessThan, middle, block_end);
        let carried = self.if_then(is_left, &carried, |emitter| {
            let all = Lanes::unflatten(folds, &carried);
            let all = emitter.fold_rest(row, now, folds, all, [block, middle, block_end]);
            Lanes::flatten(&all)
        });
        Lanes::unflatten(folds, &carried)
    }

    /// Takes the last points of a block, fewer than there are lanes, into lanes in memory.
    fn fold_rest(
        &mut self,
        row: &Env,
        now: &Stage,
        folds: &[Fold],
        all: Vec<Lanes>,
        [block, middle, block_end]: [Value; 3],
    ) -> Vec<Lanes> {
        let mut addresses = Vec::new();
        for (&fold, lanes) in folds.iter().zip(&all) {
            let slots = [fold.dtype, fold.index_dtype()].map(|dtype| self.stack_slot(LANES * dtype.size()));
            let address = slots.map(|slot| self.stack_address(slot));
            self.spill_lanes(fold, lanes, address);
            addresses.push(address);
        }
        self.for_loop(middle, block_end, 1, &[], |emitter, inner, _| {
            let env = emitter.evaluate_points(row, now, inner, 1);
            let lane = emitter.builder.ins().isub(inner, middle);
            let index = emitter.builder.ins().isub(inner, block);
            for (&(reduction, fold), &address) in now.reductions.iter().zip(&addresses) {
                let value = emitter.reduced_value(&env, reduction).scalar();
                emitter.take_into_memory(fold, address, value, index, lane);
            }
            Vec::new()
        });
        folds.iter().zip(addresses).map(|(&fold, address)| self.reload_lanes(fold, address)).collect()
    }

    /// The value that a reduction folds.
    pub(super) fn reduced_value(&self, env: &Env, reduction: usize) -> Group {
        let value = self.kernel.reductions[reduction].value;
        env.groups[value.index()].clone().expect("what is folded has been computed")
    }
}

// After a block's whole groups the lanes stand in order, and an index within a block is an `i32`.
const _: () = assert!(ROW_BLOCK.is_multiple_of(LANES) && ROW_BLOCK < 1 << 31);

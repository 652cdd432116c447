//! Folds: identities, and how partial results take in elements and are put together.
//!
//! A partial result of an arg reduction is a pair of a value and its index. Where indices only grow (along a lane, and from
//! block to block) an element replaces the partial result if it is better, or NaN where that is not; where lanes meet, equal
//! values (or two NaNs) are decided by the index. A partial result begins with the least value and the index of its own
//! first element, so that what is as bad as the beginning has the right index.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tancho_ir::ops::reduce::order::{LANES, LAST_LANES};
use tancho_ir::ops::{Comparison, ReduceKind};
use tancho_tensor::DType;

use super::emitter::Emitter;
use super::group::{Group, Parts};
use super::types::{VECTOR_BYTES, element_type, lanes_per_vector, memory, vector_type};
use crate::kernel::{Binary, Reduction};

/// The bits of what a fold of elements of a dtype begins with; of arg reductions, of the value.
pub fn identity(kind: ReduceKind, dtype: DType) -> u64 {
    let all_ones = match dtype {
        DType::Bool => 1,
        _ => u64::MAX >> (64 - dtype.bits()),
    };
    let sign = 1 << (dtype.bits() - 1);
    match kind {
        ReduceKind::Sum | ReduceKind::Or => 0,
        ReduceKind::Product => match dtype {
            DType::F32 => u64::from(1f32.to_bits()),
            DType::F64 => 1f64.to_bits(),
            _ => 1,
        },
        ReduceKind::And => all_ones,
        ReduceKind::Max | ReduceKind::ArgMax(_) => match dtype {
            DType::F16 | DType::BF16 => panic!("kernels fold {dtype} as f32"),
            DType::F32 => u64::from(f32::NEG_INFINITY.to_bits()),
            DType::F64 => f64::NEG_INFINITY.to_bits(),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => sign,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool => 0,
        },
        ReduceKind::Min | ReduceKind::ArgMin(_) => match dtype {
            DType::F16 | DType::BF16 => panic!("kernels fold {dtype} as f32"),
            DType::F32 => u64::from(f32::INFINITY.to_bits()),
            DType::F64 => f64::INFINITY.to_bits(),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => sign - 1,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool => all_ones,
        },
    }
}

/// How the elements of a reduction are folded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    pub(super) kind: ReduceKind,
    /// The dtype of the elements.
    pub(super) dtype: DType,
    /// The dtype of the result.
    pub(super) result: DType,
}

/// The partial results of the lanes of a row reduction, as vectors; without indices but for arg reductions.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    /// Of `bool`, masks of bytes.
    pub(super) values: Parts,
    pub(super) indices: Parts,
}

/// A partial result for one point or one row.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    pub(super) value: Group,
    pub(super) index: Option<Group>,
}

impl Fold {
    pub(super) fn new(reduction: &Reduction, dtype: DType) -> Fold {
        Fold { kind: reduction.kind, dtype, result: reduction.dtype }
    }

    pub(super) fn is_arg(self) -> bool {
        matches!(self.kind, ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_))
    }

    /// The dtype of indices within a block: as wide as the elements are, but for narrow ones.
    pub(super) fn index_dtype(self) -> DType {
        if self.dtype.size() == 8 { DType::I64 } else { DType::I32 }
    }

    /// The operation that puts two partial results together; for arg reductions that on the values.
    fn operation(self) -> Binary {
        match self.kind {
            ReduceKind::Sum => Binary::Add,
            ReduceKind::Product => Binary::Multiply,
            ReduceKind::Max | ReduceKind::ArgMax(_) => Binary::Maximum,
            ReduceKind::Min | ReduceKind::ArgMin(_) => Binary::Minimum,
            ReduceKind::And => Binary::And,
            ReduceKind::Or => Binary::Or,
        }
    }

    /// The number of vectors that the lanes' values take, and that their indices take.
    fn vectors(self) -> [usize; 2] {
        let values = LANES / lanes_per_vector(self.dtype);
        [values, if self.is_arg() { LANES / lanes_per_vector(self.index_dtype()) } else { 0 }]
    }
}

impl Lanes {
    pub(super) fn flatten(all: &[Lanes]) -> Vec<Value> {
        all.iter().flat_map(|lanes| lanes.values.iter().chain(&lanes.indices).copied()).collect()
    }

    pub(super) fn unflatten(folds: &[Fold], mut values: &[Value]) -> Vec<Lanes> {
        let take = |values: &mut &[Value], count: usize| {
            let (taken, rest) = values.split_at(count);
            *values = rest;
            Parts::from_slice(taken)
        };
        folds
            .iter()
            .map(|fold| {
                let [n_values, n_indices] = fold.vectors();
                Lanes { values: take(&mut values, n_values), indices: take(&mut values, n_indices) }
            })
            .collect()
    }
}

impl Emitter<'_, '_> {
    /// Whether an element replaces a partial result in whose order it comes later. Scalars or vectors.
    fn replaces(&mut self, fold: Fold, new: Value, old: Value) -> Value {
        let comparison = match fold.operation() {
            Binary::Minimum => Comparison::Lt,
            _ => Comparison::Gt,
        };
        let is_better = self.compare(comparison, fold.dtype, new, old);
        if !fold.dtype.is_float() {
            return is_better;
        }
        let new_is_nan = self.builder.ins().fcmp(FloatCC::Unordered, new, new);
        let old_is_nan = self.builder.ins().fcmp(FloatCC::Unordered, old, old);
        let is_first_nan = self.builder.ins().band_not(new_is_nan, old_is_nan);
        self.builder.ins().bor(is_better, is_first_nan)
    }

    /// Whether two values are equal or both NaN. Scalars or vectors.
    fn ties(&mut self, fold: Fold, x: Value, y: Value) -> Value {
        let are_equal = self.compare(Comparison::Eq, fold.dtype, x, y);
        if !fold.dtype.is_float() {
            return are_equal;
        }
        let x_is_nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
        let y_is_nan = self.builder.ins().fcmp(FloatCC::Unordered, y, y);
        let are_nan = self.builder.ins().band(x_is_nan, y_is_nan);
        self.builder.ins().bor(are_equal, are_nan)
    }

    /// Puts two groups of values together; not for arg reductions.
    fn combine(&mut self, fold: Fold, x: &Group, y: &Group, lanes: usize) -> Group {
        let operation = fold.operation();
        if let (Group::Scalar(x), Group::Scalar(y)) = (x, y) {
            return Group::Scalar(self.scalar_binary(operation, fold.dtype, *x, *y));
        }
        if fold.dtype == DType::Bool {
            let (x, y) = (self.mask(x, 8, lanes), self.mask(y, 8, lanes));
            return Group::Mask(
                8,
                self.zip_parts(&x, &y, |emitter, x, y| emitter.plain_binary(operation, DType::Bool, x, y)),
            );
        }
        let (x, y) = (self.parts(x, fold.dtype, lanes), self.parts(y, fold.dtype, lanes));
        Group::Vectors(self.vector_binary(operation, fold.dtype, &x, &y))
    }

    /// Takes a later element into a partial result, for each lane.
    pub(super) fn take_in(&mut self, fold: Fold, old: &Partial, new: &Partial, lanes: usize) -> Partial {
        let (Some(old_index), Some(new_index)) = (&old.index, &new.index) else {
            return Partial { value: self.combine(fold, &old.value, &new.value, lanes), index: None };
        };
        let index_dtype = if lanes == 1 { fold.result } else { self.group_dtype(old_index, fold.result) };
        if let (Group::Scalar(old_value), Group::Scalar(new_value)) = (&old.value, &new.value) {
            let replaces = self.replaces(fold, *new_value, *old_value);
            let value = self.builder.ins().select(replaces, *new_value, *old_value);
            let index = self.builder.ins().select(replaces, new_index.scalar(), old_index.scalar());
            return Partial { value: Group::Scalar(value), index: Some(Group::Scalar(index)) };
        }
        let (x, y) = (self.parts(&new.value, fold.dtype, lanes), self.parts(&old.value, fold.dtype, lanes));
        let replaces = self.zip_parts(&x, &y, |emitter, x, y| emitter.replaces(fold, x, y));
        let replaces = Group::Mask(fold.dtype.bits(), replaces);
        let value = self.select_groups(&replaces, fold.dtype, &new.value, &old.value, lanes);
        let index = self.select_groups(&replaces, index_dtype, new_index, old_index, lanes);
        Partial { value, index: Some(index) }
    }

    /// The signed dtype of a group's vectors; of a scalar, another one.
    fn group_dtype(&self, group: &Group, otherwise: DType) -> DType {
        match group {
            Group::Vectors(parts) => {
                super::types::signed_dtype(self.builder.func.dfg.value_type(parts[0]).lane_bits() as usize)
            }
            Group::Scalar(_) | Group::Mask(..) => otherwise,
        }
    }

    /// What the lanes of a block begin with.
    pub(super) fn first_lanes(&mut self, fold: Fold) -> Lanes {
        let bits = identity(fold.kind, fold.dtype);
        let value = Group::Scalar(self.scalar_constant(bits, fold.dtype));
        let values =
            if fold.dtype == DType::Bool { self.mask(&value, 8, LANES) } else { self.parts(&value, fold.dtype, LANES) };
        let mut indices = Parts::new();
        if fold.is_arg() {
            let zero = self.builder.ins().iconst(element_type(fold.index_dtype()), 0);
            let iota = self.iota(zero, fold.index_dtype(), LANES);
            indices = self.parts(&iota, fold.index_dtype(), LANES);
        }
        Lanes { values, indices }
    }

    /// Takes the values of neighbouring points into the first lanes, which then become the last; `index` is the first
    /// point's number in its block.
    pub(super) fn take_into_lanes(&mut self, fold: Fold, all: &mut Lanes, value: &Group, index: Value, lanes: usize) {
        let n_values = lanes / lanes_per_vector(fold.dtype);
        let old_value = self.lane_group(fold, &all.values[..n_values]);
        let (mut old, mut new) =
            (Partial { value: old_value, index: None }, Partial { value: value.clone(), index: None });
        let n_indices = lanes / lanes_per_vector(fold.index_dtype());
        if fold.is_arg() {
            old.index = Some(Group::Vectors(Parts::from_slice(&all.indices[..n_indices])));
            let index = self.scalar_convert(DType::I64, fold.index_dtype(), index);
            new.index = Some(self.iota(index, fold.index_dtype(), lanes));
        }
        let taken = self.take_in(fold, &old, &new, lanes);
        let parts = match &taken.value {
            Group::Mask(_, parts) => parts.clone(),
            group => self.parts(group, fold.dtype, lanes),
        };
        all.values[..n_values].copy_from_slice(&parts);
        all.values.rotate_left(n_values);
        if let Some(index) = taken.index {
            let parts = self.parts(&index, fold.index_dtype(), lanes);
            all.indices[..n_indices].copy_from_slice(&parts);
            all.indices.rotate_left(n_indices);
        }
    }

    fn lane_group(&self, fold: Fold, parts: &[Value]) -> Group {
        let parts = Parts::from_slice(parts);
        if fold.dtype == DType::Bool { Group::Mask(8, parts) } else { Group::Vectors(parts) }
    }

    /// Folds lanes: those that lie half of the lanes apart until four are left, then neighbours. Gives the value and the
    /// index.
    pub(super) fn fold_lanes(&mut self, fold: Fold, mut all: Lanes) -> (Value, Option<Value>) {
        while all.values.len() > 1 && all.values.len() * lanes_per_vector(fold.dtype) > LAST_LANES {
            let (n_values, n_indices) = (all.values.len() / 2, all.indices.len() / 2);
            let (low, high) = all.values.split_at(n_values);
            let (low_index, high_index) = all.indices.split_at(n_indices);
            let lanes = n_values * lanes_per_vector(fold.dtype);
            all = if fold.is_arg() {
                let replaces = self.pair_replaces(fold, (low, low_index), (high, high_index), lanes);
                let values = self.blend(&replaces, high, low);
                let replaces = self.mask(&Group::Mask(fold.dtype.bits(), replaces), fold.index_dtype().bits(), lanes);
                Lanes { values, indices: self.blend(&replaces, high_index, low_index) }
            } else {
                let (low, high) = (self.lane_group(fold, low), self.lane_group(fold, high));
                match self.combine(fold, &low, &high, lanes) {
                    Group::Vectors(values) | Group::Mask(_, values) => Lanes { values, indices: Parts::new() },
                    Group::Scalar(_) => unreachable!("vectors give vectors"),
                }
            };
        }
        let values = self.lane_group(fold, &all.values);
        let indices = Group::Vectors(all.indices);
        let mut lanes: Vec<(Value, Option<Value>)> = (0..all.values.len() * lanes_per_vector(fold.dtype))
            .map(|lane| {
                let value = self.extract(&values, fold.dtype, lane);
                (value, fold.is_arg().then(|| self.extract(&indices, fold.index_dtype(), lane)))
            })
            .collect();
        while lanes.len() > LAST_LANES {
            let high = lanes.split_off(lanes.len() / 2);
            lanes = lanes.iter().zip(&high).map(|(&low, &high)| self.fold_pair(fold, low, high)).collect();
        }
        while lanes.len() > 1 {
            lanes = lanes.chunks_exact(2).map(|pair| self.fold_pair(fold, pair[0], pair[1])).collect();
        }
        lanes[0]
    }

    /// Whether the high lanes replace the low ones: masks as wide as the values.
    fn pair_replaces(
        &mut self,
        fold: Fold,
        (low, low_index): (&[Value], &[Value]),
        (high, high_index): (&[Value], &[Value]),
        lanes: usize,
    ) -> Parts {
        let is_lower = self.zip_parts(high_index, low_index, |emitter, high, low| {
            emitter.builder.ins().icmp(IntCC::SignedLessThan, high, low)
        });
        let is_lower = self.mask(&Group::Mask(fold.index_dtype().bits(), is_lower), fold.dtype.bits(), lanes);
        let mut replaces = Parts::new();
        for ((&high, &low), &is_lower) in high.iter().zip(low).zip(&is_lower) {
            let is_better = self.replaces(fold, high, low);
            let ties = self.ties(fold, high, low);
            let is_earlier = self.builder.ins().band(ties, is_lower);
            replaces.push(self.builder.ins().bor(is_better, is_earlier));
        }
        replaces
    }

    /// Folds two lanes whose indices are in no order.
    fn fold_pair(
        &mut self,
        fold: Fold,
        (low, low_index): (Value, Option<Value>),
        (high, high_index): (Value, Option<Value>),
    ) -> (Value, Option<Value>) {
        let (Some(low_index), Some(high_index)) = (low_index, high_index) else {
            return (self.scalar_binary(fold.operation(), fold.dtype, low, high), None);
        };
        let is_better = self.replaces(fold, high, low);
        let ties = self.ties(fold, high, low);
        let is_lower = self.builder.ins().icmp(IntCC::SignedLessThan, high_index, low_index);
        let is_earlier = self.builder.ins().band(ties, is_lower);
        let replaces = self.builder.ins().bor(is_better, is_earlier);
        let value = self.builder.ins().select(replaces, high, low);
        (value, Some(self.builder.ins().select(replaces, high_index, low_index)))
    }

    /// Writes lanes to memory, the values and the indices at addresses of their own, as elements.
    pub(super) fn spill_lanes(&mut self, fold: Fold, all: &Lanes, [values, indices]: [Value; 2]) {
        let group = self.lane_group(fold, &all.values);
        self.store_group(fold.dtype, &group, values, LANES);
        for (part, &vector) in all.indices.iter().enumerate() {
            self.builder.ins().store(memory(), vector, indices, (part * VECTOR_BYTES) as i32);
        }
    }

    /// Reads back what [`Self::spill_lanes`] wrote.
    pub(super) fn reload_lanes(&mut self, fold: Fold, [values, indices]: [Value; 2]) -> Lanes {
        let parts = match self.load_group(fold.dtype, values, LANES) {
            Group::Vectors(parts) | Group::Mask(_, parts) => parts,
            Group::Scalar(_) => unreachable!("there are several lanes"),
        };
        let [_, n_indices] = fold.vectors();
        let ty = vector_type(fold.index_dtype());
        let indices = (0..n_indices)
            .map(|part| self.builder.ins().load(ty, memory(), indices, (part * VECTOR_BYTES) as i32))
            .collect();
        Lanes { values: parts, indices }
    }

    /// Takes one element into the lane of this number in memory.
    pub(super) fn take_into_memory(
        &mut self,
        fold: Fold,
        [values, indices]: [Value; 2],
        value: Value,
        index: Value,
        lane: Value,
    ) {
        use super::emitter::ByteStride;
        let address = self.advance(values, lane, ByteStride::Constant(fold.dtype.size() as i64));
        let old = self.load_element(fold.dtype, address, 0);
        if !fold.is_arg() {
            let taken = self.scalar_binary(fold.operation(), fold.dtype, old, value);
            self.builder.ins().store(memory(), taken, address, 0);
            return;
        }
        let index_address = self.advance(indices, lane, ByteStride::Constant(fold.index_dtype().size() as i64));
        let old_index = self.load_element(fold.index_dtype(), index_address, 0);
        let index = self.scalar_convert(DType::I64, fold.index_dtype(), index);
        let replaces = self.replaces(fold, value, old);
        let taken = self.builder.ins().select(replaces, value, old);
        let taken_index = self.builder.ins().select(replaces, index, old_index);
        self.builder.ins().store(memory(), taken, address, 0);
        self.builder.ins().store(memory(), taken_index, index_address, 0);
    }

    /// The total of no blocks: the identity, and for arg reductions the index 0, as `i64`.
    pub(super) fn first_total(&mut self, fold: Fold) -> Vec<Value> {
        let mut total = vec![self.scalar_constant(identity(fold.kind, fold.dtype), fold.dtype)];
        if fold.is_arg() {
            total.push(self.integer(0));
        }
        total
    }

    /// Takes a block, which begins at an index, into a total.
    pub(super) fn take_block(
        &mut self,
        fold: Fold,
        total: &[Value],
        (value, index): (Value, Option<Value>),
        begin: Value,
    ) -> Vec<Value> {
        let Some(index) = index else {
            return vec![self.scalar_binary(fold.operation(), fold.dtype, total[0], value)];
        };
        let index = self.scalar_convert(fold.index_dtype(), DType::I64, index);
        let index = self.builder.ins().iadd(index, begin);
        let replaces = self.replaces(fold, value, total[0]);
        vec![self.builder.ins().select(replaces, value, total[0]), self.builder.ins().select(replaces, index, total[1])]
    }

    /// The result of a reduction.
    pub(super) fn finish_total(&mut self, fold: Fold, total: &[Value]) -> Value {
        if !fold.is_arg() {
            return total[0];
        }
        match fold.result {
            DType::I64 => total[1],
            _ => self.builder.ins().ireduce(types::I32, total[1]),
        }
    }
}

//! Elementwise ops, the movement of data, reductions, products.

use tancho_ir::ops::{BinaryOp, Comparison, DotOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::{Grower, symbol_size};

/// The unary ops whose results are the same in every implementation.
const EXACT_UNARY: [UnaryOp; 12] = [
    UnaryOp::Abs,
    UnaryOp::Ceil,
    UnaryOp::CountLeadingZeros,
    UnaryOp::Floor,
    UnaryOp::IsFinite,
    UnaryOp::Negate,
    UnaryOp::Not,
    UnaryOp::Popcnt,
    UnaryOp::RoundNearestAfz,
    UnaryOp::RoundNearestEven,
    UnaryOp::Sign,
    UnaryOp::Sqrt,
];

impl Grower {
    pub(super) fn unary(&mut self, x: Value) -> Option<Value> {
        let dtype = self.type_of(x).dtype;
        let ops = if self.options.elementary { &UnaryOp::ALL[..] } else { &EXACT_UNARY };
        let ops: Vec<UnaryOp> = ops.iter().copied().filter(|op| op.accepts(dtype)).collect();
        let op = *self.random.choose(&ops);
        self.add(ElementwiseOp::Unary(op), &[x])
    }

    pub(super) fn binary(&mut self, x: Value) -> Option<Value> {
        let dtype = self.type_of(x).dtype;
        let is_exact = |op: BinaryOp| !matches!(op, BinaryOp::Power | BinaryOp::Atan2) || !dtype.is_float();
        let elementary = self.options.elementary;
        let fits = |op: &BinaryOp| op.accepts(dtype) && (elementary || is_exact(*op));
        let ops: Vec<BinaryOp> = BinaryOp::ALL.into_iter().filter(fits).collect();
        let op = *self.random.choose(&ops);
        let y = self.like(x);
        self.add(ElementwiseOp::Binary(op), &[x, y])
    }

    /// Another value of the same type: one that is there, or a scalar repeated.
    pub(super) fn like(&mut self, x: Value) -> Value {
        let of = self.type_of(x);
        if self.random.below(3) > 0 {
            return self.any_value_of(|other| *other == of).unwrap_or(x);
        }
        let scalar = self.scalar(of.dtype);
        if of.rank() == 0 {
            return scalar;
        }
        self.add(ShapeOp::BroadcastInDim { dims: of.dims, axes: Vec::new() }, &[scalar]).unwrap_or(x)
    }

    pub(super) fn reduce_precision(&mut self, x: Value) -> Option<Value> {
        let (exponent_bits, mantissa_bits) = (1 + self.random.below(11) as u32, self.random.below(24) as u32);
        self.add(ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits }, &[x])
    }

    /// The same bits as another dtype, but none of a NaN.
    pub(super) fn bitcast(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let mut bits = x;
        if of.dtype.is_float() {
            let is_number = self.add(ElementwiseOp::Compare(Comparison::Eq), &[x, x])?;
            let mut zero = self.whole(of.dtype, 0);
            if of.rank() > 0 {
                zero = self.add(ShapeOp::BroadcastInDim { dims: of.dims, axes: Vec::new() }, &[zero])?;
            }
            bits = self.add(ElementwiseOp::Select, &[is_number, x, zero])?;
        }
        let dtype = *self.random.choose(&DType::ALL);
        self.add(ShapeOp::BitcastConvert { dtype }, &[bits])
    }

    pub(super) fn compare_and_select(&mut self, x: Value) -> Option<Value> {
        let y = self.like(x);
        let comparison = *self.random.choose(&Comparison::ALL);
        let mask = self.add(ElementwiseOp::Compare(comparison), &[x, y])?;
        match self.random.below(3) {
            0 => Some(mask),
            1 => self.add(ElementwiseOp::Select, &[mask, x, y]),
            _ => {
                let z = self.like(x);
                self.add(ElementwiseOp::Clamp, &[y, x, z])
            }
        }
    }

    pub(super) fn broadcast(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let mut dims = of.dims.clone();
        let mut axes: Vec<usize> = (0..of.rank()).collect();
        let place = self.random.below(of.rank() + 1);
        dims.insert(place, self.any_size());
        axes.iter_mut().filter(|axis| **axis >= place).for_each(|axis| *axis += 1);
        for &axis in &axes {
            if dims[axis] == Dim::ONE && self.random.below(2) == 0 {
                dims[axis] = self.any_size();
            }
        }
        self.add(ShapeOp::BroadcastInDim { dims, axes }, &[x])
    }

    pub(super) fn reshape(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let mut dims = of.dims.clone();
        let place = self.random.below(of.rank() + 1);
        if of.rank() >= 2 && self.random.below(2) == 0 {
            let place = self.random.below(of.rank() - 1);
            let next = dims.remove(place + 1);
            dims[place] = dims[place].clone() * next;
        } else if place < of.rank() && self.random.below(2) == 0 {
            let size = dims[place].evaluate(&symbol_size)?;
            let factor = [2, 3, 4, 5, 11].into_iter().find(|factor| size % factor == 0)?;
            dims[place] = dims[place].floor_div(&Dim::known(factor))?;
            dims.insert(place + self.random.below(2), Dim::known(factor));
        } else {
            dims.insert(place, Dim::ONE);
        }
        self.add(ShapeOp::Reshape { dims }, &[x])
    }

    pub(super) fn slice_or_reverse(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        if self.random.below(3) == 0 {
            let axes = self.subset(of.rank());
            return self.add(ShapeOp::Reverse { axes }, &[x]);
        }
        let (mut start, mut limit, mut strides) = (Dims::new(), Dims::new(), Vec::new());
        for (&size, dim) in self.shape_of(x).iter().zip(&of.dims) {
            let from = self.random.below(size / 2 + 1);
            let to = from + self.random.below(size - from + 1);
            start.push(from.into());
            // A number, or some elements before the end.
            limit.push(if self.one_in(2) { to.into() } else { dim.clone() - Dim::from(size - to) });
            strides.push(1 + self.random.below(3) as i64);
        }
        self.add(ShapeOp::Slice { start, limit, strides }, &[x])
    }

    pub(super) fn concatenate_or_pad(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        if of.rank() > 0 && self.random.below(2) == 0 {
            let y = self.like(x);
            let axis = self.random.below(of.rank());
            return self.add(ShapeOp::Concatenate { axis }, &[x, y]);
        }
        let value = self.scalar_of(of.dtype);
        let mut amounts = |below: usize, least: i64| -> Vec<i64> {
            (0..of.rank()).map(|_| self.random.below(below) as i64 + least).collect()
        };
        let (low, high, interior) = (amounts(5, -2), amounts(5, -2), amounts(3, 0));
        let dims = |amounts: Vec<i64>| amounts.into_iter().map(Dim::known).collect();
        self.add(ShapeOp::Pad { low: dims(low), high: dims(high), interior }, &[x, value])
    }

    pub(super) fn reduce(&mut self, x: Value) -> Option<Value> {
        let rank = self.type_of(x).rank();
        let kinds = [
            ReduceKind::Sum,
            ReduceKind::Product,
            ReduceKind::Max,
            ReduceKind::Min,
            ReduceKind::And,
            ReduceKind::Or,
            ReduceKind::ArgMax(DType::I64),
            ReduceKind::ArgMin(DType::I32),
        ];
        let kind = *self.random.choose(&kinds);
        let axes = match kind {
            ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) if rank > 0 => vec![self.random.below(rank)],
            _ => self.subset(rank),
        };
        self.add(ReduceOp { kind, axes }, &[x])
    }

    pub(super) fn dot(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let contracted = of.rank().checked_sub(1)?;
        let partners: Vec<(Value, usize)> = self
            .values
            .iter()
            .flat_map(|&value| (0..self.graph.type_of(value).rank()).map(move |axis| (value, axis)))
            .filter(|&(value, axis)| {
                let partner = self.graph.type_of(value);
                partner.dtype == of.dtype && partner.dims[axis] == of.dims[contracted]
            })
            .collect();
        let (y, axis) = *self.random.choose(&partners);
        let mut dot = DotOp { lhs_contract: vec![contracted], rhs_contract: vec![axis], ..DotOp::default() };
        // One more pair of axes that agree is a batch, or is contracted too.
        let partner = self.type_of(y);
        let mut pairs = (0..contracted).flat_map(|left| (0..partner.rank()).map(move |right| (left, right)));
        let second = pairs.find(|&(left, right)| right != axis && of.dims[left] == partner.dims[right]);
        match (second, self.random.below(3)) {
            (Some((left, right)), 0) => (dot.lhs_batch, dot.rhs_batch) = (vec![left], vec![right]),
            (Some((left, right)), 1) => {
                dot.lhs_contract.push(left);
                dot.rhs_contract.push(right);
            }
            (Some(_), _) | (None, _) => {}
        }
        let product = self.add(dot, &[x, y])?;
        if self.random.below(2) == 0 {
            return self.binary(product);
        }
        Some(product)
    }

    /// A reduction over the last axes and its broadcast back: `x ∘ broadcast(reduce(x))`.
    pub(super) fn normalize_rows(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let first = self.random.below(of.rank().max(1));
        let kind = *self.random.choose(&[ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min]);
        let axes: Vec<usize> = (first..of.rank()).collect();
        let reduced = self.add(ReduceOp { kind, axes }, &[x])?;
        let reduced = if self.random.below(2) == 0 { self.unary(reduced).unwrap_or(reduced) } else { reduced };
        let kept = ShapeOp::BroadcastInDim { dims: of.dims, axes: (0..first).collect() };
        let back = self.add(kept, &[reduced])?;
        let op = *self.random.choose(&[BinaryOp::Subtract, BinaryOp::Multiply]);
        self.add(ElementwiseOp::Binary(op), &[x, back])
    }
}

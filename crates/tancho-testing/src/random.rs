//! Random graphs: programs that nobody would write, for tests of whole compilers.
//!
//! A graph grows op by op from a few parameters of odd shapes. Each op takes values that are there, and is added if it takes
//! them; so every graph is valid. Patterns that fuse in interesting ways (a reduction and its broadcast back, a product with
//! a bias) are put in as a whole now and then.

use tancho_ir::ops::{BinaryOp, Comparison, DotOp, ElementwiseOp, ReduceKind, ReduceOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Graph, Op, Span, TensorType, Value};
use tancho_tensor::{Array, DType};

use crate::values::{Flavour, Generator, array};

/// What random graphs consist of.
#[derive(Clone, Copy, Debug)]
pub struct RandomOptions {
    /// The number of steps by which a graph grows.
    pub steps: usize,
    /// Whether there are ops that are not computed exactly: elementary functions.
    pub elementary: bool,
    /// The most elements of a value.
    pub max_elements: usize,
}

impl Default for RandomOptions {
    fn default() -> Self {
        RandomOptions { steps: 12, elementary: false, max_elements: 6000 }
    }
}

/// The unary ops whose results are the same in every implementation.
const EXACT_UNARY: [UnaryOp; 14] = [
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
    UnaryOp::Abs,
    UnaryOp::Negate,
];

const SIZES: [i64; 12] = [0, 1, 1, 2, 3, 3, 5, 7, 16, 17, 33, 100];

/// A graph that a seed determines.
pub fn random_graph(seed: u64, options: RandomOptions) -> Graph {
    let mut grower = Grower { graph: Graph::new("random"), values: Vec::new(), random: Generator::new(seed), options };
    for _ in 0..1 + grower.random.below(3) {
        grower.add_parameter();
    }
    for _ in 0..options.steps {
        grower.grow();
    }
    let mut results = vec![*grower.values.last().expect("a parameter at least")];
    for _ in 0..grower.random.below(3) {
        let value = grower.any_value();
        results.push(value);
    }
    grower.graph.set_results(results);
    grower.graph
}

struct Grower {
    graph: Graph,
    values: Vec<Value>,
    random: Generator,
    options: RandomOptions,
}

impl Grower {
    fn add_parameter(&mut self) {
        let dtype = match self.random.below(3) {
            0 => *self.random.choose(&DType::ALL),
            _ => DType::F32,
        };
        let rank = self.random.below(4);
        let dims: Dims = (0..rank).map(|_| Dim::known(*self.random.choose(&SIZES))).collect();
        let of = TensorType { dtype, dims };
        if self.fits(&of) {
            let value = self.graph.add_parameter(None, of, Span::NONE);
            self.values.push(value);
        } else {
            let value = self.graph.add_parameter(None, TensorType::scalar(dtype), Span::NONE);
            self.values.push(value);
        }
    }

    fn fits(&self, of: &TensorType) -> bool {
        let elements = of.known_shape().and_then(|shape| shape.elements());
        elements.is_some_and(|elements| elements <= self.options.max_elements)
    }

    /// Mostly one of the newer values, so that graphs become deep.
    fn any_value(&mut self) -> Value {
        let count = self.values.len();
        let newest = if self.random.below(3) > 0 { count.min(3) } else { count };
        self.values[count - 1 - self.random.below(newest)]
    }

    fn type_of(&self, value: Value) -> TensorType {
        self.graph.type_of(value).clone()
    }

    /// Adds an op if it takes its operands and its result is not too large.
    fn add(&mut self, op: impl Into<Op>, operands: &[Value]) -> Option<Value> {
        let op = op.into();
        let types: Vec<TensorType> = operands.iter().map(|&value| self.type_of(value)).collect();
        let results = tancho_ir::infer(&op, &types, &mut Vec::new()).ok()?;
        if !results.iter().all(|of| self.fits(of)) {
            return None;
        }
        let value = self.graph.add_value(op, operands, Span::NONE).ok()?;
        self.values.push(value);
        Some(value)
    }

    fn grow(&mut self) -> Option<Value> {
        let x = self.any_value();
        match self.random.below(16) {
            0 | 1 => self.unary(x),
            2..=4 => self.binary(x),
            5 => self.compare_and_select(x),
            6 => {
                let dtype = *self.random.choose(&DType::ALL);
                self.add(ElementwiseOp::Convert(dtype), &[x])
            }
            7 => self.broadcast(x),
            8 => self.reshape(x),
            9 => {
                let permutation = self.permutation(self.type_of(x).rank());
                self.add(ShapeOp::Transpose { permutation }, &[x])
            }
            10 => self.slice_or_reverse(x),
            11 => self.concatenate_or_pad(x),
            12 => self.reduce(x),
            13 => self.dot(x),
            14 => self.normalize_rows(x),
            _ => self.make(),
        }
    }

    fn unary(&mut self, x: Value) -> Option<Value> {
        let op = match self.options.elementary {
            true => *self.random.choose(&UnaryOp::ALL),
            false => *self.random.choose(&EXACT_UNARY),
        };
        self.add(ElementwiseOp::Unary(op), &[x])
    }

    fn binary(&mut self, x: Value) -> Option<Value> {
        let op = *self.random.choose(&BinaryOp::ALL);
        let of = self.type_of(x);
        if !self.options.elementary && matches!(op, BinaryOp::Power | BinaryOp::Atan2) && of.dtype.is_float() {
            return None;
        }
        let y = self.like(x);
        self.add(ElementwiseOp::Binary(op), &[x, y])
    }

    /// Another value of the same type: one that is there, or a broadcast constant.
    fn like(&mut self, x: Value) -> Value {
        let of = self.type_of(x);
        let same: Vec<Value> = self.values.iter().copied().filter(|&value| *self.graph.type_of(value) == of).collect();
        if self.random.below(3) > 0 {
            return *self.random.choose(&same);
        }
        let seed = self.random.next_u64();
        let scalar = self.graph.add_constant(array(of.dtype, &[].into(), Flavour::Tame, seed), Span::NONE);
        let broadcast = ShapeOp::BroadcastInDim { dims: of.dims, axes: Vec::new() };
        self.add(broadcast, &[scalar]).unwrap_or(x)
    }

    fn compare_and_select(&mut self, x: Value) -> Option<Value> {
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

    fn broadcast(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let mut dims = of.dims.clone();
        let mut axes: Vec<usize> = (0..of.rank()).collect();
        let place = self.random.below(of.rank() + 1);
        dims.insert(place, Dim::known(*self.random.choose(&SIZES)));
        axes.iter_mut().filter(|axis| **axis >= place).for_each(|axis| *axis += 1);
        for &axis in &axes {
            if dims[axis] == Dim::ONE && self.random.below(2) == 0 {
                dims[axis] = Dim::known(*self.random.choose(&SIZES));
            }
        }
        self.add(ShapeOp::BroadcastInDim { dims, axes }, &[x])
    }

    fn reshape(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let mut dims = of.dims.clone();
        let place = self.random.below(of.rank() + 1);
        if of.rank() >= 2 && self.random.below(2) == 0 {
            let place = self.random.below(of.rank() - 1);
            let next = dims.remove(place + 1);
            dims[place] = dims[place].clone() * next;
        } else if place < of.rank() && self.random.below(2) == 0 {
            let size = dims[place].as_known()?;
            let factor = [2, 3, 4, 5, 11].into_iter().find(|factor| size % factor == 0)?;
            dims[place] = Dim::known(size / factor);
            dims.insert(place + self.random.below(2), Dim::known(factor));
        } else {
            dims.insert(place, Dim::ONE);
        }
        self.add(ShapeOp::Reshape { dims }, &[x])
    }

    fn permutation(&mut self, rank: usize) -> Vec<usize> {
        let mut permutation: Vec<usize> = (0..rank).collect();
        for place in (1..rank).rev() {
            let other = self.random.below(place + 1);
            permutation.swap(place, other);
        }
        permutation
    }

    fn slice_or_reverse(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        if self.random.below(3) == 0 {
            let axes = (0..of.rank()).filter(|_| self.random.below(2) == 0).collect();
            return self.add(ShapeOp::Reverse { axes }, &[x]);
        }
        let (mut start, mut limit, mut strides) = (Dims::new(), Dims::new(), Vec::new());
        for size in of.known_shape()?.iter() {
            let from = self.random.below(size / 2 + 1);
            let to = from + self.random.below(size - from + 1);
            start.push(from.into());
            limit.push(to.into());
            strides.push(1 + self.random.below(3) as i64);
        }
        self.add(ShapeOp::Slice { start, limit, strides }, &[x])
    }

    fn concatenate_or_pad(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        if of.rank() > 0 && self.random.below(2) == 0 {
            let y = self.like(x);
            let axis = self.random.below(of.rank());
            return self.add(ShapeOp::Concatenate { axis }, &[x, y]);
        }
        let seed = self.random.next_u64();
        let value = self.graph.add_constant(array(of.dtype, &[].into(), Flavour::Tame, seed), Span::NONE);
        let mut amounts = |below: usize, least: i64| -> Vec<i64> {
            (0..of.rank()).map(|_| self.random.below(below) as i64 + least).collect()
        };
        let (low, high, interior) = (amounts(5, -2), amounts(5, -2), amounts(3, 0));
        let dims = |amounts: Vec<i64>| amounts.into_iter().map(Dim::known).collect();
        self.add(ShapeOp::Pad { low: dims(low), high: dims(high), interior }, &[x, value])
    }

    fn reduce(&mut self, x: Value) -> Option<Value> {
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
            _ => (0..rank).filter(|_| self.random.below(2) == 0).collect(),
        };
        self.add(ReduceOp { kind, axes }, &[x])
    }

    fn dot(&mut self, x: Value) -> Option<Value> {
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
        let dot = DotOp { lhs_contract: vec![contracted], rhs_contract: vec![axis], ..DotOp::default() };
        let product = self.add(dot, &[x, y])?;
        if self.random.below(2) == 0 {
            return self.binary(product);
        }
        Some(product)
    }

    /// A reduction over the last axes and its broadcast back: `x ∘ broadcast(reduce(x))`.
    fn normalize_rows(&mut self, x: Value) -> Option<Value> {
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

    /// A value from nothing.
    fn make(&mut self) -> Option<Value> {
        let rank = 1 + self.random.below(2);
        let dims: Dims = (0..rank).map(|_| Dim::known(*self.random.choose(&SIZES))).collect();
        let dtype = *self.random.choose(&DType::ALL);
        if self.random.below(2) == 0 {
            let axis = self.random.below(rank);
            return self.add(ShapeOp::Iota { dtype, dims, axis }, &[]);
        }
        let of = TensorType { dtype, dims };
        let shape = of.known_shape().filter(|_| self.fits(&of))?;
        let seed = self.random.next_u64();
        let constant: Array = array(dtype, &shape, Flavour::Tame, seed);
        let value = self.graph.add_constant(constant, Span::NONE);
        self.values.push(value);
        Some(value)
    }
}

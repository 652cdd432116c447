//! Graphs over scalars: the bodies of folds and scatters, and comparators.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, ControlOp, ElementwiseOp};
use tancho_ir::{Graph, TensorType, Value};
use tancho_tensor::DType;

use super::{Grower, INTEGERS};

impl Grower {
    /// A body that folds elements of some dtypes into accumulators of the same ones.
    pub(super) fn body(&mut self, dtypes: &[DType]) -> Arc<Graph> {
        let parameters = [dtypes, dtypes].concat();
        // Most bodies of programs are one op.
        if let &[dtype] = dtypes
            && self.one_in(2)
        {
            let common = [BinaryOp::Add, BinaryOp::Maximum, BinaryOp::Minimum, BinaryOp::Multiply];
            let op = *self.random.choose(&common);
            let mut held = self.new_scalars("body", &parameters);
            let (x, y) = (held.values[0], held.values[1]);
            let swapped = self.one_in(4);
            let operands = if swapped { [y, x] } else { [x, y] };
            held.add(ElementwiseOp::Binary(op), &operands).expect("all dtypes have these ops");
            return held.finish_with(&[dtype]);
        }
        self.grown("body", &parameters, dtypes)
    }

    /// Whether one element stays, where another is met.
    pub(super) fn selection(&mut self, dtype: DType) -> Arc<Graph> {
        if self.one_in(3) {
            return self.grown("select", &[dtype, dtype], &[DType::Bool]);
        }
        let mut held = self.new_scalars("select", &[dtype, dtype]);
        let direction = *self.random.choose(&[Comparison::Ge, Comparison::Le, Comparison::Gt]);
        let (x, y) = (held.values[0], held.values[1]);
        held.add(ElementwiseOp::Compare(direction), &[x, y]).expect("all dtypes compare");
        held.finish_with(&[DType::Bool])
    }

    /// A strict weak order of elements of some dtypes: of the first ones, or of an integer that is computed from all.
    pub(super) fn comparator(&mut self, dtypes: &[DType]) -> Arc<Graph> {
        let pairs: Vec<DType> = dtypes.iter().flat_map(|&dtype| [dtype, dtype]).collect();
        let direction = *self.random.choose(&[Comparison::Lt, Comparison::Gt]);
        let by_key = self.one_in(3);
        let key_dtype = *self.random.choose(&INTEGERS);
        let key = by_key.then(|| self.grown("key", dtypes, &[key_dtype]));
        let mut held = self.new_scalars("comparator", &pairs);
        let parameters = held.values.clone();
        let compare = |held: &mut Grower, direction, x, y| {
            held.add(ElementwiseOp::Compare(direction), &[x, y]).expect("all dtypes compare")
        };
        if let Some(key) = key {
            let mut key_of = |first: usize| {
                let elements: Vec<Value> = parameters.iter().copied().skip(first).step_by(2).collect();
                held.add(ControlOp::call(key.clone()), &elements).expect("the key takes these dtypes")
            };
            let (x, y) = (key_of(0), key_of(1));
            compare(&mut held, direction, x, y);
            return held.finish_with(&[DType::Bool]);
        }
        let (x, y) = (parameters[0], parameters[1]);
        let before = compare(&mut held, direction, x, y);
        if dtypes[0].is_float() {
            // A NaN comes behind every number.
            let is_number = compare(&mut held, Comparison::Eq, x, x);
            let is_nan = compare(&mut held, Comparison::Ne, y, y);
            let last = held.add(ElementwiseOp::Binary(BinaryOp::And), &[is_number, is_nan]).expect("bools");
            held.add(ElementwiseOp::Binary(BinaryOp::Or), &[before, last]).expect("bools");
        }
        held.finish_with(&[DType::Bool])
    }

    /// A graph that has grown from scalars.
    fn grown(&mut self, name: &str, parameters: &[DType], results: &[DType]) -> Arc<Graph> {
        let mut held = self.new_scalars(name, parameters);
        for _ in 0..1 + self.random.below(4) {
            held.grow();
        }
        held.finish_with(results)
    }

    fn new_scalars(&mut self, name: &str, parameters: &[DType]) -> Grower {
        let types: Vec<TensorType> = parameters.iter().map(|&dtype| TensorType::scalar(dtype)).collect();
        let mut held = self.new_held(name, &types);
        held.max_rank = 0;
        held
    }

    /// Ends a graph over scalars: the results are the newest values, converted where need be.
    fn finish_with(mut self, results: &[DType]) -> Arc<Graph> {
        let newest = *self.values.last().expect("a value at least");
        let mut chosen = Vec::new();
        for (position, &dtype) in results.iter().enumerate() {
            let from = if position == 0 { newest } else { self.any_value() };
            let fitting = if position > 0 && self.one_in(2) { self.any_value_of(|of| of.dtype == dtype) } else { None };
            chosen.push(fitting.or_else(|| self.converted(from, dtype)).expect("every dtype converts to every other"));
        }
        self.graph.set_results(chosen);
        Arc::new(self.graph)
    }

    pub(super) fn grow_scalar(&mut self) -> Option<Value> {
        let x = self.any_value();
        match self.random.below(24) {
            0..=3 => self.unary(x),
            4..=11 => self.binary(x),
            12..=15 => self.compare_and_select(x),
            16 | 17 => {
                let dtype = *self.random.choose(&DType::ALL);
                self.converted(x, dtype)
            }
            18 => self.reduce_precision(x),
            19 | 20 => self.bitcast(x),
            21 => self.while_loop(),
            22 => self.case(),
            _ => self.call_or_barrier(),
        }
    }
}

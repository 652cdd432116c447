//! Calls, branches and loops over graphs that grow like the one that holds them.

use std::sync::Arc;

use tancho_ir::ops::{BinaryOp, Comparison, ControlOp, ElementwiseOp, ReduceKind, ReduceOp};
use tancho_ir::{Graph, TensorType, Value};
use tancho_tensor::DType;

use super::{Grower, INTEGERS};

/// The most turns of a loop.
const MAX_TURNS: usize = 4;

impl Grower {
    pub(super) fn call_or_barrier(&mut self) -> Option<Value> {
        let operands = self.some_values(3);
        if self.options.nesting == 0 || self.one_in(3) {
            let op = if self.one_in(3) { ControlOp::StopGradient } else { ControlOp::OptimizationBarrier };
            return self.add(op, &operands);
        }
        let callee = Arc::new(self.grown_from(&operands, "callee").finish());
        let result = self.add(ControlOp::call(callee.clone()), &operands)?;
        if self.one_in(3) {
            let others: Vec<Value> = operands.iter().map(|&operand| self.like(operand)).collect();
            return self.add(ControlOp::call(callee), &others);
        }
        Some(result)
    }

    pub(super) fn case(&mut self) -> Option<Value> {
        if self.options.nesting == 0 {
            return None;
        }
        let operands = self.some_values(3);
        let first = self.grown_from(&operands, "branch").finish();
        let types: Vec<TensorType> = first.result_types().cloned().collect();
        let (dtype, count) =
            *self.random.choose(&[(DType::Bool, 2), (DType::I32, 1), (DType::I32, 2), (DType::I32, 3)]);
        let mut branches = vec![Arc::new(first)];
        while branches.len() < count {
            let mut other = self.grown_from(&operands, "branch");
            let results: Option<Vec<Value>> = types.iter().map(|of| other.value_of(of)).collect();
            other.graph.set_results(results?);
            branches.push(Arc::new(other.graph));
        }
        let number = self.random.below(4) as i64 - 1;
        let index = if self.one_in(3) { self.whole(dtype, number) } else { self.scalar_of(dtype) };
        let operands = [&[index], &operands[..]].concat();
        self.add(ControlOp::Case { branches }, &operands)
    }

    /// A loop that counts its turns, and may end before.
    pub(super) fn while_loop(&mut self) -> Option<Value> {
        if self.options.nesting == 0 {
            return None;
        }
        let turns = self.random.below(MAX_TURNS + 1) as i64;
        let dtype = *self.random.choose(&INTEGERS);
        let mut state = self.some_values(3);
        state.pop();
        let place = self.random.below(state.len() + 1);
        let counter = self.counter(dtype, turns)?;
        state.insert(place, counter);
        let count = state.len();
        let invariants = self.some_values(3);
        let operands = if self.one_in(2) { state } else { [state, invariants].concat() };
        let types: Vec<TensorType> = operands.iter().map(|&operand| self.type_of(operand)).collect();

        let mut condition = self.new_held("condition", &types);
        let limit = condition.whole(dtype, turns);
        let counter = condition.values[place];
        let mut goes_on = condition.add(ElementwiseOp::Compare(Comparison::Lt), &[counter, limit])?;
        if self.one_in(3)
            && let Some(any) = condition.any_nonzero()
        {
            goes_on = condition.add(ElementwiseOp::Binary(BinaryOp::And), &[goes_on, any])?;
        }
        condition.graph.set_results(vec![goes_on]);

        let mut body = self.new_held("body", &types);
        // With the symbols of the body.
        let types: Vec<TensorType> = body.values.iter().map(|&value| body.type_of(value)).collect();
        let (counter, one) = (body.values[place], body.whole(dtype, 1));
        let next = body.add(ElementwiseOp::Binary(BinaryOp::Add), &[counter, one])?;
        for _ in 0..1 + self.random.below(4) {
            body.grow();
        }
        let results: Option<Vec<Value>> = (0..count)
            .map(|position| if position == place { Some(next) } else { body.next_state(&types[position]) })
            .collect();
        body.graph.set_results(results?);
        let (condition, body) = (Arc::new(condition.graph), Arc::new(body.graph));
        self.add(ControlOp::While { condition, body, bound: None }, &operands)
    }

    /// A scalar from 0 to the number of turns: 0, or something of the program.
    fn counter(&mut self, dtype: DType, turns: i64) -> Option<Value> {
        let zero = self.whole(dtype, 0);
        if self.one_in(2) {
            return Some(zero);
        }
        let (most, scalar) = (self.whole(dtype, turns), self.scalar_of(dtype));
        self.add(ElementwiseOp::Clamp, &[zero, scalar, most])
    }

    /// Whether any element of something that grows from the parameters is not zero.
    fn any_nonzero(&mut self) -> Option<Value> {
        if self.one_in(2) {
            self.grow();
        }
        let value = self.any_value();
        let nonzero = self.converted(value, DType::Bool)?;
        let axes: Vec<usize> = (0..self.type_of(nonzero).rank()).collect();
        if axes.is_empty() {
            return Some(nonzero);
        }
        self.add(ReduceOp { kind: ReduceKind::Or, axes }, &[nonzero])
    }

    /// The newest value of a type mostly, which may be that of another part of the state.
    fn next_state(&mut self, of: &TensorType) -> Option<Value> {
        if self.one_in(3) {
            return self.value_of(of);
        }
        self.values.iter().rev().copied().find(|&value| self.graph.type_of(value) == of)
    }

    /// One value at least, and up to a number.
    fn some_values(&mut self, most: usize) -> Vec<Value> {
        (0..1 + self.random.below(most)).map(|_| self.any_value()).collect()
    }

    /// A graph over the types of some values that has grown a little.
    fn grown_from(&mut self, operands: &[Value], name: &str) -> Grower {
        let types: Vec<TensorType> = operands.iter().map(|&operand| self.type_of(operand)).collect();
        let mut held = self.new_held(name, &types);
        for _ in 0..1 + self.random.below(4) {
            held.grow();
        }
        held
    }

    /// The graph, whose results are the newest value and some others.
    pub(super) fn finish(mut self) -> Graph {
        let mut results = vec![*self.values.last().expect("a value at least")];
        for _ in 0..self.random.below(3) {
            let value = self.any_value();
            results.push(value);
        }
        self.graph.set_results(results);
        self.graph
    }
}

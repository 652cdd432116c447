//! What folds have in common: their operands and accumulators, and loops that keep running positions.

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, Graph, NodeId, Value};
use tancho_tensor::DType;

use crate::fuse::Lowering;
use crate::lower::element_bits;
use crate::procedure::region::{assign_all, decode, encode, inline};
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::BufferId;

/// The most results that are folded at once: their accumulators stay in the first cache.
pub(super) const LONGEST_RUN: i64 = 2048;

/// A tensor in memory.
#[derive(Clone, Copy)]
pub(super) struct Tensor {
    pub place: Place,
    pub dtype: DType,
}

impl Tensor {
    /// The value of an element; a 16-bit float as `f32`.
    pub fn load(self, builder: &mut ProcedureBuilder, position: Variable) -> Variable {
        let bits = builder.load(self.place, position);
        decode(builder, bits, self.dtype)
    }

    pub fn store(self, builder: &mut ProcedureBuilder, position: Variable, value: Variable) {
        let bits = encode(builder, value, self.dtype);
        builder.store(self.place, position, bits);
    }
}

/// Operands that are folded together by one graph.
pub(super) struct Fold<'g> {
    body: &'g Graph,
    pub inputs: Vec<Tensor>,
    pub initial: Vec<Variable>,
    pub results: Vec<Tensor>,
}

impl<'g> Fold<'g> {
    /// The operands of a node: tensors, then their initial scalars.
    pub fn new(
        lowering: &mut Lowering<'_>,
        builder: &mut ProcedureBuilder,
        id: NodeId,
        body: &'g Graph,
        results: &[BufferId],
    ) -> Self {
        let operands = lowering.graph.node(id).operands();
        let (inputs, initial) = operands.split_at(operands.len() / 2);
        let inputs: Vec<Tensor> = inputs.iter().map(|&input| read(lowering, builder, input)).collect();
        let results: Vec<Tensor> =
            results.iter().zip(&inputs).map(|(&result, input)| write(builder, result, input.dtype)).collect();
        let initial = initial.iter().map(|&scalar| read_scalar(lowering, builder, scalar)).collect();
        Fold { body, inputs, initial, results }
    }

    /// About how many instructions a step takes.
    pub fn work(&self) -> Dim {
        work(self.body, self.inputs.len())
    }

    pub fn load_inputs(&self, builder: &mut ProcedureBuilder, position: Variable) -> Vec<Variable> {
        self.inputs.iter().map(|input| input.load(builder, position)).collect()
    }

    pub fn load_results(&self, builder: &mut ProcedureBuilder, position: Variable) -> Vec<Variable> {
        self.results.iter().map(|result| result.load(builder, position)).collect()
    }

    pub fn store_results(&self, builder: &mut ProcedureBuilder, position: Variable, values: &[Variable]) {
        for (result, &value) in self.results.iter().zip(values) {
            result.store(builder, position, value);
        }
    }

    /// The accumulators after another element.
    pub fn step(
        &self,
        builder: &mut ProcedureBuilder,
        accumulators: &[Variable],
        elements: &[Variable],
    ) -> Vec<Variable> {
        call(builder, self.body, &[accumulators, elements].concat())
    }

    /// Folds another element into accumulators that are assigned.
    pub fn step_in_place(&self, builder: &mut ProcedureBuilder, accumulators: &[Variable], elements: &[Variable]) {
        let next = self.step(builder, accumulators, elements);
        assign_all(builder, accumulators, &next);
    }

    /// Variables for accumulators, with the initial values.
    pub fn accumulators(&self, builder: &mut ProcedureBuilder) -> Vec<Variable> {
        self.initial.iter().map(|&initial| builder.variable(initial)).collect()
    }

    /// Folds an element into each of `count` neighbouring results, from `first` on; `elements` gives it, by the distance
    /// from the first.
    pub fn step_results(
        &self,
        builder: &mut ProcedureBuilder,
        first: Variable,
        count: Variable,
        elements: impl FnOnce(&mut ProcedureBuilder, &Self, Variable) -> Vec<Variable>,
    ) {
        builder.repeat(count, |builder, distance| {
            let elements = elements(builder, self, distance);
            let at = builder.add(first, distance);
            let accumulators = self.load_results(builder, at);
            let next = self.step(builder, &accumulators, &elements);
            self.store_results(builder, at, &next);
        });
    }

    /// Gives each of `count` neighbouring results, from `first` on, its initial value.
    pub fn fill_results(&self, builder: &mut ProcedureBuilder, first: Variable, count: Variable) {
        let end = builder.add(first, count);
        builder.for_each(first, end, |builder, at| self.store_results(builder, at, &self.initial));
    }
}

/// The results of a graph over scalars that is code.
pub(super) fn call(builder: &mut ProcedureBuilder, graph: &Graph, arguments: &[Variable]) -> Vec<Variable> {
    inline(builder, graph, arguments).expect("graphs that are no code over scalars were refused before")
}

/// About how many instructions a graph over scalars and the loads around it take.
pub(super) fn work(body: &Graph, loads: usize) -> Dim {
    Dim::from(body.node_count() + 3 * loads)
}

pub(super) fn read(lowering: &mut Lowering<'_>, builder: &mut ProcedureBuilder, value: Value) -> Tensor {
    let dtype = lowering.graph.type_of(value).dtype;
    Tensor { place: builder.reads(lowering.request(value), dtype), dtype }
}

pub(super) fn write(builder: &mut ProcedureBuilder, buffer: BufferId, dtype: DType) -> Tensor {
    Tensor { place: builder.writes(buffer, dtype), dtype }
}

/// The value of a scalar operand; a constant becomes part of the code.
pub(super) fn read_scalar(lowering: &mut Lowering<'_>, builder: &mut ProcedureBuilder, value: Value) -> Variable {
    let dtype = lowering.graph.type_of(value).dtype;
    if let Some(bits) = lowering.graph.constant(value).and_then(element_bits) {
        let stored = if dtype.is_half() { DType::U16 } else { dtype };
        let bits = builder.constant(bits, stored);
        return decode(builder, bits, dtype);
    }
    let origin = builder.integer(0);
    read(lowering, builder, value).load(builder, origin)
}

/// Neighbours along an inner axis that are walked at once, so that memory is read in the order in which it lies.
///
/// Rows are *blocks* of neighbours: the tiles that threads take are never narrower than that.
pub(in crate::lower) struct Runs {
    inner: Dim,
    blocks: Dim,
    longest: i64,
}

/// The neighbours of a block.
const BLOCK: i64 = 256;

impl Runs {
    /// Along an axis of a size; a run has at most `longest` neighbours, or about as many.
    pub fn new(inner: &Dim, longest: i64) -> Self {
        let blocks = inner.ceil_div(&Dim::known(BLOCK)).expect("a positive divisor");
        Runs { inner: inner.clone(), blocks, longest: (longest / BLOCK).max(1) }
    }

    /// The number of rows.
    pub fn rows(&self, outer: Dim) -> Dim {
        outer * self.blocks.clone()
    }

    /// About the instructions of a row, where one neighbour has `work`.
    pub fn work(&self, work: Dim) -> Dim {
        work * self.inner.minimum(&Dim::known(BLOCK))
    }

    /// Runs code for each run of the call's rows: it gets the outer index, the run's first inner index, and its length.
    pub fn for_each(
        &self,
        builder: &mut ProcedureBuilder,
        code: impl FnOnce(&mut ProcedureBuilder, Variable, Variable, Variable),
    ) {
        let inner = builder.size(&self.inner);
        if self.blocks == Dim::ONE {
            return builder.for_each_row(|builder, row| {
                let zero = builder.integer(0);
                code(builder, row, zero, inner);
            });
        }
        let blocks = builder.size(&self.blocks);
        let at = builder.variable(Variable::ROW_BEGIN);
        builder.while_loop(
            |builder| builder.compare(Comparison::Lt, at, Variable::ROW_END),
            |builder| {
                let (outer, block) = builder.divide(at, blocks);
                let to_end = builder.subtract(blocks, block);
                let rows = builder.subtract(Variable::ROW_END, at);
                let longest = builder.integer(self.longest);
                let taken = builder.minimum(to_end, rows);
                let taken = builder.minimum(taken, longest);
                let width = builder.integer(BLOCK);
                let first = builder.multiply(block, width);
                let rest = builder.subtract(inner, first);
                let count = builder.multiply(taken, width);
                let count = builder.minimum(count, rest);
                code(builder, outer, first, count);
                let next = builder.add(at, taken);
                builder.assign(at, next);
            },
        );
    }
}

/// Runs code for each index of nested loops, in row-major order, with the position of the element: `start`, and for each
/// loop of some count a stride for each step.
pub(super) fn walk(
    builder: &mut ProcedureBuilder,
    loops: &[(Dim, Dim)],
    start: Variable,
    code: impl FnOnce(&mut ProcedureBuilder, Variable),
) {
    walk_nested(builder, loops, start, Box::new(code));
}

/// Code for the element at a position.
pub(super) type Code<'c> = Box<dyn FnOnce(&mut ProcedureBuilder, Variable) + 'c>;

fn walk_nested(builder: &mut ProcedureBuilder, loops: &[(Dim, Dim)], start: Variable, code: Code<'_>) {
    let Some(((count, stride), rest)) = loops.split_first() else { return code(builder, start) };
    let count = builder.size(count);
    let stride = builder.size(stride);
    repeat_along(builder, count, start, stride, |builder, position| walk_nested(builder, rest, position, code));
}

/// Runs code some times, at `start` and at each `stride` behind.
pub(super) fn repeat_along(
    builder: &mut ProcedureBuilder,
    count: Variable,
    start: Variable,
    stride: Variable,
    code: impl FnOnce(&mut ProcedureBuilder, Variable),
) {
    let position = builder.variable(start);
    builder.repeat(count, |builder, _| {
        code(builder, position);
        let next = builder.add(position, stride);
        builder.assign(position, next);
    });
}

/// The sum of indices times strides, and a start.
pub(super) fn offset(builder: &mut ProcedureBuilder, start: Variable, index: &[Variable], strides: &[Dim]) -> Variable {
    let mut position = start;
    for (&index, stride) in index.iter().zip(strides) {
        let stride = builder.size(stride);
        position = builder.multiply_add(index, stride, position);
    }
    position
}

/// The distance between neighbours along each axis of a dense array.
pub(super) fn strides(dims: &[Dim]) -> Vec<Dim> {
    (0..dims.len()).map(|axis| Dim::product(&dims[axis + 1..])).collect()
}

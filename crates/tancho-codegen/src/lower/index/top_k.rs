//! `top_k`: for each row, a heap of the `k` best elements so far, its root the worst of them.
//!
//! An element is held as a *key*, an integer in the order of the elements (NaN is the largest, +0 larger than −0), and its
//! index; of equal keys the smaller index is better. In the end the heap is emptied from its root into the places behind it,
//! so that the best come first. The keys lie in workspace, the indices in the result.

use tancho_ir::ops::Comparison;
use tancho_ir::{Dim, NodeId, TensorType};
use tancho_tensor::DType;

use crate::fuse::Lowering;
use crate::kernel::{Binary, Body, Scalar};
use crate::procedure::region::decode;
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

pub(super) fn lower(lowering: &mut Lowering<'_>, id: NodeId, k: &Dim, results: &[BufferId]) -> Launch {
    let graph = lowering.graph;
    let operand = graph.node(id).operands()[0];
    let of = graph.type_of(operand).clone();
    let (length, outer) = of.dims.split_last().expect("there is a last axis");
    let mut builder = ProcedureBuilder::new("top_k");
    let source = builder.reads(lowering.request(operand), of.dtype);
    let values = builder.writes(results[0], of.dtype);
    let indices = builder.writes(results[1], DType::I32);
    let keys = TensorType { dtype: key_dtype(of.dtype), dims: graph.node(id).types()[0].dims.clone() };
    let keys = builder.writes(lowering.add_workspace(keys.clone()), keys.dtype);
    let heap = Heap { keys, indices };
    builder.for_each_row(|builder, row| {
        let (zero, one) = (builder.integer(0), builder.integer(1));
        let (kept, length) = (builder.size(k), builder.size(length));
        let (first, root) = (builder.multiply(row, length), builder.multiply(row, kept));
        let key_at = |builder: &mut ProcedureBuilder, place: Variable| {
            let position = builder.add(first, place);
            let bits = builder.load(source, position);
            key_of(builder, bits, of.dtype)
        };
        builder.repeat(kept, |builder, place| {
            let key = key_at(builder, place);
            let index = builder.convert(place, DType::I32);
            let at = builder.add(root, place);
            builder.store(keys, at, key);
            builder.store(indices, at, index);
        });
        let two = builder.integer(2);
        let (inner, _) = builder.divide(kept, two);
        builder.repeat(inner, |builder, number| {
            let number = builder.add(number, one);
            let place = builder.subtract(inner, number);
            let at = builder.add(root, place);
            let held = heap.load(builder, at);
            heap.sink(builder, root, place, kept, held);
        });
        let is_any = builder.compare(Comparison::Gt, kept, zero);
        builder.if_then(is_any, |builder| {
            builder.for_each(kept, length, |builder, place| {
                let key = key_at(builder, place);
                let worst = builder.load(keys, root);
                // One that equals the worst comes later.
                let is_better = builder.compare(Comparison::Gt, key, worst);
                builder.if_then(is_better, |builder| {
                    let index = builder.convert(place, DType::I32);
                    heap.sink(builder, root, zero, kept, (key, index));
                });
            });
        });
        builder.for_each(one, kept, |builder, number| {
            let last = builder.subtract(kept, number);
            let at = builder.add(root, last);
            let (worst, held) = (heap.load(builder, root), heap.load(builder, at));
            heap.sink(builder, root, zero, last, held);
            heap.store(builder, at, worst);
        });
        builder.repeat(kept, |builder, place| {
            let at = builder.add(root, place);
            let index = builder.load(indices, at);
            let index = builder.convert(index, DType::I64);
            let position = builder.add(first, index);
            let element = builder.load(source, position);
            builder.store(values, at, element);
        });
    });
    let work = length.clone() * Dim::known(8) + k.clone() * Dim::known(64);
    Launch::Procedure(builder.finish(Dim::product(outer), work, Vec::new()))
}

fn key_dtype(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 | DType::F32 => DType::I32,
        DType::F64 => DType::I64,
        DType::Bool => DType::U8,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 | DType::U64 => dtype,
    }
}

/// The key of an element as it is in memory.
fn key_of(builder: &mut ProcedureBuilder, bits: Variable, dtype: DType) -> Variable {
    if !dtype.is_float() {
        return builder.convert(bits, key_dtype(dtype));
    }
    let value = decode(builder, bits, dtype);
    builder.compute(&[value], |body, operands| float_key(body, operands[0]))
}

/// The bits as a signed integer, but for negative numbers those without the sign flipped: the larger the magnitude, the
/// smaller they are.
fn float_key(body: &mut Body, value: Scalar) -> Scalar {
    let dtype = key_dtype(body.dtype(value));
    let largest = if dtype == DType::I32 { i64::from(i32::MAX) } else { i64::MAX };
    let bits = body.bitcast(value, dtype);
    let width = body.integer(dtype.bits() as i64 - 1, dtype);
    let sign = body.binary(Binary::ShiftRightArithmetic, bits, width);
    let largest = body.integer(largest, dtype);
    let flipped = body.binary(Binary::And, sign, largest);
    let key = body.binary(Binary::Xor, bits, flipped);
    let is_nan = body.compare(Comparison::Ne, value, value);
    body.select(is_nan, largest, key)
}

/// A heap of keys with their indices.
#[derive(Clone, Copy)]
struct Heap {
    keys: Place,
    indices: Place,
}

impl Heap {
    fn load(self, builder: &mut ProcedureBuilder, at: Variable) -> (Variable, Variable) {
        (builder.load(self.keys, at), builder.load(self.indices, at))
    }

    fn store(self, builder: &mut ProcedureBuilder, at: Variable, (key, index): (Variable, Variable)) {
        builder.store(self.keys, at, key);
        builder.store(self.indices, at, index);
    }

    fn is_worse(self, builder: &mut ProcedureBuilder, x: (Variable, Variable), y: (Variable, Variable)) -> Variable {
        let is_smaller = builder.compare(Comparison::Lt, x.0, y.0);
        let is_equal = builder.compare(Comparison::Eq, x.0, y.0);
        let is_later = builder.compare(Comparison::Gt, x.1, y.1);
        let is_worse = builder.and(is_equal, is_later);
        builder.binary(Binary::Or, is_smaller, is_worse)
    }

    /// Puts an element at a place or below, after those that are worse have moved up, in the heap of so many elements that
    /// begins at `root`.
    fn sink(
        self,
        builder: &mut ProcedureBuilder,
        root: Variable,
        place: Variable,
        count: Variable,
        held: (Variable, Variable),
    ) {
        let one = builder.integer(1);
        let place = builder.variable(place);
        let yes = builder.bool(true);
        let goes_on = builder.variable(yes);
        let child_of = |builder: &mut ProcedureBuilder| {
            let twice = builder.add(place, place);
            builder.add(twice, one)
        };
        builder.while_loop(
            |builder| {
                let child = child_of(builder);
                let has_child = builder.compare(Comparison::Lt, child, count);
                builder.and(goes_on, has_child)
            },
            |builder| {
                let child = child_of(builder);
                let second = builder.add(child, one);
                let last = builder.subtract(count, one);
                let second = builder.minimum(second, last);
                let (first_at, second_at) = (builder.add(root, child), builder.add(root, second));
                let (x, y) = (self.load(builder, first_at), self.load(builder, second_at));
                let takes_second = self.is_worse(builder, y, x);
                let key = builder.select(takes_second, y.0, x.0);
                let index = builder.select(takes_second, y.1, x.1);
                let chosen = builder.select(takes_second, second, child);
                let moves = self.is_worse(builder, (key, index), held);
                builder.if_else(
                    moves,
                    |builder| {
                        let at = builder.add(root, place);
                        self.store(builder, at, (key, index));
                        builder.assign(place, chosen);
                    },
                    |builder| {
                        let no = builder.bool(false);
                        builder.assign(goes_on, no);
                    },
                );
            },
        );
        let at = builder.add(root, place);
        self.store(builder, at, held);
    }
}

//! `rng_bit_generator`: two procedures, of which one makes the bits and one the new state.
//!
//! The state is a key and a counter. Rows are blocks of random words, each of which is the encrypted counter plus the block's
//! number; the new state has the counter behind the last block. Elements narrower than 32 bits are the low bits of a word.

mod cipher;

use tancho_ir::ops::{Comparison, RandomAlgorithm, RandomOp};
use tancho_ir::{Dim, NodeId};
use tancho_tensor::DType;

use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::kernel::Binary;
use crate::procedure::{Place, ProcedureBuilder, Variable};
use crate::program::{BufferId, Launch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &RandomOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    let graph = lowering.graph;
    let state = graph.node(id).operands()[0];
    let words = graph.type_of(state).dims[0].as_known().unwrap_or(2);
    let state = lowering.request(state);
    let elements = op.bits.elements();
    let is_wide = op.bits.dtype.size() == 8;
    let (bits, blocks) = match op.algorithm {
        RandomAlgorithm::Threefry if is_wide => (threefry_wide(state, results[1], op), elements),
        RandomAlgorithm::Threefry => {
            let blocks = threefry_blocks(&op.bits.dims);
            (threefry_pairs(state, results[1], op, &blocks), blocks)
        }
        RandomAlgorithm::Philox => {
            let per_block = if is_wide { 2 } else { 4 };
            let blocks = elements.ceil_div(&Dim::known(per_block)).expect("a positive divisor");
            (philox(state, words, results[1], op, &blocks), blocks)
        }
    };
    Ok(vec![new_state(state, words, results[0], &blocks), bits])
}

/// The state behind some blocks: a key, then a counter of one word or of two, the lower first.
fn new_state(state: BufferId, words: i64, result: BufferId, blocks: &Dim) -> Launch {
    let mut builder = ProcedureBuilder::new("rng_state");
    let from = builder.reads(state, DType::U64);
    let to = builder.writes(result, DType::U64);
    builder.for_each_row(|builder, _| {
        let place = [0, 1, 2].map(|place| builder.integer(place));
        let key = builder.load(from, place[0]);
        builder.store(to, place[0], key);
        let counter = builder.load(from, place[1]);
        let blocks = builder.size(blocks);
        let blocks = builder.convert(blocks, DType::U64);
        let next = builder.add(counter, blocks);
        builder.store(to, place[1], next);
        if words == 3 {
            let high = builder.load(from, place[2]);
            let high = add_carry(builder, high, counter, next);
            builder.store(to, place[2], high);
        }
    });
    Launch::Procedure(builder.finish(Dim::ONE, Dim::ONE, Vec::new()))
}

/// The higher word of a counter, where something was added to the lower one.
fn add_carry(builder: &mut ProcedureBuilder, high: Variable, before: Variable, after: Variable) -> Variable {
    let carry = builder.compare(Comparison::Lt, after, before);
    let carry = builder.convert(carry, DType::U64);
    builder.add(high, carry)
}

/// The state of a Threefry generator, loaded, and where the bits go.
struct Threefry {
    key: [Variable; 2],
    counter: Variable,
    to: Place,
    dtype: DType,
}

impl Threefry {
    fn new(builder: &mut ProcedureBuilder, state: BufferId, result: BufferId, op: &RandomOp) -> Self {
        let from = builder.reads(state, DType::U64);
        let to = builder.writes(result, op.bits.dtype);
        let (key, counter) = (builder.integer(0), builder.integer(1));
        let (key, counter) = (builder.load(from, key), builder.load(from, counter));
        Threefry { key: halves(builder, key), counter, to, dtype: op.bits.dtype }
    }

    /// The two words of a block.
    fn block(&self, builder: &mut ProcedureBuilder, number: Variable) -> [Variable; 2] {
        let number = builder.convert(number, DType::U64);
        let counter = builder.add(self.counter, number);
        let [x, y] = halves(builder, counter);
        let operands = [self.key[0], self.key[1], x, y];
        [0, 1].map(|word| {
            builder.compute(&operands, |body, operands| {
                cipher::threefry(body, [operands[0], operands[1]], [operands[2], operands[3]])[word]
            })
        })
    }
}

/// Elements of 64 bits: one for each block.
fn threefry_wide(state: BufferId, result: BufferId, op: &RandomOp) -> Launch {
    let mut builder = ProcedureBuilder::new("rng_threefry");
    let threefry = Threefry::new(&mut builder, state, result, op);
    builder.for_each_row(|builder, row| {
        let [low, high] = threefry.block(builder, row);
        let element = join(builder, low, high, threefry.dtype);
        builder.store(threefry.to, row, element);
    });
    Launch::Procedure(builder.finish(op.bits.elements(), Dim::known(cipher::THREEFRY_WORK), Vec::new()))
}

/// The number of blocks of elements of at most 32 bits.
///
/// Two elements that are neighbours along one axis share a block: the first axis of even size or, if there is none, the first
/// among the longest. So `n` elements have `n/2` blocks if `n` is even, and else `(n + n/longest)/2`.
fn threefry_blocks(dims: &[Dim]) -> Dim {
    let two = Dim::known(2);
    let elements = Dim::product(dims);
    let longest = dims.iter().fold(Dim::ONE, |longest, size| longest.maximum(size));
    // The divisors are positive.
    let lanes = elements.floor_div(&longest).unwrap_or(Dim::ZERO);
    let is_odd = elements.modulo(&two).unwrap_or(Dim::ZERO);
    (elements + is_odd * lanes).floor_div(&two).unwrap_or(Dim::ZERO)
}

/// The axis along which neighbours share a block: its size, and the distance of neighbours.
fn split_axis(builder: &mut ProcedureBuilder, dims: &[Dim]) -> (Variable, Variable) {
    let mut axes: Vec<(Variable, Variable)> = Vec::new();
    for axis in 0..dims.len() {
        axes.push((builder.size(&dims[axis]), builder.size(&Dim::product(&dims[axis + 1..]))));
    }
    let (zero, one, two) = (builder.integer(0), builder.integer(1), builder.integer(2));
    let Some(&(mut size, mut distance)) = axes.first() else { return (one, one) };
    let mut choose = |builder: &mut ProcedureBuilder, condition: Variable, axis: (Variable, Variable)| {
        size = builder.select(condition, axis.0, size);
        distance = builder.select(condition, axis.1, distance);
        size
    };
    let mut longest = axes[0].0;
    for &axis in &axes[1..] {
        let is_longer = builder.compare(Comparison::Gt, axis.0, longest);
        longest = choose(builder, is_longer, axis);
    }
    for &axis in axes.iter().rev() {
        let (_, rest) = builder.divide(axis.0, two);
        let is_even = builder.compare(Comparison::Eq, rest, zero);
        choose(builder, is_even, axis);
    }
    (size, distance)
}

/// The same for sizes that are known.
fn known_split_axis(dims: &[Dim]) -> Option<(i64, i64)> {
    let sizes: Vec<i64> = dims.iter().map(Dim::as_known).collect::<Option<_>>()?;
    let longest = (0..sizes.len()).rev().max_by_key(|&axis| sizes[axis]);
    let Some(axis) = (0..sizes.len()).find(|&axis| sizes[axis] % 2 == 0).or(longest) else { return Some((1, 1)) };
    Some((sizes[axis], Dim::product(&dims[axis + 1..]).as_known()?))
}

/// Elements of at most 32 bits: two for each block.
///
/// With the axis that is split of size `size` and the sizes of the later ones multiplied to `distance`, block
/// `(outer, half, inner)` has the elements `(outer, 2·half, inner)` and `(outer, 2·half + 1, inner)`. The places are kept
/// from block to block, since divisions would cost as much as the words.
fn threefry_pairs(state: BufferId, result: BufferId, op: &RandomOp, blocks: &Dim) -> Launch {
    let mut procedure = ProcedureBuilder::new("rng_threefry");
    let builder = &mut procedure;
    let threefry = Threefry::new(builder, state, result, op);
    let (size, distance) = match known_split_axis(&op.bits.dims) {
        Some((size, distance)) => (builder.integer(size), builder.integer(distance)),
        None => split_axis(builder, &op.bits.dims),
    };
    let (zero, one, two) = (builder.integer(0), builder.integer(1), builder.integer(2));
    let rounded = builder.add(size, one);
    let (halves, _) = builder.divide(rounded, two);
    let (rest, inner) = builder.divide(Variable::ROW_BEGIN, distance);
    let (outer, half) = builder.divide(rest, halves);
    let first = builder.add(half, half);
    let line = builder.multiply_add(outer, size, first);
    let position = builder.multiply_add(line, distance, inner);
    // The missing element behind the last one of an odd size.
    let twice = builder.add(halves, halves);
    let missing = builder.subtract(twice, size);
    let missing = builder.multiply(missing, distance);
    let (inner, half, position) = (builder.variable(inner), builder.variable(half), builder.variable(position));
    builder.for_each_row(|builder, row| {
        let words = threefry.block(builder, row);
        let [x, y] = words.map(|word| narrow(builder, word, threefry.dtype));
        builder.store(threefry.to, position, x);
        let second = builder.add(half, half);
        let second = builder.add(second, one);
        let is_there = builder.compare(Comparison::Lt, second, size);
        builder.if_then(is_there, |builder| {
            let at = builder.add(position, distance);
            builder.store(threefry.to, at, y);
        });
        let next = builder.add(position, one);
        let next_inner = builder.add(inner, one);
        let is_line_end = builder.compare(Comparison::Eq, next_inner, distance);
        let next_inner = builder.select(is_line_end, zero, next_inner);
        let skipped = builder.select(is_line_end, distance, zero);
        let next = builder.add(next, skipped);
        let step = builder.select(is_line_end, one, zero);
        let next_half = builder.add(half, step);
        let is_axis_end = builder.compare(Comparison::Eq, next_half, halves);
        let next_half = builder.select(is_axis_end, zero, next_half);
        let back = builder.select(is_axis_end, missing, zero);
        let next = builder.subtract(next, back);
        builder.assign(inner, next_inner);
        builder.assign(half, next_half);
        builder.assign(position, next);
    });
    Launch::Procedure(procedure.finish(blocks.clone(), Dim::known(cipher::THREEFRY_WORK), Vec::new()))
}

/// Four words for each block, in order. The counter has 128 bits; a state of two words holds its low half, and the high one
/// is the key.
fn philox(state: BufferId, words: i64, result: BufferId, op: &RandomOp, blocks: &Dim) -> Launch {
    let dtype = op.bits.dtype;
    let mut builder = ProcedureBuilder::new("rng_philox");
    let from = builder.reads(state, DType::U64);
    let to = builder.writes(result, dtype);
    let place = [0, 1, words - 1].map(|place| builder.integer(place));
    let key = builder.load(from, place[0]);
    let counter = builder.load(from, place[1]);
    let high = if words == 3 { builder.load(from, place[2]) } else { key };
    let key = halves(&mut builder, key);
    let elements = op.bits.elements();
    builder.for_each_row(|builder, row| {
        let number = builder.convert(row, DType::U64);
        let low = builder.add(counter, number);
        let high = add_carry(builder, high, counter, low);
        let ([x, y], [z, w]) = (halves(builder, low), halves(builder, high));
        let operands = [key[0], key[1], x, y, z, w];
        let words = [0, 1, 2, 3].map(|word| {
            builder.compute(&operands, |body, operands| {
                let key = [operands[0], operands[1]];
                cipher::philox(body, key, [operands[2], operands[3], operands[4], operands[5]])[word]
            })
        });
        let values: Vec<Variable> = match dtype.size() {
            8 => vec![join(builder, words[0], words[1], dtype), join(builder, words[2], words[3], dtype)],
            _ => words.map(|word| narrow(builder, word, dtype)).to_vec(),
        };
        let count = builder.integer(values.len() as i64);
        let first = builder.multiply(row, count);
        let places: Vec<Variable> = (0..values.len() as i64)
            .map(|place| {
                let place = builder.integer(place);
                builder.add(first, place)
            })
            .collect();
        let elements = builder.size(&elements);
        let end = builder.add(first, count);
        let is_whole = builder.compare(Comparison::Le, end, elements);
        let store = |builder: &mut ProcedureBuilder, place: usize| builder.store(to, places[place], values[place]);
        builder.if_else(
            is_whole,
            |builder| (0..values.len()).for_each(|place| store(builder, place)),
            |builder| {
                for (place, &position) in places.iter().enumerate() {
                    let is_there = builder.compare(Comparison::Lt, position, elements);
                    builder.if_then(is_there, |builder| store(builder, place));
                }
            },
        );
    });
    Launch::Procedure(builder.finish(blocks.clone(), Dim::known(cipher::PHILOX_WORK), Vec::new()))
}

/// The low and the high half of a `u64`.
fn halves(builder: &mut ProcedureBuilder, word: Variable) -> [Variable; 2] {
    let low = builder.convert(word, DType::U32);
    let bits = builder.constant(32, DType::U64);
    let high = builder.binary(Binary::ShiftRightLogical, word, bits);
    [low, builder.convert(high, DType::U32)]
}

/// An element of 64 bits of its halves.
fn join(builder: &mut ProcedureBuilder, low: Variable, high: Variable, dtype: DType) -> Variable {
    let (low, high) = (builder.convert(low, DType::U64), builder.convert(high, DType::U64));
    let bits = builder.constant(32, DType::U64);
    let high = builder.binary(Binary::ShiftLeft, high, bits);
    let word = builder.binary(Binary::Or, low, high);
    builder.compute(&[word], |body, operands| body.bitcast(operands[0], dtype))
}

/// What memory holds of an element of at most 32 bits that is the low bits of a word.
fn narrow(builder: &mut ProcedureBuilder, word: Variable, dtype: DType) -> Variable {
    match dtype.size() {
        4 => builder.compute(&[word], |body, operands| body.bitcast(operands[0], dtype)),
        _ => builder.convert(word, if dtype.is_half() { DType::U16 } else { dtype }),
    }
}

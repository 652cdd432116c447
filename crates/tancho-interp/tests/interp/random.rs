//! Random bits, as XLA makes them.

use tancho_ir::ops::{RandomAlgorithm, RandomOp};
use tancho_ir::{Graph, Op, Span, TensorType};
use tancho_tensor::{Array, DType, Element};

use super::{check_arrays, vector};
use tancho_interp::interpret;

const KEY: u64 = 0x0123_4567_89ab_cdef;
const COUNTER: u64 = 0xfedc_ba98_7654_3210;

fn bits(algorithm: RandomAlgorithm, state: &[u64], dtype: DType, sizes: &[usize]) -> Vec<Array> {
    let state = vector(state);
    let bits = TensorType::new(dtype, sizes.iter().copied());
    let mut graph = Graph::new("random");
    let parameter = graph.add_parameter(None, TensorType::of(&state), Span::NONE);
    let node = graph.add(Op::Random(RandomOp { algorithm, bits }), &[parameter], Span::NONE).unwrap();
    graph.set_results([0, 1].map(|result| tancho_ir::Value { node, result }).to_vec());
    interpret(&graph, &[state]).unwrap()
}

/// Bits for a state of [`KEY`] and a counter, and the counter of the next state.
#[track_caller]
fn check<T: Element>(algorithm: RandomAlgorithm, counter: u64, sizes: &[usize], next: u64, expected: &[T]) {
    let found = bits(algorithm, &[KEY, counter], T::DTYPE, sizes);
    check_arrays(&found, &[vector(&[KEY, next]), Array::new(sizes, expected).unwrap()]);
}

#[test]
fn threefry_shares_a_block_between_neighbours_along_one_axis() {
    let check = |sizes: &[usize], used: u64, expected: &[u32]| {
        check(RandomAlgorithm::Threefry, COUNTER, sizes, COUNTER + used, expected);
        // What is narrower has the low bits of the words.
        let narrow: Vec<u8> = expected.iter().map(|&word| word as u8).collect();
        self::check(RandomAlgorithm::Threefry, COUNTER, sizes, COUNTER + used, &narrow);
        let narrow: Vec<i16> = expected.iter().map(|&word| word as i16).collect();
        self::check(RandomAlgorithm::Threefry, COUNTER, sizes, COUNTER + used, &narrow);
        let floats: Vec<f32> = expected.iter().map(|&word| f32::from_bits(word)).collect();
        self::check(RandomAlgorithm::Threefry, COUNTER, sizes, COUNTER + used, &floats);
    };
    check(&[], 1, &[2933171071]);
    check(&[0], 0, &[]);
    check(&[3, 0], 0, &[]);
    check(&[5], 3, &[2933171071, 288411921, 3284946178, 2039365678, 2934253134]);
    // The axis of even size.
    let words = [
        2933171071, 288411921, 3284946178, 2039365678, 2934253134, 2961824378, 1236338088, 2936704409, 3907330576,
        3723051394, 4037253752, 3709374182,
    ];
    check(&[3, 4], 6, &words);
    // The first one of the longest axes.
    let words = [
        2933171071, 3284946178, 2934253134, 1236338088, 3907330576, 288411921, 2039365678, 2961824378, 2936704409,
        3723051394, 4037253752, 3802624568, 2900944550, 1456438002, 2932252526, 3709374182, 1077787540, 3285999743,
        2254160962, 3737148242, 1145661334, 2582000822, 3922751391, 1486211472, 2364268146,
    ];
    check(&[5, 5], 15, &words);
}

#[test]
fn threefry_has_a_block_for_each_wide_element() {
    let words: [u64; 5] =
        [1238719771404706687, 8759008894879812866, 12720938842939795022, 12613049395910346152, 15990383982464541200];
    check(RandomAlgorithm::Threefry, COUNTER, &[5], COUNTER + 5, &words);
    check(
        RandomAlgorithm::Threefry,
        COUNTER,
        &[1, 2],
        COUNTER + 2,
        &words[..2].iter().map(|&x| x as i64).collect::<Vec<_>>(),
    );
    check(RandomAlgorithm::Threefry, COUNTER, &[], COUNTER + 1, &[f64::from_bits(words[0])]);
    // The counter wraps around.
    let found = bits(RandomAlgorithm::Threefry, &[KEY, u64::MAX], DType::U64, &[3]);
    check_arrays(&found[..1], &[vector(&[KEY, 2])]);
}

#[test]
fn philox_has_four_words_to_a_block() {
    let words = [516242754, 3483603125, 4062402306, 3877632279, 3410436889];
    check::<u32>(RandomAlgorithm::Philox, COUNTER, &[5], COUNTER + 2, &words);
    check(RandomAlgorithm::Philox, COUNTER, &[5, 1], COUNTER + 2, &words.map(|word| word as u8));
    check(RandomAlgorithm::Philox, COUNTER, &[], COUNTER + 1, &[words[0] as u16]);
    check::<u32>(RandomAlgorithm::Philox, COUNTER, &[0], COUNTER, &[]);
    let words: [u64; 3] = [14961961494634642754, 16654303828281349890, 15457048240369115929];
    check(RandomAlgorithm::Philox, COUNTER, &[3], COUNTER + 2, &words);
}

#[test]
fn philox_carries_into_the_high_half_of_the_counter() {
    let of = |state: &[u64]| bits(RandomAlgorithm::Philox, state, DType::U32, &[5]);
    check_arrays(&of(&[KEY, u64::MAX])[..1], &[vector(&[KEY, 1])]);
    // The high half is the key where the state has two words.
    let (narrow, wide) = (of(&[KEY, u64::MAX]), of(&[KEY, u64::MAX, KEY]));
    check_arrays(&wide, &[vector(&[KEY, 1, KEY + 1]), narrow[1].clone()]);
    let expected: [u32; 5] = [1105943027, 812877280, 1535849353, 2724394620, 1879495268];
    check_arrays(&narrow[1..], &[vector(&expected)]);
}

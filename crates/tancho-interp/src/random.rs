//! `rng_bit_generator`: the counters of XLA, encrypted by Threefry-2x32 or Philox-4x32.
//!
//! The state is a key and a counter. A block of random words is the encrypted counter plus the block's number; the new state
//! has the counter behind the last block. Elements narrower than 32 bits are the low bits of a word.

use tancho_ir::ops::{RandomAlgorithm, RandomOp};
use tancho_tensor::{Array, DType, Shape};

use crate::value::{Cells, Failure, for_each_index, position, word};

pub(crate) fn evaluate(op: &RandomOp, state: &Array, results: &[(DType, Shape)]) -> Result<Vec<Array>, Failure> {
    let (dtype, shape) = &results[1];
    let old: Vec<u64> = (0..state.len()).map(|at| word(state, at)).collect();
    let mut bits = Cells::filled(*dtype, shape, 0)?;
    let new = match op.algorithm {
        RandomAlgorithm::Threefry => threefry_bits(&old, &mut bits),
        RandomAlgorithm::Philox => philox_bits(&old, &mut bits),
    };
    let mut next = Cells::filled(DType::U64, state.shape(), 0)?;
    new.iter().enumerate().for_each(|(at, &word)| next.set(at, word));
    Ok(vec![next.finish()?, bits.finish()?])
}

/// Fills the elements and gives the new state.
///
/// Elements of 64 bits have a block each. Of narrower ones, two that are neighbours along one axis share a block: the first
/// axis of even size or, if there is none, the first among the longest. Blocks are numbered in row-major order of the shape in
/// which that axis is half as long.
fn threefry_bits(state: &[u64], bits: &mut Cells) -> Vec<u64> {
    let (key, counter) = (halves(state[0]), state[1]);
    let block = |number: usize| threefry(halves(counter.wrapping_add(number as u64)), key);
    let mut blocks = bits.shape().to_vec();
    if bits.dtype().size() == 8 {
        for at in 0..bits.len() {
            let [low, high] = block(at);
            bits.set(at, join(low, high));
        }
    } else if blocks.is_empty() {
        bits.set(0, u64::from(block(0)[0]));
    } else {
        let longest = (0..blocks.len()).rev().max_by_key(|&axis| blocks[axis]).expect("there is an axis");
        let split = (0..blocks.len()).find(|&axis| blocks[axis].is_multiple_of(2)).unwrap_or(longest);
        blocks[split] = blocks[split].div_ceil(2);
        let mut at = 0;
        for_each_index(&bits.shape().clone(), |index| {
            let mut of_block = index.to_vec();
            of_block[split] /= 2;
            bits.set(at, u64::from(block(position(&blocks, &of_block))[index[split] % 2]));
            at += 1;
        });
    }
    // The shape of the result fits memory, so that its product does; an empty shape has one block, but for a size of zero.
    let used = if bits.len() == 0 { 0 } else { blocks.iter().product::<usize>() };
    vec![state[0], counter.wrapping_add(used as u64)]
}

/// Fills the elements, four words to a block in order, and gives the new state.
///
/// The counter has 128 bits. A state of two words holds its low half; the high one is the key.
fn philox_bits(state: &[u64], bits: &mut Cells) -> Vec<u64> {
    let key = halves(state[0]);
    let high = state.get(2).copied().unwrap_or(state[0]);
    let counter = u128::from(high) << 64 | u128::from(state[1]);
    let block = |number: usize| {
        let counter = counter.wrapping_add(number as u128);
        let ([x, y], [z, w]) = (halves(counter as u64), halves((counter >> 64) as u64));
        philox([x, y, z, w], key)
    };
    let is_wide = bits.dtype().size() == 8;
    let per_block = if is_wide { 2 } else { 4 };
    for at in 0..bits.len() {
        let words = block(at / per_block);
        let place = at % per_block;
        bits.set(at, if is_wide { join(words[2 * place], words[2 * place + 1]) } else { u64::from(words[place]) });
    }
    let next = counter.wrapping_add(bits.len().div_ceil(per_block) as u128);
    let mut new = vec![state[0], next as u64];
    if state.len() == 3 {
        new.push((next >> 64) as u64);
    }
    new
}

/// The low and the high half.
fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Threefry-2x32 with 20 rounds.
fn threefry(counter: [u32; 2], key: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1bd1_1bda];
    let [mut x, mut y] = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x = x.wrapping_add(y);
            y = y.rotate_left(rotation) ^ x;
        }
        x = x.wrapping_add(keys[(group + 1) % 3]);
        y = y.wrapping_add(keys[(group + 2) % 3]).wrapping_add(group as u32 + 1);
    }
    [x, y]
}

/// Philox-4x32 with 10 rounds.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut x, mut y, mut z, mut w], [mut left, mut right]) = (counter, key);
    for _ in 0..10 {
        let [low_x, high_x] = halves(u64::from(x) * 0xd251_1f53);
        let [low_z, high_z] = halves(u64::from(z) * 0xcd9e_8d57);
        (x, y, z, w) = (high_z ^ y ^ left, low_z, high_x ^ w ^ right, low_x);
        left = left.wrapping_add(0x9e37_79b9);
        right = right.wrapping_add(0xbb67_ae85);
    }
    [x, y, z, w]
}

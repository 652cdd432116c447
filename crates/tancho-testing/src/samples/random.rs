//! Samples of random bits.

use tancho_ir::ops::{RandomAlgorithm, RandomOp};
use tancho_ir::{Op, TensorType};
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

pub(super) fn prototypes() -> Vec<RandomOp> {
    RandomAlgorithm::ALL.map(|algorithm| RandomOp { algorithm, bits: of(DType::U32, &[3]) }).to_vec()
}

/// Shapes with sizes that are even, odd, zero, and not a multiple of a block.
const SHAPES: [&[usize]; 13] = [
    &[],
    &[0],
    &[1],
    &[4],
    &[7],
    &[1031],
    &[3, 5],
    &[3, 4],
    &[5, 5],
    &[3, 0],
    &[3, 5, 2],
    &[1, 7, 3],
    &[3, 1, 3, 3, 1],
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &RandomOp) {
    let states: &[&[usize]] = match op.algorithm {
        RandomAlgorithm::Threefry => &[&[2]],
        RandomAlgorithm::Philox => &[&[2], &[3]],
    };
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for sizes in SHAPES {
            for state in states {
                let op = RandomOp { algorithm: op.algorithm, bits: of(dtype, sizes) };
                samples.push(Sample::new(Op::Random(op), [of(DType::U64, state)]));
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &RandomOp) {
    for bits in ["u32[?n]", "u8[?n, 2*?m + 1]", "f64[3, ?n]"] {
        let op = RandomOp { algorithm: op.algorithm, bits: typed(bits) };
        samples.push(Sample::new(Op::Random(op), [of(DType::U64, &[2])]));
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &RandomOp) {
    let mut add = |bits: TensorType, state: &str, constraint, message| {
        let op = RandomOp { algorithm: op.algorithm, bits };
        samples.push(Invalid::new(Op::Random(op), [typed(state)], constraint, message));
    };
    let bits = || of(DType::U32, &[3]);
    match op.algorithm {
        RandomAlgorithm::Threefry => {
            let message = "rng_bit_generator: threefry takes a state u64[2], not u64[3]";
            add(bits(), "u64[3]", "c1", message);
            let message = "rng_bit_generator: threefry takes a state u64[2], not u32[2]";
            add(bits(), "u32[2]", "c1", message);
            add(of(DType::Bool, &[3]), "u64[2]", "c2", "rng_bit_generator: does not make bool[3]");
            let negative = TensorType::new(DType::U8, [tancho_ir::Dim::known(-1)]);
            add(negative, "u64[2]", "c2", "rng_bit_generator: size -1 is negative");
        }
        RandomAlgorithm::Philox => {
            let message = "rng_bit_generator: philox takes a state u64[2, 3], not u64[4]";
            add(bits(), "u64[4]", "c1", message);
            let message = "rng_bit_generator: philox takes a state u64[2, 3], not u64[]";
            add(bits(), "u64[]", "c1", message);
        }
    }
}

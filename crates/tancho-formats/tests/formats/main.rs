//! Files written, read, and damaged in every way that a byte can be.

#![forbid(unsafe_code)]

mod npy;
mod safetensors;
mod model;

use proptest::prelude::*;
use tancho_formats::FormatError;
use tancho_tensor::{Array, Buffer, DType, Element};

fn array<T: Element, const RANK: usize>(shape: [usize; RANK], elements: &[T]) -> Array {
    Array::new(shape, elements).unwrap()
}

/// The same dtype, shape and bytes, so that NaNs count as well.
#[track_caller]
fn assert_same(found: &Array, expected: &Array) {
    assert_eq!((found.dtype(), found.shape()), (expected.dtype(), expected.shape()));
    assert_eq!(found.buffer().bytes(), expected.buffer().bytes());
}

#[track_caller]
fn assert_error<T>(result: Result<T, FormatError>, expected: &str) {
    match result {
        Ok(_) => panic!("no error, but it should be: {expected}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

/// Any array of any dtype with any bytes, of up to a few hundred elements.
fn arrays() -> impl Strategy<Value = Array> {
    let shapes = proptest::collection::vec(0usize..5, 0..5);
    (0..DType::ALL.len(), shapes, any::<u64>()).prop_map(|(dtype, shape, seed)| {
        let dtype = DType::ALL[dtype];
        let n_bytes = shape.iter().product::<usize>() * dtype.size();
        let mut state = seed;
        let bytes = (0..n_bytes).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let byte = (state >> 56) as u8;
            if dtype == DType::Bool { byte & 1 } else { byte }
        });
        let buffer = Buffer::copy_of(&bytes.collect::<Vec<u8>>()).unwrap();
        Array::from_buffer(dtype, shape, buffer).unwrap()
    })
}

/// The bytes cut off at every place, and with every byte replaced by every other.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let truncated = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let corrupted = (0..bytes.len() * 255).map(|case| {
        let mut bytes = bytes.to_vec();
        bytes[case / 255] = bytes[case / 255].wrapping_add((case % 255 + 1) as u8);
        bytes
    });
    truncated.chain(corrupted)
}

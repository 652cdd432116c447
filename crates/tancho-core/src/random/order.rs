//! Random orders.

use tancho_tensor::DType;

use super::bits::bits;
use super::key::Key;
use crate::operand::{AsTensor, resolve};
use crate::shape::Dim;
use crate::tensor::Tensor;

/// The numbers from 0 to below `n` in a random order, as `i64`.
///
/// # Numerics
/// The order that sorts random words of 64 bits. Every order is as probable as the others, but for what equal words
/// change: of a million words, two are equal with probability 3 · 10⁻⁸.
#[track_caller]
pub fn permutation(n: impl Into<Dim>, key: impl Into<Key>) -> Tensor {
    bits(DType::U64, [n.into()], key).argsort(0)
}

/// The parts of a tensor along an axis in a random order.
///
/// # Errors
/// The axis is out of range, or its size varies and is 0.
#[track_caller]
pub fn shuffle(x: impl AsTensor, axis: i64, key: impl Into<Key>) -> Tensor {
    let mut x = [x.into_operand()];
    resolve("shuffle", &mut x);
    let [x] = x;
    let Some(x) = x.tensor() else { return Tensor::fault("shuffle", "takes a tensor".into()) };
    if let Err(error) = x.check() {
        return Tensor::from_error(error);
    }
    if !(-(x.rank() as i64)..x.rank() as i64).contains(&axis) {
        return Tensor::fault("shuffle", format!("axis {axis} is out of range for {}", x.describe()));
    }
    if x.shape().size(axis) == 0 {
        return x.clone();
    }
    x.take(permutation(x.shape().size(axis), key), axis)
}

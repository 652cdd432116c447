//! Random bits.

use tancho_ir::TensorType;
use tancho_ir::ops::{Op, RandomAlgorithm, RandomOp};
use tancho_tensor::DType;

use crate::apply::{Attributes, apply_several};
use crate::operand::{AsTensor, resolve};
use crate::shape::Sizes;
use crate::tensor::Tensor;

/// Uniformly distributed bits from a state, and the next state: `(next state, bits)`.
///
/// The same state gives the same bits, on every machine.
///
/// # Shape
/// The state is `u64[2]`, for `Philox` also `u64[3]`.
///
/// # Numerics
/// What is random of a float are its bits, so that it may be NaN; for numbers between 0 and 1, scale integers.
///
/// # Errors
/// The state has another dtype or size; the bits are to be `bool`.
///
/// # Reference
/// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011).
#[track_caller]
pub fn rng_bit_generator(
    state: impl AsTensor,
    dtype: DType,
    sizes: impl Into<Sizes>,
    algorithm: RandomAlgorithm,
) -> (Tensor, Tensor) {
    let sizes = sizes.into();
    let attributes = Attributes::none().dtype(dtype).integer(algorithm as i64).sizes(sizes.as_slice());
    let mut inputs = [state.into_operand()];
    resolve("rng_bit_generator", &mut inputs);
    let [next, bits] = apply_several("rng_bit_generator", attributes, &mut inputs, &|builder, values| {
        let bits = TensorType { dtype, dims: sizes.get()? };
        builder.add_several(Op::Random(RandomOp { algorithm, bits }), &[values[0]])
    });
    (next, bits)
}

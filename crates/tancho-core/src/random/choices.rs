//! Choices: yes or no, and one of several classes.

use tancho_ir::ops::{BinaryOp, Comparison, ReduceKind, UnaryOp};
use tancho_tensor::DType;

use super::bits::{drawn, operand};
use super::distributions::gumbel_values;
use super::key::Key;
use crate::apply::{Attributes, apply};
use crate::builder::require;
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::shape::Sizes;
use crate::tensor::Tensor;

/// `bool`s that are true with probability `probability`: a Rust number, or a tensor of floats that broadcasts to the sizes.
///
/// # Numerics
/// The probability is rounded to a multiple of 2⁻³²; 0 and 1 are exact. A tensor's elements below 0 and NaN count as 0, those above
/// 1 as 1.
///
/// # Errors
/// A number is not from 0 to 1; a tensor is not of floats, or does not broadcast to the sizes.
#[track_caller]
pub fn bernoulli(sizes: impl Into<Sizes>, probability: impl AsTensor, key: impl Into<Key>) -> Tensor {
    let sizes = sizes.into();
    let probability = match probability.into_operand() {
        Operand::Scalar(number) => {
            let number = number.to_f64();
            if !(0.0..=1.0).contains(&number) {
                return Tensor::fault("bernoulli", format!("a probability is from 0 to 1, which {number} is not"));
            }
            Operand::Scalar(number.into())
        }
        tensor => tensor,
    };
    let mut probability = [probability];
    resolve("bernoulli", &mut probability);
    let [probability] = probability;
    let attributes = Attributes::none().sizes(sizes.as_slice());
    apply("bernoulli", attributes, [operand(key), probability], &|builder, values| {
        let (key, probability) = (values[0], values[1]);
        builder.require_float(probability)?;
        let dims = sizes.get()?;
        // Of 2³² equally probable words, so many are below the threshold. In i64, where the threshold fits and compares fast.
        let probability = builder.convert(DType::F64, probability)?;
        let scaled = builder.binary_constant(BinaryOp::Multiply, probability, 2f64.powi(32))?;
        let rounded = builder.unary(UnaryOp::RoundNearestEven, scaled)?;
        let threshold = builder.convert(DType::I64, rounded)?;
        let threshold = builder.broadcast_to(threshold, &dims)?;
        let bits = drawn(builder, key, DType::U32, dims)?;
        let bits = builder.convert(DType::I64, bits)?;
        builder.compare(Comparison::Lt, bits, threshold)
    })
}

/// Classes, as `i64`, where class `i` has a probability that is proportional to `exp(logits[…, i])`.
///
/// ```
/// # use tancho_core::random::{self, Seed};
/// # use tancho_core::tensor;
/// let classes = random::categorical([1000], tensor([0.5f32, 0.2, 0.3]).log(), Seed(1));
/// assert!(classes.to_vec::<i64>()?.iter().all(|class| (0..3).contains(class)));
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Shape
/// `[…, n]`, the leading axes of which broadcast to the sizes, `→` the sizes
///
/// # Numerics
/// The index of the largest of the logits plus numbers of [`gumbel`](super::gumbel()), in the dtype of the logits (`f32` for 16-bit
/// floats). A class of logit −∞ is never chosen unless all are.
///
/// # Errors
/// The logits are not floats, have no axis, or do not broadcast to the sizes.
#[track_caller]
pub fn categorical(sizes: impl Into<Sizes>, logits: impl AsTensor, key: impl Into<Key>) -> Tensor {
    let sizes = sizes.into();
    let mut logits = [logits.into_operand()];
    resolve("categorical", &mut logits);
    let [logits] = logits;
    let attributes = Attributes::none().sizes(sizes.as_slice());
    apply("categorical", attributes, [operand(key), logits], &|builder, values| {
        let (key, logits) = (values[0], values[1]);
        builder.require_float(logits)?;
        let of = builder.type_of(logits).clone();
        let classes = of.dims.last().ok_or_else(|| Fault(format!("takes logits with an axis, not {of}")))?;
        require(classes.as_known() != Some(0), || format!("there is no class to choose in {of}"))?;
        let mut dims = sizes.get()?;
        let axis = dims.len();
        dims.push(classes.clone());
        let dtype = if of.dtype.is_half() { DType::F32 } else { of.dtype };
        let logits = builder.convert(dtype, logits)?;
        let logits = builder.broadcast_to(logits, &dims)?;
        let noise = gumbel_values(builder, key, dtype, dims)?;
        let sum = builder.binary(BinaryOp::Add, logits, noise)?;
        builder.reduce(ReduceKind::ArgMax(DType::I64), sum, &[axis])
    })
}

//! Evenly distributed numbers between bounds, floats or integers.
//!
//! An integer below `r` is the integer part of `r · x / 2ⁿ`, where `x` has `n` random bits. Some integers have one `x` more than
//! others, so that their probabilities differ by up to `r / 2ⁿ` of themselves; with twice the bits of the dtype (and 64 at least)
//! that is at most 2⁻³², which no test can find.

use tancho_ir::ops::{BinaryOp, Comparison};
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::bits::{drawn, operand, unit, words};
use super::key::Key;
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::shape::Sizes;
use crate::tensor::Tensor;

/// Numbers from `low` up to but not including `high`, evenly distributed: floats or integers, as the bounds are.
///
/// The bounds are Rust numbers or tensors, which broadcast to the sizes.
///
/// ```
/// # use tancho_core::random::{self, Key, Seed};
/// # use tancho_core::tensor;
/// let dice = random::uniform_in([2, 6], 1, 7, Seed(1));
/// assert!(dice.to_vec::<i32>()?.iter().all(|number| (1..=6).contains(number)));
/// let columns = random::uniform_in([4, 2], 0.0, tensor([1.0f32, 100.0]), Seed(2));
/// assert_eq!(columns.shape(), [4, 2]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Numerics
/// Floats are `low + (high − low) · u` with the numbers of [`uniform`](super::uniform()), computed in `f32` for 16-bit floats, and at
/// most the largest float below `high`. Of integers, the probabilities are equal up to a factor of `1 ± 2⁻³²`. Where `high` is not
/// above `low`, the result is `low`.
///
/// # Errors
/// The bounds are numbers of which `high` is below `low`, or not above it and integers; a bound does not broadcast to the sizes;
/// the bounds have different dtypes.
#[track_caller]
pub fn uniform_in(sizes: impl Into<Sizes>, low: impl AsTensor, high: impl AsTensor, key: impl Into<Key>) -> Tensor {
    let sizes = sizes.into();
    let mut bounds = [low.into_operand(), high.into_operand()];
    resolve("uniform_in", &mut bounds);
    if let Some(message) = empty_range(&bounds) {
        return Tensor::fault("uniform_in", message);
    }
    let [low, high] = bounds;
    let attributes = Attributes::none().sizes(sizes.as_slice());
    apply("uniform_in", attributes, [operand(key), low, high], &|builder, values| {
        let [key, low, high] = [values[0], values[1], values[2]];
        let (dims, of) = (sizes.get()?, builder.type_of(low).clone());
        require(of.dtype == builder.dtype(high), || {
            format!("dtypes differ: low {of}, high {}; use .to(dtype) on one", builder.type_of(high))
        })?;
        require(of.dtype != DType::Bool, || format!("takes numbers, not {of}"))?;
        if of.dtype.is_float() {
            floats(builder, key, low, high, dims)
        } else {
            integers(builder, key, low, high, dims)
        }
    })
}

/// What is wrong with bounds that are numbers.
fn empty_range(bounds: &[Operand<'_>; 2]) -> Option<String> {
    let [low, high] = bounds.each_ref().map(|bound| bound.tensor()?.array().ok());
    let (low, high) = (low?, high?);
    if low.shape().rank() > 0 || high.shape().rank() > 0 || low.dtype() != high.dtype() {
        return None;
    }
    let [from, to] = [low.to_f64_vec()[0], high.to_f64_vec()[0]];
    // Large integers may be equal as floats only.
    let same = from == to && low.buffer().bytes() == high.buffer().bytes();
    let is_empty = from > to || (same && low.dtype().is_integer());
    is_empty.then(|| format!("there is nothing from {from} up to {to}"))
}

fn floats(builder: &mut Builder<'_>, key: Value, low: Value, high: Value, dims: Dims) -> Result<Value, Fault> {
    // Of the dtype of the bounds, since a wider number that is below would be rounded up.
    let below = builder.binary(BinaryOp::NextAfter, high, low)?;
    let number = builder.widened([low, high], |builder, [low, high]| {
        let words = words(builder, key, builder.dtype(low), dims.clone())?;
        let unit = unit(builder, words, builder.dtype(low))?;
        let span = builder.binary(BinaryOp::Subtract, high, low)?;
        let [low, span] = [builder.broadcast_to(low, &dims)?, builder.broadcast_to(span, &dims)?];
        let scaled = builder.binary(BinaryOp::Multiply, unit, span)?;
        builder.binary(BinaryOp::Add, scaled, low)
    })?;
    let [low, below] = [builder.broadcast_to(low, &dims)?, builder.broadcast_to(below, &dims)?];
    let number = builder.binary(BinaryOp::Minimum, number, below)?;
    builder.binary(BinaryOp::Maximum, number, low)
}

fn integers(builder: &mut Builder<'_>, key: Value, low: Value, high: Value, dims: Dims) -> Result<Value, Fault> {
    let dtype = builder.dtype(low);
    let is_range = builder.compare(Comparison::Gt, high, low)?;
    let [from, to] = [builder.convert(DType::U64, low)?, builder.convert(DType::U64, high)?];
    let count = builder.binary(BinaryOp::Subtract, to, from)?;
    let zero = builder.scalar(DType::U64, 0.0)?;
    let count = builder.select(is_range, count, zero)?;
    let [from, count] = [builder.broadcast_to(from, &dims)?, builder.broadcast_to(count, &dims)?];
    let offset = if dtype.size() == 8 {
        // The words of an element lie side by side, so that each element is of one block.
        let pairs = dims.iter().cloned().chain([Dim::known(2)]).collect();
        let bits = drawn(builder, key, DType::U64, pairs)?;
        let [major, minor] = [word(builder, bits, 0, &dims)?, word(builder, bits, 1, &dims)?];
        let [_, carried] = multiply_wide(builder, minor, count)?;
        let [low, high] = multiply_wide(builder, major, count)?;
        let sum = builder.binary(BinaryOp::Add, low, carried)?;
        let overflows = builder.compare(Comparison::Lt, sum, low)?;
        let carry = builder.convert(DType::U64, overflows)?;
        builder.binary(BinaryOp::Add, high, carry)?
    } else {
        let bits = drawn(builder, key, DType::U64, dims)?;
        // The count has 32 bits, so that no product overflows.
        let [low, high] = halves(builder, bits)?;
        let low = builder.binary(BinaryOp::Multiply, low, count)?;
        let carried = upper_half(builder, low)?;
        let high = builder.binary(BinaryOp::Multiply, high, count)?;
        let sum = builder.binary(BinaryOp::Add, high, carried)?;
        upper_half(builder, sum)?
    };
    let number = builder.binary(BinaryOp::Add, from, offset)?;
    builder.convert(dtype, number)
}

/// One of the two words of each element.
fn word(builder: &mut Builder<'_>, bits: Value, index: i64, dims: &Dims) -> Result<Value, Fault> {
    let rank = dims.len();
    let start = (0..rank).map(|_| Dim::ZERO).chain([Dim::known(index)]).collect();
    let limit = dims.iter().cloned().chain([Dim::known(index + 1)]).collect();
    let word = builder.slice(bits, start, limit, vec![1; rank + 1])?;
    builder.reshape(word, dims.clone())
}

/// The low and the high half of a product of `u64`.
fn multiply_wide(builder: &mut Builder<'_>, x: Value, y: Value) -> Result<[Value; 2], Fault> {
    let ([x_low, x_high], [y_low, y_high]) = (halves(builder, x)?, halves(builder, y)?);
    let low = builder.binary(BinaryOp::Multiply, x_low, y_low)?;
    let cross = builder.binary(BinaryOp::Multiply, x_high, y_low)?;
    let carried = upper_half(builder, low)?;
    let middle = builder.binary(BinaryOp::Add, cross, carried)?;
    let [middle_low, middle_high] = halves(builder, middle)?;
    let cross = builder.binary(BinaryOp::Multiply, x_low, y_high)?;
    let middle = builder.binary(BinaryOp::Add, cross, middle_low)?;
    let high = builder.binary(BinaryOp::Multiply, x_high, y_high)?;
    let high = builder.binary(BinaryOp::Add, high, middle_high)?;
    let carried = upper_half(builder, middle)?;
    Ok([builder.binary(BinaryOp::Multiply, x, y)?, builder.binary(BinaryOp::Add, high, carried)?])
}

/// The low and the high 32 bits.
fn halves(builder: &mut Builder<'_>, word: Value) -> Result<[Value; 2], Fault> {
    Ok([builder.binary_constant(BinaryOp::And, word, f64::from(u32::MAX))?, upper_half(builder, word)?])
}

fn upper_half(builder: &mut Builder<'_>, word: Value) -> Result<Value, Fault> {
    builder.binary_constant(BinaryOp::ShiftRightLogical, word, 32.0)
}

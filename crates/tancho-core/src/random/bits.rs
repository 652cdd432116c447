//! Random bits of a key, and the uniform floats that distributions are made of.
//!
//! Of the 32 or 64 bits of a word, a float takes as many as it has digits, so that no number is rounded unless it is said.

use tancho_ir::ops::{BinaryOp, Op, RandomAlgorithm, RandomOp, ShapeOp};
use tancho_ir::{Dim, Dims, TensorType, Value};
use tancho_tensor::{Array, DType};

use super::key::Key;
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::Operand;
use crate::shape::Sizes;
use crate::tensor::Tensor;

/// Integers of a dtype, each bit of which is 0 or 1 with equal probability.
///
/// # Errors
/// The dtype is not of integers.
#[track_caller]
pub fn bits(dtype: DType, sizes: impl Into<Sizes>, key: impl Into<Key>) -> Tensor {
    let sizes = sizes.into();
    let attributes = Attributes::none().dtype(dtype).sizes(sizes.as_slice());
    apply("bits", attributes, [operand(key)], &|builder, values| {
        require(dtype.is_integer(), || format!("gives integers, not {dtype}"))?;
        drawn(builder, values[0], dtype, sizes.get()?)
    })
}

pub(super) fn operand<'a>(key: impl Into<Key>) -> Operand<'a> {
    Operand::Give(key.into().into_data())
}

pub(super) fn constant(builder: &mut Builder<'_>, value: u64) -> Value {
    builder.constant(Array::scalar(value))
}

/// The blocks of a key's stream from a block on, as elements of a dtype.
pub(super) fn encrypted(
    builder: &mut Builder<'_>,
    key: Value,
    block: Value,
    dtype: DType,
    dims: Dims,
) -> Result<Value, Fault> {
    let of = builder.type_of(key);
    require(of.dtype == DType::U64 && of.dims[..] == [Dim::known(2)], || format!("takes a key u64[2], not {of}"))?;
    let state = state(builder, key, block)?;
    let [_, bits] = generate(builder, state, dtype, dims)?;
    Ok(bits)
}

/// What the generator takes: the cipher's key, then the low half of the counter and its high half.
fn state(builder: &mut Builder<'_>, key: Value, block: Value) -> Result<Value, Fault> {
    let none = || Dims::from_iter([Dim::ZERO]);
    builder.add(Op::Shape(ShapeOp::Pad { low: none(), high: none(), interior: vec![1] }), &[key, block])
}

fn generate(builder: &mut Builder<'_>, state: Value, dtype: DType, dims: Dims) -> Result<[Value; 2], Fault> {
    let bits = TensorType { dtype, dims };
    builder.add_several(Op::Random(RandomOp { algorithm: RandomAlgorithm::Philox, bits }), &[state])
}

/// The first bits of a key's stream.
pub(super) fn drawn(builder: &mut Builder<'_>, key: Value, dtype: DType, dims: Dims) -> Result<Value, Fault> {
    let first = constant(builder, 0);
    encrypted(builder, key, first, dtype, dims)
}

/// The integers that floats of a dtype are made of.
pub(super) fn words(builder: &mut Builder<'_>, key: Value, dtype: DType, dims: Dims) -> Result<Value, Fault> {
    // Signed, since machines convert those faster.
    drawn(builder, key, if dtype == DType::F64 { DType::I64 } else { DType::I32 }, dims)
}

/// Uniform floats, `k / 2ᵈ` with `0 ≤ k < 2ᵈ`, where `d` is the number of digits of the dtype.
pub(super) fn unit(builder: &mut Builder<'_>, words: Value, dtype: DType) -> Result<Value, Fault> {
    let digits = digits(dtype);
    let cut = builder.dtype(words).bits() - digits;
    let kept = builder.binary_constant(BinaryOp::ShiftRightLogical, words, cut as f64)?;
    let number = scaled(builder, kept, if dtype.is_half() { DType::F32 } else { dtype }, digits)?;
    builder.convert(dtype, number)
}

/// Uniform floats between −1 and 1, `k / 2ᵈ` with odd `k`: neither end is met, nor is 0, and each number is as probable as its
/// negative. `f32` or `f64`.
pub(super) fn centred(builder: &mut Builder<'_>, words: Value, dtype: DType) -> Result<Value, Fault> {
    let digits = digits(dtype);
    let cut = builder.dtype(words).bits() - digits - 1;
    let kept = builder.binary_constant(BinaryOp::ShiftRightArithmetic, words, cut as f64)?;
    let odd = builder.binary_constant(BinaryOp::Or, kept, 1.0)?;
    scaled(builder, odd, dtype, digits)
}

/// Uniform floats above 0, at most 1, for logarithms: `k / 2ⁿ` with odd `k`, rounded, where `n` is 31 or 63. So small numbers
/// have all their digits. `f32` or `f64`.
pub(super) fn positive(builder: &mut Builder<'_>, words: Value, dtype: DType) -> Result<Value, Fault> {
    let kept = builder.binary_constant(BinaryOp::ShiftRightLogical, words, 1.0)?;
    let odd = builder.binary_constant(BinaryOp::Or, kept, 1.0)?;
    scaled(builder, odd, dtype, builder.dtype(words).bits() - 1)
}

/// An integer as a float, divided by a power of two.
fn scaled(builder: &mut Builder<'_>, integer: Value, dtype: DType, power: usize) -> Result<Value, Fault> {
    let number = builder.convert(dtype, integer)?;
    builder.binary_constant(BinaryOp::Multiply, number, 0.5f64.powi(power as i32))
}

/// The number of binary digits, with the one that is not stored.
fn digits(dtype: DType) -> usize {
    match dtype {
        DType::BF16 => 8,
        DType::F16 => 11,
        DType::F64 => 53,
        DType::F32 => 24,
        // No floats are made of these, so that any number will do.
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 24,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::Bool => 24,
    }
}

/// One row of a matrix whose rows have a size.
pub(super) fn row(builder: &mut Builder<'_>, x: Value, index: i64, size: &Dim) -> Result<Value, Fault> {
    let start = Dims::from_iter([Dim::known(index), Dim::ZERO]);
    let limit = Dims::from_iter([Dim::known(index + 1), size.clone()]);
    let row = builder.slice(x, start, limit, vec![1, 1])?;
    builder.reshape(row, Dims::from_iter([size.clone()]))
}

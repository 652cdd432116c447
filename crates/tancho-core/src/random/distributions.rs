//! Distributions of floats without parameters; shift and scale what they give.
//!
//! Each number is a function of one uniform float; but for the normal distribution, where two numbers are a function of two:
//! Box and Muller's radius and angle. The inverse of the distribution function would do with one, but `erf⁻¹` takes several
//! times as long as the logarithm, the sine and the cosine together, and its tails are coarse, since they are where floats
//! near 1 are. What is of 16 bits is computed in `f32` and rounded once.

use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::bits::{centred, operand, positive, row, unit, words};
use super::key::Key;
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::shape::Sizes;
use crate::tensor::Tensor;

/// Makes floats of a key.
type Distribution = fn(&mut Builder<'_>, Value, DType, Dims) -> Result<Value, Fault>;

macro_rules! distributions {
    ($($(#[$doc:meta])* $function:ident $function_of:ident $name:literal $build:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(sizes: impl Into<Sizes>, key: impl Into<Key>) -> Tensor {
            draw($name, DType::F32, sizes.into(), key.into(), $build)
        }

        #[doc = concat!("As [`", stringify!($function), "`], in a float dtype.")]
        ///
        /// # Errors
        /// The dtype is not of floats.
        #[track_caller]
        pub fn $function_of(dtype: DType, sizes: impl Into<Sizes>, key: impl Into<Key>) -> Tensor {
            draw($name, dtype, sizes.into(), key.into(), $build)
        }
    )*};
}
distributions! {
    /// Numbers from 0 up to but not including 1, evenly distributed, as `f32`.
    ///
    /// # Numerics
    /// Exact multiples of 2⁻²⁴ for `f32`, 2⁻⁵³ for `f64`, 2⁻¹¹ for `f16`, 2⁻⁸ for `bf16`, each as probable as the others.
    uniform uniform_of "uniform" |builder, key, dtype, dims| {
        let words = words(builder, key, dtype, dims)?;
        unit(builder, words, dtype)
    };

    /// Numbers of the normal distribution with mean 0 and variance 1, as `f32`.
    ///
    /// # Numerics
    /// `√(−2 log u) · cos(π v)` for the first half of the numbers, and with the sine for the second. `u` is evenly distributed
    /// among the odd multiples of 2⁻³¹ (2⁻⁶³ for `f64`) below 1, rounded, and `v` among those of 2⁻²⁴ (2⁻⁵³) between −1 and 1. So
    /// the largest numbers are ±6.6 (±9.3 for `f64`).
    ///
    /// # Reference
    /// Box, Muller: A note on the generation of random normal deviates (1958).
    normal normal_of "normal" |builder, key, dtype, dims| {
        widened(builder, dtype, |builder, dtype| normal_values(builder, key, dtype, &dims))
    };

    /// Numbers of the normal distribution with mean 0 and variance 1, but for those beyond ±2, in whose place others are
    /// drawn; as `f32`. Their standard deviation is 0.8796.
    ///
    /// # Numerics
    /// `√2 · erf⁻¹(u)` with `u` evenly distributed between `±erf(√2)`.
    truncated_normal truncated_normal_of "truncated_normal" |builder, key, dtype, dims| {
        widened(builder, dtype, |builder, dtype| {
            let words = words(builder, key, dtype, dims)?;
            let x = centred(builder, words, dtype)?;
            // erf(√2), the probability of what lies within ±2.
            let x = builder.binary_constant(BinaryOp::Multiply, x, 0.954_499_736_103_641_6)?;
            let x = builder.unary(UnaryOp::ErfInv, x)?;
            let x = builder.binary_constant(BinaryOp::Multiply, x, std::f64::consts::SQRT_2)?;
            let [low, high] = [builder.scalar(dtype, -2.0)?, builder.scalar(dtype, 2.0)?];
            builder.clamp(low, x, high)
        })
    };

    /// Numbers of the exponential distribution with mean 1, as `f32`.
    ///
    /// # Numerics
    /// `−log(u)` with `u` evenly distributed among the odd multiples of 2⁻³¹ (2⁻⁶³ for `f64`) below 1, rounded. So the largest
    /// is 21.5 (43.7 for `f64`), and 0 occurs.
    exponential exponential_of "exponential" |builder, key, dtype, dims| {
        widened(builder, dtype, |builder, dtype| {
            let words = words(builder, key, dtype, dims)?;
            let x = positive(builder, words, dtype)?;
            let x = builder.unary(UnaryOp::Log, x)?;
            // The logarithm of 1 is +0, of which the absolute value is not −0.
            builder.unary(UnaryOp::Abs, x)
        })
    };

    /// Numbers of the Gumbel distribution with location 0 and scale 1, as `f32`.
    ///
    /// # Numerics
    /// `−log(−log(1 − u))` with `u` evenly distributed among the odd multiples of 2⁻³¹ (2⁻⁶³ for `f64`) below 1, rounded, and at
    /// most the largest float below 1. So the numbers are from −2.9 to 21.5 (−3.7 to 43.7 for `f64`).
    gumbel gumbel_of "gumbel" gumbel_values;
}

/// `f32` or `f64`.
fn normal_values(builder: &mut Builder<'_>, key: Value, dtype: DType, dims: &Dims) -> Result<Value, Fault> {
    for dim in dims {
        // The pairs are not of these sizes, so that no op would say so.
        require(dim.as_known().is_none_or(|size| size >= 0), || format!("size {dim} is negative"))?;
    }
    let count = Dim::product(dims);
    let pairs = (count.clone() + Dim::ONE).floor_div(&Dim::known(2)).unwrap_or(Dim::ZERO);
    let both = Dims::from_iter([Dim::known(2), pairs.clone()]);
    let words = words(builder, key, dtype, both.clone())?;
    let [of_radius, of_angle] = [row(builder, words, 0, &pairs)?, row(builder, words, 1, &pairs)?];
    let radius = positive(builder, of_radius, dtype)?;
    let radius = builder.unary(UnaryOp::Log, radius)?;
    // The logarithm is 0 at most, so that the root is of no negative number: of −0 it is −0.
    let radius = builder.binary_constant(BinaryOp::Multiply, radius, -2.0)?;
    let radius = builder.unary(UnaryOp::Sqrt, radius)?;
    let radius = builder.broadcast_to(radius, &both)?;
    // A full turn is all the words, so that a quarter of a turn makes a sine of the cosine, exactly.
    let word = builder.dtype(of_angle);
    let quarter = builder.iota(word, Dims::from_iter([Dim::known(2)]), 0)?;
    let quarter = builder.binary_constant(BinaryOp::ShiftLeft, quarter, (word.bits() - 2) as f64)?;
    let quarter = builder.broadcast_in_dim(quarter, &both, vec![0])?;
    let of_angle = builder.broadcast_to(of_angle, &both)?;
    let of_angle = builder.binary(BinaryOp::Subtract, of_angle, quarter)?;
    let angle = centred(builder, of_angle, dtype)?;
    let angle = builder.binary_constant(BinaryOp::Multiply, angle, std::f64::consts::PI)?;
    let side = builder.unary(UnaryOp::Cosine, angle)?;
    let all = builder.binary(BinaryOp::Multiply, radius, side)?;
    let all = builder.reshape(all, Dims::from_iter([pairs * Dim::known(2)]))?;
    let line = |dim| Dims::from_iter([dim]);
    let all = builder.slice(all, line(Dim::ZERO), line(count), vec![1])?;
    builder.reshape(all, dims.clone())
}

pub(super) fn gumbel_values(builder: &mut Builder<'_>, key: Value, dtype: DType, dims: Dims) -> Result<Value, Fault> {
    widened(builder, dtype, |builder, dtype| {
        let words = words(builder, key, dtype, dims)?;
        let x = positive(builder, words, dtype)?;
        let below_one = 1.0 - if dtype == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) } / 2.0;
        let x = builder.binary_constant(BinaryOp::Minimum, x, below_one)?;
        let x = builder.unary(UnaryOp::Negate, x)?;
        let x = builder.unary(UnaryOp::LogPlusOne, x)?;
        let x = builder.unary(UnaryOp::Negate, x)?;
        let x = builder.unary(UnaryOp::Log, x)?;
        builder.unary(UnaryOp::Negate, x)
    })
}

#[track_caller]
fn draw(op: &'static str, dtype: DType, sizes: Sizes, key: Key, distribution: Distribution) -> Tensor {
    let attributes = Attributes::none().dtype(dtype).sizes(sizes.as_slice());
    apply(op, attributes, [operand(key)], &|builder, values| {
        require(dtype.is_float(), || format!("gives floats, not {dtype}"))?;
        distribution(builder, values[0], dtype, sizes.get()?)
    })
}

/// Computes with `f32` in the place of 16-bit floats, and rounds the result once.
fn widened(
    builder: &mut Builder<'_>,
    dtype: DType,
    compute: impl FnOnce(&mut Builder<'_>, DType) -> Result<Value, Fault>,
) -> Result<Value, Fault> {
    let wide = if dtype.is_half() { DType::F32 } else { dtype };
    let result = compute(builder, wide)?;
    builder.convert(dtype, result)
}

//! Elementwise ops as instructions of a body: the one definition of each, for all emitters.
//!
//! Elementary functions become straight-line code of IEEE 754 arithmetic, comparisons, and bit operations: a range
//! reduction, a polynomial, and the way back. What the expansions have in common:
//!
//! - Polynomials approximate with the least largest *relative* error of the function's result. Their coefficients come from
//!   a Remez exchange in 200 bits; they are rounded to the dtype one after another, from the lowest power, the others fitted
//!   anew after each rounding.
//! - `polynomial` evaluates with fused multiply-adds in two or four chains, so that processors overlap them.
//! - `select(gt(a, b), a, b)` and `select(lt(a, b), a, b)` stand for a maximum and a minimum where NaN is to pass: with a NaN
//!   they give `b`, which is what the x86 instructions `max` and `min` of `a` and `b` give in one step.
//! - `x + 1.5·2⁵²` (in f32 `1.5·2²³`) rounds `x` to an integer and leaves it in the low bits of the sum, for shifts to make
//!   a power of two of it.
//! - Only rare arguments lead to a [`Call`](crate::kernel::body::Instruction::Call).
//!
//! Zeros keep their sign, and infinities, NaN and subnormal numbers have the results of IEEE 754 and C99. [`BOUNDS`] has the
//! largest errors.

mod simple;
mod half;
mod exponential;
mod hyperbolic;
mod logarithm;
mod widened;
mod inverse_hyperbolic;
mod error_function;
mod complementary_error_function;
mod inverse_error_function;
mod trigonometric;
mod arctangent;
mod inverse_trigonometric;
mod gamma;
mod bessel;
mod roots;
mod power;
mod remainder;

use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};
use tancho_tensor::DType;

use crate::kernel::body::{Binary, Body, Scalar, Unary};

pub use arctangent::{atan, atan2};
pub use bessel::bessel_i1e;
pub use complementary_error_function::erfc;
pub use error_function::erf;
pub use exponential::{exponential, exponential_minus_one};
pub use gamma::{digamma, lgamma};
pub use half::{
    Halves, convert_to_half, exact_half_bits, from_half_bits, next_after_half, reduce_precision_half, round_to_half,
    to_half_bits,
};
pub use hyperbolic::{cosh, logistic, sinh, tanh};
pub use inverse_error_function::erf_inv;
pub use inverse_hyperbolic::{acosh, asinh, atanh};
pub use inverse_trigonometric::{acos, asin};
pub use logarithm::{log, log_plus_one};
pub use power::{integer_power, power};
pub use remainder::remainder;
pub use roots::{cbrt, rsqrt};
pub use simple::{
    clamp, expand_compare, expand_convert, is_finite, next_after, reduce_precision, round_nearest_afz, sign,
};
pub use trigonometric::{cosine, sine, tan};

/// The largest errors of the functions that are not correctly rounded, by op name and dtype, in units in the last place of
/// the exact result (half a unit is correct rounding).
///
/// The f32 functions of one argument were measured with every argument for which they are not constant (inverses, hyperbolic
/// sines and special functions: with every 131st), the others with thousands to millions of seeded ones; the bounds leave some
/// room, and the tests hold them.
///
/// Below zero `lgamma` and `digamma` have zeros between their poles, near which the terms of the reflection cancel: there the
/// units are those of the largest of the result, 1, and the function of `|x|`.
pub const BOUNDS: &[(&str, DType, f64)] = &[
    ("acos", DType::F32, 1.5),
    ("acos", DType::F64, 1.5),
    ("acosh", DType::F32, 0.75),
    ("acosh", DType::F64, 2.5),
    ("asin", DType::F32, 1.5),
    ("asin", DType::F64, 1.5),
    ("asinh", DType::F32, 0.75),
    ("asinh", DType::F64, 2.0),
    ("atan", DType::F32, 1.5),
    ("atan", DType::F64, 1.5),
    ("atan2", DType::F32, 2.0),
    ("atan2", DType::F64, 2.0),
    ("atanh", DType::F32, 0.75),
    ("atanh", DType::F64, 2.0),
    ("bessel_i1e", DType::F32, 0.75),
    ("bessel_i1e", DType::F64, 4.5),
    ("cbrt", DType::F32, 1.0),
    ("cbrt", DType::F64, 1.25),
    ("cosh", DType::F32, 1.5),
    ("cosh", DType::F64, 1.5),
    ("cosine", DType::F32, 1.75),
    ("cosine", DType::F64, 1.75),
    ("digamma", DType::F32, 0.75),
    ("digamma", DType::F64, 4.5),
    ("erf", DType::F32, 2.0),
    ("erf", DType::F64, 2.0),
    ("erf_inv", DType::F32, 0.75),
    ("erf_inv", DType::F64, 5.0),
    ("erfc", DType::F32, 0.75),
    ("erfc", DType::F64, 4.5),
    ("exponential", DType::F32, 1.75),
    ("exponential", DType::F64, 1.75),
    ("exponential_minus_one", DType::F32, 1.5),
    ("exponential_minus_one", DType::F64, 1.5),
    ("lgamma", DType::F32, 0.75),
    ("lgamma", DType::F64, 4.5),
    ("log", DType::F32, 1.75),
    ("log", DType::F64, 2.0),
    ("log_plus_one", DType::F32, 1.75),
    ("log_plus_one", DType::F64, 2.0),
    ("logistic", DType::F32, 2.0),
    ("logistic", DType::F64, 2.0),
    ("power", DType::F32, 0.75),
    ("power", DType::F64, 2.5),
    ("rsqrt", DType::F32, 1.5),
    ("rsqrt", DType::F64, 1.5),
    ("sine", DType::F32, 1.75),
    ("sine", DType::F64, 1.75),
    ("sinh", DType::F32, 1.5),
    ("sinh", DType::F64, 1.5),
    ("tan", DType::F32, 2.0),
    ("tan", DType::F64, 2.0),
    ("tanh", DType::F32, 1.75),
    ("tanh", DType::F64, 2.0),
];

/// The bound of an op in [`BOUNDS`]; 0.5 (correctly rounded, or exact) for an op that is not there.
///
/// Halves have the `f32` result, of which the error is a small part of their unit, rounded once.
pub fn error_bound(name: &str, dtype: DType) -> f64 {
    let of =
        |dtype: DType| BOUNDS.iter().find(|bound| bound.0 == name && bound.1 == dtype).map_or(0.5, |bound| bound.2);
    // The units in the last place of an `f32` in one of the half.
    let units = match dtype {
        DType::F16 => 2f64.powi(13),
        DType::BF16 => 2f64.powi(16),
        _ => return of(dtype),
    };
    match of(DType::F32) {
        bound if bound > 0.5 => 0.5 + bound / units,
        bound => bound,
    }
}

/// Adds a unary op to a body.
///
/// # Panics
/// The op does not take the operand's dtype.
pub fn expand_unary(body: &mut Body, op: UnaryOp, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    assert!(op.accepts(dtype), "{} does not take {dtype}", op.name());
    match op {
        UnaryOp::Abs => body.unary(Unary::Abs, x),
        UnaryOp::Acos => acos(body, x),
        UnaryOp::Acosh => acosh(body, x),
        UnaryOp::Asin => asin(body, x),
        UnaryOp::Asinh => asinh(body, x),
        UnaryOp::Atan => atan(body, x),
        UnaryOp::Atanh => atanh(body, x),
        UnaryOp::BesselI1e => bessel_i1e(body, x),
        UnaryOp::Cbrt => cbrt(body, x),
        UnaryOp::Ceil => body.unary(Unary::Ceil, x),
        UnaryOp::Cosh => cosh(body, x),
        UnaryOp::Cosine => cosine(body, x),
        UnaryOp::CountLeadingZeros => body.unary(Unary::CountLeadingZeros, x),
        UnaryOp::Digamma => digamma(body, x),
        UnaryOp::Erf => erf(body, x),
        UnaryOp::ErfInv => erf_inv(body, x),
        UnaryOp::Erfc => erfc(body, x),
        UnaryOp::Exponential => exponential(body, x),
        UnaryOp::ExponentialMinusOne => exponential_minus_one(body, x),
        UnaryOp::Floor => body.unary(Unary::Floor, x),
        UnaryOp::IsFinite => is_finite(body, x),
        UnaryOp::Lgamma => lgamma(body, x),
        UnaryOp::Log => log(body, x),
        UnaryOp::LogPlusOne => log_plus_one(body, x),
        UnaryOp::Logistic => logistic(body, x),
        UnaryOp::Negate => body.unary(Unary::Negate, x),
        UnaryOp::Not => body.unary(Unary::Not, x),
        UnaryOp::Popcnt => body.unary(Unary::PopulationCount, x),
        UnaryOp::RoundNearestAfz => round_nearest_afz(body, x),
        UnaryOp::RoundNearestEven => body.unary(Unary::Nearest, x),
        UnaryOp::Rsqrt => rsqrt(body, x),
        UnaryOp::Sign => sign(body, x),
        UnaryOp::Sine => sine(body, x),
        UnaryOp::Sinh => sinh(body, x),
        UnaryOp::Sqrt => body.unary(Unary::Sqrt, x),
        UnaryOp::Tan => tan(body, x),
        UnaryOp::Tanh => tanh(body, x),
    }
}

/// Adds a binary op to a body.
///
/// # Panics
/// The op does not take the operands' dtype, or they have two.
pub fn expand_binary(body: &mut Body, op: BinaryOp, x: Scalar, y: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    assert!(op.accepts(dtype), "{} does not take {dtype}", op.name());
    assert_eq!(dtype, body.dtype(y), "{} takes operands of one dtype", op.name());
    let is_bool = dtype == DType::Bool;
    let operation = match op {
        BinaryOp::Add | BinaryOp::Maximum if is_bool => Binary::Or,
        BinaryOp::Multiply | BinaryOp::Minimum if is_bool => Binary::And,
        BinaryOp::Add => Binary::Add,
        BinaryOp::And => Binary::And,
        BinaryOp::Atan2 => return atan2(body, x, y),
        BinaryOp::Divide => Binary::Divide,
        BinaryOp::Maximum => Binary::Maximum,
        BinaryOp::Minimum => Binary::Minimum,
        BinaryOp::Multiply => Binary::Multiply,
        BinaryOp::NextAfter => return next_after(body, x, y),
        BinaryOp::Or => Binary::Or,
        BinaryOp::Power if dtype.is_float() => return power(body, x, y),
        BinaryOp::Power => return integer_power(body, x, y),
        BinaryOp::Remainder if dtype.is_float() => return remainder(body, x, y),
        BinaryOp::Remainder => Binary::Remainder,
        BinaryOp::ShiftLeft => Binary::ShiftLeft,
        BinaryOp::ShiftRightArithmetic => Binary::ShiftRightArithmetic,
        BinaryOp::ShiftRightLogical => Binary::ShiftRightLogical,
        BinaryOp::Subtract => Binary::Subtract,
        BinaryOp::Xor => Binary::Xor,
    };
    body.binary(operation, x, y)
}

/// How a floating dtype is laid out.
#[derive(Clone, Copy)]
struct Format {
    /// The signed integer dtype of the same size.
    integer: DType,
    /// The bits of the fraction that are stored.
    fraction_bits: i64,
    /// The exponent field of 1.
    bias: i64,
    /// The bits of −0.
    sign: i64,
    /// `1.5·2ᶠʳᵃᶜᵗⁱᵒⁿ ᵇⁱᵗˢ`, to which a small number is added to round it to an integer.
    round: f64,
}

/// # Panics
/// The dtype is no float.
fn format(dtype: DType) -> Format {
    match dtype {
        DType::F32 => {
            Format { integer: DType::I32, fraction_bits: 23, bias: 127, sign: i64::from(i32::MIN), round: 12_582_912.0 }
        }
        DType::F64 => Format {
            integer: DType::I64,
            fraction_bits: 52,
            bias: 1023,
            sign: i64::MIN,
            round: 6_755_399_441_055_744.0,
        },
        other => panic!("{other} is not a floating dtype"),
    }
}

/// The bits of a float as a signed integer.
fn bits(body: &mut Body, x: Scalar) -> Scalar {
    let integer = format(body.dtype(x)).integer;
    body.bitcast(x, integer)
}

/// `x op constant`, for integers.
fn with_integer(body: &mut Body, operation: Binary, x: Scalar, constant: i64) -> Scalar {
    let constant = body.integer(constant, body.dtype(x));
    body.binary(operation, x, constant)
}

/// `x op constant`, for floats.
fn with_float(body: &mut Body, operation: Binary, x: Scalar, constant: f64) -> Scalar {
    let constant = body.float(constant, body.dtype(x));
    body.binary(operation, x, constant)
}

/// `x·y + constant`.
fn fma_constant(body: &mut Body, x: Scalar, y: Scalar, constant: f64) -> Scalar {
    let constant = body.float(constant, body.dtype(x));
    body.fma(x, y, constant)
}

/// `x·constant + y`.
fn fma_by_constant(body: &mut Body, x: Scalar, constant: f64, y: Scalar) -> Scalar {
    let constant = body.float(constant, body.dtype(x));
    body.fma(x, constant, y)
}

/// The larger one of a bound and `x`, and NaN if `x` is.
fn at_least(body: &mut Body, x: Scalar, bound: f64) -> Scalar {
    let bound = body.float(bound, body.dtype(x));
    let above = body.compare(Comparison::Gt, bound, x);
    body.select(above, bound, x)
}

/// The smaller one of a bound and `x`, and NaN if `x` is.
fn at_most(body: &mut Body, x: Scalar, bound: f64) -> Scalar {
    let bound = body.float(bound, body.dtype(x));
    let below = body.compare(Comparison::Lt, bound, x);
    body.select(below, bound, x)
}

/// The sign bit of `x`, alone, as an integer.
fn sign_bit(body: &mut Body, x: Scalar) -> Scalar {
    let sign = format(body.dtype(x)).sign;
    let bits = bits(body, x);
    with_integer(body, Binary::And, bits, sign)
}

/// A value whose sign bit is zero, with a sign bit.
fn with_sign(body: &mut Body, magnitude: Scalar, sign_bit: Scalar) -> Scalar {
    combine_sign(body, Binary::Or, magnitude, sign_bit)
}

/// A value with its sign flipped where a sign bit is one.
fn flip_sign(body: &mut Body, x: Scalar, sign_bit: Scalar) -> Scalar {
    combine_sign(body, Binary::Xor, x, sign_bit)
}

fn combine_sign(body: &mut Body, operation: Binary, x: Scalar, sign_bit: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let bits = bits(body, x);
    let signed = body.binary(operation, bits, sign_bit);
    body.bitcast(signed, dtype)
}

/// `c₀ + c₁x + c₂x² + …`, in one chain of fused multiply-adds up to four coefficients, in two (of x²) up to ten, else in
/// four (of x⁴).
fn polynomial(body: &mut Body, x: Scalar, coefficients: &[f64]) -> Scalar {
    let chains = match coefficients.len() {
        0..=4 => 1,
        5..=10 => 2,
        _ => 4,
    };
    polynomial_in_chains(body, x, coefficients, chains)
}

/// Splits into the even and the odd powers, until there are as many chains as wanted.
fn polynomial_in_chains(body: &mut Body, x: Scalar, coefficients: &[f64], chains: usize) -> Scalar {
    if chains > 1 {
        let even: Vec<f64> = coefficients.iter().copied().step_by(2).collect();
        let odd: Vec<f64> = coefficients.iter().copied().skip(1).step_by(2).collect();
        let square = body.multiply(x, x);
        let even = polynomial_in_chains(body, square, &even, chains / 2);
        let odd = polynomial_in_chains(body, square, &odd, chains / 2);
        return body.fma(odd, x, even);
    }
    let (last, others) = coefficients.split_last().expect("a polynomial has coefficients");
    let mut value = body.float(*last, body.dtype(x));
    for &coefficient in others.iter().rev() {
        value = fma_constant(body, value, x, coefficient);
    }
    value
}

/// `c₀ + c₁x + c₂x² + …` in two chains, of the low and of the high powers (from x⁴ or x⁸ on).
fn polynomial_in_halves(body: &mut Body, x: Scalar, coefficients: &[f64]) -> Scalar {
    let low_powers = if coefficients.len() < 12 { 4 } else { 8 };
    let (low, high) = coefficients.split_at(low_powers);
    let low = polynomial_in_chains(body, x, low, 1);
    let high = polynomial_in_chains(body, x, high, 1);
    let mut power = x;
    for _ in 0..low_powers.ilog2() {
        power = body.multiply(power, power);
    }
    body.fma(power, high, low)
}

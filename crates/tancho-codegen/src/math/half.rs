//! The 16-bit floats: between their bits, which memory holds, and the `f32` values that stand for them in a body.
//!
//! No instruction takes an f16 or a bf16. A half value is an `f32` value that its format holds exactly; an op on halves is the
//! op on those, and one rounding ([`round_to_half`]) where the result may have more bits. Notation: `b` are the bits of the
//! `f32` as `i32`, `a` those without the sign. The formats drop the low 13 (f16) or 16 (bf16) bits of a fraction; to round
//! halves to even, half of what the last kept bit is worth is added, less one where that bit is even, and carries where it
//! must, up to infinity in bf16. f16 has fewer exponents as well:
//!
//! - its exponent field is that of `f32` less 112, so that `a ≫ 13` and the bits of an f16 differ by `112 ≪ 10`;
//! - above 65504, its largest number, stands infinity, whose field is 31, which is 255 less 224;
//! - below 2⁻¹⁴ its numbers are the multiples of 2⁻²⁴, and so are the `f32`s in [½, 1): `½ + |x|` rounds to one of them, whose
//!   bits are those of ½ plus the multiple, which is what the f16's bits are. No operand there is subnormal in `f32`, which
//!   processors would be slow with.
//!
//! A NaN keeps its sign and the high bits of its payload, and is quiet where it was rounded.

use std::collections::HashMap;

use tancho_ir::ops::Comparison;
use tancho_tensor::{DType, bf16, f16};

use super::{with_float, with_integer};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// The exponent field of infinities and NaNs of `f32`, in place.
const F32_INFINITY: i64 = 0x7f80_0000;
/// The bit of an `f32` that makes a NaN quiet.
const F32_QUIET: i64 = 0x0040_0000;
/// The bits of 65520, the middle between the largest f16 and what would be the next, as `f32`.
const F16_OVERFLOW: i64 = 0x477f_f000;
/// The bits of 2⁻¹⁴, the least normal f16, as `f32`.
const F16_NORMAL: i64 = 113 << 23;

/// What is known of the half values of a body: the bits of those that were loaded, so that what only moves is copied, and
/// what the rounded ones were before, so that nothing is rounded twice.
#[derive(Clone, Debug, Default)]
pub struct Halves {
    /// By the `f32` value and the format.
    origins: HashMap<(Scalar, DType), Origin>,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    /// The `u16` value of the same half.
    Bits(Scalar),
    /// The `f32` value that was rounded.
    Unrounded(Scalar),
}

impl Halves {
    /// The `f32` value of a half that is there as bits (`u16`).
    pub fn from_bits(&mut self, body: &mut Body, bits: Scalar, dtype: DType) -> Scalar {
        let value = from_half_bits(body, bits, dtype);
        self.origins.entry((value, dtype)).or_insert(Origin::Bits(bits));
        value
    }

    /// The half next to an `f32` value, as an `f32` value; the value itself if it is known to be one.
    pub fn round(&mut self, body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
        if self.origins.contains_key(&(x, dtype)) {
            return x;
        }
        let value = round_to_half(body, x, dtype);
        self.origins.entry((value, dtype)).or_insert(Origin::Unrounded(x));
        value
    }

    /// The bits (`u16`) of an `f32` value that is a half.
    pub fn to_bits(&mut self, body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
        match self.origins.get(&(x, dtype)) {
            Some(&Origin::Bits(bits)) => bits,
            Some(&Origin::Unrounded(before)) => to_half_bits(body, before, dtype),
            None => exact_half_bits(body, x, dtype),
        }
    }

    /// The `f32` value of a constant half.
    pub fn constant(&mut self, body: &mut Body, bits: u64, dtype: DType) -> Scalar {
        let bits = body.constant_bits(bits, DType::U16);
        self.from_bits(body, bits, dtype)
    }
}

/// The `f32` value of the bits of a half, which are a `u16`. Exact.
///
/// # Panics
/// The dtype is no half.
pub fn from_half_bits(body: &mut Body, bits: Scalar, dtype: DType) -> Scalar {
    if let Some(bits) = body.as_constant(bits) {
        return constant(body, bits as u16, dtype);
    }
    let wide = body.convert(bits, DType::I32);
    if dtype == DType::BF16 {
        let bits = with_integer(body, Binary::ShiftLeft, wide, 16);
        return body.bitcast(bits, DType::F32);
    }
    assert_eq!(dtype, DType::F16, "{dtype} is not a 16-bit float");
    let magnitude = with_integer(body, Binary::And, wide, 0x7fff);
    let magnitude = with_integer(body, Binary::ShiftLeft, magnitude, 13);
    let normal = with_integer(body, Binary::Add, magnitude, 112 << 23);
    let infinite = with_integer(body, Binary::Add, magnitude, 224 << 23);
    // With the field of 2⁻¹⁴, which has no leading bit here, the value has 2⁻¹⁴ too much.
    let above = with_integer(body, Binary::Add, magnitude, F16_NORMAL);
    let above = body.bitcast(above, DType::F32);
    let subnormal = with_float(body, Binary::Subtract, above, 2f64.powi(-14));
    let subnormal = body.bitcast(subnormal, DType::I32);
    let is_infinite = compare(body, Comparison::Ge, magnitude, 0x7c00 << 13);
    let is_subnormal = compare(body, Comparison::Lt, magnitude, 0x0400 << 13);
    let value = body.select(is_infinite, infinite, normal);
    let value = body.select(is_subnormal, subnormal, value);
    let sign = with_integer(body, Binary::And, wide, 0x8000);
    let sign = with_integer(body, Binary::ShiftLeft, sign, 16);
    let value = body.binary(Binary::Or, value, sign);
    body.bitcast(value, DType::F32)
}

/// The half next to an `f32` value, halves to even, as an `f32` value.
///
/// # Panics
/// The dtype is no half.
pub fn round_to_half(body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
    if let Some(bits) = body.as_constant(x) {
        return constant(body, rounded(bits, dtype), dtype);
    }
    let bits = body.bitcast(x, DType::I32);
    let is_nan = body.compare(Comparison::Ne, x, x);
    if dtype == DType::BF16 {
        let rounded = round_bits(body, bits, 16);
        let quiet = with_integer(body, Binary::Or, bits, F32_QUIET);
        let rounded = body.select(is_nan, quiet, rounded);
        let kept = with_integer(body, Binary::And, rounded, -1 << 16);
        return body.bitcast(kept, DType::F32);
    }
    assert_eq!(dtype, DType::F16, "{dtype} is not a 16-bit float");
    let magnitude = with_integer(body, Binary::And, bits, i64::from(i32::MAX));
    let sign = body.binary(Binary::Xor, bits, magnitude);
    let rounded = round_bits(body, magnitude, 13);
    let overflows = compare(body, Comparison::Ge, magnitude, F16_OVERFLOW);
    let infinity = body.integer(F32_INFINITY, DType::I32);
    let value = body.select(overflows, infinity, rounded);
    let quiet = with_integer(body, Binary::Or, magnitude, F32_QUIET);
    let value = body.select(is_nan, quiet, value);
    let value = with_integer(body, Binary::And, value, -1 << 13);
    let sum = above_half(body, magnitude);
    let subnormal = with_float(body, Binary::Subtract, sum, 0.5);
    let subnormal = body.bitcast(subnormal, DType::I32);
    let is_subnormal = compare(body, Comparison::Lt, magnitude, F16_NORMAL);
    let value = body.select(is_subnormal, subnormal, value);
    let value = body.binary(Binary::Or, value, sign);
    body.bitcast(value, DType::F32)
}

/// The bits (`u16`) of the half next to an `f32` value, halves to even.
///
/// # Panics
/// The dtype is no half.
pub fn to_half_bits(body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
    if let Some(bits) = body.as_constant(x) {
        return body.constant_bits(u64::from(rounded(bits, dtype)), DType::U16);
    }
    let bits = body.bitcast(x, DType::I32);
    let is_nan = body.compare(Comparison::Ne, x, x);
    if dtype == DType::BF16 {
        let rounded = round_bits(body, bits, 16);
        let quiet = with_integer(body, Binary::Or, bits, F32_QUIET);
        let rounded = body.select(is_nan, quiet, rounded);
        let high = with_integer(body, Binary::ShiftRightLogical, rounded, 16);
        return body.convert(high, DType::U16);
    }
    assert_eq!(dtype, DType::F16, "{dtype} is not a 16-bit float");
    let magnitude = with_integer(body, Binary::And, bits, i64::from(i32::MAX));
    let normal = round_bits(body, magnitude, 13);
    let normal = with_integer(body, Binary::Subtract, normal, 112 << 23);
    let quiet = with_integer(body, Binary::Or, magnitude, F32_QUIET);
    let quiet = with_integer(body, Binary::Subtract, quiet, 224 << 23);
    let overflows = compare(body, Comparison::Ge, magnitude, F16_OVERFLOW);
    let infinity = body.integer(0x7c00 << 13, DType::I32);
    let value = body.select(overflows, infinity, normal);
    let value = body.select(is_nan, quiet, value);
    f16_bits(body, bits, magnitude, value)
}

/// The bits (`u16`) of an `f32` value that is a half.
///
/// # Panics
/// The dtype is no half.
pub fn exact_half_bits(body: &mut Body, x: Scalar, dtype: DType) -> Scalar {
    if let Some(bits) = body.as_constant(x) {
        return body.constant_bits(u64::from(rounded(bits, dtype)), DType::U16);
    }
    let bits = body.bitcast(x, DType::I32);
    if dtype == DType::BF16 {
        let high = with_integer(body, Binary::ShiftRightLogical, bits, 16);
        return body.convert(high, DType::U16);
    }
    assert_eq!(dtype, DType::F16, "{dtype} is not a 16-bit float");
    let magnitude = with_integer(body, Binary::And, bits, i64::from(i32::MAX));
    let normal = with_integer(body, Binary::Subtract, magnitude, 112 << 23);
    let infinite = with_integer(body, Binary::Subtract, magnitude, 224 << 23);
    let is_infinite = compare(body, Comparison::Ge, magnitude, F32_INFINITY);
    let value = body.select(is_infinite, infinite, normal);
    f16_bits(body, bits, magnitude, value)
}

/// The bits of an f16 from those of an `f32`, and its own shifted to the left by 13 if it is not subnormal.
fn f16_bits(body: &mut Body, bits: Scalar, magnitude: Scalar, shifted: Scalar) -> Scalar {
    let value = with_integer(body, Binary::ShiftRightLogical, shifted, 13);
    let sum = above_half(body, magnitude);
    let sum = body.bitcast(sum, DType::I32);
    let subnormal = with_integer(body, Binary::Subtract, sum, i64::from(0.5f32.to_bits()));
    let is_subnormal = compare(body, Comparison::Lt, magnitude, F16_NORMAL);
    let value = body.select(is_subnormal, subnormal, value);
    let sign = with_integer(body, Binary::ShiftRightLogical, bits, 16);
    let sign = with_integer(body, Binary::And, sign, 0x8000);
    let value = body.binary(Binary::Or, value, sign);
    body.convert(value, DType::U16)
}

/// `½ + |x|`, of the bits of `|x|`.
fn above_half(body: &mut Body, magnitude: Scalar) -> Scalar {
    let magnitude = body.bitcast(magnitude, DType::F32);
    with_float(body, Binary::Add, magnitude, 0.5)
}

/// Adds what carries into the kept bits where they are to be rounded up; the dropped bits stay.
fn round_bits(body: &mut Body, bits: Scalar, dropped: i64) -> Scalar {
    let last = with_integer(body, Binary::ShiftRightLogical, bits, dropped);
    let odd = with_integer(body, Binary::And, last, 1);
    let carry = with_integer(body, Binary::Add, odd, (1 << (dropped - 1)) - 1);
    body.add(bits, carry)
}

fn compare(body: &mut Body, comparison: Comparison, x: Scalar, constant: i64) -> Scalar {
    let constant = body.integer(constant, body.dtype(x));
    body.compare(comparison, x, constant)
}

/// The bits of the half next to the `f32` of some bits.
fn rounded(bits: u64, dtype: DType) -> u16 {
    let value = f32::from_bits(bits as u32);
    match dtype {
        DType::BF16 => bf16::from_f32(value).to_bits(),
        _ => f16::from_f32(value).to_bits(),
    }
}

fn constant(body: &mut Body, bits: u16, dtype: DType) -> Scalar {
    let value = match dtype {
        DType::BF16 => bf16::from_bits(bits).to_f32(),
        _ => f16::from_bits(bits).to_f32(),
    };
    body.constant_bits(u64::from(value.to_bits()), DType::F32)
}

/// A number of another dtype as a half, rounded once.
///
/// Where `f32` does not hold the number, it is first rounded *to odd*: an inexact result is the neighbour whose last bit is 1.
/// Then the second rounding still sees on which side of a middle the number lies, as `f32` has more than two bits more.
pub fn convert_to_half(body: &mut Body, halves: &mut Halves, x: Scalar, dtype: DType) -> Scalar {
    let from = body.dtype(x);
    let value = match from {
        DType::F32 => x,
        DType::F64 => double_to_odd(body, x),
        DType::Bool => {
            let (one, zero) = (body.float(1.0, DType::F32), body.float(0.0, DType::F32));
            return body.select(x, one, zero);
        }
        // Both formats hold these.
        DType::I8 | DType::U8 => return body.convert(x, DType::F32),
        DType::I16 | DType::U16 => body.convert(x, DType::F32),
        // What `f32` does not hold is infinite in f16.
        DType::I32 | DType::I64 | DType::U32 | DType::U64 if dtype == DType::F16 => body.convert(x, DType::F32),
        DType::I32 | DType::U32 => {
            let x = integer_to_odd(body, x, 24);
            body.convert(x, DType::F32)
        }
        DType::I64 | DType::U64 => {
            let x = integer_to_odd(body, x, 53);
            let x = body.convert(x, DType::F64);
            double_to_odd(body, x)
        }
        DType::F16 | DType::BF16 => unreachable!("bodies hold no values of {from}"),
    };
    halves.round(body, value, dtype)
}

/// An `f64` as `f32`, to odd.
fn double_to_odd(body: &mut Body, x: Scalar) -> Scalar {
    let nearest = body.convert(x, DType::F32);
    let back = body.convert(nearest, DType::F64);
    let (x, back) = (body.unary(Unary::Abs, x), body.unary(Unary::Abs, back));
    let is_smaller = body.compare(Comparison::Lt, back, x);
    let is_larger = body.compare(Comparison::Gt, back, x);
    let bits = body.bitcast(nearest, DType::I32);
    let one = body.integer(1, DType::I32);
    // With an odd last bit the nearest is the odd neighbour; with an even one, the next on the other side of the number is.
    let odd = body.binary(Binary::Or, bits, one);
    let below = body.subtract(bits, one);
    let odd_below = body.binary(Binary::Or, below, one);
    let value = body.select(is_smaller, odd, bits);
    let value = body.select(is_larger, odd_below, value);
    body.bitcast(value, DType::F32)
}

/// An integer of at least 2 to the power of `precision`, to odd, such that a float of that precision holds it; a smaller one
/// as it is.
fn integer_to_odd(body: &mut Body, x: Scalar, precision: i64) -> Scalar {
    let dtype = body.dtype(x);
    let dropped = dtype.bits() as i64 - precision;
    let mask = (1 << dropped) - 1;
    let low = with_integer(body, Binary::And, x, mask);
    // One at the last kept bit if a dropped bit is one.
    let carried = with_integer(body, Binary::Add, low, mask);
    let sticky = with_integer(body, Binary::And, carried, 1 << dropped);
    let kept = with_integer(body, Binary::And, x, !mask);
    let odd = body.binary(Binary::Or, kept, sticky);
    let magnitude = if dtype.is_signed() { body.unary(Unary::Abs, x) } else { x };
    // The least signed integer has no magnitude, and no low bits.
    let is_large = compare(body, Comparison::Ge, magnitude, 1 << precision);
    body.select(is_large, odd, x)
}

/// The next half after `x` towards `y`; `y` where both are equal.
pub fn next_after_half(body: &mut Body, halves: &mut Halves, x: Scalar, y: Scalar, dtype: DType) -> Scalar {
    let bits = halves.to_bits(body, x, dtype);
    let y_bits = halves.to_bits(body, y, dtype);
    let zero = body.float(0.0, DType::F32);
    // The bits without the sign are the number of the magnitude, which goes up by one away from zero.
    let one = body.integer(1, DType::U16);
    let (up, down) = (body.add(bits, one), body.subtract(bits, one));
    let is_positive = body.compare(Comparison::Gt, x, zero);
    let is_above = body.compare(Comparison::Gt, y, x);
    let differ = body.binary(Binary::Xor, is_positive, is_above);
    let next = body.select(differ, down, up);
    let sign = with_integer(body, Binary::And, y_bits, 0x8000);
    let least = with_integer(body, Binary::Or, sign, 1);
    let is_zero = body.compare(Comparison::Eq, x, zero);
    let next = body.select(is_zero, least, next);
    let is_equal = body.compare(Comparison::Eq, x, y);
    let next = body.select(is_equal, y_bits, next);
    let (x_nan, y_nan) = (body.compare(Comparison::Ne, x, x), body.compare(Comparison::Ne, y, y));
    let next = body.select(y_nan, y_bits, next);
    let next = body.select(x_nan, bits, next);
    halves.from_bits(body, next, dtype)
}

/// Rounds a half to a format of fewer bits, as the op `reduce_precision` does: on the half's own bits, since its subnormal
/// numbers are none in `f32`.
pub fn reduce_precision_half(
    body: &mut Body,
    halves: &mut Halves,
    x: Scalar,
    dtype: DType,
    [exponent_bits, mantissa_bits]: [u32; 2],
) -> Scalar {
    let (own_exponent_bits, own_mantissa_bits) = if dtype == DType::F16 { (5u32, 10i64) } else { (8, 7) };
    let own = halves.to_bits(body, x, dtype);
    let wide = body.convert(own, DType::I32);
    let sign = with_integer(body, Binary::And, wide, 0x8000);
    let mut magnitude = with_integer(body, Binary::And, wide, 0x7fff);
    let dropped = own_mantissa_bits - i64::from(mantissa_bits);
    if dropped > 0 {
        let rounded = round_bits(body, magnitude, dropped);
        magnitude = with_integer(body, Binary::And, rounded, -1 << dropped);
    }
    if exponent_bits < own_exponent_bits {
        let own_bias = (1i64 << (own_exponent_bits - 1)) - 1;
        let bias = (1i64 << (exponent_bits - 1)) - 1;
        let infinity = ((1i64 << own_exponent_bits) - 1) << own_mantissa_bits;
        let overflows = compare(body, Comparison::Ge, magnitude, (own_bias + bias + 1) << own_mantissa_bits);
        let underflows = compare(body, Comparison::Lt, magnitude, (own_bias - bias + 1) << own_mantissa_bits);
        let (infinity, zero) = (body.integer(infinity, DType::I32), body.integer(0, DType::I32));
        magnitude = body.select(overflows, infinity, magnitude);
        magnitude = body.select(underflows, zero, magnitude);
    }
    let value = body.binary(Binary::Or, magnitude, sign);
    let is_nan = body.compare(Comparison::Ne, x, x);
    let value = body.select(is_nan, wide, value);
    let value = body.convert(value, DType::U16);
    halves.from_bits(body, value, dtype)
}

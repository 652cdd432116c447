//! Conversions between dtypes, and between the widths of lanes.
//!
//! A conversion of integers to floats rounds once; one of floats to integers truncates and saturates, and NaN gives zero.
//! The 256-bit class has instructions for signed integers of 4 bytes alone; the others are sums of halves that are exact,
//! placed in the mantissas of powers of two.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::codes::{Does, Resizes};
use super::operations::{Lowering, Parts};
use super::program::{Home, Op, Shape, Value};
use crate::kernel::Binary;

/// 2⁵², in whose mantissa the lowest bit counts 1.
const TWO_52: f64 = 4503599627370496.0;
/// 2⁸⁴, in whose mantissa the lowest bit counts 2³².
const TWO_84: f64 = 19342813113834066795298816.0;
const TWO_63: f64 = 9223372036854775808.0;

impl Lowering<'_> {
    /// A value as another dtype; a `bool` is a mask as wide as what it becomes.
    pub(super) fn convert(&mut self, from: DType, to: DType, x: Parts) -> Option<Parts> {
        if from == to {
            return Some(x);
        }
        if to == DType::Bool {
            self.class = self.narrowest.of(from.size());
            let zero = self.constant(0);
            return self.each([x], |lowering, [x]| lowering.compare(Comparison::Ne, from, x, zero));
        }
        self.class = self.narrowest.of(to.size());
        if from == DType::Bool {
            let one = if to.is_float() { self.float(1.0) } else { self.constant(1) };
            return self.each([x], |lowering, [x]| lowering.two(Does::And, x, one));
        }
        match (from.size(), to.size()) {
            (4, 8) => self.convert_to_wide(from, to, x),
            (8, 4) => self.convert_to_narrow(from, to, x),
            _ => self.each([x], |lowering, [x]| lowering.convert_alike(from, to, x)),
        }
    }

    /// Between dtypes of one width.
    fn convert_alike(&mut self, from: DType, to: DType, x: Value) -> Option<Value> {
        let bits = self.class.lane_bytes as i32 * 8;
        match (from.is_float(), to.is_float()) {
            (false, false) => Some(x),
            (true, true) => (from == to).then_some(x),
            (false, true) => {
                let does = if from.is_signed() { Does::SignedToFloat } else { Does::UnsignedToFloat };
                if self.class.code(does).is_some() {
                    return self.one(does, x, None);
                }
                if bits == 64 {
                    return self.wide_integer_to_float(from.is_signed(), x);
                }
                // Both halves are exact, and their sum rounds once.
                let mask = self.constant(0xffff);
                let (high, low) = (self.shift(Binary::ShiftRightLogical, x, 16)?, self.two(Does::And, x, mask)?);
                let (x, z) = (self.one(Does::SignedToFloat, high, None)?, self.one(Does::SignedToFloat, low, None)?);
                let y = self.float(65536.0);
                Some(self.multiply_add(x, y, z))
            }
            (true, false) if to.is_signed() => {
                // What does not fit becomes the least integer. Of large numbers all bits are flipped, NaN is cleared.
                let converted = self.one(Does::FloatToSigned, x, None)?;
                let limit = self.float(2f64.powi(bits - 1));
                let is_large = self.compare(Comparison::Ge, from, x, limit)?;
                let is_number = self.compare(Comparison::Eq, from, x, x)?;
                let saturated = self.two(Does::Xor, converted, is_large)?;
                self.two(Does::And, saturated, is_number)
            }
            (true, false) => None,
        }
    }

    /// An integer of 8 bytes as a float: the upper half (of a signed one, 2³¹ more than it) is the mantissa of 2⁸⁴, the
    /// lower half that of 2⁵². The difference of the former from both powers is exact; the sum with the latter rounds.
    fn wide_integer_to_float(&mut self, is_signed: bool, x: Value) -> Option<Value> {
        let high = self.shift(Binary::ShiftRightLogical, x, 32)?;
        let (flipped, bias) = if is_signed { (1 << 31, TWO_63) } else { (0, 0.0) };
        let exponent = self.constant(TWO_84.to_bits() | flipped);
        let high = self.two(Does::Xor, high, exponent)?;
        let both = self.float(TWO_84 + bias + TWO_52);
        let high = self.two(Does::SubtractFloats, high, both)?;
        let low = self.low_half_as_float(x)?;
        self.two(Does::AddFloats, high, low)
    }

    /// 2⁵² and the lower half of an integer of 8 bytes, as a float.
    fn low_half_as_float(&mut self, x: Value) -> Option<Value> {
        let (half, exponent) = (self.constant(0xffff_ffff), self.float(TWO_52));
        let low = self.two(Does::And, x, half)?;
        self.two(Does::Or, low, exponent)
    }

    /// From 4 to 8 bytes.
    fn convert_to_wide(&mut self, from: DType, to: DType, x: Parts) -> Option<Parts> {
        match (from, to.is_float()) {
            (DType::F32, true) => self.widen(Resizes::FloatToWide, x),
            (DType::F32, false) => None,
            (DType::I32, true) => self.widen(Resizes::SignedToWideFloat, x),
            (_, true) => {
                let x = self.widen(Resizes::UnsignedToWide, x)?;
                let exponent = self.float(TWO_52);
                self.each([x], |lowering, [x]| {
                    let sum = lowering.two(Does::Or, x, exponent)?;
                    lowering.two(Does::SubtractFloats, sum, exponent)
                })
            }
            (DType::I32, false) => self.widen(Resizes::SignedToWide, x),
            (_, false) => self.widen(Resizes::UnsignedToWide, x),
        }
    }

    /// From 8 to 4 bytes.
    fn convert_to_narrow(&mut self, from: DType, to: DType, x: Parts) -> Option<Parts> {
        let narrow = self.class;
        self.class = narrow.of(8);
        let result = match (from, to.is_float()) {
            (DType::F64, true) => self.narrow(Resizes::WideFloatToFloat, x),
            (DType::F64, false) if to.is_signed() => {
                let x = self.each([x], |lowering, [x]| {
                    let x = lowering.number_or_zero(x)?;
                    let most = lowering.float(f64::from(i32::MAX));
                    // What is too small becomes the least integer by itself.
                    lowering.two(Does::LesserFloats, x, most)
                })?;
                self.narrow(Resizes::WideFloatToSigned, x)
            }
            (DType::F64, false) => {
                let x = self.each([x], |lowering, [x]| {
                    let x = lowering.number_or_zero(x)?;
                    let (least, most) = (lowering.float(0.0), lowering.float(f64::from(u32::MAX)));
                    let x = lowering.two(Does::GreaterFloats, x, least)?;
                    let x = lowering.two(Does::LesserFloats, x, most)?;
                    // Towards zero, without the exception of inexact results.
                    let x = lowering.one(Does::Round, x, Some(8 | 3))?;
                    let exponent = lowering.float(TWO_52);
                    lowering.two(Does::AddFloats, x, exponent)
                })?;
                self.lower_words(x)
            }
            (_, false) => self.lower_words(x),
            (_, true) => {
                let x = self.each([x], |lowering, [x]| {
                    let x = lowering.rounded_to_odd(from, x)?;
                    lowering.convert_alike(from, DType::F64, x)
                })?;
                self.narrow(Resizes::WideFloatToFloat, x)
            }
        };
        self.class = narrow;
        result
    }

    /// Zero in place of NaN.
    fn number_or_zero(&mut self, x: Value) -> Option<Value> {
        let is_number = self.compare(Comparison::Eq, DType::F64, x, x)?;
        self.two(Does::And, x, is_number)
    }

    /// An integer of 8 bytes that a float of 8 bytes holds, and that rounds to the same float of 4 bytes: of larger ones
    /// the bits below 2¹¹ are dropped, and the lowest of the others says whether they were all zero.
    fn rounded_to_odd(&mut self, dtype: DType, x: Value) -> Option<Value> {
        let dropped = self.constant(0x7ff);
        let low = self.two(Does::And, x, dropped)?;
        let carried = self.two(Does::Add, low, dropped)?;
        let joined = self.two(Does::Or, x, carried)?;
        let rounded = self.two(Does::AndNot, dropped, joined)?;
        // Below 2⁵³ in magnitude.
        let (biased, bits) = if dtype.is_signed() {
            let bias = self.constant(1 << 53);
            (self.two(Does::Add, x, bias)?, 54)
        } else {
            (x, 53)
        };
        let high = self.shift(Binary::ShiftRightLogical, biased, bits)?;
        let zero = self.constant(0);
        let is_small = self.compare(Comparison::Eq, dtype, high, zero)?;
        Some(self.select(is_small, x, rounded))
    }

    fn resize(&mut self, does: Resizes, x: Value) -> Option<Value> {
        let code = self.class.resize(does)?;
        let is_widening = matches!(
            does,
            Resizes::SignedToWide | Resizes::UnsignedToWide | Resizes::FloatToWide | Resizes::SignedToWideFloat
        );
        let shape = if is_widening { Shape::Widening } else { Shape::Narrowing };
        // These have their result where others have an operand in memory.
        let in_register = matches!(does, Resizes::UpperHalf | Resizes::LowerWords);
        let immediate = (does == Resizes::UpperHalf).then_some(1);
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::One { code, to, x, immediate, in_register, shape });
        Some(to)
    }

    /// Lanes of 4 bytes as lanes of 8.
    pub(super) fn widen(&mut self, does: Resizes, [x, _]: Parts) -> Option<Parts> {
        let low = self.resize(does, x)?;
        if self.is_row {
            return Some([low; 2]);
        }
        let upper = self.resize(Resizes::UpperHalf, x)?;
        Some([low, self.resize(does, upper)?])
    }

    /// Lanes of 8 bytes as lanes of 4.
    fn narrow(&mut self, does: Resizes, x: Parts) -> Option<Parts> {
        let [low, high] = self.each([x], |lowering, [x]| lowering.resize(does, x))?;
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::Join { to, x: low, y: high });
        Some([to; 2])
    }

    /// The lower halves of lanes of 8 bytes.
    pub(super) fn lower_words(&mut self, x: Parts) -> Option<Parts> {
        if self.class.is_zmm {
            return self.narrow(Resizes::LowerWords, x);
        }
        let [(shuffle, even), (permute, in_order)] = self.class.even_words();
        let (mixed, to) = (self.program.value(Home::Computed), self.program.value(Home::Computed));
        self.program.ops.push(Op::Two { code: shuffle, to: mixed, x: x[0], y: x[1], immediate: Some(even) });
        let immediate = Some(in_order);
        self.program.ops.push(Op::One {
            code: permute,
            to,
            x: mixed,
            immediate,
            in_register: false,
            shape: Shape::Whole,
        });
        Some([to; 2])
    }
}

//! The ops on single elements, for each dtype.
//!
//! Integer and IEEE arithmetic is exact in Rust, and stands here as the op set's documentation has it. Elementary
//! functions are computed in `f64` by `libm` and rounded to the dtype: for `f32` that is the correctly rounded result
//! but in the rare case that the `f64` result, which is off by less than one of its own units, lies next to the middle
//! of two `f32` neighbours. For `f64` the result is that of `libm`, within one unit in the last place (two for the
//! compositions `logistic` and `rsqrt`).

use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::Element;

use crate::special;

/// An element and the ops on it.
pub(crate) trait Scalar: Element + ConvertTo<bool> {
    /// +0 or false.
    const ZERO: Self;
    /// 1 or true.
    const ONE: Self;
    /// The least value, −∞ for floats.
    const LEAST: Self;
    /// The largest value, ∞ for floats.
    const GREATEST: Self;
    /// The value whose bits are all one; true.
    const ALL_ONES: Self;

    /// `None` where the op does not take the dtype, and for `is_finite`, which gives another dtype.
    fn unary(op: UnaryOp, x: Self) -> Option<Self>;

    /// `None` where the op does not take the dtype.
    fn binary(op: BinaryOp, x: Self, y: Self) -> Option<Self>;

    /// `x · y + sum` with one rounding; wraps for integers.
    fn multiply_add(x: Self, y: Self, sum: Self) -> Self;

    fn is_finite(self) -> bool;

    fn is_nan(self) -> bool;

    /// The element's bits, the others zero.
    fn to_word(self) -> u64;

    /// The element of some bits; the others do not count.
    fn from_word(word: u64) -> Self;
}

/// The op `convert` from one element type to another.
pub(crate) trait ConvertTo<To> {
    fn convert(self) -> To;
}

// Rust's `as` is the op's definition: integers keep their low bits, what becomes a float rounds to nearest even, and
// floats become integers by truncation that saturates, NaN becomes 0.
macro_rules! convert_numbers {
    ($($from:ident),*) => {$(
        convert_numbers!(@from $from => f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

        impl ConvertTo<bool> for $from {
            fn convert(self) -> bool {
                self != 0 as $from
            }
        }

        impl ConvertTo<$from> for bool {
            fn convert(self) -> $from {
                if self { 1 as $from } else { 0 as $from }
            }
        }
    )*};
    (@from $from:ident => $($to:ident),*) => {$(
        impl ConvertTo<$to> for $from {
            #[allow(clippy::unnecessary_cast)]
            fn convert(self) -> $to {
                self as $to
            }
        }
    )*};
}
convert_numbers!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl ConvertTo<bool> for bool {
    fn convert(self) -> bool {
        self
    }
}

macro_rules! float {
    ($float:ident, $remainder:path) => {
        impl Scalar for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = $float::NEG_INFINITY;
            const GREATEST: Self = $float::INFINITY;
            const ALL_ONES: Self = $float::from_bits(!0);

            fn unary(op: UnaryOp, x: Self) -> Option<Self> {
                #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
                let in_f64 = |function: fn(f64) -> f64| function(f64::from(x)) as $float;
                Some(match op {
                    UnaryOp::Abs => x.abs(),
                    UnaryOp::Cbrt => in_f64(libm::cbrt),
                    UnaryOp::Ceil => x.ceil(),
                    UnaryOp::Cosine => in_f64(libm::cos),
                    UnaryOp::Erf => in_f64(libm::erf),
                    UnaryOp::Exponential => in_f64(libm::exp),
                    UnaryOp::ExponentialMinusOne => in_f64(libm::expm1),
                    UnaryOp::Floor => x.floor(),
                    UnaryOp::Log => in_f64(libm::log),
                    UnaryOp::LogPlusOne => in_f64(libm::log1p),
                    UnaryOp::Logistic => in_f64(logistic),
                    UnaryOp::Negate => -x,
                    UnaryOp::RoundNearestAfz => x.round(),
                    UnaryOp::RoundNearestEven => x.round_ties_even(),
                    UnaryOp::Rsqrt => in_f64(|x| 1.0 / x.sqrt()),
                    UnaryOp::Sign if x.is_nan() || x == 0.0 => x,
                    UnaryOp::Sign => (1.0 as $float).copysign(x),
                    UnaryOp::Sine => in_f64(libm::sin),
                    UnaryOp::Sqrt => x.sqrt(),
                    UnaryOp::Tan => in_f64(libm::tan),
                    UnaryOp::Tanh => in_f64(libm::tanh),
                    // Special functions.
                    UnaryOp::Acos => in_f64(libm::acos),
                    // `libm` does not give NaN below −1.
                    UnaryOp::Acosh if x < 1.0 => $float::NAN,
                    UnaryOp::Acosh => in_f64(libm::acosh),
                    UnaryOp::Asin => in_f64(libm::asin),
                    UnaryOp::Asinh => in_f64(libm::asinh),
                    UnaryOp::Atan => in_f64(libm::atan),
                    UnaryOp::Atanh => in_f64(libm::atanh),
                    UnaryOp::BesselI1e => in_f64(special::bessel_i1e),
                    UnaryOp::Cosh => in_f64(libm::cosh),
                    UnaryOp::Digamma => in_f64(special::digamma),
                    UnaryOp::ErfInv => in_f64(special::erf_inv),
                    UnaryOp::Erfc => in_f64(libm::erfc),
                    UnaryOp::Lgamma => in_f64(libm::lgamma),
                    UnaryOp::Sinh => in_f64(libm::sinh),
                    UnaryOp::CountLeadingZeros | UnaryOp::IsFinite | UnaryOp::Not | UnaryOp::Popcnt => return None,
                })
            }

            fn binary(op: BinaryOp, x: Self, y: Self) -> Option<Self> {
                #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
                let in_f64 = |function: fn(f64, f64) -> f64| function(f64::from(x), f64::from(y)) as $float;
                Some(match op {
                    BinaryOp::Add => x + y,
                    BinaryOp::Atan2 => in_f64(libm::atan2),
                    BinaryOp::Divide => x / y,
                    BinaryOp::Maximum | BinaryOp::Minimum if x.is_nan() || y.is_nan() => $float::NAN,
                    // Equal values differ at most in the sign of a zero.
                    BinaryOp::Maximum => {
                        if x > y || (x == y && x.is_sign_positive()) {
                            x
                        } else {
                            y
                        }
                    }
                    BinaryOp::Minimum => {
                        if x < y || (x == y && x.is_sign_negative()) {
                            x
                        } else {
                            y
                        }
                    }
                    BinaryOp::Multiply => x * y,
                    BinaryOp::NextAfter if x.is_nan() || y.is_nan() => $float::NAN,
                    BinaryOp::NextAfter if x == y => y,
                    // The least number of the sign of the right one.
                    BinaryOp::NextAfter if x == 0.0 => $float::from_bits(1).copysign(y),
                    // The bits of numbers of one sign are in the order of their magnitudes.
                    BinaryOp::NextAfter if (x < y) == (x > 0.0) => $float::from_bits(x.to_bits() + 1),
                    BinaryOp::NextAfter => $float::from_bits(x.to_bits() - 1),
                    BinaryOp::Power => in_f64(libm::pow),
                    BinaryOp::Remainder => $remainder(x, y),
                    BinaryOp::Subtract => x - y,
                    BinaryOp::And
                    | BinaryOp::Or
                    | BinaryOp::ShiftLeft
                    | BinaryOp::ShiftRightArithmetic
                    | BinaryOp::ShiftRightLogical
                    | BinaryOp::Xor => return None,
                })
            }

            fn multiply_add(x: Self, y: Self, sum: Self) -> Self {
                x.mul_add(y, sum)
            }

            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }

            fn is_nan(self) -> bool {
                <$float>::is_nan(self)
            }

            #[allow(clippy::useless_conversion)]
            fn to_word(self) -> u64 {
                u64::from(self.to_bits())
            }

            #[allow(clippy::unnecessary_cast)]
            fn from_word(word: u64) -> Self {
                $float::from_bits(word as _)
            }
        }
    };
}
float!(f32, libm::fmodf);
float!(f64, libm::fmod);

/// `1 / (1 + e⁻ˣ)`, from the side on which the exponential does not overflow.
fn logistic(x: f64) -> f64 {
    if x < 0.0 {
        let exponential = libm::exp(x);
        exponential / (1.0 + exponential)
    } else {
        1.0 / (1.0 + libm::exp(-x))
    }
}

macro_rules! integer {
    ($integer:ident, $signed:ident, $unsigned:ident) => {
        impl Scalar for $integer {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = $integer::MIN;
            const GREATEST: Self = $integer::MAX;
            const ALL_ONES: Self = !0;

            fn unary(op: UnaryOp, x: Self) -> Option<Self> {
                let is_signed = Self::DTYPE.is_signed();
                Some(match op {
                    UnaryOp::Abs if is_signed => (x as $signed).wrapping_abs() as $integer,
                    UnaryOp::CountLeadingZeros => x.leading_zeros() as $integer,
                    UnaryOp::Negate => x.wrapping_neg(),
                    UnaryOp::Not => !x,
                    UnaryOp::Popcnt => x.count_ones() as $integer,
                    UnaryOp::Sign if is_signed => (x as $signed).signum() as $integer,
                    UnaryOp::Abs
                    | UnaryOp::Acos
                    | UnaryOp::Acosh
                    | UnaryOp::Asin
                    | UnaryOp::Asinh
                    | UnaryOp::Atan
                    | UnaryOp::Atanh
                    | UnaryOp::BesselI1e
                    | UnaryOp::Cosh
                    | UnaryOp::Digamma
                    | UnaryOp::ErfInv
                    | UnaryOp::Erfc
                    | UnaryOp::Lgamma
                    | UnaryOp::Sinh
                    | UnaryOp::Cbrt
                    | UnaryOp::Ceil
                    | UnaryOp::Cosine
                    | UnaryOp::Erf
                    | UnaryOp::Exponential
                    | UnaryOp::ExponentialMinusOne
                    | UnaryOp::Floor
                    | UnaryOp::IsFinite
                    | UnaryOp::Log
                    | UnaryOp::LogPlusOne
                    | UnaryOp::Logistic
                    | UnaryOp::RoundNearestAfz
                    | UnaryOp::RoundNearestEven
                    | UnaryOp::Rsqrt
                    | UnaryOp::Sign
                    | UnaryOp::Sine
                    | UnaryOp::Sqrt
                    | UnaryOp::Tan
                    | UnaryOp::Tanh => return None,
                })
            }

            fn binary(op: BinaryOp, x: Self, y: Self) -> Option<Self> {
                // A negative amount is a large one when its bits are read without sign.
                let amount = (y as $unsigned) as u64;
                let is_beyond = amount >= u64::from($integer::BITS);
                Some(match op {
                    BinaryOp::Add => x.wrapping_add(y),
                    BinaryOp::And => x & y,
                    BinaryOp::Divide => {
                        if y == 0 {
                            !0
                        } else {
                            x.wrapping_div(y)
                        }
                    }
                    BinaryOp::Maximum => x.max(y),
                    BinaryOp::Minimum => x.min(y),
                    BinaryOp::Multiply => x.wrapping_mul(y),
                    BinaryOp::Or => x | y,
                    BinaryOp::Power if Self::DTYPE.is_signed() && (y as $signed) < 0 => match x as $signed {
                        1 => 1,
                        -1 => {
                            if y % 2 == 0 {
                                1
                            } else {
                                !0
                            }
                        }
                        0 => !0,
                        _ => 0,
                    },
                    BinaryOp::Power => {
                        let (mut power, mut square, mut exponent) = (1, x, y as $unsigned);
                        while exponent > 0 {
                            if exponent % 2 == 1 {
                                power = $integer::wrapping_mul(power, square);
                            }
                            square = square.wrapping_mul(square);
                            exponent /= 2;
                        }
                        power
                    }
                    BinaryOp::Remainder => {
                        if y == 0 {
                            x
                        } else {
                            x.wrapping_rem(y)
                        }
                    }
                    BinaryOp::ShiftLeft => {
                        if is_beyond {
                            0
                        } else {
                            x << amount
                        }
                    }
                    BinaryOp::ShiftRightArithmetic => {
                        let amount = amount.min(u64::from($integer::BITS) - 1);
                        ((x as $signed) >> amount) as $integer
                    }
                    BinaryOp::ShiftRightLogical => {
                        if is_beyond {
                            0
                        } else {
                            ((x as $unsigned) >> amount) as $integer
                        }
                    }
                    BinaryOp::Subtract => x.wrapping_sub(y),
                    BinaryOp::Xor => x ^ y,
                    BinaryOp::Atan2 | BinaryOp::NextAfter => return None,
                })
            }

            fn multiply_add(x: Self, y: Self, sum: Self) -> Self {
                x.wrapping_mul(y).wrapping_add(sum)
            }

            fn is_finite(self) -> bool {
                true
            }

            fn is_nan(self) -> bool {
                false
            }

            fn to_word(self) -> u64 {
                (self as $unsigned) as u64
            }

            fn from_word(word: u64) -> Self {
                word as $integer
            }
        }
    };
}
integer!(i8, i8, u8);
integer!(i16, i16, u16);
integer!(i32, i32, u32);
integer!(i64, i64, u64);
integer!(u8, i8, u8);
integer!(u16, i16, u16);
integer!(u32, i32, u32);
integer!(u64, i64, u64);

impl Scalar for bool {
    const ZERO: Self = false;
    const ONE: Self = true;
    const LEAST: Self = false;
    const GREATEST: Self = true;
    const ALL_ONES: Self = true;

    fn unary(op: UnaryOp, x: Self) -> Option<Self> {
        match op {
            UnaryOp::Not => Some(!x),
            UnaryOp::Abs
            | UnaryOp::Acos
            | UnaryOp::Acosh
            | UnaryOp::Asin
            | UnaryOp::Asinh
            | UnaryOp::Atan
            | UnaryOp::Atanh
            | UnaryOp::BesselI1e
            | UnaryOp::Cosh
            | UnaryOp::Digamma
            | UnaryOp::ErfInv
            | UnaryOp::Erfc
            | UnaryOp::Lgamma
            | UnaryOp::Sinh
            | UnaryOp::Cbrt
            | UnaryOp::Ceil
            | UnaryOp::Cosine
            | UnaryOp::CountLeadingZeros
            | UnaryOp::Erf
            | UnaryOp::Exponential
            | UnaryOp::ExponentialMinusOne
            | UnaryOp::Floor
            | UnaryOp::IsFinite
            | UnaryOp::Log
            | UnaryOp::LogPlusOne
            | UnaryOp::Logistic
            | UnaryOp::Negate
            | UnaryOp::Popcnt
            | UnaryOp::RoundNearestAfz
            | UnaryOp::RoundNearestEven
            | UnaryOp::Rsqrt
            | UnaryOp::Sign
            | UnaryOp::Sine
            | UnaryOp::Sqrt
            | UnaryOp::Tan
            | UnaryOp::Tanh => None,
        }
    }

    fn binary(op: BinaryOp, x: Self, y: Self) -> Option<Self> {
        match op {
            BinaryOp::Add | BinaryOp::Or | BinaryOp::Maximum => Some(x | y),
            BinaryOp::Multiply | BinaryOp::And | BinaryOp::Minimum => Some(x & y),
            BinaryOp::Xor => Some(x ^ y),
            BinaryOp::Atan2
            | BinaryOp::Divide
            | BinaryOp::NextAfter
            | BinaryOp::Power
            | BinaryOp::Remainder
            | BinaryOp::ShiftLeft
            | BinaryOp::ShiftRightArithmetic
            | BinaryOp::ShiftRightLogical
            | BinaryOp::Subtract => None,
        }
    }

    fn multiply_add(x: Self, y: Self, sum: Self) -> Self {
        (x & y) | sum
    }

    fn is_finite(self) -> bool {
        true
    }

    fn is_nan(self) -> bool {
        false
    }

    fn to_word(self) -> u64 {
        u64::from(self)
    }

    fn from_word(word: u64) -> Self {
        word & 1 == 1
    }
}

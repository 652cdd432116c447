//! Floats of 16 bits: every op computes in `f32` and rounds its result once.
//!
//! Conversions from wider types round once as well. On the way to 16 bits a number is rounded *to odd* first, to an `f32`: an
//! inexact result is the neighbour whose last bit is 1. This keeps what the second rounding, to nearest even, needs to know,
//! since an `f32` has more than two bits more than either format.

use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::{bf16, f16};

use crate::scalar::{ConvertTo, Scalar};

/// The `f32` that a number is, or its neighbour whose last bit is 1; `nearest` is the number rounded to nearest, and
/// `is_larger` says whether its magnitude is larger than the number's, `None` where it is exact.
fn round_to_odd(nearest: f32, is_larger: Option<bool>) -> f32 {
    match is_larger {
        None => nearest,
        // The bits of a float are its magnitude's number, from 0 on.
        Some(true) => f32::from_bits((nearest.to_bits() - 1) | 1),
        Some(false) => f32::from_bits(nearest.to_bits() | 1),
    }
}

fn double_to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let exact = x.is_nan() || f64::from(nearest) == x;
    round_to_odd(nearest, (!exact).then(|| f64::from(nearest).abs() > x.abs()))
}

fn integer_to_odd(x: i128) -> f32 {
    let nearest = x as f32;
    // Integers of 64 bits are far below what an `i128` holds.
    let rounded = nearest as i128;
    round_to_odd(nearest, (rounded != x).then(|| rounded.abs() > x.abs()))
}

macro_rules! half {
    ($half:ident; $($integer:ident),*) => {
        impl Scalar for $half {
            const ZERO: Self = $half::ZERO;
            const ONE: Self = $half::ONE;
            const LEAST: Self = $half::NEG_INFINITY;
            const GREATEST: Self = $half::INFINITY;
            const ALL_ONES: Self = $half::from_bits(!0);

            fn unary(op: UnaryOp, x: Self) -> Option<Self> {
                f32::unary(op, x.to_f32()).map($half::from_f32)
            }

            fn binary(op: BinaryOp, x: Self, y: Self) -> Option<Self> {
                if op == BinaryOp::NextAfter {
                    return Some(next_after(x, y));
                }
                f32::binary(op, x.to_f32(), y.to_f32()).map($half::from_f32)
            }

            fn multiply_add(x: Self, y: Self, sum: Self) -> Self {
                $half::from_f32(x.to_f32().mul_add(y.to_f32(), sum.to_f32()))
            }

            fn is_finite(self) -> bool {
                $half::is_finite(self)
            }

            fn is_nan(self) -> bool {
                $half::is_nan(self)
            }

            fn to_word(self) -> u64 {
                u64::from(self.to_bits())
            }

            fn from_word(word: u64) -> Self {
                $half::from_bits(word as u16)
            }
        }

        impl ConvertTo<$half> for f32 {
            fn convert(self) -> $half {
                $half::from_f32(self)
            }
        }

        impl ConvertTo<$half> for f64 {
            fn convert(self) -> $half {
                $half::from_f32(double_to_odd(self))
            }
        }

        impl ConvertTo<$half> for bool {
            fn convert(self) -> $half {
                if self { $half::ONE } else { $half::ZERO }
            }
        }

        impl ConvertTo<f32> for $half {
            fn convert(self) -> f32 {
                self.to_f32()
            }
        }

        impl ConvertTo<f64> for $half {
            fn convert(self) -> f64 {
                f64::from(self.to_f32())
            }
        }

        impl ConvertTo<bool> for $half {
            fn convert(self) -> bool {
                self.to_f32() != 0.0
            }
        }

        impl ConvertTo<f16> for $half {
            fn convert(self) -> f16 {
                f16::from_f32(self.to_f32())
            }
        }

        impl ConvertTo<bf16> for $half {
            fn convert(self) -> bf16 {
                bf16::from_f32(self.to_f32())
            }
        }

        $(
            impl ConvertTo<$half> for $integer {
                fn convert(self) -> $half {
                    $half::from_f32(integer_to_odd(i128::from(self)))
                }
            }

            impl ConvertTo<$integer> for $half {
                fn convert(self) -> $integer {
                    self.to_f32() as $integer
                }
            }
        )*
    };
}
half!(f16; i8, i16, i32, i64, u8, u16, u32, u64);
half!(bf16; i8, i16, i32, i64, u8, u16, u32, u64);

/// The neighbour of `x` towards `y`: a step of the format, not of `f32`.
fn next_after<T: Scalar>(x: T, y: T) -> T {
    const SIGN: u64 = 0x8000;
    if x.is_nan() || y.is_nan() {
        return if x.is_nan() { x } else { y };
    }
    let word = x.to_word();
    if x == y {
        return y;
    }
    if x == T::ZERO {
        // The least number of the sign of the right one.
        return T::from_word(y.to_word() & SIGN | 1);
    }
    // The bits of numbers of one sign are in the order of their magnitudes.
    let grows = (x < y) == (word & SIGN == 0);
    T::from_word(if grows { word + 1 } else { word - 1 })
}

//! Functions of each element that are less common: inverse trigonometric and hyperbolic ones, those of statistics, and
//! what looks at the bits.

use tancho_ir::ops::{BinaryOp, ElementwiseOp, Op, ShapeOp, UnaryOp};
use tancho_tensor::DType;

use super::elementwise::{binary, binary_methods, unary_methods};
use crate::apply::{Attributes, apply};
use crate::operand::{AsTensor, Operand};
use crate::tensor::Tensor;

unary_methods! {
    /// The angle in radians whose cosine this is; NaN beyond ±1. Floats.
    acos "acos" Acos;
    /// The inverse of [`Tensor::cosh`]; NaN below 1. Floats.
    acosh "acosh" Acosh;
    /// The angle in radians whose sine this is; NaN beyond ±1. Floats.
    asin "asin" Asin;
    /// The inverse of [`Tensor::sinh`]. Floats.
    asinh "asinh" Asinh;
    /// The angle in radians whose tangent this is. Floats.
    atan "atan" Atan;
    /// The inverse of [`Tensor::tanh`]; NaN beyond ±1. Floats.
    atanh "atanh" Atanh;
    /// The modified Bessel function of the first kind and order 1, times `e^−|x|`. Floats.
    bessel_i1e "bessel_i1e" BesselI1e;
    /// The hyperbolic cosine. Floats.
    cosh "cosh" Cosh;
    /// The derivative of [`Tensor::lgamma`]; NaN at 0, −1, −2, … Floats.
    digamma "digamma" Digamma;
    /// The inverse of [`Tensor::erf`]; NaN beyond ±1. Floats.
    erf_inv "erf_inv" ErfInv;
    /// `1 − erf(x)`, exact where that is small. Floats.
    erfc "erfc" Erfc;
    /// The logarithm of the absolute value of the gamma function; ∞ at 0, −1, −2, … Floats.
    lgamma "lgamma" Lgamma;
    /// The hyperbolic sine. Floats.
    sinh "sinh" Sinh;
}

binary_methods! {
    /// The next number after this one towards the other, which is the result where both are equal. Floats.
    next_after "next_after" NextAfter;
}

impl Tensor {
    /// Rounds floats to a format of fewer bits and back.
    ///
    /// # Numerics
    /// Halves are rounded to even. What is beyond the format's range becomes infinite, what is below its least normal
    /// number becomes a zero of the same sign, and NaN stays NaN. A format that is wider than the dtype in a part leaves
    /// that part as it is: `(8, 7)` rounds as `bf16` does, `(5, 10)` as `f16` but without its subnormal numbers.
    ///
    /// # Errors
    /// The tensor does not hold floats, or there is no bit for the exponent.
    #[track_caller]
    pub fn reduce_precision(&self, exponent_bits: u32, mantissa_bits: u32) -> Tensor {
        let attributes = Attributes::none().integer(exponent_bits.into()).integer(mantissa_bits.into());
        self.unary("reduce_precision", attributes, &|builder, values| {
            builder.add(Op::Elementwise(ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits }), &[values[0]])
        })
    }

    /// The same bits as elements of another dtype.
    ///
    /// # Shape
    /// `[…] → […]` for dtypes of one width; `[…] → […, n]` where an element becomes `n` smaller ones, and `[…, n] → […]`
    /// where `n` elements become one, the lowest bits first.
    ///
    /// # Errors
    /// A dtype is `bool`, or the last axis has not the size that makes one element.
    #[track_caller]
    pub fn bitcast_convert(&self, dtype: DType) -> Tensor {
        self.unary("bitcast_convert", Attributes::none().dtype(dtype), &|builder, values| {
            builder.add(Op::Shape(ShapeOp::BitcastConvert { dtype }), &[values[0]])
        })
    }
}

//! Functions of each element, comparisons, selection and conversion.

use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};
use tancho_tensor::DType;

use crate::apply::{Attributes, apply};
use crate::builder::Build;
use crate::operand::{AsTensor, Operand, resolve};
use crate::tensor::Tensor;

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident $name:literal $Op:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $method(&self) -> Tensor {
                    apply($name, Attributes::none(), [Operand::Lend(self)], &|builder, values| {
                        builder.unary(UnaryOp::$Op, values[0])
                    })
                }
            )*
        }
    };
}
pub(super) use unary_methods;
unary_methods! {
    /// The absolute value; of a signed integer's `MIN`, `MIN`.
    abs "abs" Abs;
    /// The cube root. Floats.
    cbrt "cbrt" Cbrt;
    /// The smallest integer that is not below. Floats.
    ceil "ceil" Ceil;
    /// The cosine of radians. Floats.
    cos "cos" Cosine;
    /// The number of leading zero bits. Integers.
    leading_zeros "leading_zeros" CountLeadingZeros;
    /// The error function. Floats.
    erf "erf" Erf;
    /// `eˣ`. Floats.
    exp "exp" Exponential;
    /// `eˣ − 1`, exact near zero. Floats.
    expm1 "expm1" ExponentialMinusOne;
    /// The largest integer that is not above. Floats.
    floor "floor" Floor;
    /// Whether the element is neither infinite nor NaN. Floats.
    is_finite "is_finite" IsFinite;
    /// The natural logarithm; NaN below zero. Floats.
    log "log" Log;
    /// `log(1 + x)`, exact near zero. Floats.
    log1p "log1p" LogPlusOne;
    /// `1 / (1 + e⁻ˣ)`. Floats.
    sigmoid "sigmoid" Logistic;
    /// The number of bits that are one. Integers.
    count_ones "count_ones" Popcnt;
    /// The nearest integer, halves to even, as NumPy and TensorFlow round. Floats.
    round "round" RoundNearestEven;
    /// The nearest integer, halves away from zero, as `f32::round` rounds. Floats.
    round_half_away "round_half_away" RoundNearestAfz;
    /// `1 / √x`. Floats.
    rsqrt "rsqrt" Rsqrt;
    /// −1, 0 or 1; for floats with the sign of a zero kept, and NaN of NaN.
    sign "sign" Sign;
    /// The sine of radians. Floats.
    sin "sin" Sine;
    /// The square root, correctly rounded; NaN below zero. Floats.
    sqrt "sqrt" Sqrt;
    /// The tangent of radians. Floats.
    tan "tan" Tan;
    /// The hyperbolic tangent. Floats.
    tanh "tanh" Tanh;
    /// The complement of each bit; of a `bool`, its negation. Integers and `bool`.
    logical_not "logical_not" Not;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $method:ident $name:literal $Op:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $method(&self, other: impl AsTensor) -> Tensor {
                    binary($name, BinaryOp::$Op, Operand::Lend(self), other.into_operand())
                }
            )*
        }
    };
}
pub(super) use binary_methods;
binary_methods! {
    /// `selfᵒᵗʰᵉʳ`. Integers wrap, and a negative integer exponent gives 0 (±1 for a base of ±1).
    pow "pow" Power;
    /// The angle of the point (other, self), in radians. Floats.
    atan2 "atan2" Atan2;
    /// The larger element; NaN if either is NaN.
    maximum "maximum" Maximum;
    /// The smaller element; NaN if either is NaN.
    minimum "minimum" Minimum;
    /// Whether both are true; of integers, the conjunction of each bit.
    logical_and "logical_and" And;
    /// Whether one is true; of integers, the disjunction of each bit.
    logical_or "logical_or" Or;
    /// Whether exactly one is true; of integers, the exclusive disjunction of each bit.
    logical_xor "logical_xor" Xor;
}

/// One IR op on two operands that are broadcast.
#[track_caller]
pub(crate) fn binary(name: &'static str, op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> Tensor {
    apply(name, Attributes::none(), [left, right], &|builder, values| builder.binary(op, values[0], values[1]))
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $name:literal $Comparison:ident;)*) => {
        impl Tensor {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $method(&self, other: impl AsTensor) -> Tensor {
                    let operands = [Operand::Lend(self), other.into_operand()];
                    apply($name, Attributes::none(), operands, &|builder, values| {
                        builder.compare(Comparison::$Comparison, values[0], values[1])
                    })
                }
            )*
        }
    };
}
comparisons! {
    /// Whether the elements are equal; gives `bool`s.
    eq "eq" Eq;
    /// Whether the elements differ; gives `bool`s. A NaN differs from everything.
    ne "ne" Ne;
    /// Whether the element is less than the other; gives `bool`s.
    lt "lt" Lt;
    /// Whether the element is at most the other; gives `bool`s.
    le "le" Le;
    /// Whether the element is greater than the other; gives `bool`s.
    gt "gt" Gt;
    /// Whether the element is at least the other; gives `bool`s.
    ge "ge" Ge;
}

impl Tensor {
    /// The elements as another dtype.
    ///
    /// # Numerics
    /// Integer to integer keeps the low bits; integer to float and f64 to f32 round to nearest even; float to integer
    /// truncates and saturates, NaN gives 0; to `bool`: whether the value differs from zero.
    #[track_caller]
    pub fn to(&self, dtype: DType) -> Tensor {
        self.unary("to", Attributes::none().dtype(dtype), &|builder, values| builder.convert(dtype, values[0]))
    }

    /// `x · x`.
    #[track_caller]
    pub fn square(&self) -> Tensor {
        self.unary("square", Attributes::none(), &|builder, values| {
            builder.binary(BinaryOp::Multiply, values[0], values[0])
        })
    }

    /// `1 / x`. Floats.
    #[track_caller]
    pub fn reciprocal(&self) -> Tensor {
        self.unary("reciprocal", Attributes::none(), &|builder, values| {
            builder.require_float(values[0])?;
            let one = builder.scalar(builder.dtype(values[0]), 1.0)?;
            builder.binary(BinaryOp::Divide, one, values[0])
        })
    }

    /// Whether the element is NaN. Floats.
    #[track_caller]
    pub fn is_nan(&self) -> Tensor {
        self.unary("is_nan", Attributes::none(), &|builder, values| {
            builder.require_float(values[0])?;
            builder.compare(Comparison::Ne, values[0], values[0])
        })
    }

    /// Whether the element is infinite. Floats.
    #[track_caller]
    pub fn is_infinite(&self) -> Tensor {
        self.unary("is_infinite", Attributes::none(), &|builder, values| {
            builder.require_float(values[0])?;
            let infinity = builder.scalar(builder.dtype(values[0]), f64::INFINITY)?;
            let magnitude = builder.unary(UnaryOp::Abs, values[0])?;
            builder.compare(Comparison::Eq, magnitude, infinity)
        })
    }

    /// `min(max(x, low), high)`, where the bounds broadcast.
    #[track_caller]
    pub fn clamp(&self, low: impl AsTensor, high: impl AsTensor) -> Tensor {
        let operands = [Operand::Lend(self), low.into_operand(), high.into_operand()];
        apply("clamp", Attributes::none(), operands, &|builder, values| builder.clamp(values[1], values[0], values[2]))
    }

    /// `on_true` where this tensor is true, else `on_false`; all three broadcast.
    #[track_caller]
    pub fn select(&self, on_true: impl AsTensor, on_false: impl AsTensor) -> Tensor {
        select(self, on_true, on_false)
    }

    #[track_caller]
    pub(crate) fn unary(&self, op: &'static str, attributes: Attributes, build: Build) -> Tensor {
        apply(op, attributes, [Operand::Lend(self)], build)
    }
}

/// `on_true` where the condition is true, else `on_false`; all three broadcast.
///
/// A Rust scalar takes the dtype of the other choice.
#[track_caller]
pub fn select(condition: impl AsTensor, on_true: impl AsTensor, on_false: impl AsTensor) -> Tensor {
    let mut choices = [on_true.into_operand(), on_false.into_operand()];
    resolve("select", &mut choices);
    let [on_true, on_false] = choices;
    let mut condition = [condition.into_operand()];
    resolve("select", &mut condition);
    let [condition] = condition;
    apply("select", Attributes::none(), [condition, on_true, on_false], &|builder, values| {
        builder.select(values[0], values[1], values[2])
    })
}

/// The larger of two elements; NaN if either is NaN.
#[track_caller]
pub fn maximum(left: impl AsTensor, right: impl AsTensor) -> Tensor {
    binary("maximum", BinaryOp::Maximum, left.into_operand(), right.into_operand())
}

/// The smaller of two elements; NaN if either is NaN.
#[track_caller]
pub fn minimum(left: impl AsTensor, right: impl AsTensor) -> Tensor {
    binary("minimum", BinaryOp::Minimum, left.into_operand(), right.into_operand())
}

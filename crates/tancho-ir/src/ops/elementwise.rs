//! Elementwise ops: unary, binary, comparisons, select, convert, clamp.

use tancho_tensor::DType;

use super::{Check, OpError};
use crate::TensorType;

/// The same function of every element. Operands and result have one shape; only the predicate of `select` and the
/// bounds of `clamp` may be scalars instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementwiseOp {
    Unary(UnaryOp),
    Binary(BinaryOp),
    /// Compares two tensors and gives `bool`s.
    ///
    /// (C1) The operands have the same shape and dtype.
    ///
    /// # Numerics
    /// Every comparison with a NaN is false but `ne`, which is true. For `bool`, false is less than true.
    Compare(Comparison),
    /// `on_true` where the predicate is true, else `on_false`.
    ///
    /// (C1) The predicate is a `bool` scalar or has the shape of the others. (C2) `on_true` and `on_false` have the same
    /// type.
    Select,
    /// Converts elements to another dtype.
    ///
    /// # Numerics
    /// Integer to integer keeps the low bits. Integer to float and f64 to f32 round to nearest even. Float to integer
    /// truncates and saturates, NaN gives 0. To `bool`: whether the value differs from zero (NaN does). From `bool`: 0
    /// or 1.
    Convert(DType),
    /// Rounds floats to a format of fewer bits and back, halves to even.
    ///
    /// (C2) `exponent_bits ≥ 1`. (C3) `mantissa_bits ≥ 0`.
    ///
    /// # Numerics
    /// What is beyond the format's range becomes infinite, what is below its least normal number becomes a zero of the same
    /// sign; NaN stays NaN. A format that is wider than the dtype in a part leaves that part as it is.
    ReducePrecision {
        exponent_bits: u32,
        mantissa_bits: u32,
    },
    /// `min(max(operand, low), high)`, operands in the order low, operand, high.
    ///
    /// (C1), (C2) The bounds are scalars or have the operand's shape. (C3) All have one dtype.
    ///
    /// # Numerics
    /// NaN in any of the three gives NaN.
    Clamp,
}

/// Functions of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnaryOp {
    /// The absolute value; of a signed integer's `MIN`, `MIN`. Signed integers and floats.
    Abs,
    /// The angle in radians whose cosine this is; NaN beyond ±1. Floats.
    Acos,
    /// The inverse of the hyperbolic cosine; NaN below 1. Floats.
    Acosh,
    /// The angle in radians whose sine this is; NaN beyond ±1. Floats.
    Asin,
    /// The inverse of the hyperbolic sine. Floats.
    Asinh,
    /// The angle in radians whose tangent this is. Floats.
    Atan,
    /// The inverse of the hyperbolic tangent; NaN beyond ±1. Floats.
    Atanh,
    /// The modified Bessel function of order 1, times `e^−|x|`. Floats.
    BesselI1e,
    /// The cube root. Floats.
    Cbrt,
    /// The smallest integer that is not below. Floats.
    Ceil,
    /// The hyperbolic cosine. Floats.
    Cosh,
    /// The cosine of radians. Floats.
    Cosine,
    /// The number of leading zero bits. Integers.
    CountLeadingZeros,
    /// The derivative of `lgamma`. Floats.
    Digamma,
    /// The error function. Floats.
    Erf,
    /// The inverse of `erf`; NaN beyond ±1. Floats.
    ErfInv,
    /// `1 − erf(x)`, exact where that is small. Floats.
    Erfc,
    /// `eˣ`. Floats.
    Exponential,
    /// `eˣ − 1`, exact near zero. Floats.
    ExponentialMinusOne,
    /// The largest integer that is not above. Floats.
    Floor,
    /// Whether the value is neither infinite nor NaN; gives `bool`. Floats.
    IsFinite,
    /// The logarithm of the absolute value of the gamma function. Floats.
    Lgamma,
    /// The natural logarithm; NaN below zero. Floats.
    Log,
    /// `log(1 + x)`, exact near zero. Floats.
    LogPlusOne,
    /// `1 / (1 + e⁻ˣ)`. Floats.
    Logistic,
    /// `−x`; of a signed integer's `MIN`, `MIN`, and of an unsigned integer, its two's complement. Integers and floats.
    Negate,
    /// The complement of each bit; of a `bool`, its negation. Integers and `bool`.
    Not,
    /// The number of bits that are one. Integers.
    Popcnt,
    /// Rounds to the nearest integer, halves away from zero. Floats.
    RoundNearestAfz,
    /// Rounds to the nearest integer, halves to even. Floats.
    RoundNearestEven,
    /// `1 / √x`. Floats.
    Rsqrt,
    /// −1, 0 or 1, for floats with the sign of a zero kept; NaN of NaN. Signed integers and floats.
    Sign,
    /// The sine of radians. Floats.
    Sine,
    /// The hyperbolic sine. Floats.
    Sinh,
    /// The square root, correctly rounded. Floats.
    Sqrt,
    /// The tangent of radians. Floats.
    Tan,
    /// The hyperbolic tangent. Floats.
    Tanh,
}

/// Functions of two elements of one dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinaryOp {
    /// The sum; integers wrap, and for `bool` it is *or*. All dtypes.
    Add,
    /// The bitwise, for `bool` the logical, conjunction. Integers and `bool`.
    And,
    /// The angle of the point (right, left), in radians. Floats.
    Atan2,
    /// The quotient; of integers truncated, with `x / 0 = −1` and `MIN / −1 = MIN`. Integers and floats.
    Divide,
    /// The larger one; NaN if either is NaN, and +0 is larger than −0; for `bool` it is *or*. All dtypes.
    Maximum,
    /// The smaller one; NaN if either is NaN, and −0 is smaller than +0; for `bool` it is *and*. All dtypes.
    Minimum,
    /// The product; integers wrap, and for `bool` it is *and*. All dtypes.
    Multiply,
    /// The next number after the left one towards the right one, which is the result where both are equal. Floats.
    NextAfter,
    /// The bitwise, for `bool` the logical, disjunction. Integers and `bool`.
    Or,
    /// `leftʳⁱᵍʰᵗ`; integers wrap, and a negative integer exponent gives 0, but ±1 for a base of ±1 (and −1 for a base of
    /// 0, as its quotient). Integers and floats.
    Power,
    /// `left − trunc(left / right) · right`, with the sign of the left; integers have `x % 0 = x`, `MIN % −1 = 0`.
    /// Integers and floats.
    Remainder,
    /// Shifts left; by the width or more (or by a negative amount) gives 0. Integers.
    ShiftLeft,
    /// Shifts right and keeps the sign bit; by the width or more (or by a negative amount) gives 0 or −1. Of an unsigned
    /// integer the top bit counts as its sign, as in the StableHLO specification. Integers.
    ShiftRightArithmetic,
    /// Shifts right and fills with zeros; by the width or more (or by a negative amount) gives 0. Integers.
    ShiftRightLogical,
    /// The difference; integers wrap. Integers and floats.
    Subtract,
    /// The bitwise, for `bool` the logical, exclusive disjunction. Integers and `bool`.
    Xor,
}

/// The direction of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

impl ElementwiseOp {
    pub fn name(&self) -> &'static str {
        match self {
            ElementwiseOp::Unary(op) => op.name(),
            ElementwiseOp::Binary(op) => op.name(),
            ElementwiseOp::Compare(_) => "compare",
            ElementwiseOp::Select => "select",
            ElementwiseOp::Convert(_) => "convert",
            ElementwiseOp::ReducePrecision { .. } => "reduce_precision",
            ElementwiseOp::Clamp => "clamp",
        }
    }

    pub fn arity(&self) -> usize {
        match self {
            ElementwiseOp::Unary(_) | ElementwiseOp::Convert(_) | ElementwiseOp::ReducePrecision { .. } => 1,
            ElementwiseOp::Binary(_) | ElementwiseOp::Compare(_) => 2,
            ElementwiseOp::Select | ElementwiseOp::Clamp => 3,
        }
    }
}

impl UnaryOp {
    pub const ALL: [UnaryOp; 37] = [
        UnaryOp::Abs,
        UnaryOp::Acos,
        UnaryOp::Acosh,
        UnaryOp::Asin,
        UnaryOp::Asinh,
        UnaryOp::Atan,
        UnaryOp::Atanh,
        UnaryOp::BesselI1e,
        UnaryOp::Cbrt,
        UnaryOp::Ceil,
        UnaryOp::Cosh,
        UnaryOp::Cosine,
        UnaryOp::CountLeadingZeros,
        UnaryOp::Digamma,
        UnaryOp::Erf,
        UnaryOp::ErfInv,
        UnaryOp::Erfc,
        UnaryOp::Exponential,
        UnaryOp::ExponentialMinusOne,
        UnaryOp::Floor,
        UnaryOp::IsFinite,
        UnaryOp::Lgamma,
        UnaryOp::Log,
        UnaryOp::LogPlusOne,
        UnaryOp::Logistic,
        UnaryOp::Negate,
        UnaryOp::Not,
        UnaryOp::Popcnt,
        UnaryOp::RoundNearestAfz,
        UnaryOp::RoundNearestEven,
        UnaryOp::Rsqrt,
        UnaryOp::Sign,
        UnaryOp::Sine,
        UnaryOp::Sinh,
        UnaryOp::Sqrt,
        UnaryOp::Tan,
        UnaryOp::Tanh,
    ];

    pub fn name(self) -> &'static str {
        match self {
            UnaryOp::Abs => "abs",
            UnaryOp::Acos => "acos",
            UnaryOp::Acosh => "acosh",
            UnaryOp::Asin => "asin",
            UnaryOp::Asinh => "asinh",
            UnaryOp::Atan => "atan",
            UnaryOp::Atanh => "atanh",
            UnaryOp::BesselI1e => "bessel_i1e",
            UnaryOp::Cosh => "cosh",
            UnaryOp::Digamma => "digamma",
            UnaryOp::ErfInv => "erf_inv",
            UnaryOp::Erfc => "erfc",
            UnaryOp::Lgamma => "lgamma",
            UnaryOp::Sinh => "sinh",
            UnaryOp::Cbrt => "cbrt",
            UnaryOp::Ceil => "ceil",
            UnaryOp::Cosine => "cosine",
            UnaryOp::CountLeadingZeros => "count_leading_zeros",
            UnaryOp::Erf => "erf",
            UnaryOp::Exponential => "exponential",
            UnaryOp::ExponentialMinusOne => "exponential_minus_one",
            UnaryOp::Floor => "floor",
            UnaryOp::IsFinite => "is_finite",
            UnaryOp::Log => "log",
            UnaryOp::LogPlusOne => "log_plus_one",
            UnaryOp::Logistic => "logistic",
            UnaryOp::Negate => "negate",
            UnaryOp::Not => "not",
            UnaryOp::Popcnt => "popcnt",
            UnaryOp::RoundNearestAfz => "round_nearest_afz",
            UnaryOp::RoundNearestEven => "round_nearest_even",
            UnaryOp::Rsqrt => "rsqrt",
            UnaryOp::Sign => "sign",
            UnaryOp::Sine => "sine",
            UnaryOp::Sqrt => "sqrt",
            UnaryOp::Tan => "tan",
            UnaryOp::Tanh => "tanh",
        }
    }

    /// Whether the op takes elements of a dtype.
    pub fn accepts(self, dtype: DType) -> bool {
        match self {
            UnaryOp::Abs | UnaryOp::Sign => dtype.is_signed(),
            UnaryOp::Negate => dtype != DType::Bool,
            UnaryOp::CountLeadingZeros | UnaryOp::Popcnt => dtype.is_integer(),
            UnaryOp::Not => !dtype.is_float(),
            UnaryOp::Acos
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
            | UnaryOp::Sine
            | UnaryOp::Sqrt
            | UnaryOp::Tan
            | UnaryOp::Tanh => dtype.is_float(),
        }
    }
}

impl BinaryOp {
    pub const ALL: [BinaryOp; 16] = [
        BinaryOp::Add,
        BinaryOp::And,
        BinaryOp::Atan2,
        BinaryOp::Divide,
        BinaryOp::Maximum,
        BinaryOp::Minimum,
        BinaryOp::Multiply,
        BinaryOp::NextAfter,
        BinaryOp::Or,
        BinaryOp::Power,
        BinaryOp::Remainder,
        BinaryOp::ShiftLeft,
        BinaryOp::ShiftRightArithmetic,
        BinaryOp::ShiftRightLogical,
        BinaryOp::Subtract,
        BinaryOp::Xor,
    ];

    pub fn name(self) -> &'static str {
        match self {
            BinaryOp::Add => "add",
            BinaryOp::And => "and",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Divide => "divide",
            BinaryOp::Maximum => "maximum",
            BinaryOp::Minimum => "minimum",
            BinaryOp::Multiply => "multiply",
            BinaryOp::NextAfter => "next_after",
            BinaryOp::Or => "or",
            BinaryOp::Power => "power",
            BinaryOp::Remainder => "remainder",
            BinaryOp::ShiftLeft => "shift_left",
            BinaryOp::ShiftRightArithmetic => "shift_right_arithmetic",
            BinaryOp::ShiftRightLogical => "shift_right_logical",
            BinaryOp::Subtract => "subtract",
            BinaryOp::Xor => "xor",
        }
    }

    /// Whether the op takes elements of a dtype.
    pub fn accepts(self, dtype: DType) -> bool {
        match self {
            BinaryOp::Add | BinaryOp::Maximum | BinaryOp::Minimum | BinaryOp::Multiply => true,
            BinaryOp::Divide | BinaryOp::Power | BinaryOp::Remainder | BinaryOp::Subtract => dtype != DType::Bool,
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => !dtype.is_float(),
            BinaryOp::ShiftLeft | BinaryOp::ShiftRightArithmetic | BinaryOp::ShiftRightLogical => dtype.is_integer(),
            BinaryOp::Atan2 | BinaryOp::NextAfter => dtype.is_float(),
        }
    }

    /// Whether `x op y = y op x`, bit for bit.
    pub fn is_commutative(self) -> bool {
        match self {
            BinaryOp::Add
            | BinaryOp::And
            | BinaryOp::Maximum
            | BinaryOp::Minimum
            | BinaryOp::Multiply
            | BinaryOp::Or
            | BinaryOp::Xor => true,
            BinaryOp::Atan2
            | BinaryOp::Divide
            | BinaryOp::NextAfter
            | BinaryOp::Power
            | BinaryOp::Remainder
            | BinaryOp::ShiftLeft
            | BinaryOp::ShiftRightArithmetic
            | BinaryOp::ShiftRightLogical
            | BinaryOp::Subtract => false,
        }
    }
}

impl Comparison {
    pub const ALL: [Comparison; 6] =
        [Comparison::Eq, Comparison::Ne, Comparison::Ge, Comparison::Gt, Comparison::Le, Comparison::Lt];

    /// The name in the text form: `eq`, `lt`.
    pub fn name(self) -> &'static str {
        match self {
            Comparison::Eq => "eq",
            Comparison::Ne => "ne",
            Comparison::Ge => "ge",
            Comparison::Gt => "gt",
            Comparison::Le => "le",
            Comparison::Lt => "lt",
        }
    }
}

pub(super) fn infer(op: &ElementwiseOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<TensorType, OpError> {
    match op {
        ElementwiseOp::Unary(unary) => {
            let operand = &operands[0];
            check.that(unary.accepts(operand.dtype), "c1", || format!("does not take {operand}"))?;
            let dtype = if *unary == UnaryOp::IsFinite { DType::Bool } else { operand.dtype };
            Ok(operand.with_dtype(dtype))
        }
        ElementwiseOp::Binary(binary) => {
            same_type(&operands[0], &operands[1], check)?;
            check.that(binary.accepts(operands[0].dtype), "c1", || format!("does not take {}", operands[0]))?;
            Ok(operands[0].clone())
        }
        ElementwiseOp::Compare(_) => {
            same_type(&operands[0], &operands[1], check)?;
            Ok(operands[0].with_dtype(DType::Bool))
        }
        ElementwiseOp::Select => {
            let [predicate, on_true, on_false] = operands else { unreachable!("the arity is checked") };
            check.that(predicate.dtype == DType::Bool, "c1", || format!("the predicate is {predicate}, not bool"))?;
            // select_c1
            if predicate.rank() > 0 {
                check.same_dims(predicate, on_true, "c1")?;
            }
            // select_c2
            check.that(on_true.dtype == on_false.dtype, "c2", || format!("dtypes differ: {on_true} and {on_false}"))?;
            check.same_dims(on_true, on_false, "c2")?;
            Ok(on_true.clone())
        }
        ElementwiseOp::Convert(dtype) => Ok(operands[0].with_dtype(*dtype)),
        ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits: _ } => {
            check.that(operands[0].dtype.is_float(), "c1", || format!("does not take {}", operands[0]))?;
            // reduce_precision_c2
            check.that(*exponent_bits >= 1, "c2", || "takes at least one bit of exponent".into())?;
            Ok(operands[0].clone())
        }
        ElementwiseOp::Clamp => {
            let [low, operand, high] = operands else { unreachable!("the arity is checked") };
            for (bound, constraint) in [(low, "c1"), (high, "c2")] {
                // clamp_c3
                check.that(bound.dtype == operand.dtype, "c3", || format!("dtypes differ: {bound} and {operand}"))?;
                // clamp_c1, clamp_c2
                if bound.rank() > 0 {
                    check.same_dims(bound, operand, constraint)?;
                }
            }
            Ok(operand.clone())
        }
    }
}

/// One shape and one dtype, the (C1) of binary ops and comparisons.
fn same_type(left: &TensorType, right: &TensorType, check: &mut Check<'_>) -> Result<(), OpError> {
    check.that(left.dtype == right.dtype, "c1", || format!("dtypes differ: {left} and {right}"))?;
    check.same_dims(left, right, "c1")
}

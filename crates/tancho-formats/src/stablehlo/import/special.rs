//! Functions that have no op: the zeta function of Hurwitz, polygamma, and the upper half of a product.
//!
//! # Zeta
//! `ζ(x, q) = Σ (q + k)⁻ˣ` over `k ≥ 0`, for `x > 1`. The first nine terms are summed, and the rest from `a = q + 9` on is
//! that of the formula of Euler and Maclaurin:
//! `a⁻ˣ · (a / (x − 1) + ½ + Σ B₂ⱼ / (2j)! · x (x + 1) … (x + 2j − 2) · a¹⁻²ʲ)`, whose sum is evaluated from the inside:
//! each term is the one before it times `(x + 2j − 1)(x + 2j) / a²`, but for its constant.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
use tancho_ir::{TensorType, Value};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

/// The terms of the series that are summed as they are.
const DIRECT_TERMS: usize = 9;

/// The Bernoulli numbers B₂, B₄, …
const BERNOULLI: [f64; 12] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
    854513.0 / 138.0,
    -236364091.0 / 2730.0,
];

impl<'m> Importer<'m> {
    pub(super) fn zeta(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        self.zeta_of(site, operands)
    }

    pub(super) fn broadcast_zeta(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.broadcast_operands(site)?;
        self.zeta_of(site, operands)
    }

    fn zeta_of(&mut self, site: &Site<'m>, [x, q]: [Value; 2]) -> Imports<Vec<Binding>> {
        let dtype = self.float_dtype(site, x)?;
        let wide = computing_dtype(dtype);
        let (x, q) = (self.converted(site, x, wide)?, self.converted(site, q, wide)?);
        let value = self.hurwitz_zeta(site, x, q)?;
        let value = self.converted(site, value, dtype)?;
        self.one(value)
    }

    pub(super) fn polygamma(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        self.polygamma_of(site, operands)
    }

    pub(super) fn broadcast_polygamma(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.broadcast_operands(site)?;
        self.polygamma_of(site, operands)
    }

    /// The derivative of order `n` of the digamma function: `(−1)ⁿ⁺¹ · n! · ζ(n + 1, x)`, and digamma for 0.
    fn polygamma_of(&mut self, site: &Site<'m>, [n, x]: [Value; 2]) -> Imports<Vec<Binding>> {
        let dtype = self.float_dtype(site, x)?;
        let wide = computing_dtype(dtype);
        let (n, x) = (self.converted(site, n, wide)?, self.converted(site, x, wide)?);
        let next = self.apply_number(site, BinaryOp::Add, n, 1.0)?;
        let log_factorial = self.apply_unary(site, UnaryOp::Lgamma, next)?;
        let factorial = self.apply_unary(site, UnaryOp::Exponential, log_factorial)?;
        let zeta = self.hurwitz_zeta(site, next, x)?;
        let value = self.apply(site, BinaryOp::Multiply, factorial, zeta)?;
        // The sign is that of odd orders.
        let parity = self.apply_number(site, BinaryOp::Remainder, n, 2.0)?;
        let even = self.equal_to(site, parity, 0.0)?;
        let negated = self.apply_unary(site, UnaryOp::Negate, value)?;
        let value = self.choose(site, even, negated, value)?;
        let digamma = self.apply_unary(site, UnaryOp::Digamma, x)?;
        let zero = self.equal_to(site, n, 0.0)?;
        let value = self.choose(site, zero, digamma, value)?;
        // Only natural numbers are orders.
        let whole = self.apply_unary(site, UnaryOp::Floor, n)?;
        let fraction = self.compare_values(site, Comparison::Ne, n, whole)?;
        let zeros = self.filled_like(site, n, 0.0)?;
        let negative = self.compare_values(site, Comparison::Lt, n, zeros)?;
        let no_order = self.apply(site, BinaryOp::Or, fraction, negative)?;
        let nan = self.filled_like(site, value, f64::NAN)?;
        let value = self.choose(site, no_order, nan, value)?;
        let value = self.converted(site, value, dtype)?;
        self.one(value)
    }

    fn hurwitz_zeta(&mut self, site: &Site<'_>, x: Value, q: Value) -> Imports<Value> {
        use BinaryOp::{Add, Divide, Multiply, Power, Subtract};
        let exponent = self.apply_unary(site, UnaryOp::Negate, x)?;
        let mut total = self.apply(site, Power, q, exponent)?;
        for term in 1..DIRECT_TERMS {
            let base = self.apply_number(site, Add, q, term as f64)?;
            let power = self.apply(site, Power, base, exponent)?;
            total = self.apply(site, Add, total, power)?;
        }
        let a = self.apply_number(site, Add, q, DIRECT_TERMS as f64)?;
        let power = self.apply(site, Power, a, exponent)?;
        let square = self.apply(site, Multiply, a, a)?;
        let mut factorial = 1.0;
        let constants: Vec<f64> = (1u32..)
            .zip(BERNOULLI)
            .map(|(j, bernoulli)| {
                factorial *= f64::from(2 * j - 1) * f64::from(2 * j);
                bernoulli / factorial
            })
            .collect();
        let mut inner = self.filled_like(site, a, constants[constants.len() - 1])?;
        for j in (1..constants.len()).rev() {
            let first = self.apply_number(site, Add, x, (2 * j - 1) as f64)?;
            let second = self.apply_number(site, Add, x, (2 * j) as f64)?;
            let factor = self.apply(site, Multiply, first, second)?;
            let factor = self.apply(site, Divide, factor, square)?;
            let term = self.apply(site, Multiply, factor, inner)?;
            inner = self.apply_number(site, Add, term, constants[j - 1])?;
        }
        let ratio = self.apply(site, Divide, x, a)?;
        let inner = self.apply(site, Multiply, ratio, inner)?;
        let less = self.apply_number(site, Subtract, x, 1.0)?;
        let integral = self.apply(site, Divide, a, less)?;
        let rest = self.apply_number(site, Add, integral, 0.5)?;
        let rest = self.apply(site, Add, rest, inner)?;
        let rest = self.apply(site, Multiply, power, rest)?;
        // Where the power vanishes the sum beside it may overflow, and the rest is nothing.
        let vanished = self.equal_to(site, power, 0.0)?;
        let zero = self.filled_like(site, power, 0.0)?;
        let rest = self.choose(site, vanished, zero, rest)?;
        let total = self.apply(site, Add, total, rest)?;
        self.zeta_edges(site, x, q, total)
    }

    /// Where the series has no limit or the powers no value: `x ≤ 1`, and `q ≤ 0`.
    fn zeta_edges(&mut self, site: &Site<'_>, x: Value, q: Value, value: Value) -> Imports<Value> {
        let infinite = self.filled_like(site, value, f64::INFINITY)?;
        let nan = self.filled_like(site, value, f64::NAN)?;
        let zero = self.filled_like(site, q, 0.0)?;
        let not_positive = self.compare_values(site, Comparison::Le, q, zero)?;
        let whole_q = self.is_whole(site, q)?;
        let whole_x = self.is_whole(site, x)?;
        let parity = self.apply_number(site, BinaryOp::Remainder, x, 2.0)?;
        let even = self.equal_to(site, parity, 0.0)?;
        let pole = self.choose(site, even, infinite, nan)?;
        let powers = self.choose(site, whole_x, value, nan)?;
        let other = self.choose(site, whole_q, pole, powers)?;
        let value = self.choose(site, not_positive, other, value)?;
        let one = self.filled_like(site, x, 1.0)?;
        let below = self.compare_values(site, Comparison::Lt, x, one)?;
        let value = self.choose(site, below, nan, value)?;
        let at_one = self.compare_values(site, Comparison::Eq, x, one)?;
        self.choose(site, at_one, infinite, value)
    }

    fn is_whole(&mut self, site: &Site<'_>, value: Value) -> Imports<Value> {
        let floor = self.apply_unary(site, UnaryOp::Floor, value)?;
        self.compare_values(site, Comparison::Eq, value, floor)
    }

    fn equal_to(&mut self, site: &Site<'_>, value: Value, number: f64) -> Imports<Value> {
        let number = self.filled_like(site, value, number)?;
        self.compare_values(site, Comparison::Eq, value, number)
    }

    fn float_dtype(&self, site: &Site<'_>, value: Value) -> Imports<DType> {
        let dtype = self.dtype_of(value);
        self.expect(site, dtype.is_float(), || format!("does not take elements of {dtype}"))?;
        Ok(dtype)
    }

    /// The upper half of the product of integers.
    ///
    /// Of up to 32 bits, it is computed with twice as many. Of 64 bits, the unsigned product is put together from halves, and
    /// what a negative operand counts too much is taken away.
    pub(super) fn mulhi(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [lhs, rhs] = self.operands_of(site)?;
        let TensorType { dtype, .. } = *self.type_of(lhs);
        let wide = match dtype {
            DType::I8 => DType::I16,
            DType::I16 => DType::I32,
            DType::I32 => DType::I64,
            DType::U8 => DType::U16,
            DType::U16 => DType::U32,
            DType::U32 => DType::U64,
            DType::I64 | DType::U64 => return self.mulhi_of_words(site, lhs, rhs),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 | DType::Bool => {
                return Err(self.malformed(site, format_args!("does not take elements of {dtype}")));
            }
        };
        let (lhs, rhs) = (self.converted(site, lhs, wide)?, self.converted(site, rhs, wide)?);
        let product = self.apply(site, BinaryOp::Multiply, lhs, rhs)?;
        let high = self.apply_number(site, BinaryOp::ShiftRightLogical, product, dtype.bits() as f64)?;
        let value = self.converted(site, high, dtype)?;
        self.one(value)
    }

    fn mulhi_of_words(&mut self, site: &Site<'m>, lhs: Value, rhs: Value) -> Imports<Vec<Binding>> {
        use BinaryOp::{Add, And, Multiply, ShiftRightLogical, Subtract};
        let dtype = self.dtype_of(lhs);
        let half = |importer: &mut Self, value: Value| -> Imports<(Value, Value)> {
            let word = importer.converted(site, value, DType::U64)?;
            let low = importer.apply_number(site, And, word, f64::from(u32::MAX))?;
            Ok((low, importer.apply_number(site, ShiftRightLogical, word, 32.0)?))
        };
        let ((a, b), (c, d)) = (half(self, lhs)?, half(self, rhs)?);
        let (low, left) = (self.apply(site, Multiply, a, c)?, self.apply(site, Multiply, b, c)?);
        let (right, high) = (self.apply(site, Multiply, a, d)?, self.apply(site, Multiply, b, d)?);
        // The middle: what the low product carries, and the low halves of the mixed ones.
        let carry = self.apply_number(site, ShiftRightLogical, low, 32.0)?;
        let middle = self.apply(site, Add, left, carry)?;
        let middle_low = self.apply_number(site, And, middle, f64::from(u32::MAX))?;
        let middle_high = self.apply_number(site, ShiftRightLogical, middle, 32.0)?;
        let rest = self.apply(site, Add, right, middle_low)?;
        let rest = self.apply_number(site, ShiftRightLogical, rest, 32.0)?;
        let value = self.apply(site, Add, high, middle_high)?;
        let mut value = self.apply(site, Add, value, rest)?;
        if dtype == DType::I64 {
            value = self.emit(site, ElementwiseOp::Convert(dtype), &[value])?;
            let zero = self.filled_like(site, value, 0.0)?;
            for (one, other) in [(lhs, rhs), (rhs, lhs)] {
                let negative = self.compare_values(site, Comparison::Lt, one, zero)?;
                let excess = self.choose(site, negative, other, zero)?;
                value = self.apply(site, Subtract, value, excess)?;
            }
        }
        self.one(value)
    }
}

/// Halves are computed in single precision.
fn computing_dtype(dtype: DType) -> DType {
    if dtype.is_half() { DType::F32 } else { dtype }
}

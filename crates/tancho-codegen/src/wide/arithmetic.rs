//! What the processor has for an operation on vectors, and what stands for what it lacks.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::codes::Does;
use super::operations::Lowering;
use super::program::{Home, Op, Shape, Value};
use crate::kernel::{Binary, Scalar, Unary};

/// The one instruction of an operation, if there may be one.
fn plain_binary(operation: Binary, dtype: DType) -> Option<Does> {
    let (is_float, is_bool, is_signed) = (dtype.is_float(), dtype == DType::Bool, dtype.is_signed());
    Some(match operation {
        Binary::Add if is_float => Does::AddFloats,
        Binary::Add if is_bool => Does::Or,
        Binary::Add => Does::Add,
        Binary::Subtract if is_float => Does::SubtractFloats,
        Binary::Subtract => Does::Subtract,
        Binary::Multiply if is_float => Does::MultiplyFloats,
        Binary::Multiply if is_bool => Does::And,
        Binary::Multiply => Does::Multiply,
        Binary::Divide if is_float => Does::DivideFloats,
        Binary::Divide | Binary::Remainder => return None,
        Binary::Minimum | Binary::Maximum if is_float => return None,
        Binary::Minimum if is_bool => Does::And,
        Binary::Maximum if is_bool => Does::Or,
        Binary::Minimum if is_signed => Does::LesserSigned,
        Binary::Minimum => Does::LesserUnsigned,
        Binary::Maximum if is_signed => Does::GreaterSigned,
        Binary::Maximum => Does::GreaterUnsigned,
        Binary::And => Does::And,
        Binary::Or => Does::Or,
        Binary::Xor => Does::Xor,
        // Amounts of at least the width shift everything out, here as in the body.
        Binary::ShiftLeft => Does::ShiftLeft,
        Binary::ShiftRightLogical => Does::ShiftRight,
        Binary::ShiftRightArithmetic => Does::ShiftRightArithmetic,
    })
}

impl Lowering<'_> {
    /// An operation that puts two partial results together.
    pub(super) fn combine(&mut self, operation: Binary, dtype: DType, x: Value, y: Value) -> Option<Value> {
        match operation {
            Binary::Minimum | Binary::Maximum if dtype.is_float() => {
                self.float_bound(operation == Binary::Minimum, x, y, None)
            }
            _ => self.plain(operation, dtype, x, y),
        }
    }

    /// An operation whose result is no exception, with what stands for instructions that the class lacks.
    pub(super) fn plain(&mut self, operation: Binary, dtype: DType, x: Value, y: Value) -> Option<Value> {
        let does = plain_binary(operation, dtype)?;
        if self.class.code(does).is_some() {
            return self.two(does, x, y);
        }
        match does {
            Does::Multiply => {
                let (high_x, high_y) =
                    (self.shift(Binary::ShiftRightLogical, x, 32)?, self.shift(Binary::ShiftRightLogical, y, 32)?);
                let (left, right) =
                    (self.two(Does::MultiplyHalves, high_x, y)?, self.two(Does::MultiplyHalves, high_y, x)?);
                let crossed = self.two(Does::Add, left, right)?;
                let (high, low) = (self.shift(Binary::ShiftLeft, crossed, 32)?, self.two(Does::MultiplyHalves, x, y)?);
                self.two(Does::Add, high, low)
            }
            Does::LesserSigned | Does::LesserUnsigned | Does::GreaterSigned | Does::GreaterUnsigned => {
                let is_greater = self.compare(Comparison::Gt, dtype, x, y)?;
                let is_lesser = matches!(does, Does::LesserSigned | Does::LesserUnsigned);
                Some(if is_lesser { self.select(is_greater, y, x) } else { self.select(is_greater, x, y) })
            }
            Does::ShiftRightArithmetic => {
                // The complement of a negative number is shifted as a positive one.
                let zero = self.constant(0);
                let is_negative = self.two(Does::GreaterMask, zero, x)?;
                let positive = self.two(Does::Xor, x, is_negative)?;
                let shifted = self.two(Does::ShiftRight, positive, y)?;
                self.two(Does::Xor, shifted, is_negative)
            }
            _ => None,
        }
    }

    pub(super) fn unary(&mut self, operation: Unary, dtype: DType, x: Value) -> Option<Value> {
        // Without the exception of inexact results.
        let round = |mode: u8| Some(8 | mode);
        match operation {
            Unary::Negate if dtype.is_float() => {
                let sign = self.sign();
                self.two(Does::Xor, x, sign)
            }
            Unary::Negate => {
                let zero = self.constant(0);
                self.two(Does::Subtract, zero, x)
            }
            Unary::Abs if dtype.is_float() => {
                let rest = self.constant(!(1 << (self.class.lane_bytes * 8 - 1)));
                self.two(Does::And, x, rest)
            }
            Unary::Abs if dtype.is_signed() && self.class.code(Does::AbsSigned).is_some() => {
                self.one(Does::AbsSigned, x, None)
            }
            Unary::Abs if dtype.is_signed() => {
                let zero = self.constant(0);
                let is_negative = self.two(Does::GreaterMask, zero, x)?;
                let flipped = self.two(Does::Xor, x, is_negative)?;
                self.two(Does::Subtract, flipped, is_negative)
            }
            Unary::Abs => None,
            Unary::Sqrt => self.one(Does::Sqrt, x, None),
            Unary::Nearest => self.one(Does::Round, x, round(0)),
            Unary::Floor => self.one(Does::Round, x, round(1)),
            Unary::Ceil => self.one(Does::Round, x, round(2)),
            Unary::Truncate => self.one(Does::Round, x, round(3)),
            Unary::Not => self.not(x),
            Unary::CountLeadingZeros | Unary::PopulationCount => None,
        }
    }

    pub(super) fn binary(
        &mut self,
        operation: Binary,
        dtype: DType,
        [left, right]: [Scalar; 2],
        [x, y]: [Value; 2],
    ) -> Option<Value> {
        let amount = self.kernel.body.as_constant(right);
        if matches!(operation, Binary::ShiftLeft | Binary::ShiftRightLogical | Binary::ShiftRightArithmetic)
            && let Some(amount) = amount
        {
            return self.shift(operation, x, amount);
        }
        if dtype.is_float() && matches!(operation, Binary::Minimum | Binary::Maximum) {
            let bound = self.kernel.body.as_constant(right).map(|bits| (x, y, bits));
            let bound = bound.or_else(|| self.kernel.body.as_constant(left).map(|bits| (y, x, bits)));
            return self.float_bound(operation == Binary::Minimum, x, y, bound);
        }
        self.plain(operation, dtype, x, y)
    }

    /// The minimum or maximum of floats, as Cranelift's emitter has them: of two ways to take it, which differ only for NaNs
    /// and zeros, what they have in common. With a constant that is neither, one way is enough; see there.
    fn float_bound(
        &mut self,
        is_minimum: bool,
        x: Value,
        y: Value,
        bound: Option<(Value, Value, u64)>,
    ) -> Option<Value> {
        let does = if is_minimum { Does::LesserFloats } else { Does::GreaterFloats };
        if let Some((other, constant, bits)) = bound {
            let value = match self.class.lane_bytes {
                4 => f64::from(f32::from_bits(bits as u32)),
                _ => f64::from_bits(bits),
            };
            let is_exception = value.is_nan() || is_minimum && value == 0.0 && value.is_sign_negative();
            if !is_exception {
                let bounded = self.two(does, constant, other)?;
                let is_positive_zero = value == 0.0 && value.is_sign_positive();
                // The sum with +0 makes +0 of −0 and keeps all else.
                return if is_positive_zero && !is_minimum {
                    self.two(Does::AddFloats, bounded, constant)
                } else {
                    Some(bounded)
                };
            }
        }
        let (first, second) = (self.two(does, x, y)?, self.two(does, y, x)?);
        if is_minimum {
            return self.two(Does::Or, first, second);
        }
        let difference = self.two(Does::Xor, first, second)?;
        let joined = self.two(Does::Or, first, difference)?;
        self.two(Does::SubtractFloats, joined, difference)
    }

    /// A shift by a constant amount.
    pub(super) fn shift(&mut self, operation: Binary, x: Value, amount: u64) -> Option<Value> {
        let bits = self.class.lane_bytes as u64 * 8;
        let does = match operation {
            Binary::ShiftLeft => Does::ShiftLeft,
            Binary::ShiftRightLogical => Does::ShiftRight,
            _ => Does::ShiftRightArithmetic,
        };
        if amount >= bits && does != Does::ShiftRightArithmetic {
            return Some(self.constant(0));
        }
        let amount = amount.min(bits - 1);
        match self.class.shift_by(does) {
            Some(code) => {
                let to = self.program.value(Home::Computed);
                let in_register = !self.class.is_zmm;
                let immediate = Some(amount as u8);
                self.program.ops.push(Op::One { code, to, x, immediate, in_register, shape: Shape::Whole });
                Some(to)
            }
            None => {
                // The sign's place after the shift: flipping and subtracting it spreads it.
                let shifted = self.shift(Binary::ShiftRightLogical, x, amount)?;
                let sign = self.constant(1 << (bits - 1 - amount));
                let flipped = self.two(Does::Xor, shifted, sign)?;
                self.two(Does::Subtract, flipped, sign)
            }
        }
    }

    pub(super) fn compare(&mut self, comparison: Comparison, dtype: DType, x: Value, y: Value) -> Option<Value> {
        if dtype == DType::Bool {
            return match comparison {
                Comparison::Ne => self.two(Does::Xor, x, y),
                Comparison::Lt => self.two(Does::AndNot, x, y),
                Comparison::Gt => self.two(Does::AndNot, y, x),
                Comparison::Eq | Comparison::Ge | Comparison::Le => {
                    let opposite = match comparison {
                        Comparison::Eq => Comparison::Ne,
                        Comparison::Ge => Comparison::Lt,
                        _ => Comparison::Gt,
                    };
                    let opposite = self.compare(opposite, dtype, x, y)?;
                    self.not(opposite)
                }
            };
        }
        // Ordered and quiet, but for `ne`; of integers the predicates of the mask comparisons.
        let predicate = match comparison {
            Comparison::Eq => 0,
            Comparison::Ne => 4,
            Comparison::Ge if dtype.is_float() => 29,
            Comparison::Gt if dtype.is_float() => 30,
            Comparison::Le if dtype.is_float() => 18,
            Comparison::Lt if dtype.is_float() => 17,
            Comparison::Ge => 5,
            Comparison::Gt => 6,
            Comparison::Le => 2,
            Comparison::Lt => 1,
        };
        if self.class.is_zmm {
            let code = self.class.compare_to_mask(dtype.is_float(), dtype.is_signed());
            let to = self.program.value(Home::Computed);
            self.program.ops.push(Op::CompareToMask {
                code,
                to,
                x,
                y,
                immediate: predicate,
                width: self.class.lane_bytes,
            });
            return Some(to);
        }
        if dtype.is_float() {
            let code = self.class.code(Does::FloatMask)?;
            let to = self.program.value(Home::Computed);
            self.program.ops.push(Op::Two { code, to, x, y, immediate: Some(predicate) });
            return Some(to);
        }
        let is_order = !matches!(comparison, Comparison::Eq | Comparison::Ne);
        let (x, y) = if is_order && !dtype.is_signed() {
            let sign = self.sign();
            (self.two(Does::Xor, x, sign)?, self.two(Does::Xor, y, sign)?)
        } else {
            (x, y)
        };
        let (mask, is_opposite) = match comparison {
            Comparison::Eq => (self.two(Does::EqualMask, x, y)?, false),
            Comparison::Ne => (self.two(Does::EqualMask, x, y)?, true),
            Comparison::Gt => (self.two(Does::GreaterMask, x, y)?, false),
            Comparison::Le => (self.two(Does::GreaterMask, x, y)?, true),
            Comparison::Lt => (self.two(Does::GreaterMask, y, x)?, false),
            Comparison::Ge => (self.two(Does::GreaterMask, y, x)?, true),
        };
        if is_opposite { self.not(mask) } else { Some(mask) }
    }
}

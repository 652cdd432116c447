//! Each instruction of a body as operations on vectors.
//!
//! What the processor has for vectors is one operation; some others are expanded into a few. Whatever else there is makes
//! the lowering give `None`.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::codes::{Class, Does};
use super::lower::Known;
use super::program::{Home, Op, Program, Value};
use crate::kernel::{Binary, Instruction, Kernel, Place, Scalar, Unary};

/// A comparison and a select of the same two floats, which are one instruction.
pub(super) fn fused_bound(kernel: &Kernel, value: Scalar) -> Option<(Does, Scalar, Scalar)> {
    let Instruction::Select(condition, x, y) = kernel.body.instruction(value) else { return None };
    let Instruction::Compare(comparison, left, right) = kernel.body.instruction(condition) else { return None };
    if !kernel.body.dtype(value).is_float() {
        return None;
    }
    let does = match comparison {
        Comparison::Lt if (left, right) == (x, y) => Does::LesserFloats,
        Comparison::Gt if (left, right) == (x, y) => Does::GreaterFloats,
        Comparison::Lt if (left, right) == (y, x) => Does::GreaterFloats,
        Comparison::Gt if (left, right) == (y, x) => Does::LesserFloats,
        _ => return None,
    };
    Some((does, x, y))
}

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

/// The state of one pass's lowering.
pub(super) struct Lowering<'k> {
    kernel: &'k Kernel,
    class: Class,
    places: &'k [Place],
    pub(super) program: Program,
    /// Of the body's values.
    pub(super) values: Vec<Option<Value>>,
}

impl<'k> Lowering<'k> {
    pub(super) fn new(kernel: &'k Kernel, class: Class, places: &'k [Place]) -> Self {
        Lowering { kernel, class, places, program: Program::default(), values: vec![None; kernel.body.len()] }
    }

    /// A value of the body that is known, or a constant.
    pub(super) fn of(&mut self, value: Scalar) -> Option<Value> {
        if self.values[value.index()].is_none()
            && let Instruction::Constant(bits) = self.kernel.body.instruction(value)
        {
            let is_set = self.kernel.body.dtype(value) == DType::Bool && bits != 0;
            let constant = self.constant(if is_set { u64::MAX } else { bits });
            self.values[value.index()] = Some(constant);
        }
        self.values[value.index()]
    }

    fn constant(&mut self, bits: u64) -> Value {
        let bits = if self.class.lane_bytes == 4 { bits & 0xffff_ffff } else { bits };
        let known = self.program.homes.iter().position(|home| *home == Home::Constant(bits));
        match known {
            Some(index) => Value(index as u32),
            None => self.program.value(Home::Constant(bits)),
        }
    }

    fn float(&mut self, value: f64) -> Value {
        let is_single = self.class.lane_bytes == 4;
        self.constant(if is_single { u64::from((value as f32).to_bits()) } else { value.to_bits() })
    }

    fn sign(&mut self) -> Value {
        self.constant(1 << (self.class.lane_bytes * 8 - 1))
    }

    fn one(&mut self, does: Does, x: Value, immediate: Option<u8>) -> Option<Value> {
        let code = self.class.code(does)?;
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::One { code, to, x, immediate, in_register: false });
        Some(to)
    }

    fn two(&mut self, does: Does, x: Value, y: Value) -> Option<Value> {
        let code = self.class.code(does)?;
        let commutes = matches!(
            does,
            Does::AddFloats
                | Does::MultiplyFloats
                | Does::Add
                | Does::Multiply
                | Does::LesserSigned
                | Does::GreaterSigned
                | Does::LesserUnsigned
                | Does::GreaterUnsigned
                | Does::And
                | Does::Or
                | Does::Xor
                | Does::EqualMask
        );
        let (x, y) = if commutes && !self.program.is_computed(x) { (y, x) } else { (x, y) };
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::Two { code, to, x, y, immediate: None });
        Some(to)
    }

    fn not(&mut self, x: Value) -> Option<Value> {
        let ones = self.constant(u64::MAX);
        self.two(Does::Xor, x, ones)
    }

    fn select(&mut self, mask: Value, x: Value, y: Value) -> Value {
        let to = self.program.value(Home::Computed);
        self.program.ops.push(Op::Select { to, mask, x, y });
        to
    }

    /// A value that is known before the pass, or computed from operands that are.
    pub(super) fn evaluate_or_find(&mut self, value: Scalar, known: &[Option<Known>]) -> Option<()> {
        let Some(known) = known[value.index()] else { return self.evaluate(value) };
        let found = match known {
            Known::Slot(slot) => self.program.value(Home::Slot(slot)),
            Known::Access(access) => {
                let to = self.program.value(Home::Computed);
                self.program.ops.push(Op::Load { to, access, part: 0 });
                to
            }
        };
        self.values[value.index()] = Some(found);
        Some(())
    }

    /// An operation that puts two partial results together.
    pub(super) fn combine(&mut self, operation: Binary, dtype: DType, x: Value, y: Value) -> Option<Value> {
        match operation {
            Binary::Minimum | Binary::Maximum if dtype.is_float() => {
                self.float_bound(operation == Binary::Minimum, x, y, None)
            }
            _ => self.two(plain_binary(operation, dtype)?, x, y),
        }
    }

    /// Computes a value whose operands are known.
    fn evaluate(&mut self, value: Scalar) -> Option<()> {
        let dtype = self.kernel.body.dtype(value);
        if let Some((does, x, y)) = fused_bound(self.kernel, value) {
            let (x, y) = (self.of(x)?, self.of(y)?);
            self.values[value.index()] = Some(self.two(does, x, y)?);
            return Some(());
        }
        let result = match self.kernel.body.instruction(value) {
            Instruction::Constant(_) => self.of(value)?,
            Instruction::Load(load) => {
                let (to, access) = (self.program.value(Home::Computed), load as usize);
                self.program.ops.push(if self.places[value.index()].per_point {
                    Op::Load { to, access, part: 0 }
                } else {
                    Op::Broadcast { to, access }
                });
                to
            }
            Instruction::Reduced(_) | Instruction::Index(_) | Instruction::Size(_) | Instruction::Call { .. } => {
                return None;
            }
            Instruction::Unary(operation, x) => {
                let x = self.of(x)?;
                self.unary(operation, dtype, x)?
            }
            Instruction::Binary(operation, x, y) => self.binary(operation, dtype, x, y)?,
            Instruction::Fma(x, y, z) => {
                let (x, y, z) = (self.of(x)?, self.of(y)?, self.of(z)?);
                let to = self.program.value(Home::Computed);
                self.program.ops.push(Op::MultiplyAdd { to, x, y, z });
                to
            }
            Instruction::Compare(comparison, x, y) => {
                let dtype = self.kernel.body.dtype(x);
                let (x, y) = (self.of(x)?, self.of(y)?);
                self.compare(comparison, dtype, x, y)?
            }
            Instruction::Select(condition, x, y) => {
                let (mask, x, y) = (self.of(condition)?, self.of(x)?, self.of(y)?);
                self.select(mask, x, y)
            }
            Instruction::Convert(x) => {
                let from = self.kernel.body.dtype(x);
                let x = self.of(x)?;
                self.convert(from, dtype, x)?
            }
            Instruction::Bitcast(x) => self.of(x)?,
        };
        self.values[value.index()] = Some(result);
        Some(())
    }

    fn unary(&mut self, operation: Unary, dtype: DType, x: Value) -> Option<Value> {
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

    fn binary(&mut self, operation: Binary, dtype: DType, left: Scalar, right: Scalar) -> Option<Value> {
        let amount = self.kernel.body.as_constant(right);
        if matches!(operation, Binary::ShiftLeft | Binary::ShiftRightLogical | Binary::ShiftRightArithmetic)
            && let Some(amount) = amount
        {
            let x = self.of(left)?;
            return self.shift(operation, x, amount);
        }
        let (x, y) = (self.of(left)?, self.of(right)?);
        if dtype.is_float() && matches!(operation, Binary::Minimum | Binary::Maximum) {
            let bound = self.kernel.body.as_constant(right).map(|bits| (x, y, bits));
            let bound = bound.or_else(|| self.kernel.body.as_constant(left).map(|bits| (y, x, bits)));
            return self.float_bound(operation == Binary::Minimum, x, y, bound);
        }
        self.two(plain_binary(operation, dtype)?, x, y)
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
    fn shift(&mut self, operation: Binary, x: Value, amount: u64) -> Option<Value> {
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
                self.program.ops.push(Op::One { code, to, x, immediate: Some(amount as u8), in_register });
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

    fn compare(&mut self, comparison: Comparison, dtype: DType, x: Value, y: Value) -> Option<Value> {
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
            self.program.ops.push(Op::CompareToMask { code, to, x, y, immediate: predicate });
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

    fn convert(&mut self, from: DType, to: DType, x: Value) -> Option<Value> {
        if from == DType::Bool {
            let one = if to.is_float() { self.float(1.0) } else { self.constant(1) };
            return self.two(Does::And, x, one);
        }
        if to == DType::Bool {
            let zero = self.constant(0);
            return self.compare(Comparison::Ne, from, x, zero);
        }
        let bits = self.class.lane_bytes as i32 * 8;
        match (from.is_float(), to.is_float()) {
            (false, false) => Some(x),
            (true, true) => (from == to).then_some(x),
            (false, true) if from.is_signed() => self.one(Does::SignedToFloat, x, None),
            (false, true) if self.class.code(Does::UnsignedToFloat).is_some() => {
                self.one(Does::UnsignedToFloat, x, None)
            }
            (false, true) if bits == 32 => {
                // Both halves are exact, and their sum rounds once.
                let mask = self.constant(0xffff);
                let (high, low) = (self.shift(Binary::ShiftRightLogical, x, 16)?, self.two(Does::And, x, mask)?);
                let (x, z) = (self.one(Does::SignedToFloat, high, None)?, self.one(Does::SignedToFloat, low, None)?);
                let (y, to) = (self.float(65536.0), self.program.value(Home::Computed));
                self.program.ops.push(Op::MultiplyAdd { to, x, y, z });
                Some(to)
            }
            (false, true) => None,
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
}

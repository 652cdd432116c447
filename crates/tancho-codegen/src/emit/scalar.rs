//! Instructions on single elements: the scalar tail, values per row, and the lanes of what has no vectors.
//!
//! Cranelift's division traps and its shifts take the amount modulo the width; selects stand around them. They vanish where
//! the divisor or the amount is constant.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::emitter::Emitter;
use super::types::element_type;
use crate::kernel::{Binary, Unary};

impl Emitter<'_, '_> {
    pub(super) fn scalar_constant(&mut self, bits: u64, dtype: DType) -> Value {
        match dtype {
            DType::F32 => self.builder.ins().f32const(f32::from_bits(bits as u32)),
            DType::F64 => self.builder.ins().f64const(f64::from_bits(bits)),
            // An immediate is zero-extended from the width of its type.
            _ => {
                let bits = bits & (u64::MAX >> (64 - dtype.bits()));
                self.builder.ins().iconst(element_type(dtype), bits as i64)
            }
        }
    }

    pub(super) fn scalar_unary(&mut self, operation: Unary, dtype: DType, x: Value) -> Value {
        if dtype == DType::Bool {
            return self.builder.ins().bxor_imm_s(x, 1);
        }
        self.plain_unary(operation, dtype, x)
    }

    /// An operation that is the same instruction for scalars and vectors.
    pub(super) fn plain_unary(&mut self, operation: Unary, dtype: DType, x: Value) -> Value {
        let ins = self.builder.ins();
        match operation {
            Unary::Negate if dtype.is_float() => ins.fneg(x),
            Unary::Negate => ins.ineg(x),
            Unary::Abs if dtype.is_float() => ins.fabs(x),
            Unary::Abs => ins.iabs(x),
            Unary::Sqrt => ins.sqrt(x),
            Unary::Ceil => ins.ceil(x),
            Unary::Floor => ins.floor(x),
            Unary::Truncate => ins.trunc(x),
            Unary::Nearest => ins.nearest(x),
            Unary::Not => ins.bnot(x),
            Unary::CountLeadingZeros => ins.clz(x),
            Unary::PopulationCount => ins.popcnt(x),
        }
    }

    pub(super) fn scalar_binary(&mut self, operation: Binary, dtype: DType, x: Value, y: Value) -> Value {
        match operation {
            Binary::Divide if !dtype.is_float() => self.divide(dtype, x, y),
            Binary::Remainder => self.remainder(dtype, x, y),
            Binary::ShiftLeft => {
                let shifted = self.builder.ins().ishl(x, y);
                self.in_range(dtype, y, shifted)
            }
            Binary::ShiftRightLogical => {
                let shifted = self.builder.ins().ushr(x, y);
                self.in_range(dtype, y, shifted)
            }
            Binary::ShiftRightArithmetic => {
                let amount = self.clamp_amount(dtype, y);
                self.builder.ins().sshr(x, amount)
            }
            Binary::Minimum if dtype.is_float() => self.builder.ins().fmin(x, y),
            Binary::Maximum if dtype.is_float() => self.builder.ins().fmax(x, y),
            _ => self.plain_binary(operation, dtype, x, y),
        }
    }

    /// An operation that is the same instruction for scalars and vectors.
    pub(super) fn plain_binary(&mut self, operation: Binary, dtype: DType, x: Value, y: Value) -> Value {
        let is_float = dtype.is_float();
        let ins = self.builder.ins();
        match operation {
            Binary::Add if is_float => ins.fadd(x, y),
            // Of `bool`, sums and products are those of the ops `add` and `multiply`.
            Binary::Add if dtype == DType::Bool => ins.bor(x, y),
            Binary::Add => ins.iadd(x, y),
            Binary::Subtract if is_float => ins.fsub(x, y),
            Binary::Subtract => ins.isub(x, y),
            Binary::Multiply if is_float => ins.fmul(x, y),
            Binary::Multiply if dtype == DType::Bool => ins.band(x, y),
            Binary::Multiply => ins.imul(x, y),
            Binary::Divide => ins.fdiv(x, y),
            Binary::Minimum if dtype == DType::Bool => ins.band(x, y),
            Binary::Minimum if dtype.is_signed() => ins.smin(x, y),
            Binary::Minimum => ins.umin(x, y),
            Binary::Maximum if dtype == DType::Bool => ins.bor(x, y),
            Binary::Maximum if dtype.is_signed() => ins.smax(x, y),
            Binary::Maximum => ins.umax(x, y),
            Binary::And => ins.band(x, y),
            Binary::Or => ins.bor(x, y),
            Binary::Xor => ins.bxor(x, y),
            Binary::Remainder | Binary::ShiftLeft | Binary::ShiftRightArithmetic | Binary::ShiftRightLogical => {
                unreachable!("{operation:?} is guarded")
            }
        }
    }

    /// `x / 0` is all ones, `MIN / −1` is `MIN`.
    fn divide(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let ty = element_type(dtype);
        let is_zero = self.builder.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let ones = self.scalar_constant(u64::MAX, dtype);
        let one = self.builder.ins().iconst(ty, 1);
        let quotient = if dtype.is_signed() {
            let is_minus_one = self.builder.ins().icmp(IntCC::Equal, y, ones);
            let traps = self.builder.ins().bor(is_zero, is_minus_one);
            let divisor = self.builder.ins().select(traps, one, y);
            let quotient = self.builder.ins().sdiv(x, divisor);
            let negated = self.builder.ins().ineg(x);
            self.builder.ins().select(is_minus_one, negated, quotient)
        } else {
            let divisor = self.builder.ins().select(is_zero, one, y);
            self.builder.ins().udiv(x, divisor)
        };
        self.builder.ins().select(is_zero, ones, quotient)
    }

    /// `x % 0` is `x`, `MIN % −1` is 0, as is everything modulo 1.
    fn remainder(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let ty = element_type(dtype);
        let is_zero = self.builder.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let one = self.builder.ins().iconst(ty, 1);
        let remainder = if dtype.is_signed() {
            let ones = self.scalar_constant(u64::MAX, dtype);
            let is_minus_one = self.builder.ins().icmp(IntCC::Equal, y, ones);
            let traps = self.builder.ins().bor(is_zero, is_minus_one);
            let divisor = self.builder.ins().select(traps, one, y);
            self.builder.ins().srem(x, divisor)
        } else {
            let divisor = self.builder.ins().select(is_zero, one, y);
            self.builder.ins().urem(x, divisor)
        };
        self.builder.ins().select(is_zero, x, remainder)
    }

    /// A value where an amount, seen without a sign, is less than the width; else 0.
    pub(super) fn in_range(&mut self, dtype: DType, amount: Value, value: Value) -> Value {
        let is_in_range = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, amount, dtype.bits() as i64);
        let zero = self.builder.ins().iconst(element_type(dtype), 0);
        self.builder.ins().select(is_in_range, value, zero)
    }

    /// The lesser of an amount, seen without a sign, and the width less one.
    pub(super) fn clamp_amount(&mut self, dtype: DType, amount: Value) -> Value {
        let most = self.builder.ins().iconst(element_type(dtype), dtype.bits() as i64 - 1);
        self.builder.ins().umin(amount, most)
    }

    /// A comparison of scalars (which gives 0 or 1), or of vectors that are not `bool` (which gives masks).
    pub(super) fn compare(&mut self, comparison: Comparison, dtype: DType, x: Value, y: Value) -> Value {
        if dtype.is_float() {
            // The mirrored forms, which Cranelift recognises as minima and maxima where a select follows.
            return match comparison {
                Comparison::Gt => self.builder.ins().fcmp(FloatCC::LessThan, y, x),
                Comparison::Ge => self.builder.ins().fcmp(FloatCC::LessThanOrEqual, y, x),
                Comparison::Eq => self.builder.ins().fcmp(FloatCC::Equal, x, y),
                Comparison::Ne => self.builder.ins().fcmp(FloatCC::NotEqual, x, y),
                Comparison::Le => self.builder.ins().fcmp(FloatCC::LessThanOrEqual, x, y),
                Comparison::Lt => self.builder.ins().fcmp(FloatCC::LessThan, x, y),
            };
        }
        let is_signed = dtype.is_signed();
        let condition = match comparison {
            Comparison::Eq => IntCC::Equal,
            Comparison::Ne => IntCC::NotEqual,
            Comparison::Ge if is_signed => IntCC::SignedGreaterThanOrEqual,
            Comparison::Ge => IntCC::UnsignedGreaterThanOrEqual,
            Comparison::Gt if is_signed => IntCC::SignedGreaterThan,
            Comparison::Gt => IntCC::UnsignedGreaterThan,
            Comparison::Le if is_signed => IntCC::SignedLessThanOrEqual,
            Comparison::Le => IntCC::UnsignedLessThanOrEqual,
            Comparison::Lt if is_signed => IntCC::SignedLessThan,
            Comparison::Lt => IntCC::UnsignedLessThan,
        };
        self.builder.ins().icmp(condition, x, y)
    }

    pub(super) fn scalar_convert(&mut self, from: DType, to: DType, x: Value) -> Value {
        if from == to {
            return x;
        }
        let ty = element_type(to);
        match (from, to) {
            (DType::F32, DType::F64) => self.builder.ins().fpromote(ty, x),
            (DType::F64, DType::F32) => self.builder.ins().fdemote(ty, x),
            (_, DType::Bool) => {
                let zero = self.scalar_constant(0, from);
                self.compare(Comparison::Ne, from, x, zero)
            }
            (DType::F32 | DType::F64, DType::U32 | DType::U64) => self.builder.ins().fcvt_to_uint_sat(ty, x),
            (DType::F32 | DType::F64, DType::I32 | DType::I64) => self.builder.ins().fcvt_to_sint_sat(ty, x),
            (DType::F32 | DType::F64, _) => {
                let (least, greatest) = range(to);
                let wide = self.builder.ins().fcvt_to_sint_sat(types::I32, x);
                let least = self.builder.ins().iconst(types::I32, least & 0xffff_ffff);
                let wide = self.builder.ins().smax(wide, least);
                let greatest = self.builder.ins().iconst(types::I32, greatest);
                let wide = self.builder.ins().smin(wide, greatest);
                self.builder.ins().ireduce(ty, wide)
            }
            (_, DType::F32 | DType::F64) if from.is_signed() => self.builder.ins().fcvt_from_sint(ty, x),
            (_, DType::F32 | DType::F64) => self.builder.ins().fcvt_from_uint(ty, x),
            _ if from.size() == to.size() => x,
            _ if from.size() > to.size() => self.builder.ins().ireduce(ty, x),
            _ if from.is_signed() => self.builder.ins().sextend(ty, x),
            _ => self.builder.ins().uextend(ty, x),
        }
    }
}

/// The least and the greatest value of an integer dtype of at most 16 bits.
fn range(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DType::U8 => (0, i64::from(u8::MAX)),
        _ => (0, i64::from(u16::MAX)),
    }
}

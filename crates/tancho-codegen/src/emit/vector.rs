//! Instructions on groups that vectors do, or that are expanded into what vectors do.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::emitter::Emitter;
use super::group::{Group, Parts};
use super::types::{mask_type, signed_dtype, vector_type};
use crate::kernel::Binary;

impl Emitter<'_, '_> {
    /// A function of each vector.
    pub(super) fn map_parts(&mut self, x: &[Value], mut function: impl FnMut(&mut Self, Value) -> Value) -> Parts {
        x.iter().map(|&x| function(self, x)).collect()
    }

    /// A function of each pair of vectors.
    pub(super) fn zip_parts(
        &mut self,
        x: &[Value],
        y: &[Value],
        mut function: impl FnMut(&mut Self, Value, Value) -> Value,
    ) -> Parts {
        x.iter().zip(y).map(|(&x, &y)| function(self, x, y)).collect()
    }

    /// An operation on two groups of one dtype that is not `bool`, of which the table says vector or expansion.
    pub(super) fn vector_binary(&mut self, operation: Binary, dtype: DType, x: &[Value], y: &[Value]) -> Parts {
        self.zip_parts(x, y, |emitter, x, y| match operation {
            Binary::Minimum if dtype.is_float() => emitter.minimum(dtype, x, y),
            Binary::Maximum if dtype.is_float() => emitter.maximum(dtype, x, y),
            Binary::Multiply if dtype.size() == 1 => emitter.multiply_bytes(x, y),
            _ => emitter.plain_binary(operation, dtype, x, y),
        })
    }

    /// The second vector's lanes where they are NaN or both are zeros, else the lesser: one instruction.
    fn lesser(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let is_less = self.builder.ins().fcmp(FloatCC::LessThan, x, y);
        let is_less = self.bitcast(vector_type(dtype), is_less);
        self.builder.ins().bitselect(is_less, x, y)
    }

    /// The second vector's lanes where they are NaN or both are zeros, else the greater: one instruction.
    fn greater(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let is_greater = self.builder.ins().fcmp(FloatCC::LessThan, y, x);
        let is_greater = self.bitcast(vector_type(dtype), is_greater);
        self.builder.ins().bitselect(is_greater, x, y)
    }

    /// The two ways to take the lesser agree but for NaNs and zeros, where their union is a NaN, or −0 if either is.
    fn minimum(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let first = self.lesser(dtype, x, y);
        let second = self.lesser(dtype, y, x);
        self.builder.ins().bor(first, second)
    }

    /// The two ways to take the greater agree but for NaNs and zeros. Their difference in bits, joined to one and then
    /// subtracted, leaves equal values as they are, makes +0 of zeros that differ, and a NaN of a NaN.
    fn maximum(&mut self, dtype: DType, x: Value, y: Value) -> Value {
        let first = self.greater(dtype, x, y);
        let second = self.greater(dtype, y, x);
        let difference = self.builder.ins().bxor(first, second);
        let joined = self.builder.ins().bor(first, difference);
        self.builder.ins().fsub(joined, difference)
    }

    /// The minimum or maximum with a constant, where that is shorter; `None` where it is not.
    pub(super) fn bound(&mut self, operation: Binary, dtype: DType, x: &[Value], bits: u64) -> Option<Parts> {
        let value = match dtype {
            DType::F32 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        };
        let is_minimum = operation == Binary::Minimum;
        if value.is_nan() || (is_minimum && value == 0.0 && value.is_sign_negative()) {
            return None;
        }
        let constant = self.scalar_constant(bits, dtype);
        let constant = self.builder.ins().splat(vector_type(dtype), constant);
        let is_positive_zero = value == 0.0 && value.is_sign_positive();
        Some(self.map_parts(x, |emitter, x| {
            // A NaN, and of zeros the other one, comes from the second operand.
            if is_minimum {
                return emitter.lesser(dtype, constant, x);
            }
            let greater = emitter.greater(dtype, constant, x);
            // The sum with +0 makes +0 of −0 and keeps all else.
            if is_positive_zero { emitter.builder.ins().fadd(greater, constant) } else { greater }
        }))
    }

    /// Products of bytes: those of their halves as words, whose low bytes are put together.
    fn multiply_bytes(&mut self, x: Value, y: Value) -> Value {
        let (x, y) = (self.widen(&[x], false), self.widen(&[y], false));
        let products = self.zip_parts(&x, &y, |emitter, x, y| emitter.builder.ins().imul(x, y));
        self.narrow(&products, 16)[0]
    }

    /// A shift of all lanes by one amount.
    pub(super) fn vector_shift(&mut self, operation: Binary, dtype: DType, x: &[Value], amount: Value) -> Parts {
        if operation == Binary::ShiftRightArithmetic {
            let amount = self.clamp_amount(dtype, amount);
            return self.map_parts(x, |emitter, x| emitter.builder.ins().sshr(x, amount));
        }
        // A constant amount makes the mask constant, and it vanishes.
        let ones = self.scalar_constant(u64::MAX, dtype);
        let mask = self.in_range(dtype, amount, ones);
        let mask = self.builder.ins().splat(vector_type(dtype), mask);
        self.map_parts(x, |emitter, x| {
            let shifted = match operation {
                Binary::ShiftLeft => emitter.builder.ins().ishl(x, amount),
                _ => emitter.builder.ins().ushr(x, amount),
            };
            emitter.builder.ins().band(shifted, mask)
        })
    }

    /// An operation on two masks.
    pub(super) fn mask_binary(&mut self, operation: Binary, x: &Group, y: &Group, lanes: usize) -> Group {
        let bits = Self::common_bits(x, y);
        let (x, y) = (self.mask(x, bits, lanes), self.mask(y, bits, lanes));
        let parts = self.zip_parts(&x, &y, |emitter, x, y| emitter.plain_binary(operation, DType::Bool, x, y));
        Group::Mask(bits, parts)
    }

    /// A comparison of two masks, false being less than true.
    pub(super) fn mask_compare(&mut self, comparison: Comparison, x: &Group, y: &Group, lanes: usize) -> Group {
        let bits = Self::common_bits(x, y);
        let (x, y) = (self.mask(x, bits, lanes), self.mask(y, bits, lanes));
        let parts = self.zip_parts(&x, &y, |emitter, x, y| {
            let ins = emitter.builder.ins();
            match comparison {
                Comparison::Eq => {
                    let differ = ins.bxor(x, y);
                    emitter.builder.ins().bnot(differ)
                }
                Comparison::Ne => ins.bxor(x, y),
                Comparison::Ge => ins.bor_not(x, y),
                Comparison::Gt => ins.band_not(x, y),
                Comparison::Le => ins.bor_not(y, x),
                Comparison::Lt => ins.band_not(y, x),
            }
        });
        Group::Mask(bits, parts)
    }

    /// The lane width in which two masks meet: the wider one, since the data that a mask selects has it.
    fn common_bits(x: &Group, y: &Group) -> usize {
        Self::mask_bits(x).into_iter().chain(Self::mask_bits(y)).max().unwrap_or(8)
    }

    /// Lanes of one group where a mask is set, else of another. The mask has the width of the lanes.
    pub(super) fn blend(&mut self, mask: &[Value], x: &[Value], y: &[Value]) -> Parts {
        let mut blended = Parts::new();
        for ((&mask, &x), &y) in mask.iter().zip(x).zip(y) {
            let ty = self.builder.func.dfg.value_type(x);
            // There is no blend of words; every byte of a mask's lane is alike, so that bytes do.
            let lane_bits = if ty.lane_bits() == 16 { 8 } else { ty.lane_bits() as usize };
            let lanes = mask_type(lane_bits);
            let (mask, x, y) = (self.bitcast(lanes, mask), self.bitcast(lanes, x), self.bitcast(lanes, y));
            let chosen = self.builder.ins().blendv(mask, x, y);
            blended.push(self.bitcast(ty, chosen));
        }
        blended
    }

    /// Lanes of one group where a condition holds, else of another, for values of any dtype.
    pub(super) fn select_groups(
        &mut self,
        condition: &Group,
        dtype: DType,
        x: &Group,
        y: &Group,
        lanes: usize,
    ) -> Group {
        if dtype == DType::Bool {
            let bits = Self::mask_bits(condition).unwrap_or_else(|| Self::common_bits(x, y));
            let (condition, x, y) =
                (self.mask(condition, bits, lanes), self.mask(x, bits, lanes), self.mask(y, bits, lanes));
            return Group::Mask(bits, self.blend(&condition, &x, &y));
        }
        let condition = self.mask(condition, dtype.bits(), lanes);
        let (x, y) = (self.parts(x, dtype, lanes), self.parts(y, dtype, lanes));
        Group::Vectors(self.blend(&condition, &x, &y))
    }

    /// A conversion of which the table says vector or expansion.
    pub(super) fn vector_convert(&mut self, from: DType, to: DType, x: &Group, lanes: usize) -> Group {
        if from == DType::Bool {
            // The bits of 1 where the mask is set.
            let mask = self.mask(x, to.bits(), lanes);
            let one = match to {
                DType::F32 => i64::from(1f32.to_bits()),
                DType::F64 => 1f64.to_bits() as i64,
                _ => 1,
            };
            let ones = self.splat_integer(mask_type(to.bits()), one);
            let parts = self.map_parts(&mask, |emitter, mask| {
                let ones = emitter.builder.ins().band(mask, ones);
                emitter.bitcast(vector_type(to), ones)
            });
            return Group::Vectors(parts);
        }
        let parts = self.parts(x, from, lanes);
        if to == DType::Bool {
            let zero = self.splat_integer(mask_type(from.bits()), 0);
            let zero = self.bitcast(vector_type(from), zero);
            let parts = self.map_parts(&parts, |emitter, x| emitter.compare(Comparison::Ne, from, x, zero));
            return Group::Mask(from.bits(), parts);
        }
        Group::Vectors(match (from, to) {
            (DType::F32, DType::F64) => {
                let mut wide = Parts::new();
                for &part in &parts {
                    let upper = self.upper_half(part);
                    wide.push(self.builder.ins().fvpromote_low(part));
                    wide.push(self.builder.ins().fvpromote_low(upper));
                }
                wide
            }
            (DType::F64, DType::F32) => parts
                .chunks_exact(2)
                .map(|pair| {
                    let low = self.builder.ins().fvdemote(pair[0]);
                    let high = self.builder.ins().fvdemote(pair[1]);
                    let (low, high) = (self.bitcast(types::I8X16, low), self.bitcast(types::I8X16, high));
                    let both = self.shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
                    self.bitcast(types::F32X4, both)
                })
                .collect(),
            (DType::F32, DType::U32) => {
                self.map_parts(&parts, |emitter, x| emitter.builder.ins().fcvt_to_uint_sat(types::I32X4, x))
            }
            (DType::F32, _) => {
                let words =
                    self.map_parts(&parts, |emitter, x| emitter.builder.ins().fcvt_to_sint_sat(types::I32X4, x));
                self.saturate(words, to)
            }
            (_, DType::F32) => {
                let words = self.resize(&parts, from, 32);
                let is_unsigned_word = from == DType::U32;
                self.map_parts(&words, |emitter, x| {
                    let ins = emitter.builder.ins();
                    if is_unsigned_word {
                        ins.fcvt_from_uint(types::F32X4, x)
                    } else {
                        ins.fcvt_from_sint(types::F32X4, x)
                    }
                })
            }
            (DType::I64, DType::F64) => {
                self.map_parts(&parts, |emitter, x| emitter.builder.ins().fcvt_from_sint(types::F64X2, x))
            }
            (DType::U64, DType::F64) => {
                self.map_parts(&parts, |emitter, x| emitter.builder.ins().fcvt_from_uint(types::F64X2, x))
            }
            (_, DType::F64) => {
                let words = self.resize(&parts, from, 32);
                let is_unsigned_word = from == DType::U32;
                let mut wide = Parts::new();
                for &part in &words {
                    for half in [part, self.upper_half(part)] {
                        // Cranelift knows the pair of a widening and a conversion.
                        wide.push(if is_unsigned_word {
                            let half = self.builder.ins().uwiden_low(half);
                            self.builder.ins().fcvt_from_uint(types::F64X2, half)
                        } else {
                            let half = self.builder.ins().swiden_low(half);
                            self.builder.ins().fcvt_from_sint(types::F64X2, half)
                        });
                    }
                }
                wide
            }
            _ => self.resize(&parts, from, to.bits()),
        })
    }

    /// Integers of a dtype as integers of so many bits.
    fn resize(&mut self, parts: &[Value], from: DType, bits: usize) -> Parts {
        let mut parts = Parts::from_slice(parts);
        let mut own_bits = from.bits();
        while own_bits < bits {
            parts = self.widen(&parts, from.is_signed());
            own_bits *= 2;
        }
        while own_bits > bits {
            parts = self.narrow(&parts, own_bits);
            own_bits /= 2;
        }
        parts
    }

    /// Signed integers of 32 bits, saturated to a dtype of at most as many.
    fn saturate(&mut self, words: Parts, to: DType) -> Parts {
        let mut parts = words;
        let mut bits = 32;
        while bits > to.bits() {
            // Only the last step may lose the sign.
            let keeps_sign = to.is_signed() || bits / 2 > to.bits();
            parts = parts
                .chunks_exact(2)
                .map(|pair| {
                    let ins = self.builder.ins();
                    if keeps_sign { ins.snarrow(pair[0], pair[1]) } else { ins.unarrow(pair[0], pair[1]) }
                })
                .collect();
            bits /= 2;
        }
        parts
    }

    /// The indices of neighbouring points, the first being given.
    pub(super) fn iota(&mut self, first: Value, dtype: DType, lanes: usize) -> Group {
        if lanes == 1 {
            return Group::Scalar(first);
        }
        let ty = vector_type(dtype);
        let bytes = dtype.size();
        let splat = self.builder.ins().splat(ty, first);
        let per_vector = 16 / bytes;
        debug_assert_eq!(signed_dtype(dtype.bits()), dtype);
        let parts = (0..lanes / per_vector)
            .map(|part| {
                let pattern: Vec<u8> = (0..per_vector)
                    .flat_map(|lane| ((part * per_vector + lane) as i64).to_le_bytes()[..bytes].to_vec())
                    .collect();
                let offsets = self.vector_constant(ty, &pattern);
                self.builder.ins().iadd(splat, offsets)
            })
            .collect();
        Group::Vectors(parts)
    }
}

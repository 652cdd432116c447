//! The values of neighbouring points: how a group is held, and the ways between its forms.
//!
//! A group of *lanes* elements is held in as many vectors as its dtype needs. A group of `bool`s is a mask, whose lanes are
//! all ones or zeros and as wide as what the comparison that made it compared; it changes its width where it meets values
//! of another one. A value that is the same for all lanes stays a scalar until a vector is needed.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use smallvec::SmallVec;
use tancho_tensor::DType;

use super::emitter::Emitter;
use super::types::{VECTOR_BYTES, element_type, lanes_per_vector, mask_type, signed_dtype, vector_type};

/// The vectors of a group, the first lanes first.
pub(super) type Parts = SmallVec<[Value; 8]>;

/// The values of neighbouring points.
#[derive(Clone, Debug)]
pub(super) enum Group {
    /// One element, or one for all lanes.
    Scalar(Value),
    /// Vectors of a dtype that is not `bool`.
    Vectors(Parts),
    /// A mask with lanes of so many bits.
    Mask(usize, Parts),
}

impl Group {
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self, Group::Scalar(_))
    }

    /// The value of a group of one lane.
    pub(super) fn scalar(&self) -> Value {
        match self {
            Group::Scalar(value) => *value,
            Group::Vectors(parts) | Group::Mask(_, parts) => parts[0],
        }
    }
}

impl Emitter<'_, '_> {
    /// The same bits as another type of the same size.
    pub(super) fn bitcast(&mut self, to: Type, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == to {
            return value;
        }
        let flags =
            cranelift_codegen::ir::MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.builder.ins().bitcast(to, flags, value)
    }

    /// The vectors of a group whose dtype is not `bool`.
    pub(super) fn parts(&mut self, group: &Group, dtype: DType, lanes: usize) -> Parts {
        match group {
            Group::Scalar(value) => {
                let splat = self.builder.ins().splat(vector_type(dtype), *value);
                SmallVec::from_elem(splat, lanes / lanes_per_vector(dtype))
            }
            Group::Vectors(parts) => parts.clone(),
            Group::Mask(..) => unreachable!("a mask is no group of {dtype}"),
        }
    }

    /// The mask of a group of `bool`s, with lanes of so many bits.
    pub(super) fn mask(&mut self, group: &Group, bits: usize, lanes: usize) -> Parts {
        match group {
            Group::Scalar(value) => {
                let mut ones = self.builder.ins().ineg(*value);
                if bits > 8 {
                    ones = self.builder.ins().sextend(element_type(signed_dtype(bits)), ones);
                }
                let splat = self.builder.ins().splat(mask_type(bits), ones);
                SmallVec::from_elem(splat, lanes * bits / 128)
            }
            Group::Mask(own_bits, parts) => {
                let (mut own_bits, mut parts) = (*own_bits, parts.clone());
                while own_bits < bits {
                    parts = self.widen(&parts, true);
                    own_bits *= 2;
                }
                while own_bits > bits {
                    parts = self.narrow_mask(&parts, own_bits);
                    own_bits /= 2;
                }
                parts
            }
            Group::Vectors(_) => unreachable!("a group of numbers is no mask"),
        }
    }

    /// The width of the lanes that a mask has, if the group is one.
    pub(super) fn mask_bits(group: &Group) -> Option<usize> {
        match group {
            Group::Mask(bits, _) => Some(*bits),
            Group::Scalar(_) | Group::Vectors(_) => None,
        }
    }

    /// Integers as integers of twice the width.
    pub(super) fn widen(&mut self, parts: &[Value], is_signed: bool) -> Parts {
        let mut wide = Parts::new();
        for &part in parts {
            let (low, high) = if is_signed {
                (self.builder.ins().swiden_low(part), self.builder.ins().swiden_high(part))
            } else {
                (self.builder.ins().uwiden_low(part), self.builder.ins().uwiden_high(part))
            };
            wide.extend([low, high]);
        }
        wide
    }

    /// The low halves of integers of so many bits.
    pub(super) fn narrow(&mut self, parts: &[Value], bits: usize) -> Parts {
        parts
            .chunks_exact(2)
            .map(|pair| match bits {
                64 => self.even_words(pair[0], pair[1]),
                _ => {
                    // What is left after masking is within the range that the saturating conversion keeps.
                    let ty = mask_type(bits);
                    let half = self.splat_integer(ty, if bits == 32 { 0xffff } else { 0xff });
                    let low = self.builder.ins().band(pair[0], half);
                    let high = self.builder.ins().band(pair[1], half);
                    self.builder.ins().unarrow(low, high)
                }
            })
            .collect()
    }

    fn narrow_mask(&mut self, parts: &[Value], bits: usize) -> Parts {
        parts
            .chunks_exact(2)
            .map(|pair| match bits {
                64 => self.even_words(pair[0], pair[1]),
                _ => self.builder.ins().snarrow(pair[0], pair[1]),
            })
            .collect()
    }

    /// The lower 32 bits of the lanes of two vectors of 64-bit integers.
    fn even_words(&mut self, low: Value, high: Value) -> Value {
        let low = self.bitcast(types::I8X16, low);
        let high = self.bitcast(types::I8X16, high);
        let shuffled = self.shuffle(low, high, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]);
        self.bitcast(types::I32X4, shuffled)
    }

    /// Bytes of two vectors, the second's numbered from 16.
    pub(super) fn shuffle(&mut self, low: Value, high: Value, bytes: [u8; VECTOR_BYTES]) -> Value {
        let mask = self.builder.func.dfg.immediates.push(bytes.as_slice().into());
        self.builder.ins().shuffle(low, high, mask)
    }

    /// The upper half of a vector as the lower one; the upper half is unspecified.
    pub(super) fn upper_half(&mut self, part: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(part);
        let bytes = self.bitcast(types::I8X16, part);
        let shuffled = self.shuffle(bytes, bytes, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]);
        self.bitcast(ty, shuffled)
    }

    /// A vector of one integer constant.
    pub(super) fn splat_integer(&mut self, ty: Type, value: i64) -> Value {
        let bytes = (ty.lane_bits() / 8) as usize;
        let pattern: Vec<u8> = value.to_le_bytes()[..bytes].iter().copied().cycle().take(VECTOR_BYTES).collect();
        self.vector_constant(ty, &pattern)
    }

    pub(super) fn vector_constant(&mut self, ty: Type, bytes: &[u8]) -> Value {
        let constant = self.builder.func.dfg.constants.insert(bytes.into());
        self.builder.ins().vconst(ty, constant)
    }

    /// One lane of a group, as a scalar.
    pub(super) fn extract(&mut self, group: &Group, dtype: DType, lane: usize) -> Value {
        match group {
            Group::Scalar(value) => *value,
            Group::Vectors(parts) => {
                let per_vector = lanes_per_vector(dtype);
                self.builder.ins().extractlane(parts[lane / per_vector], (lane % per_vector) as u8)
            }
            Group::Mask(bits, parts) => {
                let per_vector = 128 / bits;
                let part = self.bitcast(types::I8X16, parts[lane / per_vector]);
                let byte = self.builder.ins().extractlane(part, (lane % per_vector * (bits / 8)) as u8);
                self.builder.ins().band_imm_s(byte, 1)
            }
        }
    }

    /// The group of so many scalars; of one, the scalar.
    pub(super) fn build(&mut self, dtype: DType, scalars: &[Value]) -> Group {
        if let [value] = scalars {
            return Group::Scalar(*value);
        }
        let parts = scalars
            .chunks_exact(lanes_per_vector(dtype))
            .map(|scalars| {
                let mut vector = self.first_lane(dtype, scalars[0]);
                for (lane, &scalar) in scalars.iter().enumerate().skip(1) {
                    vector = self.builder.ins().insertlane(vector, scalar, lane as u8);
                }
                vector
            })
            .collect();
        self.group_from_vectors(dtype, parts)
    }

    /// A vector with a scalar in its first lane.
    fn first_lane(&mut self, dtype: DType, scalar: Value) -> Value {
        if dtype.size() >= 4 {
            return self.builder.ins().scalar_to_vector(vector_type(dtype), scalar);
        }
        // Cranelift moves only whole words.
        let word = self.builder.ins().uextend(types::I32, scalar);
        let vector = self.builder.ins().scalar_to_vector(types::I32X4, word);
        self.bitcast(vector_type(dtype), vector)
    }

    /// The group that vectors of a dtype are; those of `bool` hold bytes of 0 and 1.
    pub(super) fn group_from_vectors(&mut self, dtype: DType, parts: Parts) -> Group {
        if dtype == DType::Bool {
            Group::Mask(8, parts.into_iter().map(|part| self.builder.ins().ineg(part)).collect())
        } else {
            Group::Vectors(parts)
        }
    }

    /// The vectors that memory holds: those of a dtype, of `bool` bytes of 0 and 1.
    pub(super) fn memory_vectors(&mut self, group: &Group, dtype: DType, lanes: usize) -> Parts {
        if dtype == DType::Bool {
            let mask = self.mask(group, 8, lanes);
            mask.into_iter().map(|part| self.builder.ins().ineg(part)).collect()
        } else {
            self.parts(group, dtype, lanes)
        }
    }
}

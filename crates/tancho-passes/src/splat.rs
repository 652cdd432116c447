//! Splats: values whose elements are all the same, known at compile time.
//!
//! Their form is a `broadcast_in_dim` of a scalar constant (see [`shrink_constants`](crate::shrink_constants)). Looking one
//! up goes through a few broadcasts, reshapes and transposes, since those keep a splat a splat.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{DimList, Graph, Op, TensorType, Value};
use tancho_tensor::{Array, Buffer, DType, Shape, bf16, f16, round_to_odd};

use crate::rewrite::Replacement;

/// The element that a splat repeats.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Splat {
    pub dtype: DType,
    /// The element's bytes as a little-endian number; what is above the element's size is zero.
    pub bits: u64,
}

/// A value is looked through this many ops, so that a look-up takes constant time.
const DEPTH: usize = 4;

/// The element of a value that is known to repeat one element.
///
/// Constants of more than one element are not compared here: `shrink_constants` has done that once.
pub fn splat_value(graph: &Graph, value: Value) -> Option<Splat> {
    let mut value = value;
    for _ in 0..DEPTH {
        match graph.op_of(value)? {
            Op::Shape(ShapeOp::Constant(array)) => return Splat::of(array),
            Op::Shape(ShapeOp::BroadcastInDim { .. } | ShapeOp::Reshape { .. } | ShapeOp::Transpose { .. }) => {
                value = graph.node(value.node).operands()[0];
            }
            _ => return None,
        }
    }
    None
}

impl Splat {
    /// The element of an array that has exactly one.
    pub fn of(array: &Array) -> Option<Splat> {
        let bytes = array.buffer().bytes();
        (array.len() == 1).then(|| Splat { dtype: array.dtype(), bits: number(bytes) })
    }

    pub fn zero(dtype: DType) -> Splat {
        Splat { dtype, bits: 0 }
    }

    /// Every bit one; `true` for `bool`.
    pub fn all_ones(dtype: DType) -> Splat {
        let bits = if dtype == DType::Bool { 1 } else { u64::MAX >> (64 - dtype.bits()) };
        Splat { dtype, bits }
    }

    pub fn bool(value: bool) -> Splat {
        Splat { dtype: DType::Bool, bits: u64::from(value) }
    }

    pub fn float(dtype: DType, value: f64) -> Splat {
        let bits = match dtype {
            DType::F16 => u64::from(f16::from_f32(round_to_odd(value)).to_bits()),
            DType::BF16 => u64::from(bf16::from_f32(round_to_odd(value)).to_bits()),
            DType::F32 => u64::from((value as f32).to_bits()),
            _ => value.to_bits(),
        };
        Splat { dtype, bits }
    }

    /// The value of a float.
    pub fn as_float(self) -> Option<f64> {
        match self.dtype {
            DType::F16 => Some(f16::from_bits(self.bits as u16).to_f64()),
            DType::BF16 => Some(bf16::from_bits(self.bits as u16).to_f64()),
            DType::F32 => Some(f64::from(f32::from_bits(self.bits as u32))),
            DType::F64 => Some(f64::from_bits(self.bits)),
            _ => None,
        }
    }

    /// +0 for floats, 0, or `false`.
    pub fn is_zero(self) -> bool {
        self.bits == 0
    }

    /// 1 or `true`.
    pub fn is_one(self) -> bool {
        self.as_float().map_or(self.bits == 1, |value| value == 1.0)
    }

    pub fn is_all_ones(self) -> bool {
        !self.dtype.is_float() && self == Splat::all_ones(self.dtype)
    }

    /// −1 of a float or a signed integer.
    pub fn is_minus_one(self) -> bool {
        self.as_float().map_or(self.dtype.is_signed() && self.is_all_ones(), |value| value == -1.0)
    }

    /// The least value of the dtype, −∞ for floats.
    pub fn is_least(self) -> bool {
        match self.as_float() {
            Some(value) => value == f64::NEG_INFINITY,
            None if self.dtype.is_signed() => self.bits == 1 << (self.dtype.bits() - 1),
            None => self.bits == 0,
        }
    }

    /// The largest value of the dtype, ∞ for floats.
    pub fn is_largest(self) -> bool {
        match self.as_float() {
            Some(value) => value == f64::INFINITY,
            None if self.dtype.is_signed() => self.bits == Splat::all_ones(self.dtype).bits >> 1,
            None => self.is_all_ones(),
        }
    }

    /// As an array of rank 0; `None` where not even a few bytes of memory are left.
    pub fn to_array(self) -> Option<Array> {
        let bytes = self.bits.to_le_bytes();
        let buffer = Buffer::copy_of(&bytes[..self.dtype.size()]).ok()?;
        Array::from_buffer(self.dtype, Shape::scalar(), buffer).ok()
    }

    /// As a value of a type: a scalar constant, broadcast where the type is not scalar.
    pub fn to_replacement(self, of: &TensorType) -> Option<Replacement> {
        debug_assert_eq!(of.dtype, self.dtype, "{}", DimList(&of.dims));
        let constant = Replacement::Op(Op::Shape(ShapeOp::Constant(self.to_array()?)), Vec::new());
        Some(if of.rank() == 0 { constant } else { Replacement::broadcast(&of.dims, Vec::new(), constant) })
    }
}

/// The element that an array repeats, where it has elements and all are the same, bit for bit.
pub fn repeated_element(array: &Array) -> Option<Splat> {
    let bytes = array.buffer().bytes();
    let size = array.dtype().size();
    let first = bytes.get(..size)?;
    // Comparing the bytes with themselves, shifted by one element, says whether each element is the one before it.
    (bytes[size..] == bytes[..bytes.len() - size]).then(|| Splat { dtype: array.dtype(), bits: number(first) })
}

fn number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(number)
}

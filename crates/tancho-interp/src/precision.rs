//! `reduce_precision`, on the bits of an element.

use tancho_tensor::DType;

use crate::scalar::Scalar;

/// Rounds to a format of that many bits of exponent and mantissa, halves to even.
///
/// The mantissa is rounded first; a carry goes on into the exponent, as far as infinity. Then the exponent is looked at: the
/// largest one of the format is reserved for infinities and the least one for zero.
pub(crate) fn reduce_precision<T: Scalar>(x: T, exponent_bits: u32, mantissa_bits: u32) -> T {
    if x.is_nan() {
        return x;
    }
    let (own_exponent_bits, own_mantissa_bits) = format(T::DTYPE);
    let sign = x.to_word() & (1 << (own_exponent_bits + own_mantissa_bits));
    let mut magnitude = x.to_word() ^ sign;
    if mantissa_bits < own_mantissa_bits {
        let dropped = own_mantissa_bits - mantissa_bits;
        let is_odd = (magnitude >> dropped) & 1;
        magnitude = (magnitude + (1 << (dropped - 1)) - 1 + is_odd) >> dropped << dropped;
    }
    if exponent_bits < own_exponent_bits {
        let own_bias = (1 << (own_exponent_bits - 1)) - 1;
        let bias = (1 << (exponent_bits - 1)) - 1;
        let exponent = magnitude >> own_mantissa_bits;
        if exponent > own_bias + bias {
            magnitude = T::GREATEST.to_word();
        } else if exponent <= own_bias - bias {
            magnitude = 0;
        }
    }
    T::from_word(sign | magnitude)
}

/// The bits of a dtype's exponent and mantissa.
fn format(dtype: DType) -> (u32, u32) {
    match dtype {
        DType::F16 => (5, 10),
        DType::BF16 => (8, 7),
        DType::F32 => (8, 23),
        DType::F64 => (11, 52),
        DType::I8
        | DType::I16
        | DType::I32
        | DType::I64
        | DType::U8
        | DType::U16
        | DType::U32
        | DType::U64
        | DType::Bool => unreachable!("reduce_precision takes floats"),
    }
}

//! Cranelift's types for element types: a scalar, and a vector of 128 bits.

use cranelift_codegen::ir::{MemFlagsData, Type, types};
use tancho_tensor::DType;

/// The bytes of a vector.
pub(super) const VECTOR_BYTES: usize = 16;

/// The type of one element; a `bool` is an `I8` of 0 or 1.
pub(super) fn element_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::I8 | DType::U8 | DType::Bool => types::I8,
        // Kernels hold 16-bit floats as bits.
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => types::I16,
        DType::I32 | DType::U32 => types::I32,
        DType::I64 | DType::U64 => types::I64,
    }
}

/// The type of a vector of elements.
pub(super) fn vector_type(dtype: DType) -> Type {
    match dtype {
        DType::F32 => types::F32X4,
        DType::F64 => types::F64X2,
        DType::I8 | DType::U8 | DType::Bool => types::I8X16,
        DType::I16 | DType::U16 | DType::F16 | DType::BF16 => types::I16X8,
        DType::I32 | DType::U32 => types::I32X4,
        DType::I64 | DType::U64 => types::I64X2,
    }
}

/// The type of a vector of integers of so many bits: what a mask of lanes of that width is.
pub(super) fn mask_type(bits: usize) -> Type {
    match bits {
        8 => types::I8X16,
        16 => types::I16X8,
        32 => types::I32X4,
        _ => types::I64X2,
    }
}

/// The dtype of an integer of so many bits.
pub(super) fn signed_dtype(bits: usize) -> DType {
    match bits {
        8 => DType::I8,
        16 => DType::I16,
        32 => DType::I32,
        _ => DType::I64,
    }
}

/// The number of elements in a vector.
pub(super) fn lanes_per_vector(dtype: DType) -> usize {
    VECTOR_BYTES / dtype.size()
}

/// Loads and stores of elements: the plan upholds that the addresses are valid. Nothing is said of alignment, so that no
/// instruction that insists on it is chosen.
pub(super) fn memory() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// Loads of the arguments, which nothing writes during a call.
pub(super) fn argument_memory() -> MemFlagsData {
    MemFlagsData::new().with_notrap().with_readonly().with_can_move()
}

//! What can stand where an operation takes a tensor: tensors, lent or given, Rust scalars, and sizes.

use std::panic::Location;

use tancho_tensor::{DType, bf16, f16};

use crate::scalar::Scalar;
use crate::shape::Dim;
use crate::tensor::{Repr, Tensor};

/// What can stand where a tensor is expected: `Tensor`, `&Tensor`, a Rust number or `bool`, and a [`Dim`].
///
/// A number or a size takes the dtype of the tensor that it meets.
pub trait AsTensor {
    fn into_operand<'a>(self) -> Operand<'a>
    where
        Self: 'a;
}

/// An operand of an operation.
pub enum Operand<'a> {
    Lend(&'a Tensor),
    /// Nobody else holds the tensor; its memory may become the result's.
    Give(Tensor),
    Scalar(Scalar),
    Size(Dim),
}

impl AsTensor for Tensor {
    fn into_operand<'a>(self) -> Operand<'a> {
        Operand::Give(self)
    }
}

impl AsTensor for &Tensor {
    fn into_operand<'a>(self) -> Operand<'a>
    where
        Self: 'a,
    {
        Operand::Lend(self)
    }
}

impl AsTensor for &&Tensor {
    fn into_operand<'a>(self) -> Operand<'a>
    where
        Self: 'a,
    {
        Operand::Lend(self)
    }
}

impl AsTensor for Dim {
    fn into_operand<'a>(self) -> Operand<'a> {
        Operand::Size(self)
    }
}

impl AsTensor for &Dim {
    fn into_operand<'a>(self) -> Operand<'a>
    where
        Self: 'a,
    {
        Operand::Size(self.clone())
    }
}

macro_rules! scalars {
    ($($T:ident)*) => {$(
        impl AsTensor for $T {
            fn into_operand<'a>(self) -> Operand<'a> {
                Operand::Scalar(self.into())
            }
        }
    )*};
}
scalars!(f16 bf16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 usize bool);

impl<'a> Operand<'a> {
    /// The dtype, where the operand has one of its own.
    fn tensor_dtype(&self) -> Option<DType> {
        match self {
            Operand::Lend(tensor) => Some(tensor.dtype()),
            Operand::Give(tensor) => Some(tensor.dtype()),
            Operand::Scalar(_) | Operand::Size(_) => None,
        }
    }

    /// The tensor of an operand that was resolved, or is one.
    pub(crate) fn tensor(&self) -> Option<&Tensor> {
        match self {
            Operand::Lend(tensor) => Some(tensor),
            Operand::Give(tensor) => Some(tensor),
            Operand::Scalar(_) | Operand::Size(_) => None,
        }
    }
}

/// Turns scalars and sizes into tensors: of the dtype of the first tensor among the operands, or of their Rust type.
#[track_caller]
pub(crate) fn resolve(op: &'static str, operands: &mut [Operand<'_>]) {
    if operands.iter().all(|operand| operand.tensor().is_some()) {
        return;
    }
    let location = Location::caller();
    let dtype = operands.iter().find_map(Operand::tensor_dtype);
    let own_dtype = operands.iter().find_map(|operand| match operand {
        Operand::Scalar(scalar) => Some(scalar.dtype()),
        Operand::Lend(_) | Operand::Give(_) | Operand::Size(_) => None,
    });
    let dtype = dtype.or(own_dtype).unwrap_or(DType::I64);
    for operand in operands {
        *operand = match operand {
            Operand::Lend(_) | Operand::Give(_) => continue,
            Operand::Scalar(scalar) => Operand::Give(scalar_tensor(op, *scalar, dtype, location)),
            Operand::Size(dim) => Operand::Give(crate::ops::create::size_tensor(dim, dtype, location)),
        };
    }
}

fn scalar_tensor(op: &'static str, scalar: Scalar, dtype: DType, location: &'static Location<'static>) -> Tensor {
    match scalar.to_array(dtype) {
        Ok(array) => Tensor(Repr::Value(array)),
        Err(message) => Tensor::fault_at(op, message, location),
    }
}

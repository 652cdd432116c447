//! A dense tensor value on the host.

use crate::buffer::{AllocError, Buffer, bytes_of};
use crate::{DType, Element, Shape, with_element};

/// A dense, row-major, immutable tensor value; clones share the memory.
#[derive(Clone, Debug)]
pub struct Array {
    dtype: DType,
    shape: Shape,
    buffer: Buffer,
}

/// Why an array could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    #[error("shape {shape} needs {expected} elements, but {found} are given")]
    ElementCount { shape: Shape, expected: usize, found: usize },
    #[error("shape {shape} has more elements than memory can hold")]
    TooLarge { shape: Shape },
    #[error("the array holds {found}, not {expected}")]
    DType { expected: DType, found: DType },
    #[error("a bool is one byte, 0 or 1, but byte {position} is {value}")]
    NotBool { position: usize, value: u8 },
    #[error(transparent)]
    Alloc(#[from] AllocError),
}

impl Array {
    /// An array of the given shape with the elements in row-major order.
    ///
    /// # Errors
    /// The number of elements is not that of the shape, or memory is short.
    pub fn new<T: Element>(shape: impl Into<Shape>, elements: &[T]) -> Result<Self, ArrayError> {
        let shape = shape.into();
        check_count(&shape, elements.len())?;
        Ok(Array { dtype: T::DTYPE, shape, buffer: Buffer::copy_of(bytes_of(elements))? })
    }

    /// An array of rank 0.
    ///
    /// # Panics
    /// Not even a few bytes could be allocated.
    pub fn scalar<T: Element>(value: T) -> Self {
        Array::new(Shape::scalar(), &[value]).expect("a few bytes of memory")
    }

    /// An array over bytes that are there already, little-endian.
    ///
    /// # Errors
    /// The number of bytes is not that of the shape and dtype, or a byte of a `bool` array is neither 0 nor 1.
    pub fn from_buffer(dtype: DType, shape: impl Into<Shape>, buffer: Buffer) -> Result<Self, ArrayError> {
        let shape = shape.into();
        // A last element that is cut off counts as one too many.
        check_count(&shape, buffer.len().div_ceil(dtype.size()))?;
        if !buffer.len().is_multiple_of(dtype.size()) {
            let found = buffer.len() / dtype.size();
            return Err(ArrayError::ElementCount { expected: found + 1, found, shape });
        }
        if dtype == DType::Bool
            && let Some((position, &value)) = buffer.bytes().iter().enumerate().find(|(_, value)| **value > 1)
        {
            return Err(ArrayError::NotBool { position, value });
        }
        Ok(Array { dtype, shape, buffer })
    }

    /// As [`Array::from_buffer`], for a buffer that compiled code has just written.
    ///
    /// # Safety
    /// The buffer has the bytes of `shape` and `dtype`, and each byte of a `bool` array is 0 or 1.
    #[allow(unsafe_code)]
    pub unsafe fn from_buffer_unchecked(dtype: DType, shape: Shape, buffer: Buffer) -> Self {
        debug_assert_eq!(shape.elements().map(|count| count * dtype.size()), Some(buffer.len()));
        Array { dtype, shape, buffer }
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.buffer.len() / self.dtype.size()
    }

    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// `T` is not the element type of the array.
    pub fn elements<T: Element>(&self) -> Result<&[T], ArrayError> {
        if self.dtype != T::DTYPE {
            return Err(ArrayError::DType { expected: T::DTYPE, found: self.dtype });
        }
        // SAFETY: the dtype matches, and the constructors have checked the bytes of `bool` arrays.
        #[allow(unsafe_code)]
        Ok(unsafe { self.buffer.elements() })
    }

    /// The same elements with another shape; the memory is shared.
    ///
    /// # Errors
    /// The shapes differ in their number of elements.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self, ArrayError> {
        let shape = shape.into();
        check_count(&shape, self.len())?;
        Ok(Array { dtype: self.dtype, shape, buffer: self.buffer.clone() })
    }

    /// Whether both have the same dtype, shape and bits, where every NaN counts as the same.
    pub fn same_bits(&self, other: &Array) -> bool {
        if self.dtype != other.dtype || self.shape != other.shape {
            return false;
        }
        match self.dtype {
            DType::F16 => same_floats::<crate::f16>(self, other, |x| x.to_bits() as u64),
            DType::BF16 => same_floats::<crate::bf16>(self, other, |x| x.to_bits() as u64),
            DType::F32 => same_floats::<f32>(self, other, |x| x.to_bits() as u64),
            DType::F64 => same_floats::<f64>(self, other, f64::to_bits),
            _ => self.buffer.bytes() == other.buffer.bytes(),
        }
    }

    /// Every element as an `f64` (integers beyond 2⁵³ are rounded).
    pub fn to_f64_vec(&self) -> Vec<f64> {
        trait ToF64 {
            fn to_f64(&self) -> f64;
        }
        macro_rules! to_f64 { ($($t:ty),*) => {$( impl ToF64 for $t { fn to_f64(&self) -> f64 { *self as f64 } } )*} }
        to_f64!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);
        impl ToF64 for crate::f16 {
            fn to_f64(&self) -> f64 {
                crate::f16::to_f64(*self)
            }
        }
        impl ToF64 for crate::bf16 {
            fn to_f64(&self) -> f64 {
                crate::bf16::to_f64(*self)
            }
        }
        impl ToF64 for bool {
            fn to_f64(&self) -> f64 {
                f64::from(u8::from(*self))
            }
        }
        with_element!(self.dtype, T => {
            self.elements::<T>().expect("the dtype of the array").iter().map(ToF64::to_f64).collect()
        })
    }
}

fn check_count(shape: &Shape, found: usize) -> Result<(), ArrayError> {
    match shape.elements() {
        None => Err(ArrayError::TooLarge { shape: shape.clone() }),
        Some(expected) if expected != found => Err(ArrayError::ElementCount { shape: shape.clone(), expected, found }),
        Some(_) => Ok(()),
    }
}

fn same_floats<T: Element>(left: &Array, right: &Array, bits: impl Fn(T) -> u64) -> bool {
    let (Ok(left), Ok(right)) = (left.elements::<T>(), right.elements::<T>()) else { return false };
    // A NaN is the one value that differs from itself.
    #[allow(clippy::eq_op)]
    left.iter().zip(right).all(|(&x, &y)| bits(x) == bits(y) || (x != x && y != y))
}

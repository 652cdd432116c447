//! What a plot takes numbers from.

use tancho_core::{DType, Result, Tensor, Variable, bf16, f16};

/// What gives numbers: tensors of any shape, in row-major order, and slices, vectors and arrays of Rust's numbers.
pub trait Numbers {
    /// # Errors
    /// A tensor carries one, or has no value while it is traced.
    fn numbers(&self) -> Result<Vec<f64>>;
}

impl<N: Numbers + ?Sized> Numbers for &N {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        (**self).numbers()
    }
}

impl Numbers for Tensor {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        self.to(DType::F64).to_vec()
    }
}

impl Numbers for Variable {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        self.read().numbers()
    }
}

/// A number of Rust.
pub trait Number: Copy {
    fn to_f64(self) -> f64;
}

macro_rules! numbers {
    ($number:ident => $($of:ident)*: $as_f64:expr) => {
        $(
            impl Number for $of {
                fn to_f64(self) -> f64 {
                    let $number = self;
                    $as_f64
                }
            }
        )*
    };
}

numbers! { number => f32 i8 i16 i32 u8 u16 u32: f64::from(number) }
numbers! { number => i64 isize u64 usize: number as f64 }
numbers! { number => f64: number }
numbers! { number => f16 bf16: number.to_f64() }
numbers! { number => bool: f64::from(u8::from(number)) }

impl<T: Number> Numbers for [T] {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        Ok(self.iter().map(|number| number.to_f64()).collect())
    }
}

impl<T: Number> Numbers for Vec<T> {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        self.as_slice().numbers()
    }
}

impl<T: Number, const N: usize> Numbers for [T; N] {
    #[track_caller]
    fn numbers(&self) -> Result<Vec<f64>> {
        self.as_slice().numbers()
    }
}

//! Dense host tensors: element types, shapes and aligned, reference-counted buffers.
//!
//! This crate has no operations: it says what a value *is*. Reading order: [`DType`], [`Shape`], [`Buffer`], [`Array`].
//!
//! - Arrays are dense and row-major; there are no strided views.
//! - Buffers are aligned to 64 bytes, immutable once shared, and come from a process-wide pool, so that a program that
//!   runs again finds its pages where it left them.
//! - `bool` is stored as one byte, 0 or 1.

#![deny(unsafe_code)]

mod dtype;
mod shape;
mod buffer;
mod array;
mod format;
mod half;

pub use self::half::{bf16, f16, round_to_odd};
pub use array::{Array, ArrayError};
pub use buffer::{ALIGNMENT, AllocError, Allocation, Buffer, PoolStatistics, Scratch, pool};
pub use dtype::{DType, Element};
pub use shape::Shape;

//! Kernels.
mod element;
mod grid;
mod isa;
mod kernel;
mod matmul;
mod microkernel;
mod pack;
mod stream;
mod tile;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;
pub mod scalar;
pub use element::{Element, ElementType, reference_dot};
pub use isa::Isa;
pub use matmul::{Epilogue, Matmul, Matrix, Problem, Rhs, matmul};

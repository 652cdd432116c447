//! Kernels behind raw pointers: matrix products, and functions that compiled code calls for one lane at a time. This crate
//! knows nothing of graphs or tensors.
//!
//! # The bits of a matrix product
//! The result does not depend on the instruction set, on the sizes of tiles, on threads, or on how many rows and columns
//! the product has. It is defined for each output element alone. The contracted dimension is cut into blocks of a fixed
//! length, [`Element::K_BLOCK`] (the last one shorter). With `i`, `j` fixed, and `fma` rounding once:
//!
//! ```text
//! sum of block q:  s = +0.0;  for p in block q, ascending:  s = fma(a[i, p], b[p, j], s)
//! c[i, j] = ((s_0 + s_1) + s_2) + …          (+0.0 if there is no block)
//! ```
//!
//! Integers wrap, so that their order does not matter. [`reference_dot`] is this definition as code, and the tests compare
//! every kernel with it bit for bit. Only the sign and payload of NaNs is not defined.
//!
//! # The way of a product
//! [`matmul()`] gives the [`Matmul`] of an element type and an [`Isa`]; its documentation (in [`mod@matmul`]) says how a
//! product is packed, cut into tiles and run. To be read in this order: [`matmul`](mod@matmul) (the interface), `grid` (the
//! cut into tiles), `tile` (the loops of one tile), `pack` (the layout of packed operands), `microkernel` (the innermost
//! loop), `stream` (products with few rows), and `kernel`, `vector`, `x86` (what differs between instruction sets).

mod element;
mod isa;
pub mod matmul;

mod grid;
mod kernel;
mod microkernel;
mod pack;
mod stream;
mod tile;
pub mod windows;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub mod scalar;

pub use element::{Element, ElementType, reference_dot};
pub use isa::Isa;
pub use matmul::{Epilogue, Lhs, Matmul, Matrix, Problem, Rhs, matmul};
pub use windows::{Windows, WindowsAxis};

//! Derivatives of graphs, as graphs.
//!
//! [`gradients`] is reverse mode within a graph: it adds to a graph the cotangents of some of its values. [`tangents`] is
//! forward mode. [`vjp`], [`jvp`] and [`batch`](batch()) make a graph of a graph. What they add are ordinary ops, so that a
//! derivative is differentiated again, optimised and compiled like anything else.
//!
//! Each op has one rule for reverse mode, in the file of its family in `reverse/`. Forward mode transposes that rule: it is
//! linear in the cotangent, and its derivative by the cotangent takes tangents of the operands to that of the result.
//! Only the flow of control has rules of its own.

#![forbid(unsafe_code)]

mod error;
mod build;
mod reverse;
mod forward;
mod cut;
mod transform;
mod batch;

pub use batch::batch;
pub use error::DiffError;
pub use forward::tangents;
pub use reverse::{gradients, zero_reason};
pub use transform::{jvp, vjp};

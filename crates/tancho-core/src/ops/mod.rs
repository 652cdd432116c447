//! The operations of the facade, one family a file: methods on [`Tensor`](crate::Tensor), operators and free functions.
//!
//! Each is written once, as a closure that builds IR ops; [`apply`](crate::apply) stages it or runs it.

pub(crate) mod create;
mod elementwise;
mod operators;
mod reduce;
mod shape;
mod dot;
mod nn;

pub use create::{arange, eye, full, iota, linspace, ones, zeros};
pub use dot::{DotAxes, matmul, tensordot};
pub use elementwise::{maximum, minimum, select};
pub use nn::{
    elu, gelu, gelu_tanh, layer_norm, leaky_relu, log_softmax, one_hot, relu, sigmoid, silu, softmax, softplus, tanh,
};
pub use shape::{Permutation, concat, stack};

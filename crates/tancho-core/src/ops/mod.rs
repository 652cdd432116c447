//! The operations of the facade, one family a file: methods on [`Tensor`](crate::Tensor), operators and free functions.
//!
//! Each is written once, as a closure that builds IR ops; [`apply`](crate::apply) stages it or runs it.

pub(crate) mod create;
mod elementwise;
mod special;
mod operators;
mod reduce;
mod shape;
mod dot;
mod body;
mod fold;
mod sort;
mod index;
mod scatter;
mod window;
mod conv;
mod linalg;
mod random;
mod nn;
mod control;
mod loops;
mod scan;
mod effect;

pub use control::{Branch, Branches, cond, switch};
pub use conv::{ConvLayout, ConvOptions};
pub use create::{arange, eye, full, iota, linspace, ones, zeros};
pub use dot::{DotAxes, matmul, tensordot};
pub use effect::{Values, assert_all, print};
pub use elementwise::{maximum, minimum, select};
pub(crate) use index::resolve_indices;
pub use linalg::TriangularOptions;
pub use loops::{TripRange, Trips, for_loop, while_loop, while_loop_bounded};
pub use nn::{
    elu, gelu, gelu_tanh, layer_norm, leaky_relu, log_softmax, one_hot, relu, sigmoid, silu, softmax, softplus, tanh,
};
pub use random::rng_bit_generator;
pub use scan::{map, scan, scan_reverse};
pub(crate) use scatter::{ScatterKind, scatter_build};
pub use scatter::{
    segment_max, segment_min, segment_prod, segment_sum, tensor_scatter_nd_add, tensor_scatter_nd_max,
    tensor_scatter_nd_min, tensor_scatter_nd_sub, tensor_scatter_nd_update,
};
pub use shape::{Permutation, concat, stack};
pub use window::{Padding, WindowOptions};

//! A graph compiler for tensors: Rust functions are traced, optimised, compiled to native code, and called.
//!
//! ```
//! use tancho::prelude::*;
//!
//! # fn main() -> Result<()> {
//! // Operations on values run at once.
//! let x = tensor([[1.0f32, 2., 3.], [4., 5., 6.]]);
//! let centred = &x - x.mean(keep(-1));
//! assert_eq!(centred.to_vec::<f32>()?, [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]);
//!
//! // A function is traced once for each signature of its arguments, compiled as a whole, and called.
//! let affine = function(|x: Tensor, w: Tensor, b: Tensor| (x.matmul(w) + b).relu());
//! let (w, b) = (tensor([[1.0f32], [0.0], [-1.0]]), tensor([3.0f32]));
//! assert_eq!(affine.call((&x, &w, &b))?.to_vec::<f32>()?, [1.0, 1.0]);
//! assert_eq!(affine.tracing_count(), 1);
//!
//! // No operation panics. A tensor that could not be computed carries its error, with the line that made it.
//! let error = x.matmul(&x).to_vec::<f32>().unwrap_err();
//! assert!(error.to_string().starts_with("matmul: inner dimensions differ: lhs f32[2, 3] has 3, rhs f32[2, 3] has 2 ("));
//! # Ok(())
//! # }
//! ```
//!
//! - [`Tensor`] has the operations as methods; [`tensor()`], [`zeros`], [`arange`] and others make one.
//! - [`function()`] and the attribute [`#[function]`](macro@function) make a traced [`Function`].
//! - [`Variable`] is a value that changes; a traced function reads and assigns it in the order of the program.
//! - [`GradientTape`] gives gradients of what was computed; [`grad`], [`jvp`], [`vmap`] and others make functions of functions.
//! - [`cond`], [`while_loop`], [`for_loop`], [`scan`] and others choose and repeat by values of tensors.
//! - [`Concrete`] is a function for one signature: its graph, every stage of the compiler as text ([`Stage`]), what a call
//!   costs ([`Cost`]), and where its time goes ([`Profile`]).
//! - [`Tree`] is what traced functions take and give: tensors in tuples, arrays, vectors, maps and structs.
//! - [`random`] has random numbers, which are functions of a key.
//! - [`nn`] has layers, losses, optimisers and training.
//! - [`Program`] is a graph that was read from a file.

#![forbid(unsafe_code)]

pub use tancho_core::*;
pub use tancho_macros::{Tree, function};

/// Files: arrays (npy, safetensors) and model folders, which [`Program::from_graph`] makes callable.
pub use tancho_formats as formats;
/// The intermediate representation.
pub use tancho_ir as ir;
/// Learning: layers, losses, optimisers, training.
pub use tancho_nn as nn;

/// Everything that a program with tensors usually names.
pub mod prelude {
    pub use tancho_core::random::{self, Seed};
    pub use tancho_core::{
        Axes, Concrete, ConvLayout, ConvOptions, DType, Device, Dim, Ellipsis, Error, Function, GradientTape, NewAxis,
        Padding, Program, Result, Shape, Spec, Stage, Static, Tensor, Transform, Tree, TriangularOptions, Variable,
        WindowOptions, arange, assert_all, between, bf16, checkpoint, concat, cond, custom_gradient, devices, elu, eye,
        f16, for_loop, full, function, gelu, gelu_tanh, grad, hessian, iota, jacobian, jvp, keep, layer_norm,
        leaky_relu, linspace, log_softmax, map, matmul, maximum, minimum, one_hot, ones, print, relu, scan,
        scan_reverse, scope, segment_max, segment_min, segment_prod, segment_sum, select, sigmoid, silu, softmax,
        softplus, spec, stack, step, switch, tanh, tensor, tensor_scatter_nd_add, tensor_scatter_nd_max,
        tensor_scatter_nd_min, tensor_scatter_nd_sub, tensor_scatter_nd_update, tensordot, value_and_grad, variables,
        vjp, vmap, while_loop, while_loop_bounded, zeros,
    };
    pub use tancho_macros::{Tree, function};
    #[cfg(feature = "plot")]
    pub use tancho_nn::plot;
    pub use tancho_nn::{Checkpoint, Compile, Layer, LoadModel, Mode, Module, Optimizer, SaveModel, SaveWeights};
}

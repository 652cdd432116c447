//! Tensors, operations on them, and traced functions: what a user of Tancho writes with.
//!
//! The reading order is that of the modules. A [`Tensor`] is a value or a node of a trace. Operations are written once, as
//! closures that build IR, and are staged into the trace at hand or run through a cache of compiled ops. A [`Function`]
//! holds the traces of a closure. The crate knows nothing of passes, kernels or machine code: those are behind
//! `tancho_runtime::Executable`.

#![forbid(unsafe_code)]

mod error;
mod shape;
mod scalar;
mod tensor;
mod axes;
mod index;
mod operand;
mod builder;
mod trace;
mod table;
mod apply;
mod ops;
pub mod random;
mod tree;
mod tape;
mod transform;
mod variable;
mod state;
mod region;
mod compare;
mod arguments;
mod signature;
mod described;
mod concrete;
mod retrace;
mod cache;
mod function;
mod method;
mod program;
mod device;

pub use arguments::{Arguments, Feed, Leaf};
pub use axes::{Axes, keep};
pub use concrete::Concrete;
pub use device::{Device, devices};
pub use error::{Error, ErrorKind, Result};
pub use function::{Function, Outcome, Returned, Trace, function};
pub use index::{Ellipsis, Entry, Index, NewAxis, between, step};
pub use method::Method;
pub use operand::{AsTensor, Operand};
pub use ops::*;
pub use program::Program;
pub use scalar::{Literal, Scalar};
pub use shape::{Dim, Shape, Sizes};
pub use signature::{Signature, Spec, SpecSize, SpecSizes, spec};
pub use tancho_ir::ops::RandomAlgorithm;
pub use tancho_runtime::{
    Cost, HostError, KernelForm, MemoryCost, NestedCost, NestedProfile, PrintSink, Profile, Stage, StepCost, StepKind,
    StepProfile, compiled_kernels, register_host_function, set_print_sink, set_threads, threads,
};
pub use tancho_tensor::{Array, DType, Element, bf16, f16};
pub use tape::{AsSource, GradientTape, OnlyTensors, Source, Sources, visit_sources};
pub use tensor::{Tensor, tensor};
pub use trace::scope;
pub use transform::{
    ArgumentList, Checkpointed, CustomGradient, Grad, Hessian, Jacobian, Jvp, Pullback, Transform, ValueAndGrad, Vmap,
    checkpoint, custom_gradient, grad, hessian, jacobian, jvp, value_and_grad, vjp, vmap,
};
pub use tree::{AnyStatic, Segment, Static, StaticValue, Tree, Visitor, flatten, paths, unflatten, variables};
pub use variable::{IntoValue, Variable};

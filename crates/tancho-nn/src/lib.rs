//! Learning: layers, losses, metrics, optimisers, and loops of training.
//!
//! Everything here is made of tensors, variables, tapes and traced functions, as a user could make it. Names, formulas and
//! defaults are those of Keras 3.

#![forbid(unsafe_code)]

// The derive macro names this crate by the path through which users meet it.
extern crate self as tancho;
#[doc(hidden)]
pub use crate as nn;

pub mod module;
pub mod layer;
pub mod init;
pub mod seed;
mod activation;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod optimizers;

pub use activation::Activation;
pub use init::Initializer;
pub use layer::{Build, Layer, Mode};
pub use layers::*;
pub use losses::Loss;
pub use metrics::Metric;
pub use module::{Module, NamedVariable, Parts};
pub use optimizers::*;
pub use seed::set_seed;
pub use tancho_macros::Module;

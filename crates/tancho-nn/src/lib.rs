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
pub mod regularizers;
pub mod seed;
mod activation;
mod fault;
pub mod layers;
pub mod summary;
pub mod losses;
pub mod metrics;
pub mod optimizers;
pub mod files;
pub mod data;
pub mod fit;
#[cfg(feature = "plot")]
pub mod plot;

pub use activation::Activation;
pub use data::Dataset;
pub use files::{Checkpoint, CheckpointManager, LoadModel, SaveModel, SaveWeights, save_model};
pub use fit::{Compile, Evaluate, Fit, History, Trainer, Verbose};
pub use init::Initializer;
pub use layer::{Build, Layer, Mode};
pub use layers::*;
pub use losses::Loss;
pub use metrics::Metric;
pub use module::{Module, NamedVariable, Parts};
pub use optimizers::*;
#[cfg(feature = "plot")]
pub use plot::plot;
pub use seed::set_seed;
pub use summary::Summary;
pub use tancho_macros::Module;

//! Files: the values of variables, checkpoints of training, and models that run without the code that made them.
//!
//! | what | holds | for |
//! |---|---|---|
//! | [`SaveWeights::save_weights`] | the variables of a module by name, as safetensors | weights that go elsewhere |
//! | [`Checkpoint`], [`CheckpointManager`] | the variables of several modules, bit for bit | going on with training |
//! | [`SaveModel::save`], [`save_model`] | the graphs of traced functions and their weights | running: [`LoadModel::load`], `tancho run` |
//!
//! A file is written beside its place and then moved there, so that whoever reads it, after a crash too, finds the old one
//! or the new one. It carries a checksum of what it holds, which is verified when it is loaded.

mod atomic;
mod entries;
mod seal;
mod weights;
mod checkpoint;
mod manager;
mod model;

pub use checkpoint::Checkpoint;
pub use manager::CheckpointManager;
pub use model::{Frozen, LoadModel, SaveModel, save_model};
pub use weights::SaveWeights;

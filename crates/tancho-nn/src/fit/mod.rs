//! Training by `compile` and `fit`.
//!
//! [`Compile::compile`] joins a model with an optimiser and a loss to a [`Trainer`]. [`Trainer::fit`] cuts data into batches
//! ([`Batches`]), runs one compiled step for each, tells callbacks, and gives a [`History`].

mod batches;
mod history;
mod options;
pub mod callbacks;
mod step;
mod trainer;
mod run;
mod weights;
mod progress;
mod interrupt;
mod nonfinite;

pub use batches::{Batch, Batches, Pass};
pub use callbacks::{Callback, Run};
pub use history::{History, Logs};
pub use options::{Evaluate, Fit, Verbose};
pub use trainer::{Compile, Trainer};

//! Optimisers: what changes variables by their gradients.

mod rate;
mod sgd;

pub use rate::LearningRate;
pub use sgd::Sgd;

use tancho_core::{Result, Tensor, Variable};

use crate::module::Module;

/// Changes variables by their gradients. What it remembers of each is a variable of its own, made at the first step, so that
/// it is saved and restored with the rest.
pub trait Optimizer: Module {
    /// One step: changes each variable by its gradient.
    ///
    /// # Errors
    /// A gradient carries an error, has another shape than its variable, or there are more of one than of the other.
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()>;

    fn learning_rate(&self) -> &LearningRate;
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        (**self).apply(gradients, variables)
    }

    fn learning_rate(&self) -> &LearningRate {
        (**self).learning_rate()
    }
}

//! Optimisers: what changes variables by their gradients.
//!
//! An optimiser is a [`rule`], which says how one variable changes, within a [`Descent`], which does the rest.

pub mod rule;
mod descent;
mod slots;
mod clip;
mod rate;
pub mod schedules;
mod sgd;
mod adam;
mod adamax;
mod nadam;
mod rmsprop;
mod adagrad;
mod adadelta;
mod lion;
mod adafactor;
mod ftrl;

pub use adadelta::{Adadelta, AdadeltaRule};
pub use adafactor::{Adafactor, AdafactorRule};
pub use adagrad::{Adagrad, AdagradRule};
pub use adam::{Adam, AdamRule, AdamW};
pub use adamax::{Adamax, AdamaxRule};
pub use clip::{clip_by_global_norm, clip_by_norm, clip_by_value, global_norm};
pub use descent::Descent;
pub use ftrl::{Ftrl, FtrlRule};
pub use lion::{Lion, LionRule};
pub use nadam::{Nadam, NadamRule};
pub use rate::LearningRate;
pub use rmsprop::{RmsProp, RmsPropRule};
pub use sgd::{Sgd, SgdRule};

use tancho_core::{Result, Tensor, Variable};

use crate::module::Module;

/// Changes variables by their gradients. What it remembers of each is a variable of its own, made at the first step, so that
/// it is saved and restored with the rest.
pub trait Optimizer: Module {
    /// One step: changes each variable by its gradient.
    ///
    /// # Errors
    /// A gradient carries an error, has another shape than its variable, or there are more of one than of the other; an
    /// option of the optimiser cannot be. Nothing is changed then.
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()>;

    fn learning_rate(&self) -> &LearningRate;

    /// Makes what is remembered of each variable now, so that it can be restored before the first step.
    #[track_caller]
    fn build(&self, variables: &[Variable]) {
        let _ = variables;
    }

    /// What is to be done after the last step: puts moving averages in the place of variables, where they are kept.
    ///
    /// # Errors
    /// A variable cannot be assigned.
    #[track_caller]
    fn finalize(&self, variables: &[Variable]) -> Result<()> {
        let _ = variables;
        Ok(())
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        (**self).apply(gradients, variables)
    }

    fn learning_rate(&self) -> &LearningRate {
        (**self).learning_rate()
    }

    #[track_caller]
    fn build(&self, variables: &[Variable]) {
        (**self).build(variables);
    }

    #[track_caller]
    fn finalize(&self, variables: &[Variable]) -> Result<()> {
        (**self).finalize(variables)
    }
}

//! Stochastic gradient descent.

use tancho_core::{Result, Tensor, Variable, tensor};

use super::{LearningRate, Optimizer};
use crate::module::{Module, Parts};

/// `w ← w − rate · gradient`
///
/// # Reference
/// `keras.optimizers.SGD`
pub struct Sgd {
    rate: LearningRate,
    step: Variable,
}

impl Sgd {
    pub fn new(rate: impl Into<LearningRate>) -> Self {
        Sgd { rate: rate.into(), step: Variable::new(tensor(0i64)).named("iteration").not_trainable() }
    }
}

impl Module for Sgd {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.enter("iteration");
        self.step.visit_parts(parts);
        parts.leave();
        parts.enter("learning_rate");
        self.rate.visit_parts(parts);
        parts.leave();
    }
}

impl Optimizer for Sgd {
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        let rate = self.rate.at(&self.step.read());
        for (gradient, variable) in gradients.iter().zip(variables) {
            variable.assign_sub(&rate * gradient)?;
        }
        self.step.assign_add(1i64)
    }

    fn learning_rate(&self) -> &LearningRate {
        &self.rate
    }
}

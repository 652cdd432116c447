//! Adamax: Adam by the largest gradients rather than by the average of their squares.

use tancho_core::{Tensor, maximum};

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With an average of the gradient, `m ← m + (1 − β₁)(g − m)`, and its fading maximum, `u ← max(β₂ · u, |g|)`:
/// `w ← w − rate · m / ((1 − β₁ᵗ)(u + ε))`.
///
/// The rate is 0.001, β₁ 0.9, β₂ 0.999 and ε 1e-7 by default.
///
/// # Reference
/// Kingma, Ba: Adam: A Method for Stochastic Optimization (2014), section 7; `keras.optimizers.Adamax`
pub type Adamax = Descent<AdamaxRule>;

/// The rule of [`Adamax`].
pub struct AdamaxRule {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for AdamaxRule {
    fn default() -> Self {
        AdamaxRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Descent<AdamaxRule> {
    /// What is left of the average of the gradients at each step.
    pub fn beta_1(mut self, beta: f64) -> Self {
        self.rule.beta_1 = beta;
        self
    }

    /// What is left of the maximum at each step.
    pub fn beta_2(mut self, beta: f64) -> Self {
        self.rule.beta_2 = beta;
        self
    }

    /// What is added to the maximum.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdamaxRule {
    const NAME: &'static str = "adamax";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::new("momentum"), Slot::new("norm")]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let momentum = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        let norm = maximum(&slots[1] * self.beta_2, gradient.abs());
        let correction = 1f64 - step.power(self.beta_1);
        let value = value - &momentum * &step.rate / ((&norm + self.epsilon) * correction);
        Change { value, slots: vec![momentum, norm] }
    }
}

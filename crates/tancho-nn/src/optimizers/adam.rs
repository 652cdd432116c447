//! Adam: steps by averages of the gradients and of their squares.

use tancho_core::{Tensor, maximum};

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With averages of the gradient, `m ← m + (1 − β₁)(g − m)`, and of its square, `v ← v + (1 − β₂)(g² − v)`:
/// `w ← w − α · m / (√v + ε)`, where `α = rate · √(1 − β₂ᵗ) / (1 − β₁ᵗ)` makes up for averages that begin with 0.
///
/// The rate is 0.001, β₁ 0.9, β₂ 0.999 and ε 1e-7 by default.
///
/// # Reference
/// Kingma, Ba: Adam: A Method for Stochastic Optimization (2014); Reddi et al.: On the Convergence of Adam and Beyond (2018)
/// for `amsgrad`; `keras.optimizers.Adam`
pub type Adam = Descent<AdamRule<false>>;

/// [`Adam`] with a weight decay, of 0.004 by default.
///
/// # Reference
/// Loshchilov, Hutter: Decoupled Weight Decay Regularization (2017); `keras.optimizers.AdamW`
pub type AdamW = Descent<AdamRule<true>>;

/// The rule of [`Adam`], and of [`AdamW`] where there is a decay by default.
pub struct AdamRule<const DECAYS: bool> {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl<const DECAYS: bool> Default for AdamRule<DECAYS> {
    fn default() -> Self {
        AdamRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }
}

impl<const DECAYS: bool> Descent<AdamRule<DECAYS>> {
    /// What is left of the average of the gradients at each step.
    pub fn beta_1(mut self, beta: f64) -> Self {
        self.rule.beta_1 = beta;
        self
    }

    /// What is left of the average of the squares at each step.
    pub fn beta_2(mut self, beta: f64) -> Self {
        self.rule.beta_2 = beta;
        self
    }

    /// What is added to the root of the average of the squares.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }

    /// Divides by the root of the largest average of the squares so far.
    pub fn amsgrad(mut self) -> Self {
        self.rule.amsgrad = true;
        self
    }
}

impl<const DECAYS: bool> Rule for AdamRule<DECAYS> {
    const NAME: &'static str = if DECAYS { "adamw" } else { "adam" };
    const RATE: f64 = 0.001;
    const WEIGHT_DECAY: Option<f64> = if DECAYS { Some(0.004) } else { None };

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        let mut slots = vec![Slot::new("momentum"), Slot::new("velocity")];
        if self.amsgrad {
            slots.push(Slot::new("velocity_hat"));
        }
        slots
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let alpha = &step.rate * (1f64 - step.power(self.beta_2)).sqrt() / (1f64 - step.power(self.beta_1));
        let momentum = &slots[0] + (gradient - &slots[0]) * (1.0 - self.beta_1);
        let velocity = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.beta_2);
        let mut changed = vec![momentum.clone(), velocity];
        if self.amsgrad {
            changed.push(maximum(&slots[2], &changed[1]));
        }
        let largest = &changed[changed.len() - 1];
        let value = value - momentum * alpha / (largest.sqrt() + self.epsilon);
        Change { value, slots: changed }
    }
}

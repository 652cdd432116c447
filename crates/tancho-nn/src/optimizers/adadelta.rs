//! Adadelta: steps by the gradient, in the units of the variable.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With averages of the squares of the gradients, `a ← ρ · a + (1 − ρ) · g²`, and of the steps `d = √(b + ε) / √(a + ε) · g`,
/// `b ← ρ · b + (1 − ρ) · d²`: `w ← w − rate · d`.
///
/// The rate is 0.001 (1 in the paper), ρ 0.95 and ε 1e-7 by default.
///
/// # Reference
/// Zeiler: ADADELTA: An Adaptive Learning Rate Method (2012); `keras.optimizers.Adadelta`
pub type Adadelta = Descent<AdadeltaRule>;

/// The rule of [`Adadelta`].
pub struct AdadeltaRule {
    rho: f64,
    epsilon: f64,
}

impl Default for AdadeltaRule {
    fn default() -> Self {
        AdadeltaRule { rho: 0.95, epsilon: 1e-7 }
    }
}

impl Descent<AdadeltaRule> {
    /// What is left of the averages at each step.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rule.rho = rho;
        self
    }

    /// What is added to the averages, below the roots.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdadeltaRule {
    const NAME: &'static str = "adadelta";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::new("accumulated_grad"), Slot::new("accumulated_delta_var")]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let rest = 1.0 - self.rho;
        let squares = &slots[0] * self.rho + gradient.square() * rest;
        let delta = (&slots[1] + self.epsilon).sqrt() * gradient / (&squares + self.epsilon).sqrt();
        let deltas = &slots[1] * self.rho + delta.square() * rest;
        Change { value: value - delta * &step.rate, slots: vec![squares, deltas] }
    }
}

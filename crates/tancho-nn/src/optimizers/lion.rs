//! Lion: steps of one length for each element, by the sign of a momentum.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// `w ← w − rate · sign(β₁ · m + (1 − β₁) · g)`, then `m ← β₂ · m + (1 − β₂) · g`.
///
/// The rate is 0.001, β₁ 0.9 and β₂ 0.99 by default.
///
/// # Reference
/// Chen et al.: Symbolic Discovery of Optimization Algorithms (2023); `keras.optimizers.Lion`
pub type Lion = Descent<LionRule>;

/// The rule of [`Lion`].
pub struct LionRule {
    beta_1: f64,
    beta_2: f64,
}

impl Default for LionRule {
    fn default() -> Self {
        LionRule { beta_1: 0.9, beta_2: 0.99 }
    }
}

impl Descent<LionRule> {
    /// The part of the momentum in the step.
    #[track_caller]
    pub fn beta_1(mut self, beta: f64) -> Self {
        self.rule.beta_1 = beta;
        self.require(beta > 0.0 && beta <= 1.0, "beta_1 is above 0 and at most 1")
    }

    /// What is left of the momentum at each step.
    pub fn beta_2(mut self, beta: f64) -> Self {
        self.rule.beta_2 = beta;
        self
    }
}

impl Rule for LionRule {
    const NAME: &'static str = "lion";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::new("momentum")]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let [rest_1, rest_2] = [self.beta_1, self.beta_2].map(|beta| step.rounded_complement(beta));
        let direction = (&slots[0] * self.beta_1 + gradient * rest_1).sign();
        let momentum = &slots[0] * self.beta_2 + gradient * rest_2;
        Change { value: value - direction * &step.rate, slots: vec![momentum] }
    }
}

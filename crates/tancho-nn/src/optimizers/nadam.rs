//! Nadam: Adam that looks ahead, as Nesterov's momentum does.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With the averages `m` and `v` of [`Adam`](super::Adam) and momenta `uₜ = β₁ · (1 − 0.96ᵗ / 2)`:
/// `w ← w − rate · (uₜ₊₁ · m / (1 − u₁…uₜ₊₁) + (1 − uₜ) · g / (1 − u₁…uₜ)) / (√(v / (1 − β₂ᵗ)) + ε)`.
///
/// The rate is 0.001, β₁ 0.9, β₂ 0.999 and ε 1e-7 by default.
///
/// # Reference
/// Dozat: Incorporating Nesterov Momentum into Adam (2016); `keras.optimizers.Nadam`
pub type Nadam = Descent<NadamRule>;

/// The rule of [`Nadam`].
pub struct NadamRule {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

/// How fast the momenta come to β₁.
const DECAY: f64 = 0.96;

impl Default for NadamRule {
    fn default() -> Self {
        NadamRule { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Descent<NadamRule> {
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
}

impl Rule for NadamRule {
    const NAME: &'static str = "nadam";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::new("momentum"), Slot::new("velocity")]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let now = (1f64 - step.power(DECAY) * 0.5) * self.beta_1;
        let next = (1f64 - step.power_of_next(DECAY, 1) * 0.5) * self.beta_1;
        let product = &step.shared[0];
        let next_product = product * &next;

        let momentum = &slots[0] + (gradient - &slots[0]) * step.rounded_complement(self.beta_1);
        let velocity = &slots[1] + (gradient.square() - &slots[1]) * step.rounded_complement(self.beta_2);
        let ahead = &momentum * next / (1f64 - next_product) + gradient * (1f64 - now) / (1f64 - product);
        let spread = &velocity / (1f64 - step.power(self.beta_2));
        let value = value - ahead * &step.rate / (spread.sqrt() + self.epsilon);
        Change { value, slots: vec![momentum, velocity] }
    }

    /// The product of the momenta so far.
    fn shared_slots(&self) -> Vec<(&'static str, f64)> {
        vec![("momentum_product", 1.0)]
    }

    #[track_caller]
    fn change_shared(&self, number: &Tensor, shared: &[Tensor]) -> Vec<Tensor> {
        let power = tancho_core::tensor(DECAY as f32).pow(number);
        vec![&shared[0] * self.beta_1 * (1f64 - power * 0.5)]
    }
}

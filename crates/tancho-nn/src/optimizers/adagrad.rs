//! Adagrad: steps by the gradient, divided by the root of the sum of its squares.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With the sum of the squares of the gradients, `a ← a + g²`: `w ← w − rate · g / √(a + ε)`.
///
/// The rate is 0.001, the sum begins with 0.1, and ε is 1e-7 by default.
///
/// # Reference
/// Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and Stochastic Optimization (2011);
/// `keras.optimizers.Adagrad`
pub type Adagrad = Descent<AdagradRule>;

/// The rule of [`Adagrad`].
pub struct AdagradRule {
    initial_accumulator_value: f64,
    epsilon: f64,
}

impl Default for AdagradRule {
    fn default() -> Self {
        AdagradRule { initial_accumulator_value: 0.1, epsilon: 1e-7 }
    }
}

impl Descent<AdagradRule> {
    /// What the sum of the squares begins with.
    pub fn initial_accumulator_value(mut self, value: f64) -> Self {
        self.rule.initial_accumulator_value = value;
        self
    }

    /// What is added to the sum of the squares, below the root.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }
}

impl Rule for AdagradRule {
    const NAME: &'static str = "adagrad";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::filled("accumulator", self.initial_accumulator_value)]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let accumulator = &slots[0] + gradient.square();
        let value = value - gradient * &step.rate / (&accumulator + self.epsilon).sqrt();
        Change { value, slots: vec![accumulator] }
    }
}

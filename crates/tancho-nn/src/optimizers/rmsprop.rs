//! RMSprop: steps by the gradient, divided by the root of the average of its squares.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With an average of the square of the gradient, `v ← ρ · v + (1 − ρ) · g²`: `w ← w − rate · g / √(v + ε)`.
///
/// The rate is 0.001, ρ 0.9 and ε 1e-7 by default.
///
/// # Reference
/// Tieleman, Hinton: Lecture 6.5 of Neural Networks for Machine Learning (2012); `keras.optimizers.RMSprop`
pub type RmsProp = Descent<RmsPropRule>;

/// The rule of [`RmsProp`].
pub struct RmsPropRule {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl Default for RmsPropRule {
    fn default() -> Self {
        RmsPropRule { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl Descent<RmsPropRule> {
    /// What is left of the average of the squares at each step.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rule.rho = rho;
        self
    }

    /// Remembers the direction: the part of the last step that is made again.
    #[track_caller]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self.require((0.0..=1.0).contains(&momentum), "the momentum is between 0 and 1")
    }

    /// What is added to the average of the squares, below the root.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.rule.epsilon = epsilon;
        self
    }

    /// Divides by the root of the variance of the gradient rather than of its square.
    pub fn centered(mut self) -> Self {
        self.rule.centered = true;
        self
    }
}

impl Rule for RmsPropRule {
    const NAME: &'static str = "rmsprop";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        let mut slots = vec![Slot::new("velocity")];
        if self.momentum > 0.0 {
            slots.push(Slot::new("momentum"));
        }
        if self.centered {
            slots.push(Slot::new("average_gradient"));
        }
        slots
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let rest = 1.0 - self.rho;
        let velocity = &slots[0] * self.rho + gradient.square() * rest;
        let mut changed = vec![velocity.clone()];
        let mut spread = velocity;
        let mut mean = None;
        if self.centered {
            let average = &slots[slots.len() - 1] * self.rho + gradient * rest;
            spread -= average.square();
            mean = Some(average);
        }
        let mut distance = gradient * &step.rate / (spread + self.epsilon).sqrt();
        if self.momentum > 0.0 {
            distance = &slots[1] * self.momentum + distance;
            changed.push(distance.clone());
        }
        changed.extend(mean);
        Change { value: value - distance, slots: changed }
    }
}

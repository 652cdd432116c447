//! FTRL: the variable is computed anew from sums of all gradients, with penalties that make it sparse.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With `g' = g + 2 · shrinkage · w`, the sum of squares `n' = n + g²`, `σ = (n'^−p − n^−p) / rate` and `z ← z + g' − σ · w`:
/// `w ← (clamp(z, −l1, l1) − z) / (n'^−p / rate + 2 · (l2 + β / (2 · rate)))`, where `p` is the power of the learning rate.
///
/// The rate is 0.001, its power −0.5, the sum of squares begins with 0.1, and the penalties and β are 0 by default.
///
/// # Reference
/// McMahan et al.: Ad Click Prediction: a View from the Trenches (2013); `keras.optimizers.Ftrl`
pub type Ftrl = Descent<FtrlRule>;

/// The rule of [`Ftrl`].
pub struct FtrlRule {
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1: f64,
    l2: f64,
    l2_shrinkage: f64,
    beta: f64,
}

impl Default for FtrlRule {
    fn default() -> Self {
        FtrlRule {
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1: 0.0,
            l2: 0.0,
            l2_shrinkage: 0.0,
            beta: 0.0,
        }
    }
}

impl Descent<FtrlRule> {
    /// How the rate falls with the sum of squares; 0 for a constant rate.
    #[track_caller]
    pub fn learning_rate_power(mut self, power: f64) -> Self {
        self.rule.learning_rate_power = power;
        self.require(power <= 0.0, "learning_rate_power is 0 or less")
    }

    /// What the sum of squares begins with.
    #[track_caller]
    pub fn initial_accumulator_value(mut self, value: f64) -> Self {
        self.rule.initial_accumulator_value = value;
        self.require(value >= 0.0, "initial_accumulator_value is 0 or more")
    }

    #[track_caller]
    pub fn l1_regularization_strength(mut self, strength: f64) -> Self {
        self.rule.l1 = strength;
        self.require(strength >= 0.0, "l1_regularization_strength is 0 or more")
    }

    #[track_caller]
    pub fn l2_regularization_strength(mut self, strength: f64) -> Self {
        self.rule.l2 = strength;
        self.require(strength >= 0.0, "l2_regularization_strength is 0 or more")
    }

    /// A penalty on the size of the variable that the gradient sees, rather than the variable.
    #[track_caller]
    pub fn l2_shrinkage_regularization_strength(mut self, strength: f64) -> Self {
        self.rule.l2_shrinkage = strength;
        self.require(strength >= 0.0, "l2_shrinkage_regularization_strength is 0 or more")
    }

    pub fn beta(mut self, beta: f64) -> Self {
        self.rule.beta = beta;
        self
    }
}

impl Rule for FtrlRule {
    const NAME: &'static str = "ftrl";
    const RATE: f64 = 0.001;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        vec![Slot::filled("accumulator", self.initial_accumulator_value), Slot::new("linear")]
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let rate = &step.rate;
        let l2 = self.beta / (rate * 2.0) + self.l2;
        let accumulator = &slots[0] + gradient.square();
        let [new, old] = [&accumulator, &slots[0]].map(|sum| sum.pow(-self.learning_rate_power));
        let linear = &slots[1] + (gradient + value * (2.0 * self.l2_shrinkage)) - (&new - old) / rate * value;
        let value = (linear.clamp(-self.l1, self.l1) - &linear) / (new / rate + l2 * 2.0);
        Change { value, slots: vec![accumulator, linear] }
    }
}

//! Stochastic gradient descent.

use tancho_core::Tensor;

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// `w ← w − rate · gradient`, or with a momentum `v ← momentum · v − rate · gradient`, `w ← w + v`. The rate is 0.01 by
/// default.
///
/// ```
/// # use tancho_core::{GradientTape, Result, Variable};
/// # use tancho_nn::{Optimizer, Sgd};
/// # fn main() -> Result<()> {
/// let variables = [Variable::new([3.0f32, -1.0])];
/// let sgd = Sgd::new(0.1).momentum(0.5);
/// for _ in 0..50 {
///     let tape = GradientTape::new();
///     let loss = variables[0].square().sum(..);
///     sgd.apply(&tape.gradient(&loss, &variables[..]), &variables)?;
/// }
/// assert!(variables[0].abs().max(..).item::<f32>()? < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Reference
/// `keras.optimizers.SGD`
pub type Sgd = Descent<SgdRule>;

/// The rule of [`Sgd`].
#[derive(Default)]
pub struct SgdRule {
    momentum: f64,
    nesterov: bool,
}

impl Descent<SgdRule> {
    /// Remembers the direction: the part of the last step that is made again.
    #[track_caller]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self.require((0.0..=1.0).contains(&momentum), "the momentum is between 0 and 1")
    }

    /// Looks ahead: `w ← w + momentum · v − rate · gradient`.
    pub fn nesterov(mut self) -> Self {
        self.rule.nesterov = true;
        self
    }
}

impl Rule for SgdRule {
    const NAME: &'static str = "sgd";
    const RATE: f64 = 0.01;

    fn slots(&self, _rank: usize) -> Vec<Slot> {
        if self.momentum == 0.0 { Vec::new() } else { vec![Slot::new("momentum")] }
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        let distance = gradient * &step.rate;
        let [velocity, ..] = slots else {
            return Change { value: value - distance, slots: Vec::new() };
        };
        let velocity = velocity * self.momentum - &distance;
        let value = if self.nesterov { value + (&velocity * self.momentum - distance) } else { value + &velocity };
        Change { value, slots: vec![velocity] }
    }
}

//! Adafactor: the averages of the squares of a matrix, remembered as those of its rows and columns.

use tancho_core::{Tensor, keep, maximum, minimum, tensor};

use super::Descent;
use super::rule::{Change, Rule, Slot, Step};

/// With `ρ = min(rate, 1/√t)`, `α = max(ε₂, rms(w)) · ρ` and averages `v` of `g² + ε₁`, of which what is old keeps the part
/// `1 − t^decay`: `u = g / √v` and `w ← w − α · u / max(1, rms(u) / threshold)`.
///
/// For two axes and more `v` is remembered as the averages of the rows and of the columns of the last two, and is their product
/// divided by the average of all.
///
/// The rate is 0.001, the decay −0.8, ε₁ 1e-30, ε₂ 1e-3 and the threshold 1 by default.
///
/// # Reference
/// Shazeer, Stern: Adafactor: Adaptive Learning Rates with Sublinear Memory Cost (2018); `keras.optimizers.Adafactor`
pub type Adafactor = Descent<AdafactorRule>;

/// The rule of [`Adafactor`].
pub struct AdafactorRule {
    beta_2_decay: f64,
    epsilon_1: f64,
    epsilon_2: f64,
    clip_threshold: f64,
    relative_step: bool,
}

impl Default for AdafactorRule {
    fn default() -> Self {
        AdafactorRule {
            beta_2_decay: -0.8,
            epsilon_1: 1e-30,
            epsilon_2: 1e-3,
            clip_threshold: 1.0,
            relative_step: true,
        }
    }
}

impl Descent<AdafactorRule> {
    /// The exponent of the number of the step in the part of the averages that is new.
    pub fn beta_2_decay(mut self, exponent: f64) -> Self {
        self.rule.beta_2_decay = exponent;
        self
    }

    /// What is added to the squares.
    pub fn epsilon_1(mut self, epsilon: f64) -> Self {
        self.rule.epsilon_1 = epsilon;
        self
    }

    /// The least scale of a variable.
    pub fn epsilon_2(mut self, epsilon: f64) -> Self {
        self.rule.epsilon_2 = epsilon;
        self
    }

    /// The root of the mean of the squares of a step from which it is scaled down.
    pub fn clip_threshold(mut self, threshold: f64) -> Self {
        self.rule.clip_threshold = threshold;
        self
    }

    /// Takes the learning rate as it is, also where it is a number above `1/√t`.
    pub fn without_relative_step(mut self) -> Self {
        self.rule.relative_step = false;
        self
    }
}

impl Rule for AdafactorRule {
    const NAME: &'static str = "adafactor";
    const RATE: f64 = 0.001;

    fn slots(&self, rank: usize) -> Vec<Slot> {
        if rank < 2 {
            vec![Slot::new("velocity")]
        } else {
            vec![Slot::new("row").without_axis(1), Slot::new("column").without_axis(2)]
        }
    }

    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change {
        // As in Keras, ρ has this bound whether or not the rate does.
        let most = step.number.sqrt().reciprocal();
        let rate =
            if self.relative_step && !step.is_scheduled { minimum(&step.rate, &most) } else { step.rate.clone() };
        let alpha = maximum(root_mean_square(value), self.epsilon_2) * minimum(rate, most);
        let old = 1f64 - step.number.pow(self.beta_2_decay);
        let new = 1f64 - &old;
        let square = gradient.square() + tensor(self.epsilon_1).to(step.dtype);

        let (velocity, slots) = if value.rank() < 2 {
            let velocity = &old * &slots[0] + &new * square;
            (velocity.clone(), vec![velocity])
        } else {
            let row = &old * &slots[0] + &new * square.mean(-1);
            let column = &old * &slots[1] + &new * square.mean(-2);
            let velocity = (&row / row.mean(keep(-1))).expand_dims(-1) * column.expand_dims(-2);
            (velocity, vec![row, column])
        };
        let direction = gradient / velocity.sqrt();
        let excess = maximum(root_mean_square(&direction) / self.clip_threshold, 1.0);
        Change { value: value - direction / excess * alpha, slots }
    }
}

#[track_caller]
fn root_mean_square(x: &Tensor) -> Tensor {
    x.square().mean(..).sqrt()
}

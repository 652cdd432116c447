//! Rules: how one variable changes by its gradient.
//!
//! A rule is what is particular about an optimiser. All else (the rate, clipping, decay, averages, what is remembered and
//! where) is that of [`Descent`](super::Descent), which makes an optimiser of any rule:
//!
//! ```
//! # use tancho_core::{DType, Result, Tensor, Variable, tensor};
//! # use tancho_nn::{Descent, Optimizer, optimizers::rule::{Change, Rule, Slot, Step}};
//! /// Steps of a fixed length for each element.
//! #[derive(Default)]
//! struct SignRule;
//!
//! impl Rule for SignRule {
//!     const NAME: &'static str = "sign";
//!     const RATE: f64 = 0.1;
//!
//!     fn slots(&self, _rank: usize) -> Vec<Slot> {
//!         Vec::new()
//!     }
//!
//!     fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, _slots: &[Tensor]) -> Change {
//!         Change { value: value - gradient.sign() * &step.rate, slots: Vec::new() }
//!     }
//! }
//! # fn main() -> Result<()> {
//! let sign = Descent::<SignRule>::new(0.5);
//! let x = Variable::new([1.0f32, 2.0]);
//! sign.apply(&[tensor([-3.0f32, 4.0])], &[x.clone()])?;
//! assert_eq!(x.to_vec::<f32>()?, [1.5, 1.5]);
//! # Ok(())
//! # }
//! ```

use tancho_core::{DType, Tensor, Variable, full, tensor};

/// How one variable changes by its gradient.
pub trait Rule: Send + Sync + 'static {
    /// What messages and summaries call the optimiser.
    const NAME: &'static str;
    /// The learning rate where none is given.
    const RATE: f64;
    /// The weight decay where none is given.
    const WEIGHT_DECAY: Option<f64> = None;

    /// What is remembered of a variable of a rank from step to step.
    fn slots(&self, rank: usize) -> Vec<Slot>;

    /// What a variable and its slots become. The gradient has the dtype of the variable.
    #[track_caller]
    fn change(&self, step: &Step, gradient: &Tensor, value: &Tensor, slots: &[Tensor]) -> Change;

    /// What is remembered from step to step beside the variables: numbers, `f32[]`, by their names and first values.
    fn shared_slots(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// What the shared slots become at a step, counted from 1 as `f32[]`.
    #[track_caller]
    fn change_shared(&self, number: &Tensor, shared: &[Tensor]) -> Vec<Tensor> {
        let _ = (number, shared);
        Vec::new()
    }
}

/// What a variable and its slots become, in the order of [`Rule::slots`].
pub struct Change {
    pub value: Tensor,
    pub slots: Vec<Tensor>,
}

/// A step for the variables of a dtype. What it holds has that dtype.
pub struct Step {
    /// The learning rate.
    pub rate: Tensor,
    /// The number of the step, counted from 1.
    pub number: Tensor,
    /// What the shared slots have become.
    pub shared: Vec<Tensor>,
    /// Whether the rate is a schedule rather than a number.
    pub is_scheduled: bool,
    pub dtype: DType,
}

impl Step {
    /// A number raised to the number of the step.
    ///
    /// # Numerics
    /// In the dtype of the variable, as Keras computes it: near 1 the distance from 1 is rounded coarsely.
    #[track_caller]
    pub fn power(&self, base: f64) -> Tensor {
        self.power_of_next(base, 0)
    }

    /// A number raised to the number of the step so many steps on.
    #[track_caller]
    pub(super) fn power_of_next(&self, base: f64, steps: usize) -> Tensor {
        let number = if steps == 0 { self.number.clone() } else { &self.number + steps as f64 };
        tensor(base).to(self.dtype).pow(number)
    }

    /// `1 − x`, where x is rounded to the dtype first.
    pub(super) fn rounded_complement(&self, x: f64) -> f64 {
        match self.dtype {
            // The difference is exact for numbers from 0.5 on.
            DType::F32 => f64::from(1.0 - x as f32),
            _ => 1.0 - x,
        }
    }
}

/// Something that is remembered of a variable: another of its shape and dtype, or one that lacks an axis.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) name: &'static str,
    initial: f64,
    /// The axis that is left out, counted from the end: 1 for the last.
    without: Option<usize>,
}

impl Slot {
    /// A slot that begins with zeros.
    pub fn new(name: &'static str) -> Self {
        Slot { name, initial: 0.0, without: None }
    }

    /// A slot that begins with a number everywhere.
    pub fn filled(name: &'static str, initial: f64) -> Self {
        Slot { name, initial, without: None }
    }

    /// The slot without an axis of the variable, counted from the end: 1 for the last.
    pub fn without_axis(mut self, axis_from_end: usize) -> Self {
        self.without = Some(axis_from_end);
        self
    }

    /// The variable that remembers.
    #[track_caller]
    pub(super) fn variable(&self, of: &Variable) -> Variable {
        let mut sizes = of.shape().known().unwrap_or_default();
        if let Some(axis) = self.without.and_then(|axis| sizes.len().checked_sub(axis))
            && axis < sizes.len()
        {
            sizes.remove(axis);
        }
        let name = format!("{}_{}", of.name(), self.name);
        // Rounded once, from the f64.
        let value = full(tensor(self.initial).to(of.dtype()), sizes);
        Variable::new(value).named(&name).not_trainable()
    }
}

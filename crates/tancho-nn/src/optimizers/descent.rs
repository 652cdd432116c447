//! What all optimisers have in common: the rate, clipping, decay, averages, and the order of a step.
//!
//! A step clips the gradients, shrinks each variable by the weight decay, changes it by the rule, and puts it to its average.
//! All that happens to a variable is elementwise, but for clipping by norms: a traced step has a kernel for it.

use tancho_core::{DType, Error, Result, Tensor, Variable, select, tensor};

use super::clip::{clip_by_global_norm, clip_by_norm, clip_by_value};
use super::rule::{Change, Rule, Slot, Step};
use super::slots::Slots;
use super::{LearningRate, Optimizer};
use crate::module::{Module, Parts};

/// The optimiser of a rule.
///
/// What it remembers is shown to checkpoints as `iteration`, `learning_rate` (where that is a number), and a name of the rule
/// with the place of the variable among all that were met, in the order of the first step or of [`Optimizer::build`]:
/// `momentum[0]`.
pub struct Descent<R: Rule> {
    pub(super) rule: R,
    rate: LearningRate,
    iteration: Variable,
    slots: Slots,
    shared: Vec<(&'static str, Variable)>,
    weight_decay: Option<f64>,
    without_decay: Vec<String>,
    clip: Option<Clip>,
    average: Option<Average>,
    /// The first option that cannot be.
    fault: Option<Error>,
}

#[derive(Clone, Copy)]
enum Clip {
    Value(f64),
    Norm(f64),
    GlobalNorm(f64),
}

#[derive(Clone, Copy)]
struct Average {
    momentum: f64,
    overwrite_every: Option<u64>,
}

/// The name of the slot of averages.
const AVERAGE: &str = "average";

impl<R: Rule + Default> Descent<R> {
    /// The optimiser with a learning rate: a number or one of the [`schedules`](super::schedules).
    pub fn new(rate: impl Into<LearningRate>) -> Self {
        Descent::by(R::default(), rate)
    }
}

/// With the learning rate that Keras takes.
impl<R: Rule + Default> Default for Descent<R> {
    fn default() -> Self {
        Descent::new(R::RATE)
    }
}

impl<R: Rule> Descent<R> {
    /// The optimiser of a rule.
    pub fn by(rule: R, rate: impl Into<LearningRate>) -> Self {
        let mut shared = Vec::new();
        for (name, initial) in rule.shared_slots() {
            shared.push((name, Variable::new(tensor(initial as f32)).named(name).not_trainable()));
        }
        Descent {
            rule,
            rate: rate.into(),
            iteration: Variable::new(tensor(0i64)).named("iteration").not_trainable(),
            slots: Slots::default(),
            shared,
            weight_decay: R::WEIGHT_DECAY,
            without_decay: Vec::new(),
            clip: None,
            average: None,
            fault: None,
        }
    }

    /// Takes `rate · decay` of each variable away before each step.
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Leaves the variables whose names contain one of these out of the weight decay.
    pub fn exclude_from_weight_decay(mut self, names: &[&str]) -> Self {
        self.without_decay.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Brings each element of the gradients between `-max` and `max`.
    #[track_caller]
    pub fn clipvalue(self, max: f64) -> Self {
        self.with_clip(Clip::Value(max), max)
    }

    /// Scales each gradient down to a length where it is longer.
    #[track_caller]
    pub fn clipnorm(self, max: f64) -> Self {
        self.with_clip(Clip::Norm(max), max)
    }

    /// Scales all gradients down together to a length of all their elements where they are longer.
    #[track_caller]
    pub fn global_clipnorm(self, max: f64) -> Self {
        self.with_clip(Clip::GlobalNorm(max), max)
    }

    #[track_caller]
    fn with_clip(mut self, clip: Clip, max: f64) -> Self {
        let first = self.clip.is_none();
        self.clip = Some(clip);
        self.require(first, "only one of clipvalue, clipnorm and global_clipnorm can be set")
            .require(max > 0.0, "gradients are clipped to a number above 0")
    }

    /// Keeps a moving average of each variable, which [`Optimizer::finalize`] puts in the variable's place.
    #[track_caller]
    pub fn use_ema(mut self, momentum: f64) -> Self {
        let overwrite_every = self.average.and_then(|average| average.overwrite_every);
        self.average = Some(Average { momentum, overwrite_every });
        self.require((0.0..=1.0).contains(&momentum), "the momentum of the averages is between 0 and 1")
    }

    /// Puts the moving averages in the place of the variables each so many steps. Keeps averages with momentum 0.99 unless
    /// [`Descent::use_ema`] says otherwise.
    #[track_caller]
    pub fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
        let momentum = self.average.map_or(0.99, |average| average.momentum);
        self.average = Some(Average { momentum, overwrite_every: Some(steps) });
        self.require(steps > 0, "averages take the place of the variables each 1 step or more")
    }

    /// Notes an option that cannot be, for the first step to report.
    #[track_caller]
    pub(super) fn require(mut self, holds: bool, message: &str) -> Self {
        if !holds && self.fault.is_none() {
            self.fault = Some(Error::new(format!("{}: {message}", R::NAME)));
        }
        self
    }

    /// How many steps were made, `i64[]`.
    pub fn iteration(&self) -> &Variable {
        &self.iteration
    }

    /// What is remembered of a variable of a rank: what the rule remembers, and the average behind it.
    fn slots_of(&self, rank: usize) -> Vec<Slot> {
        let mut slots = self.rule.slots(rank);
        if self.average.is_some() {
            slots.push(Slot::new(AVERAGE));
        }
        slots
    }

    /// # Errors
    /// See [`Optimizer::apply`].
    #[track_caller]
    fn check(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let name = R::NAME;
        if gradients.len() != variables.len() {
            let (gradients, variables) = (gradients.len(), variables.len());
            return Err(Error::new(format!(
                "{name}: the variables are {variables}, but the gradients are {gradients}"
            )));
        }
        for (place, (gradient, variable)) in gradients.iter().zip(variables).enumerate() {
            gradient.check()?;
            variable.check()?;
            let (given, held) = (gradient.shape(), variable.shape());
            let fits = given.rank() == held.rank()
                && given.dims().iter().zip(held.dims()).all(|(x, y)| match (x.as_known(), y.as_known()) {
                    (Some(x), Some(y)) => x == y,
                    // The call compares them.
                    (None, _) | (_, None) => true,
                });
            let floats = gradient.dtype().is_float() && variable.dtype().is_float();
            if !fits || !floats {
                let (given, held) = (type_text(gradient), type_text(variable));
                let of = variable.name();
                let message = if floats { "" } else { "; both must be floats" };
                return Err(Error::new(format!(
                    "{name}: gradient {place} is {given}, but the variable {of} is {held}{message}"
                )));
            }
        }
        Ok(())
    }

    #[track_caller]
    fn clipped(&self, gradients: &[Tensor]) -> Vec<Tensor> {
        match self.clip {
            None => gradients.to_vec(),
            Some(Clip::GlobalNorm(max)) => clip_by_global_norm(gradients, max).0,
            Some(clip @ (Clip::Value(_) | Clip::Norm(_))) => {
                let mut clipped = Vec::with_capacity(gradients.len());
                for gradient in gradients {
                    clipped.push(match clip {
                        Clip::Value(max) => clip_by_value(gradient, -max, max),
                        Clip::Norm(max) | Clip::GlobalNorm(max) => clip_by_norm(gradient, max),
                    });
                }
                clipped
            }
        }
    }

    /// The step as the variables of a dtype see it.
    #[track_caller]
    fn step_for(&self, dtype: DType, iteration: &Tensor, rate: &Tensor, shared: &[Tensor]) -> Step {
        let mut converted = Vec::with_capacity(shared.len());
        for number in shared {
            converted.push(number.to(dtype));
        }
        Step {
            rate: rate.to(dtype),
            number: (iteration + 1i64).to(dtype),
            shared: converted,
            is_scheduled: matches!(self.rate, LearningRate::Schedule(_)),
            dtype,
        }
    }

    /// Changes one variable.
    #[track_caller]
    fn update(&self, step: &Step, gradient: &Tensor, variable: &Variable, slots: &[Variable]) -> Result<()> {
        let mut value = variable.read();
        if let Some(decay) = self.weight_decay
            && !self.without_decay.iter().any(|name| variable.name().contains(name.as_str()))
        {
            value = &value - &value * decay * &step.rate;
        }
        let mut held = Vec::with_capacity(slots.len());
        for slot in slots {
            held.push(slot.read());
        }
        let average = self.average.zip(if self.average.is_some() { held.pop() } else { None });
        let mut change = self.rule.change(step, gradient, &value, &held);
        if let Some((average, held)) = average {
            // The first value is the average of what came before it and of itself: itself.
            let momentum = step.number.gt(1.0).to(step.dtype) * average.momentum;
            let mean = &momentum * held + (1f64 - &momentum) * &change.value;
            if let Some(every) = average.overwrite_every {
                // In integers, which count further than floats.
                let is_due = ((self.iteration.read() + 1i64) % every as i64).eq(0i64);
                change.value = select(is_due, &mean, &change.value);
            }
            change.slots.push(mean);
        }
        let Change { value, slots: new } = change;
        // All is checked before anything changes.
        value.check()?;
        for slot in &new {
            slot.check()?;
        }
        variable.assign(value)?;
        for (slot, new) in slots.iter().zip(new) {
            slot.assign(new)?;
        }
        Ok(())
    }
}

/// A dtype and sizes as messages show them: `f32[2, 3]`.
fn type_text(x: &Tensor) -> String {
    let sizes: Vec<String> = x.shape().dims().iter().map(ToString::to_string).collect();
    format!("{}[{}]", x.dtype(), sizes.join(", "))
}

impl<R: Rule> Module for Descent<R> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.enter("iteration");
        self.iteration.visit_parts(parts);
        parts.leave();
        parts.enter("learning_rate");
        self.rate.visit_parts(parts);
        parts.leave();
        for (name, shared) in &self.shared {
            parts.enter(name);
            shared.visit_parts(parts);
            parts.leave();
        }
        self.slots.visit_parts(parts);
    }

    fn kind(&self) -> &str {
        R::NAME
    }
}

impl<R: Rule> Optimizer for Descent<R> {
    #[track_caller]
    fn apply(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        self.check(gradients, variables)?;
        if variables.is_empty() {
            return Ok(());
        }
        let remembered = self.slots.remember(variables, &|rank| self.slots_of(rank))?;
        let iteration = self.iteration.read();
        let rate = self.rate.at(&iteration);
        rate.check()?;
        let mut shared = Vec::with_capacity(self.shared.len());
        for (_, slot) in &self.shared {
            shared.push(slot.read());
        }
        let shared = self.rule.change_shared(&(&iteration + 1i64).to(DType::F32), &shared);
        let mut steps: Vec<Step> = Vec::new();
        for ((gradient, variable), remembered) in self.clipped(gradients).iter().zip(variables).zip(remembered) {
            let dtype = variable.dtype();
            let place = match steps.iter().position(|step| step.dtype == dtype) {
                Some(place) => place,
                None => {
                    steps.push(self.step_for(dtype, &iteration, &rate, &shared));
                    steps.len() - 1
                }
            };
            let step = &steps[place];
            if gradient.dtype() == dtype {
                self.update(step, gradient, variable, &remembered.slots)?;
            } else {
                self.update(step, &gradient.to(dtype), variable, &remembered.slots)?;
            }
        }
        for ((_, slot), new) in self.shared.iter().zip(shared) {
            slot.assign(new)?;
        }
        self.iteration.assign_add(1i64)
    }

    fn learning_rate(&self) -> &LearningRate {
        &self.rate
    }

    #[track_caller]
    fn build(&self, variables: &[Variable]) {
        // What cannot be made now is reported by the first step.
        let _ = self.slots.remember(variables, &|rank| self.slots_of(rank));
    }

    #[track_caller]
    fn finalize(&self, variables: &[Variable]) -> Result<()> {
        if self.average.is_none() {
            return Ok(());
        }
        let remembered = self.slots.remember(variables, &|rank| self.slots_of(rank))?;
        for (variable, remembered) in variables.iter().zip(remembered) {
            if let Some(average) = remembered.slots.last() {
                variable.assign(average)?;
            }
        }
        Ok(())
    }
}

//! How far a step goes.

use std::sync::Arc;

use tancho_core::{Error, Result, Tensor, Variable, tensor};

use super::schedules::Schedule;
use crate::module::{Module, Parts};

/// A learning rate: a number that can be changed between steps, or a function of the number of the step.
pub enum LearningRate {
    Number(Variable),
    /// From the number of the step, `i64[]`, counted from 0, to the rate, `f32[]`.
    Schedule(Arc<dyn Fn(&Tensor) -> Tensor + Send + Sync>),
}

impl LearningRate {
    pub fn number(rate: f64) -> Self {
        LearningRate::Number(Variable::new(tensor(rate as f32)).named("learning_rate").not_trainable())
    }

    /// A rate that depends on the number of the step: one of the [`schedules`](super::schedules), or a closure.
    pub fn schedule(schedule: impl Schedule) -> Self {
        LearningRate::Schedule(Arc::new(move |step: &Tensor| schedule.at(step)))
    }

    /// The rate at a step.
    #[track_caller]
    pub fn at(&self, step: &Tensor) -> Tensor {
        match self {
            LearningRate::Number(rate) => rate.read(),
            LearningRate::Schedule(schedule) => schedule(step),
        }
    }

    /// Changes the rate; a traced step takes the new one.
    ///
    /// # Errors
    /// It is a schedule.
    #[track_caller]
    pub fn set(&self, rate: f64) -> Result<()> {
        match self {
            LearningRate::Number(variable) => variable.assign(rate as f32),
            LearningRate::Schedule(_) => {
                Err(Error::new("the learning rate is a schedule, which cannot be set to a number"))
            }
        }
    }
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::number(rate)
    }
}

impl Module for LearningRate {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let LearningRate::Number(rate) = self {
            rate.visit_parts(parts);
        }
    }
}

//! Schedules: learning rates that depend on the number of the step.
//!
//! A schedule stands where a learning rate does: `Sgd::new(schedules::exponential_decay(0.1, 100, 0.9))`. A closure from
//! the number of the step, `i64[]`, counted from 0, to the rate, `f32[]`, is one too. Below, `s` is the number of the step and
//! `p` is `s / decay_steps`; all is computed in f32, as Keras does.

use std::f64::consts::PI;
use std::panic::Location;

use tancho_core::{DType, Error, Tensor, minimum, select, tensor};

use super::LearningRate;

/// A learning rate that depends on the number of the step.
pub trait Schedule: Send + Sync + 'static {
    /// The rate at a step, `i64[]` counted from 0, as `f32[]`.
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor;
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> Schedule for F {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        self(step)
    }
}

impl<S: Schedule> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::schedule(schedule)
    }
}

/// How many steps a schedule takes, which is not 0, with the line that said so.
#[derive(Clone, Copy, Debug)]
struct Steps {
    count: u64,
    said: &'static Location<'static>,
}

impl Steps {
    #[track_caller]
    fn new(count: u64) -> Self {
        Steps { count, said: Location::caller() }
    }

    /// The part of the steps that is over at a step.
    ///
    /// # Errors
    /// There are none, which the tensor carries.
    #[track_caller]
    fn fraction(&self, step: &Tensor) -> Tensor {
        if self.count == 0 {
            let Steps { said, .. } = self;
            return Tensor::from_error(Error::new(format!("the schedule made at {said} decays over 0 steps")));
        }
        step.to(DType::F32) / self.count as f64
    }
}

/// `initial · rateᵖ`
///
/// # Reference
/// `keras.optimizers.schedules.ExponentialDecay`
#[track_caller]
pub fn exponential_decay(initial: f64, decay_steps: u64, rate: f64) -> ExponentialDecay {
    ExponentialDecay { initial, steps: Steps::new(decay_steps), rate, is_staircase: false }
}

/// See [`exponential_decay`].
#[derive(Clone, Debug)]
pub struct ExponentialDecay {
    initial: f64,
    steps: Steps,
    rate: f64,
    is_staircase: bool,
}

impl ExponentialDecay {
    /// Rounds `p` down, so that the rate changes each `decay_steps` steps.
    pub fn staircase(mut self) -> Self {
        self.is_staircase = true;
        self
    }
}

impl Schedule for ExponentialDecay {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        let p = self.steps.fraction(step);
        let p = if self.is_staircase { p.floor() } else { p };
        tensor(self.rate as f32).pow(p) * self.initial
    }
}

/// `initial / (1 + rate · p)`
///
/// # Reference
/// `keras.optimizers.schedules.InverseTimeDecay`
#[track_caller]
pub fn inverse_time_decay(initial: f64, decay_steps: u64, rate: f64) -> InverseTimeDecay {
    InverseTimeDecay { initial, steps: Steps::new(decay_steps), rate, is_staircase: false }
}

/// See [`inverse_time_decay`].
#[derive(Clone, Debug)]
pub struct InverseTimeDecay {
    initial: f64,
    steps: Steps,
    rate: f64,
    is_staircase: bool,
}

impl InverseTimeDecay {
    /// Rounds `p` down, so that the rate changes each `decay_steps` steps.
    pub fn staircase(mut self) -> Self {
        self.is_staircase = true;
        self
    }
}

impl Schedule for InverseTimeDecay {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        let p = self.steps.fraction(step);
        let p = if self.is_staircase { p.floor() } else { p };
        self.initial / (p * self.rate + 1.0)
    }
}

/// The first value up to the first boundary, which it includes, the second one up to the second, and so on; there is one more
/// value than boundaries.
///
/// # Errors
/// The numbers of values and boundaries do not fit, which the first step reports.
///
/// # Reference
/// `keras.optimizers.schedules.PiecewiseConstantDecay`
#[track_caller]
pub fn piecewise_constant(boundaries: &[i64], values: &[f64]) -> PiecewiseConstant {
    PiecewiseConstant { boundaries: boundaries.to_vec(), values: values.to_vec(), said: Location::caller() }
}

/// See [`piecewise_constant`].
#[derive(Clone, Debug)]
pub struct PiecewiseConstant {
    boundaries: Vec<i64>,
    values: Vec<f64>,
    said: &'static Location<'static>,
}

impl Schedule for PiecewiseConstant {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        let (n_boundaries, n_values, said) = (self.boundaries.len(), self.values.len(), self.said);
        let [first, later @ ..] = self.values.as_slice() else {
            return Tensor::from_error(Error::new(format!("the schedule made at {said} has no values")));
        };
        if later.len() != n_boundaries {
            return Tensor::from_error(Error::new(format!(
                "the schedule made at {said} has {n_values} values for {n_boundaries} boundaries, not one more"
            )));
        }
        let mut rate = tensor(*first as f32);
        for (boundary, value) in self.boundaries.iter().zip(later) {
            rate = select(step.gt(*boundary), *value, rate);
        }
        rate
    }
}

/// `(initial − end) · (1 − p)^power + end`, and `end` from `decay_steps` on. `end` is 0.0001 and `power` 1 unless set.
///
/// # Reference
/// `keras.optimizers.schedules.PolynomialDecay`
#[track_caller]
pub fn polynomial_decay(initial: f64, decay_steps: u64) -> PolynomialDecay {
    PolynomialDecay { initial, steps: Steps::new(decay_steps), end: 0.0001, power: 1.0, is_cycle: false }
}

/// See [`polynomial_decay`].
#[derive(Clone, Debug)]
pub struct PolynomialDecay {
    initial: f64,
    steps: Steps,
    end: f64,
    power: f64,
    is_cycle: bool,
}

impl PolynomialDecay {
    pub fn end(mut self, rate: f64) -> Self {
        self.end = rate;
        self
    }

    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Begins anew below `initial` when it is over: from then on it takes the first multiple of `decay_steps` that the step has
    /// not passed.
    pub fn cycle(mut self) -> Self {
        self.is_cycle = true;
        self
    }
}

impl Schedule for PolynomialDecay {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        let p = self.steps.fraction(step);
        let p = if self.is_cycle {
            let multiple = select(step.eq(0i64), 1.0, p.ceil());
            step.to(DType::F32) / (multiple * self.steps.count as f64)
        } else {
            minimum(p, 1.0)
        };
        (1f64 - p).pow(self.power) * (self.initial - self.end) + self.end
    }
}

/// `initial · ((1 − alpha) · (1 + cos πp) / 2 + alpha)`, and `initial · alpha` from `decay_steps` on. `alpha` is 0 unless set.
///
/// # Reference
/// Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts (2016); `keras.optimizers.schedules.CosineDecay`
#[track_caller]
pub fn cosine_decay(initial: f64, decay_steps: u64) -> CosineDecay {
    CosineDecay { initial, steps: Steps::new(decay_steps), alpha: 0.0, warmup: None }
}

/// See [`cosine_decay`].
#[derive(Clone, Debug)]
pub struct CosineDecay {
    initial: f64,
    steps: Steps,
    alpha: f64,
    warmup: Option<(f64, Steps)>,
}

impl CosineDecay {
    /// The part of the rate that is left at the end.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Goes evenly from `initial` to a target in so many steps first, and decays from there.
    #[track_caller]
    pub fn warmup(mut self, target: f64, steps: u64) -> Self {
        self.warmup = (steps > 0).then(|| (target, Steps { count: steps, said: Location::caller() }));
        // A warm-up of no steps is over at once.
        self.initial = if steps > 0 { self.initial } else { target };
        self
    }
}

impl Schedule for CosineDecay {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        match &self.warmup {
            None => cosine(minimum(self.steps.fraction(step), 1.0), self.alpha) * self.initial,
            Some((target, steps)) => {
                let rising = steps.fraction(step) * (target - self.initial) + self.initial;
                let p = minimum(self.steps.fraction(&(step - steps.count)), 1.0);
                select(step.lt(steps.count), rising, cosine(p, self.alpha) * *target)
            }
        }
    }
}

/// `(1 − alpha) · (1 + cos πp) / 2 + alpha`
#[track_caller]
fn cosine(p: Tensor, alpha: f64) -> Tensor {
    ((p * PI).cos() + 1.0) * 0.5 * (1f64 - alpha) + alpha
}

/// [`cosine_decay`] that begins anew when it is over, for `t_mul` times as many steps each time and from `m_mul` times the
/// rate. `t_mul` is 2, `m_mul` is 1 and `alpha` is 0 unless set.
///
/// # Reference
/// Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts (2016);
/// `keras.optimizers.schedules.CosineDecayRestarts`
#[track_caller]
pub fn cosine_decay_restarts(initial: f64, first_decay_steps: u64) -> CosineDecayRestarts {
    CosineDecayRestarts { initial, steps: Steps::new(first_decay_steps), t_mul: 2.0, m_mul: 1.0, alpha: 0.0 }
}

/// See [`cosine_decay_restarts`].
#[derive(Clone, Debug)]
pub struct CosineDecayRestarts {
    initial: f64,
    steps: Steps,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
}

impl CosineDecayRestarts {
    /// How many times as long each period is as the one before.
    pub fn t_mul(mut self, factor: f64) -> Self {
        self.t_mul = factor;
        self
    }

    /// How many times as high the rate of each period is as that of the one before.
    pub fn m_mul(mut self, factor: f64) -> Self {
        self.m_mul = factor;
        self
    }

    /// The part of the rate that is left at the end of a period.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Schedule for CosineDecayRestarts {
    #[track_caller]
    fn at(&self, step: &Tensor) -> Tensor {
        let p = self.steps.fraction(step);
        let t = self.t_mul;
        let (restarts, p) = if t == 1.0 {
            let restarts = p.floor();
            let p = p - &restarts;
            (restarts, p)
        } else {
            // After n periods, p is the geometric sum (1 − tⁿ) / (1 − t).
            let restarts = ((1f64 - &p * (1f64 - t)).log() / f64::from((t as f32).ln())).floor();
            let power = tensor(t as f32).pow(&restarts);
            let sum = (1f64 - &power) / (1f64 - t);
            (restarts, (p - sum) / power)
        };
        // Keras takes the factor of the period into what alpha is put to.
        let height = tensor(self.m_mul as f32).pow(restarts);
        let decayed = (height * 0.5 * ((p * PI).cos() + 1.0)) * (1.0 - self.alpha) + self.alpha;
        decayed * self.initial
    }
}

//! A model that is trained.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

use tancho_core::{Error, Result, Tensor, concat};

use super::batches::{Batch, Batches, Samples, count_samples};
use super::history::{History, Logs};
use super::options::{Evaluate, Fit};
use super::run;
use super::step::{Inner, MeanLoss, Steps};
use crate::layer::{Layer, Mode};
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::module::{Module, Parts};
use crate::optimizers::Optimizer;

/// Makes a [`Trainer`] of a model: every [`Layer`] has it.
pub trait Compile: Layer + Sized {
    /// Joins the model with an optimiser and a loss.
    ///
    /// ```
    /// # use tancho_core::{Result, linspace};
    /// # use tancho_nn::{Compile, Dense, Fit, Sgd, losses};
    /// # fn main() -> Result<()> {
    /// let x = linspace(-1.0f32, 1.0, 64).reshape([64, 1]);
    /// let y = 3.0 * &x + 1.0;
    /// let model = Dense::new(1).compile(Sgd::new(0.1), losses::mse);
    /// let history = model.fit(&x, &y, Fit { epochs: 50, ..Fit::default() })?;
    /// assert!(history["loss"][49] < 1e-3);
    /// # Ok(())
    /// # }
    /// ```
    fn compile(self, optimizer: impl Optimizer, loss: impl Loss) -> Trainer<Self> {
        Trainer::new(self, Box::new(optimizer), Box::new(loss))
    }
}

impl<L: Layer> Compile for L {}

/// A model with the optimiser, the loss and the metrics that it is trained with.
///
/// It stands for the model wherever one is used: as a [`Layer`], and for its fields. As a [`Module`] it has the parts `model`
/// and `optimizer`. [`Trainer::predict`] and calls of the model may run on several threads; training and evaluation take
/// turns by failing, since they share the metrics.
pub struct Trainer<M> {
    inner: Arc<Inner<M>>,
    steps: OnceLock<Steps>,
    is_busy: Mutex<()>,
    stop: AtomicBool,
}

impl<M: Layer> Trainer<M> {
    fn new(model: M, optimizer: Box<dyn Optimizer>, loss: Box<dyn Loss>) -> Self {
        let (metrics, weighted_metrics) = (Vec::new(), Vec::new());
        let inner = Inner { model, optimizer, loss, metrics, weighted_metrics, mean_loss: MeanLoss::new() };
        Trainer::of(Arc::new(inner))
    }

    fn of(inner: Arc<Inner<M>>) -> Self {
        Trainer { inner, steps: OnceLock::new(), is_busy: Mutex::new(()), stop: AtomicBool::new(false) }
    }

    /// What is reported beside the loss. Weights of samples and classes do not matter to these.
    pub fn metrics(self, metrics: impl IntoIterator<Item = Box<dyn Metric>>) -> Self {
        self.change(|inner| inner.metrics = metrics.into_iter().collect())
    }

    /// What is reported beside the loss, with the weights of samples and classes.
    pub fn weighted_metrics(self, metrics: impl IntoIterator<Item = Box<dyn Metric>>) -> Self {
        self.change(|inner| inner.weighted_metrics = metrics.into_iter().collect())
    }

    fn change(self, change: impl FnOnce(&mut Inner<M>)) -> Self {
        // The traced steps are the only other holders; those for the changed parts are traced anew.
        let Trainer { mut inner, steps, .. } = self;
        drop(steps);
        if let Some(inner) = Arc::get_mut(&mut inner) {
            change(inner);
        }
        Trainer::of(inner)
    }

    pub fn model(&self) -> &M {
        &self.inner.model
    }

    pub fn optimizer(&self) -> &dyn Optimizer {
        &*self.inner.optimizer
    }

    /// The model alone. `None` never occurs where nobody else uses the trainer.
    pub fn into_model(self) -> Option<M> {
        let Trainer { inner, steps, .. } = self;
        drop(steps);
        Arc::into_inner(inner).map(|inner| inner.model)
    }

    /// Trains on samples, which lie along the first axes.
    ///
    /// # Errors
    /// The numbers of samples differ, options contradict each other, the model cannot be computed or differentiated, a
    /// callback fails, or, on request, a value is not finite.
    #[track_caller]
    pub fn fit(&self, x: &Tensor, y: &Tensor, options: Fit) -> Result<History> {
        run::fit(self, x, y, options)
    }

    /// Trains on batches; see [`Batches`]. Options that cut up, shuffle or weight samples do not matter here.
    ///
    /// # Errors
    /// As [`Trainer::fit`], and those of the batches.
    #[track_caller]
    pub fn fit_data(&self, batches: impl Batches, options: Fit) -> Result<History> {
        run::fit_batches(self, &batches, options)
    }

    /// The loss and the metrics on samples.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    #[track_caller]
    pub fn evaluate(&self, x: &Tensor, y: &Tensor) -> Result<Logs> {
        self.evaluate_with(x, y, Evaluate::default())
    }

    /// The loss and the metrics on samples, with options.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    #[track_caller]
    pub fn evaluate_with(&self, x: &Tensor, y: &Tensor, options: Evaluate) -> Result<Logs> {
        let data = Batch { x: x.clone(), y: y.clone(), weights: options.sample_weight };
        self.evaluate_data(Samples::new(data, options.batch_size, None)?)
    }

    /// The loss and the metrics on batches.
    ///
    /// # Errors
    /// As [`Trainer::fit_data`].
    #[track_caller]
    pub fn evaluate_data(&self, batches: impl Batches) -> Result<Logs> {
        let _turn = self.take_turn()?;
        run::evaluate(self, &batches)
    }

    /// What the model makes of samples, 32 at a time.
    ///
    /// # Errors
    /// The model cannot be computed.
    #[track_caller]
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.predict_in(x, Fit::default().batch_size)
    }

    /// What the model makes of samples, so many at a time.
    ///
    /// # Errors
    /// The model cannot be computed, or there are no samples at a time.
    #[track_caller]
    pub fn predict_in(&self, x: &Tensor, batch_size: usize) -> Result<Tensor> {
        if count_samples("x", x)? <= batch_size {
            return self.steps().predict.call(x.clone());
        }
        let samples = Samples::new((x.clone(), x.clone()).into(), batch_size, None)?;
        let mut found = Vec::new();
        for batch in samples.pass(0) {
            found.push(self.steps().predict.call(batch?.x)?);
        }
        let joined = concat(&found, 0);
        joined.check().map(|()| joined)
    }

    /// One step of training on one batch, in a loop of your own; the loss, with what the regularizers add.
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    #[track_caller]
    pub fn train_step(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let _turn = self.take_turn()?;
        let mut found = self.steps().train.call((x.clone(), y.clone(), None))?;
        Ok(found.swap_remove(0))
    }

    /// Lets the training that goes on stop after the step at hand.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// How often the step of training was traced.
    pub fn tracing_count(&self) -> usize {
        self.steps().train.tracing_count()
    }

    pub(super) fn inner(&self) -> &Inner<M> {
        &self.inner
    }

    pub(super) fn steps(&self) -> &Steps {
        self.steps.get_or_init(|| Steps::new(&self.inner))
    }

    pub(super) fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Only one may gather metrics at a time.
    #[track_caller]
    pub(super) fn take_turn(&self) -> Result<MutexGuard<'_, ()>> {
        match self.is_busy.try_lock() {
            Ok(turn) => Ok(turn),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new("the trainer trains or evaluates already, and its metrics count for one at a time"))
            }
        }
    }
}

impl<M> Deref for Trainer<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.inner.model
    }
}

impl<M: Layer> Module for Trainer<M> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.enter("model");
        self.inner.model.visit_parts(parts);
        parts.leave();
        parts.enter("optimizer");
        self.inner.optimizer.visit_parts(parts);
        parts.leave();
    }
}

impl<M: Layer> Layer for Trainer<M> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.inner.model.call(x, mode)
    }
}

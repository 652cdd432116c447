//! The loops over epochs and steps.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tancho_core::random::Key;
use tancho_core::{Error, Result, Tensor};

use super::batches::{Batch, Batches, Pass, Samples, count_samples};
use super::callbacks::{Callback, Run};
use super::history::{History, Logs};
use super::interrupt::Listener;
use super::nonfinite::{Snapshot, are_finite, explain};
use super::options::Fit;
use super::progress::Progress;
use super::step::Arguments;
use super::trainer::Trainer;
use super::weights::weights_of_classes;
use crate::layer::Layer;
use crate::seed::next_key;

/// Trains on tensors, which are cut up as the options say.
#[track_caller]
pub(super) fn fit<M: Layer>(trainer: &Trainer<M>, x: &Tensor, y: &Tensor, mut options: Fit) -> Result<History> {
    let weights = match (&options.class_weight, options.sample_weight.take()) {
        (Some(_), Some(_)) => {
            return Err(Error::new("class_weight and sample_weight cannot both say what a sample counts"));
        }
        (None, weights) => weights,
        (Some(classes), None) => Some(weights_of_classes(y, classes)?),
    };
    // Keras does not weight by class what is kept for validation.
    let by_class = options.class_weight.take().is_some();
    let mut data = Batch { x: x.clone(), y: y.clone(), weights };
    let has_validation = options.validation_data.is_some() || options.validation_batches.is_some();
    if options.validation_split != 0.0 && !has_validation {
        let (first, mut last) = split(&data, options.validation_split)?;
        if by_class {
            last.weights = None;
        }
        data = first;
        options.validation_batches = Some(Box::new(Samples::new(last, options.batch_size, None)?));
    }
    let key = options.shuffle.then(|| options.seed.map_or_else(next_key, Key::new));
    let samples = Samples::new(data, options.batch_size, key)?;
    fit_batches(trainer, &samples, options)
}

/// The first samples, and the last ones, which are so large a part of all.
#[track_caller]
fn split(data: &Batch, part: f64) -> Result<(Batch, Batch)> {
    let n_samples = count_samples("x", &data.x)?;
    let at = (n_samples as f64 * (1.0 - part)).floor();
    if !(part > 0.0 && part < 1.0) || at < 1.0 || at >= n_samples as f64 {
        let message =
            format!("validation_split {part} of {n_samples} samples leaves none to train on or to validate with");
        return Err(Error::new(message));
    }
    let at = at as usize;
    let first = |tensor: &Tensor| tensor.slice(..at);
    let last = |tensor: &Tensor| tensor.slice(at..);
    let part = |of: &dyn Fn(&Tensor) -> Tensor| Batch {
        x: of(&data.x),
        y: of(&data.y),
        weights: data.weights.as_ref().map(of),
    };
    Ok((part(&first), part(&last)))
}

/// Trains on batches.
#[track_caller]
pub(super) fn fit_batches<M: Layer>(trainer: &Trainer<M>, batches: &dyn Batches, mut options: Fit) -> Result<History> {
    let _turn = trainer.take_turn()?;
    let validation: Option<Box<dyn Batches>> = match (options.validation_data.take(), options.validation_batches.take())
    {
        (Some(data), None) => Some(Box::new(Samples::new(data.into(), options.batch_size, None)?)),
        (None, batches) => batches,
        (Some(_), Some(_)) => return Err(Error::new("validation is either by tensors or by batches")),
    };
    trainer.stop_flag().store(false, Relaxed);
    let listener = if options.stop_at_ctrl_c { Listener::start() } else { None };
    let mut training = Training {
        trainer,
        validation,
        listener,
        callbacks: std::mem::take(&mut options.callbacks),
        progress: Progress::new(options.verbose, options.epochs, options.steps_per_epoch.or(batches.count())),
        names: trainer.inner().names().map(Arc::from).collect(),
        run: Run {
            model: trainer.model(),
            optimizer: trainer.optimizer(),
            epochs: options.epochs,
            epoch: options.initial_epoch,
            loss: f64::NAN,
            steps: 0,
            stop: None,
        },
        has_warned: false,
        options,
    };
    training.train(batches)
}

/// The loss and the metrics on batches.
#[track_caller]
pub(super) fn evaluate<M: Layer>(trainer: &Trainer<M>, batches: &dyn Batches) -> Result<Logs> {
    trainer.inner().reset_metrics()?;
    let mut found = None;
    for batch in batches.pass(0) {
        found = Some(trainer.steps().test.call(batch?.into())?);
    }
    let found = found.ok_or_else(|| Error::new("there is no batch to evaluate on"))?;
    let names: Vec<Arc<str>> = trainer.inner().names().map(Arc::from).collect();
    logs_of(&names, &found)
}

/// What a step gave behind the loss of its batch, under the names.
fn logs_of(names: &[Arc<str>], found: &[Tensor]) -> Result<Logs> {
    names.iter().zip(&found[1..]).map(|(name, value)| Ok((name.clone(), number(value)?))).collect()
}

fn number(tensor: &Tensor) -> Result<f64> {
    tensor.array()?.to_f64_vec().first().copied().ok_or_else(|| Error::new("a number is empty"))
}

struct Training<'a, M> {
    trainer: &'a Trainer<M>,
    validation: Option<Box<dyn Batches>>,
    listener: Option<Listener>,
    callbacks: Vec<Box<dyn Callback>>,
    progress: Progress,
    names: Vec<Arc<str>>,
    run: Run<'a>,
    /// Whether a loss that is not finite was reported.
    has_warned: bool,
    options: Fit,
}

impl<M: Layer> Training<'_, M> {
    fn tell(&mut self, of: impl Fn(&mut dyn Callback, &mut Run<'_>) -> Result<()>) -> Result<()> {
        let Training { callbacks, run, .. } = self;
        callbacks.iter_mut().try_for_each(|callback| of(&mut **callback, run))
    }

    #[track_caller]
    fn train(&mut self, batches: &dyn Batches) -> Result<History> {
        let mut history = History::default();
        let mut passes = Passes { batches, number: self.options.initial_epoch, pass: None };
        self.tell(|callback, run| callback.on_train_begin(run))?;
        for epoch in self.options.initial_epoch..self.options.epochs {
            if self.run.stop.is_some() {
                break;
            }
            self.run.epoch = epoch;
            self.tell(|callback, run| callback.on_epoch_begin(run, epoch))?;
            self.progress.begin_epoch(epoch);
            let Some((mut logs, steps)) = self.run_epoch(&mut passes)? else { break };
            // An epoch that was cut short is not validated, so that stopping does not take long.
            if let Some(validation) = &self.validation
                && self.run.stop.is_none()
            {
                for (name, value) in evaluate(self.trainer, &**validation)?.iter() {
                    logs.set(format!("val_{name}"), value);
                }
            }
            self.progress.end_epoch(epoch, steps, &logs);
            for callback in &mut self.callbacks {
                callback.on_epoch_end(&mut self.run, epoch, &mut logs)?;
            }
            history.push(epoch, &logs);
        }
        self.tell(|callback, run| callback.on_train_end(run))?;
        if let Some(reason) = self.run.stop.take() {
            history.stop(reason);
        }
        Ok(history)
    }

    /// The numbers of an epoch and the number of its steps; `None` where it was stopped before its first step.
    #[track_caller]
    fn run_epoch(&mut self, passes: &mut Passes<'_>) -> Result<Option<(Logs, usize)>> {
        self.trainer.inner().reset_metrics()?;
        let mut found = None;
        let mut step = 0;
        while self.run.stop.is_none() && self.options.steps_per_epoch.is_none_or(|steps| step < steps) {
            // With a given number of steps, an epoch does not end with the data.
            let batch = if self.options.steps_per_epoch.is_some() { passes.next_of_any()? } else { passes.next()? };
            let Some(batch) = batch else { break };
            found = Some(self.run_step(batch, step)?);
            step += 1;
        }
        match found {
            Some(found) => Ok(Some((logs_of(&self.names, &found)?, step))),
            None if self.run.stop.is_some() => Ok(None),
            None => Err(Error::new("there is no batch to train on")),
        }
    }

    #[track_caller]
    fn run_step(&mut self, batch: Batch, step: usize) -> Result<Vec<Tensor>> {
        let arguments = batch.into();
        let found = if self.options.check_finite {
            self.run_checked(arguments, step)?
        } else {
            self.trainer.steps().train.call(arguments)?
        };
        self.run.loss = number(&found[0])?;
        self.run.steps += 1;
        if !self.run.loss.is_finite() && !self.has_warned {
            self.has_warned = true;
            log::warn!("the loss is {} at step {step} of epoch {}", self.run.loss, self.run.epoch);
        }
        let is_due = self.progress.is_due();
        if is_due || !self.callbacks.is_empty() {
            let logs = logs_of(&self.names, &found)?;
            if is_due {
                self.progress.show(step, &logs);
            }
            self.tell(|callback, run| callback.on_batch_end(run, step, &logs))?;
        }
        if self.trainer.stop_flag().load(Relaxed) {
            self.run.stop("asked to stop");
        }
        if self.listener.as_ref().is_some_and(Listener::is_raised) {
            self.run.stop("Ctrl-C");
        }
        Ok(found)
    }
}

impl<M: Layer> Training<'_, M> {
    /// A step that fails, and changes nothing, where a value is not finite.
    #[track_caller]
    fn run_checked(&self, arguments: Arguments, step: usize) -> Result<Vec<Tensor>> {
        let (inner, steps) = (self.trainer.inner(), self.trainer.steps());
        steps.train.prepare(&arguments)?;
        let before = Snapshot::take(inner);
        let found = steps.train.call(arguments.clone())?;
        let loss = number(&found[0])?;
        if loss.is_finite() && are_finite(&inner.model.variables())? {
            return Ok(found);
        }
        before.restore()?;
        let what = if loss.is_finite() { "a variable is not finite".into() } else { format!("the loss is {loss}") };
        let why = explain(inner, &before, &arguments)?;
        Err(Error::new(format!("{what} at step {step} of epoch {}: {why}", self.run.epoch)))
    }
}

/// One pass over the data after the other.
struct Passes<'a> {
    batches: &'a dyn Batches,
    number: usize,
    pass: Option<Pass<'a>>,
}

impl Passes<'_> {
    /// The next batch; `None` at the end of a pass, behind which a new one begins.
    fn next(&mut self) -> Result<Option<Batch>> {
        let pass = self.pass.get_or_insert_with(|| self.batches.pass(self.number));
        let batch = pass.next().transpose()?;
        if batch.is_none() {
            self.pass = None;
            self.number += 1;
        }
        Ok(batch)
    }

    /// The next batch of this pass or of a new one; `None` where a pass has no batch.
    fn next_of_any(&mut self) -> Result<Option<Batch>> {
        match self.next()? {
            Some(batch) => Ok(Some(batch)),
            None => self.next(),
        }
    }
}

//! Stopping when it gets no better.

use tancho_core::{Result, Tensor, Variable};

use super::monitor::{Better, Monitor};
use super::{Callback, Logs, Run};

/// Stops training when a number has not become better for some epochs.
///
/// # Reference
/// `keras.callbacks.EarlyStopping`
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    best_epoch: usize,
    stopped_epoch: Option<usize>,
    best_weights: Option<Vec<(Variable, Tensor)>>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping::new("val_loss")
    }
}

impl EarlyStopping {
    /// Watches a number: `val_loss`.
    pub fn new(monitor: &str) -> Self {
        EarlyStopping {
            monitor: Monitor::new(monitor, 0.0),
            patience: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            best_epoch: 0,
            stopped_epoch: None,
            best_weights: None,
        }
    }

    /// How many epochs may pass that are no better; 0.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// How much better counts as better; 0.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.monitor.min_delta = delta.abs();
        self
    }

    /// Which numbers are better.
    pub fn mode(mut self, better: Better) -> Self {
        self.monitor.better = better;
        self
    }

    /// What must be reached for an epoch to count as better.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Gives the model back what its variables held after the best epoch.
    pub fn restore_best_weights(mut self) -> Self {
        self.restore_best_weights = true;
        self
    }

    /// The first epoch that is looked at; 0.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The best number so far.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }

    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The epoch at whose end training was stopped.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    fn keep(&mut self, run: &Run<'_>, epoch: usize) {
        self.best_epoch = epoch;
        if self.restore_best_weights {
            let variables = run.model.variables().into_iter();
            self.best_weights = Some(variables.map(|variable| (variable.clone(), variable.read())).collect());
        }
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.monitor.reset();
        (self.wait, self.best_epoch, self.stopped_epoch, self.best_weights) = (0, 0, None, None);
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let Some(value) = self.monitor.read(logs) else { return Ok(()) };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.best_weights.is_none() {
            self.keep(run, epoch);
        }
        self.wait += 1;
        if self.monitor.improves(value) {
            self.keep(run, epoch);
            if self.baseline.is_none_or(|baseline| self.monitor.is_better(value, baseline)) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            run.stop(format!("{} was best in epoch {}", self.monitor.name, self.best_epoch + 1));
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Run<'_>) -> Result<()> {
        for (variable, value) in self.best_weights.take().into_iter().flatten() {
            variable.assign(value)?;
        }
        Ok(())
    }
}

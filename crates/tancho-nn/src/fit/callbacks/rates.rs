//! Changing the learning rate between epochs.

use tancho_core::Result;

use super::monitor::{Better, Monitor};
use super::{Callback, Logs, Run};

/// Sets the learning rate at the beginning of each epoch, by its number and the rate before.
///
/// # Reference
/// `keras.callbacks.LearningRateScheduler`
pub struct LearningRateScheduler(Box<dyn FnMut(usize, f64) -> f64 + Send>);

impl LearningRateScheduler {
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + Send + 'static) -> Self {
        LearningRateScheduler(Box::new(schedule))
    }
}

impl Callback for LearningRateScheduler {
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        let rate = (self.0)(epoch, run.learning_rate()?);
        run.set_learning_rate(rate)
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &mut Logs) -> Result<()> {
        logs.set("learning_rate", run.learning_rate()?);
        Ok(())
    }
}

/// Lowers the learning rate when a number has not become better for some epochs.
///
/// # Reference
/// `keras.callbacks.ReduceLROnPlateau`
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    cooldown: usize,
    min_lr: f64,
    wait: usize,
    resting: usize,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        ReduceLROnPlateau::new("val_loss")
    }
}

impl ReduceLROnPlateau {
    /// Watches a number: `val_loss`.
    pub fn new(monitor: &str) -> Self {
        ReduceLROnPlateau {
            monitor: Monitor::new(monitor, 1e-4),
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            min_lr: 0.0,
            wait: 0,
            resting: 0,
        }
    }

    /// What the rate is multiplied by; 0.1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// How many epochs may pass that are no better; 10.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// How much better counts as better; 0.0001.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.monitor.min_delta = delta.abs();
        self
    }

    /// Which numbers are better.
    pub fn mode(mut self, better: Better) -> Self {
        self.monitor.better = better;
        self
    }

    /// How many epochs do not count after the rate was lowered; 0.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// What the rate does not go below; 0.
    pub fn min_lr(mut self, rate: f64) -> Self {
        self.min_lr = rate;
        self
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.monitor.reset();
        (self.wait, self.resting) = (0, 0);
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &mut Logs) -> Result<()> {
        let rate = run.learning_rate()?;
        logs.set("learning_rate", rate);
        let Some(value) = self.monitor.read(logs) else { return Ok(()) };
        if self.resting > 0 {
            self.resting -= 1;
            self.wait = 0;
        }
        if self.monitor.improves(value) {
            self.wait = 0;
        } else if self.resting == 0 {
            self.wait += 1;
            if self.wait >= self.patience && rate > self.min_lr {
                let lower = (rate * self.factor).max(self.min_lr);
                run.set_learning_rate(lower)?;
                log::info!("the learning rate is lowered from {rate} to {lower}");
                (self.resting, self.wait) = (self.cooldown, 0);
            }
        }
        Ok(())
    }
}

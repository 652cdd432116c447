//! Saving weights while training goes on.

use tancho_core::Result;

use super::monitor::{Better, Monitor};
use super::{Callback, Logs, Run};
use crate::files::SaveWeights;

/// Saves the variables of the model at the end of each epoch, as a safetensors file that is replaced at once.
///
/// In the path `{epoch}` stands for the number of the epoch, counted from 1, and `{val_loss}` for a number of it.
///
/// # Reference
/// `keras.callbacks.ModelCheckpoint`
pub struct ModelCheckpoint {
    path: String,
    monitor: Monitor,
    best_only: bool,
}

impl ModelCheckpoint {
    pub fn new(path: &str) -> Self {
        ModelCheckpoint { path: path.to_owned(), monitor: Monitor::new("val_loss", 0.0), best_only: false }
    }

    /// Saves only where a number is the best so far.
    pub fn best_only(mut self, monitor: &str) -> Self {
        self.monitor.name = monitor.into();
        self.best_only = true;
        self
    }

    /// Which numbers are better.
    pub fn mode(mut self, better: Better) -> Self {
        self.monitor.better = better;
        self
    }

    /// The best number so far; the next one has to be better than it. Training that goes on begins with it.
    pub fn best_so_far(mut self, best: f64) -> Self {
        self.monitor.best = Some(best);
        self
    }

    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }
}

impl Callback for ModelCheckpoint {
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        if self.best_only {
            let Some(value) = self.monitor.read(logs) else { return Ok(()) };
            if !self.monitor.improves(value) {
                return Ok(());
            }
        }
        let mut path = self.path.replace("{epoch}", &(epoch + 1).to_string());
        for (name, value) in logs.iter() {
            path = path.replace(&format!("{{{name}}}"), &format!("{value:.4}"));
        }
        run.model.save_weights(path)
    }
}

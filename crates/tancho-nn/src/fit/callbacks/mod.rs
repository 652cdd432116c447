//! What is called while training goes on.

mod monitor;
mod early_stopping;
mod model_checkpoint;
mod rates;
mod simple;
mod events;
mod tensor_board;

pub use early_stopping::EarlyStopping;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::Better;
pub use rates::{LearningRateScheduler, ReduceLROnPlateau};
pub use simple::{CsvLogger, LambdaCallback, TerminateOnNaN};
pub use tensor_board::TensorBoard;

use std::sync::{Arc, Mutex, PoisonError};

use tancho_core::{Error, Result};

use super::history::Logs;
use crate::module::Module;
use crate::optimizers::{LearningRate, Optimizer};

/// What is told of the ends of epochs and steps. Each method does nothing unless it is needed. Epochs and steps are counted
/// from 0.
///
/// A callback that is looked at afterwards is shared: `Arc<Mutex<EarlyStopping>>` is a callback too.
pub trait Callback: Send {
    /// # Errors
    /// What the callback needs is not there; training fails with the error. So for the others.
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        let _ = run;
        Ok(())
    }

    /// Also called where training was stopped, but not where it failed.
    ///
    /// # Errors
    /// As for [`Callback::on_train_begin`].
    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<()> {
        let _ = run;
        Ok(())
    }

    /// # Errors
    /// As for [`Callback::on_train_begin`].
    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        let _ = (run, epoch);
        Ok(())
    }

    /// The numbers are those of the epoch, with those of validation (`val_loss`). What is added to them becomes a part of the
    /// history.
    ///
    /// # Errors
    /// As for [`Callback::on_train_begin`].
    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let _ = (run, epoch, logs);
        Ok(())
    }

    /// The numbers are those of the epoch so far; `run.loss` is that of this step.
    ///
    /// # Errors
    /// As for [`Callback::on_train_begin`].
    fn on_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        let _ = (run, step, logs);
        Ok(())
    }
}

/// The training that a callback is told of.
pub struct Run<'a> {
    /// The variables of the model.
    pub model: &'a dyn Module,
    pub optimizer: &'a dyn Optimizer,
    /// The number of the epoch before which training ends.
    pub epochs: usize,
    pub epoch: usize,
    /// The loss of the last step.
    pub loss: f64,
    /// How many steps were done in all epochs of this training.
    pub steps: u64,
    pub(super) stop: Option<String>,
}

impl Run<'_> {
    /// Stops training after what goes on; the first reason is reported.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.stop.get_or_insert_with(|| reason.into());
    }

    /// # Errors
    /// The learning rate is a schedule.
    #[track_caller]
    pub fn learning_rate(&self) -> Result<f64> {
        match self.optimizer.learning_rate() {
            LearningRate::Number(rate) => rate.item::<f32>().map(f64::from),
            LearningRate::Schedule(_) => Err(Error::new("the learning rate is a schedule, which is no number")),
        }
    }

    /// # Errors
    /// The learning rate is a schedule.
    #[track_caller]
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        self.optimizer.learning_rate().set(rate)
    }
}

impl<C: Callback + ?Sized> Callback for Box<C> {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        (**self).on_train_begin(run)
    }

    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<()> {
        (**self).on_train_end(run)
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        (**self).on_epoch_begin(run, epoch)
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        (**self).on_epoch_end(run, epoch, logs)
    }

    fn on_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        (**self).on_batch_end(run, step, logs)
    }
}

impl<C: Callback> Callback for Arc<Mutex<C>> {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_train_begin(run)
    }

    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_train_end(run)
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_epoch_begin(run, epoch)
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_epoch_end(run, epoch, logs)
    }

    fn on_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).on_batch_end(run, step, logs)
    }
}

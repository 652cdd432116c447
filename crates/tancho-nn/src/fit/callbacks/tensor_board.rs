//! Curves for TensorBoard.

use std::path::PathBuf;

use tancho_core::Result;

use super::events::EventFile;
use super::{Callback, Logs, Run};

/// Writes the numbers of each epoch to event files, which TensorBoard shows: `tensorboard --logdir logs`.
///
/// Those of training are in the folder `train`, those of validation in `validation`, under the tags `epoch_loss` and so on.
///
/// # Reference
/// `keras.callbacks.TensorBoard`
pub struct TensorBoard {
    folder: PathBuf,
    every_steps: Option<u64>,
    train: Option<EventFile>,
    validation: Option<EventFile>,
}

impl TensorBoard {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        TensorBoard { folder: folder.into(), every_steps: None, train: None, validation: None }
    }

    /// Also writes the numbers so far every so many steps, under `batch_loss` and so on.
    pub fn every_steps(mut self, steps: u64) -> Self {
        self.every_steps = Some(steps.max(1));
        self
    }
}

/// A file that is made when it is needed.
fn open(file: &mut Option<EventFile>, folder: PathBuf) -> Result<&mut EventFile> {
    match file {
        Some(file) => Ok(file),
        None => Ok(file.insert(EventFile::create(&folder)?)),
    }
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        (self.train, self.validation) = (None, None);
        Ok(())
    }

    fn on_batch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &Logs) -> Result<()> {
        let Some(every_steps) = self.every_steps else { return Ok(()) };
        if run.steps.is_multiple_of(every_steps) {
            let file = open(&mut self.train, self.folder.join("train"))?;
            for (name, value) in logs.iter() {
                file.write_number(&format!("batch_{name}"), run.steps, value)?;
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        for (name, value) in logs.iter() {
            let (file, name) = match name.strip_prefix("val_") {
                Some(name) => (open(&mut self.validation, self.folder.join("validation"))?, name),
                None => (open(&mut self.train, self.folder.join("train"))?, name),
            };
            file.write_number(&format!("epoch_{name}"), epoch as u64, value)?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Run<'_>) -> Result<()> {
        (self.train, self.validation) = (None, None);
        Ok(())
    }
}

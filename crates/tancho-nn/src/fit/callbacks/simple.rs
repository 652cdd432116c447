//! Callbacks of a few lines: of closures, against NaN, and to a table.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use tancho_core::Result;

use super::{Callback, Logs, Run};

/// Stops training when a loss is NaN or infinite.
///
/// # Reference
/// `keras.callbacks.TerminateOnNaN`
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN;

impl Callback for TerminateOnNaN {
    fn on_batch_end(&mut self, run: &mut Run<'_>, step: usize, _: &Logs) -> Result<()> {
        if !run.loss.is_finite() {
            run.stop(format!("the loss is {} at step {step} of epoch {}", run.loss, run.epoch));
        }
        Ok(())
    }
}

/// Writes the numbers of each epoch to a file, as a table with separators.
///
/// # Reference
/// `keras.callbacks.CSVLogger`
pub struct CsvLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    file: Option<File>,
    names: Option<Vec<String>>,
}

impl CsvLogger {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        CsvLogger { path: path.into(), separator: ',', append: false, file: None, names: None }
    }

    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Goes on with the file that may be there.
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }
}

impl Callback for CsvLogger {
    fn on_train_begin(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.names = None;
        if self.append
            && let Ok(text) = std::fs::read_to_string(&self.path)
        {
            let header =
                text.lines().next().map(|line| line.split(self.separator).skip(1).map(str::to_owned).collect());
            self.names = header;
        }
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(self.append).truncate(!self.append);
        self.file = Some(options.open(&self.path)?);
        Ok(())
    }

    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let separator = self.separator.to_string();
        let mut text = String::new();
        let names = self.names.get_or_insert_with(|| {
            let mut names: Vec<String> = logs.iter().map(|(name, _)| name.to_owned()).collect();
            names.sort();
            text = format!("epoch{separator}{}\n", names.join(&separator));
            names
        });
        let numbers = names.iter().map(|name| logs.get(name).map_or("NA".into(), |value| value.to_string()));
        text += &format!("{epoch}{separator}{}\n", numbers.collect::<Vec<_>>().join(&separator));
        file.write_all(text.as_bytes())?;
        Ok(file.flush()?)
    }

    fn on_train_end(&mut self, _: &mut Run<'_>) -> Result<()> {
        self.file = None;
        Ok(())
    }
}

type OfRun = Box<dyn FnMut(&mut Run<'_>) -> Result<()> + Send>;
type OfEpochBegin = Box<dyn FnMut(&mut Run<'_>, usize) -> Result<()> + Send>;
type OfEpochEnd = Box<dyn FnMut(&mut Run<'_>, usize, &mut Logs) -> Result<()> + Send>;
type OfBatch = Box<dyn FnMut(&mut Run<'_>, usize, &Logs) -> Result<()> + Send>;

/// A callback of closures.
///
/// # Reference
/// `keras.callbacks.LambdaCallback`
#[derive(Default)]
pub struct LambdaCallback {
    train_begin: Option<OfRun>,
    train_end: Option<OfRun>,
    epoch_begin: Option<OfEpochBegin>,
    epoch_end: Option<OfEpochEnd>,
    batch_end: Option<OfBatch>,
}

impl LambdaCallback {
    pub fn new() -> Self {
        LambdaCallback::default()
    }

    pub fn on_train_begin(mut self, body: impl FnMut(&mut Run<'_>) -> Result<()> + Send + 'static) -> Self {
        self.train_begin = Some(Box::new(body));
        self
    }

    pub fn on_train_end(mut self, body: impl FnMut(&mut Run<'_>) -> Result<()> + Send + 'static) -> Self {
        self.train_end = Some(Box::new(body));
        self
    }

    pub fn on_epoch_begin(mut self, body: impl FnMut(&mut Run<'_>, usize) -> Result<()> + Send + 'static) -> Self {
        self.epoch_begin = Some(Box::new(body));
        self
    }

    pub fn on_epoch_end(
        mut self,
        body: impl FnMut(&mut Run<'_>, usize, &mut Logs) -> Result<()> + Send + 'static,
    ) -> Self {
        self.epoch_end = Some(Box::new(body));
        self
    }

    pub fn on_batch_end(mut self, body: impl FnMut(&mut Run<'_>, usize, &Logs) -> Result<()> + Send + 'static) -> Self {
        self.batch_end = Some(Box::new(body));
        self
    }
}

impl Callback for LambdaCallback {
    fn on_train_begin(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.train_begin.as_mut().map_or(Ok(()), |body| body(run))
    }

    fn on_train_end(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.train_end.as_mut().map_or(Ok(()), |body| body(run))
    }

    fn on_epoch_begin(&mut self, run: &mut Run<'_>, epoch: usize) -> Result<()> {
        self.epoch_begin.as_mut().map_or(Ok(()), |body| body(run, epoch))
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.epoch_end.as_mut().map_or(Ok(()), |body| body(run, epoch, logs))
    }

    fn on_batch_end(&mut self, run: &mut Run<'_>, step: usize, logs: &Logs) -> Result<()> {
        self.batch_end.as_mut().map_or(Ok(()), |body| body(run, step, logs))
    }
}

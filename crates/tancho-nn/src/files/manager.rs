//! A folder of checkpoints: `ckpt-000012.safetensors`, the last few of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tancho_core::Result;

use super::atomic::UNFINISHED;
use super::checkpoint::Checkpoint;
use super::seal::{Unsealed, read_sealed};
use crate::fault::locate;

const BEGIN: &str = "ckpt-";
const END: &str = ".safetensors";

/// Saves a [`Checkpoint`] under rising numbers (of steps, of epochs), keeps the last ones, and finds the newest that is whole.
///
/// ```
/// # use tancho_nn::{Dense, Sgd, files::{Checkpoint, CheckpointManager}};
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("checkpoints");
/// let (model, optimizer) = (Dense::new(1).build(2), Sgd::new(0.1));
/// let checkpoint = Checkpoint::new(&model).with("optimizer", &optimizer);
/// let manager = CheckpointManager::new(&checkpoint, &folder, 3);
/// let first = manager.restore_latest()?.map_or(0, |number| number + 1);
/// for step in first..10 {
///     // … a step of training …
///     manager.save(step)?;
/// }
/// assert_eq!(manager.numbers()?, [7, 8, 9]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// One manager at a time writes to a folder.
pub struct CheckpointManager<'a> {
    checkpoint: Checkpoint<'a>,
    folder: PathBuf,
    keep: usize,
    /// Held while files are written and removed.
    turn: Mutex<()>,
}

impl<'a> CheckpointManager<'a> {
    /// A manager of a folder, which is made when it is needed, that keeps the last `keep` checkpoints, at least one.
    pub fn new(checkpoint: &Checkpoint<'a>, folder: impl Into<PathBuf>, keep: usize) -> Self {
        CheckpointManager {
            checkpoint: checkpoint.clone(),
            folder: folder.into(),
            keep: keep.max(1),
            turn: Mutex::new(()),
        }
    }

    /// The file of a number.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{BEGIN}{number:06}{END}"))
    }

    /// Saves a checkpoint under a number, and then removes those that are older than the last few.
    ///
    /// # Errors
    /// As [`Checkpoint::save`], or the folder has a whole checkpoint of a greater number, which would still be the latest: it
    /// was not restored, or belongs to another training.
    #[track_caller]
    pub fn save(&self, number: u64) -> Result<PathBuf> {
        locate(self.try_save(number))
    }

    /// The numbers of the files in the folder, rising. A file may be damaged.
    ///
    /// # Errors
    /// The folder cannot be read.
    #[track_caller]
    pub fn numbers(&self) -> Result<Vec<u64>> {
        locate(self.list())
    }

    /// The greatest number of a checkpoint that is whole.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read, or is of a version to come.
    #[track_caller]
    pub fn latest(&self) -> Result<Option<u64>> {
        locate(self.find_latest().map(|found| found.map(|(number, _)| number)))
    }

    /// Restores the newest checkpoint that is whole, and gives its number; `None` where there is none, and nothing is changed.
    ///
    /// # Errors
    /// As [`CheckpointManager::latest`] and [`Checkpoint::restore`].
    #[track_caller]
    pub fn restore_latest(&self) -> Result<Option<u64>> {
        locate(self.try_restore_latest())
    }

    /// Restores the checkpoint of a number.
    ///
    /// # Errors
    /// As [`Checkpoint::restore`].
    #[track_caller]
    pub fn restore(&self, number: u64) -> Result<()> {
        self.checkpoint.restore(self.path(number))
    }

    /// Lets `initialize` make the variables, and then restores the newest checkpoint, where there is one.
    ///
    /// Tracing the step makes all variables and changes none, so that training begins with the initial values where nothing is
    /// restored: `manager.restore_or_initialize(|| step.concrete((&x, &y)).map(drop))?`.
    ///
    /// # Errors
    /// That of `initialize`; as [`CheckpointManager::restore_latest`].
    #[track_caller]
    pub fn restore_or_initialize(&self, initialize: impl FnOnce() -> Result<()>) -> Result<Option<u64>> {
        initialize()?;
        locate(self.try_restore_latest())
    }

    fn try_restore_latest(&self) -> Result<Option<u64>, String> {
        let Some((number, values)) = self.find_latest()? else { return Ok(None) };
        self.checkpoint.assign(&self.path(number), values)?;
        Ok(Some(number))
    }

    fn try_save(&self, number: u64) -> Result<PathBuf, String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.list()?;
        for &newer in before.iter().filter(|&&known| known > number) {
            // A damaged one is none, and will be written anew in its turn.
            if !matches!(read_sealed(&self.path(newer)), Err(Unsealed::Damaged(_))) {
                return Err(format!(
                    "checkpoint {number} would be older than {}: restore that one, or save to another folder",
                    self.path(newer).display()
                ));
            }
        }
        let path = self.path(number);
        self.checkpoint.write(&path)?;
        let older: Vec<u64> = before.into_iter().filter(|&known| known < number).collect();
        for &old in &older[..older.len().saturating_sub(self.keep - 1)] {
            remove(&self.path(old))?;
        }
        self.remove_unfinished()?;
        Ok(path)
    }

    /// Removes what was being written when a process was ended.
    fn remove_unfinished(&self) -> Result<(), String> {
        for name in self.names()? {
            if name.starts_with('.') && name[1..].starts_with(BEGIN) && name.contains(UNFINISHED) {
                remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<u64>, String> {
        let mut numbers: Vec<u64> = self.names()?.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn names(&self) -> Result<Vec<String>, String> {
        let fail = |error: io::Error| format!("cannot read {}: {error}", self.folder.display());
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(fail)?;
            // A file that is gone by now is none.
            if entry.path().is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn find_latest(&self) -> Result<Option<(u64, Values)>, String> {
        for number in self.list()?.into_iter().rev() {
            match read_sealed(&self.path(number)) {
                Ok(values) => return Ok(Some((number, values))),
                Err(Unsealed::Damaged(message)) => log::warn!("a checkpoint is left out: {message}"),
                Err(Unsealed::Unreadable(message) | Unsealed::TooNew(message)) => return Err(message),
            }
        }
        Ok(None)
    }
}

type Values = std::collections::BTreeMap<String, tancho_core::Array>;

/// The number in the name of a checkpoint's file, as [`CheckpointManager::path`] writes it.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let number: u64 = digits.parse().ok()?;
    (format!("{number:06}") == digits).then_some(number)
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

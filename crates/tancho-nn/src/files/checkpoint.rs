//! All that training goes on from, in one file.

use std::collections::BTreeMap;
use std::path::Path;

use tancho_core::{Array, Result};

use super::entries::{add_entries, assign_values, read_values};
use super::seal::{Unsealed, read_sealed, write_sealed};
use crate::fault::locate;
use crate::module::{Module, NamedVariable};

/// The variables of several modules, each under a name: the model, the optimiser, a generator of random numbers.
///
/// What is restored is what was saved bit for bit. Slots of optimisers, counters, moving averages and the states of generators
/// are variables, so that training that goes on from a checkpoint does what it would have done without a stop.
///
/// ```
/// # use tancho_nn::{Dense, Module, Sgd, files::Checkpoint};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ckpt");
/// let (model, optimizer) = (Dense::new(3).build(2), Sgd::new(0.1));
/// let checkpoint = Checkpoint::new(&model).with("optimizer", &optimizer);
/// checkpoint.save(&path)?;
/// model.variables()[0].assign_add(1.0)?;
/// checkpoint.restore(&path)?;
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// Layers make their variables at their first call and optimisers theirs at their first step; a program that starts anew has
/// to do that before it restores. Tracing the step makes them all and changes none: `step.concrete((&x, &y))?`.
///
/// Each variable is read by itself: save between steps, not while another thread trains.
#[derive(Clone)]
pub struct Checkpoint<'a> {
    modules: Vec<(String, &'a dyn Module)>,
}

impl<'a> Checkpoint<'a> {
    /// A checkpoint of one module, under the name `model`.
    pub fn new<M: Module>(model: &'a M) -> Self {
        Checkpoint { modules: Vec::new() }.with("model", model)
    }

    /// The checkpoint with another module. A variable that both have is saved once, under the name that comes first.
    pub fn with<M: Module>(mut self, name: &str, module: &'a M) -> Self {
        self.modules.push((name.to_owned(), module));
        self
    }

    /// The variables, each under its name in the file: `model.dense1.kernel`, `optimizer.iteration`.
    pub fn named_variables(&self) -> Vec<NamedVariable> {
        let mut entries = Vec::new();
        for (name, module) in &self.modules {
            add_entries(&mut entries, name, module.named_variables());
        }
        entries
    }

    /// Saves what the variables hold now, as a safetensors file. A file that is there is replaced as a whole: whatever
    /// happens meanwhile, there is the old one or the new one.
    ///
    /// # Errors
    /// There are no variables (the layers are not built yet), one carries an error, two have one name, or the file cannot be
    /// written.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        locate(self.write(path.as_ref()))
    }

    /// Gives the variables what they held when the file was saved.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or does not have exactly these variables in their dtypes and shapes. The error
    /// lists all that are missing, extra or of another type; no variable is then changed.
    #[track_caller]
    pub fn restore(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        locate(read_sealed(path).map_err(Unsealed::into_message).and_then(|values| self.assign(path, values)))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        write_sealed(path, &read_values(&self.named_variables())?)
    }

    pub(super) fn assign(&self, path: &Path, values: BTreeMap<String, Array>) -> Result<(), String> {
        assign_values(path, &self.named_variables(), values)
    }
}

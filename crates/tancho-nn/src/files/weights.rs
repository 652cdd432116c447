//! The variables of one module as a safetensors file.

use std::path::Path;

use tancho_core::Result;

use super::entries::{add_entries, assign_values, read_values};
use super::seal::{Unsealed, read_arrays, write_sealed};
use crate::fault::locate;
use crate::module::{Module, NamedVariable};

/// Weights in files: every [`Module`] has it.
///
/// ```
/// # use tancho_nn::{Dense, Module, files::SaveWeights};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("weights.safetensors");
/// let (trained, other) = (Dense::new(3).build(2), Dense::new(3).build(2));
/// trained.save_weights(&path)?;
/// other.load_weights(&path)?;
/// let kernel = |layer: &Dense| layer.variables()[0].to_vec::<f32>();
/// assert_eq!(kernel(&other)?, kernel(&trained)?);
/// # Ok::<(), tancho_core::Error>(())
/// ```
pub trait SaveWeights: Module {
    /// Saves what the variables hold, by their names: `dense1.kernel`. A file that is there is replaced as a whole.
    ///
    /// # Errors
    /// The module has no variables (its layers are not built yet), one carries an error, two have one name, or the file
    /// cannot be written.
    #[track_caller]
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        locate(read_values(&entries(self)).and_then(|values| write_sealed(path.as_ref(), &values)))
    }

    /// Gives the variables what a file has for them, by their names. The file may be from another program.
    ///
    /// # Errors
    /// The file cannot be read or is damaged, or it does not have exactly these variables in their dtypes and shapes. The
    /// error lists all that are missing, extra or of another type; no variable is then changed.
    #[track_caller]
    fn load_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let values = read_arrays(path).map_err(Unsealed::into_message);
        locate(values.and_then(|values| assign_values(path, &entries(self), values)))
    }
}

impl<M: Module + ?Sized> SaveWeights for M {}

fn entries<M: Module + ?Sized>(module: &M) -> Vec<NamedVariable> {
    let mut entries = Vec::new();
    add_entries(&mut entries, "", module.named_variables());
    entries
}

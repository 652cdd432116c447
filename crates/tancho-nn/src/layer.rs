//! Layers: modules that make a tensor of a tensor.

use std::sync::{Mutex, OnceLock, PoisonError};

use tancho_core::{Error, Shape, Tensor};

use crate::fault::error;
use crate::module::{Module, Parts};

/// Whether a layer is called to learn or to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Dropout drops, batch normalisation takes the statistics of the batch.
    Train,
    #[default]
    Eval,
}

impl Mode {
    pub fn is_train(self) -> bool {
        self == Mode::Train
    }
}

/// A module that makes a tensor of a tensor.
///
/// A layer never fails: a tensor that cannot be computed carries its error.
pub trait Layer: Module {
    // Not `track_caller`: that would hold for all implementations, and hide the lines of a user's own layer.
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor;
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        (**self).call(x, mode)
    }
}

impl<L: Layer + ?Sized> Layer for std::sync::Arc<L> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        (**self).call(x, mode)
    }
}

/// What a layer makes when its sizes are known: at its first call, or before.
pub struct Build<T>(OnceLock<T>);

impl<T> Build<T> {
    pub const fn new() -> Self {
        Build(OnceLock::new())
    }

    /// What was made, or what `make` makes now. An error is not kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_make(&self, make: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let made = make()?;
        // Where another thread was faster, its variables are those of the layer.
        Ok(self.0.get_or_init(|| made))
    }

    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<T> Default for Build<T> {
    fn default() -> Self {
        Build::new()
    }
}

impl<T: Module> Module for Build<T> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(made) = self.get() {
            made.visit_parts(parts);
        }
    }

    fn kind(&self) -> &str {
        ""
    }
}

/// The shape of what a layer gave last, for summaries.
#[derive(Default)]
pub struct OutputShape(Mutex<Option<Shape>>);

impl OutputShape {
    /// Keeps the shape of a result, which is handed on.
    pub fn note(&self, result: Tensor) -> Tensor {
        if let Ok(shape) = result.try_shape() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shape);
        }
        result
    }

    pub fn get(&self) -> Option<Shape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Module for OutputShape {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(self);
    }

    fn kind(&self) -> &str {
        ""
    }
}

/// The size of an axis of an input, counted from the end where negative, which a layer must know to make its variables.
///
/// # Errors
/// The input carries an error, has no such axis, or the size is not known while tracing.
#[track_caller]
pub(crate) fn known_size(layer: &str, x: &Tensor, axis: i64) -> Result<usize, Error> {
    let shape = x.try_shape()?;
    let rank = shape.rank() as i64;
    let place = if axis < 0 { axis + rank } else { axis };
    match usize::try_from(place).ok().and_then(|place| shape.dims().get(place)) {
        None => Err(error(layer, format!("takes an input with an axis {axis}, not one of shape {shape}"))),
        Some(size) => match size.as_known() {
            Some(size) => Ok(size),
            None => {
                Err(error(layer, format!("axis {axis} of the input {shape} must be known where the layer is built")))
            }
        },
    }
}

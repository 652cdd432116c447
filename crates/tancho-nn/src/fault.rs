//! Errors with the line of the user's code that called.

use tancho_core::{Error, Result, Tensor};

/// An error of a layer as the tensor that carries it.
#[track_caller]
pub(crate) fn fault(layer: &str, message: impl std::fmt::Display) -> Tensor {
    Tensor::from_error(error(layer, message))
}

#[track_caller]
pub(crate) fn error(layer: &str, message: impl std::fmt::Display) -> Error {
    Error::new(format!("{layer}: {message}"))
}

/// The message of what went wrong as an error with the caller's line.
#[track_caller]
pub(crate) fn locate<T>(result: Result<T, String>) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(message) => Err(Error::new(message)),
    }
}

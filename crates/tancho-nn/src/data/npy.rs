//! NumPy's files of one array.

use std::path::Path;

use tancho_core::{Result, Tensor};
use tancho_formats::{decode_npy, npy_length};

use super::bytes::read_bytes;
use crate::fault::locate;

/// Reads the array of a `.npy` file, also where it is packed (`.npy.gz`).
///
/// # Errors
/// The file cannot be read, is damaged, holds elements of another kind than Tancho's dtypes, or is larger than
/// [`LIMIT`](super::LIMIT).
#[track_caller]
pub fn read_npy(path: impl AsRef<Path>) -> Result<Tensor> {
    locate(read(path.as_ref()))
}

fn read(path: &Path) -> Result<Tensor, String> {
    let length = |front: &[u8]| npy_length(front, path).map(|length| length as u64).map_err(|error| error.to_string());
    let bytes = read_bytes(path, &length)?;
    decode_npy(&bytes, path).map(Tensor::from_array).map_err(|error| error.to_string())
}

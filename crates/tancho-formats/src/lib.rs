//! Files in and out: NumPy arrays, safetensors, and Tancho's own model folder.
//!
//! Nothing here trusts a file: sizes are checked against the length of the file before memory is taken for them, and
//! what is wrong is one [`FormatError`] that names the file, the place in it, what was expected and what was found. The
//! `decode_…` functions do the same on bytes that are in memory.

#![forbid(unsafe_code)]

mod error;
mod npy;
mod npy_header;
mod safetensors;
mod model;
pub mod stablehlo;

pub use error::FormatError;
pub use model::{PROGRAM_FILE, WEIGHTS_FILE, load_model, load_signature, save_model, save_signatures};
pub use npy::{decode_npy, encode_npy, npy_length, read_npy, write_npy};
pub use safetensors::{
    Description, decode_described_safetensors, decode_safetensors, encode_safetensors, read_safetensors,
    write_safetensors, write_safetensors_to,
};

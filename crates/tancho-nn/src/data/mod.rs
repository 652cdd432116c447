//! Data: samples that come one by one or in batches, pass by pass, and the files that hold them.
//!
//! A [`Dataset`] is a recipe: each pass over it begins anew. What is wrong with a sample is an item of its own, an error among
//! the samples, so that the loop that takes them decides what to do.
//!
//! | file | function |
//! |---|---|
//! | NumPy: `.npy`, `.npy.gz`, `.npz` | [`read_npy`], [`read_npz`] |
//! | MNIST's format (IDX), also `.gz` | [`read_idx`] |
//! | comma-separated values | `Table::read` (feature `csv`, on by default) |
//! | pictures in a folder for each class | `ImageFolder` (feature `image`) |
//!
//! No file makes a program take more memory than what it holds, unpacked, and never more than [`LIMIT`].

mod rows;
mod dataset;
mod adapters;
mod prefetch;
mod fit;
mod bytes;
mod idx;
mod npy;
mod npz;
#[cfg(feature = "csv")]
mod table;
#[cfg(feature = "image")]
mod images;

pub use bytes::LIMIT;
pub use dataset::{Dataset, Items};
pub use idx::read_idx;
#[cfg(feature = "image")]
pub use images::ImageFolder;
pub use npy::read_npy;
pub use npz::read_npz;
#[cfg(feature = "csv")]
pub use table::{Parsed, Table};

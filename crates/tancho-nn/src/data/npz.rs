//! NumPy's files of several arrays: a ZIP archive of `.npy` files, stored as they are or packed by deflate.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use tancho_core::{Result, Tensor};
use tancho_formats::decode_npy;
use zip::ZipArchive;
use zip::result::ZipError;

use super::bytes::{LIMIT, check_packed, read_bytes};
use crate::fault::locate;

/// Reads the arrays of a `.npz` file by their names.
///
/// # Errors
/// The file cannot be read, is damaged or packed in a way that NumPy does not use, holds elements of another kind than Tancho's
/// dtypes, or is larger than [`LIMIT`], unpacked.
#[track_caller]
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    locate(read(path.as_ref()))
}

fn read(path: &Path) -> Result<BTreeMap<String, Tensor>, String> {
    let bytes = read_bytes(path, &|_| Err(format!("{}: expected an archive, found a packed file", path.display())))?;
    let damaged = |message: String| format!("{}, {message}", path.display());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let mut arrays = BTreeMap::new();
    let mut n_unpacked = 0u64;
    for position in 0..archive.len() {
        let fail = |error: ZipError| damaged(format!("entry {position}: {error}"));
        let entry = archive.by_index(position).map_err(fail)?;
        let (name, n_bytes) = (entry.name().map_err(fail)?.into_owned(), entry.size());
        n_unpacked = n_unpacked.saturating_add(n_bytes);
        if n_unpacked > LIMIT {
            return Err(format!("{} has more than {LIMIT} bytes, unpacked", path.display()));
        }
        check_packed(path, n_bytes, entry.compressed_size())?;
        let mut content = Vec::new();
        // One more byte, so that the end is seen, where the checksum is verified, or what is too much.
        let unpacked = entry.take(n_bytes + 1).read_to_end(&mut content);
        unpacked.map_err(|error| damaged(format!("{name:?}: cannot unpack: {error}")))?;
        if content.len() as u64 != n_bytes {
            return Err(damaged(format!("{name:?}: expected {n_bytes} bytes, found {}", content.len())));
        }
        let array = decode_npy(&content, &path.join(&name)).map_err(|error| error.to_string())?;
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
        if arrays.insert(name.clone(), Tensor::from_array(array)).is_some() {
            return Err(damaged(format!("two arrays are called {name:?}")));
        }
    }
    Ok(arrays)
}

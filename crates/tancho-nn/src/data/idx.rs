//! Files in the format of MNIST (IDX).
//!
//! ```text
//! 00 00 | type of the elements | number of axes | the sizes, 4 bytes each, high byte first | the elements, high byte first
//! ```
//!
//! # Reference
//! LeCun, Cortes, Burges: The MNIST database of handwritten digits, "File formats"

use std::path::Path;

use tancho_core::{Array, DType, Result, Tensor};
use tancho_tensor::{Buffer, Shape};

use super::bytes::read_bytes;
use crate::fault::locate;

/// Reads the array of a file in MNIST's format, also where it is packed (`.gz`): pictures are `u8[count, 28, 28]`, labels
/// `u8[count]`.
///
/// # Errors
/// The file cannot be read, is damaged, or is larger than [`LIMIT`](super::LIMIT).
#[track_caller]
pub fn read_idx(path: impl AsRef<Path>) -> Result<Tensor> {
    locate(read(path.as_ref()))
}

struct Header {
    dtype: DType,
    shape: Shape,
    n_header: usize,
    n_data: usize,
}

fn read(path: &Path) -> Result<Tensor, String> {
    let header = |bytes: &[u8]| parse_header(bytes).map_err(|message| format!("{}, {message}", path.display()));
    let bytes = read_bytes(path, &|front| header(front).map(|header| (header.n_header + header.n_data) as u64))?;
    let Header { dtype, shape, n_header, n_data } = header(&bytes)?;
    let data = &bytes[n_header..];
    if data.len() != n_data {
        let place = n_header + data.len().min(n_data);
        let found = data.len();
        let path = path.display();
        return Err(format!("{path}, byte {place}: expected {n_data} bytes for {dtype}{shape}, found {found}"));
    }
    let buffer = if dtype.size() == 1 {
        Buffer::copy_of(data)
    } else {
        let mut reversed = data.to_vec();
        reversed.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
        Buffer::copy_of(&reversed)
    };
    let buffer = buffer.map_err(|error| format!("{}: {error}", path.display()))?;
    let array = Array::from_buffer(dtype, shape, buffer).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Tensor::from_array(array))
}

/// Reads the header at the front of the bytes; a message begins with the place.
fn parse_header(bytes: &[u8]) -> Result<Header, String> {
    let end = || format!("byte {}: expected the header, found the end of the file", bytes.len());
    let [zero, zero_too, kind, rank] = *bytes.get(..4).ok_or_else(end)? else { return Err(end()) };
    if (zero, zero_too) != (0, 0) {
        let found = bytes[..4].escape_ascii();
        return Err(format!("byte 0: expected two zeros of a file in MNIST's format, found \"{found}\""));
    }
    let dtype = match kind {
        0x08 => DType::U8,
        0x09 => DType::I8,
        0x0b => DType::I16,
        0x0c => DType::I32,
        0x0d => DType::F32,
        0x0e => DType::F64,
        other => return Err(format!("byte 2: expected a type of elements, 8 to 14, found {other}")),
    };
    let n_header = 4 + 4 * usize::from(rank);
    let mut sizes = Vec::new();
    for size in bytes.get(4..n_header).ok_or_else(end)?.chunks_exact(4) {
        sizes.push(size.iter().fold(0, |size, &byte| size << 8 | usize::from(byte)));
    }
    let shape = Shape::from(sizes);
    let n_data = shape.elements().and_then(|count| count.checked_mul(dtype.size()));
    match n_data.filter(|n_data| n_data.checked_add(n_header).is_some()) {
        Some(n_data) => Ok(Header { dtype, shape, n_header, n_data }),
        None => Err(format!("byte 4: expected sizes whose elements fit in memory, found {shape}")),
    }
}

//! NumPy's `.npy` files: one array each.
//!
//! Read are the versions 1.0 to 3.0, bytes in either order, and elements in row-major (C) or column-major (Fortran)
//! order. Written is what NumPy itself writes for a row-major array on a little-endian machine, byte for byte.

use std::fs;
use std::io::Write;
use std::path::Path;

use tancho_tensor::{AllocError, Array, ArrayError, Buffer, DType, pool};

use crate::FormatError;
use crate::npy_header::{Header, parse_header, write_header};

/// Reads the array of a `.npy` file.
///
/// # Errors
/// The file cannot be read, is damaged, or holds elements of another kind than Tancho's dtypes.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array, FormatError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|error| FormatError::io(path, "read", error))?;
    decode_npy(&bytes, path)
}

/// Writes an array as a `.npy` file.
///
/// # Errors
/// The file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<(), FormatError> {
    let path = path.as_ref();
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(&write_header(array.dtype(), array.shape()))?;
        file.write_all(array.buffer().bytes())
    };
    write().map_err(|error| FormatError::io(path, "write", error))
}

/// The array in the bytes of a `.npy` file, whose name is for errors.
///
/// # Errors
/// As for [`read_npy`].
pub fn decode_npy(bytes: &[u8], file: &Path) -> Result<Array, FormatError> {
    let header = parse_header(bytes, file)?;
    let data = &bytes[header.data..];
    let (dtype, shape) = (header.dtype, &header.shape);
    // `Shape::elements` keeps the number of bytes of any dtype within range.
    let n_bytes = shape.elements().map_or(usize::MAX, |count| count.saturating_mul(dtype.size()));
    if data.len() != n_bytes {
        let expected = format!("{n_bytes} bytes of data for {dtype}{shape}");
        let offset = header.data + data.len().min(n_bytes);
        return Err(FormatError::content(file, offset, expected, format!("{} bytes", data.len())));
    }
    if dtype == DType::Bool
        && let Some(place) = data.iter().position(|&byte| byte > 1)
    {
        let found = format!("the byte {}", data[place]);
        return Err(FormatError::content(file, header.data + place, "a bool, 0 or 1", found));
    }
    let array = reorder(&header, data).and_then(|buffer| Array::from_buffer(dtype, shape.clone(), buffer));
    array.map_err(|error| match error {
        ArrayError::Alloc(source) => FormatError::Alloc { file: file.to_owned(), source },
        other => FormatError::content(file, header.data, format!("the data of {dtype}{shape}"), other.to_string()),
    })
}

/// How many bytes a `.npy` file has by its header, which is at the front of these bytes.
///
/// # Errors
/// The header is damaged or is not there as a whole.
pub fn npy_length(front: &[u8], file: &Path) -> Result<usize, FormatError> {
    let header = parse_header(front, file)?;
    let n_bytes = header.shape.elements().map_or(usize::MAX, |count| count.saturating_mul(header.dtype.size()));
    Ok(n_bytes.saturating_add(header.data))
}

/// The bytes of an array's `.npy` file.
pub fn encode_npy(array: &Array) -> Vec<u8> {
    let mut bytes = write_header(array.dtype(), array.shape());
    bytes.extend_from_slice(array.buffer().bytes());
    bytes
}

/// The elements in row-major order with their lowest bytes first.
fn reorder(header: &Header, data: &[u8]) -> Result<Buffer, ArrayError> {
    let (size, shape) = (header.dtype.size(), &header.shape);
    let is_row_major = !header.fortran_order || shape.rank() <= 1;
    if is_row_major && (!header.big_endian || size == 1) {
        return Ok(Buffer::copy_of(data)?);
    }
    let mut bytes: Vec<u8> = Vec::new();
    let error = |_| AllocError { bytes: data.len(), in_use: pool::statistics().in_use, limit: usize::MAX };
    bytes.try_reserve_exact(data.len()).map_err(error)?;
    let mut index = vec![0; shape.rank()];
    for position in 0..data.len() / size {
        let source = if is_row_major { position } else { column_major_position(shape, &index) };
        let element = &data[source * size..][..size];
        if header.big_endian {
            bytes.extend(element.iter().rev());
        } else {
            bytes.extend(element);
        }
        for (place, &size) in index.iter_mut().zip(shape.iter()).rev() {
            *place += 1;
            if *place < size {
                break;
            }
            *place = 0;
        }
    }
    Ok(Buffer::copy_of(&bytes)?)
}

fn column_major_position(sizes: &[usize], index: &[usize]) -> usize {
    sizes.iter().zip(index).rev().fold(0, |position, (&size, &place)| position * size + place)
}

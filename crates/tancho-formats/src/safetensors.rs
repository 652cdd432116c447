//! Safetensors files: named arrays.
//!
//! The file is the length of a header, the header (JSON: name → dtype, shape, place of the data; and text that
//! describes the file), and the data. It is written in one order, by falling element size and then by name, so that
//! equal content gives equal bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use tancho_tensor::{Array, ArrayError, Buffer, DType, Shape};

use crate::FormatError;

/// The bytes of the header's length.
const LENGTH_BYTES: usize = 8;

/// Reads the arrays of a safetensors file, by name.
///
/// # Errors
/// The file cannot be read, is damaged, or holds elements of another kind than Tancho's dtypes.
pub fn read_safetensors(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>, FormatError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|error| FormatError::io(path, "read", error))?;
    decode_safetensors(&bytes, path)
}

/// Writes named arrays as a safetensors file.
///
/// # Errors
/// The file cannot be written.
pub fn write_safetensors(path: impl AsRef<Path>, arrays: &BTreeMap<String, Array>) -> Result<(), FormatError> {
    write_described(path.as_ref(), arrays, None)
}

/// The arrays in the bytes of a safetensors file, whose name is for errors.
///
/// # Errors
/// As for [`read_safetensors`].
pub fn decode_safetensors(bytes: &[u8], file: &Path) -> Result<BTreeMap<String, Array>, FormatError> {
    decode_described_safetensors(bytes, file).map(|(arrays, _)| arrays)
}

/// The bytes of a safetensors file.
///
/// # Errors
/// An array has the name `__metadata__`, which the format keeps for itself, or a shape that it cannot describe.
pub fn encode_safetensors(arrays: &BTreeMap<String, Array>) -> Result<Vec<u8>, FormatError> {
    let mut bytes = Vec::new();
    write_safetensors_to(&mut bytes, arrays, None)
        .map_err(|error| FormatError::io(Path::new("arrays"), "encode", error))?;
    Ok(bytes)
}

/// What a file says about itself: texts by their keys.
pub type Description = HashMap<String, String>;

/// As [`write_safetensors`], with an entry of the file's description.
pub(crate) fn write_described(
    path: &Path,
    arrays: &BTreeMap<String, Array>,
    entry: Option<(&str, String)>,
) -> Result<(), FormatError> {
    let write = || {
        let mut file = BufWriter::new(fs::File::create(path)?);
        write_safetensors_to(&mut file, arrays, entry)?;
        file.flush()
    };
    write().map_err(|error| FormatError::io(path, "write", error))
}

/// Writes named arrays as a safetensors file, with an entry of the file's description of itself, a key and a text: one, since
/// several would have no fixed order.
///
/// # Errors
/// As for [`encode_safetensors`], or what is written to fails.
pub fn write_safetensors_to(
    out: &mut impl Write,
    arrays: &BTreeMap<String, Array>,
    entry: Option<(&str, String)>,
) -> io::Result<()> {
    let invalid = |error: SafeTensorError| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    if arrays.contains_key("__metadata__") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "\"__metadata__\" cannot be the name of an array"));
    }
    let mut sorted: Vec<(&String, &Array)> = arrays.iter().collect();
    // Larger elements come first, so that each array is aligned for its elements.
    sorted.sort_by_key(|(_, array)| std::cmp::Reverse(array.dtype().size()));
    let mut end = 0;
    let infos = sorted.iter().map(|(name, array)| {
        let start = end;
        end += array.buffer().len();
        let (dtype, shape) = (foreign_dtype(array.dtype()), array.shape().to_vec());
        ((*name).clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    let description = entry.map(|(key, value)| Description::from([(key.to_owned(), value)]));
    let metadata = Metadata::new(description, infos.collect()).map_err(invalid)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(LENGTH_BYTES), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    sorted.iter().try_for_each(|(_, array)| out.write_all(array.buffer().bytes()))
}

/// As [`decode_safetensors`], with the file's description of itself.
///
/// # Errors
/// As for [`read_safetensors`].
pub fn decode_described_safetensors(
    bytes: &[u8],
    file: &Path,
) -> Result<(BTreeMap<String, Array>, Description), FormatError> {
    // What is read of the header keeps within the bytes: the crate has checked that the tensors lie one behind the
    // other, each as long as its shape says, up to the end of the file.
    let (header_length, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| header_error(error, bytes, file))?;
    let data = LENGTH_BYTES + header_length;
    let mut arrays = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let Some(dtype) = own_dtype(info.dtype) else {
            let dtype = info.dtype.to_string();
            return Err(FormatError::DType { file: file.to_owned(), tensor: Some(name), dtype });
        };
        let start = data + info.data_offsets.0;
        let buffer = Buffer::copy_of(&bytes[start..data + info.data_offsets.1]);
        let array = buffer
            .map_err(ArrayError::from)
            .and_then(|buffer| Array::from_buffer(dtype, Shape::new(&info.shape), buffer));
        let array = array.map_err(|error| match error {
            ArrayError::Alloc(source) => FormatError::Alloc { file: file.to_owned(), source },
            ArrayError::NotBool { position, value } => {
                let expected = format!("a bool of {name:?}, 0 or 1");
                FormatError::content(file, start + position, expected, format!("the byte {value}"))
            }
            other => FormatError::content(file, start, format!("the data of {name:?}"), other.to_string()),
        })?;
        arrays.insert(name, array);
    }
    Ok((arrays, metadata.metadata().clone().unwrap_or_default()))
}

/// Finds the place in the file that an error of the crate is about.
fn header_error(error: SafeTensorError, bytes: &[u8], file: &Path) -> FormatError {
    let content = |offset, expected: &str, found: String| FormatError::content(file, offset, expected, found);
    match &error {
        SafeTensorError::HeaderTooSmall => {
            content(bytes.len(), "8 bytes with the length of the header", format!("{} bytes", bytes.len()))
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            let length =
                bytes.iter().take(LENGTH_BYTES).rev().fold(0u64, |length, &byte| length << 8 | u64::from(byte));
            let n_behind = bytes.len().saturating_sub(LENGTH_BYTES);
            content(0, &format!("a header of at most the {n_behind} bytes that follow"), format!("{length} bytes"))
        }
        SafeTensorError::InvalidHeader(utf8) => {
            content(LENGTH_BYTES + utf8.valid_up_to(), "UTF-8 text in the header", "other bytes".to_owned())
        }
        SafeTensorError::InvalidHeaderDeserialization(json) | SafeTensorError::JsonError(json) => {
            let header = bytes.get(LENGTH_BYTES..).unwrap_or_default();
            let lines = header.split(|&byte| byte == b'\n').take(json.line().saturating_sub(1));
            let offset = lines.map(|line| line.len() + 1).sum::<usize>() + json.column().saturating_sub(1);
            content(LENGTH_BYTES + offset, "a header of tensors in JSON", json.to_string())
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            content(bytes.len(), "the file to end with the data of the last tensor", "another length".to_owned())
        }
        SafeTensorError::InvalidOffset(_)
        | SafeTensorError::TensorInvalidInfo
        | SafeTensorError::ValidationOverflow
        | SafeTensorError::MisalignedSlice
        | SafeTensorError::TensorNotFound(_)
        | SafeTensorError::InvalidTensorView(..)
        | SafeTensorError::IoError(_) => {
            content(LENGTH_BYTES, "tensors one behind the other, each as long as its shape says", error.to_string())
        }
    }
}

fn foreign_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::I8 => Dtype::I8,
        DType::I16 => Dtype::I16,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::Bool => Dtype::BOOL,
    }
}

fn own_dtype(dtype: Dtype) -> Option<DType> {
    DType::ALL.into_iter().find(|&own| foreign_dtype(own) == dtype)
}

//! What is wrong with a file, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tancho_ir::{ParseError, TensorType};
use tancho_tensor::{AllocError, DType};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("cannot {action} {}: {source}", .file.display())]
    Io { file: PathBuf, action: &'static str, source: io::Error },
    /// The bytes are not what the format has at this place.
    #[error("{}, byte {offset}: expected {expected}, found {found}", .file.display())]
    Content { file: PathBuf, offset: usize, expected: String, found: String },
    /// The file is well, but there is no such dtype in Tancho. `tensor` is its name, where the format names tensors.
    #[error("{}{}: dtype {dtype} is not supported; the supported ones are {}", .file.display(), Of(.tensor), Supported)]
    DType { file: PathBuf, tensor: Option<String>, dtype: String },
    /// The text of a program is wrong; the error names file, line and column.
    #[error(transparent)]
    Program(#[from] ParseError),
    /// A weight of a model folder does not have the type of the program's parameter.
    #[error("{}{}: the weight is {found}, but the program takes {expected}", .file.display(), Of(&Some(.name.clone())))]
    WeightType { file: PathBuf, name: String, expected: Box<TensorType>, found: Box<TensorType> },
    /// A weight of a model folder has no parameter in the program.
    #[error("{}{}: the program has no parameter of this name", .file.display(), Of(&Some(.name.clone())))]
    UnknownWeight { file: PathBuf, name: String },
    /// A folder that a model would replace holds something else.
    #[error("will not replace {} by a model: it holds {entry:?}, which is no part of one", .folder.display())]
    NotAModel { folder: PathBuf, entry: String },
    #[error("{}: {source}", .file.display())]
    Alloc { file: PathBuf, source: AllocError },
}

impl FormatError {
    pub(crate) fn io(file: &Path, action: &'static str, source: io::Error) -> Self {
        FormatError::Io { file: file.to_owned(), action, source }
    }

    pub(crate) fn content(file: &Path, offset: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        FormatError::Content { file: file.to_owned(), offset, expected: expected.into(), found: found.into() }
    }
}

struct Of<'a>(&'a Option<String>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", {name:?}"),
            None => Ok(()),
        }
    }
}

struct Supported;

impl fmt::Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DType::ALL.map(DType::name).join(", "))
    }
}

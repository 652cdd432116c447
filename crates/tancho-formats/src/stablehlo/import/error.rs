//! Why a program was not imported: it is no StableHLO, it is wrong, or Tancho has no ops for it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::error::{Position, SyntaxError};

/// Why a StableHLO program could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The text is no StableHLO.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The program breaks a rule of StableHLO, or of the ops that it becomes.
    #[error("{at}: {message}")]
    Malformed { at: Place, message: String },
    /// The program is not wrong, but uses what Tancho does not have.
    #[error("{at}: {what}")]
    Unsupported { at: Place, what: String },
    /// There is no function of this name.
    #[error("{file}: expected a function @{name}, found {}", List(.found))]
    NoFunction { file: Arc<str>, name: String, found: Vec<String> },
}

impl ImportError {
    /// Whether the program may be right, and is only beyond what Tancho supports.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, ImportError::Unsupported { .. })
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<str>,
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A module may have thousands of functions.
        const SHOWN: usize = 8;
        if self.0.is_empty() {
            return f.write_str("no function");
        }
        for (position, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}@{name}", if position > 0 { ", " } else { "" })?;
        }
        if self.0.len() > SHOWN { write!(f, " and {} more", self.0.len() - SHOWN) } else { Ok(()) }
    }
}

/// A result of the importer.
pub(super) type Imports<T> = Result<T, ImportError>;

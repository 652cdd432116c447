//! What is wrong with a StableHLO text, and where.

use std::fmt;
use std::path::PathBuf;

/// A place in a text: line and column, both from 1. The column counts bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text that is not StableHLO, at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{position}: expected {expected}, found {found}", .file.display())]
pub struct SyntaxError {
    pub file: PathBuf,
    pub position: Position,
    pub expected: String,
    pub found: String,
}

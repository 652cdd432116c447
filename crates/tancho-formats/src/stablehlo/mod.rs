//! StableHLO programs: the text form of MLIR, read into a syntax tree.
//!
//! MLIR writes every op in one of two ways, a generic one and one of the op's own. [`parse()`] reads both, and what it
//! returns is always what the generic form says. It knows nothing of what the ops mean.
//!
//! - [`syntax`] (with `types`, `attribute`): the tree.
//! - [`access`]: typed access to attributes and constants.
//! - `import`: the tree to a graph. `export`: a graph to the text.
//! - `compare`: values as a check of a self-checking program wants them.
//! - `lexer`: text to tokens; `parse`: tokens to the tree.

pub mod access;
mod attribute;
mod compare;
mod error;
mod export;
mod import;
mod lexer;
mod parse;
pub mod syntax;
mod types;

pub use compare::{Distance, Mismatch, compare, compare_within};
pub use error::{Position, SyntaxError};
pub use export::{ExportError, counterpart, export};
pub use import::{
    Check, CheckKind, ImportError, ImportOptions, Imported, OpSupport, Place, import_module, import_stablehlo,
    public_functions, read_stablehlo, supported_ops,
};
pub use parse::parse;

//! What can go wrong, each in words that name the file or the flag, and say what would be right.

use std::io;
use std::path::PathBuf;

use tancho_formats::FormatError;
use tancho_formats::stablehlo::{ExportError, ImportError};
use tancho_ir::{BindError, ParseError, VerifyErrors};
use tancho_passes::PIPELINE;
use tancho_runtime::{CallError, CompileError};

use crate::args::StageName;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("cannot read {}: {source}", .file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", .file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("cannot write to the standard output: {0}")]
    Output(io::Error),
    #[error("{} is {found}; a program is a text file that ends in .ir or .mlir, or a model folder with program.ir and weights.safetensors", .path.display())]
    NotAProgram { path: PathBuf, found: String },
    #[error("{}, byte {offset}: expected UTF-8 text, found other bytes", .file.display())]
    NotText { file: PathBuf, offset: usize },
    /// The line that the error is on follows, where there is one.
    #[error("{error}{excerpt}")]
    Parse { error: ParseError, excerpt: String },
    #[error("{error}{excerpt}")]
    Import { error: Box<ImportError>, excerpt: String },
    #[error(transparent)]
    Export(Box<ExportError>),
    #[error("{} is no sound program:\n{errors}", .path.display())]
    Verify { path: PathBuf, errors: Box<VerifyErrors> },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("@{program} has no input {name}; {inputs}")]
    UnknownInput { program: String, name: String, inputs: String },
    #[error("the input {name} is given twice: by {} and by {}", .first.display(), .second.display())]
    InputTwice { name: String, first: PathBuf, second: PathBuf },
    #[error("@{program} needs {missing}; give {flags}")]
    MissingInputs { program: String, missing: String, flags: String },
    #[error("the input {name} does not fit: {error} ({})", .file.display())]
    InputType { name: String, file: PathBuf, error: Box<BindError> },
    #[error("the input {name} cannot be made, since the size {size} is not known; give {flags}")]
    UnknownSize { name: String, size: String, flags: String },
    #[error("the cost depends on the size {size} of the input {name}; give {flags}")]
    CostSize { name: String, size: String, flags: String },
    #[error("the input {name} cannot be made: its size {size} is {value}")]
    InvalidSize { name: String, size: String, value: String },
    #[error("@{program} has no size ?{symbol}; {symbols}")]
    UnknownSymbol { program: String, symbol: String, symbols: String },
    #[error("there is no pass {name:?}; the passes are {}", PassNames)]
    UnknownPass { name: String },
    #[error("the pass {name} has no run {asked} on this program; its last run is {name}:{last}")]
    PassRun { name: &'static str, asked: usize, last: usize },
    #[error("--after is for --stage optimized, not for --stage {stage}")]
    AfterWithoutPasses { stage: StageName },
    #[error(transparent)]
    Bind(Box<BindError>),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Call(Box<CallError>),
    #[error("{failed} of {of} cases failed")]
    Conformance { failed: usize, of: usize },
    #[error("there is no {wanted} in {}", .folder.display())]
    NoCases { folder: PathBuf, wanted: String },
    #[error("cannot start a process for the cases: {0}")]
    Worker(io::Error),
    #[error("cannot allocate {bytes} bytes for the input {name}")]
    Memory { name: String, bytes: usize },
}

impl From<BindError> for CliError {
    fn from(error: BindError) -> Self {
        CliError::Bind(Box::new(error))
    }
}

impl From<ExportError> for CliError {
    fn from(error: ExportError) -> Self {
        CliError::Export(Box::new(error))
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        CliError::Call(Box::new(error))
    }
}

/// The names of the passes in their order.
struct PassNames;

impl std::fmt::Display for PassNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).collect();
        f.write_str(&names.join(", "))
    }
}

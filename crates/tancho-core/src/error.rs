//! Errors: what went wrong, and the line of the user's source where it did.
//!
//! An operation does not fail: it gives a tensor that carries an [`Error`], every operation on that tensor passes the
//! first error on, and whoever asks for values gets it. So an error is cheap to clone, and its text is made when it is
//! printed.

use std::fmt;
use std::panic;
use std::sync::Arc;

use tancho_autodiff::DiffError;
use tancho_ir::{Location, Span};
use tancho_runtime::{CallError, CompileError};
use tancho_tensor::{ArrayError, DType};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error and the source line that made it; cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Located>);

struct Located {
    kind: ErrorKind,
    span: Span,
}

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments of an operation do not fit it.
    #[error("{op}: {message}")]
    Op { op: &'static str, message: String },
    /// A tensor of a trace was used where that trace is not the active one.
    #[error("{op}: the tensor made at {made} belongs to {trace}, so it cannot be used here{advice}")]
    Leaked { op: String, made: Location, trace: String, advice: &'static str },
    /// A tensor was asked for its values where it has none yet.
    #[error("{operation}: {tensor} has no value until the traced function is called")]
    NoValue { operation: &'static str, tensor: String },
    /// The elements were asked for as another type.
    #[error("{operation}: the tensor holds {found}, not {expected}")]
    DType { operation: &'static str, expected: DType, found: DType },
    /// One element was asked for where there is another number of them.
    #[error("item: the tensor has {elements} elements, not one: {tensor}")]
    NotOneElement { tensor: String, elements: usize },
    /// A value could not be made.
    #[error("{operation}: {source}")]
    Array { operation: &'static str, source: ArrayError },
    /// The compiler does not take a graph.
    #[error("{graph}: {source}")]
    Compile { graph: String, source: CompileError },
    /// A compiled graph could not be run on these arguments.
    #[error("{}", call_message(.graph, .source))]
    Call { graph: String, source: CallError },
    /// The arguments of a traced function do not fit its signature; one line for each that differs.
    #[error("{function}: the arguments do not fit the signature: {}", .differences.join("; "))]
    Signature { function: String, differences: Vec<String> },
    /// A function was traced within its own trace.
    #[error("{function}: calls itself while it is traced with the same signature, so that its trace would never end")]
    Recursion { function: String },
    /// Traces are nested too deeply.
    #[error("{function}: traced functions are nested more than {limit} deep")]
    TooDeep { function: String, limit: usize },
    /// A variable was made while a function was traced again.
    #[error(
        "{function}: a variable is made while the function is traced again; make it outside, or keep the one of the first \
         trace (in a OnceLock)"
    )]
    LateVariable { function: String },
    /// A variable that was made in a trace was dropped with it.
    #[error("{function}: a variable that the trace made is dropped at its end, so that no call could use it; keep it")]
    LostVariable { function: String },
    /// A variable that a trace uses is there no more.
    #[error("{function}: the variable {variable}, which the trace uses, was dropped")]
    DroppedVariable { function: String, variable: String },
    /// A gradient cannot be had.
    #[error("gradient: {source}")]
    Gradient { source: Box<DiffError> },
    /// What a user's own code reports.
    #[error("{0}")]
    Message(String),
}

/// What cannot be bound says itself which graph it was for.
fn call_message(graph: &str, source: &CallError) -> String {
    if matches!(source, CallError::Bind(_)) { source.to_string() } else { format!("{graph}: {source}") }
}

impl Error {
    /// An error of the user's own, with the caller's line.
    #[track_caller]
    pub fn new(message: impl fmt::Display) -> Self {
        Error::at(ErrorKind::Message(message.to_string()), panic::Location::caller())
    }

    pub(crate) fn at(kind: ErrorKind, location: &'static panic::Location<'static>) -> Self {
        Error::with_span(kind, crate::trace::span_at(location))
    }

    pub(crate) fn with_span(kind: ErrorKind, span: Span) -> Self {
        Error(Arc::new(Located { kind, span }))
    }

    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The line that made the error and the scopes that were open there.
    pub fn span(&self) -> &Span {
        &self.0.span
    }
}

/// The message, then the source line in brackets.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        if self.0.span.is_none() { Ok(()) } else { write!(f, " ({})", self.0.span) }
    }
}

/// As `Display`, since this is what `fn main() -> Result<()>` prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.kind.source()
    }
}

impl From<std::io::Error> for Error {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Error::new(error)
    }
}

/// The message of an operation that does not take its operands, before the op's name and the line are put to it.
pub(crate) struct Fault(pub(crate) String);

impl From<tancho_ir::OpError> for Fault {
    fn from(error: tancho_ir::OpError) -> Self {
        Fault(error.message)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Fault(message)
    }
}

impl From<ArrayError> for Fault {
    fn from(error: ArrayError) -> Self {
        Fault(error.to_string())
    }
}

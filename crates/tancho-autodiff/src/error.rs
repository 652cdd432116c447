//! Why a derivative cannot be had.

use tancho_ir::{OpError, Span};

/// Why a derivative cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// An op has a derivative that nobody can compute.
    #[error("{op}: no gradient: {reason}{}", place(.span))]
    NotDifferentiable { op: &'static str, reason: String, span: Span },
    /// An op cannot be batched.
    #[error("{op}: cannot be batched: {reason}{}", place(.span))]
    NotBatchable { op: &'static str, reason: String, span: Span },
    /// A rule made an op that does not fit its operands.
    #[error("the gradient of {of} does not fit: {source}{}", place(.span))]
    Rule { of: &'static str, source: OpError, span: Span },
}

fn place(span: &Span) -> String {
    if span.is_none() { String::new() } else { format!(" ({span})") }
}

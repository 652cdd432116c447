//! A graph to the text of a StableHLO program.
//!
//! The graph becomes `@main`, and each graph that it calls a private function. All ops are written in MLIR's generic form,
//! which every version of MLIR reads alike. Regions of loops and branches see the values around them, so that what they only
//! read is no operand. Constants of more than a few elements are strings of hexadecimal digits.
//!
//! # Sizes
//! A size with a symbol is `?` in types. The symbols are measured at the arguments, and sizes are computed from them by ops
//! on scalars (`sizes`) for the dynamic forms of the ops. An attribute that has no dynamic form is an error.
//!
//! # Meaning
//! Where StableHLO leaves open what Tancho fixes (the quotient by zero, the order of a sum), the plain op is written. Where it
//! has no op of the kind, there is more than one: `scan` is a `reduce_window` or a loop, an arg-reduction a `reduce` of pairs,
//! and `cholesky` is followed by a mask.
//!
//! # Files
//! `counterpart` lists what becomes of each op; `exporter` has the state, functions and regions; `text` has types, constants
//! and attributes; the families have files of their names.

mod control;
mod counterpart;
mod elementwise;
mod exporter;
mod fold;
mod index;
mod linalg;
mod names;
mod products;
mod shape;
mod sizes;
mod text;

pub use counterpart::counterpart;

use std::fmt;

use tancho_ir::{Graph, Span};

use exporter::Exporter;

/// Why a graph has no StableHLO text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {what}{}", Place(.span))]
pub struct ExportError {
    /// The op that has no counterpart as it is.
    pub op: &'static str,
    pub what: String,
    /// Where it comes from.
    pub span: Span,
}

/// The text of a StableHLO module whose function `@main` is the graph.
///
/// # Errors
/// An op has an attribute that StableHLO cannot say: a size with symbols where there is no dynamic form, or one of a symbol
/// that no parameter has.
pub fn export(graph: &Graph) -> Result<String, ExportError> {
    Exporter::new().export_module(graph)
}

struct Place<'a>(&'a Span);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}

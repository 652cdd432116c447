//! Tancho's intermediate representation: types with symbolic sizes, the op set, and graphs.
//!
//! The reading order is that of the modules: [`Dim`] (sizes), [`TensorType`], [`Span`] (where an op comes from), the
//! [`ops`] with their checks and types, [`Graph`], and what works on whole graphs: [`bind`](bind()) (sizes of a call),
//! the text form
//! ([`print`](print()), [`parse`]), [`verify`](verify()) and [`to_dot`]. The crate knows nothing of how a graph is made, optimised or run.

#![forbid(unsafe_code)]

mod dim;
mod types;
mod span;
pub mod ops;
mod graph;
mod substitute;
mod inline;
mod bind;
mod equalities;
mod text;
mod verify;
mod graphviz;

pub use bind::{BindError, Bindings, bind};
pub use dim::{Atom, Dim, Symbol};
pub use graph::{Graph, Node, NodeId, NodeKind, Value};
pub use graphviz::to_dot;
pub use inline::inline_graph;
pub use ops::{Op, OpError, infer};
pub use span::{Location, Scope, Span};
pub use substitute::substitute_symbols;
pub use text::{ParseError, ParseOptions, PrintOptions, op_names, parse, parse_with, print, write_attributes};
pub use types::{Constraint, DimList, Dims, Relation, TensorType};
pub use verify::{VerifyError, VerifyErrors, attribute_dims, verify};

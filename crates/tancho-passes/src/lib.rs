//! Optimisation of graphs: graph in, better graph out, with the same bits in every result.
//!
//! A *pass* is a function `run(&mut Graph, &Context) -> Changed` in a file of its name and one row of [`PIPELINE`];
//! [`optimize`] runs the list. Most passes are tables of [`Rewrite`]s, one algebraic fact each, and share one walk. The
//! crate knows nothing of how graphs are run: to fold a constant it asks [`Context::evaluate`].
//!
//! Reading order: the runner ([`pipeline`]), the walk ([`rewrite`]), then the passes in the order of the list.

#![forbid(unsafe_code)]

mod context;
pub mod pipeline;
pub mod rewrite;
pub mod splat;
mod pattern;
pub mod inline_calls;
pub mod optimize_regions;
pub mod shrink_constants;
pub mod sink_shapes;
pub mod fold_constants;
pub mod simplify;
pub mod fold_transposes;
pub mod merge_common;
pub mod remove_dead;

pub use context::{Changed, Context};
pub use pipeline::{Moment, Observer, Options, PIPELINE, Pass, PassRun, Report, find_pass, optimize, run_passes};
pub use rewrite::{Replacement, Rewrite};

#[cfg(test)]
mod tests;

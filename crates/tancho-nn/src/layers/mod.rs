//! The layers.

mod dense;

pub use dense::Dense;

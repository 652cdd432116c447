//! The kernel IR, the compiler's middle: what stands between fusion and emission.

pub mod body;

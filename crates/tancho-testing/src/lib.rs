//! What tests of every crate share: samples of every op, seeded inputs, and the runner of `.ir` file tests.
//!
//! Reading order: [`values`] (arrays from a seed), [`samples`] (every op with operands that it takes and that it does not),
//! [`filetest`] (text in, text out), [`ops_book`] (the list of ops in `docs/ops.md`). Only tests use this crate.

#![forbid(unsafe_code)]

pub mod values;
pub mod random;
pub mod samples;
pub mod filetest;
pub mod pass_commands;
pub mod gradcheck;
pub mod ops_book;

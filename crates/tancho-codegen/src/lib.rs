//! From graphs to machine code: fusion into kernels, emission, and the plan that runs them.

#![deny(unsafe_code)]

pub mod kernel;

//! Ops that become procedures: small programs with known results, and random ops against the interpreter.

#[path = "procedure/harness.rs"]
mod harness;
#[path = "procedure/random_ops.rs"]
mod random_ops;
#[path = "procedure/programs.rs"]
mod programs;

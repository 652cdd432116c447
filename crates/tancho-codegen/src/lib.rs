//! From graphs to machine code: fusion into kernels, emission, and the plan that runs them.
//!
//! The way of a graph: `legalize` brings it into the form that fusion expects, `unroll_windows` and `unroll_selects` make slices of
//! what small windows see, [`fuse`](fuse::fuse) cuts it into launches of kernels (through `lower`, the compiler's
//! column of the op set), [`code`] makes machine code of each kernel (through [`emit`]), and a [`Plan`] fills in
//! the sizes of a call: places in memory, argument blocks, tiles. `execute` is the gate through which a plan calls
//! compiled code. The [`kernel`] IR stands between fusion and emission.

#![deny(unsafe_code)]

pub mod kernel;
pub mod procedure;
pub mod math;
mod legalize;
mod unroll_windows;
mod unroll_selects;
pub mod fuse;
mod lower;
mod draft;
pub mod program;
pub mod graphviz;
pub mod emit;
pub mod wide;
pub mod code;
mod compiled;
mod arena;
mod plan;
mod split;
mod plan_fold;
mod plan_nested;
mod donate;
mod lists;
mod recipes;
mod share_sizes;
mod uses;
mod step;
pub mod host;
mod watch;
mod execute;
mod execute_nested;
mod execute_trip;
mod call;
pub mod cost;
pub mod profile;

pub use call::{Argument, Results, RunError};
pub use compiled::{CompileError, Compiled, MAX_NODES};
pub use cost::{Cost, MemoryCost, NestedCost, StepCost, StepKind};
pub use execute::{OneThread, Workers};
pub use plan::{Plan, PlanError, PlannedResult, ResultSource};
pub use profile::{NestedProfile, Profile, StepProfile};

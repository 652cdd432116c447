//! Executables: a graph, optimised and compiled, with a plan for each assignment of its sizes.

#![deny(unsafe_code)]

mod executable;

pub use executable::{Argument, CallError, CompileError, CompileOptions, Executable, Plan, Results, Stage};

//! Executables: a graph, optimised and compiled, with a plan for each assignment of its sizes.

#![deny(unsafe_code)]

mod executable;
mod threads;

pub use executable::{CallError, CompileError, CompileOptions, Executable, Plan, Stage};
pub use tancho_codegen::host::{HostError, HostFunction, register as register_host_function};
pub use tancho_codegen::{Argument, Results};
pub use threads::{set_threads, threads};

/// The number of kernels that the process has compiled so far; a shape that is new to an executable adds none.
pub fn compiled_kernels() -> usize {
    tancho_codegen::code::compiled_count()
}

/// Frees the machine code that no executable holds; it is made anew when it is wanted again.
pub fn trim_code() {
    tancho_codegen::code::trim();
}

//! Executables: a graph, optimised and compiled, with a plan for each assignment of its sizes.

#![deny(unsafe_code)]

mod executable;
mod threads;

pub use executable::{CallError, CompileError, CompileOptions, Executable, Plan, Stage};
pub use tancho_codegen::host::{
    HostError, HostFunction, PrintSink, register as register_host_function, set_print_sink,
};
pub use tancho_codegen::kernel::Form as KernelForm;
pub use tancho_codegen::{
    Argument, Cost, MemoryCost, NestedCost, NestedProfile, Profile, Results, StepCost, StepKind, StepProfile,
};
pub use threads::{set_threads, threads};

/// The number of kernels that the process has compiled so far; a shape that is new to an executable adds none.
pub fn compiled_kernels() -> usize {
    tancho_codegen::code::compiled_count()
}

/// Frees the machine code that no executable holds; it is made anew when it is wanted again.
pub fn trim_code() {
    tancho_codegen::code::trim();
}

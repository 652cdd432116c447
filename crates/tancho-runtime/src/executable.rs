//! A compiled graph.

use std::sync::Arc;

use smallvec::SmallVec;
use tancho_ir::{BindError, Graph};
use tancho_tensor::{AllocError, Array, DType, Shape};

/// A graph that was optimised and compiled; shared between threads, called any number of times.
pub struct Executable {
    graph: Graph,
}

/// An executable made ready for arguments of certain shapes.
pub struct Plan {}

/// What a call gives, one array for each result of the graph.
pub type Results = SmallVec<[Array; 1]>;

/// An argument that is lent, or given away so that its memory may be reused for a result.
pub enum Argument<'a> {
    Lend(&'a Array),
    Give(Array),
    /// What a call leaves in the place of an argument that was given.
    Taken,
}

impl Argument<'_> {
    /// The array, where it has not been taken.
    pub fn array(&self) -> Option<&Array> {
        match self {
            Argument::Lend(array) => Some(array),
            Argument::Give(array) => Some(array),
            Argument::Taken => None,
        }
    }
}

/// How a graph is compiled.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Whether ops are fused into kernels; without it every op is a kernel of its own.
    pub fuse: bool,
    /// Whether the passes run.
    pub optimize: bool,
}

impl Default for CompileOptions {
    fn default() -> Self {
        CompileOptions { fuse: true, optimize: true }
    }
}

/// A stage of the compiler that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The graph as traced.
    Traced,
    /// The graph after the passes.
    Optimized,
    /// The fused kernels, the buffers and their places in the arena.
    Kernels,
    /// Cranelift IR.
    Clif,
    /// Machine code, disassembled.
    Asm,
}

/// Why a graph could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("{0}")]
    Unsupported(String),
    #[error(transparent)]
    Alloc(#[from] AllocError),
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Alloc(#[from] AllocError),
}

impl Executable {
    /// Optimises and compiles a graph.
    ///
    /// # Errors
    /// An op has no compiled form, or memory is short.
    pub fn compile(graph: Graph, _options: &CompileOptions) -> Result<Arc<Executable>, CompileError> {
        Ok(Arc::new(Executable { graph }))
    }

    /// The graph as it was given.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The plan for arguments of these dtypes and shapes; made on the first use of the shapes, and kept.
    ///
    /// # Errors
    /// The arguments do not fit the parameters, a constraint does not hold, or memory is short.
    pub fn plan(&self, arguments: &[(DType, &Shape)]) -> Result<Arc<Plan>, CallError> {
        tancho_ir::bind(&self.graph, arguments)?;
        Ok(Arc::new(Plan {}))
    }

    /// Runs the graph.
    ///
    /// # Errors
    /// As [`Executable::plan`] and [`Plan::run`].
    pub fn call(&self, arguments: &mut [Argument<'_>]) -> Result<Results, CallError> {
        let plan = {
            let arrays = arguments.iter().filter_map(Argument::array);
            let shapes: SmallVec<[(DType, &Shape); 8]> = arrays.map(|array| (array.dtype(), array.shape())).collect();
            self.plan(&shapes)?
        };
        plan.run(arguments)
    }

    /// A stage of the compilation as text.
    pub fn dump(&self, _stage: Stage) -> String {
        String::new()
    }
}

impl Plan {
    /// Runs the graph on arguments of the plan's shapes.
    ///
    /// # Errors
    /// Memory is short.
    ///
    /// # Panics
    /// The arguments have other dtypes or shapes than the plan was made for.
    pub fn run(&self, _arguments: &mut [Argument<'_>]) -> Result<Results, CallError> {
        Ok(Results::new())
    }
}

//! A compiled graph.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use tancho_codegen::graphviz::to_dot;
use tancho_codegen::host::HostError;
use tancho_codegen::{Argument, Compiled, Cost, MAX_NODES, OneThread, PlanError, Profile, Results, RunError};
use tancho_ir::{BindError, Bindings, Graph, Span, bind};
use tancho_passes::Context;
use tancho_tensor::{AllocError, Array, DType, Shape};

use crate::threads::PoolWorkers;

pub use tancho_codegen::CompileError;

/// The most plans that an executable keeps, the least recently used go first.
const PLANS_KEPT: usize = 64;

/// A graph that was optimised and compiled; shared between threads, called any number of times.
pub struct Executable {
    graph: Graph,
    optimized: Graph,
    compiled: Arc<Compiled>,
    /// The most recently used first.
    plans: Mutex<Vec<(Bindings, Arc<Plan>)>>,
}

/// An executable made ready for arguments of certain shapes.
pub struct Plan(tancho_codegen::Plan);

/// How a graph is compiled.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Whether ops are fused into kernels; without it every op is a kernel of its own.
    pub fuse: bool,
    /// Whether the passes run; calls are inlined all the same.
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
    /// The fused kernels and the buffers, and their places in the arena where the sizes are known.
    Kernels,
    /// Cranelift IR.
    Clif,
    /// Machine code, disassembled.
    Asm,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Bind(Box<BindError>),
    #[error(transparent)]
    Plan(PlanError),
    #[error(transparent)]
    Alloc(#[from] AllocError),
    /// A function of the host failed.
    #[error(transparent)]
    Host(Box<HostError>),
    /// An assertion of the program does not hold.
    #[error("assertion failed: {message}{}", if .span.is_none() { String::new() } else { format!(" ({})", .span) })]
    Assert { message: String, span: Span },
}

impl From<RunError> for CallError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Alloc(error) => CallError::Alloc(error),
            RunError::Host(error) => CallError::Host(error),
            RunError::Assert { message, span } => CallError::Assert { message, span },
        }
    }
}

impl From<BindError> for CallError {
    fn from(error: BindError) -> Self {
        CallError::Bind(Box::new(error))
    }
}

impl From<PlanError> for CallError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Alloc(error) => CallError::Alloc(error),
            error => CallError::Plan(error),
        }
    }
}

impl Executable {
    /// Optimises and compiles a graph.
    ///
    /// # Errors
    /// An op has no compiled form, or the calls of the graph make more than [`MAX_NODES`] operations.
    pub fn compile(graph: Graph, options: &CompileOptions) -> Result<Arc<Executable>, CompileError> {
        let nodes = graph.expanded_size();
        if nodes > MAX_NODES {
            return Err(CompileError::TooLarge { graph: graph.name().to_owned(), nodes });
        }
        let mut optimized = graph.clone();
        if options.optimize {
            let pass_options = tancho_passes::Options { verify: verification_is_on(), ..Default::default() };
            tancho_passes::optimize(&mut optimized, &Context::new(&evaluate), &pass_options);
        } else {
            tancho_passes::inline_calls::run(&mut optimized, &Context::without_evaluation());
        }
        let compiled = Arc::new(Compiled::new(&optimized, options.fuse)?);
        Ok(Arc::new(Executable { graph, optimized, compiled, plans: Mutex::default() }))
    }

    /// The graph as it was given.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The graph after the passes.
    pub fn optimized(&self) -> &Graph {
        &self.optimized
    }

    /// The plan for arguments of these dtypes and shapes; made on the first use of the shapes, and kept for a while.
    ///
    /// # Errors
    /// The arguments do not fit the parameters, a constraint does not hold, or memory is short.
    pub fn plan(&self, arguments: &[(DType, &Shape)]) -> Result<Arc<Plan>, CallError> {
        let bindings = bind(&self.graph, arguments)?;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = plans.iter().position(|(known, _)| *known == bindings) {
            plans[..=place].rotate_right(1);
            return Ok(plans[0].1.clone());
        }
        let plan = Arc::new(Plan(self.compiled.plan(&bindings)?));
        plans.insert(0, (bindings, plan.clone()));
        plans.truncate(PLANS_KEPT);
        Ok(plan)
    }

    /// A plan that the executable does not keep, for a caller that does; threads make theirs at the same time.
    ///
    /// # Errors
    /// As [`Executable::plan`].
    pub fn new_plan(&self, arguments: &[(DType, &Shape)]) -> Result<Arc<Plan>, CallError> {
        let bindings = bind(&self.graph, arguments)?;
        Ok(Arc::new(Plan(self.compiled.plan(&bindings)?)))
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

    /// What a call with arguments of these dtypes and shapes costs.
    ///
    /// # Errors
    /// As [`Executable::plan`].
    pub fn cost(&self, arguments: &[(DType, &Shape)]) -> Result<Cost, CallError> {
        Ok(self.plan(arguments)?.cost())
    }

    /// Runs the graph some times with a clock around each step. A call that is not profiled has no clock at all.
    ///
    /// # Errors
    /// As [`Executable::call`].
    pub fn profile(&self, arguments: &[&Array], repetitions: usize) -> Result<Profile, CallError> {
        let shapes: SmallVec<[(DType, &Shape); 8]> =
            arguments.iter().map(|array| (array.dtype(), array.shape())).collect();
        self.plan(&shapes)?.profile(arguments, repetitions)
    }

    /// The program, and the plan that was used last (or the only one, where no size varies).
    fn dump_kernels(&self) -> String {
        let mut text = self.compiled.program().to_string();
        let shapes: Option<Vec<(DType, Shape)>> =
            self.graph.parameter_types().map(|of| Some((of.dtype, of.known_shape()?))).collect();
        if let Some(shapes) = shapes {
            let arguments: Vec<(DType, &Shape)> = shapes.iter().map(|(dtype, shape)| (*dtype, shape)).collect();
            // A plan that cannot be made has nothing to show; a call reports why.
            let _ = self.plan(&arguments);
        }
        if let Some((_, plan)) = self.plans.lock().unwrap_or_else(PoisonError::into_inner).first() {
            text += &plan.0.to_string();
        }
        text
    }

    /// A stage of the compilation as text.
    pub fn dump(&self, stage: Stage) -> String {
        match stage {
            Stage::Traced => self.graph.to_string(),
            Stage::Optimized => self.optimized.to_string(),
            Stage::Kernels => self.dump_kernels(),
            Stage::Clif => self.compiled.clif(),
            Stage::Asm => self.compiled.asm(),
        }
    }

    /// A stage of the compilation as a picture, in Graphviz's language: the graph, or the launches and buffers, with the
    /// code of each launch where the stage is code.
    pub fn to_dot(&self, stage: Stage) -> String {
        let compiled = &self.compiled;
        let launches = |code: &dyn Fn(usize) -> Option<String>| to_dot(compiled.program(), code);
        match stage {
            Stage::Traced => tancho_ir::to_dot(&self.graph),
            Stage::Optimized => tancho_ir::to_dot(&self.optimized),
            Stage::Kernels => launches(&|_| None),
            Stage::Clif => launches(&|launch| Some(compiled.code(launch)?.clif())),
            Stage::Asm => launches(&|launch| Some(compiled.code(launch)?.asm())),
        }
    }
}

impl Plan {
    /// Runs the graph on arguments of the plan's shapes.
    ///
    /// # Errors
    /// Memory is short, or a function of the host or an assertion fails.
    ///
    /// # Panics
    /// The arguments have other dtypes or sizes than the plan was made for.
    pub fn run(&self, arguments: &mut [Argument<'_>]) -> Result<Results, CallError> {
        Ok(self.0.call(arguments, &PoolWorkers::new())?)
    }

    /// What a call costs on as many threads as one may use.
    pub fn cost(&self) -> Cost {
        self.0.cost(crate::threads())
    }

    /// Runs the graph so many times, at least once, with a clock around each step; effects happen each time, and once more
    /// before, in a call that is not measured.
    ///
    /// # Errors
    /// As [`Plan::run`].
    ///
    /// # Panics
    /// As [`Plan::run`].
    pub fn profile(&self, arguments: &[&Array], repetitions: usize) -> Result<Profile, CallError> {
        Ok(self.0.profile(arguments, repetitions, &PoolWorkers::new())?)
    }

    /// The bytes of temporary memory that a call needs beside its arguments and results.
    pub fn arena_bytes(&self) -> usize {
        self.0.arena_bytes(crate::threads())
    }
}

/// Constant folding computes with the kernels of a call, so that a constant folds to the very bits that the call would give.
fn evaluate(graph: &Graph) -> Option<Vec<Array>> {
    let compiled = Arc::new(Compiled::new(graph, true).ok()?);
    let plan = compiled.plan(&Bindings::default()).ok()?;
    Some(plan.call(&mut [], &OneThread).ok()?.into_vec())
}

/// Whether the graph is verified after every pass: in debug builds and where the environment says so.
fn verification_is_on() -> bool {
    static ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ON.get_or_init(|| cfg!(debug_assertions) || std::env::var_os("TANCHO_VERIFY").is_some())
}

//! A graph as launches with their machine code, for all sizes.

use std::sync::{Arc, OnceLock};

use tancho_ir::Graph;
use tancho_tensor::{AllocError, Buffer};

use crate::code::{self, Code, Source};
use crate::emit::EmitError;
use crate::fuse::fuse;
use crate::kernel::Kernel;
use crate::legalize::legalize;
use crate::program::{Launch, Program};
use crate::recipes::Recipes;
use crate::share_sizes::share_sizes;
use crate::split::{Split, split};
use crate::unroll_selects::unroll_selects;
use crate::unroll_windows::unroll_windows;
use crate::uses::Uses;

/// A compiled graph. Sizes come in when it is [planned](Compiled::plan).
pub struct Compiled {
    pub(crate) program: Program,
    pub(crate) uses: Uses,
    pub(crate) recipes: Recipes,
    /// The machine code of each launch that has a kernel.
    pub(crate) codes: Vec<Option<Arc<Code>>>,
    /// For each launch that multiplies by a constant, the constant in the layout of the matrix kernel, once made.
    pub(crate) packed: Vec<OnceLock<Result<Buffer, AllocError>>>,
    /// The halves of each kernel that a plan has split.
    splits: Vec<OnceLock<Result<Option<SplitCode>, EmitError>>>,
}

/// A split kernel with its machine code.
pub(crate) struct SplitCode {
    pub split: Split,
    pub partial: Arc<Code>,
    pub sequence: Arc<Code>,
}

/// Why a graph could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// An op has no compiled form.
    #[error("{op} has no compiled form ({span})")]
    Unsupported { op: &'static str, span: tancho_ir::Span },
    /// With its calls inlined the graph would be too large.
    #[error("@{graph} has {nodes} operations with those that it calls, more than {MAX_NODES}")]
    TooLarge { graph: String, nodes: usize },
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The most operations of a graph with the graphs that it holds, each as often as it is held.
pub const MAX_NODES: usize = 1 << 20;

impl Compiled {
    /// Cuts a graph into kernels and makes their machine code. Calls must have been inlined. Without `fuse_ops`, each op is
    /// a kernel of its own.
    ///
    /// # Errors
    /// An op has no compiled form, or the processor lacks what compiled code needs.
    pub fn new(graph: &Graph, fuse_ops: bool) -> Result<Self, CompileError> {
        let mut legal = graph.clone();
        legalize(&mut legal);
        if fuse_ops {
            unroll_windows(&mut legal);
            unroll_selects(&mut legal);
        }
        let mut program = fuse(&legal, fuse_ops)?;
        share_sizes(&mut program);
        let sources: Vec<Option<Source>> = program.launches.iter().map(Launch::source).collect();
        let mut compiled = code::compile(&sources.iter().flatten().cloned().collect::<Vec<_>>())?.into_iter();
        let codes = sources.iter().map(|source| source.as_ref().and_then(|_| compiled.next())).collect();
        let packed = program.launches.iter().map(|_| OnceLock::new()).collect();
        let splits = program.launches.iter().map(|_| OnceLock::new()).collect();
        let (uses, recipes) = (Uses::of(&program), Recipes::of(&program));
        Ok(Compiled { program, uses, recipes, codes, packed, splits })
    }

    /// The halves of a launch's kernel, made when they are first asked for; `None` where it cannot be split.
    pub(crate) fn split(&self, launch: usize, kernel: &Kernel) -> Result<Option<&SplitCode>, EmitError> {
        let made = self.splits[launch].get_or_init(|| {
            let Some(split) = split(kernel) else { return Ok(None) };
            let codes = code::compile(&[split.partial.clone(), split.sequence.clone()])?;
            let [partial, sequence] = <[Arc<Code>; 2]>::try_from(codes).unwrap_or_else(|_| unreachable!("a code each"));
            Ok(Some(SplitCode { split, partial, sequence }))
        });
        made.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The machine code of a launch's kernel, where it has one.
    pub fn code(&self, launch: usize) -> Option<&Code> {
        self.codes[launch].as_deref()
    }

    /// Cranelift's IR of each kernel, below the source lines that it comes from.
    pub fn clif(&self) -> String {
        self.code_text(Code::clif)
    }

    /// The machine code of each kernel, disassembled, below the source lines that it comes from.
    pub fn asm(&self) -> String {
        self.code_text(Code::asm)
    }

    /// The code of each launch, and of the programs that launches run.
    fn code_text(&self, text: impl Fn(&Code) -> String) -> String {
        let mut texts: Vec<String> = Vec::new();
        let mut waiting: Vec<&Compiled> = vec![self];
        while let Some(Compiled { program, codes, .. }) = waiting.pop() {
            for (code, spans) in codes.iter().zip(&program.spans) {
                if let Some(code) = code {
                    let lines = spans.iter().map(|span| format!("; {span}\n"));
                    texts.push(lines.chain([text(code)]).collect());
                }
            }
            let nested = program.launches.iter().flat_map(Launch::nested);
            waiting.extend(nested.map(|compiled| &**compiled));
        }
        texts.join("\n")
    }
}

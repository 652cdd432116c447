//! What plans take from the kernels of a program, with the sizes numbered.
//!
//! Launches are made one by one, each with expressions and lists in memory of its own. A plan goes through all of them, mostly
//! when a processor's caches hold other things; then fetching them takes longer than the arithmetic. So what a plan needs is
//! gathered once in a few tables, in the order in which plans read them, and equal sizes become one.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use tancho_ir::Dim;

use crate::kernel::{Access, AccessMap};
use crate::lists::Lists;
use crate::program::{BufferId, BufferInfo, Launch, LoopLaunch, Memory, Operand, ProductOutput, Program};
use crate::step::Pointer;

/// The recipes of a program.
pub(crate) struct Recipes {
    /// The sizes that recipes name by their places here, each once.
    pub sizes: Box<[Dim]>,
    buffers: Box<[BufferRecipe]>,
    operands: Lists<OperandRecipe>,
    arguments: Lists<SizeId>,
}

/// The place of a size in [`Recipes::sizes`].
pub(crate) type SizeId = u32;

/// A buffer: the sizes of its axes, and its place where that is the same in every plan.
pub(crate) struct BufferRecipe {
    sizes: SmallVec<[SizeId; 6]>,
    element_size: usize,
    pub place: Option<Pointer>,
}

/// What an access of a kernel reaches.
#[derive(Clone, Copy)]
pub(crate) enum OperandRecipe {
    /// The tile of a product.
    Tile,
    /// A buffer from an element on, of so many bytes each.
    Buffer { buffer: BufferId, offset: SizeId, element_size: u8 },
}

impl Recipes {
    pub fn of(program: &Program) -> Recipes {
        let mut sizes = Sizes::default();
        let buffer = |BufferInfo { of, memory }: &BufferInfo| BufferRecipe {
            sizes: of.dims.iter().map(|dim| sizes.number(dim)).collect(),
            element_size: of.dtype.size(),
            place: match memory {
                Memory::Argument(position) => Some(Pointer::argument(*position)),
                Memory::Output(position) => Some(Pointer::output(*position)),
                Memory::Constant(array) => Some(Pointer::fixed(array.buffer().as_ptr())),
                Memory::Temporary => None,
            },
        };
        let buffers = program.buffers.iter().map(buffer).collect();
        let (mut operands, mut arguments) = (Vec::new(), Vec::new());
        for launch in &program.launches {
            let launch = loop_of(launch);
            let accesses = launch.into_iter().flat_map(|launch| launch.operands.iter().zip(launch.kernel.accesses()));
            operands.push(accesses.map(|(operand, access)| sizes.operand(operand, access)).collect::<Vec<_>>());
            let dims = launch.into_iter().flat_map(|launch| &launch.arguments);
            arguments.push(dims.map(|dim| sizes.number(dim)).collect::<Vec<_>>());
        }
        let (operands, arguments) = (operands.into_iter().collect(), arguments.into_iter().collect());
        Recipes { sizes: sizes.all.into(), buffers, operands, arguments }
    }

    pub fn buffer(&self, buffer: BufferId) -> &BufferRecipe {
        &self.buffers[buffer.index()]
    }

    /// What the kernel of a launch reaches, and its argument block.
    pub fn kernel(&self, launch: usize) -> (&[OperandRecipe], &[SizeId]) {
        (self.operands.of(launch), self.arguments.of(launch))
    }
}

impl BufferRecipe {
    /// The bytes of the buffer; `None` where a size has no value, or they are too many.
    pub fn bytes(&self, values: &[Option<i64>]) -> Option<usize> {
        let mut bytes = self.element_size;
        for &size in &self.sizes {
            bytes = bytes.checked_mul(usize::try_from(values[size as usize]?).ok()?)?;
        }
        (bytes <= isize::MAX as usize / 8).then_some(bytes)
    }
}

/// Sizes, numbered as they come.
#[derive(Default)]
struct Sizes {
    all: Vec<Dim>,
    numbers: HashMap<Dim, SizeId, FxBuildHasher>,
}

impl Sizes {
    fn number(&mut self, dim: &Dim) -> SizeId {
        *self.numbers.entry(dim.clone()).or_insert_with(|| {
            self.all.push(dim.clone());
            (self.all.len() - 1) as SizeId
        })
    }

    fn operand(&mut self, operand: &Operand, access: &Access) -> OperandRecipe {
        match access.map {
            AccessMap::Tile => OperandRecipe::Tile,
            AccessMap::Strides(_) => OperandRecipe::Buffer {
                buffer: operand.buffer,
                offset: self.number(&operand.offset),
                element_size: access.dtype.size() as u8,
            },
        }
    }
}

fn loop_of(launch: &Launch) -> Option<&LoopLaunch> {
    match launch {
        Launch::Loop(launch) => Some(launch),
        Launch::Product(product) => match &product.output {
            ProductOutput::Epilogue(launch) => Some(launch),
            ProductOutput::Buffer(_) | ProductOutput::Strided { .. } => None,
        },
        Launch::Procedure(_) | Launch::While(_) | Launch::Case(_) | Launch::Host(_) => None,
    }
}

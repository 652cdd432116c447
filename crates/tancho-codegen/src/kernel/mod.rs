//! The kernel IR, the compiler's middle: what stands between fusion and emission.
//!
//! A kernel is a loop nest over *dimensions* with a straight-line [`Body`]. Its buffers are reached by *accesses*, affine
//! maps from the dimensions to an element. Sizes, strides and offsets are arguments of the code, not part of it; what is
//! baked in is the body, the number of dimensions, and which strides are 0 or 1. So a kernel prints the same text for all
//! shapes, and that text is the key under which its machine code is cached.
//!
//! A kernel has one of four forms, after its dimensions:
//!
//! - `map`: outer dimensions and an inner one; the body is evaluated at each point and stored.
//! - `row`: the inner dimension is folded by reductions, in *stages*: first what needs no result of a reduction, then what
//!   needs the first ones, and so on; a value may be stored per point or per row. Softmax is one such kernel of three stages.
//! - `column`: a dimension between the outer ones and the inner one is folded; then come stores per point.
//! - `sequence`: a column kernel that folds in one block however long the dimension is: it takes together the results of
//!   blocks that were computed apart.
//!
//! The reading order is [`body`], this file, the text form (`text`), and the evaluator that the tests compare emitters with.

pub mod body;
pub mod evaluate;
mod text;
mod parse;

use tancho_ir::ops::ReduceKind;
use tancho_tensor::DType;

pub use body::{Binary, Body, Instruction, LaneFunction, Scalar, Unary};
pub use parse::KernelParseError;

/// The dtypes of the values of bodies and of accesses: the 16-bit floats are none, their values are `f32` there and their
/// bits in memory `u16`.
pub const DTYPES: [DType; 11] = [
    DType::F32,
    DType::F64,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::Bool,
];

/// A loop nest over buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    pub form: Form,
    /// The number of outer dimensions. They are dimensions `0..outer`; the others follow.
    pub outer: usize,
    /// What the body loads.
    pub loads: Vec<Access>,
    pub body: Body,
    /// What is folded, in the order of the numbers that the body's `Reduced` names.
    pub reductions: Vec<Reduction>,
    pub stores: Vec<Store>,
    /// Values per point that a later stage of a row kernel takes from memory instead of computing them again.
    pub kept: Vec<Scalar>,
    /// The number of sizes that the body names with `Size`.
    pub sizes: usize,
}

/// The form of a kernel's loop nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Map,
    Row,
    Column,
    Sequence,
}

impl Form {
    /// Whether a dimension between the outer ones and the inner one is folded.
    pub fn is_column(self) -> bool {
        matches!(self, Form::Column | Form::Sequence)
    }
}

/// An affine map from the dimensions to the elements of a buffer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    pub dtype: DType,
    pub map: AccessMap,
}

/// How an access depends on the dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccessMap {
    /// One stride for each dimension.
    Strides(Vec<Stride>),
    /// The element is `row · stride + inner`, `row` being the number of the point in the outer dimensions: a block that a
    /// matrix product hands over.
    Tile,
}

/// What is known of a stride when code is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stride {
    /// The access does not depend on the dimension.
    Zero,
    /// Neighbours along the inner dimension are neighbours in memory.
    One,
    /// The stride is an argument, in elements.
    Argument,
}

/// A fold of a value along the reduced dimension, in the order of [`tancho_ir::ops::reduce::order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduction {
    pub kind: ReduceKind,
    pub value: Scalar,
    /// The dtype of the result.
    pub dtype: DType,
}

/// A value that is written, for each point or, where the value does not depend on the inner dimension of a row kernel and
/// the access neither, for each row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub access: Access,
    pub value: Scalar,
}

impl Kernel {
    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        match self.form {
            Form::Map | Form::Row => self.outer + 1,
            Form::Column | Form::Sequence => self.outer + 2,
        }
    }

    /// The inner dimension.
    pub fn inner(&self) -> usize {
        self.rank() - 1
    }

    /// The accesses in the order of their pointers: loads, then stores.
    pub fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.loads.iter().chain(self.stores.iter().map(|store| &store.access))
    }

    /// The number of `i64` arguments: the size of each dimension, then the strides of each access in turn that are
    /// arguments (a tile's one), then the sizes that the body names.
    pub fn argument_count(&self) -> usize {
        self.rank() + self.accesses().map(Access::argument_count).sum::<usize>() + self.sizes
    }

    /// Whether each value depends on the inner dimension, and its stage: the number of reductions that must be finished one
    /// after another before it can be computed.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::with_capacity(self.body.len());
        for (_, instruction, _) in self.body.iter() {
            let mut place = Place { per_point: false, per_step: false, stage: 0 };
            match instruction {
                Instruction::Load(load) => {
                    let access = &self.loads[load as usize];
                    place.per_point = access.moves_along(self.inner());
                    place.per_step = self.form.is_column() && access.moves_along(self.outer);
                }
                Instruction::Index(dimension) => {
                    place.per_point = dimension as usize == self.inner();
                    place.per_step = self.form.is_column() && dimension as usize == self.outer;
                }
                Instruction::Reduced(reduction) => {
                    let operand = places[self.reductions[reduction as usize].value.index()];
                    place.per_point = self.form.is_column();
                    place.stage = operand.stage + 1;
                }
                _ => {}
            }
            for operand in instruction.operands() {
                let operand = places[operand.index()];
                place.per_point |= operand.per_point;
                place.per_step |= operand.per_step;
                place.stage = place.stage.max(operand.stage);
            }
            places.push(place);
        }
        places
    }
}

/// Where in the loop nest a value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether the value depends on the inner dimension.
    pub per_point: bool,
    /// Whether the value depends on the reduced dimension of a column kernel.
    pub per_step: bool,
    /// The number of reductions, one after another, before it.
    pub stage: usize,
}

impl Access {
    pub fn moves_along(&self, dimension: usize) -> bool {
        match &self.map {
            AccessMap::Strides(strides) => strides[dimension] != Stride::Zero,
            AccessMap::Tile => true,
        }
    }

    pub fn argument_count(&self) -> usize {
        match &self.map {
            AccessMap::Strides(strides) => strides.iter().filter(|&&stride| stride == Stride::Argument).count(),
            AccessMap::Tile => 1,
        }
    }
}

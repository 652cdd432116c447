//! Procedures: the second kind of code, for what is no loop nest over affine accesses.
//!
//! A [`Procedure`] is structured code over scalars: loops, branches, loads and stores at computed places, and between them
//! straight-line [`Body`]s, the same that kernels have, with the same instructions, expansions and bits. Ops that choose
//! their places by data (gather, scatter, sort), that fold with a function of the user's, or whose steps depend on one
//! another (scans, factorisations, random bits) become procedures.
//!
//! As a kernel's, a procedure's code does not depend on sizes, which are arguments, and its text is the key under which
//! the code is cached. Its function has a kernel's signature: it is called for a range of *rows*, which is what threads
//! share; what a row is, the procedure says.
//!
//! The reading order is this file, [`builder`] (how lowerings write procedures), [`region`] (graphs over scalars as
//! code), `text`; the code is made in `emit/procedure.rs`.

pub mod builder;
pub mod region;
mod text;

use tancho_tensor::DType;

use crate::kernel::{Body, Scalar};

pub use builder::ProcedureBuilder;

/// A scalar that a procedure holds; it may be assigned many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable(pub u32);

impl Variable {
    /// The first row of the call, as `i64`.
    pub const ROW_BEGIN: Variable = Variable(0);
    /// The row behind the last.
    pub const ROW_END: Variable = Variable(1);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A buffer of a procedure, by its place among the function's pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

impl Place {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Structured code over scalars and buffers.
#[derive(Clone, Debug, PartialEq)]
pub struct Procedure {
    /// The op that it computes.
    pub name: String,
    /// The dtypes of the buffers' elements. 16-bit floats are their bits, `u16`.
    pub buffers: Vec<DType>,
    /// The number of sizes that bodies name with `Size`.
    pub sizes: usize,
    /// The dtypes of the variables. The first two are [`Variable::ROW_BEGIN`] and [`Variable::ROW_END`].
    pub variables: Vec<DType>,
    pub block: Block,
}

/// Statements, one after another.
pub type Block = Vec<Statement>;

/// A step of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Compute(Compute),
    /// Reads an element. Indices are `i64`, in elements.
    Load {
        into: Variable,
        buffer: Place,
        index: Variable,
    },
    Store {
        buffer: Place,
        index: Variable,
        value: Variable,
    },
    /// Copies `count` neighbouring elements between buffers of one dtype, which do not overlap there.
    Copy {
        to: (Place, Variable),
        from: (Place, Variable),
        count: Variable,
    },
    /// Runs a block with `index = begin, begin + 1, …` while it is less than `end`.
    For {
        index: Variable,
        begin: Variable,
        end: Variable,
        block: Block,
    },
    /// Runs `head`, and then, if `condition` (a `bool`) is true, `block`, and begins anew.
    While {
        head: Block,
        condition: Variable,
        block: Block,
    },
    If {
        condition: Variable,
        then: Block,
        otherwise: Block,
    },
}

/// Straight-line code: `Load(n)` of the body is the variable `inputs[n]` as it is before, and all results are assigned
/// after.
#[derive(Clone, Debug, PartialEq)]
pub struct Compute {
    pub body: Body,
    pub inputs: Vec<Variable>,
    pub results: Vec<(Variable, Scalar)>,
}

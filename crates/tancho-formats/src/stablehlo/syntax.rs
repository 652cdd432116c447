//! The syntax tree: a StableHLO program in the generic form of MLIR, whatever its spelling was.
//!
//! Every op is a name, operands, attributes, regions and the types of operands and results. Values are numbers: a
//! function counts its arguments, the arguments of its regions and the results of its ops from 0, and
//! [`Function::values`] says what each number is. A region sees the values of the regions around it; functions see
//! nothing of one another.

use std::fmt;

pub use super::attribute::{Attribute, Attributes, Dense, DenseArray, Elements, Enum, Structured};
pub use super::error::Position;
pub use super::types::{ElementType, FunctionType, TensorType, Type};

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// The symbol of `module @name`, where there is one.
    pub name: Option<String>,
    pub attributes: Attributes,
    pub functions: Vec<Function>,
    /// What the ids of locations refer to.
    pub locations: Vec<Location>,
    /// Symbols of the module that are no functions (`sdy.mesh @mesh = <…>`): op name and symbol.
    pub other_symbols: Vec<(String, String)>,
}

/// `func.func`.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub name: String,
    pub visibility: Visibility,
    pub arguments: Vec<FunctionArgument>,
    pub results: Vec<FunctionResult>,
    pub attributes: Attributes,
    /// `None` for a declaration. The arguments of the region are those of the function.
    pub body: Option<Region>,
    /// Every value of the function, by its id.
    pub values: Vec<Value>,
    pub position: Position,
    pub location: Option<LocationId>,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Also what a function without a keyword has.
    Public,
    Private,
    Nested,
}

/// An argument of a function; in a declaration it has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArgument {
    pub value: Option<ValueId>,
    pub ty: Type,
    /// `jax.buffer_donor`, `tf.aliasing_output`, `mhlo.sharding`.
    pub attributes: Attributes,
    pub location: Option<LocationId>,
}

/// A result of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionResult {
    pub ty: Type,
    /// `jax.result_info = "…"`.
    pub attributes: Attributes,
}

/// A value's number in its function: the index into [`Function::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

impl ValueId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// As the text writes it, without the `%`: `arg0`, `12`, `3#1`.
    pub name: String,
    pub ty: Type,
}

/// A region of one block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Region {
    pub arguments: Vec<BlockArgument>,
    /// The last one is the terminator (`stablehlo.return`, `func.return`).
    pub operations: Vec<Operation>,
}

/// An argument of a region; its type is that of its value.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockArgument {
    pub value: ValueId,
    pub ty: Type,
    pub location: Option<LocationId>,
}

/// An op.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// With the dialect: `stablehlo.add`, `func.call`.
    pub name: String,
    pub operands: Vec<ValueId>,
    pub results: Vec<ValueId>,
    /// Properties and attributes together.
    pub attributes: Attributes,
    pub regions: Vec<Region>,
    /// As many as operands; the types of these values.
    pub operand_types: Vec<Type>,
    /// As many as results.
    pub result_types: Vec<Type>,
    pub location: Option<LocationId>,
    /// Where the op's name stands in the text.
    pub position: Position,
}

/// The index into [`Module::locations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocationId(pub u32);

/// Where an op comes from, as the program that wrote the text says.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    Unknown,
    /// `loc("file.py":12:3)`.
    File {
        file: String,
        line: u32,
        column: u32,
    },
    /// `loc("name"(child))`.
    Named {
        name: String,
        child: Option<LocationId>,
    },
    /// `loc(callsite(callee at caller))`.
    CallSite {
        callee: LocationId,
        caller: LocationId,
    },
    /// `loc(fused[a, b])`.
    Fused(Vec<LocationId>),
}

impl Module {
    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The first name and the first file, line and column on the way from a location to its innermost part.
    pub fn origin(&self, location: LocationId) -> Origin<'_> {
        /// A chain of locations may run in a circle; no honest one is longer.
        const STEPS: usize = 256;
        let mut origin = Origin::default();
        let mut next = Some(location);
        for _ in 0..STEPS {
            let Some(location) = next.and_then(|id| self.locations.get(id.0 as usize)) else { break };
            next = match location {
                Location::Unknown => None,
                Location::File { file, line, column } => {
                    origin.file = Some((file, *line, *column));
                    None
                }
                Location::Named { name, child } => {
                    origin.name.get_or_insert(name);
                    *child
                }
                Location::CallSite { callee, .. } => Some(*callee),
                Location::Fused(parts) => parts.first().copied(),
            };
        }
        origin
    }
}

/// What a location says in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `jit(main)/add`.
    pub name: Option<&'a str>,
    pub file: Option<(&'a str, u32, u32)>,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name, self.file) {
            (None, None) => f.write_str("unknown"),
            (Some(name), None) => f.write_str(name),
            (None, Some((file, line, column))) => write!(f, "{file}:{line}:{column}"),
            (Some(name), Some((file, line, column))) => write!(f, "{name} ({file}:{line}:{column})"),
        }
    }
}

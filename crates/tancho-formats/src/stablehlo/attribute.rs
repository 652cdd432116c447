//! Attributes: what an op knows beside its operands.

use std::sync::Arc;

use super::syntax::LocationId;
use super::types::{ElementType, TensorType, Type};

/// An attribute's value. Cloning one is cheap: what is large is shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A name without a value, or `unit`.
    Unit,
    /// `true`, `false`, and integers of type `i1`.
    Bool(bool),
    /// `3 : i64`; the type is `i64` where none is written.
    Integer {
        value: i128,
        ty: Type,
    },
    /// `1.0 : f32`; the type is `f64` where none is written.
    Float {
        value: f64,
        ty: Type,
    },
    String(Arc<str>),
    /// `@f`, without the `@`; a nested `@a::@b` is `a::b`.
    Symbol(Arc<str>),
    Type(Type),
    Array(Arc<[Attribute]>),
    Dictionary(Arc<Attributes>),
    /// `array<i64: 1, 2>`.
    DenseArray(Arc<DenseArray>),
    /// `dense<…> : tensor<…>`, decoded; also what `dense_resource<…>` refers to.
    Dense(Dense),
    /// A value of an enumeration: `#stablehlo<precision DEFAULT>`, `#stablehlo.result_accuracy_mode<DEFAULT>`.
    Enum(Arc<Enum>),
    /// Fields with names: `#stablehlo.dot<…>`, `#stablehlo.conv<…>`, `#stablehlo.channel_handle<…>`.
    Structured(Arc<Structured>),
    /// `loc(…)` as an attribute.
    Location(LocationId),
    /// Any other attribute, as it is written.
    Opaque(Arc<str>),
}

/// A list of numbers without a shape.
#[derive(Clone, Debug, PartialEq)]
pub enum DenseArray {
    /// `array<i64: 1, 2>` and, with 0 and 1, `array<i1: false, true>`.
    Integers(ElementType, Vec<i64>),
    /// `array<f32: 1.0>`.
    Floats(ElementType, Vec<f64>),
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    pub ty: TensorType,
    pub elements: Elements,
}

/// The elements of a constant, in row-major order.
///
/// Bytes are little-endian, [`ElementType::size`] for an element; an `i1` is the byte 0 or 1, an integer of less than
/// 8 bits is extended to 8, a complex number is its two parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// The bytes of one element that all are equal to.
    Splat(Arc<[u8]>),
    /// The bytes of all elements; their number is the shape's.
    Bytes(Arc<[u8]>),
    /// The literal as it is written, of a type whose constants are not decoded (quantized, strings, decimal numbers of
    /// types of 8 bits or less).
    Text(Arc<str>),
    /// `dense_resource<name>`; it is replaced by the bytes when the file's resources have been read.
    Resource(Arc<str>),
}

/// `#dialect<name value>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// `stablehlo`, `chlo`.
    pub dialect: String,
    /// `precision`, `comparison_direction`.
    pub name: String,
    /// `DEFAULT`, `LT`.
    pub value: String,
}

/// `#dialect.name<field = value, …>`.
///
/// The fields are those of the text. `dot`, `gather`, `scatter` leave out empty lists. `conv` has
/// `input_batch_dimension`, `input_feature_dimension`, `input_spatial_dimensions`, `kernel_input_feature_dimension`,
/// `kernel_output_feature_dimension`, `kernel_spatial_dimensions`, `output_batch_dimension`,
/// `output_feature_dimension`, `output_spatial_dimensions`. `bounds` has `bounds`, with `Unit` for `?`.
#[derive(Clone, Debug, PartialEq)]
pub struct Structured {
    pub dialect: String,
    pub name: String,
    pub fields: Attributes,
}

/// Attributes by name, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    entries: Vec<(String, Attribute)>,
}

impl Attributes {
    pub fn new() -> Self {
        Attributes::default()
    }

    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, value)| value)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an attribute. The caller sees to it that there is none of this name.
    pub(crate) fn push(&mut self, name: impl Into<String>, value: Attribute) {
        self.entries.push((name.into(), value));
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Attribute> {
        self.entries.iter_mut().map(|(_, value)| value)
    }
}

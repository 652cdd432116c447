//! Types of values: an element type and sizes.

use std::fmt;

use smallvec::SmallVec;
use tancho_tensor::{Array, DType, Shape};

use crate::{Dim, Span, Symbol};

/// The sizes in a type, outermost first.
pub type Dims = SmallVec<[Dim; 4]>;

/// The type of a value: `f32[?batch, 784]`; a scalar is `f32[]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    pub dtype: DType,
    pub dims: Dims,
}

impl TensorType {
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        TensorType { dtype, dims: dims.into_iter().map(Into::into).collect() }
    }

    pub fn scalar(dtype: DType) -> Self {
        TensorType { dtype, dims: Dims::new() }
    }

    pub fn of(array: &Array) -> Self {
        TensorType::new(array.dtype(), array.shape().iter().copied())
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The same sizes with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        TensorType { dtype, dims: self.dims.clone() }
    }

    /// The number of elements.
    pub fn elements(&self) -> Dim {
        Dim::product(&self.dims)
    }

    /// The sizes, where all are known and none is negative.
    pub fn known_shape(&self) -> Option<Shape> {
        self.dims.iter().map(|dim| usize::try_from(dim.as_known()?).ok()).collect()
    }

    /// The sizes under an assignment of the symbols; `None` where one cannot be computed or is negative.
    pub fn evaluate(&self, value_of: &impl Fn(&Symbol) -> Option<i64>) -> Option<Shape> {
        self.dims.iter().map(|dim| usize::try_from(dim.evaluate(value_of)?).ok()).collect()
    }

    pub fn substitute(&self, replacement: &impl Fn(&Symbol) -> Option<Dim>) -> Self {
        TensorType { dtype: self.dtype, dims: self.dims.iter().map(|dim| dim.substitute(replacement)).collect() }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, DimList(&self.dims))
    }
}

/// Sizes in brackets: `[?n, 3]`.
pub struct DimList<'a>(pub &'a [Dim]);

impl fmt::Display for DimList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, dim) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}

/// What must hold between sizes for a program to have a meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `left = right`
    Equal(Dim, Dim),
    /// `left ≥ right`
    AtLeast(Dim, Dim),
}

impl Relation {
    /// Whether the relation holds for all values of the symbols, for none, or it depends on them.
    pub fn always_holds(&self) -> Option<bool> {
        match self {
            Relation::Equal(left, right) => left.always_equals(right),
            Relation::AtLeast(left, right) => {
                (left.clone() - right.clone()).as_known().map(|difference| difference >= 0)
            }
        }
    }

    /// Whether the relation holds under an assignment; `None` where a side cannot be computed.
    pub fn holds(&self, value_of: &impl Fn(&Symbol) -> Option<i64>) -> Option<bool> {
        match self {
            Relation::Equal(left, right) => Some(left.evaluate(value_of)? == right.evaluate(value_of)?),
            Relation::AtLeast(left, right) => Some(left.evaluate(value_of)? >= right.evaluate(value_of)?),
        }
    }

    pub fn sides(&self) -> (&Dim, &Dim) {
        match self {
            Relation::Equal(left, right) | Relation::AtLeast(left, right) => (left, right),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relation::Equal(left, right) => write!(f, "{left} = {right}"),
            Relation::AtLeast(left, right) => write!(f, "{left} >= {right}"),
        }
    }
}

/// A relation between sizes that an op required, and where; checked when a call binds the symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    pub relation: Relation,
    pub span: Span,
}

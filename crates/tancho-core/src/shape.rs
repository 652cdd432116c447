//! Sizes and shapes as a user meets them.
//!
//! A [`Dim`] is one size: a number, or inside a trace an expression over sizes that vary (`?n`). It has arithmetic and
//! stands wherever a size is taken. A size that cannot be had (of an axis that the shape does not have, or divided by
//! zero) is kept as such, and the operation that it reaches gives the error, so that no arithmetic on sizes panics.

use std::fmt;
use std::ops::{Add, Div, Index, Mul, Neg, Rem, Sub};

use smallvec::SmallVec;
use tancho_ir as ir;
use tancho_ir::{Dims, TensorType};

use crate::error::Fault;

/// One size of a tensor.
///
/// # Shape
/// `+ - *`, `/` (rounding down) and `%` work on sizes and integers; `minimum` and `maximum` are methods.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Dim(Result<ir::Dim, Missing>);

/// Why there is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Missing {
    Axis,
    Division,
}

static NO_AXIS: Dim = Dim(Err(Missing::Axis));

impl Dim {
    /// A size that varies from call to call, for a [`spec`](crate::spec): equal names are equal sizes.
    pub fn symbol(name: &str) -> Self {
        Dim(Ok(ir::Dim::symbol(crate::signature::legal_name(name))))
    }

    /// The number, where it is known while tracing.
    pub fn as_known(&self) -> Option<usize> {
        usize::try_from(self.0.as_ref().ok()?.as_known()?).ok()
    }

    pub fn minimum(&self, other: impl Into<Dim>) -> Dim {
        self.combine(other.into(), |x, y| Some(x.minimum(&y)))
    }

    pub fn maximum(&self, other: impl Into<Dim>) -> Dim {
        self.combine(other.into(), |x, y| Some(x.maximum(&y)))
    }

    fn combine(&self, other: Dim, operation: impl FnOnce(ir::Dim, ir::Dim) -> Option<ir::Dim>) -> Dim {
        Dim(match (&self.0, other.0) {
            (Err(missing), _) => Err(*missing),
            (_, Err(missing)) => Err(missing),
            (Ok(x), Ok(y)) => operation(x.clone(), y).ok_or(Missing::Division),
        })
    }

    pub(crate) fn get(&self) -> Result<ir::Dim, Fault> {
        self.0.clone().map_err(|missing| {
            Fault(match missing {
                Missing::Axis => "a size was taken from an axis that its tensor does not have".into(),
                Missing::Division => "a size was divided by zero".into(),
            })
        })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(dim) => fmt::Display::fmt(dim, f),
            Err(Missing::Axis) => f.write_str("(no such axis)"),
            Err(Missing::Division) => f.write_str("(divided by zero)"),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ir::Dim> for Dim {
    fn from(dim: ir::Dim) -> Self {
        Dim(Ok(dim))
    }
}

impl From<&Dim> for Dim {
    fn from(dim: &Dim) -> Self {
        dim.clone()
    }
}

impl PartialEq<usize> for Dim {
    fn eq(&self, other: &usize) -> bool {
        self.as_known() == Some(*other)
    }
}

impl Neg for Dim {
    type Output = Dim;

    fn neg(self) -> Dim {
        Dim(self.0.map(|dim| -dim))
    }
}

macro_rules! arithmetic {
    ($($Trait:ident $method:ident |$x:ident, $y:ident| $result:expr;)*) => {$(
        impl<R: Into<Dim>> $Trait<R> for Dim {
            type Output = Dim;

            fn $method(self, other: R) -> Dim {
                self.combine(other.into(), |$x, $y| $result)
            }
        }

        impl<R: Into<Dim>> $Trait<R> for &Dim {
            type Output = Dim;

            fn $method(self, other: R) -> Dim {
                self.combine(other.into(), |$x, $y| $result)
            }
        }
    )*};
}
arithmetic! {
    Add add |x, y| Some(x + y);
    Sub sub |x, y| Some(x - y);
    Mul mul |x, y| Some(x * y);
    Div div |x, y| x.floor_div(&y);
    Rem rem |x, y| x.modulo(&y);
}

macro_rules! integers {
    ($($Integer:ident)*) => {$(
        impl From<$Integer> for Dim {
            fn from(size: $Integer) -> Self {
                Dim(Ok(ir::Dim::known(i64::try_from(size).unwrap_or(i64::MAX))))
            }
        }
    )*};
}
integers!(i32 i64 u32 usize);

/// Of the integers, `usize` alone can stand on the left, so that the type of a literal there is never in doubt.
macro_rules! left {
    ($($Trait:ident $method:ident;)*) => {$(
        impl $Trait<Dim> for usize {
            type Output = Dim;

            fn $method(self, other: Dim) -> Dim {
                Dim::from(self).$method(other)
            }
        }

        impl $Trait<&Dim> for usize {
            type Output = Dim;

            fn $method(self, other: &Dim) -> Dim {
                Dim::from(self).$method(other)
            }
        }
    )*};
}
left! {
    Add add;
    Sub sub;
    Mul mul;
}

/// The sizes of a tensor, outermost first.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape(SmallVec<[Dim; 4]>);

impl Shape {
    pub(crate) fn of_type(of: &TensorType) -> Self {
        Shape(of.dims.iter().cloned().map(Dim::from).collect())
    }

    pub(crate) fn of_array(array: &tancho_tensor::Array) -> Self {
        Shape(array.shape().iter().map(|&size| Dim::from(size)).collect())
    }

    pub fn rank(&self) -> usize {
        self.0.len()
    }

    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The size of an axis; a negative one counts from the end.
    pub fn size(&self, axis: i64) -> Dim {
        let axis = if axis < 0 { axis + self.rank() as i64 } else { axis };
        usize::try_from(axis).ok().and_then(|axis| self.0.get(axis)).unwrap_or(&NO_AXIS).clone()
    }

    /// The number of elements.
    pub fn elements(&self) -> Dim {
        self.0.iter().fold(Dim::from(1usize), |product, dim| product * dim)
    }

    /// The sizes as numbers, where all are known while tracing.
    pub fn known(&self) -> Option<Vec<usize>> {
        self.0.iter().map(Dim::as_known).collect()
    }
}

/// An axis that the shape does not have gives a size that makes the operation fail which it reaches.
impl Index<usize> for Shape {
    type Output = Dim;

    fn index(&self, axis: usize) -> &Dim {
        self.0.get(axis).unwrap_or(&NO_AXIS)
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, sizes: &[usize; N]) -> bool {
        self.rank() == N && self.0.iter().zip(sizes).all(|(dim, size)| dim == size)
    }
}

/// As a tuple: `()`, `(3,)`, `(?n, 3)`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (axis, dim) in self.0.iter().enumerate() {
            if axis > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str(if self.rank() == 1 { ",)" } else { ")" })
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A list of sizes as an argument: arrays and vectors of what stands for a size, a [`Shape`], or `()` for a scalar.
#[derive(Clone, Debug, Default)]
pub struct Sizes(SmallVec<[Dim; 4]>);

impl Sizes {
    pub(crate) fn as_slice(&self) -> &[Dim] {
        &self.0
    }

    pub(crate) fn get(&self) -> Result<Dims, Fault> {
        self.0.iter().map(Dim::get).collect()
    }
}

impl From<()> for Sizes {
    fn from((): ()) -> Self {
        Sizes::default()
    }
}

impl From<Shape> for Sizes {
    fn from(shape: Shape) -> Self {
        Sizes(shape.0)
    }
}

impl From<&Shape> for Sizes {
    fn from(shape: &Shape) -> Self {
        Sizes(shape.0.clone())
    }
}

impl<D: Into<Dim>, const N: usize> From<[D; N]> for Sizes {
    fn from(sizes: [D; N]) -> Self {
        Sizes(sizes.into_iter().map(Into::into).collect())
    }
}

impl<D: Into<Dim>> From<Vec<D>> for Sizes {
    fn from(sizes: Vec<D>) -> Self {
        Sizes(sizes.into_iter().map(Into::into).collect())
    }
}

impl<D: Into<Dim> + Clone> From<&[D]> for Sizes {
    fn from(sizes: &[D]) -> Self {
        Sizes(sizes.iter().cloned().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_mixes_sizes_and_integers() {
        let n = Dim::symbol("n");
        assert_eq!((2 * &n + 1 - &n).to_string(), "?n + 1");
        assert_eq!(((&n * 6) / 3).to_string(), "2*?n");
        assert_eq!(Dim::from(7) % 4, 3);
        assert_eq!(n.maximum(1).to_string(), "max(1, ?n)");
    }

    #[test]
    fn a_missing_size_is_kept() {
        let shape = Shape(SmallVec::from_iter([Dim::from(2usize)]));
        assert_eq!(
            (&shape[5] * 2 + 1).get().unwrap_err().0,
            "a size was taken from an axis that its tensor does not have"
        );
        assert_eq!((Dim::from(2) / 0).get().unwrap_err().0, "a size was divided by zero");
        assert_eq!(shape.size(-1), 2);
    }

    #[test]
    fn shapes_print_as_tuples() {
        let check = |sizes: Vec<Dim>, expected: &str| assert_eq!(Shape(sizes.into()).to_string(), expected);
        check(vec![], "()");
        check(vec![3.into()], "(3,)");
        check(vec![Dim::symbol("n"), 3.into()], "(?n, 3)");
    }
}

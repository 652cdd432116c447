//! Shapes with known sizes.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

/// The sizes of a dense, row-major tensor, outermost first; a scalar has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(SmallVec<[usize; 6]>);

impl Shape {
    pub fn new(sizes: &[usize]) -> Self {
        Shape(SmallVec::from_slice(sizes))
    }

    pub fn scalar() -> Self {
        Shape::default()
    }

    pub fn rank(&self) -> usize {
        self.0.len()
    }

    pub fn sizes(&self) -> &[usize] {
        &self.0
    }

    /// The number of elements, or `None` where the product does not fit `isize::MAX` bytes of the widest element, or a
    /// single size does not fit `isize`.
    pub fn elements(&self) -> Option<usize> {
        if self.0.iter().any(|&size| isize::try_from(size).is_err()) {
            return None;
        }
        if self.0.contains(&0) {
            return Some(0);
        }
        let product = self.0.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        (product <= isize::MAX as usize / 8).then_some(product)
    }

    /// Row-major strides in elements. Sizes of zero count as one, so that no stride is zero.
    pub fn strides(&self) -> SmallVec<[usize; 6]> {
        let mut strides = SmallVec::from_elem(1, self.rank());
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis].max(1);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        Shape::new(sizes)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        Shape::new(&sizes)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        Shape::new(&sizes)
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        Shape(sizes.into_iter().collect())
    }
}

/// As in the text form: `[2, 3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, size) in self.0.iter().enumerate() {
            if axis > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{size}")?;
        }
        f.write_str("]")
    }
}

//! Axes as an argument: one, several, or all of them, counted from the end where negative.

use std::ops::RangeFull;

use smallvec::SmallVec;

use crate::builder::require;
use crate::error::Fault;

/// The axes that a reduction folds: an integer, an array or vector of integers, or `..` for all.
///
/// Negative axes count from the end. [`keep`] leaves them in the shape with size 1.
#[derive(Clone, Debug)]
pub struct Axes {
    which: Which,
    pub(crate) keep: bool,
}

#[derive(Clone, Debug)]
enum Which {
    All,
    List(SmallVec<[i64; 4]>),
}

/// Reduces the axes, but keeps them in the shape with size 1, so that the result broadcasts against what was reduced.
pub fn keep(axes: impl Into<Axes>) -> Axes {
    Axes { keep: true, ..axes.into() }
}

impl Axes {
    pub(crate) fn is_all(&self) -> bool {
        matches!(self.which, Which::All)
    }

    /// The axes of a tensor of a rank, sorted; an error where one is out of range or named twice.
    pub(crate) fn resolve(&self, rank: usize) -> Result<SmallVec<[usize; 4]>, Fault> {
        let list = match &self.which {
            Which::All => return Ok((0..rank).collect()),
            Which::List(list) => list,
        };
        let mut axes: SmallVec<[usize; 4]> =
            list.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Result<_, _>>()?;
        axes.sort_unstable();
        for pair in axes.windows(2) {
            require(pair[0] != pair[1], || format!("axis {} is named twice in {list:?}", pair[0]))?;
        }
        Ok(axes)
    }

    /// The words of an operation's attributes.
    pub(crate) fn attributes(&self) -> crate::apply::Attributes {
        let attributes = crate::apply::Attributes::none().flag(self.keep).flag(self.is_all());
        match &self.which {
            Which::All => attributes,
            Which::List(list) => attributes.integers(list.iter().copied()),
        }
    }
}

/// An axis within the rank; a negative one counts from the end.
pub(crate) fn resolve_axis(axis: i64, rank: usize) -> Result<usize, Fault> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(from_start) {
        Ok(resolved) if resolved < rank => Ok(resolved),
        _ => Err(Fault(format!("axis {axis} is out of range for rank {rank}"))),
    }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Self {
        Axes { which: Which::All, keep: false }
    }
}

macro_rules! integers {
    ($($Integer:ident)*) => {$(
        impl From<$Integer> for Axes {
            fn from(axis: $Integer) -> Self {
                Axes::from(&[axis][..])
            }
        }

        impl<const N: usize> From<[$Integer; N]> for Axes {
            fn from(axes: [$Integer; N]) -> Self {
                Axes::from(&axes[..])
            }
        }

        impl From<Vec<$Integer>> for Axes {
            fn from(axes: Vec<$Integer>) -> Self {
                Axes::from(&axes[..])
            }
        }

        impl From<&[$Integer]> for Axes {
            fn from(axes: &[$Integer]) -> Self {
                let list = axes.iter().map(|&axis| i64::try_from(axis).unwrap_or(i64::MAX)).collect();
                Axes { which: Which::List(list), keep: false }
            }
        }
    )*};
}
integers!(i32 i64 usize);

//! Windows that move over axes, as `reduce_window`, `select_and_scatter` and `convolution` have them.

use super::{Check, OpError};
use crate::Dim;

/// A window along one axis of an operand.
///
/// The axis of size `n` is first *dilated*: `base_dilation − 1` holes come between neighbours, which makes
/// `d = (n − 1)·base_dilation + 1` places (0 where `n` is 0). Then `low` and `high` places are added around it (or taken
/// away where they are negative). The window has `size` places, of which neighbours are `dilation` apart, and moves by
/// `stride`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowAxis {
    pub size: Dim,
    pub stride: i64,
    pub low: Dim,
    pub high: Dim,
    pub base_dilation: i64,
    pub dilation: i64,
}

impl Default for WindowAxis {
    /// A window of one place.
    fn default() -> Self {
        WindowAxis { size: Dim::ONE, stride: 1, low: Dim::ZERO, high: Dim::ZERO, base_dilation: 1, dilation: 1 }
    }
}

impl WindowAxis {
    /// A window of a size that moves by one place and stays within the axis.
    pub fn of_size(size: impl Into<Dim>) -> Self {
        WindowAxis { size: size.into(), ..WindowAxis::default() }
    }

    /// The number of places of the window in a padded axis of size `n`.
    pub fn positions(&self, n: &Dim) -> Dim {
        if self.is_trivial() {
            return n.clone();
        }
        let padded = self.low.clone() + dilated(n, self.base_dilation) + self.high.clone();
        let span = dilated(&self.size, self.dilation);
        let steps = (padded - span).floor_div(&Dim::known(self.stride)).expect("the stride is positive");
        (steps + Dim::ONE).maximum(&Dim::ZERO)
    }

    /// Whether the window has one place and changes nothing.
    pub fn is_trivial(&self) -> bool {
        *self == WindowAxis::default()
    }
}

/// The places of a dilated axis.
pub fn dilated(size: &Dim, dilation: i64) -> Dim {
    if dilation == 1 {
        return size.clone();
    }
    match size.as_known() {
        Some(0) => Dim::ZERO,
        Some(size) => Dim::known((size - 1).saturating_mul(dilation).saturating_add(1)),
        None => ((size.clone() - Dim::ONE) * Dim::known(dilation) + Dim::ONE).maximum(&Dim::ZERO),
    }
}

/// The largest size, stride, dilation and padding of a window, so that places are computed without overflow.
const LARGEST: i64 = i32::MAX as i64;

/// Requires positive sizes, strides and dilations, none of which is beyond what a place is computed with.
pub(super) fn check_axis(window: &WindowAxis, axis: usize, check: &mut Check<'_>) -> Result<(), OpError> {
    let WindowAxis { size, stride, low, high, base_dilation, dilation } = window;
    check.at_least(size, &Dim::ONE, "c5", || format!("the window has size {size} along axis {axis}"))?;
    for (what, value, constraint) in
        [("stride", stride, "c7"), ("base dilation", base_dilation, "c9"), ("dilation", dilation, "c11")]
    {
        check.that(*value >= 1, constraint, || format!("{what} {value} of axis {axis} is not positive"))?;
        check.that(*value <= LARGEST, constraint, || format!("{what} {value} of axis {axis} is beyond {LARGEST}"))?;
    }
    for (what, dim) in [("size", size), ("low padding", low), ("high padding", high)] {
        let fits = dim.as_known().is_none_or(|value| value.unsigned_abs() <= LARGEST as u64);
        check.that(fits, "c5", || format!("{what} {dim} of axis {axis} is beyond {LARGEST}"))?;
    }
    Ok(())
}

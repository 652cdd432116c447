//! Windows with the sizes of a call.

use tancho_ir::Bindings;
use tancho_ir::ops::WindowAxis;

use crate::value::Failure;

/// A window along one axis.
pub(crate) struct Window {
    pub(crate) size: usize,
    stride: i64,
    low: i64,
    base_dilation: i64,
    dilation: i64,
}

impl Window {
    pub(crate) fn new(axis: &WindowAxis, bindings: &Bindings) -> Result<Self, Failure> {
        let WindowAxis { size, stride, low, high: _, base_dilation, dilation } = axis;
        let size = bindings.evaluate(size).and_then(|size| usize::try_from(size).ok()).ok_or(Failure::TooLarge)?;
        let low = bindings.evaluate(low).ok_or(Failure::TooLarge)?;
        Ok(Window { size, stride: *stride, low, base_dilation: *base_dilation, dilation: *dilation })
    }

    /// The element of an axis of `length` elements that the window's place `offset` covers when the window is at `place`;
    /// `None` in padding and in holes.
    pub(crate) fn element(&self, length: usize, place: usize, offset: usize) -> Option<usize> {
        let wide = |count: usize, step: i64| (count as i128).saturating_mul(i128::from(step));
        let padded = wide(place, self.stride).saturating_add(wide(offset, self.dilation));
        let dilated = padded - i128::from(self.low);
        let step = i128::from(self.base_dilation);
        let is_element = dilated >= 0 && dilated % step == 0 && dilated / step < length as i128;
        is_element.then(|| (dilated / step) as usize)
    }
}

/// The position in an operand of the element that a window covers, from its places and offsets along all axes.
pub(crate) fn covered(windows: &[Window], sizes: &[usize], places: &[usize], offsets: &[usize]) -> Option<usize> {
    let axes = windows.iter().zip(sizes).zip(places.iter().zip(offsets));
    axes.into_iter().try_fold(0, |position, ((window, &size), (&place, &offset))| {
        Some(position * size + window.element(size, place, offset)?)
    })
}

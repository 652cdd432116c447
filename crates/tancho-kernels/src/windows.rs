//! The left operand of a convolution as a matrix: a row for each place of the window, a column for each of its elements.
//!
//! The matrix is never made as a whole. A tile of a product asks for its rows of one block of columns (`gather`), which
//! stay in the second-level cache, and packs them from there.
//!
//! Rows are numbered in row-major order of (batch, place of the window), columns in that of (place within the window,
//! feature). Where the window reaches beyond the input, or into the holes of a dilated one, the element is zero.

use std::ops::Range;

use crate::element::Element;

/// What is known of the windows before the input's address is. Strides are in elements.
///
/// Places are computed without checks: sizes, strides and paddings are below 2⁴⁸, and windows and dilations below 2³².
#[derive(Clone, Debug)]
pub struct Windows {
    pub axes: Vec<WindowsAxis>,
    pub batch_stride: isize,
    pub features: usize,
    pub feature_stride: isize,
}

/// The window along one spatial axis.
#[derive(Clone, Copy, Debug)]
pub struct WindowsAxis {
    /// The size of the input.
    pub size: usize,
    /// The elements from one place of the input to the next.
    pub element_stride: isize,
    /// The number of places of the window, and the distance between them.
    pub positions: usize,
    pub stride: usize,
    /// The number of elements of the window, and the distance between them.
    pub window: usize,
    pub dilation: usize,
    /// The places before the first element of the input; negative where the window begins within.
    pub low: isize,
    /// The distance between elements of the input.
    pub base_dilation: usize,
}

impl WindowsAxis {
    /// The element of the input at a place of the dilated, padded axis.
    fn element(&self, place: isize) -> Option<isize> {
        let dilated = usize::try_from(place).ok()?;
        if self.base_dilation == 1 {
            return (dilated < self.size).then_some(place);
        }
        let (element, hole) = (dilated / self.base_dilation, dilated % self.base_dilation);
        (hole == 0 && element < self.size).then_some(element as isize)
    }
}

/// Elements of a window that are neighbours in the matrix and in the input.
struct Run {
    /// The first one's number among the columns that are gathered.
    column: usize,
    length: usize,
    /// From the input's element at the window's origin, where nothing is dilated.
    offset: isize,
    /// The first one's feature, and its place within the window along each axis, in places of the dilated input.
    feature: usize,
    places: Vec<isize>,
}

/// Writes some rows and columns of the matrix, row by row: `target[(row − rows.start) · columns.len() + column −
/// columns.start]`.
///
/// # Safety
/// `input` is readable for what the windows describe, `target` writable for the rows and columns.
pub(crate) unsafe fn gather<T: Element>(
    windows: &Windows,
    input: *const T,
    rows: Range<usize>,
    columns: Range<usize>,
    target: *mut T,
) {
    let runs = runs_of(windows, &columns);
    let merged = merge(&runs, windows.feature_stride);
    let (mut batch, mut positions) = split(windows, rows.start);
    let undilated = windows.axes.iter().all(|axis| axis.base_dilation == 1);
    for row in 0..rows.len() {
        // SAFETY: the row lies within the target.
        let target = unsafe { target.add(row * columns.len()) };
        let origins = windows.axes.iter().zip(&positions);
        let is_inside = undilated
            && origins.clone().all(|(axis, &position)| {
                let origin = (position * axis.stride) as isize - axis.low;
                origin >= 0 && origin + (((axis.window.max(1) - 1) * axis.dilation) as isize) < axis.size as isize
            });
        let batch_start = input.wrapping_offset(batch as isize * windows.batch_stride);
        if is_inside {
            let offset: isize = origins
                .map(|(axis, &position)| ((position * axis.stride) as isize - axis.low) * axis.element_stride)
                .sum();
            let origin = batch_start.wrapping_offset(offset);
            for run in &merged {
                // SAFETY: the whole window lies within the input.
                unsafe { copy_run(origin.wrapping_offset(run.1), windows.feature_stride, run.2, target.add(run.0)) };
            }
        } else {
            for run in &runs {
                let mut offset = Some(0isize);
                for ((axis, &position), place) in windows.axes.iter().zip(&positions).zip(&run.places) {
                    let place = (position * axis.stride) as isize - axis.low + place;
                    let element = axis.element(place);
                    offset = offset.zip(element).map(|(offset, element)| offset + element * axis.element_stride);
                }
                // SAFETY: the run lies within the target, and where there is an offset, within the input.
                unsafe {
                    let target = target.add(run.column);
                    match offset {
                        Some(offset) => {
                            let offset = offset + run.feature as isize * windows.feature_stride;
                            copy_run(batch_start.wrapping_offset(offset), windows.feature_stride, run.length, target);
                        }
                        None => (0..run.length).for_each(|place| *target.add(place) = T::ZERO),
                    }
                }
            }
        }
        // The next row: an odometer.
        let mut carry = true;
        for (position, axis) in positions.iter_mut().zip(&windows.axes).rev() {
            *position += 1;
            carry = *position == axis.positions;
            if !carry {
                break;
            }
            *position = 0;
        }
        batch += usize::from(carry);
    }
}

/// # Safety
/// Source and target are valid for so many elements at their strides.
#[inline(always)]
unsafe fn copy_run<T: Element>(source: *const T, stride: isize, length: usize, target: *mut T) {
    // SAFETY: the caller's contract.
    unsafe {
        if stride == 1 && length >= 8 {
            std::ptr::copy_nonoverlapping(source, target, length);
            return;
        }
        for place in 0..length {
            *target.add(place) = *source.wrapping_offset(place as isize * stride);
        }
    }
}

/// The batch and the places of the window of a row.
fn split(windows: &Windows, row: usize) -> (usize, Vec<usize>) {
    let mut positions = vec![0; windows.axes.len()];
    let mut rest = row;
    for (position, axis) in positions.iter_mut().zip(&windows.axes).rev() {
        *position = rest % axis.positions;
        rest /= axis.positions;
    }
    (rest, positions)
}

/// The columns as runs of features of one place within the window.
fn runs_of(windows: &Windows, columns: &Range<usize>) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut column = columns.start;
    while column < columns.end {
        let (place, feature) = (column / windows.features, column % windows.features);
        let length = (windows.features - feature).min(columns.end - column);
        let mut places = vec![0; windows.axes.len()];
        let mut rest = place;
        let mut offset = feature as isize * windows.feature_stride;
        for (place, axis) in places.iter_mut().zip(&windows.axes).rev() {
            *place = (rest % axis.window * axis.dilation) as isize;
            rest /= axis.window;
            offset += *place * axis.element_stride;
        }
        runs.push(Run { column: column - columns.start, length, offset, feature, places });
        column += length;
    }
    runs
}

/// The runs as (column, offset, length), neighbours in the input taken together.
fn merge(runs: &[Run], feature_stride: isize) -> Vec<(usize, isize, usize)> {
    let mut merged: Vec<(usize, isize, usize)> = Vec::with_capacity(runs.len());
    for run in runs {
        match merged.last_mut() {
            Some((_, offset, length)) if *offset + *length as isize * feature_stride == run.offset => {
                *length += run.length;
            }
            _ => merged.push((run.column, run.offset, run.length)),
        }
    }
    merged
}

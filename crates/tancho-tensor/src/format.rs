//! Arrays as text, nested in brackets as NumPy prints them, long axes shortened to their ends.

use std::fmt;

use crate::{Array, DType, Element, bf16, f16, with_element};

/// Axes longer than this are shortened to [`EDGE`] elements on each side, where the whole array has more than
/// [`THRESHOLD`] elements.
const THRESHOLD: usize = 1000;
const EDGE: usize = 3;

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<String> = with_element!(self.dtype(), T => {
            let elements = self.elements::<T>().expect("the dtype of the array");
            shown(self).into_iter().map(|position| cell(&elements[position])).collect()
        });
        let width = cells.iter().map(String::len).max().unwrap_or(0);
        let mut cells = cells.into_iter();
        write_axis(f, self, 0, width, &mut cells)
    }
}

fn cell<T: Element>(element: &T) -> String {
    if T::DTYPE.is_float() {
        // `Debug` keeps the decimal point of whole numbers and prints the shortest text that reads back the same.
        let text = format!("{element:?}");
        return if T::DTYPE.is_half() { shorter_half(T::DTYPE, &text).unwrap_or(text) } else { text };
    }
    element.to_string()
}

/// The shortest text that reads back as the same 16-bit float; that of the `f32` has more digits than needed.
fn shorter_half(dtype: DType, text: &str) -> Option<String> {
    let value: f32 = text.parse().ok()?;
    let rounded = |x: f32| if dtype == DType::F16 { f16::from_f32(x).to_f32() } else { bf16::from_f32(x).to_f32() };
    let mut shorter = (0..5).filter_map(|digits| format!("{value:.digits$e}").parse::<f32>().ok());
    shorter.find(|&short| rounded(short) == value).map(|short| format!("{short:?}"))
}

fn shortened(array: &Array) -> bool {
    array.len() > THRESHOLD
}

/// The indices shown on an axis of `size` elements.
fn indices(array: &Array, size: usize) -> Vec<usize> {
    // An empty array may have a long axis too.
    if (shortened(array) || array.is_empty()) && size > 2 * EDGE {
        (0..EDGE).chain(size - EDGE..size).collect()
    } else {
        (0..size).collect()
    }
}

/// The positions of the elements that are shown, in row-major order.
fn shown(array: &Array) -> Vec<usize> {
    if array.is_empty() {
        return Vec::new();
    }
    let mut positions = vec![0];
    for (&size, stride) in array.shape().iter().zip(array.shape().strides()) {
        let indices = indices(array, size);
        positions = positions.iter().flat_map(|base| indices.iter().map(move |index| base + index * stride)).collect();
    }
    positions
}

fn write_axis(
    f: &mut fmt::Formatter<'_>,
    array: &Array,
    axis: usize,
    width: usize,
    cells: &mut impl Iterator<Item = String>,
) -> fmt::Result {
    let Some(&size) = array.shape().get(axis) else {
        let cell = cells.next().unwrap_or_default();
        let width = if axis == 0 { 0 } else { width };
        return match array.dtype() {
            DType::Bool => write!(f, "{cell:<width$}"),
            _ => write!(f, "{cell:>width$}"),
        };
    };
    if array.is_empty() && axis + 1 == array.shape().rank() {
        return f.write_str("[]");
    }
    f.write_str("[")?;
    let last = axis + 1 == array.shape().rank();
    let indices = indices(array, size);
    for (place, _) in indices.iter().enumerate() {
        if place > 0 {
            separator(f, array, axis, last)?;
        }
        if place == EDGE && indices.len() < size {
            f.write_str("...")?;
            separator(f, array, axis, last)?;
        }
        write_axis(f, array, axis + 1, width, cells)?;
    }
    f.write_str("]")
}

fn separator(f: &mut fmt::Formatter<'_>, array: &Array, axis: usize, last: bool) -> fmt::Result {
    if last {
        return f.write_str(", ");
    }
    let blank_lines = array.shape().rank() - axis - 1;
    write!(f, ",{}{}", "\n".repeat(blank_lines), " ".repeat(axis + 1))
}

//! The text of windows: `size=[2, 2], strides=[2, 2], low=[0, 1], high=[0, 1]`. What is 1 (sizes of paddings: 0) along every
//! axis is left out, but for the sizes.

use std::fmt;

use super::cursor::Failure;
use super::parse::OpReader;
use super::{Attributes, List};
use crate::ops::WindowAxis;
use crate::{Dim, DimList, Dims};

pub(super) fn write_window<W: fmt::Write>(
    attributes: &mut Attributes<'_, W>,
    window: &[WindowAxis],
    sizes: bool,
) -> fmt::Result {
    let dims = |of: fn(&WindowAxis) -> &Dim| window.iter().map(|axis| of(axis).clone()).collect::<Dims>();
    let numbers = |of: fn(&WindowAxis) -> i64| window.iter().map(of).collect::<Vec<i64>>();
    if sizes {
        attributes.named("size", DimList(&dims(|axis| &axis.size)))?;
    }
    let list = |attributes: &mut Attributes<'_, W>, name: &str, values: Vec<i64>| match values.iter().all(|&x| x == 1) {
        true => Ok(()),
        false => attributes.named(name, List(&values)),
    };
    list(attributes, "strides", numbers(|axis| axis.stride))?;
    for (name, places) in [("low", dims(|axis| &axis.low)), ("high", dims(|axis| &axis.high))] {
        if places.iter().any(|dim| *dim != Dim::ZERO) {
            attributes.named(name, DimList(&places))?;
        }
    }
    list(attributes, "base_dilation", numbers(|axis| axis.base_dilation))?;
    list(attributes, "dilation", numbers(|axis| axis.dilation))
}

/// Reads a window; `axes` is the number of its axes where no sizes are written.
pub(super) fn read_window(reader: &mut OpReader<'_, '_>, axes: Option<usize>) -> Result<Vec<WindowAxis>, Failure> {
    let offset = reader.cursor.offset();
    let mut window: Vec<WindowAxis> = match axes {
        Some(count) => vec![WindowAxis::default(); count],
        None => {
            reader.cursor.attribute("size", false)?;
            reader.cursor.dims()?.into_iter().map(WindowAxis::of_size).collect()
        }
    };
    let strides = reader.optional("strides", |cursor| cursor.integers())?;
    let low = reader.optional("low", |cursor| cursor.dims())?;
    let high = reader.optional("high", |cursor| cursor.dims())?;
    let base_dilation = reader.optional("base_dilation", |cursor| cursor.integers())?;
    let dilation = reader.optional("dilation", |cursor| cursor.integers())?;
    let count = window.len();
    let fits = |len: Option<usize>| len.is_none_or(|len| len == count);
    let lengths = [&strides, &base_dilation, &dilation].map(|list| list.as_ref().map(Vec::len));
    let paddings = [&low, &high].map(|list| list.as_ref().map(|dims| dims.len()));
    if !lengths.into_iter().chain(paddings).all(fits) {
        return Err(Failure::new(offset, format!("the lists of a window are not all of length {count}")));
    }
    for (place, axis) in window.iter_mut().enumerate() {
        let number = |list: &Option<Vec<i64>>| list.as_ref().map_or(1, |list| list[place]);
        let dim = |list: &Option<Dims>| list.as_ref().map_or(Dim::ZERO, |list| list[place].clone());
        axis.stride = number(&strides);
        axis.low = dim(&low);
        axis.high = dim(&high);
        axis.base_dilation = number(&base_dilation);
        axis.dilation = number(&dilation);
    }
    Ok(window)
}

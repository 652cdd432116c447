//! The text of convolutions: `convolution %x, %k, lhs=[0, 3, 1, 2], rhs=[3, 2, 0, 1], output=[0, 3, 1, 2], strides=[2, 2]`.
//!
//! The axes are batch, feature, then the spatial ones; of the kernel, output feature, input feature, then the spatial ones.

use std::fmt;

use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use super::window::{read_window, write_window};
use super::{Attributes, List};
use crate::Op;
use crate::ops::{ConvAxes, ConvOp};

pub(super) const NAMES: [&str; 1] = ["convolution"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ConvOp) -> fmt::Result {
    let ConvOp { window, reversed, lhs, rhs, output, feature_groups, batch_groups } = op;
    for (name, axes) in [("lhs", lhs), ("rhs", rhs), ("output", output)] {
        let all: Vec<usize> = [axes.batch, axes.feature].into_iter().chain(axes.spatial.iter().copied()).collect();
        attributes.named(name, List(&all))?;
    }
    write_window(attributes, window, false)?;
    let along: Vec<usize> = (0..reversed.len()).filter(|&axis| reversed[axis]).collect();
    if !along.is_empty() {
        attributes.named("reversed", List(&along))?;
    }
    for (name, count) in [("feature_groups", feature_groups), ("batch_groups", batch_groups)] {
        if *count != 1 {
            attributes.named(name, count)?;
        }
    }
    Ok(())
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if name != "convolution" {
        return Ok(None);
    }
    reader.operands()?;
    let lhs = read_axes("lhs", reader)?;
    let rhs = read_axes("rhs", reader)?;
    let output = read_axes("output", reader)?;
    let window = read_window(reader, Some(lhs.spatial.len()))?;
    let offset = reader.cursor.offset();
    let along = reader.optional("reversed", |cursor| cursor.axes())?.unwrap_or_default();
    let mut reversed = vec![false; window.len()];
    for axis in along {
        *reversed
            .get_mut(axis)
            .ok_or_else(|| Failure::new(offset, format!("there is no spatial axis {axis} to reverse")))? = true;
    }
    let feature_groups = reader.optional("feature_groups", |cursor| cursor.integer("a number"))?.unwrap_or(1);
    let batch_groups = reader.optional("batch_groups", |cursor| cursor.integer("a number"))?.unwrap_or(1);
    let op = ConvOp { window, reversed, lhs, rhs, output, feature_groups, batch_groups };
    Ok(Some(Unfinished::Ready(Op::Conv(op))))
}

fn read_axes(name: &str, reader: &mut OpReader<'_, '_>) -> Result<ConvAxes, Failure> {
    reader.cursor.attribute(name, false)?;
    let offset = reader.cursor.offset();
    match reader.cursor.axes()?.as_slice() {
        &[batch, feature, ref spatial @ ..] => Ok(ConvAxes { batch, feature, spatial: spatial.to_vec() }),
        _ => Err(Failure::new(offset, "a batch axis and a feature axis are needed")),
    }
}

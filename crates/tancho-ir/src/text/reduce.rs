//! The text of reductions: `reduce_sum %x, axes=[1]`. The dtype of the indices of `argmax` is that of its result.

use std::fmt;

use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use super::{Attributes, List};
use crate::Op;
use crate::ops::{ReduceKind, ReduceOp};

pub(super) const NAMES: [&str; 8] =
    ["reduce_sum", "reduce_product", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "argmax", "argmin"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ReduceOp) -> fmt::Result {
    let ReduceOp { kind: _, axes } = op;
    attributes.named("axes", List(axes))
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    let first = reader.operands()?;
    reader.cursor.attribute("axes", first)?;
    let axes = reader.cursor.axes()?;
    let kind = match name {
        "reduce_sum" => ReduceKind::Sum,
        "reduce_product" => ReduceKind::Product,
        "reduce_max" => ReduceKind::Max,
        "reduce_min" => ReduceKind::Min,
        "reduce_and" => ReduceKind::And,
        "reduce_or" => ReduceKind::Or,
        "argmax" => {
            return Ok(Some(Unfinished::from_type(move |result| {
                Ok(Op::Reduce(ReduceOp { kind: ReduceKind::ArgMax(result.dtype), axes }))
            })));
        }
        _ => {
            return Ok(Some(Unfinished::from_type(move |result| {
                Ok(Op::Reduce(ReduceOp { kind: ReduceKind::ArgMin(result.dtype), axes }))
            })));
        }
    };
    Ok(Some(Unfinished::Ready(Op::Reduce(ReduceOp { kind, axes }))))
}

//! The text of folds with a body: `reduce %x, %init, axes=[1], body=@add`, `scan %x, %init, axis=0, body=@add`.

use std::fmt;

use super::Attributes;
use super::List;
use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use super::window::{read_window, write_window};
use crate::Op;
use crate::ops::FoldOp;

pub(super) const NAMES: [&str; 4] = ["reduce", "reduce_window", "select_and_scatter", "scan"];

/// The bodies are written by the printer, which knows under which names they stand in the text.
pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &FoldOp) -> fmt::Result {
    match op {
        FoldOp::Reduce { axes, body: _ } => attributes.named("axes", List(axes)),
        FoldOp::ReduceWindow { window, body: _ } | FoldOp::SelectAndScatter { window, select: _, scatter: _ } => {
            write_window(attributes, window, true)
        }
        FoldOp::Scan { axis, reverse, body: _ } => {
            attributes.named("axis", axis)?;
            if *reverse { attributes.named("reverse", true) } else { Ok(()) }
        }
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    reader.operands()?;
    let op = match name {
        "reduce" => {
            reader.cursor.attribute("axes", false)?;
            FoldOp::Reduce { axes: reader.cursor.axes()?, body: reader.region("body")? }
        }
        "reduce_window" => {
            let window = read_window(reader, None)?;
            FoldOp::ReduceWindow { window, body: reader.region("body")? }
        }
        "select_and_scatter" => {
            let window = read_window(reader, None)?;
            FoldOp::SelectAndScatter { window, select: reader.region("select")?, scatter: reader.region("scatter")? }
        }
        _ => {
            reader.cursor.attribute("axis", false)?;
            let axis = reader.cursor.integer("an axis")?;
            let reverse = reader.flag("reverse")?;
            FoldOp::Scan { axis, reverse, body: reader.region("body")? }
        }
    };
    Ok(Some(Unfinished::Ready(Op::Fold(op))))
}

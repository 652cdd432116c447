//! The text of effects: `print %x, %y, format="x {} y {}"`, `assert %holds, message="x is negative"`. They have no results:
//! `%0:0 = print format="here" : ()`.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::names::quoted;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::EffectOp;

pub(super) const NAMES: [&str; 2] = ["print", "assert"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &EffectOp) -> fmt::Result {
    match op {
        EffectOp::Print { format } => attributes.named("format", quoted(format)),
        EffectOp::Assert { message } => attributes.named("message", quoted(message)),
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    let op = match name {
        "print" => EffectOp::Print { format: read_text(reader, "format")? },
        "assert" => EffectOp::Assert { message: read_text(reader, "message")? },
        _ => return Ok(None),
    };
    Ok(Some(Unfinished::Ready(Op::Effect(op))))
}

/// The operands, and the attribute behind them.
fn read_text(reader: &mut OpReader<'_, '_>, name: &str) -> Result<std::sync::Arc<str>, Failure> {
    let first = reader.operands()?;
    reader.cursor.attribute(name, first)?;
    Ok(reader.cursor.string("a text in quotes")?.as_ref().into())
}

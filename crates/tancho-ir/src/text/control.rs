//! The text of calls: `call @softmax(%x)`. The function stands before in the text.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::ControlOp;

pub(super) const NAMES: [&str; 1] = ["call"];

pub(super) fn write_attributes<W: fmt::Write>(_: &mut Attributes<'_, W>, op: &ControlOp) -> fmt::Result {
    match op {
        // The printer writes the callee, since it knows under which name it stands in the text.
        ControlOp::Call(_) => Ok(()),
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if name != "call" {
        return Ok(None);
    }
    let callee = reader.callee()?;
    reader.cursor.expect_sign("(")?;
    if !reader.cursor.at_sign(")") {
        reader.operands()?;
    }
    reader.cursor.expect_sign(")")?;
    Ok(Some(Unfinished::Ready(Op::Control(ControlOp::Call(callee)))))
}

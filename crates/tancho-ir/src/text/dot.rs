//! The text of products: `dot_general %x, %y, batch=[0]x[0], contract=[2]x[1]`, where pairs of no axes are left out.

use std::fmt;

use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use super::{Attributes, List};
use crate::Op;
use crate::ops::DotOp;

pub(super) const NAMES: [&str; 1] = ["dot_general"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &DotOp) -> fmt::Result {
    let DotOp { lhs_batch, rhs_batch, lhs_contract, rhs_contract } = op;
    for (name, lhs, rhs) in [("batch", lhs_batch, rhs_batch), ("contract", lhs_contract, rhs_contract)] {
        if !lhs.is_empty() || !rhs.is_empty() {
            attributes.named(name, format_args!("{}x{}", List(lhs), List(rhs)))?;
        }
    }
    Ok(())
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if name != "dot_general" {
        return Ok(None);
    }
    let mut first = reader.operands()?;
    let (lhs_batch, rhs_batch) = read_pair("batch", &mut first, reader)?;
    let (lhs_contract, rhs_contract) = read_pair("contract", &mut first, reader)?;
    Ok(Some(Unfinished::Ready(Op::Dot(DotOp { lhs_batch, rhs_batch, lhs_contract, rhs_contract }))))
}

/// Reads `name=[…]x[…]`, or nothing.
fn read_pair(name: &str, first: &mut bool, reader: &mut OpReader<'_, '_>) -> Result<(Vec<usize>, Vec<usize>), Failure> {
    let cursor = &mut *reader.cursor;
    let next = if *first { cursor.peek() } else { cursor.peek_behind() };
    if next.text != name || (!*first && !cursor.at_sign(",")) {
        return Ok((Vec::new(), Vec::new()));
    }
    cursor.attribute(name, *first)?;
    *first = false;
    let lhs = cursor.axes()?;
    cursor.expect_word("x")?;
    Ok((lhs, cursor.axes()?))
}

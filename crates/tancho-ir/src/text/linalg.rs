//! The text of linear algebra: `cholesky %a, lower=true`, `triangular_solve %a, %b, left_side=true, lower=true`. Flags that
//! are false are left out.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::LinalgOp;

pub(super) const NAMES: [&str; 2] = ["cholesky", "triangular_solve"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &LinalgOp) -> fmt::Result {
    let flags = match *op {
        LinalgOp::Cholesky { lower } => [("left_side", false), ("lower", lower), ("", false), ("", false)],
        LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose } => {
            [("left_side", left_side), ("lower", lower), ("unit_diagonal", unit_diagonal), ("transpose", transpose)]
        }
    };
    flags.iter().filter(|(_, set)| *set).try_for_each(|(name, _)| attributes.named(name, true))
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    reader.operands()?;
    let op = match name {
        "cholesky" => LinalgOp::Cholesky { lower: reader.flag("lower")? },
        _ => LinalgOp::TriangularSolve {
            left_side: reader.flag("left_side")?,
            lower: reader.flag("lower")?,
            unit_diagonal: reader.flag("unit_diagonal")?,
            transpose: reader.flag("transpose")?,
        },
    };
    Ok(Some(Unfinished::Ready(Op::Linalg(op))))
}

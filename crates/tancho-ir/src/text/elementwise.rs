//! The text of elementwise ops: `add %x, %y`, `compare %x, %y, lt`. The dtype of `convert` is that of its result.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};

pub(super) fn names() -> Vec<&'static str> {
    let unary = UnaryOp::ALL.map(UnaryOp::name);
    let binary = BinaryOp::ALL.map(BinaryOp::name);
    let others = ["compare", "select", "convert", "reduce_precision", "clamp"];
    unary.into_iter().chain(binary).chain(others).collect()
}

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ElementwiseOp) -> fmt::Result {
    match op {
        ElementwiseOp::Compare(comparison) => attributes.bare(comparison.name()),
        ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits } => {
            attributes.named("exponent_bits", exponent_bits)?;
            attributes.named("mantissa_bits", mantissa_bits)
        }
        ElementwiseOp::Unary(_)
        | ElementwiseOp::Binary(_)
        | ElementwiseOp::Select
        | ElementwiseOp::Convert(_)
        | ElementwiseOp::Clamp => Ok(()),
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    let op = match name {
        "compare" => {
            reader.operands()?;
            return Ok(Some(Unfinished::Ready(Op::Elementwise(ElementwiseOp::Compare(read_comparison(reader)?)))));
        }
        "convert" => {
            reader.operands()?;
            return Ok(Some(Unfinished::from_type(|result| Ok(Op::Elementwise(ElementwiseOp::Convert(result.dtype))))));
        }
        "reduce_precision" => {
            reader.operands()?;
            reader.cursor.attribute("exponent_bits", false)?;
            let exponent_bits = reader.cursor.integer("a number of bits")?;
            reader.cursor.attribute("mantissa_bits", false)?;
            let mantissa_bits = reader.cursor.integer("a number of bits")?;
            let op = ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits };
            return Ok(Some(Unfinished::Ready(Op::Elementwise(op))));
        }
        "select" => ElementwiseOp::Select,
        "clamp" => ElementwiseOp::Clamp,
        name => {
            let unary = UnaryOp::ALL.into_iter().find(|op| op.name() == name).map(ElementwiseOp::Unary);
            let binary = || BinaryOp::ALL.into_iter().find(|op| op.name() == name).map(ElementwiseOp::Binary);
            match unary.or_else(binary) {
                Some(op) => op,
                None => return Ok(None),
            }
        }
    };
    reader.operands()?;
    Ok(Some(Unfinished::Ready(Op::Elementwise(op))))
}

fn read_comparison(reader: &mut OpReader<'_, '_>) -> Result<Comparison, Failure> {
    reader.cursor.expect_sign(",")?;
    let word = reader.cursor.peek().text;
    let comparison = Comparison::ALL.into_iter().find(|comparison| comparison.name() == word);
    let comparison = comparison.ok_or_else(|| reader.cursor.expected("`eq`, `ne`, `ge`, `gt`, `le` or `lt`"))?;
    reader.cursor.take();
    Ok(comparison)
}

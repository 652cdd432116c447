//! The text of control flow: `call @softmax(%x)`, `while %i, %x, condition=@less, body=@step`,
//! `case %i, %x, branches=[@a, @b]`, `custom_call %x, target="print"`. The functions stand before in the text.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::names::write_quoted;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::{ControlOp, CustomCall};

pub(super) const NAMES: [&str; 5] = ["call", "while", "case", "optimization_barrier", "custom_call"];

/// The graphs are written by the printer, which knows under which names they stand in the text.
pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ControlOp) -> fmt::Result {
    match op {
        ControlOp::Call(_)
        | ControlOp::While { condition: _, body: _ }
        | ControlOp::Case { branches: _ }
        | ControlOp::OptimizationBarrier => Ok(()),
        ControlOp::CustomCall(CustomCall { target, config, results: _, has_side_effect }) => {
            let quoted = |text: &str| {
                let mut out = String::new();
                let _ = write_quoted(&mut out, text);
                out
            };
            attributes.named("target", quoted(target))?;
            if !config.is_empty() {
                attributes.named("config", quoted(config))?;
            }
            if *has_side_effect { attributes.named("has_side_effect", true) } else { Ok(()) }
        }
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    let op = match name {
        "call" => {
            let callee = reader.callee()?;
            reader.cursor.expect_sign("(")?;
            if !reader.cursor.at_sign(")") {
                reader.operands()?;
            }
            reader.cursor.expect_sign(")")?;
            ControlOp::Call(callee)
        }
        "while" => {
            reader.operands()?;
            ControlOp::While { condition: reader.region("condition")?, body: reader.region("body")? }
        }
        "case" => {
            reader.operands()?;
            reader.cursor.attribute("branches", false)?;
            reader.cursor.expect_sign("[")?;
            let mut branches = vec![reader.callee()?];
            while reader.cursor.eat_sign(",") {
                branches.push(reader.callee()?);
            }
            reader.cursor.expect_sign("]")?;
            ControlOp::Case { branches }
        }
        "optimization_barrier" => {
            reader.operands()?;
            ControlOp::OptimizationBarrier
        }
        "custom_call" => {
            let first = reader.operands()?;
            reader.cursor.attribute("target", first)?;
            let target = reader.cursor.string("the name of a function in quotes")?.as_ref().into();
            let config = reader.optional("config", |cursor| cursor.string("a string"))?.unwrap_or_default();
            let config = config.as_ref().into();
            let has_side_effect = reader.flag("has_side_effect")?;
            return Ok(Some(Unfinished::from_types(move |results| {
                let results = results.to_vec();
                Ok(Op::Control(ControlOp::CustomCall(CustomCall { target, config, results, has_side_effect })))
            })));
        }
        _ => return Ok(None),
    };
    Ok(Some(Unfinished::Ready(Op::Control(op))))
}

//! The text of control flow: `call @softmax(%x)`, `call @f(%x), recompute`, `call @f(%x), gradient=@g`,
//! `while %i, %x, bound=?n, condition=@less, body=@step`, `case %i, %x, branches=[@a, @b]`, `custom_call %x, target="print"`. The functions stand before in the text.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::names::quoted;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::{CallGradient, ControlOp, CustomCall};

pub(super) const NAMES: [&str; 6] = ["call", "while", "case", "optimization_barrier", "stop_gradient", "custom_call"];

/// The graphs are written by the printer, which knows under which names they stand in the text.
pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ControlOp) -> fmt::Result {
    match op {
        ControlOp::Call { callee: _, gradient } => match gradient {
            CallGradient::Recompute => attributes.bare("recompute"),
            CallGradient::Through | CallGradient::Custom(_) => Ok(()),
        },
        ControlOp::While { condition: _, body: _, bound } => match bound {
            Some(bound) => attributes.named("bound", bound),
            None => Ok(()),
        },
        ControlOp::Case { branches: _ } | ControlOp::OptimizationBarrier | ControlOp::StopGradient => Ok(()),
        ControlOp::CustomCall(CustomCall { target, config, results: _, has_side_effect }) => {
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
            let is_next = |reader: &OpReader<'_, '_>, word: &str| {
                reader.cursor.at_sign(",") && reader.cursor.peek_behind().text == word
            };
            let gradient = if is_next(reader, "recompute") {
                reader.cursor.take();
                reader.cursor.take();
                CallGradient::Recompute
            } else if is_next(reader, "gradient") {
                CallGradient::Custom(reader.region("gradient")?)
            } else {
                CallGradient::Through
            };
            ControlOp::Call { callee, gradient }
        }
        "while" => {
            reader.operands()?;
            let bound = reader.optional("bound", |cursor| cursor.dim())?;
            ControlOp::While { condition: reader.region("condition")?, body: reader.region("body")?, bound }
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
        "stop_gradient" => {
            reader.operands()?;
            ControlOp::StopGradient
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

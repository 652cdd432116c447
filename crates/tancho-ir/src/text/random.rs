//! The text of random bits: `rng_bit_generator %state, algorithm=philox`. The type of the bits is that of the result.

use std::fmt;

use super::Attributes;
use super::cursor::Failure;
use super::lexer::Kind;
use super::parse::{OpReader, Unfinished};
use crate::Op;
use crate::ops::{RandomAlgorithm, RandomOp};

pub(super) const NAMES: [&str; 1] = ["rng_bit_generator"];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &RandomOp) -> fmt::Result {
    let RandomOp { algorithm, bits: _ } = op;
    attributes.named("algorithm", algorithm.name())
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if name != "rng_bit_generator" {
        return Ok(None);
    }
    reader.operands()?;
    reader.cursor.attribute("algorithm", false)?;
    let token = reader.cursor.expect_kind(Kind::Word, "`threefry` or `philox`")?;
    let algorithm = RandomAlgorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.name() == token.text)
        .ok_or_else(|| Failure::new(token.offset, "expected `threefry` or `philox`"))?;
    Ok(Some(Unfinished::from_types(move |types| match types {
        [_, bits] => Ok(Op::Random(RandomOp { algorithm, bits: bits.clone() })),
        _ => Err(Failure::new(token.offset, "rng_bit_generator has two results")),
    })))
}

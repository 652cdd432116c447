//! What a program does beside computing: printing, and stopping where something does not hold.
//!
//! Effects have no results. They happen even if nothing depends on them, and in the order of the graph's order edges.
//!
//! A *format* is a text in which each `{}` is the place of a value, and `{{` and `}}` are braces.

use std::fmt::Write as _;
use std::sync::Arc;

use tancho_tensor::{Array, DType};

use super::{Check, OpError, ResultTypes};
use crate::TensorType;

/// What a program does beside computing.
///
/// Effects have no results, and happen even if nothing depends on them. Those that the graph orders (`after(…)`) happen in
/// that order; a call, loop or branch whose graphs have effects is ordered like an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EffectOp {
    /// Prints a line: the format, with the operands in the places of its `{}`; `{{` and `}}` are braces.
    ///
    /// (C1) The format has one `{}` for each operand, and no other single brace.
    Print { format: Arc<str> },
    /// Stops the program with an error unless all elements of the first operand are true. The error has the message, with
    /// the other operands in the places of its `{}`, and the source line of the op.
    ///
    /// (C1) The first operand is of `bool`. (C2) The message has one `{}` for each other operand, and no other single brace.
    Assert { message: Arc<str> },
}

impl EffectOp {
    pub fn name(&self) -> &'static str {
        match self {
            EffectOp::Print { .. } => "print",
            EffectOp::Assert { .. } => "assert",
        }
    }
}

pub(super) fn infer(op: &EffectOp, operands: &[TensorType], check: &Check<'_>) -> Result<ResultTypes, OpError> {
    match op {
        // print_c1
        EffectOp::Print { format } => check_places(format, operands.len(), "c1", check)?,
        EffectOp::Assert { message } => {
            // assert_c1
            let (condition, values) = operands.split_first().ok_or_else(|| check.error("c1", "takes a condition"))?;
            check.that(condition.dtype == DType::Bool, "c1", || format!("the condition {condition} is no bool"))?;
            // assert_c2
            check_places(message, values.len(), "c2", check)?;
        }
    }
    Ok(ResultTypes::new())
}

fn check_places(format: &str, values: usize, constraint: &'static str, check: &Check<'_>) -> Result<(), OpError> {
    let pieces = split_format(format)
        .ok_or_else(|| check.error(constraint, format!("{format:?} has a single brace that is not in `{{}}`")))?;
    let places = pieces.iter().filter(|piece| matches!(piece, Piece::Place)).count();
    check.that(places == values, constraint, || format!("{format:?} has {places} places for {values} values"))
}

/// A part of a format.
enum Piece<'f> {
    /// A text without braces, or one brace.
    Text(&'f str),
    /// `{}`
    Place,
}

/// The parts of a format; `None` where it has a single brace.
fn split_format(format: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(start) = rest.find(['{', '}']) {
        pieces.push(Piece::Text(&rest[..start]));
        pieces.push(match rest.get(start..start + 2)? {
            "{}" => Piece::Place,
            "{{" | "}}" => Piece::Text(&rest[start..start + 1]),
            _ => return None,
        });
        rest = &rest[start + 2..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// A format with values in its places, as they display.
///
/// A format that fits no number of values stays as it is; a place without a value stays `{}`.
pub fn fill_format(format: &str, values: &[Array]) -> String {
    let Some(pieces) = split_format(format) else { return format.to_owned() };
    let mut values = values.iter();
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Place => match values.next() {
                // Writing to a string cannot fail.
                Some(value) => _ = write!(text, "{value}"),
                None => text.push_str("{}"),
            },
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, values: &[i32], expected: &str) {
        let values: Vec<Array> = values.iter().map(|&value| Array::scalar(value)).collect();
        assert_eq!(fill_format(format, &values), expected);
    }

    #[test]
    fn values_go_to_their_places() {
        check("", &[], "");
        check("x", &[], "x");
        check("{}", &[1], "1");
        check("a {}, b {}.", &[1, 2], "a 1, b 2.");
        check("{}{}{}", &[1, 2, 3], "123");
    }

    #[test]
    fn doubled_braces_are_braces() {
        check("{{}}", &[], "{}");
        check("{{{}}}", &[7], "{7}");
        check("}}{{ö{}", &[7], "}{ö7");
    }

    #[test]
    fn single_braces_are_no_format() {
        for format in ["{", "}", "a {", "{x}", "{ö}", "{} }", "}{", "{{}"] {
            assert!(split_format(format).is_none(), "{format}");
        }
    }
}

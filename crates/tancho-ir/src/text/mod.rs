//! The text form of graphs: it determines the graph, and the printer and the parser are inverse to one another.
//!
//! ```text
//! module     = function+                                   the last one is the graph, the others may be called
//! function   = "func" @name "(" [parameter ("," parameter)*] ")" "->" types "{" require* operation* return "}"
//! parameter  = %name ":" type [loc]
//! require    = "require" size ("=" | ">=") size [loc]
//! operation  = %name [":" count] "=" op operands attributes ":" types ["after" "(" %name ("," %name)* ")"] [loc]
//! return     = "return" [value ["as" string] ("," value ["as" string])*]
//! value      = %name ["#" index]
//! types      = type | "(" [type ("," type)*] ")"
//! type       = dtype "[" [size ("," size)*] "]"
//! size       = sums, differences and products of integers, ?symbols, "floordiv(x, y)", "mod(x, y)", "min(…)", "max(…)"
//! loc        = "loc" "(" [string ":" line ":" column] ("in" string ["at" string ":" line ":" column])* ")"
//! ```
//!
//! A value, function or symbol is named by letters, digits, `_` and `.`, or by a string: `%"dense/kernel:0"`. A value
//! whose name is a number has none; the printer numbers those anew. `;` begins a comment that ends with the line.
//!
//! What an op prints beside its operands stands in the file of its family, next to what reads it. Attributes that the
//! result type repeats (the sizes of `reshape`, the dtype of `convert`) are not printed.

mod lexer;
mod cursor;
mod literal;
mod names;
mod print;
mod parse;
mod elementwise;
mod shape;
mod reduce;
mod dot;
mod window;
mod conv;
mod fold;
mod index;
mod random;
mod linalg;
mod control;
mod effect;
#[cfg(test)]
mod tests;

pub use parse::{ParseError, ParseOptions, parse, parse_with};
pub use print::{PrintOptions, print};

pub(crate) use literal::write_array;
pub(crate) use names::write_quoted;
pub(crate) use print::{Place, print_lines, print_order};

use std::fmt;

use crate::Op;

/// The names of all ops, in the order of the families.
pub fn op_names() -> Vec<&'static str> {
    let mut names = elementwise::names();
    names.extend(shape::NAMES);
    names.extend(reduce::NAMES);
    names.extend(dot::NAMES);
    names.extend(conv::NAMES);
    names.extend(fold::NAMES);
    names.extend(index::NAMES);
    names.extend(random::NAMES);
    names.extend(linalg::NAMES);
    names.extend(control::NAMES);
    names.extend(effect::NAMES);
    names
}

/// Writes what an op has beside its operands, as it stands behind them: `axes=[1]`; nothing for many.
pub fn write_attributes(out: &mut impl fmt::Write, op: &Op) -> fmt::Result {
    let mut attributes = Attributes { out, any: false };
    match op {
        Op::Elementwise(op) => elementwise::write_attributes(&mut attributes, op),
        Op::Shape(op) => shape::write_attributes(&mut attributes, op),
        Op::Reduce(op) => reduce::write_attributes(&mut attributes, op),
        Op::Dot(op) => dot::write_attributes(&mut attributes, op),
        Op::Conv(op) => conv::write_attributes(&mut attributes, op),
        Op::Fold(op) => fold::write_attributes(&mut attributes, op),
        Op::Index(op) => index::write_attributes(&mut attributes, op),
        Op::Random(op) => random::write_attributes(&mut attributes, op),
        Op::Linalg(op) => linalg::write_attributes(&mut attributes, op),
        Op::Control(op) => control::write_attributes(&mut attributes, op),
        Op::Effect(op) => effect::write_attributes(&mut attributes, op),
    }
}

/// Writes attributes with commas between them.
struct Attributes<'a, W> {
    out: &'a mut W,
    any: bool,
}

impl<W: fmt::Write> Attributes<'_, W> {
    fn bare(&mut self, value: impl fmt::Display) -> fmt::Result {
        let separator = if std::mem::replace(&mut self.any, true) { ", " } else { "" };
        write!(self.out, "{separator}{value}")
    }

    fn named(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        self.bare(format_args!("{name}={value}"))
    }
}

/// Anything that prints, as a list in brackets: `[1, 0]`.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, item) in self.0.iter().enumerate() {
            let separator = if place > 0 { ", " } else { "" };
            write!(f, "{separator}{item}")?;
        }
        f.write_str("]")
    }
}

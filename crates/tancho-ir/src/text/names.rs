//! Names in the text form: plain where they can be, quoted where they must, and unique.

use std::collections::{HashMap, HashSet};
use std::fmt;

/// Writes a name behind its sigil: as it is where the lexer reads it back as one word, else as a string.
pub(crate) fn write_name(out: &mut impl fmt::Write, sigil: char, name: &str) -> fmt::Result {
    out.write_char(sigil)?;
    if is_plain(name) { out.write_str(name) } else { write_quoted(out, name) }
}

/// Letters, digits, `_` and `.`, and no digit at the front, since numbers name what has no name.
fn is_plain(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(word)
}

/// Writes a string with its quotes, so that it stays on one line.
pub(crate) fn write_quoted(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            c if c.is_control() => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

/// A string with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_quoted(&mut out, text);
    out
}

/// Reads the inside of a string back; `None` where an escape has no meaning.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        result.push(match rest.next()? {
            '"' => '"',
            '\\' => '\\',
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'u' => {
                let (digits, behind) = rest.as_str().strip_prefix('{')?.split_once('}')?;
                rest = behind.chars();
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        });
    }
    Some(result)
}

/// Gives names out, each once: a name that is taken gets a number, as in `x.1`.
#[derive(Default)]
pub(super) struct UniqueNames {
    taken: HashSet<String>,
    /// The last number that a name got.
    last: HashMap<String, usize>,
}

impl UniqueNames {
    pub(super) fn take(&mut self, name: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        let last = self.last.entry(name.to_owned()).or_insert(0);
        loop {
            *last += 1;
            let candidate = format!("{name}.{last}");
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

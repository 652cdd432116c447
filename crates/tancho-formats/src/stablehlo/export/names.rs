//! Names of values and functions: those of the graph where MLIR takes them, and each once.

use std::collections::{HashMap, HashSet};

/// The names that are taken in one function.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// The last number that was put behind a name.
    numbers: HashMap<String, usize>,
    /// The next name without a word.
    next: usize,
}

impl Names {
    /// A name that is not taken: `hint` if that is a name, else a number.
    pub(super) fn fresh(&mut self, hint: Option<&str>) -> String {
        match hint.filter(|hint| is_name(hint)) {
            Some(hint) => self.fresh_word(hint),
            None => {
                let name = self.next.to_string();
                self.next += 1;
                name
            }
        }
    }

    /// `word`, or `word_1` and so on.
    pub(super) fn fresh_word(&mut self, word: &str) -> String {
        if self.taken.insert(word.to_owned()) {
            return word.to_owned();
        }
        let number = self.numbers.entry(word.to_owned()).or_default();
        loop {
            *number += 1;
            let name = format!("{word}_{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// A word that MLIR takes for a value.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '-'))
}

/// A word for a function or a module from any text.
pub(super) fn word(text: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$') { c } else { '_' };
    let word: String = text.chars().map(legal).collect();
    match word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => word,
        false => format!("_{word}"),
    }
}

//! Cuts a text into tokens.
//!
//! A token that cannot be is a token too, of the kind [`Kind::Bad`], and the last one: so the parser reports what is wrong
//! before it first.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `add`, `f32`, `require`.
    Word,
    /// `12`, `1.5e-3`, `0x7fc00000`; without a sign.
    Number,
    /// The text is what stands between the quotes, escapes and all.
    String,
    /// `%name`; the text is the name, with its quotes if it has them.
    Value,
    /// `@name`
    Function,
    /// `?name`
    Symbol,
    /// One or more signs: `(`, `->`, `>=`, `...`.
    Sign,
    /// The end of the text.
    End,
    /// The text says what is wrong.
    Bad,
}

/// A piece of the text and its place in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    pub(super) offset: usize,
}

/// The tokens of a text; the last one is [`Kind::End`] or [`Kind::Bad`].
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut offset = 0;
    loop {
        offset = skip_blanks(text, offset);
        let (token, end) = token_at(text, offset);
        tokens.push(token);
        if matches!(token.kind, Kind::End | Kind::Bad) {
            return tokens;
        }
        offset = end;
    }
}

fn skip_blanks(text: &str, mut offset: usize) -> usize {
    loop {
        offset += span_of(&text[offset..], |c| c.is_ascii_whitespace());
        if !text[offset..].starts_with(';') {
            return offset;
        }
        offset += span_of(&text[offset..], |c| c != '\n');
    }
}

/// The length of the longest start of a text whose characters are all of a kind.
fn span_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn token_at(text: &str, offset: usize) -> (Token<'_>, usize) {
    let rest = &text[offset..];
    let token = |kind, from: usize, length: usize| {
        (Token { kind, text: &rest[from..from + length], offset }, offset + from + length)
    };
    let bad = |message| (Token { kind: Kind::Bad, text: message, offset }, offset);
    let Some(first) = rest.chars().next() else { return token(Kind::End, 0, 0) };
    match first {
        '%' | '@' | '?' => {
            let kind = match first {
                '%' => Kind::Value,
                '@' => Kind::Function,
                _ => Kind::Symbol,
            };
            if rest[1..].starts_with('"') {
                return match string_length(&rest[1..]) {
                    Some(length) => token(kind, 1, length),
                    None => bad("the string has no end on its line"),
                };
            }
            match span_of(&rest[1..], is_name) {
                0 => bad("expected a name behind the sign"),
                length => token(kind, 1, length),
            }
        }
        '"' => match string_length(rest) {
            Some(length) => {
                let (inner, _) = token(Kind::String, 1, length - 2);
                (inner, offset + length)
            }
            None => bad("the string has no end on its line"),
        },
        c if c.is_ascii_digit() => token(Kind::Number, 0, number_length(rest)),
        c if c.is_ascii_alphabetic() || c == '_' => token(Kind::Word, 0, span_of(rest, is_name)),
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => token(Kind::Sign, 0, sign.len()),
            None => bad("no token begins with this character"),
        },
    }
}

/// Longer ones first.
const SIGNS: [&str; 19] =
    ["...", "->", ">=", "(", ")", "[", "]", "{", "}", "<", ">", ",", ":", "=", "#", "*", "+", "-", "/"];

/// The length of a string with its quotes.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

fn number_length(text: &str) -> usize {
    let digits = |from: usize| span_of(&text[from..], |c| c.is_ascii_digit());
    if let Some(digits) = text.strip_prefix("0x") {
        return 2 + span_of(digits, |c| c.is_ascii_hexdigit());
    }
    let mut length = digits(0);
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        if digits(length + 1 + sign) > 0 {
            length += 1 + sign + digits(length + 1 + sign);
        }
    }
    length
}

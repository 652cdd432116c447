//! Text to tokens.
//!
//! A token is a slice of the text, and the lexer is a position that can be copied: whoever has to look ahead keeps a
//! copy and goes back to it. Nothing here allocates, so that a constant of a hundred megabytes costs one pass over its
//! bytes.

/// What a token is. Words and punctuation are told apart by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of the text.
    End,
    /// `stablehlo.add`, `dims`, `true`.
    Word,
    /// `%arg0`, `%12`; a `#1` after it is a token of its own.
    Value,
    /// `@main`, `@"a name"`.
    Symbol,
    /// `^bb0`.
    Block,
    /// `#loc1`, `#stablehlo.dot`, `#1`.
    Hash,
    /// `!stablehlo.token`.
    Bang,
    /// `12`, `0xFF`; a minus is a token of its own.
    Integer,
    /// `1.5`, `1.000000e+00`.
    Float,
    /// With its quotes.
    String,
    /// `(`, `->`, `{-#`, …
    Punctuation,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    /// With the sign that it starts with.
    pub text: &'a str,
    /// The offset of its first byte.
    pub start: usize,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Bytes that start no token, or one that does not end.
#[derive(Clone, Debug)]
pub struct LexError {
    pub offset: usize,
    pub expected: &'static str,
    pub found: String,
}

/// A position in the text.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Lexer { text, position: 0 }
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Goes to an offset, which is the start or the end of a token.
    pub fn set_position(&mut self, offset: usize) {
        self.position = offset;
    }

    pub fn next_token(&mut self) -> Result<Token<'a>, LexError> {
        self.skip_blanks();
        let start = self.position;
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(start) else {
            return Ok(Token { kind: Kind::End, text: "", start });
        };
        let (kind, end) = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Kind::Word, self.skip_while(start + 1, is_word_byte)),
            b'0'..=b'9' => self.lex_number(start),
            b'"' => (Kind::String, self.find_string_end(start)?),
            b'%' => (Kind::Value, self.lex_suffix(start)?),
            b'^' => (Kind::Block, self.lex_suffix(start)?),
            b'#' if bytes.get(start + 1) == Some(&b'-') => (Kind::Punctuation, self.lex_file_end(start)?),
            b'#' => (Kind::Hash, self.lex_suffix(start)?),
            b'!' => (Kind::Bang, self.lex_suffix(start)?),
            b'@' if bytes.get(start + 1) == Some(&b'"') => (Kind::Symbol, self.find_string_end(start + 1)?),
            b'@' => (Kind::Symbol, self.lex_suffix(start)?),
            _ => (Kind::Punctuation, self.lex_punctuation(start)?),
        };
        self.position = end;
        Ok(Token { kind, text: &self.text[start..end], start })
    }

    /// The end of the bracketed text that starts at this offset, with every kind of bracket and string inside.
    pub fn find_bracket_end(&self, start: usize) -> Result<usize, LexError> {
        let bytes = self.text.as_bytes();
        let mut open = Vec::new();
        let mut position = start;
        while let Some(&byte) = bytes.get(position) {
            position += 1;
            match byte {
                b'<' | b'(' | b'[' | b'{' => open.push(byte),
                b'"' => position = self.find_string_end(position - 1)?,
                b'-' if bytes.get(position) == Some(&b'>') => position += 1,
                b'>' | b')' | b']' | b'}' => {
                    if open.pop() != Some(opening(byte)) {
                        let found = format!("'{}'", char::from(byte));
                        return Err(LexError { offset: position - 1, expected: "brackets that match", found });
                    }
                    if open.is_empty() {
                        return Ok(position);
                    }
                }
                _ => {}
            }
        }
        Err(LexError { offset: bytes.len(), expected: "a closing bracket", found: "the end of the file".into() })
    }

    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                Some(b'/') if bytes.get(self.position + 1) == Some(&b'/') => {
                    self.position = self.skip_while(self.position, |byte| byte != b'\n');
                }
                _ => return,
            }
        }
    }

    fn skip_while(&self, start: usize, matches: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[start..];
        start + rest.iter().position(|byte| !matches(*byte)).unwrap_or(rest.len())
    }

    /// `12`, `0xFF`, `1.5e-3`. `4x8` is the number 4: the shapes of types are read by the type parser.
    fn lex_number(&self, start: usize) -> (Kind, usize) {
        let bytes = self.text.as_bytes();
        let at = |offset: usize| bytes.get(offset).copied().unwrap_or(0);
        if at(start) == b'0' && at(start + 1) == b'x' && at(start + 2).is_ascii_hexdigit() {
            return (Kind::Integer, self.skip_while(start + 2, |byte| byte.is_ascii_hexdigit()));
        }
        let mut end = self.skip_while(start, |byte| byte.is_ascii_digit());
        if at(end) != b'.' {
            return (Kind::Integer, end);
        }
        end = self.skip_while(end + 1, |byte| byte.is_ascii_digit());
        if matches!(at(end), b'e' | b'E') {
            let sign = usize::from(matches!(at(end + 1), b'+' | b'-'));
            if at(end + 1 + sign).is_ascii_digit() {
                end = self.skip_while(end + 1 + sign, |byte| byte.is_ascii_digit());
            }
        }
        (Kind::Float, end)
    }

    /// The name after `%`, `^`, `#`, `!` or `@`: digits, or a word that may have `-` in it.
    fn lex_suffix(&self, start: usize) -> Result<usize, LexError> {
        let bytes = self.text.as_bytes();
        let sign = bytes[start];
        let end = match bytes.get(start + 1) {
            Some(b'0'..=b'9') => self.skip_while(start + 1, |byte| byte.is_ascii_digit()),
            // A symbol or a type may stand directly before an arrow.
            _ if matches!(sign, b'@' | b'!') => self.skip_while(start + 1, is_word_byte),
            _ => self.skip_while(start + 1, |byte| is_word_byte(byte) || byte == b'-'),
        };
        if end == start + 1 {
            return Err(self.error(end, "a name"));
        }
        Ok(end)
    }

    /// The end of the string whose opening quote stands at this offset.
    fn find_string_end(&self, quote: usize) -> Result<usize, LexError> {
        let bytes = self.text.as_bytes();
        let mut position = quote + 1;
        loop {
            position = self.skip_while(position.min(bytes.len()), |byte| !matches!(byte, b'"' | b'\\' | b'\n'));
            match bytes.get(position) {
                Some(b'"') => return Ok(position + 1),
                Some(b'\\') => position += 2,
                _ => return Err(self.error(position, "the end of a string")),
            }
        }
    }

    fn lex_file_end(&self, start: usize) -> Result<usize, LexError> {
        if self.text.as_bytes()[start..].starts_with(b"#-}") { Ok(start + 3) } else { Err(self.error(start, "#-}")) }
    }

    fn lex_punctuation(&self, start: usize) -> Result<usize, LexError> {
        let rest = &self.text.as_bytes()[start..];
        for long in ["{-#", "->", "::"] {
            if rest.starts_with(long.as_bytes()) {
                return Ok(start + long.len());
            }
        }
        match rest[0] {
            b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'<' | b'>' => Ok(start + 1),
            b',' | b':' | b'=' | b'-' | b'+' | b'*' | b'?' | b'|' | b'/' => Ok(start + 1),
            _ => Err(self.error(start, "a token of MLIR")),
        }
    }

    fn error(&self, offset: usize, expected: &'static str) -> LexError {
        let found = match self.text.get(offset..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("{character:?}"),
            None => "the end of the file".into(),
        };
        LexError { offset, expected, found }
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.')
}

fn opening(closing: u8) -> u8 {
    match closing {
        b'>' => b'<',
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    }
}

//! Tokens to the syntax tree: a parser by recursive descent with one token of lookahead.
//!
//! This file has what all parts share: the current token, errors, the nesting limit, and the names of values. The
//! parts: `module` (files, modules, functions), `operations` (results, operands, the generic form, regions), `pretty`
//! (the spelling of each family of ops), `types`, `attributes`, `dialect`, `dense`, `locations`, `resources`.
//!
//! # Names of values
//! A name is bound to the values of its group (`%0:2` binds two) in a map; `scope_names` remembers the order, so that
//! the end of a region takes away what the region has bound. A function starts with an empty map.
//!
//! # Bounds
//! Nesting is limited ([`NESTING_LIMIT`]), aliases share what they stand for and are limited in size ([`ALIAS_LIMIT`]),
//! and lists grow with what was read: neither stack nor memory depend on a number that the text merely claims.

mod attributes;
mod dense;
mod dialect;
mod locations;
mod module;
mod operations;
mod pretty;
mod resources;
mod types;

use std::collections::HashMap;
use std::path::Path;

use super::error::{Position, SyntaxError};
use super::lexer::{Kind, LexError, Lexer, Token};
use super::syntax::{Attribute, Location, LocationId, Module, Type, Value, ValueId};

/// How deep regions, attributes, types and locations may be nested in one another, all together.
const NESTING_LIMIT: u32 = 64;

/// How many parts a type may have that is used without being written out (an alias, an encoding), and an attribute
/// alias that uses others. What an alias stands for is shared, but whoever compares or prints it goes through all of
/// it.
const ALIAS_LIMIT: u64 = 1024;

/// Reads a program; `file` is for the errors.
pub fn parse(file: &Path, text: &str) -> Result<Module, SyntaxError> {
    Parser::new(file, text)?.parse_file()
}

type Parsed<T> = Result<T, SyntaxError>;

/// What an alias stands for, and how many parts that has, with those of the aliases in it.
struct Alias<T> {
    value: T,
    parts: u64,
}

/// The values that a name stands for.
#[derive(Clone, Copy)]
struct Binding {
    first: u32,
    count: u32,
}

/// Where the parser stands, to go back to it.
#[derive(Clone, Copy)]
struct Mark<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
}

struct Parser<'a> {
    file: &'a Path,
    lexer: Lexer<'a>,
    token: Token<'a>,
    line_starts: Vec<u32>,
    depth: u32,

    attribute_aliases: HashMap<&'a str, Alias<Attribute>>,
    type_aliases: HashMap<&'a str, Alias<Type>>,
    /// The parts of types and attributes so far, with those of aliases wherever they are used.
    parts: u64,
    /// Whether the current attribute alias uses another one.
    uses_alias: bool,
    locations: Vec<Location>,
    location_aliases: HashMap<&'a str, LocationId>,

    /// The values of the current function.
    values: Vec<Value>,
    scope: HashMap<&'a str, Binding>,
    scope_names: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    fn new(file: &'a Path, text: &'a str) -> Parsed<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(SyntaxError {
                file: file.to_owned(),
                position: Position { line: 1, column: 1 },
                expected: "a text of less than 4 GiB".into(),
                found: format!("{} bytes", text.len()),
            });
        }
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(offset, _)| offset as u32 + 1)).collect();
        let mut parser = Parser {
            file,
            lexer: Lexer::new(text),
            token: Token { kind: Kind::End, text: "", start: 0 },
            line_starts,
            depth: 0,
            attribute_aliases: HashMap::new(),
            type_aliases: HashMap::new(),
            parts: 0,
            uses_alias: false,
            locations: Vec::new(),
            location_aliases: HashMap::new(),
            values: Vec::new(),
            scope: HashMap::new(),
            scope_names: Vec::new(),
        };
        parser.advance()?;
        Ok(parser)
    }

    // Tokens.

    /// Goes to the next token and returns the one it leaves.
    fn advance(&mut self) -> Parsed<Token<'a>> {
        let left = self.token;
        self.token = self.lexer.next_token().map_err(|error| self.lex_error(error))?;
        Ok(left)
    }

    /// Whether the current token is this word or punctuation.
    fn at(&self, text: &str) -> bool {
        self.token.text == text
    }

    fn eat(&mut self, text: &str) -> Parsed<bool> {
        let found = self.at(text);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.eat(text)? { Ok(()) } else { Err(self.unexpected(format!("'{text}'"))) }
    }

    fn expect_kind(&mut self, kind: Kind, expected: &str) -> Parsed<Token<'a>> {
        if self.token.kind == kind { self.advance() } else { Err(self.unexpected(expected)) }
    }

    fn mark(&self) -> Mark<'a> {
        Mark { lexer: self.lexer, token: self.token }
    }

    fn go_back(&mut self, mark: Mark<'a>) {
        self.lexer = mark.lexer;
        self.token = mark.token;
    }

    /// Goes to an offset of the text, and reads the token there.
    fn go_to(&mut self, offset: usize) -> Parsed<()> {
        self.lexer.set_position(offset);
        self.advance()?;
        Ok(())
    }

    /// Items with commas between them up to the closing bracket; the opening one has been read.
    fn parse_list(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.eat(close)? {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.eat(",")? {
                return self.expect(close);
            }
        }
    }

    /// An integer with its sign, in decimal or hexadecimal.
    fn parse_integer(&mut self) -> Parsed<i128> {
        let negative = self.eat("-")?;
        let place = self.token.start;
        let text = self.expect_kind(Kind::Integer, "an integer")?.text;
        let magnitude = match text.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16),
            None => text.parse(),
        };
        match magnitude {
            Ok(value) => Ok(if negative { -value } else { value }),
            Err(_) => Err(self.error(place, "an integer of at most 127 bits", text)),
        }
    }

    fn parse_i64(&mut self) -> Parsed<i64> {
        let place = self.token.start;
        let value = self.parse_integer()?;
        i64::try_from(value).map_err(|_| self.error(place, "an integer of 64 bits", value.to_string()))
    }

    /// `[1, 2, 3]`.
    fn parse_i64_list(&mut self) -> Parsed<Vec<i64>> {
        let mut values = Vec::new();
        self.expect("[")?;
        self.parse_list("]", |parser| {
            values.push(parser.parse_i64()?);
            Ok(())
        })?;
        Ok(values)
    }

    /// A string, without quotes and escapes.
    fn parse_string(&mut self) -> Parsed<String> {
        let token = self.expect_kind(Kind::String, "a string")?;
        self.unescape(token.start, token.text)
    }

    /// `@name`, without the sign.
    fn parse_symbol(&mut self) -> Parsed<String> {
        let token = self.expect_kind(Kind::Symbol, "a symbol")?;
        let name = &token.text[1..];
        if name.starts_with('"') { self.unescape(token.start + 1, name) } else { Ok(name.to_owned()) }
    }

    fn unescape(&self, place: usize, quoted: &str) -> Parsed<String> {
        let inner = &quoted[1..quoted.len() - 1];
        if !inner.contains('\\') {
            return Ok(inner.to_owned());
        }
        let mut bytes = Vec::with_capacity(inner.len());
        let mut rest = inner.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            if *first != b'\\' {
                bytes.push(*first);
                continue;
            }
            let (byte, length) = match after {
                [b'n', ..] => (b'\n', 1),
                [b't', ..] => (b'\t', 1),
                [b'"' | b'\\', ..] => (after[0], 1),
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    (16 * resources::digit(*high) + resources::digit(*low), 2)
                }
                _ => return Err(self.error(place, "one of the escapes \\n, \\t, \\\", \\\\, \\xx", "another one")),
            };
            bytes.push(byte);
            rest = &after[length..];
        }
        // Strings of MLIR are bytes; those that are no UTF-8 (serialized protocol buffers) only have to be carried.
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    // Errors.

    fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start as usize <= offset);
        let start = self.line_starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        Position { line: line as u32, column: offset as u32 - start + 1 }
    }

    fn error(&self, offset: usize, expected: impl Into<String>, found: impl Into<String>) -> SyntaxError {
        let position = self.position(offset);
        SyntaxError { file: self.file.to_owned(), position, expected: expected.into(), found: found.into() }
    }

    fn lex_error(&self, error: LexError) -> SyntaxError {
        self.error(error.offset, error.expected, error.found)
    }

    /// The current token is not what had to come.
    fn unexpected(&self, expected: impl Into<String>) -> SyntaxError {
        const SHOWN: usize = 40;
        let text = self.token.text;
        let found = match self.token.kind {
            Kind::End => "the end of the file".to_owned(),
            _ if text.chars().count() > SHOWN => format!("'{}…'", text.chars().take(SHOWN).collect::<String>()),
            _ => format!("'{text}'"),
        };
        self.error(self.token.start, expected, found)
    }

    /// Runs a part of the parser one level deeper.
    fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == NESTING_LIMIT {
            return Err(self.error(self.token.start, format!("at most {NESTING_LIMIT} levels of nesting"), "one more"));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    // Values.

    /// Binds a name (with its `%`) to new values of these types.
    fn define(&mut self, place: usize, name: &'a str, types: &[Type]) -> Parsed<Vec<ValueId>> {
        let first = self.values.len() as u32;
        let binding = Binding { first, count: types.len() as u32 };
        if self.scope.insert(name, binding).is_some() {
            return Err(self.error(place, "a name that is not in use", name));
        }
        self.scope_names.push(name);
        // A long name is not repeated for each of its many values.
        const STEM: usize = 64;
        let name = &name[1..];
        let name = if types.len() == 1 { name } else { name.get(..STEM).unwrap_or(name) };
        for (index, ty) in types.iter().enumerate() {
            let name = if types.len() == 1 { name.to_owned() } else { format!("{name}#{index}") };
            self.values.push(Value { name, ty: ty.clone() });
        }
        Ok((first..first + binding.count).map(ValueId).collect())
    }

    /// Forgets the values and names of the function before.
    fn start_function(&mut self) {
        self.values.clear();
        self.end_names(0);
    }

    /// Takes away the names that were bound after the first so many.
    fn end_names(&mut self, outer: usize) {
        for name in self.scope_names.drain(outer..) {
            self.scope.remove(name);
        }
    }

    /// Runs a part whose names end with it.
    fn scoped<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = self.scope_names.len();
        let result = part(self)?;
        self.end_names(outer);
        Ok(result)
    }

    fn at_operand(&self) -> bool {
        self.token.kind == Kind::Value
    }

    /// The use of a value: `%arg0`, `%0#1`.
    fn parse_operand(&mut self) -> Parsed<ValueId> {
        let name = self.expect_kind(Kind::Value, "a value")?;
        let Some(binding) = self.scope.get(name.text).copied() else {
            return Err(self.error(name.start, "a value that is defined before", name.text));
        };
        let mut index = 0;
        if self.token.kind == Kind::Hash && self.token.start == name.end() {
            index = match self.token.text[1..].parse() {
                Ok(index) if index < binding.count => index,
                _ => {
                    let found = format!("{}{}", name.text, self.token.text);
                    return Err(self.error(name.start, format!("one of {} results", binding.count), found));
                }
            };
            self.advance()?;
        }
        if binding.count == 0 {
            return Err(self.error(name.start, "a value", format!("{}, a group of none", name.text)));
        }
        Ok(ValueId(binding.first + index))
    }

    /// Values with commas between them, as many as there are.
    fn parse_operands(&mut self) -> Parsed<Vec<ValueId>> {
        let mut operands = Vec::new();
        while self.at_operand() {
            operands.push(self.parse_operand()?);
            if !self.eat(",")? {
                break;
            }
            // Behind the last value and its comma, keywords may follow.
            if !self.at_operand() && self.token.kind != Kind::Word {
                return Err(self.unexpected("a value"));
            }
        }
        Ok(operands)
    }
}

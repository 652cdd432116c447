//! A place in the tokens of a text, and what reads the parts that all lines have: sizes, types, spans.
//!
//! Every reader bounds its depth and the size of what it makes, so that no text takes the process down.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use tancho_tensor::DType;

use super::lexer::{Kind, Token, tokens};
use super::names::unescape;
use crate::{Dim, Dims, Location, Scope, Span, TensorType};

/// How deep brackets may nest.
pub(super) const MAX_NESTING: usize = 64;
/// The largest rank.
const MAX_RANK: usize = 64;
/// The most atoms in one size.
const MAX_DIM_SIZE: usize = 256;
/// The most terms in the number of elements of a type.
const MAX_PRODUCT_SIZE: usize = 4096;
/// The most scopes in one span.
const MAX_SCOPES: usize = 256;

/// What is wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Failure { offset, message: message.into() }
    }
}

/// A place in the tokens of a text.
pub(super) struct Cursor<'t> {
    tokens: Vec<Token<'t>>,
    place: usize,
    /// The names of files in spans, shared.
    files: HashMap<&'t str, Arc<str>>,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Cursor { tokens: tokens(text), place: 0, files: HashMap::new() }
    }

    pub(super) fn peek(&self) -> Token<'t> {
        self.tokens[self.place]
    }

    /// The token behind the next.
    pub(super) fn peek_behind(&self) -> Token<'t> {
        self.tokens[(self.place + 1).min(self.tokens.len() - 1)]
    }

    pub(super) fn offset(&self) -> usize {
        self.peek().offset
    }

    /// Takes the next token; the last one stays.
    pub(super) fn take(&mut self) -> Token<'t> {
        let token = self.peek();
        self.place = (self.place + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn at(&self, kind: Kind, text: &str) -> bool {
        let token = self.peek();
        token.kind == kind && token.text == text
    }

    pub(super) fn at_sign(&self, sign: &str) -> bool {
        self.at(Kind::Sign, sign)
    }

    pub(super) fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.at_sign(sign);
        if found {
            self.take();
        }
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at(Kind::Word, word);
        if found {
            self.take();
        }
        found
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), Failure> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), Failure> {
        if self.eat_word(word) { Ok(()) } else { Err(self.expected(&format!("`{word}`"))) }
    }

    pub(super) fn expect_kind(&mut self, kind: Kind, what: &str) -> Result<Token<'t>, Failure> {
        if self.peek().kind == kind { Ok(self.take()) } else { Err(self.expected(what)) }
    }

    /// The error that something else stands here.
    pub(super) fn expected(&self, what: &str) -> Failure {
        let token = self.peek();
        let found = match token.kind {
            Kind::Bad => return Failure::new(token.offset, token.text),
            Kind::End => "the end of the text".to_owned(),
            Kind::Word | Kind::Number | Kind::Sign => format!("`{}`", shortened(token.text)),
            Kind::String => format!("`\"{}\"`", shortened(token.text)),
            Kind::Value => format!("`%{}`", shortened(token.text)),
            Kind::Function => format!("`@{}`", shortened(token.text)),
            Kind::Symbol => format!("`?{}`", shortened(token.text)),
        };
        Failure::new(token.offset, format!("expected {what}, found {found}"))
    }

    /// The name that a token with a sigil holds.
    pub(super) fn name_of(token: Token<'t>) -> Result<Cow<'t, str>, Failure> {
        match token.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            None => Ok(Cow::Borrowed(token.text)),
            Some(text) => unescaped(text, token.offset),
        }
    }

    pub(super) fn string(&mut self, what: &str) -> Result<Cow<'t, str>, Failure> {
        let token = self.expect_kind(Kind::String, what)?;
        unescaped(token.text, token.offset)
    }

    pub(super) fn integer<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Failure> {
        let token = self.expect_kind(Kind::Number, what)?;
        token.text.parse().map_err(|_| Failure::new(token.offset, format!("`{}` is not {what}", shortened(token.text))))
    }

    /// Items in brackets with commas between them.
    pub(super) fn list<T>(
        &mut self,
        brackets: [&str; 2],
        mut item: impl FnMut(&mut Self) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.expect_sign(brackets[0])?;
        let mut items = Vec::new();
        if self.eat_sign(brackets[1]) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat_sign(brackets[1]) {
                return Ok(items);
            }
            if !self.eat_sign(",") {
                return Err(self.expected(&format!("`,` or `{}`", brackets[1])));
            }
        }
    }

    /// The start of an attribute, `name=`, with the comma before it where something stands before it.
    pub(super) fn attribute(&mut self, name: &str, first: bool) -> Result<(), Failure> {
        if !first {
            if !self.at_sign(",") || self.peek_behind().text != name {
                return Err(self.expected(&format!("`, {name}=`")));
            }
            self.take();
        }
        if !self.at(Kind::Word, name) {
            return Err(self.expected(&format!("`{name}=`")));
        }
        self.take();
        self.expect_sign("=")
    }

    /// A list of axes: `[0, 2]`.
    pub(super) fn axes(&mut self) -> Result<Vec<usize>, Failure> {
        self.list(["[", "]"], |cursor| cursor.integer("an axis"))
    }

    /// A list of integers, which may be negative.
    pub(super) fn integers(&mut self) -> Result<Vec<i64>, Failure> {
        self.list(["[", "]"], |cursor| {
            let offset = cursor.offset();
            cursor.dim()?.as_known().ok_or_else(|| Failure::new(offset, "expected an integer, found a symbol"))
        })
    }

    /// A list of sizes: `[?n, 3]`.
    pub(super) fn dims(&mut self) -> Result<Dims, Failure> {
        let offset = self.offset();
        let dims = SmallVec::from_vec(self.list(["[", "]"], Self::dim)?);
        if dims.len() > MAX_RANK {
            return Err(Failure::new(offset, format!("{} sizes are more than {MAX_RANK}", dims.len())));
        }
        Ok(dims)
    }

    pub(super) fn dim(&mut self) -> Result<Dim, Failure> {
        self.sum(0)
    }

    fn sum(&mut self, depth: usize) -> Result<Dim, Failure> {
        let offset = self.offset();
        if depth > MAX_NESTING {
            return Err(Failure::new(offset, format!("sizes nest deeper than {MAX_NESTING}")));
        }
        let negative = self.eat_sign("-");
        let mut terms = vec![self.product(negative, depth)?];
        while self.at_sign("+") || self.at_sign("-") {
            let negative = self.take().text == "-";
            terms.push(self.product(negative, depth)?);
            check_size(terms.iter().map(Dim::size).sum(), offset)?;
        }
        // In pairs, since each addition takes the time to sort its terms.
        while terms.len() > 1 {
            terms = terms
                .chunks(2)
                .map(|pair| pair.iter().skip(1).fold(pair[0].clone(), |sum, term| sum + term.clone()))
                .collect();
        }
        Ok(terms.pop().unwrap_or(Dim::ZERO))
    }

    fn product(&mut self, negative: bool, depth: usize) -> Result<Dim, Failure> {
        let offset = self.offset();
        let mut product = match self.peek() {
            // The least integer has no positive counterpart, so that the sign is read with the digits.
            token if negative && token.kind == Kind::Number => {
                self.take();
                let value = format!("-{}", token.text).parse();
                Dim::known(value.map_err(|_| Failure::new(offset, "the integer is out of range"))?)
            }
            _ if negative => -self.factor(depth)?,
            _ => self.factor(depth)?,
        };
        while self.eat_sign("*") {
            let factor = self.factor(depth)?;
            check_size(product.size().saturating_mul(factor.size()), offset)?;
            product = product * factor;
            check_size(product.size(), offset)?;
        }
        Ok(product)
    }

    fn factor(&mut self, depth: usize) -> Result<Dim, Failure> {
        let token = self.peek();
        match (token.kind, token.text) {
            (Kind::Number, _) => Ok(Dim::known(self.integer("a size")?)),
            (Kind::Symbol, _) => {
                self.take();
                Ok(Dim::symbol(Self::name_of(token)?))
            }
            (Kind::Sign, "(") => {
                self.take();
                let sum = self.sum(depth + 1)?;
                self.expect_sign(")")?;
                Ok(sum)
            }
            (Kind::Word, function @ ("floordiv" | "mod" | "min" | "max")) => {
                self.take();
                let arguments = self.list(["(", ")"], |cursor| cursor.sum(depth + 1))?;
                check_size(arguments.iter().map(Dim::size).sum(), token.offset)?;
                let zero = || Failure::new(token.offset, "a size is divided by zero");
                match (function, arguments.as_slice()) {
                    ("floordiv", [x, y]) => x.floor_div(y).ok_or_else(zero),
                    ("mod", [x, y]) => x.modulo(y).ok_or_else(zero),
                    ("min", [first, rest @ ..]) => Ok(rest.iter().fold(first.clone(), |x, y| x.minimum(y))),
                    ("max", [first, rest @ ..]) => Ok(rest.iter().fold(first.clone(), |x, y| x.maximum(y))),
                    (_, arguments) => Err(Failure::new(
                        token.offset,
                        format!("{} arguments do not fit `{function}`", arguments.len()),
                    )),
                }
            }
            _ => Err(self.expected("a size")),
        }
    }

    /// A type: `f32[?n, 3]`.
    pub(super) fn tensor_type(&mut self) -> Result<TensorType, Failure> {
        let token = self.expect_kind(Kind::Word, "a type such as `f32[2, 3]`")?;
        let dtype: DType = token.text.parse().map_err(|()| {
            let known: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
            let message = format!("unknown element type `{}`, not one of {}", shortened(token.text), known.join(", "));
            Failure::new(token.offset, message)
        })?;
        let dims = self.dims()?;
        if dims.iter().fold(1, |terms: usize, dim| terms.saturating_mul(dim.size())) > MAX_PRODUCT_SIZE {
            return Err(Failure::new(token.offset, "the number of elements is too long an expression"));
        }
        Ok(TensorType { dtype, dims })
    }

    /// One type, or any number of them in parentheses.
    pub(super) fn types(&mut self) -> Result<Vec<TensorType>, Failure> {
        if self.at_sign("(") { self.list(["(", ")"], Self::tensor_type) } else { Ok(vec![self.tensor_type()?]) }
    }

    /// `loc(…)`, if there is one.
    pub(super) fn span(&mut self) -> Result<Option<Span>, Failure> {
        if !self.eat_word("loc") {
            return Ok(None);
        }
        self.expect_sign("(")?;
        let location = if self.peek().kind == Kind::String { Some(self.location()?) } else { None };
        let mut scopes = Vec::new();
        while self.eat_word("in") {
            if scopes.len() == MAX_SCOPES {
                return Err(Failure::new(self.offset(), format!("more than {MAX_SCOPES} scopes")));
            }
            let name = self.string("the name of a scope in quotes")?;
            let location = if self.eat_word("at") { Some(self.location()?) } else { None };
            scopes.push((name, location));
        }
        self.expect_sign(")")?;
        let scope = scopes.into_iter().rev().fold(None, |parent, (name, location)| {
            Some(Arc::new(Scope { name: name.as_ref().into(), location, parent }))
        });
        Ok(Some(Span { location, scope }))
    }

    fn location(&mut self) -> Result<Location, Failure> {
        let token = self.peek();
        let name = self.string("a file name in quotes")?;
        let file = self.files.entry(token.text).or_insert_with(|| name.as_ref().into()).clone();
        self.expect_sign(":")?;
        let line = self.integer("a line number")?;
        self.expect_sign(":")?;
        Ok(Location { file, line, column: self.integer("a column number")? })
    }
}

fn unescaped(text: &str, offset: usize) -> Result<Cow<'_, str>, Failure> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    unescape(text).map(Cow::Owned).ok_or_else(|| Failure::new(offset, "the string has an unknown escape"))
}

fn check_size(size: usize, offset: usize) -> Result<(), Failure> {
    if size <= MAX_DIM_SIZE { Ok(()) } else { Err(Failure::new(offset, "the size is too long an expression")) }
}

/// A text for an error message: long ones lose their end.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

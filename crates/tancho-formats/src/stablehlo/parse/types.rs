//! Types.

use super::super::lexer::Kind;
use super::super::syntax::{ElementType, FunctionType, TensorType, Type};
use super::{Parsed, Parser};

impl Parser<'_> {
    /// Whether the current token starts a type that is one word.
    pub(super) fn at_type_word(&self) -> bool {
        let text = self.token.text;
        self.token.kind == Kind::Word
            && (matches!(text, "tensor" | "tuple" | "complex" | "vector" | "memref" | "none")
                || ElementType::from_name(text).is_some()
                || is_integer_type(text))
    }

    pub(super) fn parse_type(&mut self) -> Parsed<Type> {
        self.parts += 1;
        self.nested(Self::parse_type_inside)
    }

    fn parse_type_inside(&mut self) -> Parsed<Type> {
        match self.token.kind {
            Kind::Bang => return self.parse_dialect_type(),
            Kind::Punctuation if self.at("(") => {
                let function = self.parse_function_type()?;
                return Ok(Type::Function(function.into()));
            }
            Kind::Word if self.at_type_word() => {}
            _ => return Err(self.unexpected("a type")),
        }
        match self.token.text {
            "tensor" => self.parse_tensor_type(),
            "tuple" => {
                self.advance()?;
                self.expect("<")?;
                let mut types = Vec::new();
                self.parse_list(">", |parser| {
                    types.push(parser.parse_type()?);
                    Ok(())
                })?;
                Ok(Type::Tuple(types.into()))
            }
            "complex" => Ok(Type::Scalar(self.parse_element_type()?)),
            "vector" | "memref" => {
                let start = self.token.start;
                self.advance()?;
                self.parse_opaque_type(start)
            }
            "none" => {
                self.advance()?;
                Ok(Type::Opaque("none".into()))
            }
            text => {
                let element = ElementType::from_name(text);
                let text = self.advance()?.text;
                Ok(element.map_or_else(|| Type::Opaque(text.into()), Type::Scalar))
            }
        }
    }

    /// `(types) -> type` or `(types) -> (types)`.
    pub(super) fn parse_function_type(&mut self) -> Parsed<FunctionType> {
        let arguments = self.parse_types_in_parentheses()?;
        self.expect("->")?;
        Ok(FunctionType { arguments, results: self.parse_result_types()? })
    }

    pub(super) fn parse_types_in_parentheses(&mut self) -> Parsed<Vec<Type>> {
        let mut types = Vec::new();
        self.expect("(")?;
        self.parse_list(")", |parser| {
            types.push(parser.parse_type()?);
            Ok(())
        })?;
        Ok(types)
    }

    /// What stands after an arrow.
    pub(super) fn parse_result_types(&mut self) -> Parsed<Vec<Type>> {
        if self.at("(") { self.parse_types_in_parentheses() } else { Ok(vec![self.parse_type()?]) }
    }

    /// Types with commas between them, at least one.
    pub(super) fn parse_type_list(&mut self) -> Parsed<Vec<Type>> {
        let mut types = vec![self.parse_type()?];
        while self.eat(",")? {
            types.push(self.parse_type()?);
        }
        Ok(types)
    }

    /// `!stablehlo.token`, an alias, or what is kept as it is written.
    fn parse_dialect_type(&mut self) -> Parsed<Type> {
        let token = self.token;
        let name = &token.text[1..];
        if let Some(alias) = self.type_aliases.get(name) {
            self.parts += alias.parts;
            let ty = alias.value.clone();
            self.advance()?;
            return Ok(ty);
        }
        if matches!(name, "stablehlo.token" | "mhlo.token") {
            self.advance()?;
            return Ok(Type::Token);
        }
        if !name.contains('.') && self.lexer.text().as_bytes().get(token.end()) != Some(&b'<') {
            return Err(self.unexpected("a type alias that is defined before"));
        }
        self.advance()?;
        self.parse_opaque_type(token.start)
    }

    /// The rest of a type that is kept as it is written: the body in angle brackets, where there is one.
    fn parse_opaque_type(&mut self, start: usize) -> Parsed<Type> {
        let text = self.lexer.text();
        let mut end =
            start + text[start..].find(|c: char| !(c.is_ascii_alphanumeric() || "_$.!".contains(c))).unwrap_or(0);
        if self.at("<") {
            end = self.skip_brackets()?;
        }
        Ok(Type::Opaque(text[start..end].into()))
    }

    /// Skips from the opening bracket, the current token, to behind the closing one; returns where that is.
    pub(super) fn skip_brackets(&mut self) -> Parsed<usize> {
        let end = self.lexer.find_bracket_end(self.token.start).map_err(|error| self.lex_error(error))?;
        self.go_to(end)?;
        Ok(end)
    }

    /// `tensor<4x?xf32, encoding>`. The sizes are read from the bytes: `0x4` would be a hexadecimal number.
    fn parse_tensor_type(&mut self) -> Parsed<Type> {
        self.advance()?;
        if !self.at("<") {
            return Err(self.unexpected("'<'"));
        }
        let bytes = self.lexer.text().as_bytes();
        let mut position = self.token.end();
        let mut dims = Vec::new();
        let mut ranked = true;
        loop {
            let start = position;
            match bytes.get(position) {
                Some(b' ') if dims.is_empty() => {
                    position += 1;
                    continue;
                }
                Some(b'?') => {
                    dims.push(None);
                    position += 1;
                }
                Some(b'*') if dims.is_empty() => {
                    ranked = false;
                    position += 1;
                }
                Some(b'0'..=b'9') => {
                    while bytes.get(position).is_some_and(u8::is_ascii_digit) {
                        position += 1;
                    }
                    let digits = &self.lexer.text()[start..position];
                    let size = digits.parse::<i64>();
                    dims.push(Some(size.map_err(|_| self.error(start, "a size of 63 bits", digits))?));
                }
                _ => break,
            }
            if bytes.get(position) != Some(&b'x') {
                return Err(self.error(position, "'x' after a size", "something else"));
            }
            position += 1;
        }
        if dims.len() > LARGEST_RANK {
            return Err(self.error(position, format!("at most {LARGEST_RANK} dimensions"), dims.len().to_string()));
        }
        self.go_to(position)?;
        let element = self.parse_element_type()?;
        let mut encoding = None;
        if self.eat(",")? {
            let (place, before) = (self.token.start, self.parts);
            encoding = Some(self.parse_attribute()?.into());
            self.check_parts(place, before)?;
        }
        self.expect(">")?;
        Ok(if ranked {
            Type::Tensor(TensorType { dims: dims.into(), element, encoding })
        } else {
            Type::UnrankedTensor(element)
        })
    }

    fn parse_element_type(&mut self) -> Parsed<ElementType> {
        if self.at("complex") {
            self.advance()?;
            self.expect("<")?;
            let element = match self.token.text {
                "f32" => ElementType::ComplexF32,
                "f64" => ElementType::ComplexF64,
                _ if self.at_type_word() => ElementType::Other,
                _ => return Err(self.unexpected("f32 or f64")),
            };
            self.advance()?;
            self.expect(">")?;
            return Ok(element);
        }
        let place = self.token.start;
        match self.parse_type()? {
            Type::Scalar(element) => Ok(element),
            Type::Opaque(text) if text.starts_with("!quant.") => Ok(ElementType::Quantized),
            Type::Opaque(_) => Ok(ElementType::Other),
            other => Err(self.error(place, "an element type", other.to_string())),
        }
    }
}

/// No tensor has more dimensions.
const LARGEST_RANK: usize = 64;

/// `i3`, `si32`, `ui5`: integer types that are no element types of StableHLO.
fn is_integer_type(text: &str) -> bool {
    let digits = text.strip_prefix("si").or(text.strip_prefix("ui")).or(text.strip_prefix('i'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

//! Attributes of MLIR's own: numbers, strings, lists, dictionaries; `#…` is in `dialect`, `dense<…>` in `dense`.

use std::collections::HashSet;

use super::super::lexer::Kind;
use super::super::syntax::{Attribute, Attributes, DenseArray, ElementType, Type};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn parse_attribute(&mut self) -> Parsed<Attribute> {
        self.parts += 1;
        self.nested(Self::parse_attribute_inside)
    }

    fn parse_attribute_inside(&mut self) -> Parsed<Attribute> {
        match self.token.kind {
            Kind::String => {
                let text = self.parse_string()?;
                if self.eat(":")? {
                    self.parse_type()?;
                }
                Ok(Attribute::String(text.into()))
            }
            Kind::Integer | Kind::Float => self.parse_number(),
            Kind::Symbol => {
                let mut name = self.parse_symbol()?;
                while self.eat("::")? {
                    name.push_str("::");
                    name.push_str(&self.parse_symbol()?);
                }
                Ok(Attribute::Symbol(name.into()))
            }
            Kind::Hash => self.parse_hash_attribute(),
            Kind::Bang => Ok(Attribute::Type(self.parse_type()?)),
            Kind::Word => self.parse_word_attribute(),
            Kind::Punctuation => match self.token.text {
                "-" => self.parse_number(),
                "[" => {
                    self.advance()?;
                    let mut values = Vec::new();
                    self.parse_list("]", |parser| {
                        values.push(parser.parse_attribute()?);
                        Ok(())
                    })?;
                    Ok(Attribute::Array(values.into()))
                }
                "{" => {
                    let mut attributes = Attributes::new();
                    self.parse_attributes_into(&mut attributes)?;
                    Ok(Attribute::Dictionary(attributes.into()))
                }
                "(" => Ok(Attribute::Type(self.parse_type()?)),
                _ => Err(self.unexpected("an attribute")),
            },
            Kind::End | Kind::Value | Kind::Block => Err(self.unexpected("an attribute")),
        }
    }

    /// `{name = value, flag}`, where there is one.
    pub(super) fn parse_optional_attributes_into(&mut self, attributes: &mut Attributes) -> Parsed<()> {
        if self.at("{") { self.parse_attributes_into(attributes) } else { Ok(()) }
    }

    /// `{name = value, flag}`, added to what is there.
    pub(super) fn parse_attributes_into(&mut self, attributes: &mut Attributes) -> Parsed<()> {
        self.expect("{")?;
        let place = self.token.start;
        self.parse_list("}", |parser| {
            let name = match parser.token.kind {
                Kind::String => parser.parse_string()?,
                _ => parser.expect_kind(Kind::Word, "an attribute's name")?.text.to_owned(),
            };
            let value = if parser.eat("=")? { parser.parse_attribute()? } else { Attribute::Unit };
            attributes.push(name, value);
            Ok(())
        })?;
        self.check_distinct(place, attributes)
    }

    pub(super) fn check_distinct(&self, place: usize, attributes: &Attributes) -> Parsed<()> {
        let mut names = HashSet::with_capacity(attributes.len());
        match attributes.iter().find(|(name, _)| !names.insert(*name)) {
            Some((name, _)) => Err(self.error(place, "attributes with different names", format!("{name} twice"))),
            None => Ok(()),
        }
    }

    fn parse_word_attribute(&mut self) -> Parsed<Attribute> {
        let start = self.token.start;
        match self.token.text {
            "true" | "false" => Ok(Attribute::Bool(self.advance()?.text == "true")),
            "unit" => {
                self.advance()?;
                Ok(Attribute::Unit)
            }
            "array" => self.parse_dense_array(),
            "dense" => Ok(Attribute::Dense(self.parse_dense()?)),
            "dense_resource" => Ok(Attribute::Dense(self.parse_dense_resource()?)),
            "loc" => Ok(Attribute::Location(self.parse_location()?)),
            "affine_map" | "affine_set" | "sparse" | "opaque" | "strided" | "distinct" => {
                self.advance()?;
                if self.at("[") {
                    self.skip_brackets()?;
                }
                if !self.at("<") {
                    return Err(self.unexpected("'<'"));
                }
                let end = self.skip_brackets()?;
                let text = self.lexer.text()[start..end].into();
                if self.eat(":")? {
                    self.parse_type()?;
                }
                Ok(Attribute::Opaque(text))
            }
            _ if self.at_type_word() => Ok(Attribute::Type(self.parse_type()?)),
            _ => Err(self.unexpected("an attribute")),
        }
    }

    /// `1`, `-1.5`, `0x7F800000 : f32`, `3 : i32`.
    fn parse_number(&mut self) -> Parsed<Attribute> {
        let negative = self.at("-");
        let mark = self.mark();
        if negative {
            self.advance()?;
        }
        if self.token.kind == Kind::Float {
            let token = self.advance()?;
            let magnitude = self.parse_float_text(token.start, token.text)?;
            let value = if negative { -magnitude } else { magnitude };
            let ty = if self.eat(":")? { self.parse_type()? } else { Type::Scalar(ElementType::F64) };
            return Ok(Attribute::Float { value, ty });
        }
        self.go_back(mark);
        let place = self.token.start;
        let value = self.parse_integer()?;
        let ty = if self.eat(":")? { self.parse_type()? } else { Type::Scalar(ElementType::I64) };
        let bits = u64::try_from(value).ok();
        match ty {
            Type::Scalar(ElementType::I1) => Ok(Attribute::Bool(value != 0)),
            Type::Scalar(ElementType::F64) => match bits {
                Some(bits) => Ok(Attribute::Float { value: f64::from_bits(bits), ty }),
                None => Err(self.error(place, "the 64 bits of a float", value.to_string())),
            },
            Type::Scalar(ElementType::F32) => match bits.and_then(|bits| u32::try_from(bits).ok()) {
                Some(bits) => Ok(Attribute::Float { value: f32::from_bits(bits).into(), ty }),
                None => Err(self.error(place, "the 32 bits of a float", value.to_string())),
            },
            Type::Scalar(ElementType::BF16) => match bits.and_then(|bits| u16::try_from(bits).ok()) {
                Some(bits) => Ok(Attribute::Float { value: f32::from_bits(u32::from(bits) << 16).into(), ty }),
                None => Err(self.error(place, "the 16 bits of a float", value.to_string())),
            },
            _ => Ok(Attribute::Integer { value, ty }),
        }
    }

    pub(super) fn parse_float_text(&self, place: usize, text: &str) -> Parsed<f64> {
        text.parse().map_err(|_| self.error(place, "a float", text))
    }

    /// `array<i64: 1, 2>`, `array<i1: true>`, `array<i64>`.
    fn parse_dense_array(&mut self) -> Parsed<Attribute> {
        self.expect("array")?;
        self.expect("<")?;
        let place = self.token.start;
        let element = match self.parse_type()? {
            Type::Scalar(element) => element,
            other => return Err(self.error(place, "an element type", other.to_string())),
        };
        let is_float = matches!(element, ElementType::F32 | ElementType::F64 | ElementType::F16 | ElementType::BF16);
        let mut integers = Vec::new();
        let mut floats = Vec::new();
        if self.eat(":")? {
            self.parse_list(">", |parser| {
                match parser.token.text {
                    "true" | "false" if element == ElementType::I1 => {
                        integers.push(i64::from(parser.advance()?.text == "true"));
                    }
                    _ if is_float => floats.push(parser.parse_signed_float()?),
                    _ => integers.push(parser.parse_i64()?),
                }
                Ok(())
            })?;
        } else {
            self.expect(">")?;
        }
        let array =
            if is_float { DenseArray::Floats(element, floats) } else { DenseArray::Integers(element, integers) };
        Ok(Attribute::DenseArray(array.into()))
    }

    pub(super) fn parse_signed_float(&mut self) -> Parsed<f64> {
        let negative = self.eat("-")?;
        let token = match self.token.kind {
            Kind::Integer => self.advance()?,
            _ => self.expect_kind(Kind::Float, "a float")?,
        };
        let magnitude = self.parse_float_text(token.start, token.text)?;
        Ok(if negative { -magnitude } else { magnitude })
    }
}

/// `array<i64: …>`, the form in which lists of dimensions are kept.
pub(super) fn dense_i64_array(values: Vec<i64>) -> Attribute {
    Attribute::DenseArray(DenseArray::Integers(ElementType::I64, values).into())
}

/// `array<i32: …>`, the form in which the groups of operands and results are kept.
pub(super) fn dense_i32_array(values: Vec<i64>) -> Attribute {
    Attribute::DenseArray(DenseArray::Integers(ElementType::I32, values).into())
}

/// `value : i64`.
pub(super) fn i64_attribute(value: i64) -> Attribute {
    Attribute::Integer { value: value.into(), ty: Type::Scalar(ElementType::I64) }
}

/// `[values…] : i64` each.
pub(super) fn i64_array(values: &[i64]) -> Attribute {
    Attribute::Array(values.iter().copied().map(i64_attribute).collect())
}

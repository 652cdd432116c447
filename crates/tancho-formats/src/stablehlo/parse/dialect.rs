//! Attributes with a `#`: aliases, and those of the dialects.

use super::super::lexer::Kind;
use super::super::syntax::{Attribute, Attributes, Enum, Structured};
use super::attributes::{i64_array, i64_attribute};
use super::{Parsed, Parser};

/// The dialects whose attributes are read; those of others are kept as they are written.
fn is_known_dialect(dialect: &str) -> bool {
    matches!(dialect, "stablehlo" | "chlo" | "mhlo")
}

/// Attributes of the form `name<field = value, …>`.
fn has_named_fields(name: &str) -> bool {
    matches!(
        name,
        "dot"
            | "gather"
            | "scatter"
            | "channel_handle"
            | "output_operand_alias"
            | "type_extensions"
            | "dot_algorithm"
            | "ragged_dot"
            | "result_accuracy"
    )
}

impl<'a> Parser<'a> {
    pub(super) fn parse_hash_attribute(&mut self) -> Parsed<Attribute> {
        let token = self.token;
        let name = &token.text[1..];
        if let Some(alias) = self.attribute_aliases.get(name) {
            self.parts += alias.parts;
            self.uses_alias = true;
            let attribute = alias.value.clone();
            self.advance()?;
            return Ok(attribute);
        }
        let has_body = self.lexer.text().as_bytes().get(token.end()) == Some(&b'<');
        if !has_body && !name.contains('.') {
            if name.starts_with("loc") {
                self.advance()?;
                return Ok(Attribute::Location(self.location_alias(name)));
            }
            return Err(self.unexpected("an attribute alias that is defined before"));
        }
        self.advance()?;
        let (dialect, name) = name.split_once('.').unwrap_or((name, ""));
        if has_body && is_known_dialect(dialect) {
            if name == "conv" {
                return self.parse_convolution_numbers(dialect);
            }
            if name == "bounds" {
                return self.parse_bounds(dialect);
            }
            if has_named_fields(name) {
                return self.parse_structured(dialect, name);
            }
            if let Some(value) = self.parse_optional_enum(dialect, name)? {
                return Ok(value);
            }
        }
        let end = if has_body { self.skip_brackets()? } else { token.end() };
        Ok(Attribute::Opaque(self.lexer.text()[token.start..end].into()))
    }

    /// `<field = value, …>`.
    pub(super) fn parse_structured(&mut self, dialect: &str, name: &str) -> Parsed<Attribute> {
        let place = self.token.start;
        self.expect("<")?;
        self.eat("raw")?;
        let mut fields = Attributes::new();
        while !self.eat(">")? {
            let field = self.expect_kind(Kind::Word, "a field's name")?.text;
            self.expect("=")?;
            let value = if field == "bounds" { self.parse_bound_list("[", "]")? } else { self.parse_attribute()? };
            fields.push(field, value);
            // A comma may stand behind the last one, too.
            if !self.eat(",")? && !self.at(">") {
                return Err(self.unexpected("',' or '>'"));
            }
        }
        self.check_distinct(place, &fields)?;
        // `type_extensions<bounds = [4, ?]>` is the long spelling of `bounds<4, ?>`.
        let name = if name == "type_extensions" { "bounds" } else { name };
        Ok(structured(dialect, name, fields))
    }

    /// `<bounds>`, with `?` for a dimension without one.
    fn parse_bounds(&mut self, dialect: &str) -> Parsed<Attribute> {
        let mut fields = Attributes::new();
        fields.push("bounds", self.parse_bound_list("<", ">")?);
        Ok(structured(dialect, "bounds", fields))
    }

    fn parse_bound_list(&mut self, open: &str, close: &str) -> Parsed<Attribute> {
        let mut bounds = Vec::new();
        self.expect(open)?;
        self.parse_list(close, |parser| {
            let bound = if parser.eat("?")? { Attribute::Unit } else { i64_attribute(parser.parse_i64()?) };
            bounds.push(bound);
            Ok(())
        })?;
        Ok(Attribute::Array(bounds.into()))
    }

    /// `<kind VALUE>` after `#dialect`, `<VALUE>` after `#dialect.kind`; else stays where it is.
    fn parse_optional_enum(&mut self, dialect: &str, name: &str) -> Parsed<Option<Attribute>> {
        let mark = self.mark();
        self.expect("<")?;
        let mut kind = name;
        if name.is_empty() && self.token.kind == Kind::Word {
            kind = self.advance()?.text;
        }
        if self.token.kind == Kind::Word {
            let value = self.advance()?.text;
            if self.eat(">")? {
                return Ok(Some(enumeration(dialect, kind, value)));
            }
        }
        self.go_back(mark);
        Ok(None)
    }

    /// `<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>`, or the fields themselves in `<raw input_batch_dimension = 0, …>`.
    fn parse_convolution_numbers(&mut self, dialect: &str) -> Parsed<Attribute> {
        let mark = self.mark();
        self.expect("<")?;
        if self.eat("raw")? {
            self.go_back(mark);
            return self.parse_structured(dialect, "conv");
        }
        let numbers = self.parse_convolution_dimensions(dialect)?;
        self.expect(">")?;
        Ok(numbers)
    }

    /// `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`.
    pub(super) fn parse_convolution_dimensions(&mut self, dialect: &str) -> Parsed<Attribute> {
        let mut fields = Attributes::new();
        let names = ["input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions"];
        self.parse_dimension_letters(["b", "f"], names, &mut fields)?;
        self.expect("x")?;
        let names = ["kernel_input_feature_dimension", "kernel_output_feature_dimension", "kernel_spatial_dimensions"];
        self.parse_dimension_letters(["i", "o"], names, &mut fields)?;
        self.expect("->")?;
        let names = ["output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions"];
        self.parse_dimension_letters(["b", "f"], names, &mut fields)?;
        Ok(structured(dialect, "conv", fields))
    }

    /// `[b, 0, 1, f]`: where each of two letters stands, and where each spatial dimension does.
    fn parse_dimension_letters(&mut self, letters: [&str; 2], names: [&str; 3], fields: &mut Attributes) -> Parsed<()> {
        let place = self.token.start;
        let mut found = [None; 2];
        let mut spatial: Vec<(i64, i64)> = Vec::new();
        let mut index = 0;
        self.expect("[")?;
        self.parse_list("]", |parser| {
            let letter = letters.iter().position(|letter| parser.at(letter));
            match letter {
                Some(letter) if found[letter].is_none() => {
                    found[letter] = Some(index);
                    parser.advance()?;
                }
                Some(_) => return Err(parser.unexpected("each letter once")),
                None if parser.eat("?")? => {}
                None => spatial.push((parser.parse_i64()?, index)),
            }
            index += 1;
            Ok(())
        })?;
        spatial.sort_unstable();
        let complete = spatial.iter().enumerate().all(|(number, (dimension, _))| *dimension == number as i64);
        let ([Some(first), Some(second)], true) = (found, complete) else {
            let expected = format!("'{}', '{}' and the spatial dimensions from 0, each once", letters[0], letters[1]);
            return Err(self.error(place, expected, "others"));
        };
        fields.push(names[0], i64_attribute(first));
        fields.push(names[1], i64_attribute(second));
        let spatial: Vec<i64> = spatial.iter().map(|(_, index)| *index).collect();
        fields.push(names[2], i64_array(&spatial));
        Ok(())
    }
}

pub(super) fn enumeration(dialect: &str, name: &str, value: &str) -> Attribute {
    Attribute::Enum(Enum { dialect: dialect.into(), name: name.into(), value: value.into() }.into())
}

pub(super) fn structured(dialect: &str, name: &str, fields: Attributes) -> Attribute {
    Attribute::Structured(Structured { dialect: dialect.into(), name: name.into(), fields }.into())
}

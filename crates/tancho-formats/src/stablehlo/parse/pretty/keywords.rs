//! Attributes that stand behind the operands as `keyword = value`.

use super::super::super::lexer::Kind;
use super::super::super::syntax::{Attribute, Attributes, ElementType, Operation, Type};
use super::super::attributes::{dense_i64_array, i64_array};
use super::super::dialect::{enumeration, structured};
use super::super::{Parsed, Parser};
use super::dialect_of;

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    /// `[0, 1]`.
    I64List,
    /// `0`.
    I64,
    /// `0.1`.
    Float,
    /// `true`.
    Bool,
    /// `"ab,bc->ac"`.
    String,
    /// A word of this enumeration.
    Enum(&'static str),
    /// `[DEFAULT, HIGHEST]`.
    Precision,
    /// `<lhs_precision_type = tf32, …>`.
    Algorithm,
}

/// What the keyword of an op is, and the attribute's name in the generic form.
fn keyword_of(mnemonic: &str, keyword: &str) -> Option<(&'static str, Form)> {
    Some(match (mnemonic, keyword) {
        ("broadcast_in_dim" | "dynamic_broadcast_in_dim", "dims") => ("broadcast_dimensions", Form::I64List),
        ("broadcast", "sizes") => ("broadcast_sizes", Form::I64List),
        ("transpose", "dims") => ("permutation", Form::I64List),
        ("reverse", "dims") => ("dimensions", Form::I64List),
        ("dynamic_slice", "sizes") => ("slice_sizes", Form::I64List),
        ("pad", "low") => ("edge_padding_low", Form::I64List),
        ("pad", "high") => ("edge_padding_high", Form::I64List),
        ("pad", "interior") => ("interior_padding", Form::I64List),
        ("concatenate", "dim") => ("dimension", Form::I64),
        ("iota" | "dynamic_iota", "dim") => ("iota_dimension", Form::I64),
        ("get_dimension_size" | "set_dimension_size", "dim") => ("dimension", Form::I64),
        ("cholesky", "lower") => ("lower", Form::Bool),
        ("fft", "type") => ("fft_type", Form::Enum("fft_type")),
        ("fft", "length") => ("fft_length", Form::I64List),
        ("einsum" | "unary_einsum", "config") => ("einsum_config", Form::String),
        ("rng", "distribution") => ("rng_distribution", Form::Enum("rng_distribution")),
        ("rng_bit_generator", "algorithm") => ("rng_algorithm", Form::Enum("rng_algorithm")),
        ("dot" | "dot_general", "precision") => ("precision_config", Form::Precision),
        ("dot_general", "algorithm") => ("algorithm", Form::Algorithm),
        ("top_k", "k") => ("k", Form::I64),
        ("top_k", "is_stable") => ("is_stable", Form::Bool),
        ("expect_almost_eq" | "expect_almost_eq_const", "tolerance") => ("tolerance", Form::Float),
        ("expect_close", "max_ulp_difference") => ("max_ulp_difference", Form::I64),
        ("expect_close", "min_ulp_difference") => ("min_ulp_difference", Form::I64),
        _ => return None,
    })
}

impl Parser<'_> {
    /// `keyword = value, keyword = value`.
    pub(super) fn parse_keywords(&mut self, operation: &mut Operation) -> Parsed<()> {
        let mut dot_dimensions = Attributes::new();
        while self.token.kind == Kind::Word {
            let mark = self.mark();
            let token = self.advance()?;
            // An op without types may be followed by its location or by the next op.
            if !self.eat("=")? {
                self.go_back(mark);
                break;
            }
            match (mnemonic_of(&operation.name), token.text) {
                ("dot_general", "batching_dims") => self.parse_dimension_pair("batching", &mut dot_dimensions)?,
                ("dot_general", "contracting_dims") => self.parse_dimension_pair("contracting", &mut dot_dimensions)?,
                ("reduce_precision", "format") => self.parse_float_format(operation)?,
                (mnemonic, keyword) => {
                    let Some((name, form)) = keyword_of(mnemonic, keyword) else {
                        let expected = format!("a keyword of {}", operation.name);
                        return Err(self.error(token.start, expected, keyword));
                    };
                    let value = self.parse_keyword_value(&dialect_of(operation), form)?;
                    self.set(operation, name, value)?;
                }
            }
            if !self.eat(",")? {
                break;
            }
            if self.token.kind != Kind::Word {
                return Err(self.unexpected("a keyword"));
            }
        }
        if !dot_dimensions.is_empty() {
            let dimensions = structured(&dialect_of(operation), "dot", dot_dimensions);
            self.set(operation, "dot_dimension_numbers", dimensions)?;
        }
        Ok(())
    }

    fn parse_keyword_value(&mut self, dialect: &str, form: Form) -> Parsed<Attribute> {
        match form {
            Form::I64List => Ok(dense_i64_array(self.parse_i64_list()?)),
            Form::I64 => {
                let ty = Type::Scalar(ElementType::I64);
                Ok(Attribute::Integer { value: self.parse_integer()?, ty })
            }
            Form::Float => {
                let ty = Type::Scalar(ElementType::F64);
                Ok(Attribute::Float { value: self.parse_signed_float()?, ty })
            }
            Form::Bool => match self.token.text {
                "true" | "false" => Ok(Attribute::Bool(self.advance()?.text == "true")),
                _ => Err(self.unexpected("true or false")),
            },
            Form::String => Ok(Attribute::String(self.parse_string()?.into())),
            Form::Enum(name) => {
                let value = self.expect_kind(Kind::Word, "a word")?.text;
                Ok(enumeration(dialect, name, value))
            }
            Form::Precision => {
                let mut values = Vec::new();
                self.expect("[")?;
                self.parse_list("]", |parser| {
                    let value = parser.expect_kind(Kind::Word, "a precision")?.text;
                    values.push(enumeration(dialect, "precision", value));
                    Ok(())
                })?;
                Ok(Attribute::Array(values.into()))
            }
            Form::Algorithm => self.parse_structured(dialect, "dot_algorithm"),
        }
    }

    /// `[0] x [0]`: the batching or contracting dimensions of both sides.
    fn parse_dimension_pair(&mut self, kind: &str, fields: &mut Attributes) -> Parsed<()> {
        let (lhs, rhs) = (format!("lhs_{kind}_dimensions"), format!("rhs_{kind}_dimensions"));
        if fields.contains(&lhs) {
            return Err(self.unexpected("each keyword once"));
        }
        fields.push(lhs, i64_array(&self.parse_i64_list()?));
        self.expect("x")?;
        fields.push(rhs, i64_array(&self.parse_i64_list()?));
        Ok(())
    }

    /// `e5m10`.
    fn parse_float_format(&mut self, operation: &mut Operation) -> Parsed<()> {
        let token = self.expect_kind(Kind::Word, "a float format such as e5m10")?;
        let parts = token.text.strip_prefix('e').and_then(|text| text.split_once('m'));
        let numbers = parts.and_then(|(exponent, mantissa)| Some((exponent.parse().ok()?, mantissa.parse().ok()?)));
        let Some((exponent, mantissa)) = numbers else {
            return Err(self.error(token.start, "a float format such as e5m10", token.text));
        };
        self.set(operation, "exponent_bits", i32_attribute(i32::into(exponent)))?;
        self.set(operation, "mantissa_bits", i32_attribute(i32::into(mantissa)))
    }
}

/// `value : i32`.
pub(super) fn i32_attribute(value: i64) -> Attribute {
    Attribute::Integer { value: value.into(), ty: Type::Scalar(ElementType::I32) }
}

/// The part of an op's name behind the point.
fn mnemonic_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, mnemonic)| mnemonic)
}

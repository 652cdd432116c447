//! `stablehlo.convolution(%a, %b) dim_numbers = …, window = {…} {…} : (types) -> type`.

use super::super::super::lexer::Kind;
use super::super::super::syntax::{Attribute, Dense, DenseArray, ElementType, Elements, Operation, TensorType};
use super::super::attributes::dense_i64_array;
use super::super::{Parsed, Parser};
use super::dialect_of;

impl Parser<'_> {
    pub(super) fn parse_convolution(&mut self, mut operation: Operation) -> Parsed<Operation> {
        self.parse_operands_in_parentheses(&mut operation)?;
        self.expect("dim_numbers")?;
        self.expect("=")?;
        let numbers = self.parse_convolution_dimensions(&dialect_of(&operation))?;
        self.set(&mut operation, "dimension_numbers", numbers)?;
        self.expect(",")?;
        self.expect("window")?;
        self.expect("=")?;
        self.expect("{")?;
        self.parse_list("}", |parser| parser.parse_window_attribute(&mut operation))?;
        self.parse_optional_attributes_into(&mut operation.attributes)?;
        self.parse_function_signature(&mut operation)?;
        Ok(operation)
    }

    /// `stride = [1, 1]`, `pad = [[0, 0], [1, 1]]`, `reverse = [true, false]`, …
    fn parse_window_attribute(&mut self, operation: &mut Operation) -> Parsed<()> {
        let token = self.expect_kind(Kind::Word, "an attribute of the window")?;
        self.expect("=")?;
        let (name, value) = match token.text {
            "stride" => ("window_strides", dense_i64_array(self.parse_i64_list()?)),
            "lhs_dilate" => ("lhs_dilation", dense_i64_array(self.parse_i64_list()?)),
            "rhs_dilate" => ("rhs_dilation", dense_i64_array(self.parse_i64_list()?)),
            "pad" => ("padding", self.parse_padding()?),
            "reverse" => ("window_reversal", self.parse_reversal()?),
            other => return Err(self.error(token.start, "stride, pad, lhs_dilate, rhs_dilate or reverse", other)),
        };
        self.set(operation, name, value)
    }

    /// `[[0, 0], [1, 1]]`, which is `dense<…> : tensor<2x2xi64>`.
    fn parse_padding(&mut self) -> Parsed<Attribute> {
        let mut bytes = Vec::new();
        let mut rows = 0;
        self.expect("[")?;
        self.parse_list("]", |parser| {
            let place = parser.token.start;
            let pair = parser.parse_i64_list()?;
            if pair.len() != 2 {
                return Err(parser.error(place, "the padding before and behind", format!("{} numbers", pair.len())));
            }
            bytes.extend(pair.iter().flat_map(|value| value.to_le_bytes()));
            rows += 1;
            Ok(())
        })?;
        let ty = TensorType::new(&[Some(rows), Some(2)], ElementType::I64);
        Ok(Attribute::Dense(Dense { ty, elements: Elements::Bytes(bytes.into()) }))
    }

    /// `[true, false]`, or with 0 and 1.
    fn parse_reversal(&mut self) -> Parsed<Attribute> {
        let mut values = Vec::new();
        self.expect("[")?;
        self.parse_list("]", |parser| {
            values.push(match parser.token.text {
                "true" | "1" => 1,
                "false" | "0" => 0,
                _ => return Err(parser.unexpected("true or false")),
            });
            parser.advance()?;
            Ok(())
        })?;
        Ok(Attribute::DenseArray(DenseArray::Integers(ElementType::I1, values).into()))
    }
}

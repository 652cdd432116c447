//! `dense<…> : tensor<…>`: the elements come before their type.
//!
//! The parser notes where the literal starts, skips it, reads the type, and goes back to read the literal straight into
//! the bytes of this type: a constant takes no more than its own bytes.

use super::super::lexer::Kind;
use super::super::syntax::{Dense, ElementType, Elements, TensorType, Type};
use super::resources::decode_hex;
use super::{Mark, Parsed, Parser};

impl<'a> Parser<'a> {
    /// `dense<literal> : tensor<…>`.
    pub(super) fn parse_dense(&mut self) -> Parsed<Dense> {
        self.expect("dense")?;
        self.expect("<")?;
        let literal = self.mark();
        while !self.at(">") {
            if self.token.kind == Kind::End {
                return Err(self.unexpected("'>'"));
            }
            self.advance()?;
        }
        let end = self.token.start;
        self.expect(">")?;
        let ty = self.parse_dense_type()?;
        let after = self.mark();
        let elements = self.parse_elements(literal, end, &ty)?;
        self.go_back(after);
        Ok(Dense { ty, elements })
    }

    /// `dense_resource<name> : tensor<…>`; the bytes come at the end of the file.
    pub(super) fn parse_dense_resource(&mut self) -> Parsed<Dense> {
        self.expect("dense_resource")?;
        self.expect("<")?;
        let name = match self.token.kind {
            Kind::String => self.parse_string()?,
            _ => self.expect_kind(Kind::Word, "a resource's name")?.text.to_owned(),
        };
        self.expect(">")?;
        let ty = self.parse_dense_type()?;
        Ok(Dense { ty, elements: Elements::Resource(name.into()) })
    }

    fn parse_dense_type(&mut self) -> Parsed<TensorType> {
        self.expect(":")?;
        let place = self.token.start;
        match self.parse_type()? {
            Type::Tensor(ty) if ty.element_count().is_some() => Ok(ty),
            other => Err(self.error(place, "a tensor type whose sizes are known", other.to_string())),
        }
    }

    fn parse_elements(&mut self, literal: Mark<'a>, end: usize, ty: &TensorType) -> Parsed<Elements> {
        self.go_back(literal);
        let place = self.token.start;
        let count = ty.element_count().unwrap_or(0);
        if self.token.kind == Kind::String && ty.element.size() > 0 {
            let text = self.advance()?.text;
            let elements = self.decode_blob(place, text, ty.element, count)?;
            self.expect(">")?;
            return Ok(elements);
        }
        let Some(kind) = Literal::of(ty.element) else {
            return Ok(Elements::Text(self.lexer.text()[place..end].trim_end().into()));
        };
        let mut bytes = Vec::new();
        if self.at(">") {
            if count != 0 {
                return Err(self.error(place, format!("{count} elements"), "none"));
            }
            return Ok(Elements::Bytes(bytes.into()));
        }
        let elements = if self.at("[") {
            self.parse_elements_of(&ty.dims, kind, &mut bytes)?;
            Elements::Bytes(bytes.into())
        } else {
            self.parse_element(kind, &mut bytes)?;
            Elements::Splat(bytes.into())
        };
        self.expect(">")?;
        Ok(elements)
    }

    /// The list of the first of these dimensions, with the lists of the others inside.
    fn parse_elements_of(&mut self, dims: &[Option<i64>], kind: Literal, bytes: &mut Vec<u8>) -> Parsed<()> {
        let [size, inner @ ..] = dims else {
            return self.parse_element(kind, bytes);
        };
        let place = self.token.start;
        let size = size.unwrap_or(0);
        let mut found = 0;
        self.expect("[")?;
        self.parse_list("]", |parser| {
            found += 1;
            if found > size {
                return Err(parser.unexpected(format!("']' after {size} elements")));
            }
            parser.nested(|parser| parser.parse_elements_of(inner, kind, bytes))
        })?;
        if found == size { Ok(()) } else { Err(self.error(place, format!("{size} elements"), found.to_string())) }
    }

    /// One element: `1`, `-1.5`, `0x7F800000`, `true`, `(1.0, 2.0)`.
    fn parse_element(&mut self, kind: Literal, bytes: &mut Vec<u8>) -> Parsed<()> {
        match kind {
            Literal::Bool => {
                let place = self.token.start;
                let value = match self.token.text {
                    "true" | "false" => self.advance()?.text == "true",
                    _ => match self.parse_integer()? {
                        0 => false,
                        1 | -1 => true,
                        other => return Err(self.error(place, "a boolean", other.to_string())),
                    },
                };
                bytes.push(value.into());
            }
            Literal::Integer { bits, signed } => {
                let place = self.token.start;
                let value = self.parse_integer()?;
                let lowest = if signed { -(1i128 << (bits - 1)) } else { 0 };
                if value < lowest || value >= 1i128 << bits {
                    return Err(self.error(place, format!("an integer of {bits} bits"), value.to_string()));
                }
                let size = (bits as usize).div_ceil(8);
                let value = if signed { (value << (128 - bits)) >> (128 - bits) } else { value };
                bytes.extend_from_slice(&value.to_le_bytes()[..size]);
            }
            Literal::Float(float) => self.parse_float_element(float, bytes)?,
            Literal::Complex(part) => {
                self.expect("(")?;
                self.parse_float_element(part, bytes)?;
                self.expect(",")?;
                self.parse_float_element(part, bytes)?;
                self.expect(")")?;
            }
        }
        Ok(())
    }

    fn parse_float_element(&mut self, float: Float, bytes: &mut Vec<u8>) -> Parsed<()> {
        let place = self.token.start;
        let negative = self.eat("-")?;
        let token = match self.token.kind {
            Kind::Integer | Kind::Float => self.advance()?,
            Kind::Word if matches!(self.token.text, "inf" | "nan") => self.advance()?,
            _ => return Err(self.unexpected("a float")),
        };
        if let Some(digits) = token.text.strip_prefix("0x") {
            let bits = u64::from_str_radix(digits, 16)
                .ok()
                .filter(|bits| float.size() == 8 || bits >> (8 * float.size()) == 0);
            let Some(bits) = bits.filter(|_| !negative) else {
                return Err(self.error(place, format!("the {} bits of a float", 8 * float.size()), token.text));
            };
            bytes.extend_from_slice(&bits.to_le_bytes()[..float.size()]);
            return Ok(());
        }
        let invalid = |_| self.error(place, "a float", token.text);
        match float {
            Float::F64 => {
                let value: f64 = token.text.parse().map_err(invalid)?;
                bytes.extend_from_slice(&if negative { -value } else { value }.to_le_bytes());
            }
            Float::F32 => {
                let value: f32 = token.text.parse().map_err(invalid)?;
                bytes.extend_from_slice(&if negative { -value } else { value }.to_le_bytes());
            }
            Float::F16 | Float::BF16 => {
                let value: f64 = token.text.parse().map_err(invalid)?;
                let value = if negative { -value } else { value };
                let (exponent_bits, mantissa_bits) = if float == Float::F16 { (5, 10) } else { (8, 7) };
                bytes.extend_from_slice(&round_to_half(value, exponent_bits, mantissa_bits).to_le_bytes());
            }
        }
        Ok(())
    }

    /// `"0x…"`: the bytes of all elements, or of one that all are equal to.
    ///
    /// Booleans come as bytes or, from older versions, as bits.
    fn decode_blob(&self, place: usize, quoted: &str, element: ElementType, count: usize) -> Parsed<Elements> {
        let Some(blob) = decode_hex(&quoted[1..quoted.len() - 1]) else {
            return Err(self.error(place, "hexadecimal digits after \"0x", "others"));
        };
        let size = element.size();
        if element == ElementType::I1 {
            if blob.len() == count {
                return Ok(Elements::Bytes(blob.iter().map(|byte| u8::from(*byte != 0)).collect()));
            }
            if blob.len() == count.div_ceil(8) {
                return Ok(Elements::Bytes((0..count).map(|index| blob[index / 8] >> (index % 8) & 1).collect()));
            }
            if let [byte] = blob[..] {
                return Ok(Elements::Splat([u8::from(byte != 0)].into()));
            }
        } else if count.checked_mul(size) == Some(blob.len()) {
            return Ok(Elements::Bytes(blob.into()));
        } else if blob.len() == size {
            return Ok(Elements::Splat(blob.into()));
        }
        Err(self.error(place, format!("{count} elements of {size} bytes"), format!("{} bytes", blob.len())))
    }
}

/// How the elements of a type are written.
#[derive(Clone, Copy)]
enum Literal {
    Bool,
    Integer { bits: u32, signed: bool },
    Float(Float),
    Complex(Float),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Float {
    F16,
    BF16,
    F32,
    F64,
}

impl Float {
    fn size(self) -> usize {
        match self {
            Float::F16 | Float::BF16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }
}

impl Literal {
    /// `None` for a type whose literals are kept as they are written.
    fn of(element: ElementType) -> Option<Self> {
        let integer = |bits, signed| Some(Literal::Integer { bits, signed });
        match element {
            ElementType::I1 => Some(Literal::Bool),
            ElementType::I2 => integer(2, true),
            ElementType::I4 => integer(4, true),
            ElementType::I8 => integer(8, true),
            ElementType::I16 => integer(16, true),
            ElementType::I32 => integer(32, true),
            ElementType::I64 | ElementType::Index => integer(64, true),
            ElementType::UI2 => integer(2, false),
            ElementType::UI4 => integer(4, false),
            ElementType::UI8 => integer(8, false),
            ElementType::UI16 => integer(16, false),
            ElementType::UI32 => integer(32, false),
            ElementType::UI64 => integer(64, false),
            ElementType::F16 => Some(Literal::Float(Float::F16)),
            ElementType::BF16 => Some(Literal::Float(Float::BF16)),
            ElementType::F32 => Some(Literal::Float(Float::F32)),
            ElementType::F64 => Some(Literal::Float(Float::F64)),
            ElementType::ComplexF32 => Some(Literal::Complex(Float::F32)),
            ElementType::ComplexF64 => Some(Literal::Complex(Float::F64)),
            ElementType::F4E2M1FN | ElementType::F6E2M3FN | ElementType::F6E3M2FN | ElementType::F8E3M4 => None,
            ElementType::F8E4M3 | ElementType::F8E4M3FN | ElementType::F8E4M3FNUZ | ElementType::F8E4M3B11FNUZ => None,
            ElementType::F8E5M2 | ElementType::F8E5M2FNUZ | ElementType::F8E8M0FNU | ElementType::TF32 => None,
            ElementType::Quantized | ElementType::Other => None,
        }
    }
}

/// The bits of the nearest float (ties to even) with this many bits of exponent and mantissa, 16 with the sign.
///
/// The value is measured in steps of the smallest difference at its exponent; the division is exact, since the step is
/// a power of two. A step that rounds up to the next power of two carries into the exponent by itself.
fn round_to_half(value: f64, exponent_bits: u32, mantissa_bits: u32) -> u16 {
    let sign = u64::from(value.is_sign_negative()) << 15;
    let infinity = ((1u64 << exponent_bits) - 1) << mantissa_bits;
    if value.is_nan() {
        return (sign | infinity | 1 << (mantissa_bits - 1)) as u16;
    }
    let bias = (1i32 << (exponent_bits - 1)) - 1;
    let exponent = ((value.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    if exponent > bias {
        return (sign | infinity) as u16;
    }
    let exponent = exponent.max(1 - bias);
    let steps = (value.abs() / 2f64.powi(exponent - mantissa_bits as i32)).round_ties_even() as u64;
    let above_lowest = (exponent + bias - 1) as u64;
    (sign | (steps + (above_lowest << mantissa_bits)).min(infinity)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_half(value: f64, f16: u16, bf16: u16) {
        assert_eq!(round_to_half(value, 5, 10), f16, "{value} as f16");
        assert_eq!(round_to_half(value, 8, 7), bf16, "{value} as bf16");
    }

    #[test]
    fn halves_are_rounded_to_nearest() {
        check_half(0.0, 0x0000, 0x0000);
        check_half(-0.0, 0x8000, 0x8000);
        check_half(1.0, 0x3c00, 0x3f80);
        check_half(-2.5, 0xc100, 0xc020);
        check_half(65504.0, 0x7bff, 0x4780);
        check_half(65520.0, 0x7c00, 0x4780);
        check_half(1e300, 0x7c00, 0x7f80);
        check_half(f64::INFINITY, 0x7c00, 0x7f80);
        check_half(f64::NEG_INFINITY, 0xfc00, 0xff80);
        check_half(f64::NAN, 0x7e00, 0x7fc0);
        check_half(2f64.powi(-24), 0x0001, 0x3380);
        check_half(2f64.powi(-25), 0x0000, 0x3300);
        check_half(1.5 * 2f64.powi(-25), 0x0001, 0x3340);
        // Halfway between two neighbours: to the even one.
        check_half(1.0 + 2f64.powi(-11), 0x3c00, 0x3f80);
        check_half(1.0 + 3.0 * 2f64.powi(-11), 0x3c02, 0x3f80);
        check_half(1.0 + 2f64.powi(-8), 0x3c04, 0x3f80);
        check_half(1.0 + 3.0 * 2f64.powi(-8), 0x3c0c, 0x3f82);
    }
}

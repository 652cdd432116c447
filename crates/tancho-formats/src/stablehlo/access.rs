//! Typed access to the attributes of an op and to the elements of a constant.

use std::borrow::Cow;

use super::attribute::{Attribute, Attributes, Dense, DenseArray, Elements, Structured};
use super::syntax::Operation;
use super::types::{ElementType, Type};

impl Operation {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// The attribute as a list of integers; see [`Attribute::integers`].
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        self.attributes.integers(name)
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.attributes.integer(name)
    }

    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.attributes.boolean(name)
    }

    pub fn booleans(&self, name: &str) -> Option<Vec<bool>> {
        self.attributes.integers(name).map(|values| values.iter().map(|value| *value != 0).collect())
    }

    pub fn string(&self, name: &str) -> Option<&str> {
        self.attributes.string(name)
    }

    /// The value of an enumeration: `LT`, `FLOAT`, `THREE_FRY`.
    pub fn enumeration(&self, name: &str) -> Option<&str> {
        self.attribute(name)?.as_enum()
    }
}

impl Attributes {
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        self.get(name)?.integers()
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_integer()
    }

    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_boolean()
    }

    pub fn string(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_string()
    }
}

impl Attribute {
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Attribute::Integer { value, .. } => i64::try_from(*value).ok(),
            Attribute::Bool(value) => Some((*value).into()),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Attribute::Float { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// A boolean; an attribute without a value is true.
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Attribute::Bool(value) => Some(*value),
            Attribute::Unit => Some(true),
            _ => None,
        }
    }

    pub fn as_string(&self) -> Option<&str> {
        match self {
            Attribute::String(text) => Some(text),
            _ => None,
        }
    }

    /// The name of a symbol; of a nested one, its parts with `::` between them.
    pub fn as_symbol(&self) -> Option<&str> {
        match self {
            Attribute::Symbol(name) => Some(name),
            _ => None,
        }
    }

    /// The value of an enumeration: `DEFAULT`, `LT`.
    pub fn as_enum(&self) -> Option<&str> {
        match self {
            Attribute::Enum(value) => Some(&value.value),
            _ => None,
        }
    }

    pub fn as_structured(&self) -> Option<&Structured> {
        match self {
            Attribute::Structured(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_dense(&self) -> Option<&Dense> {
        match self {
            Attribute::Dense(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Attribute]> {
        match self {
            Attribute::Array(values) => Some(values),
            _ => None,
        }
    }

    pub fn as_dictionary(&self) -> Option<&Attributes> {
        match self {
            Attribute::Dictionary(values) => Some(values),
            _ => None,
        }
    }

    pub fn as_type(&self) -> Option<&Type> {
        match self {
            Attribute::Type(ty) => Some(ty),
            _ => None,
        }
    }

    /// A list of integers in any of its spellings: `array<i64: 1, 2>`, `dense<[1, 2]> : tensor<2xi64>`, `[1, 2]`.
    ///
    /// Booleans are 0 and 1. A constant of rank 2 (`padding`) comes flat, in row-major order.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match self {
            Attribute::DenseArray(array) => match &**array {
                DenseArray::Integers(_, values) => Some(values.clone()),
                // An empty array has no elements to tell its type by.
                DenseArray::Floats(_, values) => values.is_empty().then(Vec::new),
            },
            Attribute::Dense(dense) => dense.integers(),
            Attribute::Array(values) => values.iter().map(Attribute::as_integer).collect(),
            _ => None,
        }
    }
}

/// More elements than a list of dimensions, sizes or groups has, but far from what could exhaust memory.
const LONGEST_INTEGER_LIST: usize = 1 << 20;

impl Dense {
    /// The bytes of all elements (see [`Elements`]), a splat repeated; `None` if they are not decoded, or too many.
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match &self.elements {
            Elements::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Elements::Splat(element) => {
                let count = self.ty.element_count()?;
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(count.checked_mul(element.len())?).ok()?;
                for _ in 0..count {
                    bytes.extend_from_slice(element);
                }
                Some(Cow::Owned(bytes))
            }
            Elements::Text(_) | Elements::Resource(_) => None,
        }
    }

    /// The bytes of the one element that all are equal to, where the text says so or there is only one.
    pub fn splat(&self) -> Option<&[u8]> {
        match &self.elements {
            Elements::Splat(element) => Some(element),
            Elements::Bytes(bytes) => (self.ty.element_count() == Some(1)).then_some(&**bytes),
            Elements::Text(_) | Elements::Resource(_) => None,
        }
    }

    /// The elements of a constant of floats of 16, 32 or 64 bits, each exactly; `None` for others and if too many.
    pub fn floats(&self) -> Option<Vec<f64>> {
        let element = self.ty.element;
        self.bytes()?.chunks_exact(element.size().max(1)).map(|chunk| read_float(element, chunk)).collect()
    }

    /// The elements as integers, for lists that describe an op; `None` for floats and for very long constants.
    pub fn integers(&self) -> Option<Vec<i64>> {
        if self.ty.element_count()? > LONGEST_INTEGER_LIST {
            return None;
        }
        let bytes = self.bytes()?;
        let element = self.ty.element;
        let size = element.size().max(1);
        bytes.chunks_exact(size).map(|chunk| read_integer(element, chunk)).collect()
    }
}

/// Reads one little-endian float.
fn read_float(element: ElementType, bytes: &[u8]) -> Option<f64> {
    match element {
        ElementType::F32 => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        ElementType::F64 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        ElementType::BF16 => {
            let bits = u32::from(u16::from_le_bytes(bytes.try_into().ok()?));
            Some(f32::from_bits(bits << 16).into())
        }
        ElementType::F16 => {
            let bits = u16::from_le_bytes(bytes.try_into().ok()?);
            let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let magnitude = match exponent {
                0 => mantissa * 2f64.powi(-24),
                0x1f if mantissa == 0.0 => f64::INFINITY,
                0x1f => f64::NAN,
                _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
            };
            Some(if bits >> 15 == 1 { -magnitude } else { magnitude })
        }
        _ => None,
    }
}

/// Reads one little-endian integer.
fn read_integer(element: ElementType, bytes: &[u8]) -> Option<i64> {
    let signed = match element {
        ElementType::I2 | ElementType::I4 | ElementType::I8 | ElementType::I16 | ElementType::I32 => true,
        ElementType::I64 | ElementType::Index => true,
        ElementType::I1 | ElementType::UI2 | ElementType::UI4 | ElementType::UI8 | ElementType::UI16 => false,
        ElementType::UI32 | ElementType::UI64 => false,
        _ => return None,
    };
    let mut word = [if signed && bytes.last()? & 0x80 != 0 { 0xff } else { 0 }; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let value = i64::from_le_bytes(word);
    (signed || value >= 0).then_some(value)
}

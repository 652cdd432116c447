//! The values of constants as text.
//!
//! A scalar is its element, `1.5`; other arrays are nested lists, `dense<[[1, 2], [3, 4]]>`. Beyond [`LISTED`] elements
//! an array is one element, `dense<0.0>`, where all are the same, and else the bytes of its elements in hexadecimal, lowest
//! byte first: `dense<"0x0000803f…">`. Floats are the shortest decimal that reads back to the same bits, `inf`, `nan`, or
//! their bits, `0x7fc00001`, for the other NaNs. For people there is `dense<...>`, which does not read back.
//!
//! Memory is taken only for elements that the text holds; an array that repeats one element takes it from a budget that
//! the printer keeps to as well.

use std::fmt::Write as _;

use tancho_tensor::{Array, Buffer, DType, bf16, f16, round_to_odd};

use super::cursor::{Cursor, Failure, MAX_NESTING, shortened};
use super::lexer::{Kind, Token};
use crate::TensorType;

/// The most elements that are printed as a list.
const LISTED: usize = 64;
/// The most elements that one text makes by repetition.
pub(super) const REPETITION_BUDGET: usize = 1 << 26;

/// Writes the value of a constant.
pub(crate) fn write_array(out: &mut String, array: &Array, elide_above: Option<usize>, budget: &mut usize) {
    let (size, bytes) = (array.dtype().size(), array.buffer().bytes());
    if array.shape().rank() == 0 {
        write_element(out, array.dtype(), bytes);
        return;
    }
    out.push_str("dense<");
    let repeated = || bytes.chunks_exact(size).all(|element| *element == bytes[..size]);
    if array.is_empty() {
        out.push_str("[]");
    } else if array.len() > LISTED && array.len() <= *budget && repeated() {
        *budget -= array.len();
        write_element(out, array.dtype(), &bytes[..size]);
    } else if elide_above.is_some_and(|most| array.len() > most) {
        out.push_str("...");
    } else if array.len() > LISTED {
        write_bytes(out, bytes);
    } else {
        write_list(out, array, 0, &mut bytes.chunks_exact(size));
    }
    out.push('>');
}

fn write_list<'a>(out: &mut String, array: &Array, axis: usize, elements: &mut impl Iterator<Item = &'a [u8]>) {
    if axis == array.shape().rank() {
        if let Some(element) = elements.next() {
            write_element(out, array.dtype(), element);
        }
        return;
    }
    out.push('[');
    for place in 0..array.shape()[axis] {
        if place > 0 {
            out.push_str(", ");
        }
        write_list(out, array, axis + 1, elements);
    }
    out.push(']');
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * bytes.len() + 4);
    out.push_str("\"0x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out.push('"');
}

fn write_element(out: &mut String, dtype: DType, bytes: &[u8]) {
    macro_rules! number {
        ($t:ty) => {
            <$t>::from_le_bytes(bytes.try_into().expect("the bytes of one element"))
        };
    }
    // Writing to a string cannot fail. `Debug` of a float is its shortest exact decimal, with a point.
    let _ = match dtype {
        // The shortest decimal of the same number as `f32` reads back to it, since every 16-bit float is an `f32`.
        DType::F16 => match number!(f16) {
            x if !x.is_nan() => write!(out, "{:?}", x.to_f32()),
            x => write_nan(out, x.to_bits().into(), 16, f16::NAN.to_bits().into()),
        },
        DType::BF16 => match number!(bf16) {
            x if !x.is_nan() => write!(out, "{:?}", x.to_f32()),
            x => write_nan(out, x.to_bits().into(), 16, bf16::NAN.to_bits().into()),
        },
        DType::F32 => match number!(f32) {
            x if !x.is_nan() => write!(out, "{x:?}"),
            x => write_nan(out, x.to_bits().into(), 32, f32::NAN.to_bits().into()),
        },
        DType::F64 => match number!(f64) {
            x if !x.is_nan() => write!(out, "{x:?}"),
            x => write_nan(out, x.to_bits(), 64, f64::NAN.to_bits()),
        },
        DType::I8 => write!(out, "{}", number!(i8)),
        DType::I16 => write!(out, "{}", number!(i16)),
        DType::I32 => write!(out, "{}", number!(i32)),
        DType::I64 => write!(out, "{}", number!(i64)),
        DType::U8 => write!(out, "{}", number!(u8)),
        DType::U16 => write!(out, "{}", number!(u16)),
        DType::U32 => write!(out, "{}", number!(u32)),
        DType::U64 => write!(out, "{}", number!(u64)),
        DType::Bool => write!(out, "{}", bytes[0] != 0),
    };
}

fn write_nan(out: &mut String, bits: u64, width: usize, nan: u64) -> std::fmt::Result {
    match bits {
        bits if bits == nan => out.write_str("nan"),
        bits if bits == nan | 1 << (width - 1) => out.write_str("-nan"),
        bits => write!(out, "0x{bits:0digits$x}", digits = width / 4),
    }
}

/// The value of a constant as it stands in the text; its type, which stands behind it, says what it means.
pub(super) struct Literal<'t> {
    offset: usize,
    content: Content<'t>,
}

enum Content<'t> {
    Scalar(Element<'t>),
    List { elements: Vec<Element<'t>>, sizes: Vec<usize> },
    Repeated(Element<'t>),
    Bytes(&'t str),
}

#[derive(Clone, Copy)]
struct Element<'t> {
    negative: bool,
    token: Token<'t>,
}

/// Reads the value of a constant.
pub(super) fn read_literal<'t>(cursor: &mut Cursor<'t>) -> Result<Literal<'t>, Failure> {
    let offset = cursor.offset();
    let content = if cursor.eat_word("dense") {
        cursor.expect_sign("<")?;
        let content = read_dense(cursor)?;
        cursor.expect_sign(">")?;
        content
    } else {
        Content::Scalar(read_element(cursor, "a number or `dense<`")?)
    };
    Ok(Literal { offset, content })
}

fn read_dense<'t>(cursor: &mut Cursor<'t>) -> Result<Content<'t>, Failure> {
    if cursor.at_sign("...") {
        let message = "the value is left out here; a graph that is printed in full reads back";
        return Err(Failure::new(cursor.offset(), message));
    }
    if cursor.peek().kind == Kind::String {
        return Ok(Content::Bytes(cursor.take().text));
    }
    if !cursor.at_sign("[") {
        return Ok(Content::Repeated(read_element(cursor, "an element, a list or a string of bytes")?));
    }
    let (mut elements, mut sizes) = (Vec::new(), Vec::new());
    read_list(cursor, 0, &mut elements, &mut sizes)?;
    Ok(Content::List { elements, sizes })
}

/// Reads a list; the first list of each depth says how long the others are.
fn read_list<'t>(
    cursor: &mut Cursor<'t>,
    depth: usize,
    elements: &mut Vec<Element<'t>>,
    sizes: &mut Vec<usize>,
) -> Result<(), Failure> {
    let offset = cursor.offset();
    if depth == MAX_NESTING {
        return Err(Failure::new(offset, format!("lists nest deeper than {MAX_NESTING}")));
    }
    // The depth of the elements is known once the first is read; until then `sizes` holds the lists that are open.
    let first = elements.is_empty();
    if first && sizes.len() == depth {
        sizes.push(usize::MAX);
    }
    let items = cursor.list(["[", "]"], |cursor| {
        if cursor.at_sign("[") {
            if depth + 1 == sizes.len() && !elements.is_empty() {
                return Err(cursor.expected("an element, as before"));
            }
            return read_list(cursor, depth + 1, elements, sizes);
        }
        if depth + 1 != sizes.len() {
            return Err(cursor.expected("`[`, as before"));
        }
        elements.push(read_element(cursor, "an element or a list")?);
        Ok(())
    })?;
    match &mut sizes[depth] {
        size if *size == usize::MAX => *size = items.len(),
        size if *size == items.len() => {}
        size => return Err(Failure::new(offset, format!("a list of {} beside a list of {size}", items.len()))),
    }
    Ok(())
}

fn read_element<'t>(cursor: &mut Cursor<'t>, what: &str) -> Result<Element<'t>, Failure> {
    let negative = cursor.eat_sign("-");
    match cursor.peek().kind {
        Kind::Number => {}
        Kind::Word if matches!(cursor.peek().text, "true" | "false" | "inf" | "nan") => {}
        _ => return Err(cursor.expected(what)),
    }
    Ok(Element { negative, token: cursor.take() })
}

impl Literal<'_> {
    /// The array of a type.
    pub(super) fn into_array(self, expected: &TensorType, budget: &mut usize) -> Result<Array, Failure> {
        let fail = |message: String| Failure::new(self.offset, message);
        let shape = expected.known_shape().ok_or_else(|| fail(format!("a constant cannot be {expected}")))?;
        let dtype = expected.dtype;
        let count = shape.elements().filter(|count| count.checked_mul(dtype.size()).is_some());
        let count = count.ok_or_else(|| fail(format!("{expected} has more elements than memory can hold")))?;
        let mut bytes = Vec::new();
        match &self.content {
            Content::Scalar(element) => {
                if shape.rank() > 0 {
                    return Err(fail(format!("a number is no {expected}; write `dense<…>`")));
                }
                push_element(&mut bytes, dtype, element)?;
            }
            Content::List { elements, sizes } => {
                let fits = if count == 0 { elements.is_empty() } else { *sizes == *shape.sizes() };
                if !fits {
                    return Err(fail(format!("a list of sizes {sizes:?} is no {expected}")));
                }
                elements.iter().try_for_each(|element| push_element(&mut bytes, dtype, element))?;
            }
            Content::Repeated(element) => {
                push_element(&mut bytes, dtype, element)?;
                if count > *budget {
                    return Err(fail(format!("{expected} is too large to be made of one element")));
                }
                *budget -= count;
                bytes = bytes.repeat(count);
            }
            Content::Bytes(digits) => read_bytes(&mut bytes, digits, count * dtype.size()).map_err(fail)?,
        }
        let buffer = Buffer::copy_of(&bytes).map_err(|error| fail(error.to_string()))?;
        Array::from_buffer(dtype, shape, buffer).map_err(|error| fail(error.to_string()))
    }
}

fn read_bytes(bytes: &mut Vec<u8>, digits: &str, expected: usize) -> Result<(), String> {
    let digits = digits.strip_prefix("0x").ok_or("bytes begin with `0x`")?.as_bytes();
    if digits.len() % 2 != 0 || digits.len() / 2 != expected {
        return Err(format!("{} hexadecimal digits, but the type has {expected} bytes", digits.len()));
    }
    let digit = |byte: u8| (byte as char).to_digit(16).ok_or_else(|| "a byte is two hexadecimal digits".to_owned());
    for pair in digits.chunks_exact(2) {
        bytes.push((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
    }
    Ok(())
}

/// A float of a dtype as decimal text.
trait Decimal: Sized {
    fn from_decimal(text: &str) -> Option<Self>;
}

impl Decimal for f32 {
    fn from_decimal(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Decimal for f64 {
    fn from_decimal(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

// Rounding to odd on the way keeps what the last rounding needs to know.
impl Decimal for f16 {
    fn from_decimal(text: &str) -> Option<Self> {
        text.parse().ok().map(|value: f64| f16::from_f32(round_to_odd(value)))
    }
}

impl Decimal for bf16 {
    fn from_decimal(text: &str) -> Option<Self> {
        text.parse().ok().map(|value: f64| bf16::from_f32(round_to_odd(value)))
    }
}

fn parse_float<T: Decimal>(text: &str) -> Option<T> {
    T::from_decimal(text)
}

fn push_element(bytes: &mut Vec<u8>, dtype: DType, element: &Element<'_>) -> Result<(), Failure> {
    let sign = if element.negative { "-" } else { "" };
    let text = format!("{sign}{}", element.token.text);
    let fail = || Failure::new(element.token.offset, format!("`{}` is not of {dtype}", shortened(&text)));
    macro_rules! integer {
        ($t:ty) => {
            bytes.extend(text.parse::<$t>().map_err(|_| fail())?.to_le_bytes())
        };
    }
    macro_rules! float {
        ($t:ty, $bits:ty) => {
            bytes.extend(match text.strip_prefix("0x") {
                Some(digits) => <$bits>::from_str_radix(digits, 16).map_err(|_| fail())?.to_le_bytes(),
                None => {
                    let value: $t = parse_float(&text).ok_or_else(fail)?;
                    // A number that is too large does not become infinite in silence.
                    if value.is_infinite() && element.token.text != "inf" {
                        return Err(fail());
                    }
                    // The sign of a NaN is not in what Rust parses.
                    let value = if value.is_nan() {
                        <$t>::from_bits(<$t>::NAN.to_bits() | <$bits>::from(element.negative) << (<$bits>::BITS - 1))
                    } else {
                        value
                    };
                    value.to_bits().to_le_bytes()
                }
            })
        };
    }
    match dtype {
        DType::F16 => float!(f16, u16),
        DType::BF16 => float!(bf16, u16),
        DType::F32 => float!(f32, u32),
        DType::F64 => float!(f64, u64),
        DType::I8 => integer!(i8),
        DType::I16 => integer!(i16),
        DType::I32 => integer!(i32),
        DType::I64 => integer!(i64),
        DType::U8 => integer!(u8),
        DType::U16 => integer!(u16),
        DType::U32 => integer!(u32),
        DType::U64 => integer!(u64),
        DType::Bool => bytes.push(u8::from(text.parse::<bool>().map_err(|_| fail())?)),
    }
    Ok(())
}

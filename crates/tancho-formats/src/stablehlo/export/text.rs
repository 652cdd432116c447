//! Types, constants and attributes as MLIR writes them.

use std::fmt::Write as _;

use tancho_ir::{Dim, Location, Span, TensorType};
use tancho_tensor::{Array, DType, Element, bf16, f16};

/// Constants of more elements are written in hexadecimal digits.
const LISTED_ELEMENTS: usize = 16;

/// `f32`, `ui8`, `i1`.
pub(super) fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::F32 => "f32",
        DType::F64 => "f64",
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::U8 => "ui8",
        DType::U16 => "ui16",
        DType::U32 => "ui32",
        DType::U64 => "ui64",
        DType::Bool => "i1",
    }
}

/// `tensor<?x4xf32>`
pub(super) fn tensor_type(of: &TensorType) -> String {
    let mut out = "tensor<".to_owned();
    for dim in &of.dims {
        match dim.as_known() {
            // Writing to a string cannot fail.
            Some(size) => _ = write!(out, "{size}x"),
            None => out.push_str("?x"),
        }
    }
    out + element_type(of.dtype) + ">"
}

/// `(tensor<f32>, tensor<2xi1>)`, and without brackets where one type stands for results.
pub(super) fn type_list(types: &[TensorType]) -> String {
    let types: Vec<String> = types.iter().map(tensor_type).collect();
    format!("({})", types.join(", "))
}

/// `array<i64: 1, 2>`
pub(super) fn i64_array(values: impl IntoIterator<Item = i64>) -> String {
    dense_array("i64", values.into_iter().map(|value| value.to_string()))
}

/// `array<i1: true, false>`
pub(super) fn bool_array(values: &[bool]) -> String {
    dense_array("i1", values.iter().map(bool::to_string))
}

fn dense_array(of: &str, values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { format!("array<{of}>") } else { format!("array<{of}: {}>", values.join(", ")) }
}

/// `array<i64: 1, 2>` of axes.
pub(super) fn axis_array(axes: &[usize]) -> String {
    i64_array(axes.iter().map(|&axis| axis as i64))
}

/// `[0, 1]`
pub(super) fn axis_list(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    format!("[{}]", axes.join(", "))
}

/// `dense<[[1, 2]]> : tensor<1x2xi64>`
pub(super) fn pairs(pairs: &[(i64, i64)]) -> String {
    if pairs.is_empty() {
        return "dense<> : tensor<0x2xi64>".into();
    }
    let list: Vec<String> = pairs.iter().map(|(low, high)| format!("[{low}, {high}]")).collect();
    format!("dense<[{}]> : tensor<{}x2xi64>", list.join(", "), pairs.len())
}

/// A string between quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for byte in text.bytes() {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(byte.into()),
            // Writing to a string cannot fail.
            _ => _ = write!(out, "\\{byte:02X}"),
        }
    }
    out.push('"');
    out
}

/// ` loc("file":1:2)`, or nothing.
pub(super) fn location(span: &Span) -> String {
    match &span.location {
        Some(Location { file, line, column }) => format!(" loc({}:{line}:{column})", quoted(file)),
        None => String::new(),
    }
}

/// `dense<[1.0, 2.0]> : tensor<2xf32>`
pub(super) fn dense(array: &Array) -> String {
    let bytes = array.buffer().bytes();
    let size = array.dtype().size();
    let elements = bytes.chunks_exact(size);
    let splat = elements.clone().next().filter(|first| elements.clone().all(|element| element == *first));
    let value = match splat {
        Some(element) => literal(array.dtype(), element),
        None if array.is_empty() => String::new(),
        // MLIR packs eight truth values into a byte; a list leaves no doubt.
        None if array.len() <= LISTED_ELEMENTS || array.dtype() == DType::Bool => {
            nested(array.dtype(), array.shape().sizes(), bytes)
        }
        None => hexadecimal(bytes),
    };
    format!("dense<{value}> : {}", tensor_type(&TensorType::of(array)))
}

/// Elements in a bracket for each axis.
fn nested(dtype: DType, sizes: &[usize], bytes: &[u8]) -> String {
    let Some((&size, inner)) = sizes.split_first() else { return literal(dtype, bytes) };
    // An array without elements is no list.
    let parts: Vec<String> =
        bytes.chunks_exact(bytes.len() / size.max(1)).map(|part| nested(dtype, inner, part)).collect();
    format!("[{}]", parts.join(", "))
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(2 * bytes.len() + 4);
    out.push_str("\"0x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)].into());
        out.push(DIGITS[usize::from(byte & 15)].into());
    }
    out.push('"');
    out
}

/// One element from its bytes, which are as the machine has them.
fn literal(dtype: DType, bytes: &[u8]) -> String {
    fn one<T: Element>(bytes: &[u8]) -> T {
        let buffer = tancho_tensor::Buffer::copy_of(bytes).ok();
        let array = buffer.and_then(|buffer| Array::from_buffer(T::DTYPE, [0usize; 0], buffer).ok());
        array.and_then(|array| array.elements::<T>().ok()?.first().copied()).unwrap_or_default()
    }
    match dtype {
        DType::F16 => {
            let value: f16 = one(bytes);
            float(value.to_f64(), |read| f16::from_f64(read).to_bits() == value.to_bits())
                .unwrap_or_else(|| format!("0x{:04X}", value.to_bits()))
        }
        DType::BF16 => {
            let value: bf16 = one(bytes);
            float(value.to_f64(), |read| bf16::from_f64(read).to_bits() == value.to_bits())
                .unwrap_or_else(|| format!("0x{:04X}", value.to_bits()))
        }
        DType::F32 => {
            let value: f32 = one(bytes);
            float(value.into(), |read| (read as f32).to_bits() == value.to_bits())
                .unwrap_or_else(|| format!("0x{:08X}", value.to_bits()))
        }
        DType::F64 => {
            let value: f64 = one(bytes);
            float(value, |read| read.to_bits() == value.to_bits())
                .unwrap_or_else(|| format!("0x{:016X}", value.to_bits()))
        }
        DType::I8 => one::<i8>(bytes).to_string(),
        DType::I16 => one::<i16>(bytes).to_string(),
        DType::I32 => one::<i32>(bytes).to_string(),
        DType::I64 => one::<i64>(bytes).to_string(),
        DType::U8 => one::<u8>(bytes).to_string(),
        DType::U16 => one::<u16>(bytes).to_string(),
        DType::U32 => one::<u32>(bytes).to_string(),
        DType::U64 => one::<u64>(bytes).to_string(),
        DType::Bool => one::<bool>(bytes).to_string(),
    }
}

/// A finite float in decimal digits, where a reader gets it back; the reader reads `f64` and rounds.
fn float(value: f64, reads_back: impl Fn(f64) -> bool) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    // Of f32 the shortest digits will do mostly; those of f64 always do.
    let texts = [format!("{:e}", value as f32), format!("{value:e}")];
    let text = texts.into_iter().find(|text| text.parse().is_ok_and(&reads_back))?;
    let (mantissa, exponent) = text.split_once('e')?;
    // MLIR wants a point.
    let point = if mantissa.contains('.') { "" } else { ".0" };
    Some(if exponent == "0" { format!("{mantissa}{point}") } else { format!("{mantissa}{point}e{exponent}") })
}

/// Sizes that are all known.
pub(super) fn known(dims: &[Dim]) -> Option<Vec<i64>> {
    dims.iter().map(Dim::as_known).collect()
}

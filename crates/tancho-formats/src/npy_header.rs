//! The header of a `.npy` file: magic, version, length, and the text of a Python dictionary.
//!
//! ```text
//! \x93NUMPY 01 00 76 00 {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n
//! ```
//!
//! The dictionary has these three keys and no others, so that a reader of them is shorter than what it would take to
//! make a reader of all of Python's literals safe: it does not nest, takes no memory but for the sizes, and knows the
//! byte at which a header goes wrong. (The crate `npyz` takes memory for the length that a header claims before it
//! reads on, and multiplies sizes unchecked. The tests read what it writes, and let it read what is written here.)

use std::path::Path;

use tancho_tensor::{DType, Shape};

use crate::FormatError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy begins the data at a multiple of this.
const ALIGNMENT: usize = 64;

#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) fortran_order: bool,
    pub(crate) shape: Shape,
    /// Where the data begins.
    pub(crate) data: usize,
}

/// Reads the header at the front of a file's bytes.
pub(crate) fn parse_header(bytes: &[u8], file: &Path) -> Result<Header, FormatError> {
    let error = |offset, expected: &str, found: String| FormatError::content(file, offset, expected, found);
    if !bytes.starts_with(MAGIC) {
        let found = describe(&bytes[..bytes.len().min(MAGIC.len())], "an empty file");
        return Err(error(0, "the magic bytes \"\\x93NUMPY\" of a .npy file", found));
    }
    let end = |needed: usize| error(bytes.len(), "the header", format!("the end of the file before byte {needed}"));
    let [major, minor] = *bytes.get(6..8).ok_or_else(|| end(8))? else { return Err(end(8)) };
    let n_length_bytes = match (major, minor) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        _ => return Err(error(6, "version 1.0, 2.0 or 3.0", format!("version {major}.{minor}"))),
    };
    let start = 8 + n_length_bytes;
    let length = bytes.get(8..start).ok_or_else(|| end(start))?;
    let length = length.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    let data = start + length;
    let text = bytes.get(start..data).ok_or_else(|| end(data))?;
    Parser { text, place: 0, start, file }.header(data)
}

/// The header of an array, up to its data.
pub(crate) fn write_header(dtype: DType, shape: &Shape) -> Vec<u8> {
    let descr = match dtype {
        DType::F16 => "<f2",
        // NumPy has no bfloat16: extensions that do write it as raw bytes, two for each element.
        DType::BF16 => "<V2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::Bool => "|b1",
    };
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.rank() == 1 { "," } else { "" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    let padded = |start: usize| (start + text.len() + 1).next_multiple_of(ALIGNMENT) - start;
    let (version, length) = match u16::try_from(padded(10)) {
        Ok(length) => (1, length.to_le_bytes().to_vec()),
        Err(_) => (2, (padded(12) as u32).to_le_bytes().to_vec()),
    };
    let total = padded(8 + length.len());
    text.extend(std::iter::repeat_n(' ', total - text.len() - 1));
    text.push('\n');
    [MAGIC, &[version, 0], &length, text.as_bytes()].concat()
}

struct Parser<'a> {
    text: &'a [u8],
    place: usize,
    /// Where the text begins in the file.
    start: usize,
    file: &'a Path,
}

impl<'a> Parser<'a> {
    fn header(&mut self, data: usize) -> Result<Header, FormatError> {
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        self.expect(b"{", "the dictionary of the header, `{`")?;
        while !self.take(b"}") {
            self.skip_spaces();
            let place = self.place;
            let is_new = match self.string("a key")? {
                b"descr" => self.value(|parser| parser.descr())?.map(|value| dtype.replace(value).is_none()),
                b"fortran_order" => self.value(|parser| parser.boolean())?.map(|v| fortran_order.replace(v).is_none()),
                b"shape" => self.value(|parser| parser.shape())?.map(|value| shape.replace(value).is_none()),
                _ => None,
            };
            if is_new != Some(true) {
                return Err(self.error(place, "one each of the keys 'descr', 'fortran_order' and 'shape'"));
            }
            if !self.take(b",") {
                self.expect(b"}", "`,` or `}`")?;
                break;
            }
        }
        let end = self.place;
        self.skip_spaces();
        if self.place < self.text.len() {
            return Err(self.error(self.place, "nothing behind the dictionary but spaces and a line break"));
        }
        let (Some((dtype, big_endian)), Some(fortran_order), Some(shape)) = (dtype, fortran_order, shape) else {
            let expected = "a dictionary with the keys 'descr', 'fortran_order' and 'shape'";
            return Err(FormatError::content(self.file, self.start + end, expected, "its end without one of them"));
        };
        Ok(Header { dtype, big_endian, fortran_order, shape, data })
    }

    /// A colon and a value.
    fn value<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, FormatError>) -> Result<Option<T>, FormatError> {
        self.expect(b":", "`:`")?;
        self.skip_spaces();
        read(self).map(Some)
    }

    /// The dtype, and whether its bytes are in big-endian order.
    fn descr(&mut self) -> Result<(DType, bool), FormatError> {
        if self.text[self.place..].starts_with(b"[") {
            return Err(self.unsupported("of records".to_owned()));
        }
        let descr = self.string("a dtype such as '<f4'")?;
        let big_endian = descr.first() == Some(&b'>');
        let (order, kind) = descr.split_at(descr.len().min(1));
        let dtype = match kind {
            b"f2" => DType::F16,
            // Two raw bytes: what extensions of NumPy write for bfloat16.
            b"V2" => DType::BF16,
            b"f4" => DType::F32,
            b"f8" => DType::F64,
            b"i1" => DType::I8,
            b"i2" => DType::I16,
            b"i4" => DType::I32,
            b"i8" => DType::I64,
            b"u1" => DType::U8,
            b"u2" => DType::U16,
            b"u4" => DType::U32,
            b"u8" => DType::U64,
            b"b1" => DType::Bool,
            _ => return Err(self.unsupported(explain(descr))),
        };
        match order {
            b"<" | b">" => Ok((dtype, big_endian)),
            b"=" => Ok((dtype, cfg!(target_endian = "big"))),
            b"|" if dtype.size() == 1 || dtype == DType::BF16 => Ok((dtype, false)),
            _ => Err(self.unsupported(explain(descr))),
        }
    }

    fn boolean(&mut self) -> Result<bool, FormatError> {
        if self.take(b"False") {
            return Ok(false);
        }
        self.expect(b"True", "`True` or `False`")?;
        Ok(true)
    }

    fn shape(&mut self) -> Result<Shape, FormatError> {
        let start = self.place;
        self.expect(b"(", "a shape such as `(3, 4)`")?;
        let mut sizes = Vec::new();
        while !self.take(b")") {
            sizes.push(self.size()?);
            if !self.take(b",") {
                self.expect(b")", "`,` or `)`")?;
                break;
            }
        }
        let shape = Shape::from(sizes);
        if shape.elements().is_none() {
            return Err(self.error(start, "a shape whose elements fit in memory"));
        }
        Ok(shape)
    }

    fn size(&mut self) -> Result<usize, FormatError> {
        self.skip_spaces();
        let rest = &self.text[self.place..];
        let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = std::str::from_utf8(&rest[..n_digits]).unwrap_or_default();
        let Ok(size) = digits.parse() else { return Err(self.error(self.place, "a size")) };
        self.place += n_digits;
        // Python 2 wrote long integers as `3L`.
        if self.text[self.place..].starts_with(b"L") {
            self.place += 1;
        }
        Ok(size)
    }

    /// A string in single or double quotes; none of the strings of a header has an escape.
    fn string(&mut self, expected: &str) -> Result<&'a [u8], FormatError> {
        let rest = &self.text[self.place..];
        let quote = rest.first().copied().filter(|byte| matches!(byte, b'\'' | b'"'));
        let inside = quote.and_then(|quote| rest[1..].split(|&byte| byte == quote).next());
        match inside {
            Some(inside) if inside.len() + 1 < rest.len() => {
                self.place += inside.len() + 2;
                Ok(inside)
            }
            _ => Err(self.error(self.place, expected)),
        }
    }

    fn skip_spaces(&mut self) {
        self.place += self.text[self.place..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    /// Skips a token, where it is the next one.
    fn take(&mut self, token: &[u8]) -> bool {
        self.skip_spaces();
        let is_next = self.text[self.place..].starts_with(token);
        if is_next {
            self.place += token.len();
        }
        is_next
    }

    fn expect(&mut self, token: &[u8], expected: &str) -> Result<(), FormatError> {
        if self.take(token) { Ok(()) } else { Err(self.error(self.place, expected)) }
    }

    fn error(&self, place: usize, expected: &str) -> FormatError {
        let rest = &self.text[place..];
        let found = describe(&rest[..rest.len().min(24)], "the end of the header");
        FormatError::content(self.file, self.start + place, expected, found)
    }

    fn unsupported(&self, dtype: String) -> FormatError {
        FormatError::DType { file: self.file.to_owned(), tensor: None, dtype }
    }
}

/// As in a string in double quotes, where single ones need no escape.
fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'")
}

/// Bytes as quoted text.
fn describe(bytes: &[u8], nothing: &str) -> String {
    if bytes.is_empty() { nothing.to_owned() } else { format!("\"{}\"", escape(bytes)) }
}

/// An unsupported dtype in words.
fn explain(descr: &[u8]) -> String {
    let kind = match (descr.get(1), descr.get(2..)) {
        (Some(b'f'), _) => " (extended floats)",
        (Some(b'c'), _) => " (complex numbers)",
        (Some(b'U' | b'S' | b'a'), _) => " (strings)",
        (Some(b'O'), _) => " (Python objects)",
        (Some(b'M' | b'm'), _) => " (times)",
        (Some(b'V'), _) => " (raw bytes)",
        _ => "",
    };
    format!("'{}'{kind}", descr[..descr.len().min(24)].escape_ascii())
}

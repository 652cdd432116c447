//! Reads the text form of kernels.
//!
//! A line is a statement; the parser goes through the lines once, with a cursor in each. What it accepts is well formed:
//! every name is known where it is used, and every instruction takes the dtypes of its operands, so that no later stage
//! meets an index out of range. It takes time and memory in proportion to the text, and panics on none.

use std::fmt;

use tancho_ir::ops::{Comparison, ReduceKind};
use tancho_tensor::DType;

use super::text::reduce_name;
use super::{
    Access, AccessMap, Binary, Body, Form, Instruction, Kernel, LaneFunction, Reduction, Scalar, Store, Stride, Unary,
};
use crate::emit::legal;

/// The most outer dimensions of a kernel that is read.
const MAX_OUTER: usize = 64;
/// The most sizes that the body of a kernel that is read may name.
const MAX_SIZES: usize = 1 << 12;

/// Why a text is no kernel, and where. Lines and columns (in characters) are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct KernelParseError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl Kernel {
    /// Reads the text form. Empty lines, and what follows `//` in a line, are skipped.
    ///
    /// # Errors
    /// The text is not that of a kernel, or the kernel is not well formed.
    pub fn parse(text: &str) -> Result<Kernel, KernelParseError> {
        let mut lines = text.lines().enumerate().map(|(index, line)| Cursor::new(index + 1, line));
        let mut lines = lines.by_ref().filter(|cursor| !cursor.is_at_end());
        let n_lines = text.lines().count();
        let missing = |what: &str| KernelParseError {
            line: n_lines.max(1),
            column: 1,
            message: format!("expected {what}, found the end of the text"),
        };
        let mut header = lines.next().ok_or_else(|| missing("`kernel`"))?;
        let mut parser = Parser { kernel: parse_header(&mut header)?, reductions: Vec::new() };
        loop {
            let mut line = lines.next().ok_or_else(|| missing("`}`"))?;
            if line.take('}') {
                line.expect_end()?;
                break;
            }
            parser.statement(&mut line)?;
            line.expect_end()?;
        }
        if let Some(extra) = lines.next() {
            return Err(extra.error("expected the end of the text"));
        }
        parser.finish()
    }
}

fn parse_header(line: &mut Cursor<'_>) -> Result<Kernel, KernelParseError> {
    line.keyword("kernel")?;
    let start = line.clone();
    let name = line.word("`map`, `row` or `column`")?;
    let Some(form) = Form::ALL.into_iter().find(|form| form.name() == name) else {
        return Err(start.error(format!("expected `map`, `row` or `column`, found `{name}`")));
    };
    line.keyword("outer")?;
    line.expect('=')?;
    let outer = line.number("the number of outer dimensions", MAX_OUTER)?;
    let mut sizes = 0;
    if line.peek().is_some_and(|next| next == 's') {
        line.keyword("sizes")?;
        line.expect('=')?;
        sizes = line.number("the number of sizes", MAX_SIZES)?;
    }
    line.expect('{')?;
    line.expect_end()?;
    Ok(Kernel {
        form,
        outer,
        loads: Vec::new(),
        body: Body::new(),
        reductions: Vec::new(),
        stores: Vec::new(),
        kept: Vec::new(),
        sizes,
    })
}

/// A kernel being read, and where its reductions stand, whose values are known only at the end.
struct Parser<'t> {
    kernel: Kernel,
    reductions: Vec<Cursor<'t>>,
}

impl<'t> Parser<'t> {
    fn statement(&mut self, line: &mut Cursor<'t>) -> Result<(), KernelParseError> {
        let start = line.clone();
        let word = line.word("a statement")?;
        match word {
            "load" => {
                self.load_name(line, self.kernel.loads.len())?;
                line.expect(':')?;
                let access = self.access(line)?;
                self.kernel.loads.push(access);
                Ok(())
            }
            "reduce" => self.reduce(line, start),
            "keep" => {
                let value = self.value(line)?;
                self.kernel.kept.push(value);
                Ok(())
            }
            "store" => {
                let at = line.clone();
                let value = self.value(line)?;
                line.expect(':')?;
                let access = self.access(line)?;
                let dtype = self.kernel.body.dtype(value);
                if access.dtype != dtype {
                    return Err(at.error(format!("v{} is {dtype}, the access is {}", value.0, access.dtype)));
                }
                self.kernel.stores.push(Store { access, value });
                Ok(())
            }
            _ => self.instruction(line, &start, word),
        }
    }

    /// The name of the load of this number.
    fn load_name(&self, line: &mut Cursor<'t>, number: usize) -> Result<(), KernelParseError> {
        let start = line.clone();
        let name = line.word("the name of a load")?;
        match load_number(name) {
            Some(found) if found as usize == number => Ok(()),
            _ => Err(start.error(format!("expected the name of load {number}, found `{name}`"))),
        }
    }

    fn access(&self, line: &mut Cursor<'t>) -> Result<Access, KernelParseError> {
        let dtype = line.dtype()?;
        if !line.take('[') {
            line.keyword("tile")?;
            return Ok(Access { dtype, map: AccessMap::Tile });
        }
        let mut strides = Vec::new();
        for dimension in 0..self.kernel.rank() {
            if dimension > 0 {
                line.expect(',')?;
            }
            let kinds = [('0', Stride::Zero), ('1', Stride::One), ('*', Stride::Argument)];
            let stride = kinds.into_iter().find(|&(name, _)| line.take(name)).map(|(_, stride)| stride);
            strides.push(stride.ok_or_else(|| line.error("expected a stride: `0`, `1` or `*`"))?);
        }
        line.expect(']')?;
        Ok(Access { dtype, map: AccessMap::Strides(strides) })
    }

    fn reduce(&mut self, line: &mut Cursor<'t>, start: Cursor<'t>) -> Result<(), KernelParseError> {
        if self.kernel.form == Form::Map {
            return Err(start.error("a map kernel has no reductions"));
        }
        let at = line.clone();
        let number = line.numbered('r')?;
        if number as usize != self.kernel.reductions.len() {
            return Err(at.error(format!("expected r{}", self.kernel.reductions.len())));
        }
        line.expect('=')?;
        let at = line.clone();
        let name = line.word("a kind of reduction")?;
        let value = Scalar(line.numbered('v')?);
        line.expect(':')?;
        let dtype = line.dtype()?;
        let kinds = [
            ReduceKind::Sum,
            ReduceKind::Product,
            ReduceKind::Max,
            ReduceKind::Min,
            ReduceKind::And,
            ReduceKind::Or,
            ReduceKind::ArgMax(dtype),
            ReduceKind::ArgMin(dtype),
        ];
        let Some(kind) = kinds.into_iter().find(|&kind| reduce_name(kind) == name) else {
            return Err(at.error(format!("`{name}` is no kind of reduction")));
        };
        self.kernel.reductions.push(Reduction { kind, value, dtype });
        self.reductions.push(start);
        Ok(())
    }

    /// `vN = …`
    fn instruction(&mut self, line: &mut Cursor<'t>, start: &Cursor<'t>, name: &str) -> Result<(), KernelParseError> {
        let next = self.kernel.body.len() as u32;
        if numbered(name, 'v') != Some(next) {
            return Err(start.error(format!("expected a statement or `v{next} =`, found `{name}`")));
        }
        line.expect('=')?;
        let at = line.clone();
        let operation = line.word("an operation")?;
        let instruction = match operation {
            // The dtype, which follows, says how a constant is read.
            "constant" => return self.constant(line, start),
            "load" => {
                let at = line.clone();
                let name = line.word("the name of a load")?;
                let number = load_number(name).filter(|&number| (number as usize) < self.kernel.loads.len());
                Instruction::Load(number.ok_or_else(|| at.error(format!("there is no load `{name}`")))?)
            }
            "reduced" => {
                let at = line.clone();
                let number = line.numbered('r')?;
                match self.kernel.reductions.get(number as usize) {
                    Some(reduction) if reduction.value.0 < next => Instruction::Reduced(number),
                    Some(_) => return Err(at.error(format!("r{number} folds a value that comes later"))),
                    None => return Err(at.error(format!("there is no reduction r{number}"))),
                }
            }
            "index" => Instruction::Index(line.number("a dimension", self.kernel.rank() - 1)? as u32),
            "size" => {
                let at = line.clone();
                let size = line.number("a size", MAX_SIZES)?;
                if size >= self.kernel.sizes {
                    return Err(at.error(format!("there are {} sizes", self.kernel.sizes)));
                }
                Instruction::Size(size as u32)
            }
            "fma" => {
                let [x, y, z] = self.values(line)?;
                Instruction::Fma(x, y, z)
            }
            "compare" => {
                let at = line.clone();
                let name = line.word("a comparison")?;
                let comparison = Comparison::ALL.into_iter().find(|comparison| comparison.name() == name);
                let comparison = comparison.ok_or_else(|| at.error(format!("`{name}` is no comparison")))?;
                let [x, y] = self.values(line)?;
                Instruction::Compare(comparison, x, y)
            }
            "select" => {
                let [condition, x, y] = self.values(line)?;
                Instruction::Select(condition, x, y)
            }
            "convert" => Instruction::Convert(self.value(line)?),
            "bitcast" => Instruction::Bitcast(self.value(line)?),
            "call" => {
                let at = line.clone();
                let name = line.word("a function")?;
                let function = LaneFunction::ALL.into_iter().find(|function| function.name() == name);
                let function = function.ok_or_else(|| at.error(format!("there is no function `{name}`")))?;
                let arguments = self.values(line)?;
                line.keyword("if")?;
                let condition = self.value(line)?;
                line.keyword("else")?;
                let otherwise = self.value(line)?;
                Instruction::Call { function, arguments, condition, otherwise }
            }
            _ => {
                let unary = Unary::ALL.into_iter().find(|unary| unary.name() == operation);
                let binary = Binary::ALL.into_iter().find(|binary| binary.name() == operation);
                match (unary, binary) {
                    (Some(unary), _) => Instruction::Unary(unary, self.value(line)?),
                    (None, Some(binary)) => {
                        let [x, y] = self.values(line)?;
                        Instruction::Binary(binary, x, y)
                    }
                    (None, None) => return Err(at.error(format!("there is no operation `{operation}`"))),
                }
            }
        };
        line.expect(':')?;
        let dtype_at = line.clone();
        let dtype = line.dtype()?;
        self.check(instruction, dtype).map_err(|message| dtype_at.error(message))?;
        self.push(instruction, dtype, start)
    }

    fn constant(&mut self, line: &mut Cursor<'t>, start: &Cursor<'t>) -> Result<(), KernelParseError> {
        let at = line.clone();
        let literal = line.word("a constant")?;
        line.expect(':')?;
        let dtype = line.dtype()?;
        let bits = constant_bits(literal, dtype);
        let bits = bits.ok_or_else(|| at.error(format!("`{literal}` is no constant of dtype {dtype}")))?;
        self.push(Instruction::Constant(bits), dtype, start)
    }

    fn push(&mut self, instruction: Instruction, dtype: DType, start: &Cursor<'t>) -> Result<(), KernelParseError> {
        let next = self.kernel.body.len() as u32;
        match self.kernel.body.push(instruction, dtype) {
            Scalar(value) if value == next => Ok(()),
            Scalar(value) => Err(start.error(format!("v{next} repeats v{value}"))),
        }
    }

    /// Whether an instruction takes its operands and gives a dtype.
    fn check(&self, instruction: Instruction, dtype: DType) -> Result<(), String> {
        let body = &self.kernel.body;
        let is = |expected: DType| {
            if dtype == expected { Ok(()) } else { Err(format!("expected the dtype {expected}, found {dtype}")) }
        };
        let takes = |value: Scalar, expected: DType| {
            let found = body.dtype(value);
            if found == expected { Ok(()) } else { Err(format!("v{} is {found}, not {expected}", value.0)) }
        };
        match instruction {
            Instruction::Constant(_) => Ok(()),
            Instruction::Load(load) => is(self.kernel.loads[load as usize].dtype),
            Instruction::Reduced(reduction) => is(self.kernel.reductions[reduction as usize].dtype),
            Instruction::Index(_) | Instruction::Size(_) => is(DType::I64),
            Instruction::Unary(operation, x) => {
                takes(x, dtype)?;
                legal::unary(operation, dtype).map(|_| ()).ok_or(format!("{} does not take {dtype}", operation.name()))
            }
            Instruction::Binary(operation, x, y) => {
                takes(x, dtype)?;
                takes(y, dtype)?;
                let legal = legal::binary(operation, dtype, false);
                legal.map(|_| ()).ok_or(format!("{} does not take {dtype}", operation.name()))
            }
            Instruction::Fma(x, y, z) if dtype.is_float() => {
                takes(x, dtype)?;
                takes(y, dtype)?;
                takes(z, dtype)
            }
            Instruction::Fma(..) => Err(format!("fma does not take {dtype}")),
            Instruction::Compare(_, x, y) => {
                takes(y, body.dtype(x))?;
                is(DType::Bool)
            }
            Instruction::Select(condition, x, y) => {
                takes(condition, DType::Bool)?;
                takes(x, dtype)?;
                takes(y, dtype)
            }
            Instruction::Convert(_) => Ok(()),
            Instruction::Bitcast(x) => {
                let from = body.dtype(x);
                let fits = from.size() == dtype.size() && from != DType::Bool && dtype != DType::Bool;
                if fits { Ok(()) } else { Err(format!("the bits of {from} are no {dtype}")) }
            }
            Instruction::Call { function, arguments: [x, y], condition, otherwise } => {
                is(function.dtype())?;
                takes(x, dtype)?;
                takes(y, dtype)?;
                takes(condition, DType::Bool)?;
                takes(otherwise, dtype)
            }
        }
    }

    fn value(&self, line: &mut Cursor<'t>) -> Result<Scalar, KernelParseError> {
        let start = line.clone();
        let value = Scalar(line.numbered('v')?);
        if value.index() < self.kernel.body.len() {
            Ok(value)
        } else {
            Err(start.error(format!("v{} is not known here", value.0)))
        }
    }

    fn values<const N: usize>(&self, line: &mut Cursor<'t>) -> Result<[Scalar; N], KernelParseError> {
        let mut values = [Scalar(0); N];
        for (index, value) in values.iter_mut().enumerate() {
            if index > 0 {
                line.expect(',')?;
            }
            *value = self.value(line)?;
        }
        Ok(values)
    }

    /// Checks what could not be checked before the body was known.
    fn finish(self) -> Result<Kernel, KernelParseError> {
        let body = &self.kernel.body;
        for (reduction, line) in self.kernel.reductions.iter().zip(&self.reductions) {
            if reduction.value.index() >= body.len() {
                return Err(line.error(format!("there is no value v{}", reduction.value.0)));
            }
            let dtype = body.dtype(reduction.value);
            let name = reduce_name(reduction.kind);
            if !reduction.kind.accepts(dtype) {
                return Err(line.error(format!("{name} does not take {dtype}")));
            }
            let result = reduction.kind.result_dtype(dtype);
            let is_index = match reduction.kind {
                ReduceKind::ArgMax(index) | ReduceKind::ArgMin(index) => matches!(index, DType::I32 | DType::I64),
                _ => true,
            };
            if result != reduction.dtype || !is_index {
                return Err(line.error(format!("{name} of {dtype} does not give {}", reduction.dtype)));
            }
        }
        Ok(self.kernel)
    }
}

/// The number behind a letter: `v12`.
fn numbered(word: &str, letter: char) -> Option<u32> {
    let digits = word.strip_prefix(letter)?;
    let is_plain = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| is_plain)
}

/// The number of a load of this name: `a` is 0, `z` 25, `a1` 26.
fn load_number(name: &str) -> Option<u32> {
    let letter = name.bytes().next().filter(u8::is_ascii_lowercase)?;
    let (_, digits) = name.split_at(1);
    let lap: u32 = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|&lap| lap > 0)? };
    lap.checked_mul(26)?.checked_add(u32::from(letter - b'a'))
}

/// The bits of a constant: a number, or the bits in hexadecimal.
fn constant_bits(literal: &str, dtype: DType) -> Option<u64> {
    if let Some(digits) = literal.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let in_range = |number: i128, low: i128, high: i128| (low..=high).contains(&number).then_some(number as u64);
    let ones = u64::MAX >> (64 - dtype.bits());
    match dtype {
        // Kernels hold these as bits.
        DType::F16 | DType::BF16 => None,
        DType::F32 => literal.parse().ok().map(|x: f32| u64::from(x.to_bits())),
        DType::F64 => literal.parse().ok().map(f64::to_bits),
        DType::Bool => literal.parse().ok().map(|x: bool| u64::from(x)),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
            let half = 1i128 << (dtype.bits() - 1);
            in_range(literal.parse().ok()?, -half, half - 1).map(|bits| bits & ones)
        }
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => in_range(literal.parse().ok()?, 0, i128::from(ones)),
    }
}

/// A place in a line.
#[derive(Clone, Debug)]
struct Cursor<'t> {
    number: usize,
    /// The whole line.
    line: &'t str,
    /// What is left of it; spaces in front are skipped.
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    fn new(number: usize, line: &'t str) -> Self {
        let rest = line.split_once("//").map_or(line, |(statement, _)| statement);
        Cursor { number, line, rest: rest.trim() }
    }

    fn error(&self, message: impl fmt::Display) -> KernelParseError {
        // What is left is a part of the line, so that their addresses tell how far it is into the line.
        let offset = (self.rest.as_ptr() as usize).saturating_sub(self.line.as_ptr() as usize);
        let column = self.line.get(..offset).map_or(0, |before| before.chars().count()) + 1;
        KernelParseError { line: self.number, column, message: message.to_string() }
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn expect_end(&self) -> Result<(), KernelParseError> {
        if self.is_at_end() { Ok(()) } else { Err(self.error("expected the end of the line")) }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, symbol: char) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), KernelParseError> {
        if self.take(symbol) { Ok(()) } else { Err(self.error(format!("expected `{symbol}`"))) }
    }

    /// A run of letters, digits, and what numbers have.
    fn word(&mut self, what: &str) -> Result<&'t str, KernelParseError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.error(format!("expected {what}")));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok(word)
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), KernelParseError> {
        let start = self.clone();
        match self.word(&format!("`{keyword}`"))? {
            word if word == keyword => Ok(()),
            word => Err(start.error(format!("expected `{keyword}`, found `{word}`"))),
        }
    }

    fn number(&mut self, what: &str, most: usize) -> Result<usize, KernelParseError> {
        let start = self.clone();
        let word = self.word(what)?;
        match word.parse() {
            Ok(number) if number <= most => Ok(number),
            Ok(number) => Err(start.error(format!("{what} is at most {most}, not {number}"))),
            Err(_) => Err(start.error(format!("expected {what}, found `{word}`"))),
        }
    }

    fn numbered(&mut self, letter: char) -> Result<u32, KernelParseError> {
        let start = self.clone();
        let word = self.word(&format!("`{letter}` and a number"))?;
        numbered(word, letter).ok_or_else(|| start.error(format!("expected `{letter}` and a number, found `{word}`")))
    }

    fn dtype(&mut self) -> Result<DType, KernelParseError> {
        let start = self.clone();
        let word = self.word("a dtype")?;
        word.parse().map_err(|()| start.error(format!("`{word}` is no dtype")))
    }
}

//! The text form of kernels: the key under which their code is cached, and what `dump --stage kernels` shows.
//!
//! ```text
//! kernel row outer=1 {
//!   load a: f32 [*, 1]
//!   reduce r0 = max v0 : f32
//!   v0 = load a : f32
//!   v1 = reduced r0 : f32
//!   v2 = subtract v0, v1 : f32
//!   store v2: f32 [*, 1]
//! }
//! ```
//!
//! A stride is `0`, `1`, or `*` where it is an argument; a tile's map is `tile`. The text determines the kernel: equal
//! kernels print alike, and [`Kernel::parse`](super::Kernel::parse) reads back what is printed.

use std::fmt;

use tancho_ir::ops::ReduceKind;
use tancho_tensor::DType;

use super::{Access, AccessMap, Binary, Body, Form, Instruction, Kernel, LaneFunction, Stride, Unary};

impl Form {
    pub const ALL: [Form; 4] = [Form::Map, Form::Row, Form::Column, Form::Sequence];

    pub fn name(self) -> &'static str {
        match self {
            Form::Map => "map",
            Form::Row => "row",
            Form::Column => "column",
            Form::Sequence => "sequence",
        }
    }
}

impl Unary {
    pub const ALL: [Unary; 10] = [
        Unary::Negate,
        Unary::Abs,
        Unary::Sqrt,
        Unary::Ceil,
        Unary::Floor,
        Unary::Truncate,
        Unary::Nearest,
        Unary::Not,
        Unary::CountLeadingZeros,
        Unary::PopulationCount,
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Unary::Negate => "negate",
            Unary::Abs => "abs",
            Unary::Sqrt => "sqrt",
            Unary::Ceil => "ceil",
            Unary::Floor => "floor",
            Unary::Truncate => "truncate",
            Unary::Nearest => "nearest",
            Unary::Not => "not",
            Unary::CountLeadingZeros => "count_leading_zeros",
            Unary::PopulationCount => "population_count",
        }
    }
}

impl Binary {
    pub const ALL: [Binary; 13] = [
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Remainder,
        Binary::Minimum,
        Binary::Maximum,
        Binary::And,
        Binary::Or,
        Binary::Xor,
        Binary::ShiftLeft,
        Binary::ShiftRightArithmetic,
        Binary::ShiftRightLogical,
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Subtract => "subtract",
            Binary::Multiply => "multiply",
            Binary::Divide => "divide",
            Binary::Remainder => "remainder",
            Binary::Minimum => "minimum",
            Binary::Maximum => "maximum",
            Binary::And => "and",
            Binary::Or => "or",
            Binary::Xor => "xor",
            Binary::ShiftLeft => "shift_left",
            Binary::ShiftRightArithmetic => "shift_right_arithmetic",
            Binary::ShiftRightLogical => "shift_right_logical",
        }
    }
}

impl LaneFunction {
    pub const ALL: [LaneFunction; 10] = [
        LaneFunction::RemainderF32,
        LaneFunction::RemainderF64,
        LaneFunction::PowerI64,
        LaneFunction::PowerU64,
        LaneFunction::SineF64,
        LaneFunction::CosineF64,
        LaneFunction::TanF64,
        LaneFunction::SineF32,
        LaneFunction::CosineF32,
        LaneFunction::TanF32,
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            LaneFunction::RemainderF32 => "remainder_f32",
            LaneFunction::RemainderF64 => "remainder_f64",
            LaneFunction::PowerI64 => "power_i64",
            LaneFunction::PowerU64 => "power_u64",
            LaneFunction::SineF64 => "sine_f64",
            LaneFunction::CosineF64 => "cosine_f64",
            LaneFunction::TanF64 => "tan_f64",
            LaneFunction::SineF32 => "sine_f32",
            LaneFunction::CosineF32 => "cosine_f32",
            LaneFunction::TanF32 => "tan_f32",
        }
    }

    /// The dtype of the arguments and the result.
    pub fn dtype(self) -> DType {
        match self {
            LaneFunction::RemainderF32 | LaneFunction::SineF32 | LaneFunction::CosineF32 | LaneFunction::TanF32 => {
                DType::F32
            }
            LaneFunction::RemainderF64 | LaneFunction::SineF64 | LaneFunction::CosineF64 | LaneFunction::TanF64 => {
                DType::F64
            }
            LaneFunction::PowerI64 => DType::I64,
            LaneFunction::PowerU64 => DType::U64,
        }
    }
}

/// The name of a reduction's kind. The dtype of an index is that of the reduction.
pub(super) fn reduce_name(kind: ReduceKind) -> &'static str {
    match kind {
        ReduceKind::Sum => "sum",
        ReduceKind::Product => "product",
        ReduceKind::Max => "max",
        ReduceKind::Min => "min",
        ReduceKind::And => "and",
        ReduceKind::Or => "or",
        ReduceKind::ArgMax(_) => "argmax",
        ReduceKind::ArgMin(_) => "argmin",
    }
}

/// The name of a load: `a` to `z`, then `a1` to `z1`, and so on.
struct LoadName(u32);

impl fmt::Display for LoadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(b'a' + (self.0 % 26) as u8))?;
        if self.0 >= 26 { write!(f, "{}", self.0 / 26) } else { Ok(()) }
    }
}

/// The bits of a constant, as a number where that is exact, else in hexadecimal.
struct Constant(u64, DType);

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Constant(bits, dtype) = *self;
        let unused = 64 - dtype.bits();
        let is_within = bits << unused >> unused == bits;
        match dtype {
            _ if !is_within => write!(f, "{bits:#x}"),
            DType::F32 if !f32::from_bits(bits as u32).is_nan() => write!(f, "{:?}", f32::from_bits(bits as u32)),
            DType::F64 if !f64::from_bits(bits).is_nan() => write!(f, "{:?}", f64::from_bits(bits)),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => write!(f, "{bits:#x}"),
            DType::Bool if bits <= 1 => write!(f, "{}", bits == 1),
            DType::Bool => write!(f, "{bits:#x}"),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => write!(f, "{}", (bits << unused) as i64 >> unused),
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => write!(f, "{bits}"),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.dtype)?;
        let AccessMap::Strides(strides) = &self.map else { return write!(f, "tile") };
        write!(f, "[")?;
        for (dimension, stride) in strides.iter().enumerate() {
            let separator = if dimension > 0 { ", " } else { "" };
            let stride = match stride {
                Stride::Zero => "0",
                Stride::One => "1",
                Stride::Argument => "*",
            };
            write!(f, "{separator}{stride}")?;
        }
        write!(f, "]")
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {} outer={}", self.form.name(), self.outer)?;
        if self.sizes > 0 {
            write!(f, " sizes={}", self.sizes)?;
        }
        writeln!(f, " {{")?;
        for (load, access) in self.loads.iter().enumerate() {
            writeln!(f, "  load {}: {access}", LoadName(load as u32))?;
        }
        for (index, reduction) in self.reductions.iter().enumerate() {
            let kind = reduce_name(reduction.kind);
            writeln!(f, "  reduce r{index} = {kind} v{} : {}", reduction.value.0, reduction.dtype)?;
        }
        self.body.write_lines(f, "  ")?;
        for value in &self.kept {
            writeln!(f, "  keep v{}", value.0)?;
        }
        for store in &self.stores {
            writeln!(f, "  store v{}: {}", store.value.0, store.access)?;
        }
        write!(f, "}}")
    }
}

impl Body {
    /// Writes each instruction as a line.
    pub(crate) fn write_lines(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (value, instruction, dtype) in self.iter() {
            write!(f, "{indent}v{} = ", value.0)?;
            match instruction {
                Instruction::Constant(bits) => write!(f, "constant {}", Constant(bits, dtype))?,
                Instruction::Load(load) => write!(f, "load {}", LoadName(load))?,
                Instruction::Reduced(reduction) => write!(f, "reduced r{reduction}")?,
                Instruction::Index(dimension) => write!(f, "index {dimension}")?,
                Instruction::Size(size) => write!(f, "size {size}")?,
                Instruction::Unary(operation, x) => write!(f, "{} v{}", operation.name(), x.0)?,
                Instruction::Binary(operation, x, y) => write!(f, "{} v{}, v{}", operation.name(), x.0, y.0)?,
                Instruction::Fma(x, y, z) => write!(f, "fma v{}, v{}, v{}", x.0, y.0, z.0)?,
                Instruction::Compare(comparison, x, y) => {
                    write!(f, "compare {} v{}, v{}", comparison.name(), x.0, y.0)?;
                }
                Instruction::Select(condition, x, y) => write!(f, "select v{}, v{}, v{}", condition.0, x.0, y.0)?,
                Instruction::Convert(x) => write!(f, "convert v{}", x.0)?,
                Instruction::Bitcast(x) => write!(f, "bitcast v{}", x.0)?,
                Instruction::Call { function, arguments: [x, y], condition, otherwise } => {
                    let name = function.name();
                    write!(f, "call {name} v{}, v{} if v{} else v{}", x.0, y.0, condition.0, otherwise.0)?;
                }
            }
            writeln!(f, " : {dtype}")?;
        }
        Ok(())
    }
}

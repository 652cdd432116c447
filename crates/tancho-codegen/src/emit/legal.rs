//! The legalisation table: what the Cranelift emitter does with each instruction for vectors of each dtype on x86-64.
//!
//! Cranelift has vectors of 128 bits. What has an instruction there, or a sequence that Cranelift itself expands, is
//! [`Legal::Vector`]; what this crate writes as several vector instructions is [`Legal::Expansion`]; the rest is taken apart
//! into lanes, done with scalars and put together again. The emitter asks these functions, so that the table cannot be out
//! of date; [`rows`] lists it for the documentation.

use tancho_tensor::DType;

use crate::kernel::{Binary, DTYPES, Unary};

/// How an instruction is done for vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Legal {
    /// One instruction of Cranelift for each vector.
    Vector,
    /// Several instructions for each vector.
    Expansion,
    /// One scalar instruction for each lane.
    PerLane,
}

impl Legal {
    pub fn name(self) -> &'static str {
        match self {
            Legal::Vector => "vector",
            Legal::Expansion => "expansion",
            Legal::PerLane => "per lane",
        }
    }
}

/// Of an operation on one value; `None` where the operation does not take the dtype.
pub fn unary(operation: Unary, dtype: DType) -> Option<Legal> {
    match operation {
        Unary::Negate | Unary::Abs => (dtype != DType::Bool).then_some(Legal::Vector),
        Unary::Sqrt | Unary::Ceil | Unary::Floor | Unary::Truncate | Unary::Nearest => {
            dtype.is_float().then_some(Legal::Vector)
        }
        Unary::Not => (!dtype.is_float()).then_some(Legal::Vector),
        Unary::CountLeadingZeros => dtype.is_integer().then_some(Legal::PerLane),
        Unary::PopulationCount => {
            dtype.is_integer().then_some(if dtype.size() == 1 { Legal::Vector } else { Legal::PerLane })
        }
    }
}

/// Of an operation on two values; `is_uniform` says that the second is the same for all lanes.
pub fn binary(operation: Binary, dtype: DType, is_uniform: bool) -> Option<Legal> {
    match operation {
        Binary::Add | Binary::Subtract => (dtype != DType::Bool).then_some(Legal::Vector),
        // Bytes are multiplied as words.
        Binary::Multiply => {
            (dtype != DType::Bool).then_some(if dtype.size() == 1 { Legal::Expansion } else { Legal::Vector })
        }
        Binary::Divide => {
            (dtype != DType::Bool).then_some(if dtype.is_float() { Legal::Vector } else { Legal::PerLane })
        }
        Binary::Remainder => dtype.is_integer().then_some(Legal::PerLane),
        // The processor's own minimum takes the second operand for NaNs and zeros.
        Binary::Minimum | Binary::Maximum => Some(if dtype.is_float() { Legal::Expansion } else { Legal::Vector }),
        Binary::And | Binary::Or | Binary::Xor => (!dtype.is_float()).then_some(Legal::Vector),
        // Cranelift shifts all lanes by one amount, taken modulo the width.
        Binary::ShiftLeft | Binary::ShiftRightArithmetic | Binary::ShiftRightLogical => {
            dtype.is_integer().then_some(if is_uniform { Legal::Expansion } else { Legal::PerLane })
        }
    }
}

/// Of a conversion between two dtypes.
pub fn convert(from: DType, to: DType) -> Legal {
    if from == to {
        return Legal::Vector;
    }
    match (from, to) {
        (DType::F32, DType::F64) | (DType::F64, DType::F32) => Legal::Expansion,
        (_, DType::Bool) => Legal::Vector,
        (DType::Bool, _) => Legal::Expansion,
        (DType::F32, DType::I32 | DType::U32) => Legal::Vector,
        (DType::F32, _) if to.size() < 4 => Legal::Expansion,
        (DType::F32 | DType::F64, _) => Legal::PerLane,
        (DType::I32 | DType::U32, DType::F32) => Legal::Vector,
        (_, DType::F32) if from.size() < 4 => Legal::Expansion,
        (_, DType::F32) => Legal::PerLane,
        (DType::I64 | DType::U64, DType::F64) => Legal::Vector,
        (_, DType::F64) => Legal::Expansion,
        _ if from.size() == to.size() => Legal::Vector,
        _ => Legal::Expansion,
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The instruction, as the text form of kernels names it.
    pub instruction: String,
    pub dtype: DType,
    pub legal: Legal,
}

/// The whole table, in the order of the instructions' declaration.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for operation in Unary::ALL {
        for dtype in DTYPES {
            rows.extend(unary(operation, dtype).map(|legal| Row {
                instruction: operation.name().to_string(),
                dtype,
                legal,
            }));
        }
    }
    for operation in Binary::ALL {
        let is_shift =
            matches!(operation, Binary::ShiftLeft | Binary::ShiftRightArithmetic | Binary::ShiftRightLogical);
        for dtype in DTYPES {
            for (is_uniform, suffix) in [(false, ""), (true, " by one amount")] {
                if is_uniform && !is_shift {
                    continue;
                }
                rows.extend(binary(operation, dtype, is_uniform).map(|legal| Row {
                    instruction: format!("{}{suffix}", operation.name()),
                    dtype,
                    legal,
                }));
            }
        }
    }
    for from in DTYPES {
        for to in DTYPES {
            if from != to {
                rows.push(Row { instruction: format!("convert from {from}"), dtype: to, legal: convert(from, to) });
            }
        }
    }
    rows
}

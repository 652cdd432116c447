//! Evaluates a body at one point: what every emitter has to agree with.
//!
//! Values are 64-bit patterns, zero-extended from the width of their dtype. Each instruction does what its documentation in
//! [`body`](super::body) says, one after another and in the plainest way; speed and vectors are for the emitters.

use tancho_ir::ops::Comparison;
use tancho_kernels::scalar;
use tancho_tensor::DType;

use super::body::{Binary, Body, Instruction, LaneFunction, Scalar, Unary};

/// What a body reads from outside, each list by the number in the instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point<'a> {
    /// The bits of the elements that [`Instruction::Load`] reads.
    pub loads: &'a [u64],
    /// The bits of the results that [`Instruction::Reduced`] reads.
    pub reduced: &'a [u64],
    pub indices: &'a [i64],
    pub sizes: &'a [i64],
}

/// The bits of every value of a body at a point.
///
/// # Panics
/// The point lacks something that the body reads, or an instruction does not fit its operands' dtypes.
pub fn evaluate(body: &Body, point: &Point<'_>) -> Vec<u64> {
    let mut values = Vec::with_capacity(body.len());
    evaluate_into(body, point, &mut values);
    values
}

/// As [`evaluate`], into a vector that is cleared first.
pub fn evaluate_into(body: &Body, point: &Point<'_>, values: &mut Vec<u64>) {
    values.clear();
    for (_, instruction, dtype) in body.iter() {
        let of = |value: Scalar| values[value.index()];
        let bits = match instruction {
            Instruction::Constant(bits) => bits,
            Instruction::Load(access) => point.loads[access as usize],
            Instruction::Reduced(reduction) => point.reduced[reduction as usize],
            Instruction::Index(dimension) => point.indices[dimension as usize] as u64,
            Instruction::Size(size) => point.sizes[size as usize] as u64,
            Instruction::Unary(operation, x) => evaluate_unary(operation, dtype, of(x)),
            Instruction::Binary(operation, x, y) => evaluate_binary(operation, dtype, of(x), of(y)),
            Instruction::Fma(x, y, z) => match dtype {
                DType::F32 => from_f32(to_f32(of(x)).mul_add(to_f32(of(y)), to_f32(of(z)))),
                DType::F64 => to_f64(of(x)).mul_add(to_f64(of(y)), to_f64(of(z))).to_bits(),
                other => panic!("fma of {other}"),
            },
            Instruction::Compare(comparison, x, y) => {
                u64::from(evaluate_comparison(comparison, body.dtype(x), of(x), of(y)))
            }
            Instruction::Select(condition, on_true, on_false) => {
                if of(condition) != 0 {
                    of(on_true)
                } else {
                    of(on_false)
                }
            }
            Instruction::Convert(x) => convert_bits(body.dtype(x), dtype, of(x)),
            Instruction::Bitcast(x) => of(x),
            Instruction::Call { function, arguments: [x, y], condition, otherwise } => {
                if of(condition) != 0 {
                    call(function, of(x), of(y))
                } else {
                    of(otherwise)
                }
            }
        };
        values.push(bits);
    }
}

fn to_f32(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn from_f32(value: f32) -> u64 {
    u64::from(value.to_bits())
}

fn to_f64(bits: u64) -> f64 {
    f64::from_bits(bits)
}

/// The low bits that a dtype holds.
fn mask(dtype: DType) -> u64 {
    match dtype {
        DType::Bool => 1,
        _ => u64::MAX >> (64 - dtype.bits()),
    }
}

/// The value of an integer dtype's bits: sign-extended if the dtype is signed.
fn to_integer(dtype: DType, bits: u64) -> i128 {
    if dtype.is_signed() { i128::from(sign_extend(dtype, bits)) } else { i128::from(bits) }
}

/// The bits as those of a signed integer of the dtype's width.
fn sign_extend(dtype: DType, bits: u64) -> i64 {
    let unused = 64 - dtype.bits();
    ((bits << unused) as i64) >> unused
}

fn evaluate_unary(operation: Unary, dtype: DType, x: u64) -> u64 {
    match dtype {
        DType::F32 => from_f32(unary_f32(operation, to_f32(x))),
        DType::F64 => unary_f64(operation, to_f64(x)).to_bits(),
        DType::Bool => match operation {
            Unary::Not => x ^ 1,
            other => panic!("{other:?} of bool"),
        },
        _ => unary_integer(operation, dtype, x),
    }
}

fn unary_f32(operation: Unary, x: f32) -> f32 {
    match operation {
        Unary::Negate => f32::from_bits(x.to_bits() ^ 0x8000_0000),
        Unary::Abs => f32::from_bits(x.to_bits() & 0x7fff_ffff),
        Unary::Sqrt => x.sqrt(),
        Unary::Ceil => x.ceil(),
        Unary::Floor => x.floor(),
        Unary::Truncate => x.trunc(),
        Unary::Nearest => x.round_ties_even(),
        Unary::Not | Unary::CountLeadingZeros | Unary::PopulationCount => panic!("{operation:?} of f32"),
    }
}

fn unary_f64(operation: Unary, x: f64) -> f64 {
    match operation {
        Unary::Negate => f64::from_bits(x.to_bits() ^ (1 << 63)),
        Unary::Abs => f64::from_bits(x.to_bits() & !(1 << 63)),
        Unary::Sqrt => x.sqrt(),
        Unary::Ceil => x.ceil(),
        Unary::Floor => x.floor(),
        Unary::Truncate => x.trunc(),
        Unary::Nearest => x.round_ties_even(),
        Unary::Not | Unary::CountLeadingZeros | Unary::PopulationCount => panic!("{operation:?} of f64"),
    }
}

fn unary_integer(operation: Unary, dtype: DType, x: u64) -> u64 {
    let result = match operation {
        Unary::Negate => x.wrapping_neg(),
        Unary::Abs => sign_extend(dtype, x).wrapping_abs() as u64,
        Unary::Not => !x,
        Unary::CountLeadingZeros => u64::from(x.leading_zeros()) - (64 - dtype.bits() as u64),
        Unary::PopulationCount => u64::from(x.count_ones()),
        Unary::Sqrt | Unary::Ceil | Unary::Floor | Unary::Truncate | Unary::Nearest => {
            panic!("{operation:?} of {dtype}")
        }
    };
    result & mask(dtype)
}

fn evaluate_binary(operation: Binary, dtype: DType, x: u64, y: u64) -> u64 {
    match dtype {
        DType::F32 => from_f32(binary_f32(operation, to_f32(x), to_f32(y))),
        DType::F64 => binary_f64(operation, to_f64(x), to_f64(y)).to_bits(),
        DType::Bool => match operation {
            Binary::Minimum | Binary::And => x & y,
            Binary::Maximum | Binary::Or => x | y,
            Binary::Xor => x ^ y,
            other => panic!("{other:?} of bool"),
        },
        _ => binary_integer(operation, dtype, x, y),
    }
}

fn binary_f32(operation: Binary, x: f32, y: f32) -> f32 {
    match operation {
        Binary::Add => x + y,
        Binary::Subtract => x - y,
        Binary::Multiply => x * y,
        Binary::Divide => x / y,
        // Values that are equal are the same, or zeros, whose signs decide.
        Binary::Minimum if x.is_nan() || y.is_nan() => f32::NAN,
        Binary::Maximum if x.is_nan() || y.is_nan() => f32::NAN,
        Binary::Minimum => {
            if x < y || (x == y && x.is_sign_negative()) {
                x
            } else {
                y
            }
        }
        Binary::Maximum => {
            if x > y || (x == y && x.is_sign_positive()) {
                x
            } else {
                y
            }
        }
        other => panic!("{other:?} of f32"),
    }
}

fn binary_f64(operation: Binary, x: f64, y: f64) -> f64 {
    match operation {
        Binary::Add => x + y,
        Binary::Subtract => x - y,
        Binary::Multiply => x * y,
        Binary::Divide => x / y,
        Binary::Minimum if x.is_nan() || y.is_nan() => f64::NAN,
        Binary::Maximum if x.is_nan() || y.is_nan() => f64::NAN,
        Binary::Minimum => {
            if x < y || (x == y && x.is_sign_negative()) {
                x
            } else {
                y
            }
        }
        Binary::Maximum => {
            if x > y || (x == y && x.is_sign_positive()) {
                x
            } else {
                y
            }
        }
        other => panic!("{other:?} of f64"),
    }
}

fn binary_integer(operation: Binary, dtype: DType, x: u64, y: u64) -> u64 {
    let (left, right) = (to_integer(dtype, x), to_integer(dtype, y));
    let width = dtype.bits() as u64;
    // Seen without a sign, a negative amount is at least the width.
    let in_range = y < width;
    let result = match operation {
        Binary::Add => x.wrapping_add(y),
        Binary::Subtract => x.wrapping_sub(y),
        Binary::Multiply => x.wrapping_mul(y),
        Binary::Divide if right == 0 => u64::MAX,
        Binary::Divide => (left / right) as u64,
        Binary::Remainder if right == 0 => x,
        Binary::Remainder => (left % right) as u64,
        Binary::Minimum => left.min(right) as u64,
        Binary::Maximum => left.max(right) as u64,
        Binary::And => x & y,
        Binary::Or => x | y,
        Binary::Xor => x ^ y,
        Binary::ShiftLeft => {
            if in_range {
                x << y
            } else {
                0
            }
        }
        Binary::ShiftRightLogical => {
            if in_range {
                x >> y
            } else {
                0
            }
        }
        Binary::ShiftRightArithmetic => (sign_extend(dtype, x) >> if in_range { y } else { 63 }) as u64,
    };
    result & mask(dtype)
}

fn evaluate_comparison(comparison: Comparison, dtype: DType, x: u64, y: u64) -> bool {
    match dtype {
        DType::F32 => compare(comparison, &to_f32(x), &to_f32(y)),
        DType::F64 => compare(comparison, &to_f64(x), &to_f64(y)),
        _ => compare(comparison, &to_integer(dtype, x), &to_integer(dtype, y)),
    }
}

fn compare<T: PartialOrd>(comparison: Comparison, x: &T, y: &T) -> bool {
    match comparison {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Ge => x >= y,
        Comparison::Gt => x > y,
        Comparison::Le => x <= y,
        Comparison::Lt => x < y,
    }
}

fn convert_bits(from: DType, to: DType, x: u64) -> u64 {
    match (from, to) {
        (DType::F32, DType::F32) | (DType::F64, DType::F64) => x,
        (DType::F32, DType::F64) => f64::from(to_f32(x)).to_bits(),
        (DType::F64, DType::F32) => from_f32(to_f64(x) as f32),
        (DType::F32, _) => float_to_integer(f64::from(to_f32(x)), to),
        (DType::F64, _) => float_to_integer(to_f64(x), to),
        // Of an integer of any width the conversion rounds once.
        (_, DType::F32) => from_f32(to_integer(from, x) as f32),
        (_, DType::F64) => (to_integer(from, x) as f64).to_bits(),
        (_, DType::Bool) => u64::from(x != 0),
        _ => to_integer(from, x) as u64 & mask(to),
    }
}

/// Truncates and saturates; NaN gives 0, but `true` for `bool`.
fn float_to_integer(x: f64, to: DType) -> u64 {
    let bits = match to {
        DType::Bool => u64::from(x != 0.0),
        DType::I8 => x as i8 as u64,
        DType::I16 => x as i16 as u64,
        DType::I32 => x as i32 as u64,
        DType::I64 => x as i64 as u64,
        DType::U8 => u64::from(x as u8),
        DType::U16 => u64::from(x as u16),
        DType::U32 => u64::from(x as u32),
        DType::U64 => x as u64,
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => panic!("{to} is no integer dtype"),
    };
    bits & mask(to)
}

fn call(function: LaneFunction, x: u64, y: u64) -> u64 {
    match function {
        LaneFunction::RemainderF32 => from_f32(scalar::remainder_f32(to_f32(x), to_f32(y))),
        LaneFunction::RemainderF64 => scalar::remainder_f64(to_f64(x), to_f64(y)).to_bits(),
        LaneFunction::PowerI64 => scalar::power_i64(x as i64, y as i64) as u64,
        LaneFunction::PowerU64 => scalar::power_u64(x, y),
        LaneFunction::SineF64 => scalar::sine_f64(to_f64(x), to_f64(y)).to_bits(),
        LaneFunction::CosineF64 => scalar::cosine_f64(to_f64(x), to_f64(y)).to_bits(),
        LaneFunction::TanF64 => scalar::tan_f64(to_f64(x), to_f64(y)).to_bits(),
        LaneFunction::SineF32 => from_f32(scalar::sine_f32(to_f32(x), to_f32(y))),
        LaneFunction::CosineF32 => from_f32(scalar::cosine_f32(to_f32(x), to_f32(y))),
        LaneFunction::TanF32 => from_f32(scalar::tan_f32(to_f32(x), to_f32(y))),
    }
}

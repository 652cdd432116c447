//! Samples of elementwise ops.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
use tancho_ir::{Op, TensorType};
use tancho_tensor::DType;

use super::{FEW_SHAPES, Invalid, SHAPES, Sample, of, typed};

pub(super) fn prototypes() -> Vec<ElementwiseOp> {
    let mut prototypes: Vec<ElementwiseOp> = UnaryOp::ALL.into_iter().map(ElementwiseOp::Unary).collect();
    prototypes.extend(BinaryOp::ALL.into_iter().map(ElementwiseOp::Binary));
    prototypes.extend(Comparison::ALL.into_iter().map(ElementwiseOp::Compare));
    prototypes.push(ElementwiseOp::Select);
    prototypes.extend(DType::ALL.into_iter().map(ElementwiseOp::Convert));
    let reduce_precision =
        |(exponent_bits, mantissa_bits)| ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits };
    prototypes.extend(FORMATS.map(reduce_precision));
    prototypes.push(ElementwiseOp::Clamp);
    prototypes
}

/// Bits of exponent and mantissa: those of 16-bit floats, few, and more than a dtype has in one part or both.
const FORMATS: [(u32, u32); 7] = [(5, 10), (8, 7), (4, 3), (1, 0), (2, 30), (11, 2), (40, 60)];

pub(super) fn add_samples(samples: &mut Vec<Sample>, op: &ElementwiseOp) {
    let mut add = |operands: Vec<TensorType>| samples.push(Sample::new(Op::Elementwise(*op), operands));
    for dtype in DType::ALL {
        match op {
            ElementwiseOp::Unary(unary) if unary.accepts(dtype) => {
                SHAPES.iter().for_each(|sizes| add(vec![of(dtype, sizes)]));
            }
            ElementwiseOp::Binary(binary) if binary.accepts(dtype) => {
                SHAPES.iter().for_each(|sizes| add(vec![of(dtype, sizes); 2]));
            }
            ElementwiseOp::Unary(_) | ElementwiseOp::Binary(_) => {}
            ElementwiseOp::Compare(_) => FEW_SHAPES.iter().for_each(|sizes| add(vec![of(dtype, sizes); 2])),
            ElementwiseOp::Select => {
                for sizes in SHAPES {
                    add(vec![of(DType::Bool, sizes), of(dtype, sizes), of(dtype, sizes)]);
                    add(vec![of(DType::Bool, &[]), of(dtype, sizes), of(dtype, sizes)]);
                }
            }
            ElementwiseOp::Convert(_) => FEW_SHAPES.iter().for_each(|sizes| add(vec![of(dtype, sizes)])),
            ElementwiseOp::ReducePrecision { .. } if !dtype.is_float() => {}
            ElementwiseOp::ReducePrecision { .. } => {
                [&[][..], &[0], &[67], &[1031], &[3, 5]].iter().for_each(|sizes| add(vec![of(dtype, sizes)]));
            }
            ElementwiseOp::Clamp => {
                for sizes in FEW_SHAPES {
                    for (low, high) in [(sizes, sizes), (&[][..], &[][..]), (&[][..], sizes), (sizes, &[][..])] {
                        add(vec![of(dtype, low), of(dtype, sizes), of(dtype, high)]);
                    }
                }
            }
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, op: &ElementwiseOp) {
    let mut add = |operands: &[&str]| {
        samples.push(Sample::new(Op::Elementwise(*op), operands.iter().map(|text| typed(text))));
    };
    match op {
        ElementwiseOp::Unary(unary) => {
            let dtype = DType::ALL.into_iter().find(|&dtype| unary.accepts(dtype)).unwrap_or(DType::F32);
            add(&[&format!("{dtype}[?n, 2*?m + 1]")]);
        }
        ElementwiseOp::Binary(binary) => {
            let dtype = DType::ALL.into_iter().find(|&dtype| binary.accepts(dtype)).unwrap_or(DType::F32);
            add(&[&format!("{dtype}[?n, 3]"), &format!("{dtype}[?m, 3]")]);
            add(&[&format!("{dtype}[?n, ?n]"), &format!("{dtype}[?n, 4]")]);
        }
        ElementwiseOp::Compare(_) => add(&["f64[?n]", "f64[?m + 1]"]),
        ElementwiseOp::Select => {
            add(&["bool[?n]", "i8[?m]", "i8[3]"]);
            add(&["bool[]", "f32[?n]", "f32[?n]"]);
        }
        ElementwiseOp::Convert(_) => add(&["f32[min(?n, ?m), floordiv(?n + 1, 2)]"]),
        ElementwiseOp::ReducePrecision { .. } => add(&["f16[?n, 3]"]),
        ElementwiseOp::Clamp => add(&["f32[]", "f32[?n, 5]", "f32[?m, 5]"]),
    }
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, op: &ElementwiseOp) {
    let mut add = |operands: &[&str], constraint, message| {
        samples.push(Invalid::new(Op::Elementwise(*op), operands.iter().map(|text| typed(text)), constraint, message));
    };
    match op {
        ElementwiseOp::Unary(unary) => match unary {
            UnaryOp::Abs => {
                add(&["u8[3]"], "c1", "abs: does not take u8[3]");
                add(&[], "i", "abs: takes 1 operands, but 0 are given");
            }
            UnaryOp::Acos => add(&["i32[2]"], "c1", "acos: does not take i32[2]"),
            UnaryOp::Acosh => add(&["u8[2]"], "c1", "acosh: does not take u8[2]"),
            UnaryOp::Asin => add(&["i64[2]"], "c1", "asin: does not take i64[2]"),
            UnaryOp::Asinh => add(&["bool[2]"], "c1", "asinh: does not take bool[2]"),
            UnaryOp::Atan => add(&["i8[2]"], "c1", "atan: does not take i8[2]"),
            UnaryOp::Atanh => add(&["u64[2]"], "c1", "atanh: does not take u64[2]"),
            UnaryOp::BesselI1e => add(&["i32[2]"], "c1", "bessel_i1e: does not take i32[2]"),
            UnaryOp::Cosh => add(&["i16[2]"], "c1", "cosh: does not take i16[2]"),
            UnaryOp::Digamma => add(&["i32[2]"], "c1", "digamma: does not take i32[2]"),
            UnaryOp::ErfInv => add(&["u32[2]"], "c1", "erf_inv: does not take u32[2]"),
            UnaryOp::Erfc => add(&["i32[]"], "c1", "erfc: does not take i32[]"),
            UnaryOp::Lgamma => add(&["bool[]"], "c1", "lgamma: does not take bool[]"),
            UnaryOp::Sinh => add(&["i32[?n]"], "c1", "sinh: does not take i32[?n]"),
            UnaryOp::Cbrt => add(&["i32[?n]"], "c1", "cbrt: does not take i32[?n]"),
            UnaryOp::Ceil => add(&["i32[]"], "c1", "ceil: does not take i32[]"),
            UnaryOp::Cosine => add(&["bool[2]"], "c1", "cosine: does not take bool[2]"),
            UnaryOp::CountLeadingZeros => add(&["f32[2]"], "c1", "count_leading_zeros: does not take f32[2]"),
            UnaryOp::Erf => add(&["u64[2]"], "c1", "erf: does not take u64[2]"),
            UnaryOp::Exponential => add(&["i64[2]"], "c1", "exponential: does not take i64[2]"),
            UnaryOp::ExponentialMinusOne => add(&["i8[2]"], "c1", "exponential_minus_one: does not take i8[2]"),
            UnaryOp::Floor => add(&["i16[2]"], "c1", "floor: does not take i16[2]"),
            UnaryOp::IsFinite => add(&["u16[2]"], "c1", "is_finite: does not take u16[2]"),
            UnaryOp::Log => add(&["u32[2]"], "c1", "log: does not take u32[2]"),
            UnaryOp::LogPlusOne => add(&["i32[2]"], "c1", "log_plus_one: does not take i32[2]"),
            UnaryOp::Logistic => add(&["bool[2]"], "c1", "logistic: does not take bool[2]"),
            UnaryOp::Negate => add(&["bool[2]"], "c1", "negate: does not take bool[2]"),
            UnaryOp::Not => add(&["f64[2]"], "c1", "not: does not take f64[2]"),
            UnaryOp::Popcnt => add(&["bool[2]"], "c1", "popcnt: does not take bool[2]"),
            UnaryOp::RoundNearestAfz => add(&["i32[2]"], "c1", "round_nearest_afz: does not take i32[2]"),
            UnaryOp::RoundNearestEven => add(&["i32[2]"], "c1", "round_nearest_even: does not take i32[2]"),
            UnaryOp::Rsqrt => add(&["i32[2]"], "c1", "rsqrt: does not take i32[2]"),
            UnaryOp::Sign => add(&["u32[2]"], "c1", "sign: does not take u32[2]"),
            UnaryOp::Sine => add(&["i32[2]"], "c1", "sine: does not take i32[2]"),
            UnaryOp::Sqrt => add(&["i32[2]"], "c1", "sqrt: does not take i32[2]"),
            UnaryOp::Tan => add(&["i32[2]"], "c1", "tan: does not take i32[2]"),
            UnaryOp::Tanh => add(&["i32[2]"], "c1", "tanh: does not take i32[2]"),
        },
        ElementwiseOp::Binary(binary) => match binary {
            BinaryOp::Add => {
                add(&["f32[2]", "f64[2]"], "c1", "add: dtypes differ: f32[2] and f64[2]");
                add(&["f32[2]", "f32[3]"], "c1", "add: shapes differ: f32[2] and f32[3]");
                add(&["f32[2]", "f32[]"], "c1", "add: shapes differ: f32[2] and f32[]");
                add(&["f32[?n]", "f32[?n + 1]"], "c1", "add: shapes differ: f32[?n] and f32[?n + 1]");
                add(&["f32[2]"], "i", "add: takes 2 operands, but 1 are given");
            }
            BinaryOp::And => add(&["f32[2]", "f32[2]"], "c1", "and: does not take f32[2]"),
            BinaryOp::Atan2 => add(&["i32[2]", "i32[2]"], "c1", "atan2: does not take i32[2]"),
            BinaryOp::Divide => add(&["bool[2]", "bool[2]"], "c1", "divide: does not take bool[2]"),
            BinaryOp::Maximum => add(&["i8[2]", "u8[2]"], "c1", "maximum: dtypes differ: i8[2] and u8[2]"),
            BinaryOp::Minimum => add(&["i8[2]", "i8[1]"], "c1", "minimum: shapes differ: i8[2] and i8[1]"),
            BinaryOp::Multiply => add(&["i8[0]", "i8[1]"], "c1", "multiply: shapes differ: i8[0] and i8[1]"),
            BinaryOp::NextAfter => add(&["i32[2]", "i32[2]"], "c1", "next_after: does not take i32[2]"),
            BinaryOp::Or => add(&["f64[2]", "f64[2]"], "c1", "or: does not take f64[2]"),
            BinaryOp::Power => add(&["bool[2]", "bool[2]"], "c1", "power: does not take bool[2]"),
            BinaryOp::Remainder => add(&["bool[2]", "bool[2]"], "c1", "remainder: does not take bool[2]"),
            BinaryOp::ShiftLeft => add(&["f32[2]", "f32[2]"], "c1", "shift_left: does not take f32[2]"),
            BinaryOp::ShiftRightArithmetic => {
                add(&["bool[2]", "bool[2]"], "c1", "shift_right_arithmetic: does not take bool[2]");
            }
            BinaryOp::ShiftRightLogical => {
                add(&["f64[2]", "f64[2]"], "c1", "shift_right_logical: does not take f64[2]");
            }
            BinaryOp::Subtract => add(&["bool[2]", "bool[2]"], "c1", "subtract: does not take bool[2]"),
            BinaryOp::Xor => add(&["f32[2]", "f32[2]"], "c1", "xor: does not take f32[2]"),
        },
        ElementwiseOp::Compare(_) => {
            add(&["f32[2]", "i32[2]"], "c1", "compare: dtypes differ: f32[2] and i32[2]");
            add(&["f32[2, 3]", "f32[3, 2]"], "c1", "compare: shapes differ: f32[2, 3] and f32[3, 2]");
        }
        ElementwiseOp::Select => {
            add(&["i8[2]", "f32[2]", "f32[2]"], "c1", "select: the predicate is i8[2], not bool");
            add(&["bool[3]", "f32[2]", "f32[2]"], "c1", "select: shapes differ: bool[3] and f32[2]");
            add(&["bool[2]", "f32[2]", "f64[2]"], "c2", "select: dtypes differ: f32[2] and f64[2]");
            add(&["bool[]", "f32[2]", "f32[3]"], "c2", "select: shapes differ: f32[2] and f32[3]");
        }
        ElementwiseOp::Convert(_) => {
            add(&["f32[2]", "f32[2]"], "i", "convert: takes 1 operands, but 2 are given");
        }
        ElementwiseOp::ReducePrecision { .. } => {
            add(&["i32[2]"], "c1", "reduce_precision: does not take i32[2]");
            let op = ElementwiseOp::ReducePrecision { exponent_bits: 0, mantissa_bits: 7 };
            let message = "reduce_precision: takes at least one bit of exponent";
            samples.push(Invalid::new(Op::Elementwise(op), [typed("f32[2]")], "c2", message));
        }
        ElementwiseOp::Clamp => {
            add(&["f32[3]", "f32[2]", "f32[]"], "c1", "clamp: shapes differ: f32[3] and f32[2]");
            add(&["f32[]", "f32[2]", "f32[3]"], "c2", "clamp: shapes differ: f32[3] and f32[2]");
            add(&["f64[]", "f32[2]", "f32[2]"], "c3", "clamp: dtypes differ: f64[] and f32[2]");
            add(&["f32[]", "f32[2]", "i32[2]"], "c3", "clamp: dtypes differ: i32[2] and f32[2]");
        }
    }
}

//! Ops of integers and `bool`, and comparisons.

use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};
use tancho_tensor::DType;

use crate::harness::{Function, special_f64};

/// The value of the bits of an integer dtype.
fn integer(dtype: DType, bits: u64) -> i128 {
    let unused = 64 - dtype.bits();
    if dtype.is_signed() { i128::from(((bits << unused) as i64) >> unused) } else { i128::from(bits) }
}

/// The bits of an integer modulo the width of a dtype.
fn wrap(dtype: DType, value: i128) -> u64 {
    value as u64 & (u64::MAX >> (64 - dtype.bits()))
}

/// What the op set's documentation says of integers.
fn integer_oracle(op: BinaryOp, dtype: DType, x: i128, y: i128) -> i128 {
    let width = dtype.bits() as i128;
    let in_range = (0..width).contains(&y);
    let unsigned = x as u128 & (u128::MAX >> (128 - width));
    let signed = (x << (128 - width)) >> (128 - width);
    match op {
        BinaryOp::Add => x + y,
        BinaryOp::And => x & y,
        BinaryOp::Divide => {
            if y == 0 {
                -1
            } else {
                x / y
            }
        }
        BinaryOp::Maximum => x.max(y),
        BinaryOp::Minimum => x.min(y),
        BinaryOp::Multiply => x.wrapping_mul(y),
        BinaryOp::Or => x | y,
        BinaryOp::Power => {
            if y >= 0 {
                (0..y).fold(1, |power: i128, _| integer(dtype, wrap(dtype, power.wrapping_mul(x))))
            } else {
                match x {
                    0 => -1,
                    1 => 1,
                    -1 => {
                        if y % 2 == 0 {
                            1
                        } else {
                            -1
                        }
                    }
                    _ => 0,
                }
            }
        }
        BinaryOp::Remainder => {
            if y == 0 {
                x
            } else {
                x % y
            }
        }
        BinaryOp::ShiftLeft => {
            if in_range {
                x << y
            } else {
                0
            }
        }
        BinaryOp::ShiftRightArithmetic => signed >> if in_range { y } else { 127 },
        BinaryOp::ShiftRightLogical => {
            if in_range {
                (unsigned >> y) as i128
            } else {
                0
            }
        }
        BinaryOp::Subtract => x - y,
        BinaryOp::Xor => x ^ y,
        BinaryOp::Atan2 | BinaryOp::NextAfter => panic!("no op of integers"),
    }
}

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// All values of 8 bits; of wider dtypes those near the ends, near zero, and a few others.
pub fn integer_values(dtype: DType) -> Vec<u64> {
    if dtype.bits() == 8 {
        return (0..256).collect();
    }
    let ends = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 65, 100];
    let signs = ends.into_iter().flat_map(|value| [value, -value, (1 << (dtype.bits() - 1)) + value]);
    signs.chain([0x1234_5678_9abc_def1]).map(|value| wrap(dtype, value)).collect()
}

#[test]
fn binary_ops_of_integers() {
    for dtype in INTEGERS {
        let values = integer_values(dtype);
        for op in BinaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
            let mut function = Function::binary(op, dtype);
            for &x in &values {
                for &y in &values {
                    let (left, right) = (integer(dtype, x), integer(dtype, y));
                    if op == BinaryOp::Power && right > 300 {
                        continue;
                    }
                    let actual = function.bits(&[x, y]);
                    let expected = wrap(dtype, integer_oracle(op, dtype, left, right));
                    assert_eq!(actual, expected, "{} {dtype} of {left}, {right}", op.name());
                }
            }
        }
    }
}

#[test]
fn constant_exponents_of_integers() {
    for dtype in INTEGERS {
        for exponent in [0_u64, 1, 2, 3, 5, 10, 31, 64, 65] {
            let mut function = Function::new(&[dtype], |body, arguments| {
                let exponent = body.integer(exponent as i64, dtype);
                math::expand_binary(body, BinaryOp::Power, arguments[0], exponent)
            });
            for x in integer_values(dtype) {
                let left = integer(dtype, x);
                let expected = integer_oracle(BinaryOp::Power, dtype, left, i128::from(exponent));
                assert_eq!(function.bits(&[x]), wrap(dtype, expected), "{left} to the power of {exponent}");
            }
        }
    }
}

#[test]
fn unary_ops_of_integers() {
    for dtype in INTEGERS {
        for op in UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
            let mut function = Function::unary(op, dtype);
            for x in integer_values(dtype) {
                let value = integer(dtype, x);
                let expected = match op {
                    UnaryOp::Abs => value.abs(),
                    UnaryOp::CountLeadingZeros => i128::from(x.leading_zeros()) - 64 + dtype.bits() as i128,
                    UnaryOp::Negate => -value,
                    UnaryOp::Not => !value,
                    UnaryOp::Popcnt => i128::from(x.count_ones()),
                    UnaryOp::Sign => value.signum(),
                    other => panic!("{} of integers", other.name()),
                };
                assert_eq!(function.bits(&[x]), wrap(dtype, expected), "{} {dtype} of {value}", op.name());
            }
        }
    }
}

#[test]
fn ops_of_bool() {
    for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
        let bits = [u64::from(x), u64::from(y)];
        for op in BinaryOp::ALL.into_iter().filter(|op| op.accepts(DType::Bool)) {
            let expected = match op {
                BinaryOp::Add | BinaryOp::Maximum | BinaryOp::Or => x | y,
                BinaryOp::And | BinaryOp::Minimum | BinaryOp::Multiply => x & y,
                BinaryOp::Xor => x ^ y,
                other => panic!("{} of bool", other.name()),
            };
            assert_eq!(Function::binary(op, DType::Bool).bits(&bits), u64::from(expected), "{} {x} {y}", op.name());
        }
        assert_eq!(Function::unary(UnaryOp::Not, DType::Bool).bits(&bits[..1]), u64::from(!x));
        for comparison in Comparison::ALL {
            let mut function =
                Function::new(&[DType::Bool; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
            assert_eq!(function.bits(&bits), u64::from(compare(comparison, x, y)), "{x} {} {y}", comparison.name());
        }
    }
}

fn compare<T: PartialOrd>(comparison: Comparison, x: T, y: T) -> bool {
    match comparison {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Ge => x >= y,
        Comparison::Gt => x > y,
        Comparison::Le => x <= y,
        Comparison::Lt => x < y,
    }
}

#[test]
fn comparisons() {
    for comparison in Comparison::ALL {
        for dtype in INTEGERS {
            let mut function =
                Function::new(&[dtype; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
            let values = integer_values(dtype);
            for (&x, &y) in values.iter().flat_map(|x| values.iter().map(move |y| (x, y))) {
                let expected = compare(comparison, integer(dtype, x), integer(dtype, y));
                assert_eq!(function.bits(&[x, y]) != 0, expected, "{dtype} {x} {} {y}", comparison.name());
            }
        }
        let mut function =
            Function::new(&[DType::F64; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
        for (x, y) in special_f64().flat_map(|x| special_f64().map(move |y| (x, y))) {
            let actual = function.bits(&[x.to_bits(), y.to_bits()]) != 0;
            assert_eq!(actual, compare(comparison, x, y), "{x} {} {y}", comparison.name());
        }
    }
}

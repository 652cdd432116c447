use tancho_ir::Op;
use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
use tancho_tensor::{Array, DType, Element, with_element};

use super::{array, check, evaluate, vector};

fn unary(op: UnaryOp) -> Op {
    Op::Elementwise(ElementwiseOp::Unary(op))
}

fn binary(op: BinaryOp) -> Op {
    Op::Elementwise(ElementwiseOp::Binary(op))
}

#[track_caller]
fn check_unary<T: Element, U: Element>(op: UnaryOp, x: &[T], expected: &[U]) {
    check(unary(op), &[vector(x)], vector(expected));
}

#[track_caller]
fn check_binary<T: Element>(op: BinaryOp, x: &[T], y: &[T], expected: &[T]) {
    check(binary(op), &[vector(x), vector(y)], vector(expected));
}

/// Every pair of 8-bit values against a formula in wide integers whose low bits count.
#[track_caller]
fn check_all_pairs(op: BinaryOp, signed: impl Fn(i64, i64) -> i64, unsigned: impl Fn(i64, i64) -> i64) {
    let pairs = |values: std::ops::RangeInclusive<i64>| -> Vec<(i64, i64)> {
        values.clone().flat_map(|x| values.clone().map(move |y| (x, y))).collect()
    };
    let (of_signed, of_unsigned) = (pairs(-128..=127), pairs(0..=255));
    let operand = |side: fn(&(i64, i64)) -> i64| of_signed.iter().map(|pair| side(pair) as i8).collect::<Vec<_>>();
    let expected: Vec<i8> = of_signed.iter().map(|&(x, y)| signed(x, y) as i8).collect();
    check_binary(op, &operand(|pair| pair.0), &operand(|pair| pair.1), &expected);
    let operand = |side: fn(&(i64, i64)) -> i64| of_unsigned.iter().map(|pair| side(pair) as u8).collect::<Vec<_>>();
    let expected: Vec<u8> = of_unsigned.iter().map(|&(x, y)| unsigned(x, y) as u8).collect();
    check_binary(op, &operand(|pair| pair.0), &operand(|pair| pair.1), &expected);
}

#[test]
fn integers_follow_their_formulas_on_all_pairs_of_bytes() {
    check_all_pairs(BinaryOp::Add, |x, y| x + y, |x, y| x + y);
    check_all_pairs(BinaryOp::Subtract, |x, y| x - y, |x, y| x - y);
    check_all_pairs(BinaryOp::Multiply, |x, y| x * y, |x, y| x * y);
    check_all_pairs(BinaryOp::Maximum, i64::max, i64::max);
    check_all_pairs(BinaryOp::Minimum, i64::min, i64::min);
    check_all_pairs(BinaryOp::And, |x, y| x & y, |x, y| x & y);
    check_all_pairs(BinaryOp::Or, |x, y| x | y, |x, y| x | y);
    check_all_pairs(BinaryOp::Xor, |x, y| x ^ y, |x, y| x ^ y);
    // 128 has the bits of MIN, which is the quotient of MIN and −1.
    let divide = |x, y| if y == 0 { -1 } else { x / y };
    check_all_pairs(BinaryOp::Divide, divide, divide);
    let remainder = |x, y| if y == 0 { x } else { x % y };
    check_all_pairs(BinaryOp::Remainder, remainder, remainder);
    let beyond = |y| !(0..8).contains(&y);
    let left = |x, y| if beyond(y) { 0 } else { x << y };
    check_all_pairs(BinaryOp::ShiftLeft, left, left);
    let logical = |x: i64, y| if beyond(y) { 0 } else { (x & 255) >> y };
    check_all_pairs(BinaryOp::ShiftRightLogical, logical, logical);
    let arithmetic = |x: i64, y| i64::from(x as i8) >> if beyond(y) { 63 } else { y };
    check_all_pairs(BinaryOp::ShiftRightArithmetic, arithmetic, arithmetic);
}

#[test]
fn powers_of_integers_wrap_and_negative_exponents_are_quotients() {
    let power = |x: i64, y: i64| (0..y).fold(1i64, |power, _| (power * x) & 255);
    let signed = |x: i64, y: i64| match (x, y) {
        (_, 0..) => power(x, y),
        (1, _) => 1,
        (-1, _) => 1 - 2 * (y & 1),
        (0, _) => -1,
        _ => 0,
    };
    check_all_pairs(BinaryOp::Power, signed, power);
    // 3 to the power of 2⁶⁴ − 1 is the inverse of 3.
    check_binary(BinaryOp::Power, &[3u64, 2, 2], &[u64::MAX, 63, 64], &[0xaaaa_aaaa_aaaa_aaab, 1 << 63, 0]);
    check_binary(BinaryOp::Power, &[-1i64, -1], &[i64::MIN, i64::MIN + 1], &[1, -1]);
}

#[test]
fn wide_integers_have_the_same_edges() {
    check_binary(BinaryOp::Divide, &[i64::MIN, i64::MIN, 7], &[-1, 0, 0], &[i64::MIN, -1, -1]);
    check_binary(BinaryOp::Remainder, &[i64::MIN, i64::MIN, -7], &[-1, 0, 2], &[0, i64::MIN, -1]);
    check_binary(BinaryOp::Divide, &[u32::MAX, 7], &[0, 2], &[u32::MAX, 3]);
    check_binary(BinaryOp::Add, &[i32::MAX, i32::MIN], &[1, -1], &[i32::MIN, i32::MAX]);
    check_binary(BinaryOp::Multiply, &[i64::MAX, 1 << 32], &[2, 1 << 32], &[-2, 0]);
    check_binary(BinaryOp::ShiftLeft, &[1i32, 1, 1, 1], &[31, 32, -1, i32::MIN], &[i32::MIN, 0, 0, 0]);
    check_binary(BinaryOp::ShiftRightLogical, &[-1i64, -1, -1], &[63, 64, -1], &[1, 0, 0]);
    check_binary(BinaryOp::ShiftRightArithmetic, &[i16::MIN, 5, -5], &[15, 16, -1], &[-1, 0, -1]);
    check_binary(BinaryOp::ShiftRightArithmetic, &[1u32 << 31, 1 << 30], &[31, 400], &[u32::MAX, 0]);
}

#[test]
fn unary_integers() {
    check_unary(UnaryOp::Abs, &[i8::MIN, -1, 0, 127], &[i8::MIN, 1, 0, 127]);
    check_unary(UnaryOp::Negate, &[i8::MIN, -1, 0, 127], &[i8::MIN, 1, 0, -127]);
    check_unary(UnaryOp::Negate, &[0u16, 1, u16::MAX], &[0u16, u16::MAX, 1]);
    check_unary(UnaryOp::Sign, &[i64::MIN, -3, 0, 9], &[-1i64, -1, 0, 1]);
    check_unary(UnaryOp::Not, &[0u8, 1, 0xf0], &[0xffu8, 0xfe, 0x0f]);
    check_unary(UnaryOp::Not, &[0i32, -1, 5], &[-1i32, 0, -6]);
    check_unary(UnaryOp::CountLeadingZeros, &[0i16, 1, -1], &[16i16, 15, 0]);
    check_unary(UnaryOp::CountLeadingZeros, &[0u64, 1, u64::MAX], &[64u64, 63, 0]);
    check_unary(UnaryOp::Popcnt, &[0i8, 0x55, -1], &[0i8, 4, 8]);
}

#[test]
fn bools() {
    let (x, y) = ([false, false, true, true], [false, true, false, true]);
    for op in [BinaryOp::Add, BinaryOp::Or, BinaryOp::Maximum] {
        check_binary(op, &x, &y, &[false, true, true, true]);
    }
    for op in [BinaryOp::Multiply, BinaryOp::And, BinaryOp::Minimum] {
        check_binary(op, &x, &y, &[false, false, false, true]);
    }
    check_binary(BinaryOp::Xor, &x, &y, &[false, true, true, false]);
    check_unary(UnaryOp::Not, &[false, true], &[true, false]);
}

#[test]
fn float_arithmetic_is_that_of_ieee_754() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    check_binary(BinaryOp::Add, &[16777216.0f32, -0.0, INF], &[1.0, -0.0, -INF], &[16777216.0, -0.0, NAN]);
    check_binary(BinaryOp::Subtract, &[0.0f32, -0.0], &[0.0, 0.0], &[0.0, -0.0]);
    check_binary(BinaryOp::Divide, &[1.0f32, -1.0, 0.0, 1.0], &[0.0, 0.0, 0.0, 3.0], &[INF, -INF, NAN, 1.0 / 3.0]);
    check_binary(
        BinaryOp::Remainder,
        &[5.5f32, -5.5, -0.0, 1.0, INF, 3.0],
        &[2.0, 2.0, 1.0, 0.0, 2.0, INF],
        &[1.5, -1.5, -0.0, NAN, NAN, 3.0],
    );
    check_binary(BinaryOp::Remainder, &[1e300f64, -7.0], &[3.0, -4.0], &[1e300 % 3.0, -3.0]);
    check_binary(
        BinaryOp::Maximum,
        &[0.0f32, -0.0, NAN, 1.0, -INF],
        &[-0.0, 0.0, 1.0, NAN, -1.0],
        &[0.0, 0.0, NAN, NAN, -1.0],
    );
    check_binary(
        BinaryOp::Minimum,
        &[0.0f64, -0.0, f64::NAN, 1.0],
        &[-0.0, 0.0, 1.0, f64::NAN],
        &[-0.0, -0.0, f64::NAN, f64::NAN],
    );
    check_unary(UnaryOp::Abs, &[-0.0f32, -2.0, NAN], &[0.0f32, 2.0, NAN]);
    check_unary(UnaryOp::Negate, &[0.0f32, -0.0, INF], &[-0.0f32, 0.0, -INF]);
    check_unary(UnaryOp::Sign, &[0.0f32, -0.0, 1e-45, -INF, NAN], &[0.0f32, -0.0, 1.0, -1.0, NAN]);
    check_unary(UnaryOp::Ceil, &[-0.5f32, 0.2, 8388609.0], &[-0.0f32, 1.0, 8388609.0]);
    check_unary(UnaryOp::Floor, &[-0.5f64, 0.2, -0.0], &[-1.0f64, 0.0, -0.0]);
    check_unary(UnaryOp::RoundNearestAfz, &[0.5f32, -0.5, 2.5, 0.49999997], &[1.0f32, -1.0, 3.0, 0.0]);
    check_unary(UnaryOp::RoundNearestEven, &[0.5f32, -0.5, 2.5, 3.5], &[0.0f32, -0.0, 2.0, 4.0]);
    check_unary(UnaryOp::Sqrt, &[2.0f32, -0.0, -1.0, INF], &[std::f32::consts::SQRT_2, -0.0, NAN, INF]);
    check_unary(UnaryOp::IsFinite, &[0.0f64, f64::MAX, f64::NEG_INFINITY, f64::NAN], &[true, true, false, false]);
}

#[test]
fn comparisons_with_nan_are_false_but_for_ne() {
    let compare = |comparison| Op::Elementwise(ElementwiseOp::Compare(comparison));
    let (x, y) = (vector(&[1.0f32, 2.0, 0.0, f32::NAN]), vector(&[2.0f32, 1.0, -0.0, f32::NAN]));
    for (comparison, expected) in [
        (Comparison::Eq, [false, false, true, false]),
        (Comparison::Ne, [true, true, false, true]),
        (Comparison::Ge, [false, true, true, false]),
        (Comparison::Gt, [false, true, false, false]),
        (Comparison::Le, [true, false, true, false]),
        (Comparison::Lt, [true, false, false, false]),
    ] {
        check(compare(comparison), &[x.clone(), y.clone()], vector(&expected));
    }
    check(compare(Comparison::Lt), &[vector(&[false, true]), vector(&[true, false])], vector(&[true, false]));
    check(compare(Comparison::Gt), &[vector(&[u8::MAX]), vector(&[1u8])], vector(&[true]));
    check(compare(Comparison::Gt), &[vector(&[-1i8]), vector(&[1i8])], vector(&[false]));
}

#[test]
fn select_and_clamp_take_scalars() {
    let select = Op::Elementwise(ElementwiseOp::Select);
    let (x, y) = (vector(&[1i32, 2, 3]), vector(&[4i32, 5, 6]));
    check(select.clone(), &[vector(&[true, false, true]), x.clone(), y.clone()], vector(&[1i32, 5, 3]));
    check(select.clone(), &[Array::scalar(false), x.clone(), y.clone()], y.clone());
    check(select, &[Array::scalar(true), Array::scalar(7u8), Array::scalar(8u8)], Array::scalar(7u8));

    let clamp = Op::Elementwise(ElementwiseOp::Clamp);
    check(clamp.clone(), &[Array::scalar(2i32), x.clone(), Array::scalar(2i32)], vector(&[2i32, 2, 2]));
    check(clamp.clone(), &[vector(&[0i32, 3, 0]), x, Array::scalar(2i32)], vector(&[1i32, 2, 2]));
    let x = vector(&[f32::NAN, -0.0, 5.0]);
    check(clamp.clone(), &[Array::scalar(0.0f32), x.clone(), Array::scalar(1.0f32)], vector(&[f32::NAN, 0.0, 1.0]));
    check(clamp, &[Array::scalar(0.0f32), x, Array::scalar(f32::NAN)], vector(&[f32::NAN; 3]));
}

#[track_caller]
fn check_convert<T: Element, U: Element>(x: &[T], expected: &[U]) {
    check(Op::Elementwise(ElementwiseOp::Convert(U::DTYPE)), &[vector(x)], vector(expected));
}

#[test]
fn conversions_saturate_round_and_wrap() {
    let floats = [0.9f32, -0.9, 300.0, -300.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    check_convert(&floats, &[0i8, 0, 127, -128, 0, 127, -128]);
    check_convert(&floats, &[0u8, 0, 255, 0, 0, 255, 0]);
    check_convert(&floats, &[0i64, 0, 300, -300, 0, i64::MAX, i64::MIN]);
    check_convert(&floats, &[0u64, 0, 300, 0, 0, u64::MAX, 0]);
    check_convert(&floats, &[true; 7]);
    check_convert(&[0.0f64, -0.0, f64::NAN, 5e-324], &[false, false, true, true]);
    check_convert(&[2147483648.0f32, -2147483904.0], &[i32::MAX, i32::MIN]);
    check_convert(&[300i32, -1, i32::MIN], &[44u8, 255, 0]);
    check_convert(&[-1i8, 127], &[u64::MAX, 127]);
    check_convert(&[200u8], &[-56i8]);
    check_convert(&[16777217i32, 16777219], &[16777216.0f32, 16777220.0]);
    check_convert(&[u64::MAX, (1 << 53) + 1], &[18446744073709551616.0f64, 9007199254740992.0]);
    check_convert(&[1e300f64, 1.0 + 2f64.powi(-24), f64::NAN], &[f32::INFINITY, 1.0, f32::NAN]);
    check_convert(&[true, false], &[1.0f32, 0.0]);
    check_convert(&[true, false], &[1i8, 0]);
    check_convert(&[0u16, 256], &[false, true]);
    check_convert(&[1.5f32, -0.0], &[1.5f64, -0.0]);
}

#[test]
fn every_op_works_for_every_dtype_on_scalars_and_empty_arrays() {
    let samples = |dtype: DType| -> Vec<Array> {
        with_element!(dtype, T => {
            vec![Array::scalar(T::default()), array::<T, 2>([0, 3], &[]), array([2, 1, 2], &[T::default(); 4])]
        })
    };
    for dtype in DType::ALL {
        for x in samples(dtype) {
            for op in UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
                let result = evaluate(unary(op), std::slice::from_ref(&x));
                assert_eq!(result.shape(), x.shape(), "{} of {dtype}", op.name());
            }
            for op in BinaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
                let result = evaluate(binary(op), &[x.clone(), x.clone()]);
                assert_eq!((result.dtype(), result.shape()), (dtype, x.shape()), "{} of {dtype}", op.name());
            }
            for to in DType::ALL {
                let result = evaluate(Op::Elementwise(ElementwiseOp::Convert(to)), std::slice::from_ref(&x));
                assert_eq!((result.dtype(), result.shape()), (to, x.shape()), "{dtype} to {to}");
            }
        }
    }
}

//! Floats of 16 bits: one rounding for each op.

use tancho_ir::Op;
use tancho_ir::ops::{BinaryOp, ConvAxes, ConvOp, DotOp, ElementwiseOp, ReduceKind, ReduceOp, UnaryOp, WindowAxis};
use tancho_tensor::{Array, DType, Element, bf16, f16};

use super::{array, check, evaluate, vector};

fn halves(values: &[f32]) -> [Array; 2] {
    let f16s: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
    let bf16s: Vec<bf16> = values.iter().map(|&x| bf16::from_f32(x)).collect();
    [vector(&f16s), vector(&bf16s)]
}

#[track_caller]
fn check_convert<From: Element, To: Element>(x: &[From], expected: &[To]) {
    check(Op::Elementwise(ElementwiseOp::Convert(To::DTYPE)), &[vector(x)], vector(expected));
}

#[test]
fn conversions_round_once() {
    const ULP: f64 = 1.0 / 1024.0;
    // Just above and below the middle of two neighbours, where an `f32` cannot say so; and the middle itself, to even.
    let near = [
        (1.0 + ULP / 2.0 + 1e-12, 1.0 + ULP),
        (1.0 + ULP / 2.0 - 1e-12, 1.0),
        (1.0 + ULP / 2.0, 1.0),
        (1.0 + 1.5 * ULP, 1.0 + 2.0 * ULP),
        (-1.0 - ULP / 2.0 - 1e-15, -1.0 - ULP),
    ];
    let (x, expected): (Vec<f64>, Vec<f64>) = near.iter().copied().unzip();
    check_convert(&x, &expected.iter().map(|&x| f16::from_f32(x as f32)).collect::<Vec<_>>());
    let scaled: Vec<f64> = x.iter().map(|x| x.signum() + (x - x.signum()) * 8.0).collect();
    let expected: Vec<bf16> =
        expected.iter().map(|x| bf16::from_f32((x.signum() + (x - x.signum()) * 8.0) as f32)).collect();
    check_convert(&scaled, &expected);
    // The ends of the range.
    let x = [65519.999, 65520.0, -1e300, 2f64.powi(-25), 2f64.powi(-25) * 1.0000001, -1e-300, f64::NAN];
    let expected = [f16::MAX, f16::INFINITY, f16::NEG_INFINITY, f16::ZERO, f16::from_bits(1), f16::NEG_ZERO, f16::NAN];
    check_convert(&x, &expected);
    let middle = 2f64.powi(-134);
    let x = [3.3895313892515355e38, 3.4e38, 1e39, middle, middle * 1.0000000001, f64::INFINITY];
    let expected = [bf16::MAX, bf16::INFINITY, bf16::INFINITY, bf16::ZERO, bf16::from_bits(1), bf16::INFINITY];
    check_convert(&x, &expected);
}

#[test]
fn integers_round_once() {
    // 2⁶² and half a unit, and one more.
    let half = 1i64 << 54;
    let top = 1i64 << 62;
    let up = bf16::from_f32(2f32.powi(62) + 2f32.powi(55));
    let even = bf16::from_f32(2f32.powi(62));
    check_convert(
        &[top + half, top + half + 1, -top - half - 1, 3, i64::MIN],
        &[even, up, -up, bf16::from_f32(3.0), bf16::from_f32(-2f32.powi(63))],
    );
    check_convert(
        &[u64::MAX, 257, 259],
        &[bf16::from_f32(2f32.powi(64)), bf16::from_f32(256.0), bf16::from_f32(260.0)],
    );
    check_convert(
        &[65519u32, 65520, 2049, 2051],
        &[f16::MAX, f16::INFINITY, f16::from_f32(2048.0), f16::from_f32(2052.0)],
    );
    check_convert(&[-128i8, 127], &[f16::from_f32(-128.0), f16::from_f32(127.0)]);
}

#[test]
fn halves_become_integers_and_each_other() {
    let [x, y] = halves(&[1.75, -1.75, 300.0, -0.0, f32::NAN, f32::INFINITY]);
    for x in [x, y] {
        let to = |dtype| evaluate(Op::Elementwise(ElementwiseOp::Convert(dtype)), std::slice::from_ref(&x));
        assert!(to(DType::I8).same_bits(&vector(&[1i8, -1, 127, 0, 0, 127])));
        assert!(to(DType::U64).same_bits(&vector(&[1u64, 0, 300, 0, 0, u64::MAX])));
        assert!(to(DType::Bool).same_bits(&vector(&[true, true, true, false, true, true])));
        assert!(to(DType::F64).same_bits(&vector(&[1.75, -1.75, 300.0, -0.0, f64::NAN, f64::INFINITY])));
        assert!(to(x.dtype()).same_bits(&x));
    }
    check_convert(&[f16::from_f32(257.0 / 256.0), f16::from_bits(1)], &[bf16::ONE, bf16::from_f32(2f32.powi(-24))]);
    check_convert(&[bf16::from_f32(1e10), bf16::from_f32(1e-30)], &[f16::INFINITY, f16::ZERO]);
    check_convert(&[true, false], &[f16::ONE, f16::ZERO]);
}

#[test]
fn ops_compute_in_f32() {
    let [x, _] = halves(&[1.0, 60000.0, 2048.0, -0.0]);
    let [y, _] = halves(&[0.0005, 60000.0, 1.0, 0.0]);
    let [sum, _] = halves(&[1025.0 / 1024.0, f32::INFINITY, 2048.0, 0.0]);
    // 1 + 0.0005 lies above the middle of 1 and its neighbour.
    check(Op::Elementwise(ElementwiseOp::Binary(BinaryOp::Add)), &[x, y], sum);
    for (x, expected) in halves(&[4.0, 2.0]).into_iter().zip(halves(&[2.0, 2f32.sqrt()])) {
        check(Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Sqrt)), &[x], expected);
    }
    for (x, expected) in halves(&[1.0, f32::NAN]).into_iter().zip(halves(&[1f32.exp(), f32::NAN])) {
        check(Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Exponential)), &[x], expected);
    }
    let after = Op::Elementwise(ElementwiseOp::Binary(BinaryOp::NextAfter));
    let x = [f16::ONE, f16::ONE, f16::ZERO, f16::NEG_ZERO, f16::MAX, f16::ONE, f16::NEG_ZERO];
    let y = [f16::MAX, f16::MIN, f16::MIN, f16::ONE, f16::INFINITY, f16::NAN, f16::ZERO];
    let expected = [
        f16::from_bits(0x3c01),
        f16::from_bits(0x3bff),
        f16::from_bits(0x8001),
        f16::from_bits(1),
        f16::INFINITY,
        f16::NAN,
        f16::ZERO,
    ];
    check(after, &[vector(&x), vector(&y)], vector(&expected));
}

#[test]
fn sums_round_at_the_end() {
    // One at a time, each of the small numbers would vanish beside 2048.
    let mut numbers = vec![2048.0f32];
    numbers.extend([1.0; 64]);
    let sum = |kind| Op::Reduce(ReduceOp { kind, axes: vec![0] });
    let [x, y] = halves(&numbers);
    check(sum(ReduceKind::Sum), std::slice::from_ref(&x), Array::scalar(f16::from_f32(2112.0)));
    check(sum(ReduceKind::Sum), &[y], Array::scalar(bf16::from_f32(2112.0)));
    check(sum(ReduceKind::ArgMin(DType::I32)), std::slice::from_ref(&x), Array::scalar(1i32));
    let [large, _] = halves(&[60000.0, 60000.0, 0.001]);
    check(sum(ReduceKind::Product), &[large], Array::scalar(f16::INFINITY));
    let [ones, _] = halves(&[1.0; 65]);
    let dot = Op::Dot(DotOp { lhs_contract: vec![0], rhs_contract: vec![0], ..DotOp::default() });
    check(dot, &[x.clone(), ones.clone()], Array::scalar(f16::from_f32(2112.0)));
    let axes = || ConvAxes { batch: 0, feature: 1, spatial: vec![2] };
    let conv = Op::Conv(ConvOp {
        window: vec![WindowAxis::default()],
        reversed: vec![false],
        lhs: axes(),
        rhs: axes(),
        output: axes(),
        feature_groups: 1,
        batch_groups: 1,
    });
    let line = |x: Array| x.reshape([1, 1, 65]).unwrap();
    check(conv, &[line(x), line(ones)], array([1, 1, 1], &[f16::from_f32(2112.0)]));
}

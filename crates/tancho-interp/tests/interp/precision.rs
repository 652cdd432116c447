//! `reduce_precision`; `bitcast_convert`.

use tancho_ir::Op;
use tancho_ir::ops::{ElementwiseOp, ShapeOp};
use tancho_tensor::{Array, DType, bf16, f16};

use super::{array, check, vector};

#[track_caller]
fn check_reduced(exponent_bits: u32, mantissa_bits: u32, x: &[f32], expected: &[f32]) {
    let op = || Op::Elementwise(ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits });
    check(op(), &[vector(x)], vector(expected));
    let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    check(op(), &[vector(&wide(x))], vector(&wide(expected)));
}

#[test]
fn precision_is_reduced() {
    const INF: f32 = f32::INFINITY;
    // Halves go to even; a carry goes on into the exponent.
    check_reduced(4, 3, &[1.0, 1.0625, 1.1875, 1.09375, 3.3, 1.99], &[1.0, 1.0, 1.25, 1.125, 3.25, 2.0]);
    check_reduced(4, 3, &[240.0, 247.9, 248.0, -500.0, 0.015, 0.0157], &[240.0, 240.0, INF, -INF, 0.0, 0.015625]);
    check_reduced(5, 10, &[65519.0, 65520.0, 6.1035156e-5, 6.1e-5, -6e-8], &[65504.0, INF, 6.1035156e-5, 0.0, -0.0]);
    // With one bit of exponent every number is zero or infinite.
    check_reduced(1, 0, &[0.3, 1.0, 1.5, -3.0, -0.0], &[0.0, 0.0, INF, -INF, -0.0]);
    check_reduced(3, 40, &[f32::NAN, INF, -INF, 0.1, 16.1, 15.9], &[f32::NAN, INF, -INF, 0.0, INF, 15.9]);
    check_reduced(40, 40, &[1e-45, f32::MAX, 0.1], &[1e-45, f32::MAX, 0.1]);
    // Subnormal numbers lose bits of the mantissa alone.
    let op = Op::Elementwise(ElementwiseOp::ReducePrecision { exponent_bits: 8, mantissa_bits: 7 });
    let x = [f32::from_bits(0x0001_8000), f32::from_bits(0x0000_8001), f32::MAX];
    check(op.clone(), &[vector(&x)], vector(&[f32::from_bits(0x0002_0000), f32::from_bits(0x0001_0000), INF]));
    check(op.clone(), &[vector(&[bf16::MAX, bf16::from_bits(1)])], vector(&[bf16::MAX, bf16::from_bits(1)]));
    check(
        op,
        &[vector(&[f16::from_bits(0x3c04), f16::from_bits(0x3c0c)])],
        vector(&[f16::ONE, f16::from_bits(0x3c10)]),
    );
}

#[test]
fn bits_keep_their_places() {
    let cast = |dtype, x: Array, expected: Array| {
        let back = x.dtype();
        check(Op::Shape(ShapeOp::BitcastConvert { dtype }), std::slice::from_ref(&x), expected.clone());
        check(Op::Shape(ShapeOp::BitcastConvert { dtype: back }), &[expected], x);
    };
    cast(DType::U32, vector(&[1.0f32, -0.0]), vector(&[0x3f80_0000u32, 0x8000_0000]));
    cast(DType::U8, array([2, 1], &[0x0403_0201u32, 5]), array([2, 1, 4], &[1u8, 2, 3, 4, 5, 0, 0, 0]));
    cast(DType::I16, Array::scalar(-1.0f64), vector(&[0i16, 0, 0, 0xbff0u16 as i16]));
    cast(DType::BF16, Array::scalar(f16::from_bits(0x3f80)), Array::scalar(bf16::ONE));
    cast(DType::F64, array::<u8, 2>([0, 8], &[]), vector::<f64>(&[]));
}

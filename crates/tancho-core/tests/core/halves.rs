use tancho_core::{DType, Tensor, arange, bf16, f16, full, iota, layer_norm, ones, tensor};

use crate::check::check;

fn halves(values: &[f32]) -> Tensor {
    Tensor::from_vec([values.len()], values.iter().copied().map(f16::from_f32).collect::<Vec<_>>())
}

#[test]
fn tensors_of_halves_are_made_read_and_shown() {
    let x = halves(&[1.0, -0.5, 0.1]);
    assert_eq!(x.dtype(), DType::F16);
    assert_eq!(x.to_vec::<f16>().unwrap()[1], f16::from_f32(-0.5));
    assert_eq!(x.to_string(), "[ 1.0, -0.5,  0.1], shape=(3,), dtype=f16");
    let y = tensor([[bf16::from_f32(3.0)]]);
    assert_eq!(y.to_string(), "[[3.0]], shape=(1, 1), dtype=bf16");
    assert_eq!(y.item::<bf16>().unwrap(), bf16::from_f32(3.0));
    assert_eq!(full(f16::ONE, [2]).dtype(), DType::F16);
    assert_eq!(arange(f16::ZERO, f16::from_f32(3.0), f16::ONE).dtype(), DType::F16);
    check(&iota(DType::BF16, [3], 0), |x| x, &[3], &[0.0, 1.0, 2.0]);
}

#[test]
fn literals_keep_the_dtype() {
    let x = halves(&[1.0, 2.0]);
    let sum: Tensor = 0.1 * &x + 1;
    assert_eq!(sum.dtype(), DType::F16);
    check(&x, |x| x * 0.1, &[2], &[f16::from_f32(0.1).to_f64(), f16::from_f32(0.2).to_f64()]);
    check(&x, |x| f16::from_f32(3.0) - x, &[2], &[2.0, 1.0]);
    let error = (&x + 1e6).to_vec::<f16>().unwrap_err().to_string();
    assert!(error.starts_with("add: 1000000.0 is out of range for f16"), "{error}");
    let error = (&x + tensor([1.0f32, 2.0])).to_vec::<f16>().unwrap_err().to_string();
    assert!(error.starts_with("add: dtypes differ: lhs f16[2], rhs f32[2]"), "{error}");
}

#[test]
fn conversions() {
    let x = tensor([1.0f64 + 2f64.powi(-11) + 2f64.powi(-40), 1e6, -3.7]);
    check(&x, |x| x.to(DType::F16), &[3], &[1.0 + 2f64.powi(-10), f64::INFINITY, -3.69921875]);
    check(&x, |x| x.to(DType::BF16).to(DType::I32), &[3], &[1.0, 999_424.0, -3.0]);
    check(&halves(&[2.5, 0.0]), |x| x.to(DType::Bool), &[2], &[1.0, 0.0]);
}

#[test]
fn folds_and_what_is_composed_of_them_round_once() {
    // 16-bit partial sums would stop at 2048, and overflow at 65520.
    let x = ones(DType::F16, [5000]);
    check(&x, |x| x.sum(..), &[], &[5000.0]);
    let x = full(f16::from_f32(100.0), [70_000]);
    check(&x, |x| x.sum(..), &[], &[f64::INFINITY]);
    check(&x, |x| x.mean(..), &[], &[100.0]);
    check(&x, |x| x.var(..), &[], &[0.0]);
    check(
        &x,
        |x| x.softmax(0).sum(..),
        &[],
        &[70_000.0 * f16::from_f32(1.0 / 70_000.0).to_f64()].map(|sum| f16::from_f64(sum).to_f64()),
    );
    let x = halves(&[300.0, 400.0]);
    check(&x, |x| x.norm(..), &[], &[500.0]);
    let y = halves(&[1.0, -1.0, 1.0, -1.0]);
    check(&y, |y| layer_norm(&y, ones(DType::F16, [4]), 0.0 * &y, 1e-12), &[4], &[1.0, -1.0, 1.0, -1.0]);
}

#[test]
fn products_round_once() {
    let x = ones(DType::F16, [3, 3000]);
    check(&x, |x| x.matmul(x.t()), &[3, 3], &[3000.0; 9]);
}

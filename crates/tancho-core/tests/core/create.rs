use tancho_core::*;

use crate::check::{check, check_near};

#[test]
fn filled_and_counted() {
    let x = tensor([1.0f32, 2.0]);
    check(&x, |x| zeros(DType::F32, [2]) + x, &[2], &[1.0, 2.0]);
    check(&x, |_| ones(DType::I8, [1, 2]), &[1, 2], &[1.0, 1.0]);
    check(&x, |_| zeros(DType::Bool, ()), &[], &[0.0]);
    check(&x, |x| full(x.sum(..), x.shape()), &[2], &[3.0, 3.0]);
    check(&x, |_| full(7, vec![2usize]), &[2], &[7.0, 7.0]);
    check(&x, |_| iota(DType::I32, [2, 2], -1), &[2, 2], &[0.0, 1.0, 0.0, 1.0]);
    check(&x, |_| eye(DType::F64, 2), &[2, 2], &[1.0, 0.0, 0.0, 1.0]);
    assert_eq!(full(7u8, [1]).dtype(), DType::U8);
}

#[test]
fn ranges() {
    let x = tensor(0);
    check(&x, |_| arange(0, 4, 1), &[4], &[0.0, 1.0, 2.0, 3.0]);
    check(&x, |_| arange(5i64, 0, -2), &[3], &[5.0, 3.0, 1.0]);
    check(&x, |_| arange(0.0f32, 1.0, 0.25), &[4], &[0.0, 0.25, 0.5, 0.75]);
    check(&x, |_| arange(3, 3, 1), &[0], &[]);
    check(&x, |_| linspace(-2.0f32, 2.0, 5), &[5], &[-2.0, -1.0, 0.0, 1.0, 2.0]);
    check(&x, |_| linspace(1.0f64, 9.0, 1), &[1], &[1.0]);
    check_near(&x, |_| linspace(0.0f32, 0.7, 8), &[8], &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 1e-6);
    assert_eq!(linspace(0.0f32, 0.7, 8).to_vec::<f32>().unwrap()[7], 0.7);
}

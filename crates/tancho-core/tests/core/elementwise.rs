use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, PI};

use tancho_core::{DType, Tensor, maximum, minimum, select, tensor};

use crate::check::{check, check_near};

const ULPS: f64 = 4e-7;

fn floats() -> Tensor {
    tensor([-1.5f32, 0.0, 0.5, 2.0])
}

#[test]
fn functions_of_one_float() {
    let exact = |operation: fn(&Tensor) -> Tensor, expected: [f64; 4]| {
        check(&floats(), move |x| operation(&x), &[4], &expected);
    };
    exact(Tensor::abs, [1.5, 0.0, 0.5, 2.0]);
    exact(Tensor::sign, [-1.0, 0.0, 1.0, 1.0]);
    exact(Tensor::floor, [-2.0, 0.0, 0.0, 2.0]);
    exact(Tensor::ceil, [-1.0, 0.0, 1.0, 2.0]);
    exact(Tensor::round, [-2.0, 0.0, 0.0, 2.0]);
    exact(Tensor::round_half_away, [-2.0, 0.0, 1.0, 2.0]);
    exact(Tensor::square, [2.25, 0.0, 0.25, 4.0]);
    exact(Tensor::reciprocal, [1.0 / -1.5f32 as f64, f64::INFINITY, 2.0, 0.5].map(|x| x as f32 as f64));
    exact(Tensor::is_finite, [1.0; 4]);
    exact(Tensor::is_nan, [0.0; 4]);
    exact(|x| x.sqrt().is_nan(), [1.0, 0.0, 0.0, 0.0]);
    exact(|x| x.reciprocal().is_infinite(), [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn elementary_functions() {
    #[track_caller]
    fn near(operation: fn(&Tensor) -> Tensor, reference: fn(f64) -> f64) {
        let expected: Vec<f64> = [-1.5, 0.0, 0.5, 2.0].into_iter().map(reference).collect();
        check_near(&floats(), move |x| operation(&x), &[4], &expected, ULPS);
        let wide = floats().to(DType::F64);
        check_near(&wide, move |x| operation(&x), &[4], &expected, 1e-13);
    }
    near(Tensor::exp, f64::exp);
    near(Tensor::expm1, f64::exp_m1);
    near(Tensor::log, f64::ln);
    near(Tensor::log1p, f64::ln_1p);
    near(Tensor::sqrt, f64::sqrt);
    near(Tensor::rsqrt, |x| 1.0 / x.sqrt());
    near(Tensor::cbrt, f64::cbrt);
    near(Tensor::sin, f64::sin);
    near(Tensor::cos, f64::cos);
    near(Tensor::tan, f64::tan);
    near(Tensor::tanh, f64::tanh);
    near(Tensor::sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
    check_near(&tensor([0.5f64, 1.0]), |x| x.erf(), &[2], &[0.5204998778130465, 0.8427007929497149], 1e-15);
}

#[test]
fn functions_of_two() {
    let x = floats();
    check(&x, |x| x.pow(2), &[4], &[2.25, 0.0, 0.25, 4.0]);
    check(&x, |x| x.maximum(0.25), &[4], &[0.25, 0.25, 0.5, 2.0]);
    check(&x, |x| x.minimum(0.25), &[4], &[-1.5, 0.0, 0.25, 0.25]);
    check(&x, |x| maximum(0, &x) + minimum(&x, 0), &[4], &[-1.5, 0.0, 0.5, 2.0]);
    check(&x, |x| x.clamp(-1, 1), &[4], &[-1.0, 0.0, 0.5, 1.0]);
    check_near(
        &tensor([1.0f64, 1.0, 0.0]),
        |y| y.atan2(tensor([1.0, 0.0, -1.0])),
        &[3],
        &[FRAC_PI_4, FRAC_PI_2, PI],
        1e-15,
    );
    check_near(&tensor(2.0f64), |x| x.log(), &[], &[LN_2], 1e-15);
}

#[test]
fn operators_with_tensors_and_scalars() {
    let x = tensor([6.0f32, -4.0]);
    check(&x, |x| &x + &x, &[2], &[12.0, -8.0]);
    check(&x, |x| 1.0 - x, &[2], &[-5.0, 5.0]);
    check(&x, |x| 2 * &x / 4.0, &[2], &[3.0, -2.0]);
    check(&x, |x| 12 / &x, &[2], &[2.0, -3.0]);
    check(&x, |x| x % 4, &[2], &[2.0, 0.0]);
    check(&x, |x| -x, &[2], &[-6.0, 4.0]);
    check(&x, |x| &x + tensor([[1.0f32], [2.0]]), &[2, 2], &[7.0, -3.0, 8.0, -2.0]);
    check(
        &x,
        |mut x| {
            x += 1;
            x *= tensor([2.0f32, 3.0]);
            x -= 1.0;
            x /= 1.0;
            x
        },
        &[2],
        &[13.0, -10.0],
    );
}

#[test]
fn integers_and_bits() {
    let x = tensor([7, -7, 0]);
    check(&x, |x| &x / 2, &[3], &[3.0, -3.0, 0.0]);
    check(&x, |x| &x % 4, &[3], &[3.0, -3.0, 0.0]);
    check(&x, |x| 1 / &x, &[3], &[0.0, 0.0, -1.0]);
    check(&x, |x| &x & 3, &[3], &[3.0, 1.0, 0.0]);
    check(&x, |x| &x | 8, &[3], &[15.0, -7.0, 8.0]);
    check(&x, |x| 1 ^ &x, &[3], &[6.0, -8.0, 1.0]);
    check(&x, |x| !x, &[3], &[-8.0, 6.0, -1.0]);
    check(&x, |x| &x << 2, &[3], &[28.0, -28.0, 0.0]);
    check(&x, |x| &x >> 1, &[3], &[3.0, -4.0, 0.0]);
    check(&tensor([128u8, 255]), |x| x >> 1, &[2], &[64.0, 127.0]);
    check(&tensor([7u32, 0]), |x| x.count_ones(), &[2], &[3.0, 0.0]);
    check(&tensor([1i8, 0]), |x| x.leading_zeros(), &[2], &[7.0, 8.0]);
    check(&tensor(i8::MIN), |x| x.abs(), &[], &[-128.0]);
}

#[test]
fn comparisons_and_selection() {
    let x = tensor([1.0f32, 2.0, f32::NAN]);
    check(&x, |x| x.eq(2), &[3], &[0.0, 1.0, 0.0]);
    check(&x, |x| x.ne(2), &[3], &[1.0, 0.0, 1.0]);
    check(&x, |x| x.lt(2), &[3], &[1.0, 0.0, 0.0]);
    check(&x, |x| x.le(2), &[3], &[1.0, 1.0, 0.0]);
    check(&x, |x| x.gt(1.5), &[3], &[0.0, 1.0, 0.0]);
    check(&x, |x| x.ge(2), &[3], &[0.0, 1.0, 0.0]);
    check(&x, |x| x.gt(1.5).select(&x, 0), &[3], &[0.0, 2.0, 0.0]);
    check(&x, |x| select(x.is_nan(), 1, 2), &[3], &[2.0, 2.0, 1.0]);
    check(&x, |x| select(true, tensor([1, 2]), x.shape()[0].clone()), &[2], &[1.0, 2.0]);
    check(&x, |x| x.le(1).logical_and(x.ge(1)).logical_or(x.is_nan()), &[3], &[1.0, 0.0, 1.0]);
    check(&x, |x| x.le(1).logical_xor(true).logical_not(), &[3], &[1.0, 0.0, 0.0]);
}

#[test]
fn conversions() {
    let x = tensor([-1.7f32, 300.0, f32::NAN]);
    check(&x, |x| x.to(DType::I32), &[3], &[-1.0, 300.0, 0.0]);
    check(&x, |x| x.to(DType::U8), &[3], &[0.0, 255.0, 0.0]);
    check(&x, |x| x.to(DType::Bool), &[3], &[1.0, 1.0, 1.0]);
    check(&x, |x| x.to(DType::F32).slice(..2), &[2], &[-1.7f32 as f64, 300.0]);
    check(&tensor([true, false]), |x| x.to(DType::F64), &[2], &[1.0, 0.0]);
    check(&tensor([257, -1]), |x| x.to(DType::U8), &[2], &[1.0, 255.0]);
}

#[test]
fn literals_on_the_left_need_no_type() {
    let x = tensor([1, 2]);
    check(&x, |x| 3 * &x + 1, &[2], &[4.0, 7.0]);
    check(&x, |x| (&x * 3 + 1).sum(..), &[], &[11.0]);
}

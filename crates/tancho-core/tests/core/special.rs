//! Values of NumPy and SciPy.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_3, FRAC_PI_6, LN_2};

use tancho_core::{DType, Tensor, tensor};

use crate::check::{check, check_error, check_near};

#[test]
fn functions_near_zero() {
    #[track_caller]
    fn near(operation: fn(&Tensor) -> Tensor, expected: [f64; 5]) {
        let wide = tensor([-0.9, -0.25, 0.0, 0.5, 0.75]);
        check_near(&wide, move |x| operation(&x), &[5], &expected, 4e-15);
        // The error of −0.9 and that of the function.
        check_near(&wide.to(DType::F32), move |x| operation(&x), &[5], &expected, 1e-6);
        // One rounding of the input, and one of the result.
        check_near(&wide.to(DType::BF16), move |x| operation(&x), &[5], &expected, 0.02);
    }
    near(Tensor::acos, [2.6905658417935308, 1.8234765819369754, FRAC_PI_2, FRAC_PI_3, 0.7227342478134157]);
    near(Tensor::asin, [-1.1197695149986342, -0.25268025514207865, 0.0, FRAC_PI_6, 0.848062078981481]);
    near(Tensor::asinh, [-0.8088669356527824, -0.24746646154726346, 0.0, 0.48121182505960347, LN_2]);
    near(Tensor::atan, [-0.7328151017865066, -0.24497866312686414, 0.0, 0.4636476090008061, 0.6435011087932844]);
    near(Tensor::atanh, [-1.4722194895832204, -0.25541281188299536, 0.0, 0.5493061443340548, 0.9729550745276566]);
    near(Tensor::cosh, [1.4330863854487745, 1.0314130998795732, 1.0, 1.1276259652063807, 1.2946832846768448]);
    near(Tensor::sinh, [-1.0265167257081753, -0.2526123168081683, 0.0, 0.5210953054937474, 0.82231673193583]);
    near(Tensor::bessel_i1e, [-0.20211653087685588, -0.0981126286973682, 0.0, 0.15642080318487173, 0.189887793304855]);
    near(Tensor::erf_inv, [-1.1630871536766743, -0.2253120550121781, 0.0, 0.4769362762044699, 0.8134198475976184]);
}

#[test]
fn functions_of_larger_numbers() {
    let check64 = |x: &[f64], operation: fn(&Tensor) -> Tensor, expected: &[f64]| {
        check_near(&Tensor::from_vec([x.len()], x.to_vec()), move |x| operation(&x), &[x.len()], expected, 1e-14);
    };
    check64(&[1.0, 1.5, 3.0, 20.0], Tensor::acosh, &[0.0, 0.9624236501192069, 1.762747174039086, 3.6882538673612966]);
    check64(
        &[-1.0, 0.0, 0.5, 3.0, 5.0],
        Tensor::erfc,
        &[1.8427007929497148, 1.0, 0.4795001221869535, 2.2090496998585445e-05, 1.5374597944280347e-12],
    );
    let x = [0.5, 1.0, 2.5, -1.5, 10.0];
    check64(&x, Tensor::lgamma, &[0.5723649429247, 0.0, 0.2846828704729192, 0.860047015376481, 12.801827480081469]);
    check64(
        &x,
        Tensor::digamma,
        &[-1.9635100260214235, -0.5772156649015329, 0.7031566406452432, 0.7031566406452434, 2.251752589066721],
    );
    let outside = tensor([-2.0f32, 2.0]);
    check(&outside, |x| x.acos().is_nan().logical_and(x.erf_inv().is_nan()), &[2], &[1.0, 1.0]);
}

#[test]
fn bits() {
    let x = tensor([1.0f32, 0.0, 2.0, -1.0]);
    let next = [1.0f32.next_up(), 0.0f32.next_down(), 2.0, (-1.0f32).next_up()].map(f64::from);
    check(&x, |x| x.next_after(tensor([2.0f32, -1.0, 2.0, 0.0])), &[4], &next);
    let x = tensor([std::f32::consts::PI, 70000.0, 1e-30, -1.0 - 1.0 / 256.0]);
    check(&x, |x| x.reduce_precision(5, 10), &[4], &[3.140625, f64::INFINITY, 0.0, -1.00390625]);
    check(&x, |x| x.reduce_precision(8, 7), &[4], &[3.140625, 70144.0, 9.98402083170343e-31, -1.0]);
    check(&tensor([1.0f32, -2.5]), |x| x.bitcast_convert(DType::I32), &[2], &[1_065_353_216.0, -1_071_644_672.0]);
    check(&tensor([0x0102_0304u32]), |x| x.bitcast_convert(DType::U8), &[1, 4], &[4.0, 3.0, 2.0, 1.0]);
    check(&tensor([[4u8, 3, 2, 1]]), |x| x.bitcast_convert(DType::U32), &[1], &[f64::from(0x0102_0304)]);
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    fails(tensor([1]).acosh(), "acosh: does not take i32[1]");
    fails(
        tensor([1.0f32]).next_after(tensor([1.0])),
        "next_after: dtypes differ: lhs f32[1], rhs f64[1]; use .to(dtype) on one",
    );
    fails(tensor([1.0f32]).reduce_precision(0, 2), "reduce_precision: takes at least one bit of exponent");
    fails(tensor([true]).bitcast_convert(DType::U8), "bitcast_convert: does not take bool[1] to u8");
}

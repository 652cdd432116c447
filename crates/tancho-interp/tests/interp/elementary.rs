//! Elementary functions: the special cases by hand, and sweeps against the functions of the platform, which are others.

use tancho_ir::Op;
use tancho_ir::ops::{BinaryOp, ElementwiseOp, UnaryOp};

use super::{check, evaluate, vector};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The same values for both float types.
#[track_caller]
fn check_both(op: UnaryOp, cases: &[(f64, f64)]) {
    let op = Op::Elementwise(ElementwiseOp::Unary(op));
    let (x, y): (Vec<f64>, Vec<f64>) = cases.iter().copied().unzip();
    let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    check(op.clone(), &[vector(&x)], vector(&y));
    check(op, &[vector(&narrow(&x))], vector(&narrow(&y)));
}

#[track_caller]
fn check_both_binary(op: BinaryOp, cases: &[(f64, f64, f64)]) {
    let op = Op::Elementwise(ElementwiseOp::Binary(op));
    let column = |side: fn(&(f64, f64, f64)) -> f64| cases.iter().map(side).collect::<Vec<f64>>();
    let columns = [column(|case| case.0), column(|case| case.1), column(|case| case.2)];
    let [x, y, expected] = columns.each_ref().map(|column| vector(column));
    check(op.clone(), &[x, y], expected);
    let [x, y, expected] = columns.map(|column| vector(&column.iter().map(|&value| value as f32).collect::<Vec<_>>()));
    check(op, &[x, y], expected);
}

#[test]
fn special_cases() {
    check_both(UnaryOp::Exponential, &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e5, INF)]);
    check_both(UnaryOp::ExponentialMinusOne, &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e-30, 1e-30)]);
    check_both(UnaryOp::Log, &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (NAN, NAN)]);
    check_both(UnaryOp::LogPlusOne, &[(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (1e-30, 1e-30)]);
    check_both(UnaryOp::Logistic, &[(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN), (1e3, 1.0), (-1e4, 0.0)]);
    check_both(UnaryOp::Tanh, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (100.0, 1.0), (NAN, NAN)]);
    check_both(UnaryOp::Sine, &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (NAN, NAN), (1e-30, 1e-30)]);
    check_both(UnaryOp::Cosine, &[(0.0, 1.0), (-0.0, 1.0), (-INF, NAN), (NAN, NAN)]);
    check_both(UnaryOp::Tan, &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (NAN, NAN)]);
    check_both(UnaryOp::Erf, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (20.0, 1.0)]);
    check_both(UnaryOp::Cbrt, &[(27.0, 3.0), (-8.0, -2.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)]);
    check_both(UnaryOp::Rsqrt, &[(4.0, 0.5), (0.0, INF), (-0.0, -INF), (-1.0, NAN), (INF, 0.0), (NAN, NAN)]);
    check_both_binary(
        BinaryOp::Power,
        &[
            (2.0, 10.0, 1024.0),
            (-2.0, 3.0, -8.0),
            (-2.0, 0.5, NAN),
            (0.0, 0.0, 1.0),
            (NAN, 0.0, 1.0),
            (1.0, NAN, 1.0),
            (-0.0, -1.0, -INF),
            (-1.0, INF, 1.0),
            (0.0, -2.0, INF),
        ],
    );
    check_both_binary(
        BinaryOp::Atan2,
        &[
            (0.0, 1.0, 0.0),
            (-0.0, 1.0, -0.0),
            (0.0, -1.0, std::f64::consts::PI),
            (-0.0, -1.0, -std::f64::consts::PI),
            (1.0, 0.0, std::f64::consts::FRAC_PI_2),
            (INF, INF, std::f64::consts::FRAC_PI_4),
            (NAN, 1.0, NAN),
        ],
    );
}

/// How many representable values `found` is away from `expected`.
fn distance_f32(found: f32, expected: f32) -> u64 {
    let ordered = |x: f32| {
        let bits = i64::from(x.to_bits() as i32);
        if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
    };
    if found.is_nan() && expected.is_nan() { 0 } else { ordered(found).abs_diff(ordered(expected)) }
}

fn distance_f64(found: f64, expected: f64) -> u64 {
    let ordered = |x: f64| {
        let bits = x.to_bits() as i64;
        i128::from(if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits })
    };
    let distance = ordered(found).abs_diff(ordered(expected));
    if found.is_nan() && expected.is_nan() { 0 } else { u64::try_from(distance).unwrap_or(u64::MAX) }
}

/// Values of all magnitudes up to a bound, of both signs.
fn sweep(bound: f64) -> Vec<f64> {
    let magnitudes = (0..4000).map(|step| bound * 0.99f64.powi(step));
    magnitudes.flat_map(|x| [x, -x]).collect()
}

/// `reference` is good to less than a unit of `f64`, so that rounded to `f32` it is the correct result in all but one
/// of some hundred million cases. A difference of one `f64` function from another may be two units: each is off by one.
#[track_caller]
fn check_sweep(op: UnaryOp, bound: f64, reference: fn(f64) -> f64) {
    let name = op.name();
    let op = Op::Elementwise(ElementwiseOp::Unary(op));
    let wide = sweep(bound);
    let narrow: Vec<f32> = wide.iter().map(|&x| x as f32).collect();
    let found = evaluate(op.clone(), &[vector(&narrow)]);
    for (&x, &y) in narrow.iter().zip(found.elements::<f32>().unwrap()) {
        let expected = reference(f64::from(x)) as f32;
        assert!(distance_f32(y, expected) == 0, "{name}({x:e}) is {y:e}, not {expected:e}");
    }
    let found = evaluate(op, &[vector(&wide)]);
    for (&x, &y) in wide.iter().zip(found.elements::<f64>().unwrap()) {
        let expected = reference(x);
        assert!(distance_f64(y, expected) <= 2, "{name}({x:e}) is {y:e}, not {expected:e}");
    }
}

#[test]
fn sweeps_agree_with_the_platform() {
    check_sweep(UnaryOp::Exponential, 110.0, f64::exp);
    check_sweep(UnaryOp::ExponentialMinusOne, 110.0, f64::exp_m1);
    check_sweep(UnaryOp::Log, 1e38, f64::ln);
    check_sweep(UnaryOp::LogPlusOne, 1e38, f64::ln_1p);
    check_sweep(UnaryOp::Tanh, 20.0, f64::tanh);
    check_sweep(UnaryOp::Sine, 1e8, f64::sin);
    check_sweep(UnaryOp::Cosine, 1e8, f64::cos);
    check_sweep(UnaryOp::Tan, 1e8, f64::tan);
    check_sweep(UnaryOp::Cbrt, 1e38, f64::cbrt);
    check_sweep(UnaryOp::Rsqrt, 1e38, |x| x.sqrt().recip());
}

#[test]
fn known_values() {
    // To 17 digits, from tables.
    check_both(UnaryOp::Erf, &[(0.5, 0.520_499_877_813_046_5), (2.0, 0.995_322_265_018_952_7)]);
    check_both(UnaryOp::Logistic, &[(1.0, 0.731_058_578_630_004_9), (-1.0, 0.268_941_421_369_995_1)]);
    // Where e⁷²⁰ overflows, the quotient is still a number.
    let logistic = Op::Elementwise(ElementwiseOp::Unary(UnaryOp::Logistic));
    check(logistic, &[vector(&[-720.0f64])], vector(&[(-720.0f64).exp()]));
}

//! Special functions: `erfc`, `erf_inv`, `lgamma`, `digamma`, `bessel_i1e`.
//!
//! The values of `references.txt` hold the f64 functions, and the f32 ones where the argument is an f32. Between these, f32
//! functions are held against plain f64 formulas, which the same values hold.

use std::f64::consts::PI;

use astro_float_num::{BigFloat, Radix};
use tancho_ir::ops::UnaryOp;
use tancho_tensor::DType;

use crate::harness::{Function, Worst, check_f32, check_f32_beside, error_f32_beside};
use crate::oracle::{Oracle, PRECISION, ROUNDING, error_f64_beside};

/// What errors are measured by where zeros lie between poles: the terms of the reflection.
fn scale_below_zero(x: f64) -> f64 {
    if x < 0.0 { libm::lgamma(x.abs()).abs().clamp(1.0, f64::MAX) } else { 0.0 }
}

fn digamma_scale(x: f64) -> f64 {
    if x < 0.0 { digamma(x.abs()).abs().max(1.0) } else { 0.0 }
}

fn no_scale(_: f64) -> f64 {
    0.0
}

/// The recurrence up to where the asymptotic series has all digits; the Taylor series of degree 3 at the positive zero.
fn digamma(x: f64) -> f64 {
    if x <= 0.0 && (x == x.floor() || x.is_infinite()) {
        return f64::NAN;
    }
    if x < 0.0 {
        return digamma(1.0 - x) - PI / libm::tan(PI * (x - x.round()));
    }
    let from_zero = x - 1.461_632_144_968_362_3 - 9.549_995_429_965_697e-17;
    if from_zero.abs() < 1e-4 {
        let coefficients = [9.676_722_454_476_211e-1, -4.427_631_689_838_165e-1, 2.584_997_609_556_108e-1];
        return from_zero * coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * from_zero + coefficient);
    }
    let (mut y, mut sum) = (x, 0.0);
    while y < 20.0 {
        sum -= 1.0 / y;
        y += 1.0;
    }
    let square = 1.0 / (y * y);
    let series = [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0];
    let series = series.iter().rev().fold(0.0, |sum, term| (sum + term) * square);
    if y.is_infinite() { y } else { sum + libm::log(y) - 0.5 / y - series }
}

/// Bisection on the bits, with `erf` or `erfc`, and one step of Newton's.
fn erf_inv(x: f64) -> f64 {
    let h = x.abs();
    if h >= 1.0 || x.is_nan() {
        return if h == 1.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    let excess = |y: f64| if h < 0.5 { libm::erf(y) - h } else { (1.0 - h) - libm::erfc(y) };
    let (mut low, mut high) = (0_u64, 6.0_f64.to_bits());
    while high - low > 1 << 20 {
        let middle = low + (high - low) / 2;
        if excess(f64::from_bits(middle)) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let y = f64::from_bits(low);
    (y - excess(y) * PI.sqrt() / 2.0 * libm::exp(y * y)).copysign(x)
}

/// The integral `1/π · ∫ e^(h·(cos t − 1))·cos t` over a half turn, for which the trapezoidal rule has all digits; far from zero
/// two terms of the asymptotic series.
fn bessel_i1e(x: f64) -> f64 {
    let h = x.abs();
    let result = if h < 0.01 {
        h / 2.0 * (1.0 + h * h / 8.0 * (1.0 + h * h / 24.0)) * libm::exp(-h)
    } else if h < 1e4 {
        let steps = 64 + (4.0 * h.sqrt()) as usize * 4;
        let term = |step: usize| {
            let angle = PI * step as f64 / steps as f64;
            let half_sine = libm::sin(angle / 2.0);
            libm::exp(-2.0 * h * half_sine * half_sine) * libm::cos(angle)
        };
        ((1..steps).map(term).sum::<f64>() + (term(0) + term(steps)) / 2.0) / steps as f64
    } else {
        (1.0 - 3.0 / (8.0 * h) - 15.0 / (128.0 * h * h)) / (2.0 * PI).sqrt() / h.sqrt()
    };
    result.copysign(x)
}

#[test]
fn special_functions_f32() {
    check_f32(UnaryOp::Erfc, libm::erfc);
    check_f32(UnaryOp::ErfInv, erf_inv);
    check_f32(UnaryOp::BesselI1e, bessel_i1e);
    check_f32_beside(UnaryOp::Lgamma, libm::lgamma, scale_below_zero);
    check_f32_beside(UnaryOp::Digamma, digamma, digamma_scale);
}

/// The reference values of an op: arguments and values in decimal.
fn references(op: UnaryOp) -> impl Iterator<Item = (f64, &'static str)> {
    let lines = include_str!("references.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(move |line| {
        let mut words = line.split(' ');
        let (name, bits, value) = (words.next()?, words.next()?, words.next()?);
        let x = f64::from_bits(u64::from_str_radix(bits, 16).expect("the bits of an argument"));
        (name == op.name()).then_some((x, value))
    })
}

#[track_caller]
fn check_references(op: UnaryOp, scale: fn(f64) -> f64, plain: fn(f64) -> f64) {
    // Near its positive zero the plain formula of ψ has fewer digits.
    let floor = if op == UnaryOp::Digamma { 0.01 } else { 0.0 };
    let mut oracle = Oracle::new();
    let (mut single, mut double) = (Function::unary(op, DType::F32), Function::unary(op, DType::F64));
    let (mut worst_single, mut worst_double) = (Worst::default(), Worst::default());
    let mut count = 0;
    for (x, value) in references(op) {
        count += 1;
        let exact = BigFloat::parse(value, Radix::Dec, PRECISION, ROUNDING, &mut oracle.0);
        let actual = double.f64([x]);
        worst_double.take(error_f64_beside(actual, &exact, scale(x)), || format!("{x:e}: {actual:e}, not {value}"));
        let approximate: f64 = value.parse().expect("a decimal number");
        let expected = plain(x);
        let tolerance = 1e-12 * approximate.abs().max(scale(x)).max(floor);
        assert!((expected - approximate).abs() <= tolerance, "{} of {x:e}: {expected:e}, not {value}", op.name());
        if f64::from(x as f32) == x {
            let actual = single.f32([x as f32]);
            let error = error_f32_beside(actual, approximate, scale(x));
            worst_single.take(error, || format!("{x:e}: {actual:e}, not {value}"));
        }
    }
    assert!(count > 100, "{} reference values", count);
    worst_single.check(op.name(), DType::F32);
    worst_double.check(op.name(), DType::F64);
}

#[test]
fn error_functions_have_their_reference_values() {
    check_references(UnaryOp::Erfc, no_scale, libm::erfc);
    check_references(UnaryOp::ErfInv, no_scale, erf_inv);
}

#[test]
fn gamma_functions_have_their_reference_values() {
    check_references(UnaryOp::Lgamma, scale_below_zero, libm::lgamma);
    check_references(UnaryOp::Digamma, digamma_scale, digamma);
}

#[test]
fn bessel_functions_have_their_reference_values() {
    check_references(UnaryOp::BesselI1e, no_scale, bessel_i1e);
}

#[track_caller]
fn check_special_values(op: UnaryOp, values: &[(f64, f64)]) {
    let (mut single, mut double) = (Function::unary(op, DType::F32), Function::unary(op, DType::F64));
    for &(x, expected) in values {
        for actual in [f64::from(single.f32([x as f32])), double.f64([x])] {
            let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
            assert!(equal, "{} of {x:e}: {actual:e}, not {expected:e}", op.name());
        }
    }
}

#[test]
fn special_values() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    let odd = [(0.0, 0.0), (-0.0, -0.0), (nan, nan)];
    for op in [UnaryOp::Asin, UnaryOp::Asinh, UnaryOp::Atan, UnaryOp::Atanh, UnaryOp::Sinh] {
        check_special_values(op, &odd);
    }
    let outside = [(1.5, nan), (-1.5, nan), (infinity, nan), (-infinity, nan), (nan, nan)];
    for op in [UnaryOp::Acos, UnaryOp::Asin, UnaryOp::Atanh, UnaryOp::ErfInv] {
        check_special_values(op, &outside);
    }
    check_special_values(UnaryOp::Acos, &[(1.0, 0.0)]);
    check_special_values(
        UnaryOp::Acosh,
        &[(1.0, 0.0), (infinity, infinity), (0.5, nan), (-2.0, nan), (-infinity, nan)],
    );
    check_special_values(UnaryOp::Asinh, &[(infinity, infinity), (-infinity, -infinity)]);
    check_special_values(UnaryOp::Atanh, &[(1.0, infinity), (-1.0, -infinity)]);
    check_special_values(UnaryOp::Sinh, &[(infinity, infinity), (-infinity, -infinity), (800.0, infinity)]);
    check_special_values(UnaryOp::Cosh, &[(0.0, 1.0), (infinity, infinity), (-infinity, infinity), (nan, nan)]);
    check_special_values(UnaryOp::BesselI1e, &odd);
    check_special_values(UnaryOp::BesselI1e, &[(infinity, 0.0), (-infinity, -0.0)]);
    check_special_values(UnaryOp::ErfInv, &odd);
    check_special_values(UnaryOp::ErfInv, &[(1.0, infinity), (-1.0, -infinity)]);
    check_special_values(UnaryOp::Erfc, &[(infinity, 0.0), (-infinity, 2.0), (0.0, 1.0), (-0.0, 1.0), (nan, nan)]);
    check_special_values(UnaryOp::Erfc, &[(28.0, 0.0), (-28.0, 2.0)]);
    let poles = [0.0, -0.0, -1.0, -2.0, -100.0, -1e30, -infinity];
    check_special_values(UnaryOp::Lgamma, &poles.map(|pole| (pole, infinity)));
    check_special_values(UnaryOp::Lgamma, &[(1.0, 0.0), (2.0, 0.0), (infinity, infinity), (nan, nan)]);
    check_special_values(UnaryOp::Digamma, &poles.map(|pole| (pole, nan)));
    check_special_values(UnaryOp::Digamma, &[(infinity, infinity), (nan, nan)]);
}

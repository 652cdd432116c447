//! Special functions that `libm` does not have, in `f64`: series and iterations from the textbook, accurate to a few units in
//! the last place (`digamma`: of the larger of the result and 1).

use std::f64::consts::PI;

/// The derivative of `log Γ(x)`; NaN of zero, of the negative integers and of −∞.
///
/// The recurrence `ψ(x) = ψ(x + 1) − 1/x` leads to where the asymptotic series has all digits, the reflection
/// `ψ(x) = ψ(1 − x) − π·cot πx` from the negative numbers to the positive ones.
pub(crate) fn digamma(x: f64) -> f64 {
    if x == f64::INFINITY {
        return x;
    }
    if x <= 0.0 && x == x.floor() {
        return f64::NAN;
    }
    if x < 0.0 {
        return digamma(1.0 - x) - PI / libm::tan(PI * (x - x.round()));
    }
    let (mut y, mut recurrence) = (x, 0.0);
    while y < 10.0 {
        recurrence += 1.0 / y;
        y += 1.0;
    }
    // B₂ₖ / 2k.
    let terms = [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32_760.0, 1.0 / 12.0];
    let square = 1.0 / (y * y);
    let series = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * square);
    libm::log(y) - 0.5 / y - series - recurrence
}

/// The number whose error function is `x`; ±∞ of ±1, NaN beyond.
///
/// Halley's iteration from a guess that has two digits, on `erf` in the middle and on `erfc` outside.
pub(crate) fn erf_inv(x: f64) -> f64 {
    let h = x.abs();
    if h == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if h > 1.0 || h.is_nan() {
        return f64::NAN;
    }
    if h == 0.0 {
        return x;
    }
    // S. Winitzki's approximation, with a = 0.147.
    let a = 0.147;
    let logarithm = libm::log1p(-h * h);
    let half = 2.0 / (PI * a) + logarithm / 2.0;
    // √(half² − logarithm/a) − half, in a form that does not cancel.
    let difference = -logarithm / a / ((half * half - logarithm / a).sqrt() + half);
    let mut y = if h < 1e-7 { h * PI.sqrt() / 2.0 } else { difference.sqrt() };
    for _ in 0..4 {
        let error = if h < 0.5 { libm::erf(y) - h } else { (1.0 - h) - libm::erfc(y) };
        let step = error * (PI.sqrt() / 2.0) * libm::exp(y * y);
        y -= step / (1.0 + y * step);
    }
    y.copysign(x)
}

/// `I₁(x)·e^(−|x|)`: the power series, whose terms have one sign, and far from zero the asymptotic series.
pub(crate) fn bessel_i1e(x: f64) -> f64 {
    let h = x.abs();
    if h.is_infinite() {
        return 0.0_f64.copysign(x);
    }
    let result = if h < 25.0 {
        let (mut term, mut sum) = (h / 2.0, h / 2.0);
        for k in 1..100 {
            term *= h * h / 4.0 / f64::from(k * (k + 1));
            sum += term;
        }
        sum * libm::exp(-h)
    } else {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..30 {
            let odd = f64::from(2 * k - 1);
            term *= (odd * odd - 4.0) / (8.0 * h * f64::from(k));
            sum += term;
        }
        sum / (2.0 * PI).sqrt() / h.sqrt()
    };
    result.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(function: fn(f64) -> f64, values: &[(f64, f64)]) {
        for &(x, expected) in values {
            let actual = function(x);
            let near = (actual - expected).abs() <= 8.0 * f64::EPSILON * expected.abs();
            let alike = near && actual.is_sign_negative() == expected.is_sign_negative();
            assert!(
                alike || actual == expected || actual.is_nan() && expected.is_nan(),
                "{x:e}: {actual:e}, not {expected:e}"
            );
        }
    }

    /// The values were computed with mpmath in 30 digits.
    #[test]
    fn special_functions_have_their_values() {
        let (infinity, nan) = (f64::INFINITY, f64::NAN);
        check(
            digamma,
            &[
                (1e-10, -10000000000.577215),
                (0.25, -4.2274535333762655),
                (1.0, -0.5772156649015329),
                (3.0, 0.9227843350984671),
                (9.5, 2.1977378764029494),
                (1000000.0, 13.815510057964191),
                (-0.25, 2.9141391202135276),
                (-7.75, -1.0307688328309315),
            ],
        );
        check(digamma, &[(0.0, nan), (-0.0, nan), (-3.0, nan), (-infinity, nan), (infinity, infinity), (nan, nan)]);
        check(
            erf_inv,
            &[
                (1e-300, 8.86226925452758e-301),
                (1e-08, 8.86226925452758e-09),
                (0.1, 0.08885599049425769),
                (-0.5, -0.4769362762044699),
                (0.75, 0.8134198475976185),
                (0.999, 2.3267537655135246),
                (0.9999999999999999, 5.8635847487551676),
            ],
        );
        check(erf_inv, &[(-0.0, -0.0), (1.0, infinity), (-1.0, -infinity), (1.5, nan), (nan, nan)]);
        check(
            bessel_i1e,
            &[
                (1e-300, 5e-301),
                (0.1, 0.045298446808809324),
                (-3.0, -0.19682671329730086),
                (24.5, 0.0793485288472677),
                (25.5, 0.07782578909193857),
                (700.0, 0.015070519444716848),
            ],
        );
        check(bessel_i1e, &[(-0.0, -0.0), (infinity, 0.0), (-infinity, -0.0), (nan, nan)]);
    }
}

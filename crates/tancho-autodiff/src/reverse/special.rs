//! Special functions that are derivatives of ops and are no ops themselves, composed of ops that have derivatives.

use std::f64::consts::PI;

use tancho_ir::Value;
use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};
use tancho_tensor::DType;

use crate::build::{Build, Built};

/// The derivative of `digamma`: `ψ′(x) = Σ 1/(x + k)²`.
///
/// The recurrence `ψ′(x) = ψ′(x + 1) + 1/x²` leads to where the asymptotic series has all digits, the reflection
/// `ψ′(x) + ψ′(1 − x) = π²/sin² πx` from below ½ to above.
pub(super) fn trigamma(build: &mut Build<'_>, x: Value) -> Built {
    in_wide(build, x, |build, x| {
        let (half, one) = (build.full_like(x, 0.5)?, build.full_like(x, 1.0)?);
        let reflects = build.compare(Comparison::Lt, x, half)?;
        let mirrored = build.minus(one, x)?;
        let z = build.select(reflects, mirrored, x)?;
        let upper = trigamma_of_positive(build, z)?;

        // Only what is reflected needs the sine; the others get an argument at which nothing is infinite.
        let quarter = build.full_like(x, 0.25)?;
        let argument = build.select(reflects, x, quarter)?;
        // The period is taken off first, as the digits of the fraction count.
        let nearest = build.unary(UnaryOp::RoundNearestEven, argument)?;
        let fraction = build.minus(argument, nearest)?;
        let angle = build.scaled(fraction, PI)?;
        let sine = build.unary(UnaryOp::Sine, angle)?;
        let pi = build.full_like(x, PI)?;
        let root = build.divided(pi, sine)?;
        let both = build.times(root, root)?;
        let lower = build.minus(both, upper)?;
        build.select(reflects, lower, upper)
    })
}

/// From ½ on.
fn trigamma_of_positive(build: &mut Build<'_>, z: Value) -> Built {
    /// The Bernoulli numbers B₂, B₄, ….
    const BERNOULLI: [f64; 8] =
        [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];
    let steps = if build.dtype(z) == DType::F64 { 9 } else { 4 };
    let terms = if build.dtype(z) == DType::F64 { 8 } else { 5 };
    let one = build.full_like(z, 1.0)?;
    let mut sum: Option<Value> = None;
    for step in 0..steps {
        let offset = build.full_like(z, f64::from(step))?;
        let shifted = build.plus(z, offset)?;
        // The inverse is squared, not the number, which may be too large.
        let inverse = build.divided(one, shifted)?;
        let term = build.times(inverse, inverse)?;
        sum = Some(match sum {
            Some(sum) => build.plus(sum, term)?,
            None => term,
        });
    }
    // 1/y + 1/2y² + Σ B₂ₖ / y^(2k+1).
    let offset = build.full_like(z, f64::from(steps))?;
    let y = build.plus(z, offset)?;
    let inverse = build.divided(one, y)?;
    let square = build.times(inverse, inverse)?;
    let mut series = build.full_like(z, BERNOULLI[terms - 1])?;
    for &coefficient in BERNOULLI[..terms - 1].iter().rev() {
        let product = build.times(series, square)?;
        let coefficient = build.full_like(z, coefficient)?;
        series = build.plus(product, coefficient)?;
    }
    let corrections = build.times(series, inverse)?;
    let half = build.full_like(z, 0.5)?;
    let inner = build.plus(corrections, half)?;
    let inner = build.times(inner, square)?;
    let tail = build.plus(inverse, inner)?;
    match sum {
        Some(sum) => build.plus(sum, tail),
        None => Ok(tail),
    }
}

/// `I₀(x)·e^−|x|`, the modified Bessel function of order 0, scaled.
///
/// With `h = |x|` it falls as `1/√(2πh)`: times `√(1 + h)` it hardly changes, and is a series of Chebyshev polynomials in
/// `u = (h − 8)/(h + 8)`, which lies between −1 and 1.
pub(super) fn bessel_i0e(build: &mut Build<'_>, x: Value) -> Built {
    in_wide(build, x, |build, x| {
        let coefficients = if build.dtype(x) == DType::F64 { &BESSEL_I0E[..] } else { &BESSEL_I0E[..20] };
        let h = build.unary(UnaryOp::Abs, x)?;
        let (eight, one) = (build.full_like(x, 8.0)?, build.full_like(x, 1.0)?);
        let sum = build.plus(h, eight)?;
        // 1 − 16/(h + 8), which stays a number when h is infinite.
        let sixteen = build.full_like(x, 16.0)?;
        let quotient = build.divided(sixteen, sum)?;
        let u = build.minus(one, quotient)?;
        let double = build.plus(u, u)?;
        // Clenshaw's recurrence.
        let mut next = build.full_like(x, coefficients[coefficients.len() - 1])?;
        let mut after: Option<Value> = None;
        for (place, &coefficient) in coefficients.iter().enumerate().rev().skip(1) {
            let product = build.times(if place == 0 { u } else { double }, next)?;
            let coefficient = build.full_like(x, coefficient)?;
            let mut current = build.plus(product, coefficient)?;
            if let Some(after) = after {
                current = build.minus(current, after)?;
            }
            after = Some(next);
            next = current;
        }
        let scale = build.plus(h, one)?;
        let scale = build.unary(UnaryOp::Rsqrt, scale)?;
        build.binary(BinaryOp::Multiply, next, scale)
    })
}

/// Computes 16-bit floats in `f32`.
fn in_wide(build: &mut Build<'_>, x: Value, compute: impl FnOnce(&mut Build<'_>, Value) -> Built) -> Built {
    let dtype = build.dtype(x);
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let x = build.convert(wide, x)?;
    let y = compute(build, x)?;
    build.convert(dtype, y)
}

/// `I₀(h)·e⁻ʰ·√(1 + h)` by Chebyshev polynomials of `u`.
const BESSEL_I0E: [f64; 40] = [
    0.53405156742662,
    -0.22033006265850483,
    0.1333055618567964,
    -0.07133822990817447,
    0.03211169465803519,
    -0.010840228888526574,
    0.0015537650908309128,
    0.0012007093562392283,
    -0.0012640211790612985,
    0.0006988170616513928,
    -0.0002682788074996455,
    7.343719223173119e-05,
    -1.5325574325023628e-05,
    4.739434903343354e-06,
    -3.0642122343540004e-06,
    1.7000337383831723e-06,
    -6.506009036911545e-07,
    2.0337787733807974e-07,
    -8.337298813844784e-08,
    4.5460403674881e-08,
    -2.1066793496160457e-08,
    7.786977073391992e-09,
    -3.1107556396952283e-09,
    1.5801721599121936e-09,
    -7.480687706950652e-10,
    2.949143026276182e-10,
    -1.2366791116478222e-10,
    6.209343265001332e-11,
    -2.8681432928138944e-11,
    1.1524600189090592e-11,
    -5.161177124699606e-12,
    2.590229365968034e-12,
    -1.139934068697608e-12,
    4.689081465542205e-13,
    -2.2692513720227306e-13,
    1.1030152288189744e-13,
    -4.5867830923094654e-14,
    2.0307876495709232e-14,
    -1.0338996072527388e-14,
    4.607793429159976e-15,
];

//! Sine, cosine and tangent.
//!
//! The magnitude is reduced to `|x| = n·π/2 + r` with `|r| ≤ π/4`, after Cody and Waite: `n` times three parts of `π/2`, each
//! with all the digits of the dtype, is subtracted by fused operations, the first of which is exact. `n`, rounded by adding
//! `1.5·2²³` (f64: `1.5·2⁵²`), stays in the low bits of that sum: its last bit selects the function, the next one the sign.
//! Up to the bound (f32: 2¹⁷; f64: 2³⁰) what is left of `π/2` does not count; beyond it, and for infinities, a lane calls a
//! function that reduces by as many digits as it takes.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{bits, flip_sign, fma_by_constant, fma_constant, format, polynomial, sign_bit, with_integer};
use crate::kernel::body::{Binary, Body, LaneFunction, Scalar, Unary};

/// What the expansions need for a dtype.
struct Constants {
    /// The largest magnitude that is reduced here.
    bound: f64,
    /// `2 / π`.
    inverse: f64,
    /// `π / 2` as a sum.
    period: [f64; 3],
    /// The magnitude of `r` from which on its rounding error is computed exactly: as large as `n` times the second part of
    /// `π/2` may be.
    recoverable: f64,
    /// `(sin(r)/r − 1) / r²` by powers of `r²`.
    sine: &'static [f64],
    /// `(cos(r) − 1 + r²/2) / r⁴` by powers of `r²`.
    cosine: &'static [f64],
    /// `(tan(r)/r − 1) / r²` by powers of `r²`.
    tan: &'static [f64],
}

/// Relative errors: sine 2⁻²⁷·⁹, cosine 2⁻³³, tangent 2⁻²⁹·⁵.
const F32: Constants = Constants {
    bound: 131_072.0,
    inverse: 6.366197466850281e-1,
    period: [1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15],
    recoverable: 0.0078125,
    sine: &[-1.666665524e-1, 8.332188241e-3, -1.951809390e-4],
    cosine: &[4.166664556e-2, -1.388730947e-3, 2.443232734e-5],
    tan: &[
        3.333334923e-1,
        1.333267391e-1,
        5.405917764e-2,
        2.128450759e-2,
        1.083250716e-2,
        9.115434659e-5,
        4.376476631e-3,
    ],
};

/// Relative errors: sine 2⁻⁵⁷·⁹, cosine 2⁻⁶³·⁹, tangent 2⁻⁵⁶.
const F64: Constants = Constants {
    bound: 1_073_741_824.0,
    inverse: std::f64::consts::FRAC_2_PI,
    period: [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33],
    recoverable: 1.1920928955078125e-7,
    sine: &[
        -1.666666666666663e-1,
        8.33333333332184e-3,
        -1.9841269829358544e-4,
        2.755731353852807e-6,
        -2.5050734393539877e-8,
        1.5895433739664594e-10,
    ],
    cosine: &[
        4.1666666666666595e-2,
        -1.3888888888873325e-3,
        2.480158728898367e-5,
        -2.7557314210069553e-7,
        2.087570426974389e-9,
        -1.135868323422328e-11,
    ],
    tan: &[
        3.333333333333277e-1,
        1.3333333333415584e-1,
        5.3968253926206466e-2,
        2.186948962012264e-2,
        8.863219014162808e-3,
        3.5922902983172252e-3,
        1.454751730946481e-3,
        5.950851156164437e-4,
        2.223383493872515e-4,
        1.3657219126767843e-4,
        -2.6399011467159168e-5,
        8.941848718524854e-5,
        -4.483567269120362e-5,
        2.0848523633353198e-5,
    ],
};

fn constants(dtype: DType) -> Constants {
    if dtype == DType::F32 { F32 } else { F64 }
}

/// A magnitude as `n·π/2 + r`.
struct Reduced {
    /// The integer whose low bits are those of `n`.
    quadrant: Scalar,
    /// `n` as a float.
    multiple: Scalar,
    /// What is left with the first part of `π/2`, exactly.
    head: Scalar,
    /// What is left with two parts.
    rest: Scalar,
}

fn reduce(body: &mut Body, magnitude: Scalar) -> Reduced {
    let dtype = body.dtype(magnitude);
    let Constants { inverse, period, .. } = constants(dtype);
    let round = body.float(format(dtype).round, dtype);
    let rounded = fma_by_constant(body, magnitude, inverse, round);
    let multiple = body.subtract(rounded, round);
    let head = fma_by_constant(body, multiple, -period[0], magnitude);
    let rest = fma_by_constant(body, multiple, -period[1], head);
    Reduced { quadrant: bits(body, rounded), multiple, head, rest }
}

/// Whether the last bit of the quadrant is zero.
fn is_even(body: &mut Body, quadrant: Scalar) -> Scalar {
    let last = with_integer(body, Binary::And, quadrant, 1);
    let zero = body.integer(0, body.dtype(quadrant));
    body.compare(Comparison::Eq, last, zero)
}

/// The sign bit of a float with the second last bit of the quadrant.
fn sign_of_quadrant(body: &mut Body, quadrant: Scalar) -> Scalar {
    let integer = body.dtype(quadrant);
    with_integer(body, Binary::ShiftLeft, quadrant, integer.bits() as i64 - 2)
}

/// The call for a lane whose magnitude is beyond the bound.
fn call_beyond(
    body: &mut Body,
    functions: [LaneFunction; 2],
    x: Scalar,
    magnitude: Scalar,
    otherwise: Scalar,
) -> Scalar {
    let dtype = body.dtype(x);
    let bound = body.float(constants(dtype).bound, dtype);
    let beyond = body.compare(Comparison::Gt, magnitude, bound);
    let function = if dtype == DType::F32 { functions[0] } else { functions[1] };
    body.call(function, [x, x], beyond, otherwise)
}

/// The sine and the cosine of a reduced magnitude, and its quadrant.
fn sine_and_cosine(body: &mut Body, magnitude: Scalar) -> (Scalar, Scalar, Scalar) {
    let Constants { period, sine, cosine, .. } = constants(body.dtype(magnitude));
    let Reduced { quadrant, multiple, rest, .. } = reduce(body, magnitude);
    let rest = fma_by_constant(body, multiple, -period[2], rest);
    let square = body.multiply(rest, rest);
    let tail = polynomial(body, square, sine);
    let cube = body.multiply(square, rest);
    let sine = body.fma(cube, tail, rest);
    let tail = polynomial(body, square, cosine);
    let minus_half = body.float(-0.5, body.dtype(magnitude));
    let head = fma_constant(body, square, minus_half, 1.0);
    let fourth = body.multiply(square, square);
    let cosine = body.fma(fourth, tail, head);
    (sine, cosine, quadrant)
}

/// The sine of radians.
///
/// The polynomials have degree 7 for the sine and 8 for the cosine (f64: 13 and 14).
pub fn sine(body: &mut Body, x: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let (sine, cosine, quadrant) = sine_and_cosine(body, magnitude);
    let even = is_even(body, quadrant);
    let value = body.select(even, sine, cosine);
    let sign = sign_of_quadrant(body, quadrant);
    let bits = bits(body, x);
    let sign = body.binary(Binary::Xor, sign, bits);
    let sign = with_integer(body, Binary::And, sign, format(body.dtype(x)).sign);
    let result = flip_sign(body, value, sign);
    call_beyond(body, [LaneFunction::SineF32, LaneFunction::SineF64], x, magnitude, result)
}

/// The cosine of radians.
///
/// As [`sine`]; the sign is negative where the last two bits of `n + 1` are 2 or 3.
pub fn cosine(body: &mut Body, x: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let (sine, cosine, quadrant) = sine_and_cosine(body, magnitude);
    let even = is_even(body, quadrant);
    let value = body.select(even, cosine, sine);
    let next = with_integer(body, Binary::Add, quadrant, 1);
    let sign = sign_of_quadrant(body, next);
    let sign = with_integer(body, Binary::And, sign, format(body.dtype(x)).sign);
    let result = flip_sign(body, value, sign);
    call_beyond(body, [LaneFunction::CosineF32, LaneFunction::CosineF64], x, magnitude, result)
}

/// The tangent of radians.
///
/// A polynomial of degree 15 (f64: 29) gives `t = tan(r)`; where `n` is odd, the result is `−1 / t`. The tangent passes on
/// more of the error of `r` than the sine does, the more so through the division. Therefore the rounding error of `r` is
/// computed (where `r` is not small) and added to the small term, and that of `t` is computed and corrected after the
/// division: `−1 / (t + u) ≈ −1/t + u/t²`.
pub fn tan(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let Constants { period, recoverable, tan, .. } = constants(dtype);
    let magnitude = body.unary(Unary::Abs, x);
    let Reduced { quadrant, multiple, head, rest } = reduce(body, magnitude);
    let lost = body.subtract(head, rest);
    let lost = fma_by_constant(body, multiple, -period[1], lost);
    let square = body.multiply(rest, rest);
    let threshold = body.float(recoverable * recoverable, dtype);
    let zero = body.float(0.0, dtype);
    let recovered = body.compare(Comparison::Gt, square, threshold);
    let lost = body.select(recovered, lost, zero);
    let lost = fma_by_constant(body, multiple, -period[2], lost);
    // The derivative of the tangent is 1 + r² and a little more.
    let lost = body.fma(lost, square, lost);
    let tail = polynomial(body, square, tan);
    let cube = body.multiply(square, rest);
    let tail = body.fma(cube, tail, lost);
    let tangent = body.add(rest, tail);
    let minus_one = body.float(-1.0, dtype);
    let inverse = body.divide(minus_one, tangent);
    let lost = body.subtract(rest, tangent);
    let lost = body.add(lost, tail);
    let square = body.multiply(inverse, inverse);
    let inverse = body.fma(square, lost, inverse);
    let even = is_even(body, quadrant);
    let value = body.select(even, tangent, inverse);
    let sign = sign_bit(body, x);
    let result = flip_sign(body, value, sign);
    call_beyond(body, [LaneFunction::TanF32, LaneFunction::TanF64], x, magnitude, result)
}

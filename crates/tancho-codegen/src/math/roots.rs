//! The cube root and the reciprocal square root.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::logarithm::{Normalization, normalization};
use super::{bits, fma_by_constant, fma_constant, format, polynomial, sign_bit, with_float, with_integer, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `1 / √x`, as a correctly rounded square root and a correctly rounded division; −∞ of −0.
pub fn rsqrt(body: &mut Body, x: Scalar) -> Scalar {
    let one = body.float(1.0, body.dtype(x));
    let root = body.unary(Unary::Sqrt, x);
    body.divide(one, root)
}

/// How far the guess at `x^(−1/3)` lies below the straight line through the powers of two, in units of the exponent. It
/// balances the errors of the guess: `x·z³ − 1` is at most 0.1021 either way.
const GUESS_OFFSET: f64 = -0.068;

/// `((1 + d)^(−1/3) − 1) / d`: the series. The error of three terms is 2⁻¹⁶ at most, and it is squared later.
const CORRECTION_F32: [f64; 3] = [-1.0 / 3.0, 2.0 / 9.0, -14.0 / 81.0];

/// The same for `|d| ≤ 0.1025`, with the least error relative to `(1 + d)^(−1/3)`: 2⁻²³.
const CORRECTION_F64: [f64; 4] =
    [-3.333287843402764e-1, 2.222202009056078e-1, -1.7452917753300948e-1, 1.45158586027218e-1];

/// `((1 + d)^(−2/3) − 1) / d`: the series.
const LAST_CORRECTION: [f64; 2] = [-2.0 / 3.0, 5.0 / 9.0];

/// The cube root.
///
/// A third of the bits of a positive number, subtracted from a constant, are those of a guess `z` at `x^(−1/3)`, to within
/// 3.5 per cent. With `d = x·z³ − 1` (at most a tenth) the wanted value is `z·(1 + d)^(−1/3)`, for which a polynomial of
/// degree 3 (f64: 4) is taken. The root is then `c = x·z²`, corrected once more by the series in `c·z − 1`, of which one term
/// is taken (f64: two). No step divides. Subnormal numbers are scaled by the cube of a power of two first.
pub fn cbrt(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let infinity = body.float(f64::INFINITY, dtype);
    let one = body.float(1.0, dtype);
    let magnitude = body.unary(Unary::Abs, x);
    let Normalization { smallest_normal, factor, inverse_root, .. } = normalization(dtype);
    let smallest_normal = body.float(smallest_normal, dtype);
    let subnormal = body.compare(Comparison::Lt, magnitude, smallest_normal);
    let scaled = with_float(body, Binary::Multiply, magnitude, factor);
    let normal = body.select(subnormal, scaled, magnitude);
    let root = cbrt_of_normal(body, normal);
    let unscale = body.float(inverse_root, dtype);
    let unscale = body.select(subnormal, unscale, one);
    let root = body.multiply(root, unscale);
    let finite = body.compare(Comparison::Lt, magnitude, infinity);
    let result = body.select(finite, root, magnitude);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

fn cbrt_of_normal(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let guess = inverse_cbrt_guess(body, x);
    let product = body.multiply(x, guess);
    let square = body.multiply(guess, guess);
    let error = fma_constant(body, product, square, -1.0);
    let (coefficients, terms): (&[f64], _) =
        if dtype == DType::F32 { (&CORRECTION_F32, 1) } else { (&CORRECTION_F64, 2) };
    let correction = polynomial(body, error, coefficients);
    let step = body.multiply(guess, error);
    let inverse = body.fma(step, correction, guess);
    let product = body.multiply(x, inverse);
    let root = body.multiply(product, inverse);
    let error = fma_constant(body, root, inverse, -1.0);
    let correction = polynomial(body, error, &LAST_CORRECTION[..terms]);
    let correction = body.multiply(error, correction);
    body.fma(root, correction, root)
}

/// A number near `x^(−1/3)`, from the bits of a positive normal number as an integer.
///
/// There is no integer division: the bits become the fraction of a number `2ᶠʳᵃᶜᵗⁱᵒⁿ ᵇⁱᵗˢ + i`, without the low ones, which
/// do not count; a fused operation multiplies them by −1/3 and leaves the result in a fraction again.
fn inverse_cbrt_guess(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let format = format(dtype);
    let dropped = dtype.bits() as i64 - format.fraction_bits;
    let one = (1_i64 << format.fraction_bits) as f64;
    let bits_of_x = bits(body, x);
    let high = with_integer(body, Binary::ShiftRightLogical, bits_of_x, dropped);
    let integer = with_integer(body, Binary::Or, high, (format.bias + format.fraction_bits) << format.fraction_bits);
    let integer = body.bitcast(integer, dtype);
    let exponent_unit = (1_i64 << (format.fraction_bits - dropped)) as f64;
    let constant = ((4.0 / 3.0 * format.bias as f64 + GUESS_OFFSET) * exponent_unit).round();
    let sum = body.float(one + (one / 3.0).round() + constant, dtype);
    let third = fma_by_constant(body, integer, -1.0 / 3.0, sum);
    let third = bits(body, third);
    let guess = with_integer(body, Binary::ShiftLeft, third, dropped);
    body.bitcast(guess, dtype)
}

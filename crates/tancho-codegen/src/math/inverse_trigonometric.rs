//! Arcsine and arccosine.
//!
//! Both have a square root's branch point at 1, near which the angle of `1 − 2z` is taken from that of `√z`:
//! `acos(x) = 2·asin(√z)` with `z = (1 − x)/2`. So up to a half the magnitude itself, and beyond it `√z`, is the argument of one
//! polynomial: `asin(s) = s + s·z·R(z)` with `z = s² ≤ ¼`. Quarter turns are added in two parts.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::arctangent::quarter_turn;
use super::{flip_sign, fma_by_constant, polynomial, sign_bit, with_float, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `(asin(√z)/√z − 1) / z` for `0 ≤ z ≤ ¼`, with the least error relative to `asin(√z)`: 2⁻²⁷·⁶.
const ASIN_F32: &[f64] = &[1.666675210e-1, 7.495309412e-2, 4.546914995e-2, 2.418477461e-2, 4.215832800e-2];

/// The same for f64: 2⁻⁵⁵·⁹.
const ASIN_F64: &[f64] = &[
    0.16666666666665408,
    0.07500000000337162,
    0.04464285682819522,
    0.030381959142769113,
    0.022371757905087306,
    0.017359707037057418,
    0.013885212325343569,
    0.012169367094313004,
    0.006527292276780463,
    0.019530150644289115,
    -0.01622721712466086,
    0.03191429281767015,
];

/// The arcsine of a magnitude up to a half, or that of `√((1 − magnitude)/2)` above.
struct HalfAngle {
    /// Whether the magnitude is above a half.
    is_large: Scalar,
    /// The angle is the sum of these.
    head: Scalar,
    tail: Scalar,
}

/// Beyond 1 the square root is NaN.
fn half_angle(body: &mut Body, magnitude: Scalar) -> HalfAngle {
    let dtype = body.dtype(magnitude);
    let half = body.float(0.5, dtype);
    let is_large = body.compare(Comparison::Gt, magnitude, half);
    let complement = fma_by_constant(body, magnitude, -0.5, half);
    let root = body.unary(Unary::Sqrt, complement);
    let square = body.multiply(magnitude, magnitude);
    let head = body.select(is_large, root, magnitude);
    let square = body.select(is_large, complement, square);
    let coefficients = if dtype == DType::F32 { ASIN_F32 } else { ASIN_F64 };
    let quotient = polynomial(body, square, coefficients);
    let cube = body.multiply(head, square);
    let tail = body.multiply(cube, quotient);
    HalfAngle { is_large, head, tail }
}

/// `factor·(head + tail) + turns·π/2`.
fn combine(body: &mut Body, angle: &HalfAngle, factor: Scalar, turns: Scalar) -> Scalar {
    let quarter_turn = quarter_turn(body.dtype(factor));
    let small = with_float(body, Binary::Multiply, turns, quarter_turn[1]);
    let small = body.fma(factor, angle.tail, small);
    let turned = with_float(body, Binary::Multiply, turns, quarter_turn[0]);
    let large = body.fma(factor, angle.head, turned);
    // What the sum lost, which is a whole unit of the result where that is just below a power of two.
    let difference = body.subtract(turned, large);
    let lost = body.fma(factor, angle.head, difference);
    let small = body.add(small, lost);
    body.add(large, small)
}

/// The arcsine, from −π/2 to π/2; NaN beyond ±1.
pub fn asin(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let angle = half_angle(body, magnitude);
    let (zero, one, minus_two) = (body.float(0.0, dtype), body.float(1.0, dtype), body.float(-2.0, dtype));
    let factor = body.select(angle.is_large, minus_two, one);
    let turns = body.select(angle.is_large, one, zero);
    let result = combine(body, &angle, factor, turns);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

/// The arccosine, from 0 to π; NaN beyond ±1.
pub fn acos(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let angle = half_angle(body, magnitude);
    let (zero, one, two) = (body.float(0.0, dtype), body.float(1.0, dtype), body.float(2.0, dtype));
    let minus_one = body.float(-1.0, dtype);
    let factor = body.select(angle.is_large, two, minus_one);
    let sign = sign_bit(body, x);
    let factor = flip_sign(body, factor, sign);
    let negative = body.compare(Comparison::Lt, x, zero);
    let turns_of_large = body.select(negative, two, zero);
    let turns = body.select(angle.is_large, turns_of_large, one);
    combine(body, &angle, factor, turns)
}

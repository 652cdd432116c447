//! The arctangent, and the angle of a point.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{
    at_least, bits, flip_sign, fma_by_constant, polynomial_in_halves, sign_bit, with_float, with_integer, with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `(atan(a)/a − 1) / a²` by powers of `a²`, for `0 ≤ a ≤ 1`, with a relative error of 2⁻²⁵·⁸.
const ATAN_F32: &[f64] = &[
    -3.333315253e-1,
    1.999377310e-1,
    -1.421105862e-1,
    1.066601574e-1,
    -7.552234083e-2,
    4.321205243e-2,
    -1.636802219e-2,
    2.920710715e-3,
];

/// The same for f64: 2⁻⁵⁵.
const ATAN_F64: &[f64] = &[
    -3.333333333333186e-1,
    1.9999999999755042e-1,
    -1.4285714271335515e-1,
    1.111111067875846e-1,
    -9.090901235429363e-2,
    7.692212929981035e-2,
    -6.665860353854294e-2,
    5.8773077009093476e-2,
    -5.2392326585499735e-2,
    4.67394842379298e-2,
    -4.0926352052053416e-2,
    3.406775326483112e-2,
    -2.58267137876758e-2,
    1.6977946296435092e-2,
    -9.184487803740227e-3,
    3.855934068846046e-3,
    -1.164055906143742e-3,
    2.2301865744157577e-4,
    -2.025814745095483e-5,
];

/// `π / 2` as a sum, for f32 and f64.
const QUARTER_TURN_F32: [f64; 2] = [1.5707963705062866, -4.371138828673793e-8];
const QUARTER_TURN_F64: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17];

/// A quarter turn in radians, as a sum.
pub(super) fn quarter_turn(dtype: DType) -> [f64; 2] {
    if dtype == DType::F32 { QUARTER_TURN_F32 } else { QUARTER_TURN_F64 }
}

/// The arctangent, from −π/2 to π/2.
///
/// The polynomial of [`atan2`] serves the magnitude, or, above 1, its reciprocal, whose angle counts backwards from the vertical.
pub fn atan(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let zero = body.float(0.0, dtype);
    let one = body.float(1.0, dtype);
    let magnitude = body.unary(Unary::Abs, x);
    let steep = body.compare(Comparison::Gt, magnitude, one);
    let minus_one = body.float(-1.0, dtype);
    let reciprocal = body.divide(minus_one, magnitude);
    let quotient = body.select(steep, reciprocal, magnitude);
    let turns = body.select(steep, one, zero);
    let angle = angle_from(body, quotient, turns);
    let sign = sign_bit(body, x);
    with_sign(body, angle, sign)
}

/// The arctangent of `|quotient| ≤ 1`, plus a number of quarter turns.
fn angle_from(body: &mut Body, quotient: Scalar, turns: Scalar) -> Scalar {
    let dtype = body.dtype(quotient);
    let coefficients = if dtype == DType::F32 { ATAN_F32 } else { ATAN_F64 };
    let quarter_turn = quarter_turn(dtype);
    let square = body.multiply(quotient, quotient);
    let tail = polynomial_in_halves(body, square, coefficients);
    let cube = body.multiply(square, quotient);
    let small = with_float(body, Binary::Multiply, turns, quarter_turn[1]);
    let small = body.fma(cube, tail, small);
    let large = fma_by_constant(body, turns, quarter_turn[0], quotient);
    body.add(large, small)
}

/// The angle of the point (`x`, `y`) in radians, from −π to π.
///
/// The quotient of the smaller and the larger magnitude has an arctangent between 0 and π/4; the octant says what to add
/// that, or its negative, to: zero, one or two quarter turns, which are added in two parts. The polynomial has degree 17
/// (f64: 39); it does without a second division. Its coefficients alternate in sign, so that even and odd powers must not be
/// summed apart. As C99 has it, the axes and the infinities count with their signs, and infinite magnitudes are equal to each
/// other.
pub fn atan2(body: &mut Body, y: Scalar, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let least = if dtype == DType::F32 { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) };
    let zero = body.float(0.0, dtype);
    let one = body.float(1.0, dtype);
    let two = body.float(2.0, dtype);

    let (height, width) = (body.unary(Unary::Abs, y), body.unary(Unary::Abs, x));
    let steep = body.compare(Comparison::Gt, height, width);
    let smaller = body.select(steep, width, height);
    let larger = body.select(steep, height, width);
    // The quotient of two zeros is zero; that of two infinities is one.
    let larger = at_least(body, larger, least);
    let quotient = body.divide(smaller, larger);
    let equal = body.compare(Comparison::Eq, smaller, larger);
    let quotient = body.select(equal, one, quotient);

    let bits_of_x = bits(body, x);
    let integer_zero = body.integer(0, body.dtype(bits_of_x));
    let leftwards = body.compare(Comparison::Lt, bits_of_x, integer_zero);
    let turns = body.select(leftwards, two, zero);
    let turns = body.select(steep, one, turns);
    // The angle counts backwards from the vertical on the right, and from the horizontal on the left.
    let sign = sign_bit(body, x);
    let top = with_integer(body, Binary::Xor, sign, super::format(dtype).sign);
    let sign = body.select(steep, top, sign);
    let quotient = flip_sign(body, quotient, sign);

    let angle = angle_from(body, quotient, turns);
    let sign = sign_bit(body, y);
    with_sign(body, angle, sign)
}

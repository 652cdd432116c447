//! The angle of a point.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::{at_least, bits, fma_by_constant, flip_sign, polynomial_in_halves, sign_bit, with_float, with_integer, with_sign};
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
    -3.33333333333318604e-1,
    1.99999999997550415e-1,
    -1.42857142713355145e-1,
    1.11111106787584596e-1,
    -9.09090123542936335e-2,
    7.69221292998103490e-2,
    -6.66586035385429432e-2,
    5.87730770090934759e-2,
    -5.23923265854997350e-2,
    4.67394842379297987e-2,
    -4.09263520520534163e-2,
    3.40677532648311215e-2,
    -2.58267137876758007e-2,
    1.69779462964350925e-2,
    -9.18448780374022701e-3,
    3.85593406884604615e-3,
    -1.16405590614374207e-3,
    2.23018657441575774e-4,
    -2.02581474509548289e-5,
];

/// `π / 2` as a sum, for f32 and f64.
const QUARTER_TURN_F32: [f64; 2] = [1.57079637050628662, -4.37113882867379289e-8];
const QUARTER_TURN_F64: [f64; 2] = [1.57079632679489656, 6.12323399573676604e-17];

/// The angle of the point (`x`, `y`) in radians, from −π to π.
///
/// The quotient of the smaller and the larger magnitude has an arctangent between 0 and π/4; the octant says what to add
/// that, or its negative, to: zero, one or two quarter turns, which are added in two parts. The polynomial has degree 17
/// (f64: 39); it does without a second division. Its
/// coefficients alternate in sign, so that even and odd powers must not be summed apart. As C99 has it, the axes and the infinities count with their signs, and
/// infinite magnitudes are equal to each other.
pub fn atan2(body: &mut Body, y: Scalar, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let (coefficients, quarter_turn, least) = if dtype == DType::F32 {
        (ATAN_F32, QUARTER_TURN_F32, f64::from(f32::from_bits(1)))
    } else {
        (ATAN_F64, QUARTER_TURN_F64, f64::from_bits(1))
    };
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

    let square = body.multiply(quotient, quotient);
    let tail = polynomial_in_halves(body, square, coefficients);
    let cube = body.multiply(square, quotient);
    let small = with_float(body, Binary::Multiply, turns, quarter_turn[1]);
    let small = body.fma(cube, tail, small);
    let large = fma_by_constant(body, turns, quarter_turn[0], quotient);
    let angle = body.add(large, small);
    let sign = sign_bit(body, y);
    with_sign(body, angle, sign)
}

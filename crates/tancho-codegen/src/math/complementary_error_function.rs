//! The complementary error function.
//!
//! Of a magnitude `h` it is `e^(−h²)·g(h)`, where `g` falls slowly, as `1/(√π·h)`: a polynomial in `u = (h − k)/(h + k)`, which
//! lies between −1 and 1, gives `(1 + 2h)·g(h)`, which is 1 of zero. Below zero it is `2 − erfc(h)`. What the square `h²` loses is
//! taken off the exponent's rest.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::exponential::reduce;
use super::widened::{exponential_for_single, in_double};
use super::{at_most, fma_constant, polynomial, with_float};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `((1 + 2h)·g(h) − 1) / (1 + u)` by powers of `u = (h − 3)/(h + 3)` for `h ≤ 10.1`, with an error relative to `g(h)` of 2⁻²⁹.
const SCALED_F32: &[f64] = &[
    0.2530080590862119,
    -0.38862919935401546,
    0.34106680439311016,
    -0.21142035740101953,
    0.09214931153763885,
    -0.023853862424301955,
    5.661434115288861e-5,
    0.0025120228079162673,
    -0.000510227789741248,
    -0.0002691261732219851,
];

/// The same by powers of `(h − 4)/(h + 4)` for `h ≤ 27.3`: 2⁻⁵⁶.
const SCALED_F64: &[f64] = &[
    0.2329951186255525,
    -0.37261623546611505,
    0.3879958875687347,
    -0.31989883331403907,
    0.21885976727773948,
    -0.12512693227949515,
    0.05879656646717567,
    -0.02162905092797425,
    0.005431316871349271,
    -0.0003993469087754708,
    -0.00035842638833276017,
    0.00015916977706717056,
    -8.548057845003307e-6,
    -1.5851438951951804e-5,
    4.629247774700303e-6,
    1.0810781268087896e-6,
    -7.868518336817608e-7,
    -3.9293954248542025e-8,
    1.1325199644885103e-7,
    -2.7964507354519933e-9,
    -1.4516856076748132e-8,
    4.344526837859862e-10,
    1.1774108481340417e-9,
];

/// `e^(h²)·erfc(h)` times a factor.
fn scaled(body: &mut Body, h: Scalar, centre: f64, coefficients: &[f64], factor: Scalar) -> Scalar {
    let twice = body.add(h, h);
    let sum = with_float(body, Binary::Add, h, centre);
    let distance = body.divide(twice, sum);
    let place = with_float(body, Binary::Subtract, distance, 1.0);
    let quotient = polynomial(body, place, coefficients);
    let value = fma_constant(body, distance, quotient, 1.0);
    let denominator = with_float(body, Binary::Add, twice, 1.0);
    let product = body.multiply(value, factor);
    body.divide(product, denominator)
}

/// `1 − erf(x)`, with a small relative error for large `x` too.
///
/// The magnitude is bounded where the result is zero. f32: evaluated in f64 and rounded once.
pub fn erfc(body: &mut Body, x: Scalar) -> Scalar {
    if body.dtype(x) == DType::F32 {
        return in_double(body, x, |body, x| {
            let magnitude = body.unary(Unary::Abs, x);
            let h = at_most(body, magnitude, 10.1);
            let square = body.multiply(h, h);
            let negated = body.unary(Unary::Negate, square);
            let power = exponential_for_single(body, negated);
            let result = scaled(body, h, 3.0, SCALED_F32, power);
            reflect(body, x, result)
        });
    }
    let magnitude = body.unary(Unary::Abs, x);
    let h = at_most(body, magnitude, 27.3);
    let square = body.multiply(h, h);
    let negated_square = body.unary(Unary::Negate, square);
    let lost = body.fma(h, h, negated_square);
    let mut reduced = reduce(body, negated_square);
    reduced.rest = body.subtract(reduced.rest, lost);
    let power_minus_one = reduced.power_minus_one(body);
    let power = with_float(body, Binary::Add, power_minus_one, 1.0);
    let result = scaled(body, h, 4.0, SCALED_F64, power);
    let result = reduced.scale(body, result);
    reflect(body, x, result)
}

/// The result of `x` from that of its magnitude.
fn reflect(body: &mut Body, x: Scalar, result: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let (zero, two) = (body.float(0.0, dtype), body.float(2.0, dtype));
    let negative = body.compare(Comparison::Lt, x, zero);
    let reflected = body.subtract(two, result);
    body.select(negative, reflected, result)
}

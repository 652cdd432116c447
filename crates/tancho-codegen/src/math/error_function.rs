//! The error function.

//!
//! `erf(x) = 1 − e⁻ᴾ` with `P = −log(erfc(x))`, which is a smooth function and about `1.128·x` near zero: so one polynomial
//! serves all magnitudes, the small ones with a small relative error too. It may be the less exact the larger `P` is.

use tancho_tensor::DType;

use super::exponential::complement_coefficients;
use super::{
    at_most, bits, fma_by_constant, format, polynomial, sign_bit, with_integer, with_sign,
};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// What the expansion needs for a dtype.
struct Constants {
    /// The magnitude from which on the result rounds to 1.
    limit: f64,
    /// `P/x − 1` by powers of `x`, up to the limit, with the least error relative to `erf(x)`.
    exponent: &'static [f64],
    /// `ln 2` and its inverse.
    ln_2: f64,
    inverse: f64,
}

/// The relative error of `P` is 2⁻²⁶·⁸.
const F32: Constants = Constants {
    limit: 4.0,
    exponent: &[
        1.283791661e-1,
        6.366193891e-1,
        1.027778313e-1,
        -1.915306598e-2,
        -1.603919518e-4,
        1.667022589e-3,
        -6.328337477e-4,
        1.176402729e-4,
        -9.256135854e-6,
    ],
    ln_2: 6.93147182464599609e-1,
    inverse: 1.44269502162933350,
};

/// The relative error of `P` is 2⁻⁵⁷·⁵.
const F64: Constants = Constants {
    limit: 6.0,
    exponent: &[
        1.28379167095512559e-1,
        6.36619772367583603e-1,
        1.02772603301788751e-1,
        -1.91284470050702669e-2,
        -2.09194694843332045e-4,
        1.69620638575143775e-3,
        -5.90125552925479862e-4,
        2.58786043783821070e-5,
        6.44918606699047467e-5,
        -2.97240460400576936e-5,
        3.40726575191226924e-6,
        2.83513946467737201e-6,
        -1.74154655147193728e-6,
        3.36364062559761770e-7,
        1.37182224961988139e-7,
        -1.41761820151242687e-7,
        6.57333545866809835e-8,
        -2.09625855471989215e-8,
        4.99768310911578120e-9,
        -9.08218141087892514e-10,
        1.24840322575437729e-10,
        -1.26109380945432649e-11,
        8.84554377407488780e-13,
        -3.85052202661472622e-14,
        7.83420293663719191e-16,
    ],
    ln_2: 6.93147180559945286e-1,
    inverse: 1.44269504088896339,
};

/// The error function.
///
/// `P = x + x·(P/x − 1)`, with a polynomial of degree 8 (f64: 24) in the bracket. With `P = r − n·ln 2` and `s = 2ⁿ`, `n ≤ 0`,
/// the result is `(1 − s) + s·(1 − e⁻ʳ)`, for which a polynomial of degree 6 (f64: 12) suffices, and one step of the reduction,
/// since what is missing of `n·ln 2` is multiplied by `s`.
pub fn erf(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let constants = if dtype == DType::F32 { F32 } else { F64 };
    let format = format(dtype);
    let magnitude = body.unary(Unary::Abs, x);
    let magnitude = at_most(body, magnitude, constants.limit);
    let bracket = polynomial(body, magnitude, constants.exponent);
    let exponent = body.fma(magnitude, bracket, magnitude);

    let round = body.float(format.round + format.bias as f64, dtype);
    let rounded = fma_by_constant(body, exponent, -constants.inverse, round);
    let multiple = body.subtract(rounded, round);
    let rest = fma_by_constant(body, multiple, constants.ln_2, exponent);
    let quotient = polynomial(body, rest, &complement_coefficients(dtype));
    let square = body.multiply(rest, rest);
    let complement = body.fma(square, quotient, rest);

    let rounded = bits(body, rounded);
    let scale = with_integer(body, Binary::ShiftLeft, rounded, format.fraction_bits);
    let scale = body.bitcast(scale, dtype);
    let one = body.float(1.0, dtype);
    let large = body.subtract(one, scale);
    let result = body.fma(scale, complement, large);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

//! The error function.

//!
//! `erf(x) = 1 − e⁻ᴾ` with `P = −log(erfc(x))`, which is a smooth function and about `1.128·x` near zero: so one polynomial
//! serves all magnitudes, the small ones with a small relative error too. It may be the less exact the larger `P` is.

use tancho_tensor::DType;

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
    /// `(1 − e⁻ʳ − r) / r²` for `|r| ≤ ln 2 / 2`, with the least error relative to `1 − e⁻ʳ`.
    power: &'static [f64],
}

/// Relative errors: of `P` 2⁻²⁶·⁸, of the power 2⁻²⁶.
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
    power: &[-4.999999702e-1, 1.666653901e-1, -4.166738689e-2, 8.367088623e-3, -1.388292876e-3],
};

/// Relative errors: of `P` 2⁻⁵⁵, of the power 2⁻⁵⁴·⁷.
const F64: Constants = Constants {
    limit: 6.0,
    exponent: &[
        1.28379167095512559e-1,
        6.36619772367590930e-1,
        1.02772603301315504e-1,
        -1.91284469930953181e-2,
        -2.09194853922861651e-4,
        1.69620766990087601e-3,
        -5.90132430419119014e-4,
        2.59045008206064535e-5,
        6.44204693337238588e-5,
        -2.95756626486037918e-5,
        3.16966437290360908e-6,
        3.13297145277699741e-6,
        -2.03719791991151071e-6,
        5.70640053351153404e-7,
        -1.17129252552858038e-8,
        -6.57312858833985694e-8,
        3.45840113139690746e-8,
        -1.07731087491462940e-8,
        2.36046115765031130e-9,
        -3.76062153500341532e-10,
        4.30167562135481380e-11,
        -3.36425674706920315e-12,
        1.61482271636699291e-13,
        -3.59207918767933366e-15,
    ],
    ln_2: 6.93147180559945286e-1,
    inverse: 1.44269504088896339,
    power: &[
        -5.00000000000000555e-1,
        1.66666666666665880e-1,
        -4.16666666665766738e-2,
        8.33333333338957122e-3,
        -1.38888889315938327e-3,
        1.98412697189905522e-4,
        -2.48015052373233988e-5,
        2.75574075265152309e-6,
        -2.76260529994386690e-7,
        2.50537916907235155e-8,
    ],
};

/// The error function.
///
/// `P = x + x·(P/x − 1)`, with a polynomial of degree 8 (f64: 23) in the bracket. With `P = r − n·ln 2` and `s = 2ⁿ`, `n ≤ 0`,
/// the result is `(1 − s) + s·(1 − e⁻ʳ)`, for which a polynomial of degree 6 (f64: 11) suffices, and one step of the reduction,
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
    let quotient = polynomial(body, rest, constants.power);
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

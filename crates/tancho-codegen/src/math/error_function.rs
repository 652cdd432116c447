//! The error function.

//!
//! `erf(x) = 1 − e⁻ᴾ` with `P = −log(erfc(x))`, which is a smooth function and about `1.128·x` near zero: so one polynomial
//! serves all magnitudes, the small ones with a small relative error too. It may be the less exact the larger `P` is.

use tancho_tensor::DType;

use super::exponential::complement_coefficients;
use super::{at_most, bits, fma_by_constant, format, polynomial, sign_bit, with_integer, with_sign};
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
    ln_2: 6.931471824645996e-1,
    inverse: 1.4426950216293335,
};

/// The relative error of `P` is 2⁻⁵⁷·⁵.
const F64: Constants = Constants {
    limit: 6.0,
    exponent: &[
        1.2837916709551256e-1,
        6.366197723675836e-1,
        1.0277260330178875e-1,
        -1.9128447005070267e-2,
        -2.0919469484333205e-4,
        1.6962063857514378e-3,
        -5.901255529254799e-4,
        2.5878604378382107e-5,
        6.449186066990475e-5,
        -2.9724046040057694e-5,
        3.4072657519122692e-6,
        2.835139464677372e-6,
        -1.7415465514719373e-6,
        3.3636406255976177e-7,
        1.3718222496198814e-7,
        -1.417618201512427e-7,
        6.573335458668098e-8,
        -2.096258554719892e-8,
        4.997683109115781e-9,
        -9.082181410878925e-10,
        1.2484032257543773e-10,
        -1.2610938094543265e-11,
        8.845543774074888e-13,
        -3.850522026614726e-14,
        7.834202936637192e-16,
    ],
    ln_2: std::f64::consts::LN_2,
    inverse: std::f64::consts::LOG2_E,
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

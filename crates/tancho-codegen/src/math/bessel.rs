//! The modified Bessel function of the first kind and first order, scaled by an exponential.
//!
//! `I₁(h)·e⁻ʰ` grows as `h/2` near zero and falls as `1/√(2πh)` far from it: divided by `h·(c + h)^(−3/2)` it hardly changes, and
//! is a polynomial in `u = (h − 8)/(h + 8)`, which lies between −1 and 1 for all magnitudes.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::widened::in_double;
use super::{fma_constant, polynomial, polynomial_in_halves, sign_bit, with_float, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `I₁(h)·e⁻ʰ·(8 + h)^(3/2) / h` by powers of `u`, with a relative error of 2⁻²⁹·⁵.
const SINGLE: &[f64] = &[
    1.0731399449694055,
    -1.4938209243520113,
    1.7096793219717255,
    -1.7905908971150344,
    1.75191106775375,
    -1.5843832612665083,
    1.266348811051466,
    -0.7937976630058164,
    0.24025085505614838,
    0.1966678379861311,
    -0.2897926077353921,
    0.057030034592645905,
    0.15070233112752837,
    -0.08460106740177131,
    -0.06108201429490789,
    0.05159698615802867,
    0.017813464528273208,
    -0.01855338904357833,
    -0.002645778192542038,
    0.0030692281505641647,
];

/// `(g(h) − ½) / (1 + u)` with `g(h) = I₁(h)·e⁻ʰ·(1 + h)^(3/2) / h` by powers of `u`, with an error relative to `g(h)` of 2⁻⁵²·⁸.
const DOUBLE: &[f64] = &[
    -0.047269085137143646,
    -0.05475055221578276,
    0.14348423207431255,
    -0.21368349530270922,
    0.25750745692585114,
    -0.26314466375770623,
    0.21632646767062969,
    -0.1114367319618917,
    -0.025632616505867508,
    0.1247283709338649,
    -0.11245064401371821,
    0.0033820936923970968,
    0.07546652551175335,
    -0.02901269206085068,
    -0.055160459389425105,
    0.032738751880817256,
    0.044077645211781,
    -0.022560405964450914,
    -0.04260472351516721,
    0.007429710287356307,
    0.04001301019498047,
    0.013291056953126788,
    -0.030838921878889456,
    -0.03578300130854501,
    0.011558951416287901,
    0.05476320845650732,
    0.013739169532431792,
    -0.0640700618428346,
    -0.035069671362798246,
    0.06094733396249292,
    0.04270408247134316,
    -0.04759312185048274,
    -0.03539172377588828,
    0.030125357014261264,
    0.020932674360369222,
    -0.014960652355499727,
    -0.008661131692106177,
    0.005514175463837768,
    0.00233714300279845,
    -0.0013718291818370922,
    -0.00035170911853034533,
    0.00019142625629621536,
    1.8898117357669523e-5,
    -8.706998013013487e-6,
];

/// `I₁(x)·e^(−|x|)`.
///
/// f32: evaluated in f64 and rounded once.
pub fn bessel_i1e(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let result = if dtype == DType::F32 { in_double(body, magnitude, of_single) } else { of_double(body, magnitude) };
    let (zero, infinity) = (body.float(0.0, dtype), body.float(f64::INFINITY, dtype));
    let is_infinite = body.compare(Comparison::Eq, magnitude, infinity);
    let result = body.select(is_infinite, zero, result);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

fn of_single(body: &mut Body, h: Scalar) -> Scalar {
    let one = body.float(1.0, DType::F64);
    let sum = with_float(body, Binary::Add, h, 8.0);
    let inverse = body.divide(one, sum);
    let minus_sixteen = body.float(-16.0, DType::F64);
    let place = fma_constant(body, inverse, minus_sixteen, 1.0);
    let value = polynomial(body, place, SINGLE);
    let root = body.unary(Unary::Sqrt, inverse);
    let scale = body.multiply(inverse, root);
    let scaled = body.multiply(h, scale);
    body.multiply(scaled, value)
}

fn of_double(body: &mut Body, h: Scalar) -> Scalar {
    let sum = with_float(body, Binary::Add, h, 8.0);
    // Doubled last, since the largest numbers have no double.
    let share = body.divide(h, sum);
    let distance = body.add(share, share);
    let place = with_float(body, Binary::Subtract, distance, 1.0);
    // In four chains of powers the terms would cancel more.
    let quotient = polynomial_in_halves(body, place, DOUBLE);
    let value = fma_constant(body, distance, quotient, 0.5);
    let sum = with_float(body, Binary::Add, h, 1.0);
    let root = body.unary(Unary::Sqrt, sum);
    // Dividing twice overflows nowhere.
    let quotient = body.divide(h, sum);
    let scale = body.divide(quotient, root);
    body.multiply(scale, value)
}

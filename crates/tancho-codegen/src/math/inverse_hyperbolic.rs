//! The inverses of the hyperbolic functions, which are logarithms.
//!
//! Each is `log(1 + y)`, where `y` is small where the function is:
//!
//! - `asinh(h)`: `y = h + h²/(1 + √(1 + h²))`,
//! - `acosh(x)`: `y = d + √(d² + 2d)` with `d = x − 1`,
//! - `atanh(h)`, a half of it: `y = 2h/(1 − h)`.
//!
//! f64: `y` is a sum of two numbers, since what its rounding loses would be seen in the result; where its square would
//! overflow, `log(2h)` is taken. f32: evaluated in f64, where the rounding does not count, and rounded once.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::logarithm::log_of_one_plus_sum;
use super::widened::{in_double, log_for_single};
use super::{fma_constant, sign_bit, with_float, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// The magnitude from which on `asinh(h)` and `acosh(h)` are `log(2h)`.
const LARGE: f64 = (1_u64 << 60) as f64;

/// The magnitude below which, in f32, `asinh(h)` and `atanh(h)` are `h`, to within a fifth of a unit in the last place.
const SMALL: f64 = 1.0 / 4096.0;

/// `log(1 + high + low)`, or `log(2h)` where `h` is large.
fn log_of_parts(body: &mut Body, h: Scalar, high: Scalar, low: Scalar) -> Scalar {
    let (zero, one) = (body.float(0.0, DType::F64), body.float(1.0, DType::F64));
    let infinity = body.float(f64::INFINITY, DType::F64);
    let large = body.float(LARGE, DType::F64);
    let is_large = body.compare(Comparison::Ge, h, large);
    let high = body.select(is_large, h, high);
    let low = body.select(is_large, zero, low);
    let doublings = body.select(is_large, one, zero);
    let result = log_of_one_plus_sum(body, high, low, doublings);
    let is_infinite = body.compare(Comparison::Eq, h, infinity);
    body.select(is_infinite, h, result)
}

/// The inverse of the hyperbolic sine.
pub fn asinh(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let result = if dtype == DType::F32 {
        let logarithm = in_double(body, magnitude, |body, h| {
            let square_plus_one = fma_constant(body, h, h, 1.0);
            let root = body.unary(Unary::Sqrt, square_plus_one);
            let sum = body.add(h, root);
            log_for_single(body, sum)
        });
        keep_ends(body, magnitude, logarithm)
    } else {
        let square = body.multiply(magnitude, magnitude);
        let square_plus_one = fma_constant(body, magnitude, magnitude, 1.0);
        let root = body.unary(Unary::Sqrt, square_plus_one);
        let denominator = with_float(body, Binary::Add, root, 1.0);
        let rest = body.divide(square, denominator);
        let high = body.add(magnitude, rest);
        let difference = body.subtract(high, magnitude);
        let low = body.subtract(rest, difference);
        log_of_parts(body, magnitude, high, low)
    };
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

/// The inverse of the hyperbolic cosine; NaN below 1.
pub fn acosh(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let result = if dtype == DType::F32 {
        let logarithm = in_double(body, x, |body, x| {
            let square_less_one = fma_constant(body, x, x, -1.0);
            let root = body.unary(Unary::Sqrt, square_less_one);
            let sum = body.add(x, root);
            log_for_single(body, sum)
        });
        let infinity = body.float(f64::INFINITY, dtype);
        let is_infinite = body.compare(Comparison::Eq, x, infinity);
        body.select(is_infinite, x, logarithm)
    } else {
        let distance = with_float(body, Binary::Subtract, x, 1.0);
        let twice = body.add(distance, distance);
        let square = body.fma(distance, distance, twice);
        let root = body.unary(Unary::Sqrt, square);
        let high = body.add(root, distance);
        let difference = body.subtract(high, root);
        let low = body.subtract(distance, difference);
        log_of_parts(body, x, high, low)
    };
    let one = body.float(1.0, dtype);
    let nan = body.float(f64::NAN, dtype);
    let in_domain = body.compare(Comparison::Ge, x, one);
    body.select(in_domain, result, nan)
}

/// The inverse of the hyperbolic tangent; ±∞ of ±1, NaN beyond.
pub fn atanh(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let result = if dtype == DType::F32 {
        let logarithm = in_double(body, magnitude, |body, h| {
            let one = body.float(1.0, DType::F64);
            let numerator = body.add(one, h);
            let denominator = body.subtract(one, h);
            let quotient = body.divide(numerator, denominator);
            let logarithm = log_for_single(body, quotient);
            with_float(body, Binary::Multiply, logarithm, 0.5)
        });
        keep_ends(body, magnitude, logarithm)
    } else {
        let (zero, one) = (body.float(0.0, dtype), body.float(1.0, dtype));
        let denominator = body.subtract(one, magnitude);
        let inverse = body.divide(one, denominator);
        let twice = body.add(magnitude, magnitude);
        let high = body.multiply(twice, inverse);
        // What the difference and the quotient lost.
        let kept = body.subtract(one, denominator);
        let lost = body.subtract(kept, magnitude);
        let negated = body.unary(Unary::Negate, high);
        let remainder = body.fma(negated, denominator, twice);
        let remainder = body.fma(negated, lost, remainder);
        let low = body.multiply(remainder, inverse);
        let logarithm = log_of_one_plus_sum(body, high, low, zero);
        with_float(body, Binary::Multiply, logarithm, 0.5)
    };
    let (one, infinity) = (body.float(1.0, dtype), body.float(f64::INFINITY, dtype));
    let nan = body.float(f64::NAN, dtype);
    let inside = body.compare(Comparison::Lt, magnitude, one);
    let at_end = body.compare(Comparison::Eq, magnitude, one);
    let others = body.select(at_end, infinity, nan);
    let result = body.select(inside, result, others);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

/// The magnitude where it is small or infinite, else a result.
fn keep_ends(body: &mut Body, magnitude: Scalar, result: Scalar) -> Scalar {
    let dtype = body.dtype(magnitude);
    let small = body.float(SMALL, dtype);
    let infinity = body.float(f64::INFINITY, dtype);
    let is_small = body.compare(Comparison::Lt, magnitude, small);
    let result = body.select(is_small, magnitude, result);
    let is_infinite = body.compare(Comparison::Eq, magnitude, infinity);
    body.select(is_infinite, magnitude, result)
}

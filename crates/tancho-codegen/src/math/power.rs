//! Powers.
//!
//! A float power is `eʸˡᵒᵍ|ˣ|`, with the sign and the special cases of C99 put in after. The product may be as large as 745, so
//! that the logarithm needs ten bits more than the result. For f32 everything is computed in f64; for f64 the logarithm and
//! the product are sums of two numbers.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::exponential::reduce;
use super::logarithm::{exponent_offset, split, split_any};
use super::{
    at_least, at_most, bits, flip_sign, fma_by_constant, format, polynomial, sign_bit, with_float, with_integer,
};
use crate::kernel::body::{Binary, Body, LaneFunction, Scalar, Unary};

/// Integer powers, modulo the width; a negative exponent gives the truncated quotient `1 / x⁻ʸ` with `1 / 0 = −1`.
///
/// A constant exponent up to 64 becomes multiplications. Otherwise each lane calls, in 64 bits, whose low bits are those of
/// the narrower power.
pub fn integer_power(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    if let Some(exponent) = body.as_constant(y).filter(|&exponent| exponent <= 64) {
        return power_by_squaring(body, x, exponent);
    }
    let (wide, function) =
        if dtype.is_signed() { (DType::I64, LaneFunction::PowerI64) } else { (DType::U64, LaneFunction::PowerU64) };
    let (base, exponent) = (body.convert(x, wide), body.convert(y, wide));
    let always = body.integer(1, DType::Bool);
    let power = body.call(function, [base, exponent], always, base);
    body.convert(power, dtype)
}

fn power_by_squaring(body: &mut Body, x: Scalar, exponent: u64) -> Scalar {
    let mut power = None;
    let mut square = x;
    let mut remaining = exponent;
    while remaining != 0 {
        if remaining & 1 == 1 {
            power = Some(match power {
                None => square,
                Some(power) => body.multiply(power, square),
            });
        }
        remaining >>= 1;
        if remaining != 0 {
            square = body.multiply(square, square);
        }
    }
    power.unwrap_or_else(|| body.integer(1, body.dtype(x)))
}

/// `xʸ` of floats, as C99's `pow`: 1 where `y` is zero or `x` is one, even if the other is NaN; NaN where a finite `x` is
/// negative and `y` no integer.
pub fn power(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let zero = body.float(0.0, dtype);
    let one = body.float(1.0, dtype);
    let magnitude =
        if dtype == DType::F32 { power_of_magnitude_f32(body, x, y) } else { power_of_magnitude_f64(body, x, y) };

    // An odd exponent is an integer whose half is none; it passes the sign of x on.
    let truncated = body.unary(Unary::Truncate, y);
    let fractional = body.compare(Comparison::Ne, truncated, y);
    let half = with_float(body, Binary::Multiply, y, 0.5);
    let truncated_half = body.unary(Unary::Truncate, half);
    let half_fractional = body.compare(Comparison::Ne, truncated_half, half);
    let sign = sign_bit(body, x);
    let no_sign = body.integer(0, body.dtype(sign));
    let sign = body.select(half_fractional, sign, no_sign);
    let sign = body.select(fractional, no_sign, sign);
    let power = flip_sign(body, magnitude, sign);

    let minus_infinity = body.float(f64::NEG_INFINITY, dtype);
    let nan = body.float(f64::NAN, dtype);
    let negative = body.compare(Comparison::Lt, x, zero);
    let bounded = body.compare(Comparison::Gt, x, minus_infinity);
    let negative = body.binary(Binary::And, negative, bounded);
    let undefined = body.binary(Binary::And, negative, fractional);
    let power = body.select(undefined, nan, power);

    let is_one = body.compare(Comparison::Eq, x, one);
    let to_zero = body.compare(Comparison::Eq, y, zero);
    let trivial = body.binary(Binary::Or, is_one, to_zero);
    body.select(trivial, one, power)
}

/// The logarithm of a magnitude where it is zero (−∞), infinite or NaN (the magnitude itself).
fn bound_logarithm(body: &mut Body, magnitude: Scalar, logarithm: Scalar) -> Scalar {
    let zero = body.float(0.0, DType::F64);
    let infinity = body.float(f64::INFINITY, DType::F64);
    let minus_infinity = body.float(f64::NEG_INFINITY, DType::F64);
    let finite = body.compare(Comparison::Lt, magnitude, infinity);
    let logarithm = body.select(finite, logarithm, magnitude);
    let is_zero = body.compare(Comparison::Eq, magnitude, zero);
    body.select(is_zero, minus_infinity, logarithm)
}

/// `log₂(1 + f) / f` for `√½ ≤ 1 + f ≤ √2`; relative error 2⁻³⁸·⁵.
const LOG_2: [f64; 14] = [
    1.4426950408865746,
    -7.213475203275272e-1,
    4.808983488030583e-1,
    -3.60673793141009e-1,
    2.885387956895407e-1,
    -2.4044643325311318e-1,
    2.061071243942402e-1,
    -1.8043676104747525e-1,
    1.60216654551347e-1,
    -1.4249850302299066e-1,
    1.3027558501101918e-1,
    -1.3462992222129316e-1,
    1.3251267350702864e-1,
    -6.973899466466382e-2,
];

/// `2ʳ` for `|r| ≤ ½`; relative error 2⁻²⁹.
const EXP_2: [f64; 7] = [
    1.00000000055488,
    6.931472057692352e-1,
    2.40226468873929e-1,
    5.5503287083992055e-2,
    9.61848911099672e-3,
    1.3399958739034096e-3,
    1.5345822969686944e-4,
];

/// `|x|ʸ` in f64, where every f32 is normal and no power overflows: `2` to the power of `t = y·log₂|x|`. The conversion back
/// rounds, overflows and underflows.
fn power_of_magnitude_f32(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let magnitude = body.unary(Unary::Abs, x);
    let magnitude = body.convert(magnitude, DType::F64);
    let offset = body.float(exponent_offset(DType::F64), DType::F64);
    let (exponent, fraction) = split(body, magnitude, offset);
    let quotient = polynomial(body, fraction, &LOG_2);
    let logarithm = body.fma(fraction, quotient, exponent);
    let logarithm = bound_logarithm(body, magnitude, logarithm);
    // An infinite exponent is bounded, so that its product with a logarithm of zero is zero.
    let y = body.convert(y, DType::F64);
    let y = at_least(body, y, -1e40);
    let y = at_most(body, y, 1e40);
    let product = body.multiply(y, logarithm);
    let product = at_least(body, product, -200.0);
    let product = at_most(body, product, 200.0);
    let format = format(DType::F64);
    let round = body.float(format.round + format.bias as f64, DType::F64);
    let rounded = body.add(product, round);
    let integer = body.subtract(rounded, round);
    let rest = body.subtract(product, integer);
    let power = polynomial(body, rest, &EXP_2);
    let rounded = bits(body, rounded);
    let scale = with_integer(body, Binary::ShiftLeft, rounded, format.fraction_bits);
    let scale = body.bitcast(scale, DType::F64);
    let power = body.multiply(power, scale);
    body.convert(power, DType::F32)
}

/// `((log((1 + s) / (1 − s)) − 2s) / s³ − 2/3) / s²` by powers of `s²`, for `|s| ≤ 0.1716`; the error relative to the
/// logarithm is 2⁻⁶⁶.
const LOG_TAIL: [f64; 7] = [
    4.000000000000226e-1,
    2.8571428570096413e-1,
    2.2222222520504806e-1,
    1.8181784314700758e-1,
    1.538675981235382e-1,
    1.3256758497761767e-1,
    1.3196891670542854e-1,
];

/// `2/3` and `ln 2` as sums; the first part of `ln 2` has 42 bits, so that its product with an exponent is exact.
const TWO_THIRDS: [f64; 2] = [6.666666666666666e-1, 3.700743415417188e-17];
const LN_2: [f64; 2] = [6.931471805598903e-1, 5.497923018708371e-14];

/// A number as the unevaluated sum of two.
#[derive(Clone, Copy)]
struct Sum {
    head: Scalar,
    tail: Scalar,
}

/// `x + y`, exactly, if `x` is zero or no smaller in magnitude than `y`.
fn add_exactly(body: &mut Body, x: Scalar, y: Scalar) -> Sum {
    let head = body.add(x, y);
    let rest = body.subtract(x, head);
    Sum { head, tail: body.add(rest, y) }
}

/// `x·y`, exactly.
fn multiply_exactly(body: &mut Body, x: Scalar, y: Scalar) -> Sum {
    let head = body.multiply(x, y);
    let negated = body.unary(Unary::Negate, head);
    Sum { head, tail: body.fma(x, y, negated) }
}

/// The product of two sums, with an error of some 2⁻¹⁰⁴.
fn multiply_sums(body: &mut Body, x: Sum, y: Sum) -> Sum {
    let product = multiply_exactly(body, x.head, y.head);
    let tail = body.fma(x.head, y.tail, product.tail);
    Sum { head: product.head, tail: body.fma(x.tail, y.head, tail) }
}

/// `eᵗ` of the sum `t = y·log|x|`.
fn power_of_magnitude_f64(body: &mut Body, x: Scalar, y: Scalar) -> Scalar {
    let dtype = DType::F64;
    let magnitude = body.unary(Unary::Abs, x);
    let logarithm = logarithm_as_sum(body, magnitude);
    let bounded_logarithm = bound_logarithm(body, magnitude, logarithm.head);
    // An infinite exponent is bounded, so that its product with a logarithm of zero is zero.
    let y = at_least(body, y, -1e300);
    let y = at_most(body, y, 1e300);
    let product = body.multiply(y, bounded_logarithm);
    let negated = body.unary(Unary::Negate, product);
    let tail = body.fma(y, logarithm.head, negated);
    let tail = body.fma(y, logarithm.tail, tail);
    // The tail says nothing where the product is out of range.
    let size = body.unary(Unary::Abs, product);
    let (limit, zero) = (body.float(1000.0, dtype), body.float(0.0, dtype));
    let in_range = body.compare(Comparison::Lt, size, limit);
    let tail = body.select(in_range, tail, zero);
    let product = at_least(body, product, -746.0);
    let product = at_most(body, product, 710.0);
    let mut reduced = reduce(body, product);
    reduced.rest = body.add(reduced.rest, tail);
    let power_minus_one = reduced.power_minus_one(body);
    let power = with_float(body, Binary::Add, power_minus_one, 1.0);
    reduced.scale(body, power)
}

/// The natural logarithm of a positive number, to some 65 bits.
///
/// Of `2ᵉ·m` it is `e·ln 2 + 2s + s³·(2/3 + s²·W(s²))` with `s = (m − 1) / (m + 1)`, where `s`, its cube, the bracket and the
/// sum have a head and a tail, and `W` is a polynomial of degree 6.
fn logarithm_as_sum(body: &mut Body, magnitude: Scalar) -> Sum {
    let dtype = DType::F64;
    let (exponent, fraction) = split_any(body, magnitude);

    // s = f / (2 + f): a quotient and the rest of the division over the divisor.
    let two = body.float(2.0, dtype);
    let divisor = add_exactly(body, two, fraction);
    let one = body.float(1.0, dtype);
    let inverse = body.divide(one, divisor.head);
    let quotient = body.multiply(fraction, inverse);
    let negated = body.unary(Unary::Negate, quotient);
    let rest = body.fma(negated, divisor.head, fraction);
    let rest = body.fma(negated, divisor.tail, rest);
    let quotient = Sum { head: quotient, tail: body.multiply(rest, inverse) };

    let square = multiply_sums(body, quotient, quotient);
    let cube = multiply_sums(body, square, quotient);
    let tail = polynomial(body, square.head, &LOG_TAIL);
    let tail = body.multiply(square.head, tail);
    let two_thirds = body.float(TWO_THIRDS[0], dtype);
    let bracket = add_exactly(body, two_thirds, tail);
    let bracket = Sum { head: bracket.head, tail: with_float(body, Binary::Add, bracket.tail, TWO_THIRDS[1]) };
    let third = multiply_sums(body, cube, bracket);

    let multiple = with_float(body, Binary::Multiply, exponent, LN_2[0]);
    let double = body.add(quotient.head, quotient.head);
    let first = add_exactly(body, multiple, double);
    let second = add_exactly(body, first.head, third.head);
    let tail = body.fma(quotient.tail, two, third.tail);
    let tail = fma_by_constant(body, exponent, LN_2[1], tail);
    let tail = body.add(tail, first.tail);
    let tail = body.add(tail, second.tail);
    add_exactly(body, second.head, tail)
}

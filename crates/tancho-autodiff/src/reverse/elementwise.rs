//! The rules of elementwise ops: the cotangent times the derivative at each element.
//!
//! Where there is no derivative, the choice is that of TensorFlow:
//! - `abs` at 0 has the slope 0, that is `sign`.
//! - `maximum` and `minimum` of equal operands: the left one takes all. So `maximum(0, x)` has the slope 0 at 0 and
//!   `maximum(x, 0)` has the slope 1; whoever means *relu* writes the first.
//! - `clamp`: the operand takes all where `low ≤ x ≤ high`, so also on a bound; else the bound that it went beyond.
//! - `power`: by the base, 0 where the exponent is 0; by the exponent, 0 where the base is not positive, so that there is no
//!   logarithm of it.
//! - `remainder` has the slope 1 by the left operand, also where it jumps.
//! - `sqrt`, `cbrt`, `log` and others have infinite slopes at the ends of their domains, and give them.
//! - `reduce_precision` is taken as the identity.
//!
//! Products with an infinite slope give NaN for the cotangent 0, as in TensorFlow: whoever selects between two branches
//! selects a harmless operand for the one that is not used.

use tancho_ir::Value;
use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};

use super::special::{bessel_i0e, trigamma};
use super::{Fault, Pullback};
use crate::build::{Build, Built};

const INTEGERS: &str = "integers have no derivative";
const STEPS: &str = "it is piecewise constant";
const DECIDES: &str = "a decision has no derivative";

pub(super) fn zero_reason(op: &ElementwiseOp) -> Option<&'static str> {
    match op {
        ElementwiseOp::Unary(op) => match op {
            UnaryOp::Ceil | UnaryOp::Floor | UnaryOp::RoundNearestAfz | UnaryOp::RoundNearestEven | UnaryOp::Sign => {
                Some(STEPS)
            }
            UnaryOp::IsFinite => Some(DECIDES),
            UnaryOp::CountLeadingZeros | UnaryOp::Not | UnaryOp::Popcnt => Some(INTEGERS),
            UnaryOp::Abs
            | UnaryOp::Acos
            | UnaryOp::Acosh
            | UnaryOp::Asin
            | UnaryOp::Asinh
            | UnaryOp::Atan
            | UnaryOp::Atanh
            | UnaryOp::BesselI1e
            | UnaryOp::Cbrt
            | UnaryOp::Cosh
            | UnaryOp::Cosine
            | UnaryOp::Digamma
            | UnaryOp::Erf
            | UnaryOp::ErfInv
            | UnaryOp::Erfc
            | UnaryOp::Exponential
            | UnaryOp::ExponentialMinusOne
            | UnaryOp::Lgamma
            | UnaryOp::Log
            | UnaryOp::LogPlusOne
            | UnaryOp::Logistic
            | UnaryOp::Negate
            | UnaryOp::Rsqrt
            | UnaryOp::Sine
            | UnaryOp::Sinh
            | UnaryOp::Sqrt
            | UnaryOp::Tan
            | UnaryOp::Tanh => None,
        },
        ElementwiseOp::Binary(op) => match op {
            BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::ShiftLeft
            | BinaryOp::ShiftRightArithmetic
            | BinaryOp::ShiftRightLogical
            | BinaryOp::Xor => Some(INTEGERS),
            BinaryOp::NextAfter => Some("the next number is a step away"),
            BinaryOp::Add
            | BinaryOp::Atan2
            | BinaryOp::Divide
            | BinaryOp::Maximum
            | BinaryOp::Minimum
            | BinaryOp::Multiply
            | BinaryOp::Power
            | BinaryOp::Remainder
            | BinaryOp::Subtract => None,
        },
        ElementwiseOp::Compare(_) => Some(DECIDES),
        ElementwiseOp::Convert(dtype) => (!dtype.is_float()).then_some(INTEGERS),
        ElementwiseOp::Select | ElementwiseOp::ReducePrecision { .. } | ElementwiseOp::Clamp => None,
    }
}

pub(super) fn pull_back(pullback: &mut Pullback<'_>, op: &ElementwiseOp) -> Result<(), Fault> {
    let cotangent = pullback.cotangent();
    match op {
        ElementwiseOp::Unary(op) => {
            let (x, y) = (pullback.operands[0], pullback.result(0));
            if let Some(share) = unary(&mut pullback.build, *op, cotangent, x, y)? {
                pullback.add_share(0, share)?;
            }
        }
        ElementwiseOp::Binary(op) => binary(pullback, *op, cotangent)?,
        ElementwiseOp::Compare(_) => {}
        ElementwiseOp::Select => {
            let predicate = pullback.operands[0];
            for (position, takes) in [(1, true), (2, false)] {
                if pullback.wanted[position] {
                    let share = masked(&mut pullback.build, predicate, cotangent, takes)?;
                    pullback.add_share(position, share)?;
                }
            }
        }
        ElementwiseOp::Convert(_) => {
            let dtype = pullback.type_of_operand(0).dtype;
            let share = pullback.build.convert(dtype, cotangent)?;
            pullback.add_share(0, share)?;
        }
        ElementwiseOp::ReducePrecision { .. } => pullback.add_share(0, cotangent)?,
        ElementwiseOp::Clamp => clamp(pullback, cotangent)?,
    }
    Ok(())
}

/// The cotangent where a predicate is as `takes` says, else zero.
fn masked(build: &mut Build<'_>, predicate: Value, cotangent: Value, takes: bool) -> Built {
    let zero = build.zeros_like(cotangent)?;
    let (on_true, on_false) = if takes { (cotangent, zero) } else { (zero, cotangent) };
    build.select(predicate, on_true, on_false)
}

/// The share of the operand; `None` for what has no derivative.
fn unary(build: &mut Build<'_>, op: UnaryOp, ct: Value, x: Value, y: Value) -> Built<Option<Value>> {
    let share = match op {
        UnaryOp::Abs => {
            let sign = build.unary(UnaryOp::Sign, x)?;
            build.times(ct, sign)
        }
        UnaryOp::Acos => {
            let slope = rsqrt_of_one_minus_square(build, x)?;
            let share = build.times(ct, slope)?;
            build.negate(share)
        }
        UnaryOp::Acosh => {
            // √(x² − 1) in two factors, so that neither overflows.
            let one = build.full_like(x, 1.0)?;
            let (less, more) = (build.minus(x, one)?, build.plus(x, one)?);
            let (less, more) = (build.unary(UnaryOp::Rsqrt, less)?, build.unary(UnaryOp::Rsqrt, more)?);
            let slope = build.times(less, more)?;
            build.times(ct, slope)
        }
        UnaryOp::Asin => {
            let slope = rsqrt_of_one_minus_square(build, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Asinh => {
            let sum = one_plus_square(build, x)?;
            let slope = build.unary(UnaryOp::Rsqrt, sum)?;
            build.times(ct, slope)
        }
        UnaryOp::Atan => {
            let sum = one_plus_square(build, x)?;
            build.divided(ct, sum)
        }
        UnaryOp::Atanh => {
            let difference = one_minus_square(build, x)?;
            build.divided(ct, difference)
        }
        UnaryOp::BesselI1e => {
            let slope = bessel_i1e_slope(build, x, y)?;
            build.times(ct, slope)
        }
        UnaryOp::Cbrt => {
            let square = build.times(y, y)?;
            let triple = build.scaled(square, 3.0)?;
            build.divided(ct, triple)
        }
        UnaryOp::Cosh => {
            let slope = build.unary(UnaryOp::Sinh, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Cosine => {
            let sine = build.unary(UnaryOp::Sine, x)?;
            let slope = build.negate(sine)?;
            build.times(ct, slope)
        }
        UnaryOp::Digamma => {
            let slope = trigamma(build, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Erf => {
            let slope = gaussian(build, x, std::f64::consts::FRAC_2_SQRT_PI)?;
            build.times(ct, slope)
        }
        UnaryOp::Erfc => {
            let slope = gaussian(build, x, -std::f64::consts::FRAC_2_SQRT_PI)?;
            build.times(ct, slope)
        }
        UnaryOp::ErfInv => {
            let square = build.times(y, y)?;
            let exponential = build.unary(UnaryOp::Exponential, square)?;
            let slope = build.scaled(exponential, 1.0 / std::f64::consts::FRAC_2_SQRT_PI)?;
            build.times(ct, slope)
        }
        UnaryOp::Exponential => build.times(ct, y),
        UnaryOp::ExponentialMinusOne => {
            // Not y + 1, which has lost the digits of what is far below one.
            let slope = build.unary(UnaryOp::Exponential, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Lgamma => {
            let slope = build.unary(UnaryOp::Digamma, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Log => build.divided(ct, x),
        UnaryOp::LogPlusOne => {
            let one = build.full_like(x, 1.0)?;
            let sum = build.plus(x, one)?;
            build.divided(ct, sum)
        }
        UnaryOp::Logistic => {
            let one = build.full_like(y, 1.0)?;
            let rest = build.minus(one, y)?;
            let slope = build.times(y, rest)?;
            build.times(ct, slope)
        }
        UnaryOp::Negate => build.negate(ct),
        UnaryOp::Rsqrt => {
            let square = build.times(y, y)?;
            let cube = build.times(square, y)?;
            let slope = build.scaled(cube, -0.5)?;
            build.times(ct, slope)
        }
        UnaryOp::Sine => {
            let slope = build.unary(UnaryOp::Cosine, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Sinh => {
            let slope = build.unary(UnaryOp::Cosh, x)?;
            build.times(ct, slope)
        }
        UnaryOp::Sqrt => {
            let double = build.scaled(y, 2.0)?;
            build.divided(ct, double)
        }
        UnaryOp::Tan => {
            let slope = one_plus_square(build, y)?;
            build.times(ct, slope)
        }
        UnaryOp::Tanh => {
            let slope = one_minus_square(build, y)?;
            build.times(ct, slope)
        }
        UnaryOp::Ceil
        | UnaryOp::CountLeadingZeros
        | UnaryOp::Floor
        | UnaryOp::IsFinite
        | UnaryOp::Not
        | UnaryOp::Popcnt
        | UnaryOp::RoundNearestAfz
        | UnaryOp::RoundNearestEven
        | UnaryOp::Sign => return Ok(None),
    };
    share.map(Some)
}

/// `1 − x²` in two factors, which keep the digits near ±1.
fn one_minus_square(build: &mut Build<'_>, x: Value) -> Built {
    let one = build.full_like(x, 1.0)?;
    let (less, more) = (build.minus(one, x)?, build.plus(one, x)?);
    build.times(less, more)
}

fn rsqrt_of_one_minus_square(build: &mut Build<'_>, x: Value) -> Built {
    let difference = one_minus_square(build, x)?;
    build.unary(UnaryOp::Rsqrt, difference)
}

fn one_plus_square(build: &mut Build<'_>, x: Value) -> Built {
    let one = build.full_like(x, 1.0)?;
    let square = build.times(x, x)?;
    build.plus(one, square)
}

/// `factor · e^(−x²)`
fn gaussian(build: &mut Build<'_>, x: Value, factor: f64) -> Built {
    let square = build.times(x, x)?;
    let exponent = build.negate(square)?;
    let exponential = build.unary(UnaryOp::Exponential, exponent)?;
    build.scaled(exponential, factor)
}

/// The derivative of `y = I₁(x)·e^−|x|`, which is `I₀(x)·e^−|x| − y·(1/x + sign x)`; ½ at 0.
fn bessel_i1e_slope(build: &mut Build<'_>, x: Value, y: Value) -> Built {
    let (zero, one, half) = (build.zeros_like(x)?, build.full_like(x, 1.0)?, build.full_like(x, 0.5)?);
    let is_zero = build.compare(Comparison::Eq, x, zero)?;
    let divisor = build.select(is_zero, one, x)?;
    let quotient = build.divided(y, divisor)?;
    let quotient = build.select(is_zero, half, quotient)?;
    let sign = build.unary(UnaryOp::Sign, x)?;
    let signed = build.times(y, sign)?;
    let lower = bessel_i0e(build, x)?;
    let rest = build.minus(lower, quotient)?;
    build.minus(rest, signed)
}

fn binary(pullback: &mut Pullback<'_>, op: BinaryOp, ct: Value) -> Result<(), Fault> {
    let (x, y, z) = (pullback.operands[0], pullback.operands[1], pullback.result(0));
    let (left, right) = (pullback.wanted[0], pullback.wanted[1]);
    match op {
        BinaryOp::Add => {
            pullback.add_share(0, ct)?;
            pullback.add_share(1, ct)?;
        }
        BinaryOp::Subtract => {
            pullback.add_share(0, ct)?;
            if right {
                let share = pullback.build.negate(ct)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::Multiply => {
            if left {
                let share = pullback.build.times(ct, y)?;
                pullback.add_share(0, share)?;
            }
            if right {
                let share = pullback.build.times(ct, x)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::Divide => {
            let share = pullback.build.divided(ct, y)?;
            pullback.add_share(0, share)?;
            if right {
                let product = pullback.build.times(share, z)?;
                let share = pullback.build.negate(product)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::Atan2 => {
            let build = &mut pullback.build;
            let (xx, yy) = (build.times(x, x)?, build.times(y, y)?);
            let square = build.plus(xx, yy)?;
            let scaled = build.divided(ct, square)?;
            if left {
                let share = pullback.build.times(scaled, y)?;
                pullback.add_share(0, share)?;
            }
            if right {
                let product = pullback.build.times(scaled, x)?;
                let share = pullback.build.negate(product)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::Maximum | BinaryOp::Minimum => {
            let wins = if op == BinaryOp::Maximum { Comparison::Ge } else { Comparison::Le };
            let mask = pullback.build.compare(wins, x, y)?;
            for (position, takes) in [(0, true), (1, false)] {
                if pullback.wanted[position] {
                    let share = masked(&mut pullback.build, mask, ct, takes)?;
                    pullback.add_share(position, share)?;
                }
            }
        }
        BinaryOp::Power => {
            if left {
                let share = power_by_base(&mut pullback.build, ct, x, y)?;
                pullback.add_share(0, share)?;
            }
            if right {
                let share = power_by_exponent(&mut pullback.build, ct, x, z)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::Remainder => {
            pullback.add_share(0, ct)?;
            if right {
                // The quotient without its fraction, from the result, so that both jump at the same place.
                let build = &mut pullback.build;
                let multiple = build.minus(x, z)?;
                let quotient = build.divided(multiple, y)?;
                let whole = build.unary(UnaryOp::RoundNearestEven, quotient)?;
                let product = build.times(ct, whole)?;
                let share = build.negate(product)?;
                pullback.add_share(1, share)?;
            }
        }
        BinaryOp::And
        | BinaryOp::NextAfter
        | BinaryOp::Or
        | BinaryOp::ShiftLeft
        | BinaryOp::ShiftRightArithmetic
        | BinaryOp::ShiftRightLogical
        | BinaryOp::Xor => {}
    }
    Ok(())
}

/// `ct · y · x^(y − 1)`, where `0 · x⁻¹` is 0.
fn power_by_base(build: &mut Build<'_>, ct: Value, x: Value, y: Value) -> Built {
    // A square is the most frequent power, and its derivative needs none.
    if build.splat(y) == Some(2.0) {
        let double = build.scaled(x, 2.0)?;
        return build.times(ct, double);
    }
    let (zero, one) = (build.zeros_like(y)?, build.full_like(y, 1.0)?);
    let lower = build.minus(y, one)?;
    let lower = match build.splat(y) {
        Some(exponent) if exponent != 0.0 => lower,
        Some(_) | None => {
            let is_zero = build.compare(Comparison::Eq, y, zero)?;
            build.select(is_zero, one, lower)?
        }
    };
    let power = build.binary(BinaryOp::Power, x, lower)?;
    let slope = build.times(y, power)?;
    build.times(ct, slope)
}

/// `ct · log(x) · z`, and 0 where the base is not positive.
fn power_by_exponent(build: &mut Build<'_>, ct: Value, x: Value, z: Value) -> Built {
    let (zero, one) = (build.zeros_like(x)?, build.full_like(x, 1.0)?);
    let positive = build.compare(Comparison::Gt, x, zero)?;
    let base = build.select(positive, x, one)?;
    let logarithm = build.unary(UnaryOp::Log, base)?;
    // The logarithm of one is zero where the base is not positive.
    let slope = build.times(logarithm, z)?;
    let slope = build.select(positive, slope, zero)?;
    build.times(ct, slope)
}

/// Operands: low, x, high; the bounds may be scalars.
fn clamp(pullback: &mut Pullback<'_>, ct: Value) -> Result<(), Fault> {
    let (low, x, high) = (pullback.operands[0], pullback.operands[1], pullback.operands[2]);
    let dims = pullback.build.dims(x);
    let build = &mut pullback.build;
    let (wide_low, wide_high) = (widened(build, low, x)?, widened(build, high, x)?);
    let below = build.compare(Comparison::Lt, x, wide_low)?;
    let above = build.compare(Comparison::Gt, x, wide_high)?;
    for (position, mask) in [(0, below), (2, above)] {
        if pullback.wanted[position] {
            let share = masked(&mut pullback.build, mask, ct, true)?;
            let is_scalar = pullback.type_of_operand(position).rank() == 0 && !dims.is_empty();
            let share = if is_scalar { pullback.build.sum_all(share)? } else { share };
            pullback.add_share(position, share)?;
        }
    }
    if pullback.wanted[1] {
        let outside = pullback.build.add(ElementwiseOp::Binary(BinaryOp::Or), &[below, above])?;
        let share = masked(&mut pullback.build, outside, ct, false)?;
        pullback.add_share(1, share)?;
    }
    Ok(())
}

/// A bound in the shape of the operand.
fn widened(build: &mut Build<'_>, bound: Value, like: Value) -> Built {
    let dims = build.dims(like);
    if build.rank(bound) == 0 { build.broadcast_in_dim(bound, &dims, Vec::new()) } else { Ok(bound) }
}

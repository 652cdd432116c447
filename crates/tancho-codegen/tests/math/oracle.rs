//! The oracle of f64 functions: 192 bits of `astro-float`.

use astro_float_num::{BigFloat, Consts, RoundingMode};
use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::DType;

use crate::harness::{Function, Random, WRONG_KIND, Worst, is_alike, is_sweep, special_f64};

/// The precision of the oracle for f64.
pub const PRECISION: usize = 192;
pub const ROUNDING: RoundingMode = RoundingMode::ToEven;

/// A finite f64; a subnormal one by way of a normal one, since the library takes normal ones only.
pub fn exactly(x: f64) -> BigFloat {
    if x == 0.0 || x.is_normal() {
        return BigFloat::from_f64(x, PRECISION);
    }
    let mut number = BigFloat::from_f64(x * 2_f64.powi(100), PRECISION);
    let exponent = number.exponent().expect("the number is finite");
    number.set_exponent(exponent - 100);
    number
}

/// Whether `|x| < bound`.
pub fn is_below(x: &BigFloat, bound: f64) -> bool {
    x.abs().cmp(&exactly(bound)).is_some_and(|order| order < 0)
}

/// What the oracle needs: numbers of 192 bits, and constants that it keeps.
pub struct Oracle(pub Consts);

impl Oracle {
    pub fn new() -> Self {
        Oracle(Consts::new().expect("the constants fit the memory"))
    }

    pub fn exp(&mut self, x: &BigFloat) -> BigFloat {
        x.exp(PRECISION, ROUNDING, &mut self.0)
    }

    /// `eˣ − 1`; near zero three terms of the series.
    pub fn exp_minus_one(&mut self, x: &BigFloat) -> BigFloat {
        if is_below(x, 2_f64.powi(-40)) {
            let half_square = times(&times(x, x), &exactly(0.5));
            let sixth_cube = over(&times(&times(x, x), x), &exactly(6.0));
            return plus(&plus(x, &half_square), &sixth_cube);
        }
        plus(&self.exp(x), &exactly(-1.0))
    }

    /// `log(1 + x)`; near zero three terms of the series.
    pub fn log_plus_one(&mut self, x: &BigFloat) -> BigFloat {
        if is_below(x, 2_f64.powi(-40)) {
            let half_square = times(&times(x, x), &exactly(-0.5));
            let third_cube = over(&times(&times(x, x), x), &exactly(3.0));
            return plus(&plus(x, &half_square), &third_cube);
        }
        plus(x, &exactly(1.0)).ln(PRECISION, ROUNDING, &mut self.0)
    }

    pub fn logistic(&mut self, x: &BigFloat) -> BigFloat {
        over(&exactly(1.0), &plus(&self.exp(&x.neg()), &exactly(1.0)))
    }

    pub fn tanh(&mut self, x: &BigFloat) -> BigFloat {
        if !is_below(x, 60.0) {
            return x.signum();
        }
        let numerator = self.exp_minus_one(&times(x, &exactly(2.0)));
        over(&numerator, &plus(&numerator, &exactly(2.0)))
    }

    pub fn sinh(&mut self, x: &BigFloat) -> BigFloat {
        let less_one = self.exp_minus_one(&x.abs());
        let falling = over(&less_one, &plus(&less_one, &exactly(1.0)));
        let result = times(&plus(&less_one, &falling), &exactly(0.5));
        if x.is_negative() { result.neg() } else { result }
    }

    pub fn cosh(&mut self, x: &BigFloat) -> BigFloat {
        let power = self.exp(x);
        times(&plus(&power, &over(&exactly(1.0), &power)), &exactly(0.5))
    }

    /// `log(1 + |x| + x² / (1 + √(1 + x²)))`, with the sign of `x`.
    pub fn asinh(&mut self, x: &BigFloat) -> BigFloat {
        let (magnitude, square) = (x.abs(), times(x, x));
        let root = plus(&square, &exactly(1.0)).sqrt(PRECISION, ROUNDING);
        let rest = over(&square, &plus(&root, &exactly(1.0)));
        let result = self.log_plus_one(&plus(&magnitude, &rest));
        if x.is_negative() { result.neg() } else { result }
    }

    /// `log(1 + d + √(d·(d + 2)))` with `d = x − 1`.
    pub fn acosh(&mut self, x: &BigFloat) -> BigFloat {
        let distance = plus(x, &exactly(-1.0));
        let square = times(&distance, &plus(&distance, &exactly(2.0)));
        self.log_plus_one(&plus(&distance, &square.sqrt(PRECISION, ROUNDING)))
    }

    /// `½·log(1 + 2x / (1 − x))`.
    pub fn atanh(&mut self, x: &BigFloat) -> BigFloat {
        let quotient = over(&times(x, &exactly(2.0)), &plus(&exactly(1.0), &x.neg()));
        times(&self.log_plus_one(&quotient), &exactly(0.5))
    }

    /// `2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n + 1))`, whose terms have one sign.
    pub fn erf(&mut self, x: &BigFloat) -> BigFloat {
        if !is_below(x, 9.0) {
            return x.signum();
        }
        let square = times(x, x);
        let mut term = x.clone();
        let mut sum = x.clone();
        for n in 1..300 {
            term = over(&times(&term, &times(&square, &exactly(2.0))), &exactly(f64::from(2 * n + 1)));
            sum = plus(&sum, &term);
        }
        let root = self.pi().sqrt(PRECISION, ROUNDING);
        over(&times(&times(&sum, &self.exp(&square.neg())), &exactly(2.0)), &root)
    }

    pub fn pi(&mut self) -> BigFloat {
        self.0.pi(PRECISION, ROUNDING)
    }

    pub fn atan2(&mut self, y: f64, x: f64) -> BigFloat {
        let angle = over(&exactly(y.abs()), &exactly(x.abs())).atan(PRECISION, ROUNDING, &mut self.0);
        let angle = if x.is_sign_negative() { plus(&self.pi(), &angle.neg()) } else { angle };
        if y.is_sign_negative() { angle.neg() } else { angle }
    }

    pub fn power(&mut self, x: f64, y: f64) -> BigFloat {
        let logarithm = exactly(x).ln(PRECISION, ROUNDING, &mut self.0);
        self.exp(&times(&logarithm, &exactly(y)))
    }
}

pub fn plus(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.add(y, PRECISION, ROUNDING)
}

pub fn times(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.mul(y, PRECISION, ROUNDING)
}

pub fn over(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.div(y, PRECISION, ROUNDING)
}

/// The error of a finite f64 result in units in the last place of a finite exact one.
pub fn error_f64(actual: f64, exact: &BigFloat) -> f64 {
    error_f64_beside(actual, exact, 0.0)
}

/// The same in units of the larger of the result and a scale, near which a zero has no accurate digits.
pub fn error_f64_beside(actual: f64, exact: &BigFloat, scale: f64) -> f64 {
    if is_below(exact, scale) && actual.is_finite() {
        let difference = exactly(actual).sub(exact, PRECISION, ROUNDING);
        return leading_f64(&difference, libm::ilogb(scale) - 52).abs();
    }
    // A significand is at least a half here: the exponent is one more than that of f64.
    let Some(exponent) = exact.exponent().map(|exponent| exponent.max(-1021)) else { return WRONG_KIND };
    if actual.is_nan() || actual != 0.0 && actual.is_sign_negative() != exact.is_negative() {
        return WRONG_KIND;
    }
    if exponent > 1024 || actual.is_infinite() {
        let overflows =
            exponent > 1024 || exponent == 1024 && f64::MAX < leading_f64(exact, 1024) * 2_f64.powi(1023) * 2.0;
        return if actual.is_infinite() && overflows { 0.0 } else { WRONG_KIND };
    }
    let difference = exactly(actual).sub(exact, PRECISION, ROUNDING);
    leading_f64(&difference, exponent - 53).abs()
}

/// A number over `2ᵉˣᵖᵒⁿᵉⁿᵗ`, from its leading 64 bits.
pub fn leading_f64(x: &BigFloat, exponent: i32) -> f64 {
    if x.is_zero() {
        return 0.0;
    }
    let (words, _, _, own, _) = x.as_raw_parts().expect("the number is finite");
    let leading = *words.last().expect("a number has words") as f64 * 2_f64.powi(-64);
    leading * f64::from(own - exponent).exp2()
}

/// Special arguments against `libm`, and seeded ones, which it maps to finite results other than zero, against the oracle.
#[track_caller]
pub fn check_f64(
    op: UnaryOp,
    (low, high): (f64, f64),
    approximate: fn(f64) -> f64,
    exact: fn(&mut Oracle, &BigFloat) -> BigFloat,
) {
    let mut function = Function::unary(op, DType::F64);
    for x in special_f64() {
        let (actual, expected) = (function.f64([x]), approximate(x));
        assert!(is_alike(actual, expected), "{} of {x:e}: {actual:e}, not {expected:e}", op.name());
    }
    let mut oracle = Oracle::new();
    let mut worst = Worst::default();
    let mut random = Random(2);
    for turn in 0..if is_sweep() { 150_000 } else { 3_000 } {
        let x = random.number(turn, low, high);
        let expected = approximate(x);
        if !expected.is_finite() || expected == 0.0 || x.abs() > 1e25 && high < 1e25 {
            let actual = function.f64([x]);
            assert!(is_alike(actual, expected), "{} of {x:e}: {actual:e}, not {expected:e}", op.name());
            continue;
        }
        let actual = function.f64([x]);
        let error = error_f64(actual, &exact(&mut oracle, &exactly(x)));
        worst.take(error, || format!("{x:e}: {actual:e}, not {expected:e}"));
    }
    worst.check(op.name(), DType::F64);
}

#[track_caller]
pub fn check_pairs_f64(
    op: BinaryOp,
    approximate: fn(f64, f64) -> f64,
    arguments: fn(&mut Random, usize) -> (f64, f64),
    exact: fn(&mut Oracle, f64, f64) -> BigFloat,
) {
    let mut function = Function::binary(op, DType::F64);
    for x in special_f64() {
        for y in special_f64() {
            let (actual, expected) = (function.f64([x, y]), approximate(x, y));
            assert!(is_alike(actual, expected), "{} of {x:e}, {y:e}: {actual:e}, not {expected:e}", op.name());
        }
    }
    let mut oracle = Oracle::new();
    let mut worst = Worst::default();
    let mut random = Random(5);
    for turn in 0..if is_sweep() { 150_000 } else { 3_000 } {
        let (x, y) = arguments(&mut random, turn);
        let actual = function.f64([x, y]);
        if !approximate(x, y).is_finite() || approximate(x, y) == 0.0 {
            assert!(is_alike(actual, approximate(x, y)), "{} of {x:e}, {y:e}: {actual:e}", op.name());
            continue;
        }
        worst.take(error_f64(actual, &exact(&mut oracle, x, y)), || format!("{x:e}, {y:e}: {actual:e}"));
    }
    worst.check(op.name(), DType::F64);
}

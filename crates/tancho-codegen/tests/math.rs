//! The expansions of elementwise ops, evaluated and held against oracles.
//!
//! - f32 functions: f64 functions of `libm`, whose error is a tiny part of a unit in the last place of f32; every 4099th
//!   argument, or every one if the environment variable `TANCHO_SWEEP` is set.
//! - f64 functions: 192 bits of `astro-float`, on seeded arguments; 50 times as many if `TANCHO_SWEEP` is set.
//! - What is exact: plain Rust, for 8 bits with all pairs of values.

use std::collections::BTreeSet;

use astro_float_num::{BigFloat, Consts, RoundingMode};
use tancho_codegen::kernel::body::{Body, Instruction, Scalar};
use tancho_codegen::kernel::evaluate::{Point, evaluate_into};
use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, Comparison, UnaryOp};
use tancho_tensor::DType;

/// A body of one result, whose loads are its arguments.
struct Function {
    body: Body,
    result: Scalar,
    values: Vec<u64>,
}

impl Function {
    fn new(dtypes: &[DType], expand: impl FnOnce(&mut Body, &[Scalar]) -> Scalar) -> Self {
        let mut body = Body::new();
        let load = |(access, &dtype): (usize, &DType)| body.push(Instruction::Load(access as u32), dtype);
        let arguments: Vec<Scalar> = dtypes.iter().enumerate().map(load).collect();
        let result = expand(&mut body, &arguments);
        Function { body, result, values: Vec::new() }
    }

    fn unary(op: UnaryOp, dtype: DType) -> Self {
        Function::new(&[dtype], |body, arguments| math::expand_unary(body, op, arguments[0]))
    }

    fn binary(op: BinaryOp, dtype: DType) -> Self {
        Function::new(&[dtype; 2], |body, arguments| math::expand_binary(body, op, arguments[0], arguments[1]))
    }

    fn bits(&mut self, loads: &[u64]) -> u64 {
        evaluate_into(&self.body, &Point { loads, ..Point::default() }, &mut self.values);
        self.values[self.result.index()]
    }

    fn f32<const N: usize>(&mut self, arguments: [f32; N]) -> f32 {
        f32::from_bits(self.bits(&arguments.map(|x| u64::from(x.to_bits()))) as u32)
    }

    fn f64<const N: usize>(&mut self, arguments: [f64; N]) -> f64 {
        f64::from_bits(self.bits(&arguments.map(f64::to_bits)))
    }
}

fn is_sweep() -> bool {
    std::env::var_os("TANCHO_SWEEP").is_some()
}

/// The largest error so far and where it was.
#[derive(Default)]
struct Worst {
    error: f64,
    place: String,
}

impl Worst {
    fn take(&mut self, error: f64, place: impl FnOnce() -> String) {
        if error > self.error {
            *self = Worst { error, place: place() };
        }
    }

    #[track_caller]
    fn check(&self, name: &str, dtype: DType) {
        let bound = math::error_bound(name, dtype);
        println!("{name} {dtype}: {:.3} ulp at {} (bound {bound})", self.error, self.place);
        assert!(self.error <= bound, "{name} {dtype}: {:.3} ulp at {} (bound {bound})", self.error, self.place);
    }
}

/// A large error where the kinds of the results (NaN, infinite, zero, their signs) differ.
const WRONG_KIND: f64 = 1e9;

/// The error of an f32 result in units in the last place.
fn error_f32(actual: f32, exact: f64) -> f64 {
    let largest = f64::from(f32::MAX) * (1.0 + 2_f64.powi(-25));
    if exact.is_nan() || actual.is_nan() {
        return if exact.is_nan() && actual.is_nan() { 0.0 } else { WRONG_KIND };
    }
    if actual == 0.0 && exact == 0.0 || actual.is_infinite() && exact.abs() >= largest {
        return if actual.is_sign_negative() == exact.is_sign_negative() { 0.0 } else { WRONG_KIND };
    }
    if actual.is_infinite() || exact.is_infinite() || exact == 0.0 {
        return WRONG_KIND;
    }
    let exponent = libm::ilogb(exact).clamp(-126, 127);
    (f64::from(actual) - exact).abs() / 2_f64.powi(exponent - 23)
}

const SPECIAL_F32: [f32; 29] = [
    0.0,
    1.0,
    0.5,
    1.5,
    2.0,
    2.5,
    3.0,
    10.0,
    88.0,
    88.73,
    89.5,
    103.5,
    104.5,
    1e5,
    131_072.0,
    131_072.02,
    8_388_607.5,
    8_388_609.0,
    16_777_216.0,
    2_147_483_648.0,
    1e30,
    f32::MAX,
    f32::INFINITY,
    f32::NAN,
    f32::MIN_POSITIVE,
    1e-40,
    1e-45,
    f32::EPSILON,
    0.999_999_94,
];

fn special_f32() -> impl Iterator<Item = f32> {
    SPECIAL_F32.into_iter().flat_map(|x| [x, -x])
}

#[track_caller]
fn check_f32(op: UnaryOp, oracle: fn(f64) -> f64) {
    let mut function = Function::unary(op, DType::F32);
    let mut worst = Worst::default();
    let step = if is_sweep() { 1 } else { 4099 };
    let swept = (0..=u32::MAX).step_by(step).map(f32::from_bits);
    for x in special_f32().chain(swept) {
        let actual = function.f32([x]);
        let exact = oracle(f64::from(x));
        worst.take(error_f32(actual, exact), || format!("{x:e}: {actual:e}, not {exact:e}"));
    }
    worst.check(op.name(), DType::F32);
}

fn logistic_oracle(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[test]
fn exponentials_f32() {
    check_f32(UnaryOp::Exponential, libm::exp);
    check_f32(UnaryOp::ExponentialMinusOne, libm::expm1);
}

#[test]
fn logarithms_f32() {
    check_f32(UnaryOp::Log, libm::log);
    check_f32(UnaryOp::LogPlusOne, libm::log1p);
}

#[test]
fn hyperbolic_functions_f32() {
    check_f32(UnaryOp::Tanh, libm::tanh);
    check_f32(UnaryOp::Logistic, logistic_oracle);
}

#[test]
fn trigonometric_functions_f32() {
    check_f32(UnaryOp::Sine, libm::sin);
    check_f32(UnaryOp::Cosine, libm::cos);
    check_f32(UnaryOp::Tan, libm::tan);
}

#[test]
fn error_function_and_roots_f32() {
    check_f32(UnaryOp::Erf, libm::erf);
    check_f32(UnaryOp::Cbrt, libm::cbrt);
    check_f32(UnaryOp::Rsqrt, |x| 1.0 / x.sqrt());
    check_f32(UnaryOp::Sqrt, f64::sqrt);
}

#[test]
fn rounding_functions_f32() {
    check_f32(UnaryOp::Abs, f64::abs);
    check_f32(UnaryOp::Ceil, f64::ceil);
    check_f32(UnaryOp::Floor, f64::floor);
    check_f32(UnaryOp::Negate, |x| -x);
    check_f32(UnaryOp::RoundNearestAfz, f64::round);
    check_f32(UnaryOp::RoundNearestEven, f64::round_ties_even);
    check_f32(UnaryOp::Sign, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() });
}

/// A seeded generator (splitmix64).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 * 2_f64.powi(-53))
    }

    /// In turn: a number of a range, one of any magnitude below that of the range, and any bits.
    fn number(&mut self, turn: usize, low: f64, high: f64) -> f64 {
        match turn % 4 {
            0 | 1 => self.within(low, high),
            2 => self.within(low, high) * self.within(-70.0, 0.0).exp2(),
            _ => f64::from_bits(self.bits()),
        }
    }
}

#[track_caller]
fn check_pairs_f32(op: BinaryOp, oracle: fn(f64, f64) -> f64) {
    let mut function = Function::binary(op, DType::F32);
    let mut worst = Worst::default();
    let mut check = |x: f32, y: f32| {
        let actual = function.f32([x, y]);
        let exact = oracle(f64::from(x), f64::from(y));
        worst.take(error_f32(actual, exact), || format!("{x:e}, {y:e}: {actual:e}, not {exact:e}"));
    };
    for x in special_f32() {
        special_f32().for_each(|y| check(x, y));
    }
    let mut random = Random(1);
    for turn in 0..if is_sweep() { 20_000_000 } else { 200_000 } {
        let (x, y) = match turn % 4 {
            // Powers in the range of f32, for they are the minority of all pairs.
            0 => (random.within(0.0, 3.0), random.within(-100.0, 100.0)),
            1 => {
                let x = random.within(-20.0, 20.0).exp2();
                (x, random.within(-104.0, 90.0) / x.ln())
            }
            2 => (random.within(-3.0, 3.0), random.within(-3.0, 3.0)),
            _ => {
                let bits = random.bits();
                (f64::from(f32::from_bits(bits as u32)), f64::from(f32::from_bits((bits >> 32) as u32)))
            }
        };
        check(x as f32, y as f32);
    }
    worst.check(op.name(), DType::F32);
}

#[test]
fn pairs_f32() {
    check_pairs_f32(BinaryOp::Power, libm::pow);
    check_pairs_f32(BinaryOp::Atan2, libm::atan2);
    check_pairs_f32(BinaryOp::Remainder, |x, y| x % y);
}

/// The precision of the oracle for f64.
const PRECISION: usize = 192;
const ROUNDING: RoundingMode = RoundingMode::ToEven;

/// A finite f64; a subnormal one by way of a normal one, since the library takes normal ones only.
fn exactly(x: f64) -> BigFloat {
    if x == 0.0 || x.is_normal() {
        return BigFloat::from_f64(x, PRECISION);
    }
    let mut number = BigFloat::from_f64(x * 2_f64.powi(100), PRECISION);
    let exponent = number.exponent().expect("the number is finite");
    number.set_exponent(exponent - 100);
    number
}

/// Whether `|x| < bound`.
fn is_below(x: &BigFloat, bound: f64) -> bool {
    x.abs().cmp(&exactly(bound)).is_some_and(|order| order < 0)
}

/// What the oracle needs: numbers of 192 bits, and constants that it keeps.
struct Oracle(Consts);

impl Oracle {
    fn new() -> Self {
        Oracle(Consts::new().expect("the constants fit the memory"))
    }

    fn exp(&mut self, x: &BigFloat) -> BigFloat {
        x.exp(PRECISION, ROUNDING, &mut self.0)
    }

    /// `eˣ − 1`; near zero three terms of the series.
    fn exp_minus_one(&mut self, x: &BigFloat) -> BigFloat {
        if is_below(x, 2_f64.powi(-40)) {
            let half_square = times(&times(x, x), &exactly(0.5));
            let sixth_cube = over(&times(&times(x, x), x), &exactly(6.0));
            return plus(&plus(x, &half_square), &sixth_cube);
        }
        plus(&self.exp(x), &exactly(-1.0))
    }

    /// `log(1 + x)`; near zero three terms of the series.
    fn log_plus_one(&mut self, x: &BigFloat) -> BigFloat {
        if is_below(x, 2_f64.powi(-40)) {
            let half_square = times(&times(x, x), &exactly(-0.5));
            let third_cube = over(&times(&times(x, x), x), &exactly(3.0));
            return plus(&plus(x, &half_square), &third_cube);
        }
        plus(x, &exactly(1.0)).ln(PRECISION, ROUNDING, &mut self.0)
    }

    fn logistic(&mut self, x: &BigFloat) -> BigFloat {
        over(&exactly(1.0), &plus(&self.exp(&x.neg()), &exactly(1.0)))
    }

    fn tanh(&mut self, x: &BigFloat) -> BigFloat {
        if !is_below(x, 60.0) {
            return x.signum();
        }
        let numerator = self.exp_minus_one(&times(x, &exactly(2.0)));
        over(&numerator, &plus(&numerator, &exactly(2.0)))
    }

    /// `2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n + 1))`, whose terms have one sign.
    fn erf(&mut self, x: &BigFloat) -> BigFloat {
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

    fn pi(&mut self) -> BigFloat {
        self.0.pi(PRECISION, ROUNDING)
    }

    fn atan2(&mut self, y: f64, x: f64) -> BigFloat {
        let angle = over(&exactly(y.abs()), &exactly(x.abs())).atan(PRECISION, ROUNDING, &mut self.0);
        let angle = if x.is_sign_negative() { plus(&self.pi(), &angle.neg()) } else { angle };
        if y.is_sign_negative() { angle.neg() } else { angle }
    }

    fn power(&mut self, x: f64, y: f64) -> BigFloat {
        let logarithm = exactly(x).ln(PRECISION, ROUNDING, &mut self.0);
        self.exp(&times(&logarithm, &exactly(y)))
    }
}

fn plus(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.add(y, PRECISION, ROUNDING)
}

fn times(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.mul(y, PRECISION, ROUNDING)
}

fn over(x: &BigFloat, y: &BigFloat) -> BigFloat {
    x.div(y, PRECISION, ROUNDING)
}

/// The error of a finite f64 result in units in the last place of a finite exact one.
fn error_f64(actual: f64, exact: &BigFloat) -> f64 {
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
fn leading_f64(x: &BigFloat, exponent: i32) -> f64 {
    if x.is_zero() {
        return 0.0;
    }
    let (words, _, _, own, _) = x.as_raw_parts().expect("the number is finite");
    let leading = *words.last().expect("a number has words") as f64 * 2_f64.powi(-64);
    leading * f64::from(own - exponent).exp2()
}

const SPECIAL_F64: [f64; 24] = [
    0.0,
    1.0,
    0.5,
    1.5,
    2.0,
    3.0,
    10.0,
    709.78,
    710.5,
    745.1,
    746.5,
    1_073_741_824.0,
    1_073_741_824.5,
    4_503_599_627_370_495.5,
    9_007_199_254_740_993.0,
    1e300,
    f64::MAX,
    f64::INFINITY,
    f64::NAN,
    f64::MIN_POSITIVE,
    1e-310,
    5e-324,
    f64::EPSILON,
    0.999_999_999_999_999_9,
];

fn special_f64() -> impl Iterator<Item = f64> {
    SPECIAL_F64.into_iter().flat_map(|x| [x, -x])
}

/// Whether two results are alike: both NaN, or equal with the same sign, or near each other.
fn is_alike(actual: f64, expected: f64) -> bool {
    if expected.is_nan() || actual.is_nan() {
        return expected.is_nan() && actual.is_nan();
    }
    let near = actual == expected || (actual - expected).abs() <= expected.abs() * 1e-14 + 1e-322;
    near && actual.is_sign_negative() == expected.is_sign_negative()
}

/// Special arguments against `libm`, and seeded ones, which it maps to finite results other than zero, against the oracle.
#[track_caller]
fn check_f64(
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

#[test]
fn exponentials_f64() {
    check_f64(UnaryOp::Exponential, (-746.0, 710.0), libm::exp, Oracle::exp);
    check_f64(UnaryOp::Exponential, (-2.0, 2.0), libm::exp, Oracle::exp);
    check_f64(UnaryOp::ExponentialMinusOne, (-40.0, 710.0), libm::expm1, Oracle::exp_minus_one);
    check_f64(UnaryOp::ExponentialMinusOne, (-2.0, 2.0), libm::expm1, Oracle::exp_minus_one);
}

#[test]
fn logarithms_f64() {
    let log = |oracle: &mut Oracle, x: &BigFloat| x.ln(PRECISION, ROUNDING, &mut oracle.0);
    check_f64(UnaryOp::Log, (0.0, 4.0), libm::log, log);
    check_f64(UnaryOp::Log, (0.0, 1e300), libm::log, log);
    check_f64(UnaryOp::LogPlusOne, (-1.0, 4.0), libm::log1p, Oracle::log_plus_one);
    check_f64(UnaryOp::LogPlusOne, (0.0, 1e300), libm::log1p, Oracle::log_plus_one);
}

#[test]
fn hyperbolic_functions_f64() {
    check_f64(UnaryOp::Tanh, (-20.0, 20.0), libm::tanh, Oracle::tanh);
    check_f64(UnaryOp::Tanh, (-1.0, 1.0), libm::tanh, Oracle::tanh);
    check_f64(UnaryOp::Logistic, (-750.0, 40.0), logistic_f64, Oracle::logistic);
    check_f64(UnaryOp::Logistic, (-2.0, 2.0), logistic_f64, Oracle::logistic);
}

/// The form that does not overflow before the result is subnormal.
fn logistic_f64(x: f64) -> f64 {
    if x < -40.0 { libm::exp(x) } else { logistic_oracle(x) }
}

#[test]
fn trigonometric_functions_f64() {
    let sine = |oracle: &mut Oracle, x: &BigFloat| x.sin(PRECISION, ROUNDING, &mut oracle.0);
    let cosine = |oracle: &mut Oracle, x: &BigFloat| x.cos(PRECISION, ROUNDING, &mut oracle.0);
    let tan = |oracle: &mut Oracle, x: &BigFloat| x.tan(PRECISION, ROUNDING, &mut oracle.0);
    // The second range straddles the bound of the fast reduction.
    for range in [(-10.0, 10.0), (-1.2e9, 1.2e9)] {
        check_f64(UnaryOp::Sine, range, libm::sin, sine);
        check_f64(UnaryOp::Cosine, range, libm::cos, cosine);
        check_f64(UnaryOp::Tan, range, libm::tan, tan);
    }
}

/// Doubles that lie as near to a multiple of π/2 as doubles of their magnitude do.
#[test]
fn near_multiples_of_a_quarter_turn_f64() {
    let mut oracle = Oracle::new();
    let half_pi = over(&oracle.pi(), &exactly(2.0));
    let mut functions = [UnaryOp::Sine, UnaryOp::Cosine, UnaryOp::Tan].map(|op| (op, Function::unary(op, DType::F64)));
    let mut random = Random(3);
    for _ in 0..2_000 {
        let multiple = random.within(0.0, 29.0).exp2().round();
        let x = multiple * std::f64::consts::FRAC_PI_2;
        let exact = exactly(x);
        for (op, function) in &mut functions {
            let expected = match op {
                UnaryOp::Sine => exact.sin(PRECISION, ROUNDING, &mut oracle.0),
                UnaryOp::Cosine => exact.cos(PRECISION, ROUNDING, &mut oracle.0),
                _ => exact.tan(PRECISION, ROUNDING, &mut oracle.0),
            };
            let error = error_f64(function.f64([x]), &expected);
            let bound = math::error_bound(op.name(), DType::F64);
            assert!(error <= bound, "{} of {x:e}: {error} ulp", op.name());
        }
        let distance = exact.sub(&times(&half_pi, &exactly(multiple)), PRECISION, ROUNDING);
        assert!(is_below(&distance, 1e-6), "{x:e} is not near a multiple of a quarter turn");
    }
}

#[test]
fn error_function_and_roots_f64() {
    check_f64(UnaryOp::Erf, (-6.0, 6.0), libm::erf, Oracle::erf);
    check_f64(UnaryOp::Erf, (-1.0, 1.0), libm::erf, Oracle::erf);
    check_f64(UnaryOp::Cbrt, (-100.0, 100.0), libm::cbrt, |_, x| x.cbrt(PRECISION, ROUNDING));
    let rsqrt = |_: &mut Oracle, x: &BigFloat| over(&exactly(1.0), &x.sqrt(PRECISION, ROUNDING));
    check_f64(UnaryOp::Rsqrt, (0.0, 1e300), |x| 1.0 / x.sqrt(), rsqrt);
    check_f64(UnaryOp::Rsqrt, (0.0, 4.0), |x| 1.0 / x.sqrt(), rsqrt);
}

#[track_caller]
fn check_exact_f64(op: UnaryOp, oracle: fn(f64) -> f64) {
    let mut function = Function::unary(op, DType::F64);
    let mut random = Random(4);
    let seeded = (0..20_000).map(|turn| random.number(turn, -9e15, 9e15));
    for x in special_f64().chain(seeded) {
        let (actual, expected) = (function.f64([x]), oracle(x));
        let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
        assert!(equal, "{} of {x:e}: {actual:e}, not {expected:e}", op.name());
    }
}

#[test]
fn rounding_functions_f64() {
    check_exact_f64(UnaryOp::Abs, f64::abs);
    check_exact_f64(UnaryOp::Ceil, f64::ceil);
    check_exact_f64(UnaryOp::Floor, f64::floor);
    check_exact_f64(UnaryOp::Negate, |x| -x);
    check_exact_f64(UnaryOp::RoundNearestAfz, f64::round);
    check_exact_f64(UnaryOp::RoundNearestEven, f64::round_ties_even);
    check_exact_f64(UnaryOp::Sign, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() });
    check_exact_f64(UnaryOp::Sqrt, f64::sqrt);
}

#[track_caller]
fn check_pairs_f64(
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

#[test]
fn powers_f64() {
    let arguments = |random: &mut Random, turn: usize| match turn % 3 {
        0 => (random.within(0.0, 3.0), random.within(-300.0, 300.0)),
        1 => {
            let x = random.within(-1000.0, 1000.0).exp2();
            (x, random.within(-745.0, 709.0) / x.ln())
        }
        _ => {
            let x = 1.0 + random.within(-0.3, 0.3) * random.within(-40.0, 0.0).exp2();
            (x, random.within(-745.0, 709.0) / x.ln())
        }
    };
    check_pairs_f64(BinaryOp::Power, libm::pow, arguments, Oracle::power);
}

#[test]
fn angles_f64() {
    let arguments = |random: &mut Random, turn: usize| match turn % 2 {
        0 => (random.within(-3.0, 3.0), random.within(-3.0, 3.0)),
        _ => (random.number(turn / 2, -1.0, 1.0), random.number(turn / 8, -1.0, 1.0)),
    };
    check_pairs_f64(BinaryOp::Atan2, libm::atan2, arguments, Oracle::atan2);
}

#[test]
fn remainders_are_exact() {
    let mut function = Function::binary(BinaryOp::Remainder, DType::F64);
    let mut check = |x: f64, y: f64| {
        let (actual, expected) = (function.f64([x, y]), x % y);
        let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
        assert!(equal, "{x:e} % {y:e}: {actual:e}, not {expected:e}");
    };
    for x in special_f64() {
        special_f64().for_each(|y| check(x, y));
    }
    let mut random = Random(6);
    for turn in 0..100_000 {
        let y = random.number(turn, -10.0, 10.0);
        check(random.number(turn / 4, -1e4, 1e4), y);
        // Multiples and their neighbours, where the quotient rounds to an integer.
        let multiple = random.within(0.0, 21.0).exp2().round() * y;
        check(multiple, y);
        check(multiple.next_up(), y);
        check(multiple.next_down(), y);
    }
}

#[test]
fn finiteness() {
    let mut function = Function::unary(UnaryOp::IsFinite, DType::F32);
    for x in special_f32() {
        assert_eq!(function.bits(&[u64::from(x.to_bits())]) != 0, x.is_finite(), "{x}");
    }
}

/// Each op that takes a float is exact, or has a bound for both dtypes; and nothing else has one.
#[test]
fn the_bounds_are_complete() {
    let exact = "abs add ceil divide floor is_finite maximum minimum multiply negate remainder round_nearest_afz \
                 round_nearest_even sign sqrt subtract";
    let exact: BTreeSet<&str> = exact.split_whitespace().collect();
    for dtype in [DType::F32, DType::F64] {
        let unary = UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)).map(UnaryOp::name);
        let binary = BinaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)).map(BinaryOp::name);
        let inexact: BTreeSet<&str> = unary.chain(binary).filter(|name| !exact.contains(name)).collect();
        let bounded = math::BOUNDS.iter().filter(|bound| bound.1 == dtype).map(|bound| bound.0);
        assert_eq!(bounded.collect::<BTreeSet<_>>(), inexact);
    }
}

/// The value of the bits of an integer dtype.
fn integer(dtype: DType, bits: u64) -> i128 {
    let unused = 64 - dtype.bits();
    if dtype.is_signed() { i128::from(((bits << unused) as i64) >> unused) } else { i128::from(bits) }
}

/// The bits of an integer modulo the width of a dtype.
fn wrap(dtype: DType, value: i128) -> u64 {
    value as u64 & (u64::MAX >> (64 - dtype.bits()))
}

/// What the op set's documentation says of integers.
fn integer_oracle(op: BinaryOp, dtype: DType, x: i128, y: i128) -> i128 {
    let width = dtype.bits() as i128;
    let in_range = (0..width).contains(&y);
    let unsigned = x as u128 & (u128::MAX >> (128 - width));
    let signed = (x << (128 - width)) >> (128 - width);
    match op {
        BinaryOp::Add => x + y,
        BinaryOp::And => x & y,
        BinaryOp::Divide => {
            if y == 0 {
                -1
            } else {
                x / y
            }
        }
        BinaryOp::Maximum => x.max(y),
        BinaryOp::Minimum => x.min(y),
        BinaryOp::Multiply => x.wrapping_mul(y),
        BinaryOp::Or => x | y,
        BinaryOp::Power => {
            if y >= 0 {
                (0..y).fold(1, |power: i128, _| integer(dtype, wrap(dtype, power.wrapping_mul(x))))
            } else {
                match x {
                    0 => -1,
                    1 => 1,
                    -1 => {
                        if y % 2 == 0 {
                            1
                        } else {
                            -1
                        }
                    }
                    _ => 0,
                }
            }
        }
        BinaryOp::Remainder => {
            if y == 0 {
                x
            } else {
                x % y
            }
        }
        BinaryOp::ShiftLeft => {
            if in_range {
                x << y
            } else {
                0
            }
        }
        BinaryOp::ShiftRightArithmetic => signed >> if in_range { y } else { 127 },
        BinaryOp::ShiftRightLogical => {
            if in_range {
                (unsigned >> y) as i128
            } else {
                0
            }
        }
        BinaryOp::Subtract => x - y,
        BinaryOp::Xor => x ^ y,
        BinaryOp::Atan2 => panic!("no op of integers"),
    }
}

const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];

/// All values of 8 bits; of wider dtypes those near the ends, near zero, and a few others.
fn integer_values(dtype: DType) -> Vec<u64> {
    if dtype.bits() == 8 {
        return (0..256).collect();
    }
    let ends = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 65, 100];
    let signs = ends.into_iter().flat_map(|value| [value, -value, (1 << (dtype.bits() - 1)) + value]);
    signs.chain([0x1234_5678_9abc_def1]).map(|value| wrap(dtype, value)).collect()
}

#[test]
fn binary_ops_of_integers() {
    for dtype in INTEGERS {
        let values = integer_values(dtype);
        for op in BinaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
            let mut function = Function::binary(op, dtype);
            for &x in &values {
                for &y in &values {
                    let (left, right) = (integer(dtype, x), integer(dtype, y));
                    if op == BinaryOp::Power && right > 300 {
                        continue;
                    }
                    let actual = function.bits(&[x, y]);
                    let expected = wrap(dtype, integer_oracle(op, dtype, left, right));
                    assert_eq!(actual, expected, "{} {dtype} of {left}, {right}", op.name());
                }
            }
        }
    }
}

#[test]
fn constant_exponents_of_integers() {
    for dtype in INTEGERS {
        for exponent in [0_u64, 1, 2, 3, 5, 10, 31, 64, 65] {
            let mut function = Function::new(&[dtype], |body, arguments| {
                let exponent = body.integer(exponent as i64, dtype);
                math::expand_binary(body, BinaryOp::Power, arguments[0], exponent)
            });
            for x in integer_values(dtype) {
                let left = integer(dtype, x);
                let expected = integer_oracle(BinaryOp::Power, dtype, left, i128::from(exponent));
                assert_eq!(function.bits(&[x]), wrap(dtype, expected), "{left} to the power of {exponent}");
            }
        }
    }
}

#[test]
fn unary_ops_of_integers() {
    for dtype in INTEGERS {
        for op in UnaryOp::ALL.into_iter().filter(|op| op.accepts(dtype)) {
            let mut function = Function::unary(op, dtype);
            for x in integer_values(dtype) {
                let value = integer(dtype, x);
                let expected = match op {
                    UnaryOp::Abs => value.abs(),
                    UnaryOp::CountLeadingZeros => i128::from(x.leading_zeros()) - 64 + dtype.bits() as i128,
                    UnaryOp::Negate => -value,
                    UnaryOp::Not => !value,
                    UnaryOp::Popcnt => i128::from(x.count_ones()),
                    UnaryOp::Sign => value.signum(),
                    other => panic!("{} of integers", other.name()),
                };
                assert_eq!(function.bits(&[x]), wrap(dtype, expected), "{} {dtype} of {value}", op.name());
            }
        }
    }
}

#[test]
fn ops_of_bool() {
    for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
        let bits = [u64::from(x), u64::from(y)];
        for op in BinaryOp::ALL.into_iter().filter(|op| op.accepts(DType::Bool)) {
            let expected = match op {
                BinaryOp::Add | BinaryOp::Maximum | BinaryOp::Or => x | y,
                BinaryOp::And | BinaryOp::Minimum | BinaryOp::Multiply => x & y,
                BinaryOp::Xor => x ^ y,
                other => panic!("{} of bool", other.name()),
            };
            assert_eq!(Function::binary(op, DType::Bool).bits(&bits), u64::from(expected), "{} {x} {y}", op.name());
        }
        assert_eq!(Function::unary(UnaryOp::Not, DType::Bool).bits(&bits[..1]), u64::from(!x));
        for comparison in Comparison::ALL {
            let mut function =
                Function::new(&[DType::Bool; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
            assert_eq!(function.bits(&bits), u64::from(compare(comparison, x, y)), "{x} {} {y}", comparison.name());
        }
    }
}

fn compare<T: PartialOrd>(comparison: Comparison, x: T, y: T) -> bool {
    match comparison {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Ge => x >= y,
        Comparison::Gt => x > y,
        Comparison::Le => x <= y,
        Comparison::Lt => x < y,
    }
}

#[test]
fn comparisons() {
    for comparison in Comparison::ALL {
        for dtype in INTEGERS {
            let mut function =
                Function::new(&[dtype; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
            let values = integer_values(dtype);
            for (&x, &y) in values.iter().flat_map(|x| values.iter().map(move |y| (x, y))) {
                let expected = compare(comparison, integer(dtype, x), integer(dtype, y));
                assert_eq!(function.bits(&[x, y]) != 0, expected, "{dtype} {x} {} {y}", comparison.name());
            }
        }
        let mut function =
            Function::new(&[DType::F64; 2], |body, xs| math::expand_compare(body, comparison, xs[0], xs[1]));
        for (x, y) in special_f64().flat_map(|x| special_f64().map(move |y| (x, y))) {
            let actual = function.bits(&[x.to_bits(), y.to_bits()]) != 0;
            assert_eq!(actual, compare(comparison, x, y), "{x} {} {y}", comparison.name());
        }
    }
}

/// The conversions of numbers, as `as` of Rust has them, and of `bool`.
#[test]
fn conversions() {
    macro_rules! check_conversions {
        ($from:ident $from_dtype:ident, $values:expr; $($to:ident $to_dtype:ident),*) => {$(
            let mut function = Function::new(&[DType::$from_dtype], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::$to_dtype)
            });
            for x in $values {
                let bits = x.to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                let expected = (x as $to).to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                let actual = function.bits(&[bits]);
                let both_nan = DType::$to_dtype.is_float() && x != x;
                assert!(actual == expected || both_nan, "{x:?} to {}: {actual:x}", DType::$to_dtype);
            }
        )*};
    }
    macro_rules! check_all {
        ($($from:ident $from_dtype:ident, $values:expr);*) => {$(
            check_conversions!($from $from_dtype, $values; f32 F32, f64 F64, i8 I8, i16 I16, i32 I32, i64 I64, u8 U8,
                u16 U16, u32 U32, u64 U64);
            let mut to_bool = Function::new(&[DType::$from_dtype], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::Bool)
            });
            for x in $values {
                let bits = x.to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
                assert_eq!(to_bool.bits(&[bits]), u64::from(x != (0 as $from)), "{x:?} to bool");
            }
            let mut from_bool = Function::new(&[DType::Bool], |body, arguments| {
                math::expand_convert(body, arguments[0], DType::$from_dtype)
            });
            assert_eq!(from_bool.bits(&[0]), 0);
            let one = (1 as $from).to_le_bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
            assert_eq!(from_bool.bits(&[1]), one);
        )*};
    }
    check_all!(
        f32 F32, special_f32().chain([1.99, 127.5, -128.5, 255.9, 32_767.9, 65_535.5, 1e10, 9.3e18, 1.9e19]);
        f64 F64, special_f64().chain([1.99, 127.5, -128.5, 255.9, 2_147_483_647.5, 1e10, 9.3e18, 1.9e19, 1e39, 1e-46]);
        i8 I8, integer_values(DType::I8).into_iter().map(|x| x as i8);
        i16 I16, integer_values(DType::I16).into_iter().map(|x| x as i16);
        i32 I32, integer_values(DType::I32).into_iter().map(|x| x as i32);
        i64 I64, integer_values(DType::I64).into_iter().map(|x| x as i64);
        u8 U8, integer_values(DType::U8).into_iter().map(|x| x as u8);
        u16 U16, integer_values(DType::U16).into_iter().map(|x| x as u16);
        u32 U32, integer_values(DType::U32).into_iter().map(|x| x as u32);
        u64 U64, integer_values(DType::U64)
    );
}

#[test]
fn clamps() {
    let mut function = Function::new(&[DType::F64; 3], |body, xs| math::clamp(body, xs[0], xs[1], xs[2]));
    #[track_caller]
    fn check(function: &mut Function, arguments: [f64; 3], expected: f64) {
        let actual = function.f64(arguments);
        let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
        assert!(equal, "{arguments:?}: {actual}, not {expected}");
    }
    check(&mut function, [-1.0, 0.5, 1.0], 0.5);
    check(&mut function, [-1.0, -2.0, 1.0], -1.0);
    check(&mut function, [-1.0, 2.0, 1.0], 1.0);
    check(&mut function, [0.0, -0.0, 1.0], 0.0);
    check(&mut function, [2.0, 0.0, 1.0], 1.0);
    for place in 0..3 {
        let mut arguments = [-1.0, 0.0, 1.0];
        arguments[place] = f64::NAN;
        check(&mut function, arguments, f64::NAN);
    }
    let mut function = Function::new(&[DType::Bool; 3], |body, xs| math::clamp(body, xs[0], xs[1], xs[2]));
    assert_eq!(function.bits(&[1, 0, 1]), 1);
    assert_eq!(function.bits(&[0, 1, 0]), 0);
}

#[test]
fn extremes_of_floats() {
    for dtype in [DType::F32, DType::F64] {
        for (x, y) in special_f64().flat_map(|x| special_f64().map(move |y| (x, y))) {
            let (x, y) = if dtype == DType::F32 { (f64::from(x as f32), f64::from(y as f32)) } else { (x, y) };
            // The order of the total order, but that NaN wins.
            let smaller = if x.total_cmp(&y).is_lt() { x } else { y };
            let larger = if x.total_cmp(&y).is_lt() { y } else { x };
            for (op, expected) in [(BinaryOp::Minimum, smaller), (BinaryOp::Maximum, larger)] {
                let expected = if x.is_nan() || y.is_nan() { f64::NAN } else { expected };
                let mut function = Function::binary(op, dtype);
                let actual = match dtype {
                    DType::F32 => f64::from(function.f32([x as f32, y as f32])),
                    _ => function.f64([x, y]),
                };
                let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
                assert!(equal, "{} of {x}, {y}: {actual}", op.name());
            }
        }
    }
}

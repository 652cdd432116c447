//! Bodies of single functions, errors in units in the last place, and arguments.

use tancho_codegen::kernel::body::{Body, Instruction, Scalar};
use tancho_codegen::kernel::evaluate::{Point, evaluate_into};
use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::DType;

/// A body of one result, whose loads are its arguments.
pub struct Function {
    pub body: Body,
    result: Scalar,
    values: Vec<u64>,
}

impl Function {
    pub fn new(dtypes: &[DType], expand: impl FnOnce(&mut Body, &[Scalar]) -> Scalar) -> Self {
        let mut body = Body::new();
        let load = |(access, &dtype): (usize, &DType)| body.push(Instruction::Load(access as u32), dtype);
        let arguments: Vec<Scalar> = dtypes.iter().enumerate().map(load).collect();
        let result = expand(&mut body, &arguments);
        Function { body, result, values: Vec::new() }
    }

    pub fn unary(op: UnaryOp, dtype: DType) -> Self {
        Function::new(&[dtype], |body, arguments| math::expand_unary(body, op, arguments[0]))
    }

    pub fn binary(op: BinaryOp, dtype: DType) -> Self {
        Function::new(&[dtype; 2], |body, arguments| math::expand_binary(body, op, arguments[0], arguments[1]))
    }

    pub fn bits(&mut self, loads: &[u64]) -> u64 {
        evaluate_into(&self.body, &Point { loads, ..Point::default() }, &mut self.values);
        self.values[self.result.index()]
    }

    pub fn f32<const N: usize>(&mut self, arguments: [f32; N]) -> f32 {
        f32::from_bits(self.bits(&arguments.map(|x| u64::from(x.to_bits()))) as u32)
    }

    pub fn f64<const N: usize>(&mut self, arguments: [f64; N]) -> f64 {
        f64::from_bits(self.bits(&arguments.map(f64::to_bits)))
    }
}

pub fn is_sweep() -> bool {
    std::env::var_os("TANCHO_SWEEP").is_some()
}

/// The largest error so far and where it was.
#[derive(Default)]
pub struct Worst {
    error: f64,
    place: String,
}

impl Worst {
    pub fn take(&mut self, error: f64, place: impl FnOnce() -> String) {
        if error > self.error {
            *self = Worst { error, place: place() };
        }
    }

    #[track_caller]
    pub fn check(&self, name: &str, dtype: DType) {
        let bound = math::error_bound(name, dtype);
        println!("{name} {dtype}: {:.3} ulp at {} (bound {bound})", self.error, self.place);
        assert!(self.error <= bound, "{name} {dtype}: {:.3} ulp at {} (bound {bound})", self.error, self.place);
    }
}

/// A large error where the kinds of the results (NaN, infinite, zero, their signs) differ.
pub const WRONG_KIND: f64 = 1e9;

/// The error of an f32 result in units in the last place.
pub fn error_f32(actual: f32, exact: f64) -> f64 {
    error_f32_beside(actual, exact, 0.0)
}

/// The same in units of the larger of the result and a scale, near which a zero has no accurate digits.
pub fn error_f32_beside(actual: f32, exact: f64, scale: f64) -> f64 {
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
    let exponent = libm::ilogb(exact.abs().max(scale)).clamp(-126, 127);
    (f64::from(actual) - exact).abs() / 2_f64.powi(exponent - 23)
}

pub const SPECIAL_F32: [f32; 29] = [
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

pub fn special_f32() -> impl Iterator<Item = f32> {
    SPECIAL_F32.into_iter().flat_map(|x| [x, -x])
}

#[track_caller]
pub fn check_f32(op: UnaryOp, oracle: fn(f64) -> f64) {
    check_f32_beside(op, oracle, |_| 0.0);
}

/// The same with a scale for each argument (see [`error_f32_beside`]).
#[track_caller]
pub fn check_f32_beside(op: UnaryOp, oracle: fn(f64) -> f64, scale: fn(f64) -> f64) {
    let mut function = Function::unary(op, DType::F32);
    let mut worst = Worst::default();
    let step = if is_sweep() { 1 } else { 4099 };
    let swept = (0..=u32::MAX).step_by(step).map(f32::from_bits);
    for x in special_f32().chain(swept) {
        let actual = function.f32([x]);
        let exact = oracle(f64::from(x));
        let error = error_f32_beside(actual, exact, scale(f64::from(x)));
        worst.take(error, || format!("{x:e}: {actual:e}, not {exact:e}"));
    }
    worst.check(op.name(), DType::F32);
}

/// A seeded generator (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 * 2_f64.powi(-53))
    }

    /// In turn: a number of a range, one of any magnitude below that of the range, and any bits.
    pub fn number(&mut self, turn: usize, low: f64, high: f64) -> f64 {
        match turn % 4 {
            0 | 1 => self.within(low, high),
            2 => self.within(low, high) * self.within(-70.0, 0.0).exp2(),
            _ => f64::from_bits(self.bits()),
        }
    }
}

#[track_caller]
pub fn check_pairs_f32(op: BinaryOp, oracle: fn(f64, f64) -> f64) {
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

pub const SPECIAL_F64: [f64; 24] = [
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

pub fn special_f64() -> impl Iterator<Item = f64> {
    SPECIAL_F64.into_iter().flat_map(|x| [x, -x])
}

/// Whether two results are alike: both NaN, or equal with the same sign, or near each other.
pub fn is_alike(actual: f64, expected: f64) -> bool {
    if expected.is_nan() || actual.is_nan() {
        return expected.is_nan() && actual.is_nan();
    }
    let near = actual == expected || (actual - expected).abs() <= expected.abs() * 1e-14 + 1e-322;
    near && actual.is_sign_negative() == expected.is_sign_negative()
}

#[track_caller]
pub fn check_exact_f64(op: UnaryOp, oracle: fn(f64) -> f64) {
    let mut function = Function::unary(op, DType::F64);
    let mut random = Random(4);
    let seeded = (0..20_000).map(|turn| random.number(turn, -9e15, 9e15));
    for x in special_f64().chain(seeded) {
        let (actual, expected) = (function.f64([x]), oracle(x));
        let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
        assert!(equal, "{} of {x:e}: {actual:e}, not {expected:e}", op.name());
    }
}

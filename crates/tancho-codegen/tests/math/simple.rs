//! What is exact: rounding, remainders, extremes, bounds, neighbours.

use tancho_codegen::math;
use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::DType;

use crate::harness::{Function, Random, check_exact_f64, check_f32, check_pairs_f32, special_f32, special_f64};

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

#[test]
fn remainders_f32() {
    check_pairs_f32(BinaryOp::Remainder, |x, y| x % y);
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

/// Every neighbour against those of the standard library.
#[test]
fn neighbours() {
    let mut single = Function::binary(BinaryOp::NextAfter, DType::F32);
    for x in special_f32() {
        for y in special_f32() {
            let expected = match x.partial_cmp(&y) {
                None => f32::NAN,
                Some(std::cmp::Ordering::Equal) => y,
                Some(std::cmp::Ordering::Less) => x.next_up(),
                Some(std::cmp::Ordering::Greater) => x.next_down(),
            };
            let actual = single.f32([x, y]);
            let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
            assert!(equal, "{x:e} towards {y:e}: {actual:e}, not {expected:e}");
        }
    }
    let mut double = Function::binary(BinaryOp::NextAfter, DType::F64);
    for x in special_f64() {
        for y in special_f64() {
            let expected = match x.partial_cmp(&y) {
                None => f64::NAN,
                Some(std::cmp::Ordering::Equal) => y,
                Some(std::cmp::Ordering::Less) => x.next_up(),
                Some(std::cmp::Ordering::Greater) => x.next_down(),
            };
            let actual = double.f64([x, y]);
            let equal = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
            assert!(equal, "{x:e} towards {y:e}: {actual:e}, not {expected:e}");
        }
    }
}

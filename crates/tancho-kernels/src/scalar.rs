//! Scalar functions that compiled kernels call for one lane at a time, in cases that no straight-line code computes.
//!
//! Each takes two arguments of one type and gives a value of that type, in the C calling convention, so that all calls are
//! alike; a function of one argument ignores the second. They are pure Rust, so that results are the same on every system.
//! None of them panics.

/// `x − trunc(x / y)·y`, exactly, with the sign of `x`; NaN if `x` is infinite or `y` is zero.
pub extern "C" fn remainder_f32(x: f32, y: f32) -> f32 {
    libm::fmodf(x, y)
}

/// `x − trunc(x / y)·y`, exactly, with the sign of `x`; NaN if `x` is infinite or `y` is zero.
pub extern "C" fn remainder_f64(x: f64, y: f64) -> f64 {
    libm::fmod(x, y)
}

/// `baseᵉˣᵖᵒⁿᵉⁿᵗ` modulo 2⁶⁴. A negative exponent gives the truncated quotient `1 / base⁻ᵉˣᵖᵒⁿᵉⁿᵗ`: ±1 for a base of ±1, −1
/// for a base of 0 (as `1 / 0`), and 0 for every other base.
pub extern "C" fn power_i64(base: i64, exponent: i64) -> i64 {
    if exponent >= 0 {
        return power_u64(base as u64, exponent as u64) as i64;
    }
    match base {
        1 => 1,
        -1 if exponent & 1 == 0 => 1,
        -1 | 0 => -1,
        _ => 0,
    }
}

/// `baseᵉˣᵖᵒⁿᵉⁿᵗ` modulo 2⁶⁴, by squaring.
pub extern "C" fn power_u64(base: u64, exponent: u64) -> u64 {
    let (mut square, mut remaining, mut power) = (base, exponent, 1u64);
    while remaining != 0 {
        if remaining & 1 == 1 {
            power = power.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        remaining >>= 1;
    }
    power
}

/// The sine of any argument, in radians. The second argument is ignored, here and below.
pub extern "C" fn sine_f64(x: f64, _: f64) -> f64 {
    libm::sin(x)
}

/// The cosine of any argument, in radians.
pub extern "C" fn cosine_f64(x: f64, _: f64) -> f64 {
    libm::cos(x)
}

/// The tangent of any argument, in radians.
pub extern "C" fn tan_f64(x: f64, _: f64) -> f64 {
    libm::tan(x)
}

/// The sine of any argument, in radians.
pub extern "C" fn sine_f32(x: f32, _: f32) -> f32 {
    libm::sinf(x)
}

/// The cosine of any argument, in radians.
pub extern "C" fn cosine_f32(x: f32, _: f32) -> f32 {
    libm::cosf(x)
}

/// The tangent of any argument, in radians.
pub extern "C" fn tan_f32(x: f32, _: f32) -> f32 {
    libm::tanf(x)
}

/// Copies bytes between places that do not overlap.
///
/// # Safety
/// `from` is readable and `to` writable for so many bytes, and they do not overlap.
#[allow(unsafe_code)]
pub unsafe extern "C" fn copy_bytes(to: *mut u8, from: *const u8, bytes: usize) {
    // SAFETY: as the caller vouches for.
    unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_power(base: i64, exponent: i64, expected: i64) {
        assert_eq!(power_i64(base, exponent), expected, "{base} to the power of {exponent}");
    }

    #[test]
    fn integer_powers() {
        check_power(3, 4, 81);
        check_power(-3, 3, -27);
        check_power(0, 0, 1);
        check_power(2, 63, i64::MIN);
        check_power(2, 64, 0);
        check_power(1, -7, 1);
        check_power(-1, -7, -1);
        check_power(-1, -8, 1);
        check_power(0, -1, -1);
        check_power(5, -1, 0);
        check_power(i64::MIN, i64::MIN, 0);
        assert_eq!(power_u64(u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(power_u64(3, 40), 12_157_665_459_056_928_801);
    }

    #[test]
    fn remainders_have_the_sign_of_the_left() {
        assert_eq!(remainder_f64(-7.5, 2.0), -1.5);
        assert_eq!(remainder_f32(7.5, -2.0), 1.5);
        assert!(remainder_f32(1.0, 0.0).is_nan());
        assert_eq!(remainder_f64(3.0, f64::INFINITY), 3.0);
    }
}

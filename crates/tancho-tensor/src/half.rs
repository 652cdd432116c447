//! The 16-bit floats, and how an `f64` becomes one with one rounding.
//!
//! The conversions from `f64` of the crate `half` round twice on some processors, and lose low bits on others.

pub use half::{bf16, f16};

/// The `f32` that an `f64` is, or the one of its two neighbours whose last bit is 1.
///
/// It rounds to an [`f16`](struct@crate::f16) or a [`bf16`](crate::bf16) as the `f64` does: a middle of two of them is an `f32` whose last bit is 0, and a
/// number that is not one stays on its side.
pub fn round_to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let back = f64::from(nearest);
    if back == x || x.is_nan() {
        return nearest;
    }
    // The bits of a float without its sign are the number of its magnitude.
    let toward_zero = if back.abs() > x.abs() { nearest.to_bits() - 1 } else { nearest.to_bits() };
    f32::from_bits(toward_zero | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(x: f64, expected: f64) {
        assert_eq!(f64::from(bf16::from_f32(round_to_odd(x)).to_f32()), expected);
        assert_eq!(f64::from(bf16::from_f32(round_to_odd(-x)).to_f32()), -expected);
    }

    #[test]
    fn rounds_once() {
        let middle = 1.0 + 2f64.powi(-8);
        check(middle, 1.0);
        check(middle + 2f64.powi(-50), 1.0 + 2f64.powi(-7));
        check(middle - 2f64.powi(-50), 1.0);
        check(middle + 2f64.powi(-7) - 2f64.powi(-50), 1.0 + 2f64.powi(-7));
        check(1e300, f64::INFINITY);
        check(f64::INFINITY, f64::INFINITY);
        check(1e-300, 0.0);
        check(2f64.powi(-134) * 1.000_000_000_1, 2f64.powi(-133));
        check(2f64.powi(-134), 0.0);
        assert!(round_to_odd(f64::NAN).is_nan());
        assert_eq!(f16::from_f32(round_to_odd(65520.0 - 1e-9)), f16::MAX);
    }
}

//! Whether values agree as a check of a self-checking program wants it, in the way of StableHLO's own reference.
//!
//! - `expect_eq`: equal as numbers, so that zeros of either sign are; two NaNs count as equal.
//! - `expect_almost_eq`: finite and at most the tolerance apart, or equal, or both NaN.
//! - `expect_close`: the distance in units in the last place is within limits. Through zero it is the sum of the distances to
//!   zero, so that −0 and +0 are 0 apart; two NaNs are 0 apart, and anything else that is not finite is as far apart as can
//!   be.

use std::fmt;

use tancho_tensor::{Array, DType, Shape, bf16, f16, with_element};

use super::import::CheckKind;

/// Two values that do not agree, by the first element that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// They have not one type.
    Type {
        actual: String,
        expected: String,
    },
    Element {
        index: Vec<usize>,
        actual: String,
        expected: String,
        distance: Option<Distance>,
        wrong: usize,
        of: usize,
    },
}

/// How far apart two elements are, against what is allowed.
#[derive(Clone, Debug, PartialEq)]
pub enum Distance {
    Ulp { found: u64, min: u64, max: u64 },
    Absolute { found: f64, max: f64 },
}

/// Compares a value with what a check expects.
///
/// # Errors
/// They do not agree.
pub fn compare(kind: &CheckKind, actual: &Array, expected: &Array) -> Result<(), Mismatch> {
    match kind {
        CheckKind::Equal => compare_elements(actual, expected, |x, y| (!x.equals(y)).then_some(None)),
        CheckKind::AlmostEqual { tolerance } => compare_elements(actual, expected, |x, y| x.beyond(y, *tolerance, 0.0)),
        CheckKind::Close { max_ulp, min_ulp } => compare_elements(actual, expected, |x, y| {
            let found = x.ulp_distance(y);
            let (min, max) = (*min_ulp, *max_ulp);
            (found < min || found > max).then_some(Some(Distance::Ulp { found, min, max }))
        }),
    }
}

/// Compares within an absolute tolerance plus one that is relative to what is expected; integers must be equal.
///
/// # Errors
/// They do not agree.
pub fn compare_within(actual: &Array, expected: &Array, relative: f64, absolute: f64) -> Result<(), Mismatch> {
    compare_elements(actual, expected, |x, y| x.beyond(y, absolute, relative))
}

/// `differ` gives `None` for elements that agree.
fn compare_elements(
    actual: &Array,
    expected: &Array,
    differ: impl Fn(&Number, &Number) -> Option<Option<Distance>>,
) -> Result<(), Mismatch> {
    if actual.dtype() != expected.dtype() || actual.shape() != expected.shape() {
        let describe = |array: &Array| format!("{}{}", array.dtype(), array.shape());
        return Err(Mismatch::Type { actual: describe(actual), expected: describe(expected) });
    }
    let (found, wanted) = (numbers(actual), numbers(expected));
    let mut differing =
        found.iter().zip(&wanted).enumerate().filter_map(|(place, (x, y))| Some((place, differ(x, y)?)));
    let Some((place, distance)) = differing.next() else { return Ok(()) };
    Err(Mismatch::Element {
        index: index_of(actual.shape(), place),
        actual: element_text(actual, place),
        expected: element_text(expected, place),
        distance,
        wrong: 1 + differing.count(),
        of: actual.len(),
    })
}

/// An element for comparison.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    /// The value, and the bits without the sign, of which a step is one unit in the last place.
    Float {
        value: f64,
        magnitude: u64,
        negative: bool,
    },
}

impl Number {
    fn equals(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Integer(x), Number::Integer(y)) => x == y,
            (Number::Float { value: x, .. }, Number::Float { value: y, .. }) => x == y || (x.is_nan() && y.is_nan()),
            (Number::Integer(_) | Number::Float { .. }, _) => false,
        }
    }

    fn ulp_distance(&self, other: &Number) -> u64 {
        match (*self, *other) {
            (
                Number::Float { value: x, magnitude: a, negative: s },
                Number::Float { value: y, magnitude: b, negative: t },
            ) if x.is_finite() && y.is_finite() => {
                if s == t {
                    a.abs_diff(b)
                } else {
                    a.saturating_add(b)
                }
            }
            (x, y) if x.equals(&y) => 0,
            _ => u64::MAX,
        }
    }

    /// The distance, where it is larger than is allowed.
    fn beyond(&self, expected: &Number, absolute: f64, relative: f64) -> Option<Option<Distance>> {
        if self.equals(expected) {
            return None;
        }
        let (Number::Float { value: x, .. }, Number::Float { value: y, .. }) = (self, expected) else {
            return Some(None);
        };
        let (found, max) = ((x - y).abs(), absolute + relative * y.abs());
        let within = x.is_finite() && y.is_finite() && found <= max;
        (!within).then_some(Some(Distance::Absolute { found, max }))
    }
}

fn numbers(array: &Array) -> Vec<Number> {
    macro_rules! floats {
        ($rust:ty) => {
            elements::<$rust>(array, |x| {
                let bits = u64::from(x.to_bits());
                let sign = 1u64 << (8 * size_of::<$rust>() - 1);
                Number::Float { value: f64::from(x), magnitude: bits & (sign - 1), negative: bits & sign != 0 }
            })
        };
    }
    match array.dtype() {
        DType::F16 => floats!(f16),
        DType::BF16 => floats!(bf16),
        DType::F32 => floats!(f32),
        DType::F64 => floats!(f64),
        DType::I8 => elements::<i8>(array, |x| Number::Integer(x.into())),
        DType::I16 => elements::<i16>(array, |x| Number::Integer(x.into())),
        DType::I32 => elements::<i32>(array, |x| Number::Integer(x.into())),
        DType::I64 => elements::<i64>(array, |x| Number::Integer(x.into())),
        DType::U8 => elements::<u8>(array, |x| Number::Integer(x.into())),
        DType::U16 => elements::<u16>(array, |x| Number::Integer(x.into())),
        DType::U32 => elements::<u32>(array, |x| Number::Integer(x.into())),
        DType::U64 => elements::<u64>(array, |x| Number::Integer(x.into())),
        DType::Bool => elements::<bool>(array, |x| Number::Integer(x.into())),
    }
}

fn elements<T: tancho_tensor::Element>(array: &Array, number: impl Fn(T) -> Number) -> Vec<Number> {
    array.elements::<T>().unwrap_or_default().iter().map(|&element| number(element)).collect()
}

fn element_text(array: &Array, place: usize) -> String {
    with_element!(array.dtype(), T => {
        let elements = array.elements::<T>().unwrap_or_default();
        elements.get(place).map_or_else(String::new, |element| format!("{element:?}"))
    })
}

/// The index of an element from its place in row-major order.
fn index_of(shape: &Shape, mut place: usize) -> Vec<usize> {
    let mut index: Vec<usize> = Vec::new();
    for &size in shape.sizes().iter().rev() {
        index.push(place % size.max(1));
        place /= size.max(1);
    }
    index.reverse();
    index
}

/// `element [3, 4] is 1.5, expected 1.25, 2097152 ULP apart (at most 3)`
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Type { actual, expected } => write!(f, "the type is {actual}, expected {expected}"),
            Mismatch::Element { index, actual, expected, distance, wrong, of } => {
                write!(f, "element {index:?} is {actual}, expected {expected}")?;
                match distance {
                    None => {}
                    Some(Distance::Ulp { found: u64::MAX, .. }) => f.write_str(", and not both are finite")?,
                    Some(Distance::Ulp { found, min: _, max }) if found > max => {
                        write!(f, ", {found} ULP apart (at most {max})")?;
                    }
                    Some(Distance::Ulp { found, min, .. }) => write!(f, ", {found} ULP apart (at least {min})")?,
                    Some(Distance::Absolute { found, max }) => write!(f, ", {found:e} apart (at most {max:e})")?,
                }
                if *wrong > 1 { write!(f, "; {wrong} of {of} elements are wrong") } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: CheckKind, actual: &[f32], expected: &[f32], message: &str) {
        let array = |elements: &[f32]| Array::new([elements.len()], elements).unwrap();
        let found = compare(&kind, &array(actual), &array(expected));
        assert_eq!(found.err().map_or_else(String::new, |error| error.to_string()), message);
    }

    const CLOSE: CheckKind = CheckKind::Close { max_ulp: 3, min_ulp: 0 };

    #[test]
    fn equality_is_that_of_numbers() {
        check(CheckKind::Equal, &[0.0, f32::NAN, 1.0], &[-0.0, -f32::NAN, 1.0], "");
        check(CheckKind::Equal, &[1.0, 2.0], &[1.0, 2.5], "element [1] is 2.0, expected 2.5");
        check(CheckKind::Equal, &[f32::NAN], &[1.0], "element [0] is NaN, expected 1.0");
    }

    #[test]
    fn closeness_counts_floats_between() {
        check(CLOSE, &[1.0, 0.0, f32::NAN, f32::INFINITY], &[1.0000003, -0.0, f32::NAN, f32::INFINITY], "");
        check(CLOSE, &[1.5], &[1.25], "element [0] is 1.5, expected 1.25, 2097152 ULP apart (at most 3)");
        check(CLOSE, &[f32::from_bits(2)], &[-f32::from_bits(1)], "");
        check(
            CLOSE,
            &[f32::from_bits(2)],
            &[-f32::from_bits(2)],
            "element [0] is 3e-45, expected -3e-45, 4 ULP apart (at most 3)",
        );
        check(
            CLOSE,
            &[f32::MAX],
            &[f32::INFINITY],
            "element [0] is 3.4028235e38, expected inf, and not both are finite",
        );
        let apart = CheckKind::Close { max_ulp: 3, min_ulp: 1 };
        check(apart, &[1.0], &[1.0], "element [0] is 1.0, expected 1.0, 0 ULP apart (at least 1)");
    }

    #[test]
    fn tolerance_is_absolute() {
        let almost = CheckKind::AlmostEqual { tolerance: 0.25 };
        check(almost.clone(), &[1.0, f32::NAN, f32::INFINITY], &[1.25, f32::NAN, f32::INFINITY], "");
        check(
            almost.clone(),
            &[1.0, 1.0],
            &[1.5, 2.0],
            "element [0] is 1.0, expected 1.5, 5e-1 apart (at most 2.5e-1); 2 of 2 elements are wrong",
        );
        check(almost, &[f32::INFINITY], &[1.0], "element [0] is inf, expected 1.0, inf apart (at most 2.5e-1)");
    }
}

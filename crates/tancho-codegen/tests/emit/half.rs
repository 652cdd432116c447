//! The 16-bit floats: every pattern of bits, and `f32`s and other numbers around every place where the rounding changes,
//! against plain Rust; and emitted code against the evaluator.

use tancho_codegen::kernel::evaluate::{Point, evaluate};
use tancho_codegen::kernel::{Body, Instruction, Scalar};
use tancho_codegen::math::{
    Halves, convert_to_half, exact_half_bits, from_half_bits, next_after_half, reduce_precision_half, round_to_half,
    to_half_bits,
};
use tancho_tensor::{DType, bf16, f16};

use crate::generate::Random;
use crate::map_of;
use crate::reference::Case;

const FORMATS: [DType; 2] = [DType::F16, DType::BF16];

/// Code on one element of each dtype: emitted, it must be what the evaluator says, and that is what `expected` says, for all
/// lists of elements; with NaNs of any sign and payload equal if `nan` says what is one.
#[track_caller]
fn check<const N: usize>(
    dtypes: [DType; N],
    build: impl Fn(&mut Body, [Scalar; N]) -> Scalar,
    elements: &[[u64; N]],
    expected: impl Fn([u64; N]) -> u64,
    is_nan: impl Fn(u64) -> bool,
) {
    let mut body = Body::new();
    let mut loads = [Scalar(0); N];
    for (number, load) in loads.iter_mut().enumerate() {
        *load = body.push(Instruction::Load(number as u32), dtypes[number]);
    }
    let stored = build(&mut body, loads);
    for &element in elements {
        let point = Point { loads: &element, reduced: &[], indices: &[], sizes: &[] };
        let (found, expected) = (evaluate(&body, &point)[stored.index()], expected(element));
        let is_same = found == expected || (is_nan(found) && is_nan(expected));
        assert!(is_same, "of {element:x?}: {found:x}, not {expected:x}");
    }
    let mut case = Case::contiguous(map_of(&dtypes, body, &[stored]), &[elements.len() as i64]);
    for (number, layout) in case.layouts[..N].iter_mut().enumerate() {
        let values: Vec<u64> = elements.iter().map(|element| element[number]).collect();
        layout.fill(dtypes[number], &values);
    }
    case.check();
}

fn value_of(dtype: DType, bits: u64) -> f32 {
    match dtype {
        DType::F16 => f16::from_bits(bits as u16).to_f32(),
        _ => bf16::from_bits(bits as u16).to_f32(),
    }
}

fn bits_of(dtype: DType, value: f32) -> u64 {
    u64::from(match dtype {
        DType::F16 => f16::from_f32(value).to_bits(),
        _ => bf16::from_f32(value).to_bits(),
    })
}

fn is_half_nan(dtype: DType) -> impl Fn(u64) -> bool {
    move |bits| value_of(dtype, bits).is_nan()
}

fn is_nan(bits: u64) -> bool {
    f32::from_bits(bits as u32).is_nan()
}

fn all_bits() -> Vec<[u64; 1]> {
    (0..1 << 16).map(|bits| [bits]).collect()
}

/// Every half, every middle between two, and what is next to those.
fn places(dtype: DType) -> Vec<f64> {
    let mut places = Vec::new();
    let infinity = f64::INFINITY.min(if dtype == DType::F16 { 65536.0 } else { 2f64.powi(128) });
    let numbers = (0..1 << 15).map(|bits| f64::from(value_of(dtype, bits))).filter(|x| x.is_finite());
    let numbers: Vec<f64> = numbers.chain([infinity]).collect();
    for pair in numbers.windows(2) {
        places.extend([pair[0], (pair[0] + pair[1]) / 2.0]);
    }
    places
}

/// The `f32`s at and next to every place, of alternating sign; with the environment variable `TANCHO_SWEEP` many more.
fn roundings(dtype: DType) -> Vec<[u64; 1]> {
    let mut values = Vec::new();
    for (number, place) in places(dtype).into_iter().enumerate() {
        let bits = (place as f32).to_bits();
        let sign = (number as u32 / 2) << 31;
        values.extend([bits.saturating_sub(1), bits, bits + 1].map(|near| [u64::from(near | sign)]));
    }
    let sweep = if std::env::var_os("TANCHO_SWEEP").is_some() { 97 } else { 65_537 };
    values.extend((0..=u32::MAX).step_by(sweep).map(|bits| [u64::from(bits)]));
    values.extend([0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xffff_ffff, 0x7f7f_ffff].map(|bits: u32| [u64::from(bits)]));
    values
}

#[test]
fn bits_become_values() {
    for dtype in FORMATS {
        let build = |body: &mut Body, [x]: [Scalar; 1]| from_half_bits(body, x, dtype);
        check([DType::U16], build, &all_bits(), |[x]| u64::from(value_of(dtype, x).to_bits()), is_nan);
    }
}

#[test]
fn values_become_their_bits() {
    for dtype in FORMATS {
        let build = |body: &mut Body, [x]: [Scalar; 1]| exact_half_bits(body, x, dtype);
        let values: Vec<[u64; 1]> = (0..1 << 16).map(|bits| [u64::from(value_of(dtype, bits).to_bits())]).collect();
        let expected = |[x]: [u64; 1]| bits_of(dtype, f32::from_bits(x as u32));
        check([DType::F32], build, &values, expected, is_half_nan(dtype));
    }
}

#[test]
fn values_are_rounded_to_nearest_even() {
    for dtype in FORMATS {
        let values = roundings(dtype);
        let bits = |x: u64| bits_of(dtype, f32::from_bits(x as u32));
        let build = |body: &mut Body, [x]: [Scalar; 1]| to_half_bits(body, x, dtype);
        check([DType::F32], build, &values, |[x]| bits(x), is_half_nan(dtype));
        let build = |body: &mut Body, [x]: [Scalar; 1]| round_to_half(body, x, dtype);
        check([DType::F32], build, &values, |[x]| u64::from(value_of(dtype, bits(x)).to_bits()), is_nan);
        // What was rounded has its bits by both ways.
        let build = |body: &mut Body, [x]: [Scalar; 1]| {
            let rounded = round_to_half(body, x, dtype);
            exact_half_bits(body, rounded, dtype)
        };
        check([DType::F32], build, &values, |[x]| bits(x), is_half_nan(dtype));
    }
}

#[test]
fn constants_are_converted_when_code_is_made() {
    for dtype in FORMATS {
        for bits in (0..1 << 16).step_by(7) {
            let (mut body, mut halves) = (Body::new(), Halves::default());
            let value = halves.constant(&mut body, bits, dtype);
            assert_eq!(body.as_constant(value), Some(u64::from(value_of(dtype, bits).to_bits())));
            assert_eq!(halves.round(&mut body, value, dtype), value);
            let back = halves.to_bits(&mut body, value, dtype);
            assert_eq!(body.as_constant(back), Some(bits));
        }
    }
}

/// The half next to the number whose distances to others `compare` has, by trying all.
fn nearest(dtype: DType, is_negative: bool, magnitude: impl Fn(f64) -> std::cmp::Ordering) -> u64 {
    let infinity = if dtype == DType::F16 { 0x7c00 } else { 0x7f80 };
    // The number of halves below the magnitude or equal to it, by bisection.
    let number = |bits: u64| match bits == infinity {
        true => {
            if dtype == DType::F16 {
                65536.0
            } else {
                2f64.powi(128)
            }
        }
        false => f64::from(value_of(dtype, bits)),
    };
    let (mut low, mut high) = (0, infinity);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if magnitude(number(middle)).is_ge() { low = middle } else { high = middle }
    }
    let half_way = magnitude((number(low) + number(high)) / 2.0);
    let nearest = match half_way {
        std::cmp::Ordering::Less => low,
        std::cmp::Ordering::Greater => high,
        std::cmp::Ordering::Equal => low + (low & 1),
    };
    nearest | if is_negative { 0x8000 } else { 0 }
}

#[track_caller]
fn check_conversion(dtype: DType, from: DType, elements: &[[u64; 1]], expected: impl Fn(u64) -> u64) {
    let build = |body: &mut Body, [x]: [Scalar; 1]| {
        let mut halves = Halves::default();
        let value = convert_to_half(body, &mut halves, x, dtype);
        halves.to_bits(body, value, dtype)
    };
    check([from], build, elements, |[x]| expected(x), is_half_nan(dtype));
}

#[test]
fn doubles_are_rounded_once() {
    for dtype in FORMATS {
        let mut values = Vec::new();
        for (number, place) in places(dtype).into_iter().enumerate() {
            let bits = place.to_bits();
            let sign = (number as u64 / 2) << 63;
            // Near enough that an `f32` between would be the place itself, and further.
            let near = [bits.saturating_sub(1), bits, bits + 1, bits.saturating_sub(1 << 27), bits + (1 << 27)];
            values.extend(near.map(|near| [near | sign]));
        }
        values.extend(
            [f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-46, 3.4028235677973366e38].map(|x| [x.to_bits()]),
        );
        let expected = |x: u64| {
            let x = f64::from_bits(x);
            nearest(dtype, x.is_sign_negative(), |y| x.abs().partial_cmp(&y).expect("no NaN"))
        };
        check_conversion(dtype, DType::F64, &values, expected);
        check_conversion(dtype, DType::F64, &[[f64::NAN.to_bits()]], |_| 0x7fff);
    }
}

#[test]
fn integers_are_rounded_once() {
    for dtype in FORMATS {
        for from in DType::ALL.into_iter().filter(|dtype| dtype.is_integer()) {
            let mut values: Vec<i128> = (0..=300).collect();
            for power in 8..64 {
                // Middles of bf16 and f16 with bits far below.
                for (top, below) in [(257i128, 9), (259, 9), (511, 9), (2049, 12), (2051, 12)] {
                    let number = if power >= below { top << (power - below) } else { top };
                    values.extend([number - 1, number, number + 1, number + (number >> 30)]);
                }
            }
            values.extend((0..64).flat_map(|power| [(1i128 << power) - 1, 1 << power]));
            values.push(i128::from(u64::MAX));
            if from.is_signed() {
                values.extend(values.clone().iter().map(|value| -value));
                values.push(i128::from(i64::MIN));
            }
            let mut random = Random::new(3);
            values.extend((0..500).map(|_| i128::from(random.next() >> random.below(64))));
            let mask = u64::MAX >> (64 - from.bits());
            let elements: Vec<[u64; 1]> = values.iter().map(|&value| [value as u64 & mask]).collect();
            let expected = |x: u64| {
                let unused = 64 - from.bits();
                let x = if from.is_signed() { i128::from((x << unused) as i64 >> unused) } else { i128::from(x) };
                // All halves above 2⁹ and their middles are integers.
                let compare = |y: f64| match y < 65536.0 {
                    true => (x.abs() as f64).total_cmp(&y),
                    false if y >= 2f64.powi(120) => std::cmp::Ordering::Less,
                    false => x.abs().cmp(&(y as i128)),
                };
                nearest(dtype, x < 0, compare)
            };
            check_conversion(dtype, from, &elements, expected);
        }
    }
}

#[test]
fn neighbours() {
    for dtype in FORMATS {
        let build = |body: &mut Body, [x, y]: [Scalar; 2]| {
            let mut halves = Halves::default();
            let (x, y) = (halves.from_bits(body, x, dtype), halves.from_bits(body, y, dtype));
            let next = next_after_half(body, &mut halves, x, y, dtype);
            halves.to_bits(body, next, dtype)
        };
        let infinity = if dtype == DType::F16 { 0x7c00 } else { 0x7f80 };
        let specials = [0, 1, 2, infinity - 1, infinity, infinity + 1];
        let specials = specials.iter().flat_map(|&bits| [bits, bits | 0x8000]);
        let pairs: Vec<[u64; 2]> =
            specials.flat_map(|y| (0..1 << 16).step_by(3).chain(0..3).map(move |x| [x, y])).collect();
        let expected = |[x_bits, y_bits]: [u64; 2]| {
            let (x, y) = (value_of(dtype, x_bits), value_of(dtype, y_bits));
            if x.is_nan() || y.is_nan() {
                return 0x7fff;
            }
            if x == y {
                return y_bits;
            }
            if x == 0.0 {
                return 1 | (y_bits & 0x8000);
            }
            if (x < y) == (x > 0.0) { x_bits + 1 } else { x_bits - 1 }
        };
        check([DType::U16; 2], build, &pairs, expected, is_half_nan(dtype));
    }
}

#[test]
fn reduced_precision() {
    for (dtype, own) in [(DType::F16, [5, 10]), (DType::BF16, [8, 7])] {
        for format in [[5, 10], [8, 7], [5, 2], [4, 3], [2, 0], [1, 1], [8, 23], [3, 9]] {
            let build = |body: &mut Body, [x]: [Scalar; 1]| {
                let mut halves = Halves::default();
                let x = halves.from_bits(body, x, dtype);
                let reduced = reduce_precision_half(body, &mut halves, x, dtype, format);
                halves.to_bits(body, reduced, dtype)
            };
            let [exponent_bits, mantissa_bits]: [u32; 2] = format;
            let [own_exponent_bits, own_mantissa_bits]: [u32; 2] = own;
            let expected = |[x]: [u64; 1]| {
                if value_of(dtype, x).is_nan() {
                    return x;
                }
                // In units of the least subnormal number, which f64 holds exactly.
                let unit = f64::from(value_of(dtype, 1));
                let magnitude = f64::from(value_of(dtype, x & 0x7fff)) / unit;
                let sign = x & 0x8000;
                if magnitude.is_infinite() {
                    return x;
                }
                let kept = mantissa_bits.min(own_mantissa_bits) as i32;
                let exponent = (magnitude.max(1.0).log2().floor() as i32).max(own_mantissa_bits as i32);
                let step = 2f64.powi(exponent - kept);
                let quotient = magnitude / step;
                // Without a kept fraction the last kept bit is that of the exponent field.
                let is_odd_field = (exponent - own_mantissa_bits as i32 + 1) % 2 == 1;
                let whole = match quotient == 1.5 && kept == 0 && magnitude >= step {
                    true if is_odd_field => 2.0,
                    true => 1.0,
                    false => quotient.round_ties_even(),
                };
                let mut rounded = whole * step * unit;
                if exponent_bits < own_exponent_bits {
                    let range = (1i32 << (exponent_bits - 1)) - 1;
                    if rounded >= 2f64.powi(range + 1) {
                        rounded = f64::INFINITY;
                    } else if rounded < 2f64.powi(1 - range) {
                        rounded = 0.0;
                    }
                }
                sign | bits_of(dtype, rounded as f32)
            };
            check([DType::U16], build, &all_bits(), expected, is_half_nan(dtype));
        }
    }
}

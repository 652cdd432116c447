//! Arrays for tests, the same from the same seed on every machine.
//!
//! [`Flavour`] says what is in them. `Wild` begins with the values at which functions go wrong (zeros of both signs, NaN,
//! infinities, subnormals, the ends of the range, powers of two and their neighbours) and goes on with random bits; `Tame`
//! has numbers of ordinary size, so that sums and products stay finite; `Whole` has small whole numbers, for which float
//! arithmetic is exact.

use tancho_ir::TensorType;
use tancho_tensor::{Array, DType, Element, Shape, bf16, f16, with_element};

/// What kind of values an array gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Everything that a dtype can hold, the interesting values first.
    Wild,
    /// Floats between −2 and 2, integers between −100 and 100 (0 and 100 where unsigned).
    Tame,
    /// Whole numbers between −4 and 4 (0 and 4 where unsigned).
    Whole,
}

/// Random numbers: the splitmix64 generator, before which numbers may come that are given.
#[derive(Clone, Debug)]
pub struct Generator {
    state: u64,
    /// The numbers that are given and were not yet taken, the last one first.
    given: Vec<u16>,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Generator { state: seed, given: Vec::new() }
    }

    /// Begins with the numbers that pairs of bytes make, so that a fuzzer which changes a byte changes one decision.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let given = bytes.chunks_exact(2).rev().map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Generator { state: bytes.len() as u64, given }
    }

    pub fn next_u64(&mut self) -> u64 {
        if let Some(number) = self.given.pop() {
            return number.into();
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below a bound, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        // The bias of the remainder is far below what a test would see.
        (self.next_u64() % bound as u64) as usize
    }

    /// A number from 0 up to, but not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of the items, of which there is at least one.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// An array of a dtype and shape.
///
/// # Panics
/// The shape does not fit memory.
pub fn array(dtype: DType, shape: &Shape, flavour: Flavour, seed: u64) -> Array {
    with_element!(dtype, T => {
        let count = shape.elements().expect("the shape of a test fits memory");
        Array::new(shape.clone(), &elements::<T>(count, flavour, seed)).expect("memory for a test")
    })
}

/// An array for each of some types, whose sizes are known.
///
/// # Panics
/// A size is not known.
pub fn arrays(types: &[TensorType], flavour: Flavour, seed: u64) -> Vec<Array> {
    let shape = |of: &TensorType| of.known_shape().expect("the sizes of a test are known");
    let seeds = (0u64..).map(|position| seed.wrapping_mul(31).wrapping_add(position));
    types.iter().zip(seeds).map(|(of, seed)| array(of.dtype, &shape(of), flavour, seed)).collect()
}

fn elements<T: Drawn>(count: usize, flavour: Flavour, seed: u64) -> Vec<T> {
    let mut generator = Generator::new(seed);
    if flavour != Flavour::Wild {
        return (0..count).map(|_| T::draw(&mut generator, flavour)).collect();
    }
    // The interesting values begin at another one for each seed, so that two operands meet in all combinations over
    // several seeds, and a scalar is not always the same.
    let interesting = T::interesting();
    let start = generator.below(interesting.len());
    let mixed = |place: usize, generator: &mut Generator| {
        if place < interesting.len() || place.is_multiple_of(3) {
            return interesting[(start + place * step(interesting.len(), seed)) % interesting.len()];
        }
        T::draw(generator, flavour)
    };
    (0..count).map(|place| mixed(place, &mut generator)).collect()
}

/// A step that visits all of a number of places, another for each seed.
fn step(count: usize, seed: u64) -> usize {
    let divides = |mut x: usize, mut y: usize| {
        while y > 0 {
            (x, y) = (y, x % y);
        }
        x > 1
    };
    (1 + seed as usize % count..).find(|&step| !divides(step, count)).unwrap_or(1)
}

/// The values of a dtype at which functions go wrong.
pub fn interesting_values(dtype: DType) -> Array {
    with_element!(dtype, T => {
        let values = <T as Drawn>::interesting();
        Array::new([values.len()], &values).expect("memory for a test")
    })
}

/// An element that can be drawn.
trait Drawn: Element {
    fn interesting() -> Vec<Self>;
    fn draw(generator: &mut Generator, flavour: Flavour) -> Self;
}

macro_rules! floats {
    ($($t:ident, $bits:ty);*) => {$(
        impl Drawn for $t {
            fn interesting() -> Vec<Self> {
                let smallest_subnormal = <$t>::from_bits(1);
                let largest_subnormal = <$t>::from_bits(<$t>::MIN_POSITIVE.to_bits() - 1);
                let mut values = vec![
                    0.0, -0.0, 1.0, -1.0, <$t>::NAN, <$t>::INFINITY, <$t>::NEG_INFINITY, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0,
                    2.5, -2.5, 3.0, -3.0, 0.49999997, 1e-3, -1e-3, 100.0, -100.0, <$t>::MIN_POSITIVE,
                    -<$t>::MIN_POSITIVE, smallest_subnormal, -smallest_subnormal, largest_subnormal, <$t>::MAX, <$t>::MIN,
                    <$t>::EPSILON, 1.0 + <$t>::EPSILON, 1.0 - <$t>::EPSILON / 2.0,
                ];
                // The ends of the ranges of integers, for conversions, and the limits of exp and its kin.
                values.extend([127.0, 128.0, -129.0, 255.0, 256.0, 32767.5, 65535.0, -32768.0, 2147483520.0]);
                values.extend([2147483648.0, -2147483648.0, 4294967296.0, 9.223372e18, -9.223372e18, 1.8446744e19]);
                values.extend([88.72284, 88.8, -87.4, -103.97, 709.78, -745.2, 8388607.5, 8388609.0, 4503599627370497.5]);
                values
            }

            fn draw(generator: &mut Generator, flavour: Flavour) -> Self {
                match flavour {
                    Flavour::Wild if generator.below(2) == 0 => <$t>::from_bits(generator.next_u64() as $bits),
                    // Numbers of all sizes near 1, where most functions do their work.
                    Flavour::Wild => ((generator.unit() - 0.5) * 10f64.powi(generator.below(9) as i32 - 4)) as $t,
                    Flavour::Tame => (generator.unit() * 4.0 - 2.0) as $t,
                    Flavour::Whole => (generator.below(9) as i32 - 4) as $t,
                }
            }
        }
    )*};
}
floats!(f32, u32; f64, u64);

macro_rules! halves {
    ($($t:ident),*) => {$(
        impl Drawn for $t {
            fn interesting() -> Vec<Self> {
                let numbers = [
                    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 2.5, -2.5, 3.0, -3.0, 1e-3, -1e-3, 100.0, -100.0,
                    // The ends of the ranges of integers, where the last bit is a half, is a one and is two, the limits of
                    // exp and its kin.
                    127.0, 128.0, -129.0, 255.0, 256.0, 32768.0, -32768.0, 65504.0, 1023.5, 1025.0, 2050.0, 2147483648.0,
                    -2147483648.0, 4294967296.0, 9.223372e18, 11.08, 11.1, -9.7, -17.35, 88.5, 89.0, -87.5, -93.0,
                ];
                let largest_subnormal = <$t>::from_bits(<$t>::MIN_POSITIVE.to_bits() - 1);
                let mut values = vec![
                    <$t>::NAN, <$t>::INFINITY, <$t>::NEG_INFINITY, <$t>::MIN_POSITIVE, -<$t>::MIN_POSITIVE,
                    <$t>::from_bits(1), -<$t>::from_bits(1), largest_subnormal, <$t>::MAX, <$t>::MIN, <$t>::EPSILON,
                    <$t>::from_bits(<$t>::ONE.to_bits() + 1), <$t>::from_bits(<$t>::ONE.to_bits() - 1),
                ];
                values.extend(numbers.map(<$t>::from_f32));
                values
            }

            fn draw(generator: &mut Generator, flavour: Flavour) -> Self {
                match flavour {
                    Flavour::Wild if generator.below(2) == 0 => <$t>::from_bits(generator.next_u64() as u16),
                    Flavour::Wild | Flavour::Tame | Flavour::Whole => <$t>::from_f32(f32::draw(generator, flavour)),
                }
            }
        }
    )*};
}
halves!(f16, bf16);

macro_rules! integers {
    ($($t:ident),*) => {$(
        impl Drawn for $t {
            fn interesting() -> Vec<Self> {
                let mut values = vec![0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 100, <$t>::MAX, <$t>::MAX - 1, <$t>::MIN, <$t>::MIN + 1];
                values.extend([8, 16, 127].map(|value: $t| value));
                if <$t>::MIN != 0 {
                    values.extend([1, 2, 3, 7, 100].map(|value: $t| (0 as $t).wrapping_sub(value)));
                }
                for bit in [<$t>::BITS / 2 - 1, <$t>::BITS / 2, <$t>::BITS - 2] {
                    values.extend([(1 as $t) << bit, ((1 as $t) << bit) - 1]);
                }
                values
            }

            fn draw(generator: &mut Generator, flavour: Flavour) -> Self {
                let signed = <$t>::MIN != 0;
                match flavour {
                    // Numbers of all lengths.
                    Flavour::Wild => (generator.next_u64() as $t) >> generator.below(<$t>::BITS as usize),
                    Flavour::Tame if signed => (generator.below(201) as i64 - 100) as $t,
                    Flavour::Tame => generator.below(101) as $t,
                    Flavour::Whole if signed => (generator.below(9) as i64 - 4) as $t,
                    Flavour::Whole => generator.below(5) as $t,
                }
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Drawn for bool {
    fn interesting() -> Vec<Self> {
        vec![false, true]
    }

    fn draw(generator: &mut Generator, flavour: Flavour) -> Self {
        match flavour {
            Flavour::Wild | Flavour::Tame | Flavour::Whole => generator.below(2) == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_array() {
        for dtype in DType::ALL {
            for flavour in [Flavour::Wild, Flavour::Tame, Flavour::Whole] {
                let make = |seed| array(dtype, &Shape::new(&[7, 31]), flavour, seed);
                assert!(make(1).same_bits(&make(1)));
                assert!(!make(1).same_bits(&make(2)), "{dtype} {flavour:?}");
            }
        }
    }

    #[test]
    fn every_interesting_value_is_in_a_large_wild_array() {
        for dtype in DType::ALL {
            let wanted = interesting_values(dtype).to_string();
            for seed in 0..20 {
                let count = interesting_values(dtype).len();
                let found = array(dtype, &Shape::new(&[count]), Flavour::Wild, seed);
                let sorted = |text: &str| {
                    let mut words: Vec<String> =
                        text.trim_matches(['[', ']']).split(", ").map(|w| w.trim().into()).collect();
                    words.sort();
                    words
                };
                assert_eq!(sorted(&found.to_string()), sorted(&wanted), "{dtype} seed {seed}");
            }
        }
    }

    #[test]
    fn tame_sums_stay_finite() {
        let array = array(DType::F32, &Shape::new(&[1000]), Flavour::Tame, 5);
        assert!(array.to_f64_vec().iter().all(|x| x.abs() <= 2.0));
    }
}

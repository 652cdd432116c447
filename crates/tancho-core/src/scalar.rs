//! Rust values that become tensors: scalars that meet a tensor, and nested literals.

use smallvec::SmallVec;
use tancho_tensor::{Array, ArrayError, DType, Element, bf16, f16, round_to_odd};

/// A Rust number or `bool`, before it takes the dtype of the tensor that it meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalar {
    number: Number,
    dtype: DType,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Float(f64),
    Integer(i128),
    Bool(bool),
}

impl Scalar {
    /// The dtype of the Rust type.
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// The value, rounded where it has more bits.
    pub(crate) fn to_f64(self) -> f64 {
        match self.number {
            Number::Float(value) => value,
            Number::Integer(value) => value as f64,
            Number::Bool(value) => f64::from(u8::from(value)),
        }
    }

    /// A tensor of rank 0 that holds the value as an element of a dtype.
    ///
    /// A float is rounded and an integer becomes a float; what has no such element is an error: a float where there are
    /// integers, a `bool` where there are numbers, an integer or a float out of range.
    pub(crate) fn to_array(self, dtype: DType) -> Result<Array, String> {
        let no_element = || match (self.number, dtype) {
            (Number::Float(value), _) if !dtype.is_float() => {
                Some(format!("the float {value:?} does not fit elements of {dtype}; use .to(DType::F32) on the tensor"))
            }
            (Number::Bool(value), _) if dtype != DType::Bool => {
                Some(format!("the bool {value} does not fit elements of {dtype}"))
            }
            (Number::Integer(value), DType::Bool) => Some(format!("the integer {value} does not fit elements of bool")),
            _ => None,
        };
        if let Some(message) = no_element() {
            return Err(message);
        }
        macro_rules! integer {
            ($T:ident, $value:expr) => {
                match $T::try_from($value) {
                    Ok(value) => Array::new([], &[value]),
                    Err(_) => return Err(format!("{} is out of range for {dtype}", $value)),
                }
            };
        }
        macro_rules! float {
            ($rounded:expr, $value:expr) => {{
                let rounded = $rounded;
                if ($value as f64).is_finite() && rounded.is_infinite() {
                    return Err(format!("{:?} is out of range for {dtype}", $value));
                }
                Array::new([], &[rounded])
            }};
        }
        let array = match (self.number, dtype) {
            (Number::Bool(value), _) => Array::new([], &[value]),
            (Number::Float(value), DType::F16) => float!(f16::from_f32(round_to_odd(value)), value),
            (Number::Float(value), DType::BF16) => float!(bf16::from_f32(round_to_odd(value)), value),
            (Number::Float(value), DType::F32) => float!(value as f32, value),
            (Number::Float(value), _) => Array::new([], &[value]),
            (Number::Integer(value), DType::F16) => float!(f16::from_f32(round_to_odd(integer_to_odd(value))), value),
            (Number::Integer(value), DType::BF16) => float!(bf16::from_f32(round_to_odd(integer_to_odd(value))), value),
            (Number::Integer(value), DType::F32) => Array::new([], &[value as f32]),
            (Number::Integer(value), DType::F64) => Array::new([], &[value as f64]),
            (Number::Integer(value), DType::I8) => integer!(i8, value),
            (Number::Integer(value), DType::I16) => integer!(i16, value),
            (Number::Integer(value), DType::I32) => integer!(i32, value),
            (Number::Integer(value), DType::I64) => integer!(i64, value),
            (Number::Integer(value), DType::U8) => integer!(u8, value),
            (Number::Integer(value), DType::U16) => integer!(u16, value),
            (Number::Integer(value), DType::U32) => integer!(u32, value),
            (Number::Integer(value), DType::U64) => integer!(u64, value),
            (Number::Integer(value), DType::Bool) => Array::new([], &[value != 0]),
        };
        array.map_err(|error| error.to_string())
    }
}

/// An integer as a float that rounds to fewer bits as the integer does: what does not fit makes the last bit odd.
fn integer_to_odd(value: i128) -> f64 {
    let rounded = value as f64;
    let error = value - rounded as i128;
    if error == 0 || rounded.to_bits() & 1 == 1 {
        return rounded;
    }
    // The magnitude's next neighbour on the side of the error has the bits one more or one less, and is odd.
    let bits = if (error > 0) == (value > 0) { rounded.to_bits() + 1 } else { rounded.to_bits() - 1 };
    f64::from_bits(bits)
}

/// A constant of the library's own as an array of rank 0: rounded, or truncated and saturated.
pub(crate) fn constant_array(dtype: DType, value: f64) -> Result<Array, ArrayError> {
    macro_rules! numbers {
        ($($DType:ident $T:ident),*) => {
            match dtype {
                DType::F16 => Array::new([], &[f16::from_f32(round_to_odd(value))]),
                DType::BF16 => Array::new([], &[bf16::from_f32(round_to_odd(value))]),
                $( DType::$DType => Array::new([], &[value as $T]), )*
                DType::Bool => Array::new([], &[value != 0.0]),
            }
        };
    }
    numbers!(F32 f32, F64 f64, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64)
}

/// A Rust value with the elements of a tensor: a number or `bool`, arrays and vectors of those, nested to any depth.
///
/// Sealed by its element type: only the types of [`DType`] have elements.
pub trait Literal {
    type Element: Element;

    /// Appends the sizes, outermost first.
    fn sizes(&self, sizes: &mut SmallVec<[usize; 6]>);

    /// The sizes of a value that is not there, for an empty vector of it.
    fn sizes_of_none(sizes: &mut SmallVec<[usize; 6]>);

    /// Appends the elements in row-major order; an error where a part has other sizes than the first one.
    fn elements(&self, sizes: &[usize], elements: &mut Vec<Self::Element>) -> Result<(), String>;
}

macro_rules! scalars {
    ($($T:ident $Number:ident),*) => {$(
        impl Literal for $T {
            type Element = $T;

            fn sizes(&self, _: &mut SmallVec<[usize; 6]>) {}

            fn sizes_of_none(_: &mut SmallVec<[usize; 6]>) {}

            fn elements(&self, _: &[usize], elements: &mut Vec<$T>) -> Result<(), String> {
                elements.push(*self);
                Ok(())
            }
        }

        impl From<$T> for Scalar {
            fn from(value: $T) -> Self {
                Scalar { number: Number::$Number(value.into()), dtype: <$T as Element>::DTYPE }
            }
        }
    )*};
}
scalars!(f16 Float, bf16 Float, f32 Float, f64 Float, i8 Integer, i16 Integer, i32 Integer, i64 Integer, u8 Integer, u16 Integer, u32 Integer,
         u64 Integer, bool Bool);

/// A count, which is an `i64` where it meets no tensor.
impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        Scalar { number: Number::Integer(value as i128), dtype: DType::I64 }
    }
}

impl<T: Literal> Literal for [T] {
    type Element = T::Element;

    fn sizes(&self, sizes: &mut SmallVec<[usize; 6]>) {
        sizes.push(self.len());
        match self.first() {
            Some(first) => first.sizes(sizes),
            None => T::sizes_of_none(sizes),
        }
    }

    fn sizes_of_none(sizes: &mut SmallVec<[usize; 6]>) {
        sizes.push(0);
        T::sizes_of_none(sizes);
    }

    fn elements(&self, sizes: &[usize], elements: &mut Vec<T::Element>) -> Result<(), String> {
        match sizes.split_first() {
            Some((&size, inner)) if size == self.len() => {
                self.iter().try_for_each(|part| part.elements(inner, elements))
            }
            Some((&size, _)) => Err(format!("ragged: one part has {size} elements, another {}", self.len())),
            None => Err("ragged: parts are nested to different depths".into()),
        }
    }
}

impl<T: Literal, const N: usize> Literal for [T; N] {
    type Element = T::Element;

    fn sizes(&self, sizes: &mut SmallVec<[usize; 6]>) {
        self.as_slice().sizes(sizes);
    }

    fn sizes_of_none(sizes: &mut SmallVec<[usize; 6]>) {
        sizes.push(N);
        T::sizes_of_none(sizes);
    }

    fn elements(&self, sizes: &[usize], elements: &mut Vec<T::Element>) -> Result<(), String> {
        self.as_slice().elements(sizes, elements)
    }
}

impl<T: Literal> Literal for Vec<T> {
    type Element = T::Element;

    fn sizes(&self, sizes: &mut SmallVec<[usize; 6]>) {
        self.as_slice().sizes(sizes);
    }

    fn sizes_of_none(sizes: &mut SmallVec<[usize; 6]>) {
        <[T]>::sizes_of_none(sizes);
    }

    fn elements(&self, sizes: &[usize], elements: &mut Vec<T::Element>) -> Result<(), String> {
        self.as_slice().elements(sizes, elements)
    }
}

impl<T: Literal + ?Sized> Literal for &T {
    type Element = T::Element;

    fn sizes(&self, sizes: &mut SmallVec<[usize; 6]>) {
        (**self).sizes(sizes);
    }

    fn sizes_of_none(sizes: &mut SmallVec<[usize; 6]>) {
        T::sizes_of_none(sizes);
    }

    fn elements(&self, sizes: &[usize], elements: &mut Vec<T::Element>) -> Result<(), String> {
        (**self).elements(sizes, elements)
    }
}

pub(crate) fn literal_array<T: Literal>(literal: &T) -> Result<Array, String> {
    let mut sizes = SmallVec::new();
    literal.sizes(&mut sizes);
    let mut elements = Vec::new();
    literal.elements(&sizes, &mut elements)?;
    Array::new(&sizes[..], &elements).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scalar: impl Into<Scalar>, dtype: DType, expected: Result<f64, &str>) {
        let array = scalar.into().to_array(dtype);
        assert_eq!(array.map(|array| array.to_f64_vec()[0]), expected.map_err(String::from));
    }

    #[test]
    fn scalars_take_a_dtype_or_say_why_not() {
        check(0.5f64, DType::F32, Ok(0.5));
        check(3, DType::F32, Ok(3.0));
        check(200, DType::U8, Ok(200.0));
        check(300, DType::U8, Err("300 is out of range for u8"));
        check(-1, DType::U64, Err("-1 is out of range for u64"));
        check(1e300, DType::F32, Err("1e300 is out of range for f32"));
        check(f64::INFINITY, DType::F32, Ok(f64::INFINITY));
        check(0.1, DType::F16, Ok(0.099_975_585_937_5));
        check(f16::from_f32(0.5), DType::F32, Ok(0.5));
        check(bf16::from_f32(3.0), DType::F16, Ok(3.0));
        check(65504, DType::F16, Ok(65504.0));
        check(65520, DType::F16, Err("65520 is out of range for f16"));
        check(1e39, DType::BF16, Err("1e39 is out of range for bf16"));
        // One above the middle of two neighbours, which f64 does not hold.
        check((257u64 << 55) + 1, DType::BF16, Ok(258.0 * 2f64.powi(55)));
        check(257u64 << 55, DType::BF16, Ok(256.0 * 2f64.powi(55)));
        check(true, DType::F32, Err("the bool true does not fit elements of f32"));
        check(1, DType::Bool, Err("the integer 1 does not fit elements of bool"));
        let float = "the float 2.0 does not fit elements of i32; use .to(DType::F32) on the tensor";
        check(2.0f32, DType::I32, Err(float));
    }

    #[test]
    fn literals_have_their_nested_shape() {
        #[track_caller]
        fn check(literal: impl Literal, expected: &[usize]) {
            assert_eq!(literal_array(&literal).unwrap().shape().sizes(), expected);
        }
        check(1.0f32, &[]);
        check([[1i64, 2, 3], [4, 5, 6]], &[2, 3]);
        check(vec![vec![true]], &[1, 1]);
        check(Vec::<[f32; 4]>::new(), &[0, 4]);
        check(&[1u8, 2][..], &[2]);
        let ragged = literal_array(&vec![vec![1], vec![2, 3]]).unwrap_err();
        assert_eq!(ragged, "ragged: one part has 1 elements, another 2");
    }
}

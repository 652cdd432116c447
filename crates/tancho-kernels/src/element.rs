//! Element types, and the definition of a matrix product's bits.
//!
//! [`ElementType`] is the type as a value, for callers that know it at run time only; [`Element`] is the same as a trait.
//! [`reference_dot`] is the definition of one element of a product: every kernel of this crate gives its bits.

/// The type of a matrix's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl ElementType {
    /// All element types.
    pub const ALL: [ElementType; 10] = [
        ElementType::F32,
        ElementType::F64,
        ElementType::I8,
        ElementType::I16,
        ElementType::I32,
        ElementType::I64,
        ElementType::U8,
        ElementType::U16,
        ElementType::U32,
        ElementType::U64,
    ];

    /// The size of an element in bytes, which is its alignment too.
    pub const fn size(self) -> usize {
        match self {
            ElementType::I8 | ElementType::U8 => 1,
            ElementType::I16 | ElementType::U16 => 2,
            ElementType::F32 | ElementType::I32 | ElementType::U32 => 4,
            ElementType::F64 | ElementType::I64 | ElementType::U64 => 8,
        }
    }

    /// The length of a block of the contracted dimension: [`Element::K_BLOCK`] of this type.
    pub const fn k_block(self) -> usize {
        match self {
            ElementType::F32 => f32::K_BLOCK,
            ElementType::F64 => f64::K_BLOCK,
            ElementType::I8 | ElementType::U8 => u8::K_BLOCK,
            ElementType::I16 | ElementType::U16 => u16::K_BLOCK,
            ElementType::I32 | ElementType::U32 => u32::K_BLOCK,
            ElementType::I64 | ElementType::U64 => u64::K_BLOCK,
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A type of which matrices can be multiplied.
pub trait Element: sealed::Sealed + Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// This type as a value.
    const TYPE: ElementType;
    /// The length of a block of the contracted dimension. It is part of the definition of a product's bits, so it is the
    /// same for all instruction sets. A block of a packed panel of a 256-bit kernel then has
    /// 16 KiB and leaves room in a first-level cache of 32 KiB.
    const K_BLOCK: usize;
    /// Zero; `+0.0` for floats.
    const ZERO: Self;

    /// `self * factor + addend`: rounded once for floats (a fused multiply-add), modulo 2 to the power of the width for
    /// integers.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `self + addend`: modulo 2 to the power of the width for integers.
    fn add(self, addend: Self) -> Self;
}

macro_rules! float_element {
    ($type:ident, $variant:ident) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const TYPE: ElementType = ElementType::$variant;
            const K_BLOCK: usize = 256;
            const ZERO: Self = 0.0;

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                $type::mul_add(self, factor, addend)
            }

            #[inline(always)]
            fn add(self, addend: Self) -> Self {
                self + addend
            }
        }
    };
}

macro_rules! integer_element {
    ($type:ident, $variant:ident) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const TYPE: ElementType = ElementType::$variant;
            const K_BLOCK: usize = 256;
            const ZERO: Self = 0;

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                self.wrapping_mul(factor).wrapping_add(addend)
            }

            #[inline(always)]
            fn add(self, addend: Self) -> Self {
                self.wrapping_add(addend)
            }
        }
    };
}

float_element!(f32, F32);
float_element!(f64, F64);
integer_element!(i8, I8);
integer_element!(i16, I16);
integer_element!(i32, I32);
integer_element!(i64, I64);
integer_element!(u8, U8);
integer_element!(u16, U16);
integer_element!(u32, U32);
integer_element!(u64, U64);

/// One element of a product, by definition: `lhs(p)` is `a[i, p]` and `rhs(p)` is `b[p, j]` for `p < k`.
///
/// # Numerics
/// Within a block of [`Element::K_BLOCK`] values of `p`, one chain of fused multiply-adds in ascending order that starts
/// from `+0.0`; the sums of the blocks are added in ascending order, starting from the sum of the first block. The result
/// for `k = 0` is `+0.0`.
pub fn reference_dot<T: Element>(k: usize, lhs: impl Fn(usize) -> T, rhs: impl Fn(usize) -> T) -> T {
    let sum_of_block = |first: usize| {
        let end = k.min(first + T::K_BLOCK);
        (first..end).fold(T::ZERO, |sum, p| lhs(p).mul_add(rhs(p), sum))
    };
    let further_blocks = (T::K_BLOCK..k).step_by(T::K_BLOCK);
    further_blocks.fold(sum_of_block(0), |sum, first| sum.add(sum_of_block(first)))
}

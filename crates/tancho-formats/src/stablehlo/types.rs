//! The types of the text form: tensors, tuples, tokens, functions.

use std::fmt;
use std::sync::Arc;

use tancho_tensor::DType;

use super::attribute::Attribute;

/// A type. Cloning one is cheap: what is large is shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// `tensor<4x?xf32>`.
    Tensor(TensorType),
    /// `tensor<*xf32>`.
    UnrankedTensor(ElementType),
    /// `tuple<tensor<f32>, tensor<i32>>`.
    Tuple(Arc<[Type]>),
    /// `!stablehlo.token`.
    Token,
    /// `(tensor<f32>) -> tensor<f32>`.
    Function(Arc<FunctionType>),
    /// An element type that stands alone: `i32`, `f32`, `index`.
    Scalar(ElementType),
    /// Any other type, as it is written: `!quant.uniform<…>`, `memref<…>`, `none`.
    Opaque(Arc<str>),
}

/// `(arguments) -> results`.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionType {
    pub arguments: Vec<Type>,
    pub results: Vec<Type>,
}

/// A ranked tensor type.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorType {
    /// One size for each dimension; `None` for `?`.
    pub dims: Arc<[Option<i64>]>,
    pub element: ElementType,
    /// What follows the comma: `#stablehlo.bounds<4, ?>`.
    pub encoding: Option<Arc<Attribute>>,
}

impl TensorType {
    pub fn new(dims: &[Option<i64>], element: ElementType) -> Self {
        TensorType { dims: dims.into(), element, encoding: None }
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// All sizes, where all are known.
    pub fn static_dims(&self) -> Option<Vec<i64>> {
        self.dims.iter().copied().collect()
    }

    /// The number of elements, where all sizes are known and the product fits.
    pub fn element_count(&self) -> Option<usize> {
        let mut count = 1usize;
        let mut any_zero = false;
        for dim in self.dims.iter() {
            let size = usize::try_from((*dim)?).ok()?;
            any_zero |= size == 0;
            count = if any_zero { 0 } else { count.checked_mul(size)? };
        }
        Some(count)
    }

    /// A tensor of the same sizes with other elements, without the encoding.
    pub fn with_element(&self, element: ElementType) -> Self {
        TensorType { dims: self.dims.clone(), element, encoding: None }
    }
}

macro_rules! element_types {
    ($($variant:ident $name:literal $size:literal,)*) => {
        /// The type of a tensor's elements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ElementType {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl ElementType {
            /// Every element type, in declaration order.
            pub const ALL: &'static [ElementType] = &[$(ElementType::$variant),*];

            /// As it is written: `f32`, `ui8`, `complex<f32>`.
            pub const fn name(self) -> &'static str {
                match self { $(ElementType::$variant => $name,)* }
            }

            /// The bytes that one element takes in a decoded constant; a type of less than 8 bits takes 1.
            ///
            /// 0 for types whose constants are not decoded.
            pub const fn size(self) -> usize {
                match self { $(ElementType::$variant => $size,)* }
            }
        }
    };
}

element_types! {
    I1 "i1" 1, I2 "i2" 1, I4 "i4" 1, I8 "i8" 1, I16 "i16" 2, I32 "i32" 4, I64 "i64" 8,
    UI2 "ui2" 1, UI4 "ui4" 1, UI8 "ui8" 1, UI16 "ui16" 2, UI32 "ui32" 4, UI64 "ui64" 8,
    Index "index" 8,
    F4E2M1FN "f4E2M1FN" 1, F6E2M3FN "f6E2M3FN" 1, F6E3M2FN "f6E3M2FN" 1,
    F8E3M4 "f8E3M4" 1, F8E4M3 "f8E4M3" 1, F8E4M3FN "f8E4M3FN" 1, F8E4M3FNUZ "f8E4M3FNUZ" 1,
    F8E4M3B11FNUZ "f8E4M3B11FNUZ" 1, F8E5M2 "f8E5M2" 1, F8E5M2FNUZ "f8E5M2FNUZ" 1, F8E8M0FNU "f8E8M0FNU" 1,
    BF16 "bf16" 2, F16 "f16" 2, TF32 "tf32" 4, F32 "f32" 4, F64 "f64" 8,
    ComplexF32 "complex<f32>" 8, ComplexF64 "complex<f64>" 16,
    Quantized "!quant.uniform" 0, Other "other" 0,
}

impl ElementType {
    /// The dtype of Tancho with the same values, where there is one.
    pub const fn dtype(self) -> Option<DType> {
        Some(match self {
            ElementType::I1 => DType::Bool,
            ElementType::I8 => DType::I8,
            ElementType::I16 => DType::I16,
            ElementType::I32 => DType::I32,
            ElementType::I64 => DType::I64,
            ElementType::UI8 => DType::U8,
            ElementType::UI16 => DType::U16,
            ElementType::UI32 => DType::U32,
            ElementType::UI64 => DType::U64,
            ElementType::F16 => DType::F16,
            ElementType::BF16 => DType::BF16,
            ElementType::F32 => DType::F32,
            ElementType::F64 => DType::F64,
            _ => return None,
        })
    }

    pub const fn is_complex(self) -> bool {
        matches!(self, ElementType::ComplexF32 | ElementType::ComplexF64)
    }

    /// The type of the real part of a complex type; any other type is its own.
    pub const fn part(self) -> Self {
        match self {
            ElementType::ComplexF32 => ElementType::F32,
            ElementType::ComplexF64 => ElementType::F64,
            other => other,
        }
    }

    /// The element type of this name; a complex type is not one name.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |element: &&ElementType| !matches!(element, ElementType::Quantized | ElementType::Other);
        ElementType::ALL.iter().filter(named).find(|element| element.name() == name).copied()
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensor<")?;
        for dim in self.dims.iter() {
            match dim {
                Some(size) => write!(f, "{size}x")?,
                None => f.write_str("?x")?,
            }
        }
        write!(f, "{}>", self.element)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Tensor(tensor) => tensor.fmt(f),
            Type::UnrankedTensor(element) => write!(f, "tensor<*x{element}>"),
            Type::Tuple(types) => {
                f.write_str("tuple<")?;
                write_list(f, types)?;
                f.write_str(">")
            }
            Type::Token => f.write_str("!stablehlo.token"),
            Type::Function(function) => {
                f.write_str("(")?;
                write_list(f, &function.arguments)?;
                f.write_str(") -> (")?;
                write_list(f, &function.results)?;
                f.write_str(")")
            }
            Type::Scalar(element) => element.fmt(f),
            Type::Opaque(text) => f.write_str(text),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, types: &[Type]) -> fmt::Result {
    for (index, item) in types.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

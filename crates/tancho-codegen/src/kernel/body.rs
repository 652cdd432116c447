//! The body of a kernel: a straight-line list of scalar instructions in SSA form, the same for every emitter.
//!
//! An instruction is a function of one point of the kernel's loops; an emitter evaluates it for many points at once. Bodies
//! have only operations whose result is defined to the last bit (IEEE 754 arithmetic, comparisons, bit and integer
//! operations), so that every vector width, the scalar tail and [`evaluate`](super::evaluate) give the same bits. Elementary
//! functions are expanded into them (see [`math`](crate::math)).
//!
//! A [`Body`] is built through its methods, which fold what is constant and merge equal instructions; an instruction refers
//! only to earlier ones.

use std::collections::HashMap;

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

/// An instruction of a body, and the value that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(pub u32);

impl Scalar {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What computes one scalar value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// The bits of a constant, zero-extended; a `bool` is 0 or 1.
    Constant(u64),
    /// The element of the kernel's access of this number at the current point.
    Load(u32),
    /// The result of the kernel's reduction of this number, for the current row.
    Reduced(u32),
    /// The current index along a dimension of the kernel, as `i64`.
    Index(u32),
    /// A size of the kernel's argument block, as `i64`.
    Size(u32),
    Unary(Unary, Scalar),
    Binary(Binary, Scalar, Scalar),
    /// `a·b + c` with one rounding. Floats.
    Fma(Scalar, Scalar, Scalar),
    /// Ordered comparison of floats (false with NaN, but for `ne`) or of integers by the signedness of their dtype.
    Compare(Comparison, Scalar, Scalar),
    /// The second where the first (a `bool`) is true, else the third.
    Select(Scalar, Scalar, Scalar),
    /// Converts to the instruction's dtype as the op `convert` does.
    Convert(Scalar),
    /// The same bits as another dtype of the same size (not `bool`).
    Bitcast(Scalar),
    /// Calls a function for each lane where `condition` is true; the other lanes are `otherwise`. Emitters skip the call
    /// where no lane needs it, so that rare cases cost a test.
    Call {
        function: LaneFunction,
        arguments: [Scalar; 2],
        condition: Scalar,
        otherwise: Scalar,
    },
}

/// Operations of one value; operand and result have one dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// Flips the sign bit of a float; the two's complement of an integer.
    Negate,
    /// Clears the sign bit of a float; the absolute value of a signed integer, wrapping.
    Abs,
    /// Floats; correctly rounded, as are the four that follow.
    Sqrt,
    Ceil,
    Floor,
    Truncate,
    /// To the nearest integer, halves to even.
    Nearest,
    /// The complement of the bits of an integer, or of a `bool`.
    Not,
    /// Integers.
    CountLeadingZeros,
    /// Integers.
    PopulationCount,
}

/// Operations of two values of one dtype, which is that of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// Integers wrap, in these three.
    Add,
    Subtract,
    Multiply,
    /// Integers: `x / 0` is −1 (all ones), `MIN / −1` is `MIN`.
    Divide,
    /// Integers only: `x % 0` is `x`, `MIN % −1` is 0.
    Remainder,
    /// IEEE 754-2019 `minimum`: NaN if either is NaN, −0 is less than +0. Also integers and `bool`.
    Minimum,
    Maximum,
    /// Integers and `bool`.
    And,
    Or,
    Xor,
    /// Integers. An amount (of the same dtype) that is negative or at least the width gives 0; the arithmetic shift to the
    /// right gives 0 or −1 by the top bit.
    ShiftLeft,
    ShiftRightArithmetic,
    ShiftRightLogical,
}

/// Functions that no straight-line expansion computes, called for each lane; they live in `tancho_kernels::scalar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneFunction {
    /// `x − trunc(x / y)·y`, exactly.
    RemainderF32,
    RemainderF64,
    /// Integer powers, modulo 2⁶⁴, as the op `power` has them, signed and unsigned.
    PowerI64,
    PowerU64,
    /// Of arguments (the first; the second is ignored) too large for the expansion's range reduction.
    SineF64,
    CosineF64,
    TanF64,
    SineF32,
    CosineF32,
    TanF32,
}

/// A straight-line program over scalars.
#[derive(Clone, Debug, Default)]
pub struct Body {
    instructions: Vec<(Instruction, DType)>,
    known: HashMap<(Instruction, DType), Scalar>,
}

/// The known instructions are derived from the list.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.instructions == other.instructions
    }
}

impl Body {
    pub fn new() -> Self {
        Body::default()
    }

    pub fn len(&self) -> usize {
        self.instructions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }

    pub fn instruction(&self, value: Scalar) -> Instruction {
        self.instructions[value.index()].0
    }

    pub fn dtype(&self, value: Scalar) -> DType {
        self.instructions[value.index()].1
    }

    /// The instructions with the values that they make, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Scalar, Instruction, DType)> + ExactSizeIterator + '_ {
        self.instructions
            .iter()
            .enumerate()
            .map(|(index, &(instruction, dtype))| (Scalar(index as u32), instruction, dtype))
    }

    /// Adds an instruction, or gives the equal one that is there.
    pub fn push(&mut self, instruction: Instruction, dtype: DType) -> Scalar {
        let next = Scalar(self.instructions.len() as u32);
        let value = *self.known.entry((instruction, dtype)).or_insert(next);
        if value == next {
            self.instructions.push((instruction, dtype));
        }
        value
    }

    /// The bits of a constant.
    pub fn as_constant(&self, value: Scalar) -> Option<u64> {
        match self.instruction(value) {
            Instruction::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    pub fn constant_bits(&mut self, bits: u64, dtype: DType) -> Scalar {
        self.push(Instruction::Constant(bits), dtype)
    }

    /// A floating constant of a dtype, rounded to it.
    ///
    /// # Panics
    /// The dtype is no float.
    pub fn float(&mut self, value: f64, dtype: DType) -> Scalar {
        match dtype {
            DType::F32 => self.constant_bits(u64::from((value as f32).to_bits()), dtype),
            DType::F64 => self.constant_bits(value.to_bits(), dtype),
            other => panic!("{other} is not a floating dtype"),
        }
    }

    /// An integer constant of a dtype, with its low bits; of `bool`, whether it differs from zero.
    ///
    /// # Panics
    /// The dtype is a float.
    pub fn integer(&mut self, value: i64, dtype: DType) -> Scalar {
        let bits = match dtype {
            DType::Bool => u64::from(value != 0),
            DType::F32 | DType::F64 => panic!("{dtype} is not an integer dtype"),
            _ => value as u64 & (u64::MAX >> (64 - dtype.bits())),
        };
        self.constant_bits(bits, dtype)
    }

    pub fn unary(&mut self, operation: Unary, x: Scalar) -> Scalar {
        self.push(Instruction::Unary(operation, x), self.dtype(x))
    }

    pub fn binary(&mut self, operation: Binary, x: Scalar, y: Scalar) -> Scalar {
        debug_assert_eq!(self.dtype(x), self.dtype(y), "{operation:?} takes operands of one dtype");
        self.push(Instruction::Binary(operation, x, y), self.dtype(x))
    }

    pub fn add(&mut self, x: Scalar, y: Scalar) -> Scalar {
        self.binary(Binary::Add, x, y)
    }

    pub fn subtract(&mut self, x: Scalar, y: Scalar) -> Scalar {
        self.binary(Binary::Subtract, x, y)
    }

    pub fn multiply(&mut self, x: Scalar, y: Scalar) -> Scalar {
        self.binary(Binary::Multiply, x, y)
    }

    pub fn divide(&mut self, x: Scalar, y: Scalar) -> Scalar {
        self.binary(Binary::Divide, x, y)
    }

    /// `x·y + z` with one rounding.
    pub fn fma(&mut self, x: Scalar, y: Scalar, z: Scalar) -> Scalar {
        debug_assert!(self.dtype(x).is_float());
        self.push(Instruction::Fma(x, y, z), self.dtype(x))
    }

    pub fn compare(&mut self, comparison: Comparison, x: Scalar, y: Scalar) -> Scalar {
        debug_assert_eq!(self.dtype(x), self.dtype(y));
        self.push(Instruction::Compare(comparison, x, y), DType::Bool)
    }

    pub fn select(&mut self, condition: Scalar, on_true: Scalar, on_false: Scalar) -> Scalar {
        debug_assert_eq!(self.dtype(on_true), self.dtype(on_false));
        match self.as_constant(condition) {
            Some(0) => on_false,
            Some(_) => on_true,
            None if on_true == on_false => on_true,
            None => self.push(Instruction::Select(condition, on_true, on_false), self.dtype(on_true)),
        }
    }

    pub fn convert(&mut self, x: Scalar, dtype: DType) -> Scalar {
        if self.dtype(x) == dtype { x } else { self.push(Instruction::Convert(x), dtype) }
    }

    pub fn bitcast(&mut self, x: Scalar, dtype: DType) -> Scalar {
        debug_assert_eq!(self.dtype(x).size(), dtype.size());
        if self.dtype(x) == dtype { x } else { self.push(Instruction::Bitcast(x), dtype) }
    }

    pub fn call(
        &mut self,
        function: LaneFunction,
        arguments: [Scalar; 2],
        condition: Scalar,
        otherwise: Scalar,
    ) -> Scalar {
        let dtype = self.dtype(otherwise);
        self.push(Instruction::Call { function, arguments, condition, otherwise }, dtype)
    }
}

impl Instruction {
    /// The instruction with other values in the place of those that it reads.
    pub fn with_operands(self, of: impl Fn(Scalar) -> Scalar) -> Instruction {
        match self {
            Instruction::Constant(_)
            | Instruction::Load(_)
            | Instruction::Reduced(_)
            | Instruction::Index(_)
            | Instruction::Size(_) => self,
            Instruction::Unary(operation, x) => Instruction::Unary(operation, of(x)),
            Instruction::Binary(operation, x, y) => Instruction::Binary(operation, of(x), of(y)),
            Instruction::Fma(x, y, z) => Instruction::Fma(of(x), of(y), of(z)),
            Instruction::Compare(comparison, x, y) => Instruction::Compare(comparison, of(x), of(y)),
            Instruction::Select(x, y, z) => Instruction::Select(of(x), of(y), of(z)),
            Instruction::Convert(x) => Instruction::Convert(of(x)),
            Instruction::Bitcast(x) => Instruction::Bitcast(of(x)),
            Instruction::Call { function, arguments: [x, y], condition, otherwise } => Instruction::Call {
                function,
                arguments: [of(x), of(y)],
                condition: of(condition),
                otherwise: of(otherwise),
            },
        }
    }

    /// The values that the instruction reads.
    pub fn operands(&self) -> impl Iterator<Item = Scalar> {
        let operands: [Option<Scalar>; 4] = match *self {
            Instruction::Constant(_)
            | Instruction::Load(_)
            | Instruction::Reduced(_)
            | Instruction::Index(_)
            | Instruction::Size(_) => [None; 4],
            Instruction::Unary(_, x) | Instruction::Convert(x) | Instruction::Bitcast(x) => [Some(x), None, None, None],
            Instruction::Binary(_, x, y) | Instruction::Compare(_, x, y) => [Some(x), Some(y), None, None],
            Instruction::Fma(x, y, z) | Instruction::Select(x, y, z) => [Some(x), Some(y), Some(z), None],
            Instruction::Call { arguments: [x, y], condition, otherwise, .. } => {
                [Some(x), Some(y), Some(condition), Some(otherwise)]
            }
        };
        operands.into_iter().flatten()
    }
}

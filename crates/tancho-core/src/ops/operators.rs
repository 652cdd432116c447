//! `+ - * / % & | ^ << >>` and unary `-` and `!`, with tensors and Rust scalars on both sides.
//!
//! A tensor that stands there by value is given to the operation, so that its memory may become the result's.
//!
//! A literal on the left has a type that Rust finds out late, so that a method on the result needs the tensor first, or
//! the type: `(&x * 2.0).sum(..)` or `(2f64 * &x).sum(..)`.

use std::ops::{
    Add, AddAssign, BitAnd, BitOr, BitXor, Div, DivAssign, Mul, MulAssign, Neg, Not, Rem, Shl, Shr, Sub, SubAssign,
};

use tancho_ir::ops::{BinaryOp, UnaryOp};
use tancho_tensor::{bf16, f16};

use super::elementwise::binary;
use crate::apply::{Attributes, apply};
use crate::operand::{AsTensor, Operand};
use crate::tensor::{Repr, Tensor, nothing};
use crate::variable::Variable;

macro_rules! operators {
    ($($Trait:ident $method:ident $name:literal $Op:ident;)*) => {$(
        impl<R: AsTensor> $Trait<R> for Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: R) -> Tensor {
                binary($name, BinaryOp::$Op, Operand::Give(self), right.into_operand())
            }
        }

        impl<R: AsTensor> $Trait<R> for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: R) -> Tensor {
                binary($name, BinaryOp::$Op, Operand::Lend(self), right.into_operand())
            }
        }

        impl<R: AsTensor> $Trait<R> for &Variable {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: R) -> Tensor {
                binary($name, BinaryOp::$Op, Operand::Lend(self), right.into_operand())
            }
        }

        operators!(@left $Trait $method $name $Op
            f16 bf16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 usize bool);
    )*};
    (@left $Trait:ident $method:ident $name:literal $Op:ident $($Scalar:ident)*) => {$(
        impl $Trait<Tensor> for $Scalar {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: Tensor) -> Tensor {
                binary($name, BinaryOp::$Op, self.into_operand(), Operand::Give(right))
            }
        }

        impl $Trait<&Tensor> for $Scalar {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: &Tensor) -> Tensor {
                binary($name, BinaryOp::$Op, self.into_operand(), Operand::Lend(right))
            }
        }

        impl $Trait<&Variable> for $Scalar {
            type Output = Tensor;

            #[track_caller]
            fn $method(self, right: &Variable) -> Tensor {
                binary($name, BinaryOp::$Op, self.into_operand(), Operand::Lend(right))
            }
        }
    )*};
}
operators! {
    Add add "add" Add;
    Sub sub "subtract" Subtract;
    Mul mul "multiply" Multiply;
    Div div "divide" Divide;
    Rem rem "remainder" Remainder;
    BitAnd bitand "and" And;
    BitOr bitor "or" Or;
    BitXor bitxor "xor" Xor;
}

/// Shifts left; by the width or more gives 0. Integers.
impl<R: AsTensor> Shl<R> for Tensor {
    type Output = Tensor;

    #[track_caller]
    fn shl(self, right: R) -> Tensor {
        binary("shift_left", BinaryOp::ShiftLeft, Operand::Give(self), right.into_operand())
    }
}

/// Shifts left; by the width or more gives 0. Integers.
impl<R: AsTensor> Shl<R> for &Tensor {
    type Output = Tensor;

    #[track_caller]
    fn shl(self, right: R) -> Tensor {
        binary("shift_left", BinaryOp::ShiftLeft, Operand::Lend(self), right.into_operand())
    }
}

/// Shifts right; keeps the sign of signed integers. By the width or more gives 0 or −1. Integers.
impl<R: AsTensor> Shr<R> for Tensor {
    type Output = Tensor;

    #[track_caller]
    fn shr(self, right: R) -> Tensor {
        shift_right(Operand::Give(self), right.into_operand())
    }
}

/// Shifts right; keeps the sign of signed integers. By the width or more gives 0 or −1. Integers.
impl<R: AsTensor> Shr<R> for &Tensor {
    type Output = Tensor;

    #[track_caller]
    fn shr(self, right: R) -> Tensor {
        shift_right(Operand::Lend(self), right.into_operand())
    }
}

/// As in Rust, the dtype says whether the sign is kept.
#[track_caller]
fn shift_right(left: Operand<'_>, right: Operand<'_>) -> Tensor {
    apply("shift_right", Attributes::none(), [left, right], &|builder, values| {
        let signed = builder.dtype(values[0]).is_signed();
        let op = if signed { BinaryOp::ShiftRightArithmetic } else { BinaryOp::ShiftRightLogical };
        builder.binary(op, values[0], values[1])
    })
}

macro_rules! assignments {
    ($($Trait:ident $method:ident $name:literal $Op:ident;)*) => {$(
        impl<R: AsTensor> $Trait<R> for Tensor {
            #[track_caller]
            fn $method(&mut self, right: R) {
                let left = std::mem::replace(self, Tensor(Repr::Value(nothing())));
                *self = binary($name, BinaryOp::$Op, Operand::Give(left), right.into_operand());
            }
        }
    )*};
}
assignments! {
    AddAssign add_assign "add" Add;
    SubAssign sub_assign "subtract" Subtract;
    MulAssign mul_assign "multiply" Multiply;
    DivAssign div_assign "divide" Divide;
}

macro_rules! unary {
    ($($Trait:ident $method:ident $name:literal $Op:ident;)*) => {$(
        impl $Trait for Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self) -> Tensor {
                apply($name, Attributes::none(), [Operand::Give(self)], &|builder, values| {
                    builder.unary(UnaryOp::$Op, values[0])
                })
            }
        }

        impl $Trait for &Tensor {
            type Output = Tensor;

            #[track_caller]
            fn $method(self) -> Tensor {
                apply($name, Attributes::none(), [Operand::Lend(self)], &|builder, values| {
                    builder.unary(UnaryOp::$Op, values[0])
                })
            }
        }

        impl $Trait for &Variable {
            type Output = Tensor;

            #[track_caller]
            fn $method(self) -> Tensor {
                let tensor: &Tensor = self;
                $Trait::$method(tensor)
            }
        }
    )*};
}
unary! {
    Neg neg "negate" Negate;
    Not not "not" Not;
}

//! Elementwise ops; what they do to one element stands in `scalar.rs`.

use tancho_ir::ops::{BinaryOp, Comparison, ElementwiseOp, UnaryOp};
use tancho_tensor::{Array, DType, Element, with_element};

use crate::precision::reduce_precision;
use crate::scalar::{ConvertTo, Scalar};
use crate::value::{Failure, elements, fill};

pub(crate) fn evaluate(op: ElementwiseOp, operands: &[Array]) -> Result<Array, Failure> {
    match op {
        ElementwiseOp::Unary(op) => unary(op, &operands[0]),
        ElementwiseOp::Binary(op) => binary(op, &operands[0], &operands[1]),
        ElementwiseOp::Compare(comparison) => compare(comparison, &operands[0], &operands[1]),
        ElementwiseOp::Select => select(&operands[0], &operands[1], &operands[2]),
        ElementwiseOp::Convert(dtype) => convert(dtype, &operands[0]),
        ElementwiseOp::ReducePrecision { exponent_bits, mantissa_bits } => {
            let operand = &operands[0];
            with_element!(operand.dtype(), T => {
                let x = elements::<T>(operand);
                fill(operand.shape(), |at| reduce_precision(x[at], exponent_bits, mantissa_bits))
            })
        }
        ElementwiseOp::Clamp => clamp(&operands[0], &operands[1], &operands[2]),
    }
}

fn unary(op: UnaryOp, operand: &Array) -> Result<Array, Failure> {
    with_element!(operand.dtype(), T => {
        let x = elements::<T>(operand);
        if op == UnaryOp::IsFinite {
            return fill(operand.shape(), |at| Scalar::is_finite(x[at]));
        }
        fill(operand.shape(), |at| T::unary(op, x[at]).expect("the op takes the dtype"))
    })
}

fn binary(op: BinaryOp, left: &Array, right: &Array) -> Result<Array, Failure> {
    with_element!(left.dtype(), T => {
        let (x, y) = (elements::<T>(left), elements::<T>(right));
        fill(left.shape(), |at| T::binary(op, x[at], y[at]).expect("the op takes the dtype"))
    })
}

fn compare(comparison: Comparison, left: &Array, right: &Array) -> Result<Array, Failure> {
    with_element!(left.dtype(), T => {
        let (x, y) = (elements::<T>(left), elements::<T>(right));
        fill(left.shape(), |at| holds(comparison, x[at], y[at]))
    })
}

// Rust's comparisons of floats are those of IEEE 754, which the op has.
pub(crate) fn holds<T: Element>(comparison: Comparison, x: T, y: T) -> bool {
    match comparison {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Ge => x >= y,
        Comparison::Gt => x > y,
        Comparison::Le => x <= y,
        Comparison::Lt => x < y,
    }
}

fn select(predicate: &Array, on_true: &Array, on_false: &Array) -> Result<Array, Failure> {
    let predicate = spread::<bool>(predicate);
    with_element!(on_true.dtype(), T => {
        let (x, y) = (elements::<T>(on_true), elements::<T>(on_false));
        fill(on_true.shape(), |at| if predicate(at) { x[at] } else { y[at] })
    })
}

pub(crate) fn convert(dtype: DType, operand: &Array) -> Result<Array, Failure> {
    with_element!(operand.dtype(), From => {
        let x = elements::<From>(operand);
        with_element!(dtype, To => fill(operand.shape(), |at| ConvertTo::<To>::convert(x[at])))
    })
}

fn clamp(low: &Array, operand: &Array, high: &Array) -> Result<Array, Failure> {
    with_element!(operand.dtype(), T => {
        let (low, x, high) = (spread::<T>(low), elements::<T>(operand), spread::<T>(high));
        fill(operand.shape(), |at| clamp_element(low(at), x[at], high(at)))
    })
}

pub(crate) fn clamp_element<T: Scalar>(low: T, x: T, high: T) -> T {
    let apply = |op, x, y| T::binary(op, x, y).expect("every dtype has maximum and minimum");
    apply(BinaryOp::Minimum, apply(BinaryOp::Maximum, x, low), high)
}

/// The elements by position, where a scalar stands for any number of equal ones.
fn spread<T: Element>(array: &Array) -> impl Fn(usize) -> T {
    let elements = elements::<T>(array);
    let is_scalar = array.shape().rank() == 0;
    move |at| elements[if is_scalar { 0 } else { at }]
}

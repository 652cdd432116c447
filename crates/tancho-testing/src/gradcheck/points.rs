//! Points at which an op is differentiable: within its domain, without ties, and away from where it jumps or has a corner.
//!
//! The floats of an operand are one from each of as many equal parts of a range as there are elements, in a random order, so
//! that no two are close; numbers near multiples of one half are moved away from them, where rounding, signs and absolute
//! values have their corners. (16-bit floats are rounded and do have ties.)

use tancho_ir::ops::{BinaryOp, ControlOp, ElementwiseOp, LinalgOp, ReduceKind, ShapeOp, UnaryOp};
use tancho_ir::{Op, TensorType};
use tancho_tensor::{Array, DType, Shape, with_element};

use crate::samples::Sample;
use crate::values::{Flavour, Generator, array};

use super::narrow;

/// Operands for a sample, at a point where it is differentiable.
///
/// # Panics
/// A size is not known.
pub fn arguments(sample: &Sample, seed: u64) -> Vec<Array> {
    arguments_of(&sample.op, &sample.operands, seed)
}

/// As [`arguments`], of other types, whose sizes are known.
///
/// # Panics
/// A size is not known.
pub fn arguments_of(op: &Op, types: &[TensorType], seed: u64) -> Vec<Array> {
    draw(types, seed, |position, shape, seed| {
        let range = range_of(op, position, shape.elements().unwrap_or(0));
        adapt(op, position, spread(shape, range, seed))
    })
}

/// Operands of some types, for functions that are differentiable between −2 and 2.
///
/// # Panics
/// A size is not known.
pub fn point(types: &[TensorType], seed: u64) -> Vec<Array> {
    draw(types, seed, |_, shape, seed| spread(shape, USUAL, seed))
}

fn draw(types: &[TensorType], seed: u64, floats: impl Fn(usize, &Shape, u64) -> Array) -> Vec<Array> {
    let mut arguments = Vec::with_capacity(types.len());
    for (position, of) in types.iter().enumerate() {
        let shape = of.known_shape().expect("the sizes of a test are known");
        let seed = seed.wrapping_mul(31).wrapping_add(position as u64);
        arguments.push(match of.dtype {
            dtype if dtype.is_float() => narrow(&floats(position, &shape, seed), dtype),
            DType::Bool => array(of.dtype, &shape, Flavour::Tame, seed),
            dtype => integers(dtype, &shape, seed),
        });
    }
    arguments
}

/// Whether the gradient of an op is what differences show.
pub fn has_finite_differences(op: &Op) -> bool {
    match op {
        // A step from one number to the next, or many small ones, whose gradient is taken to be that of a line.
        Op::Elementwise(ElementwiseOp::ReducePrecision { .. } | ElementwiseOp::Binary(BinaryOp::NextAfter)) => false,
        // Not for numbers, but for bits; not by intention; not known.
        Op::Shape(ShapeOp::BitcastConvert { .. }) | Op::Control(ControlOp::StopGradient | ControlOp::CustomCall(_)) => {
            false
        }
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Reduce(_)
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::Fold(_)
        | Op::Index(_)
        | Op::Random(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Effect(_) => true,
    }
}

const USUAL: [f64; 2] = [-2.0, 2.0];

/// Where the elements of an operand lie.
fn range_of(op: &Op, position: usize, elements: usize) -> [f64; 2] {
    match op {
        Op::Elementwise(ElementwiseOp::Unary(op)) => match op {
            UnaryOp::Acos | UnaryOp::Asin | UnaryOp::Atanh | UnaryOp::ErfInv => [-0.9, 0.9],
            UnaryOp::Acosh => [1.2, 3.0],
            UnaryOp::Cbrt | UnaryOp::Digamma | UnaryOp::Lgamma | UnaryOp::Log | UnaryOp::Rsqrt | UnaryOp::Sqrt => {
                [0.3, 3.0]
            }
            UnaryOp::LogPlusOne => [-0.7, 2.0],
            UnaryOp::Tan => [-1.2, 1.2],
            _ => USUAL,
        },
        Op::Elementwise(ElementwiseOp::Binary(op)) => match (op, position) {
            (BinaryOp::Divide | BinaryOp::Remainder, 1) | (BinaryOp::Power, 0) => [0.5, 2.0],
            _ => USUAL,
        },
        Op::Elementwise(ElementwiseOp::Clamp) => match position {
            0 => [-1.5, -0.5],
            2 => [0.5, 1.5],
            _ => USUAL,
        },
        Op::Reduce(op) if op.kind == ReduceKind::Product => {
            let width = 1.0 / (elements.max(4) as f64).sqrt();
            [1.0 - width, 1.0 + width]
        }
        _ => USUAL,
    }
}

/// Elements in a range, no two of them close.
fn spread(shape: &Shape, [low, high]: [f64; 2], seed: u64) -> Array {
    let count = shape.elements().expect("the shape of a test fits memory");
    let mut generator = Generator::new(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        order.swap(place, generator.below(place + 1));
    }
    let elements: Vec<f64> = order
        .into_iter()
        .map(|part| {
            let x = low + (high - low) * (part as f64 + 0.3 + 0.4 * generator.unit()) / count as f64;
            let distance = 2.0 * x - (2.0 * x).round();
            // Less than what lies between two elements, where these are not thousands.
            if distance.abs() < 4e-4 { x + 4e-4 } else { x }
        })
        .collect();
    Array::new(shape.clone(), &elements).expect("memory for a test")
}

/// Matrices that have a factor, and triangles that can be solved with.
fn adapt(op: &Op, position: usize, x: Array) -> Array {
    let Op::Linalg(op) = op else { return x };
    let rank = x.shape().rank();
    let n = x.shape()[rank - 1];
    if position == 1 {
        return x;
    }
    let (shrink, diagonal) = match op {
        LinalgOp::Cholesky { .. } => (0.5, n as f64 + 1.0),
        LinalgOp::TriangularSolve { .. } => (1.0 / n.max(1) as f64, 2.5),
    };
    let elements: Vec<f64> = x
        .to_f64_vec()
        .into_iter()
        .enumerate()
        .map(|(place, x)| {
            let (row, column) = (place / n % n, place % n);
            if row == column { diagonal + 0.2 * x } else { shrink * x }
        })
        .collect();
    Array::new(x.shape().clone(), &elements).expect("memory for a test")
}

/// Small whole numbers: as indices, some lie outside of small operands.
fn integers(dtype: DType, shape: &Shape, seed: u64) -> Array {
    let mut generator = Generator::new(seed);
    let least = if dtype.is_signed() { -3 } else { 0 };
    let count = shape.elements().expect("the shape of a test fits memory");
    let numbers: Vec<i64> = (0..count).map(|_| generator.below(11) as i64 + least).collect();
    macro_rules! of {
        ($($name:ident => $t:ty),*) => {
            match dtype {
                $(DType::$name => Array::new(shape.clone(), &numbers.iter().map(|&x| x as $t).collect::<Vec<_>>()),)*
                _ => with_element!(dtype, T => Array::new(shape.clone(), &vec![<T>::default(); count])),
            }
        };
    }
    of!(I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64)
        .expect("memory for a test")
}

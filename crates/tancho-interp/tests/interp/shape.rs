use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, Op};
use tancho_tensor::{Array, DType, Element, with_element};

use super::{array, check, evaluate, vector};

fn dims<const N: usize>(sizes: [i64; N]) -> Dims {
    sizes.into_iter().map(Dim::known).collect()
}

fn op(op: ShapeOp) -> Op {
    Op::Shape(op)
}

/// 0, 1, 2, … in a shape.
fn counted<const N: usize>(shape: [usize; N]) -> Array {
    array(shape, &(0..shape.iter().product::<usize>() as i32).collect::<Vec<_>>())
}

#[test]
fn constants_are_themselves() {
    for array in [Array::scalar(-0.0f32), vector::<bool>(&[]), counted([2, 3])] {
        check(op(ShapeOp::Constant(array.clone())), &[], array);
    }
}

#[test]
fn iota_counts_along_its_axis_in_every_dtype() {
    let iota = |dtype, sizes: [i64; 2], axis| op(ShapeOp::Iota { dtype, dims: dims(sizes), axis });
    check(iota(DType::I32, [2, 3], 0), &[], array([2, 3], &[0i32, 0, 0, 1, 1, 1]));
    check(iota(DType::I32, [2, 3], 1), &[], array([2, 3], &[0i32, 1, 2, 0, 1, 2]));
    check(iota(DType::F64, [0, 3], 1), &[], array::<f64, 2>([0, 3], &[]));
    for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::Bool) {
        let found = evaluate(iota(dtype, [1, 5], 1), &[]);
        assert_eq!(found.to_f64_vec(), [0.0, 1.0, 2.0, 3.0, 4.0], "{dtype}");
    }
    let bytes = evaluate(iota(DType::I8, [1, 300], 1), &[]);
    assert_eq!(bytes.elements::<i8>().unwrap()[127..130], [127, -128, -127]);
}

#[test]
fn dimension_size_keeps_the_low_bits() {
    let size = |dim, dtype| op(ShapeOp::DimensionSize { dim: Dim::known(dim), dtype });
    check(size(784, DType::I64), &[], Array::scalar(784i64));
    check(size(784, DType::U8), &[], Array::scalar(16u8));
}

#[test]
fn broadcast_repeats_new_axes_and_axes_of_size_one() {
    let broadcast = |sizes: &[i64], axes: &[usize]| {
        op(ShapeOp::BroadcastInDim { dims: sizes.iter().map(|&size| Dim::known(size)).collect(), axes: axes.to_vec() })
    };
    let x = vector(&[1i32, 2, 3]);
    check(broadcast(&[2, 3], &[1]), std::slice::from_ref(&x), array([2, 3], &[1i32, 2, 3, 1, 2, 3]));
    check(broadcast(&[3, 2], &[0]), &[x], array([3, 2], &[1i32, 1, 2, 2, 3, 3]));
    check(broadcast(&[2, 2], &[]), &[Array::scalar(7u8)], array([2, 2], &[7u8; 4]));
    check(broadcast(&[2, 3], &[0, 1]), &[array([2, 1], &[1i32, 2])], array([2, 3], &[1i32, 1, 1, 2, 2, 2]));
    // The axes need not be in order.
    check(broadcast(&[3, 2], &[1, 0]), &[counted([2, 3])], array([3, 2], &[0i32, 3, 1, 4, 2, 5]));
    check(broadcast(&[0, 2], &[0, 1]), &[array([1, 2], &[1i32, 2])], array::<i32, 2>([0, 2], &[]));
    check(broadcast(&[], &[]), &[Array::scalar(true)], Array::scalar(true));
}

#[test]
fn reshape_keeps_the_order() {
    let reshape = |sizes: &[i64]| op(ShapeOp::Reshape { dims: sizes.iter().map(|&size| Dim::known(size)).collect() });
    check(reshape(&[3, 2]), &[counted([2, 3])], counted([3, 2]));
    check(reshape(&[]), &[array([1, 1], &[5u8])], Array::scalar(5u8));
    check(reshape(&[0, 9]), &[array::<f32, 2>([4, 0], &[])], array::<f32, 2>([0, 9], &[]));
}

#[test]
fn transpose_permutes_the_axes() {
    let transpose = |permutation: &[usize]| op(ShapeOp::Transpose { permutation: permutation.to_vec() });
    check(transpose(&[1, 0]), &[counted([2, 3])], array([3, 2], &[0i32, 3, 1, 4, 2, 5]));
    // Axis i of the result is axis permutation[i] of the operand: sizes 2, 3, 4 become 4, 2, 3.
    let found = evaluate(transpose(&[2, 0, 1]), &[counted([2, 3, 4])]);
    assert_eq!(found.shape().sizes(), [4, 2, 3]);
    assert_eq!(found.elements::<i32>().unwrap()[..7], [0, 4, 8, 12, 16, 20, 1]);
    check(transpose(&[]), &[Array::scalar(1u64)], Array::scalar(1u64));
    check(transpose(&[1, 0]), &[array::<i8, 2>([0, 5], &[])], array::<i8, 2>([5, 0], &[]));
}

#[test]
fn slice_steps_from_start_to_below_limit() {
    let slice = |start, limit, strides: &[i64]| op(ShapeOp::Slice { start, limit, strides: strides.to_vec() });
    let x = counted([10]);
    check(slice(dims([2]), dims([9]), &[3]), std::slice::from_ref(&x), vector(&[2i32, 5, 8]));
    check(slice(dims([2]), dims([8]), &[3]), std::slice::from_ref(&x), vector(&[2i32, 5]));
    check(slice(dims([4]), dims([4]), &[1]), std::slice::from_ref(&x), vector::<i32>(&[]));
    check(slice(dims([10]), dims([10]), &[7]), std::slice::from_ref(&x), vector::<i32>(&[]));
    check(slice(dims([0]), dims([10]), &[i64::MAX]), &[x], vector(&[0i32]));
    check(slice(dims([1, 0]), dims([3, 4]), &[1, 2]), &[counted([3, 4])], array([2, 2], &[4i32, 6, 8, 10]));
    check(slice(dims([]), dims([]), &[]), &[Array::scalar(3u16)], Array::scalar(3u16));
}

#[test]
fn concatenate_puts_operands_in_a_row() {
    let concatenate = |axis| op(ShapeOp::Concatenate { axis });
    let (x, y) = (array([1, 2], &[1i32, 2]), array([2, 2], &[3i32, 4, 5, 6]));
    check(concatenate(0), &[x.clone(), y.clone()], array([3, 2], &[1i32, 2, 3, 4, 5, 6]));
    check(concatenate(1), &[y.clone(), y.clone()], array([2, 4], &[3i32, 4, 3, 4, 5, 6, 5, 6]));
    let empty = array::<i32, 2>([0, 2], &[]);
    check(concatenate(0), &[empty.clone(), x.clone(), empty.clone(), empty.clone(), y], {
        array([3, 2], &[1i32, 2, 3, 4, 5, 6])
    });
    check(concatenate(0), &[empty.clone(), empty.clone()], empty);
    check(concatenate(1), std::slice::from_ref(&x), x.clone());
}

#[track_caller]
fn check_pad(x: &[i32], (low, high, interior): (i64, i64, i64), expected: &[i32]) {
    let pad = op(ShapeOp::Pad { low: dims([low]), high: dims([high]), interior: vec![interior] });
    check(pad, &[vector(x), Array::scalar(9i32)], vector(expected));
}

#[test]
fn pad_surrounds_separates_and_cuts() {
    check_pad(&[1, 2, 3], (1, 2, 0), &[9, 1, 2, 3, 9, 9]);
    check_pad(&[1, 2, 3], (0, 0, 2), &[1, 9, 9, 2, 9, 9, 3]);
    check_pad(&[1, 2, 3], (1, 1, 1), &[9, 1, 9, 2, 9, 3, 9]);
    check_pad(&[1, 2, 3], (-1, 0, 0), &[2, 3]);
    check_pad(&[1, 2, 3], (0, -2, 0), &[1]);
    check_pad(&[1, 2, 3], (-1, -1, 1), &[9, 2, 9]);
    check_pad(&[1, 2, 3], (-2, 1, 2), &[9, 2, 9, 9, 3, 9]);
    check_pad(&[1, 2, 3], (-4, 1, 0), &[]);
    // More is cut off than there is, and put back on the other side.
    check_pad(&[1, 2, 3], (-5, 4, 0), &[9, 9]);
    check_pad(&[1, 2, 3], (4, -5, 0), &[9, 9]);
    // No elements have no gaps.
    check_pad(&[], (1, 1, 5), &[9, 9]);
    check_pad(&[], (0, 0, 5), &[]);
    check_pad(&[1], (0, 0, i64::MAX), &[1]);
}

#[test]
fn pad_works_along_several_axes() {
    let pad = op(ShapeOp::Pad { low: dims([0, 1]), high: dims([1, -1]), interior: vec![1, 0] });
    let expected = [0i32, 1, 0, 0, 0, 3, 0, 0];
    check(pad, &[array([2, 2], &[1i32, 2, 3, 4]), Array::scalar(0i32)], array([4, 2], &expected));
    let scalar = op(ShapeOp::Pad { low: dims([]), high: dims([]), interior: vec![] });
    check(scalar, &[Array::scalar(1.5f32), Array::scalar(0.0f32)], Array::scalar(1.5f32));
}

#[test]
fn reverse_turns_axes_around() {
    let reverse = |axes: &[usize]| op(ShapeOp::Reverse { axes: axes.to_vec() });
    let x = counted([2, 3]);
    check(reverse(&[1]), std::slice::from_ref(&x), array([2, 3], &[2i32, 1, 0, 5, 4, 3]));
    check(reverse(&[1, 0]), std::slice::from_ref(&x), array([2, 3], &[5i32, 4, 3, 2, 1, 0]));
    check(reverse(&[]), std::slice::from_ref(&x), x.clone());
    check(reverse(&[0]), &[vector::<bool>(&[])], vector::<bool>(&[]));
}

#[test]
fn data_moves_in_every_dtype() {
    fn sample<T: Element>(values: &[T]) -> (Array, Array) {
        let mut reversed = values.to_vec();
        reversed.reverse();
        (vector(values), vector(&reversed))
    }
    for dtype in DType::ALL {
        let (x, expected) = match dtype {
            DType::F32 => sample(&[-0.0f32, f32::NAN, f32::MIN]),
            DType::F64 => sample(&[-0.0f64, f64::NAN, f64::MIN]),
            DType::Bool => sample(&[true, false]),
            _ => with_element!(dtype, T => sample(&[T::default()])),
        };
        check(op(ShapeOp::Reverse { axes: vec![0] }), &[x], expected);
    }
}

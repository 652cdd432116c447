use tancho_ir::Op;
use tancho_ir::ops::reduce::order::{COLUMN_BLOCK, LANES, ROW_BLOCK};
use tancho_ir::ops::{ReduceKind, ReduceOp};
use tancho_tensor::{Array, DType};

use super::{array, check, vector};

fn reduce(kind: ReduceKind, axes: &[usize]) -> Op {
    Op::Reduce(ReduceOp { kind, axes: axes.to_vec() })
}

#[test]
fn every_kind_folds() {
    let x = array([2, 3], &[3i32, -1, 2, 7, 5, 6]);
    for (kind, rows, columns) in [
        (ReduceKind::Sum, [4, 18], [10, 4, 8]),
        (ReduceKind::Product, [-6, 210], [21, -5, 12]),
        (ReduceKind::Max, [3, 7], [7, 5, 6]),
        (ReduceKind::Min, [-1, 5], [3, -1, 2]),
        (ReduceKind::And, [2, 4], [3, 5, 2]),
        (ReduceKind::Or, [-1, 7], [7, -1, 6]),
        (ReduceKind::ArgMax(DType::I32), [0, 0], [1, 1, 1]),
        (ReduceKind::ArgMin(DType::I32), [1, 1], [0, 0, 0]),
    ] {
        check(reduce(kind, &[1]), std::slice::from_ref(&x), vector::<i32>(&rows));
        check(reduce(kind, &[0]), std::slice::from_ref(&x), vector::<i32>(&columns));
    }
    check(reduce(ReduceKind::Sum, &[1, 0]), std::slice::from_ref(&x), Array::scalar(22i32));
    check(reduce(ReduceKind::Sum, &[]), std::slice::from_ref(&x), x.clone());
    check(reduce(ReduceKind::Max, &[]), &[Array::scalar(2u8)], Array::scalar(2u8));
    check(reduce(ReduceKind::Sum, &[0]), &[vector(&[127i8, 1])], Array::scalar(-128i8));
    check(reduce(ReduceKind::Max, &[0]), &[vector(&[false, true])], Array::scalar(true));
    check(reduce(ReduceKind::And, &[0]), &[vector(&[false, true])], Array::scalar(false));
    let cube = array([2, 2, 2], &[1u16, 2, 3, 4, 5, 6, 7, 8]);
    check(reduce(ReduceKind::Sum, &[2, 0]), std::slice::from_ref(&cube), vector(&[14u16, 22]));
    check(reduce(ReduceKind::Sum, &[1]), &[cube], array([2, 2], &[4u16, 6, 12, 14]));
}

#[test]
fn no_elements_give_the_identity() {
    let empty = || array::<f32, 2>([2, 0], &[]);
    check(reduce(ReduceKind::Sum, &[1]), &[empty()], vector(&[0.0f32; 2]));
    check(reduce(ReduceKind::Product, &[1]), &[empty()], vector(&[1.0f32; 2]));
    check(reduce(ReduceKind::Max, &[1]), &[empty()], vector(&[f32::NEG_INFINITY; 2]));
    check(reduce(ReduceKind::Min, &[1]), &[empty()], vector(&[f32::INFINITY; 2]));
    check(reduce(ReduceKind::Sum, &[0]), &[empty()], vector::<f32>(&[]));
    check(reduce(ReduceKind::Max, &[0]), &[vector::<i8>(&[])], Array::scalar(i8::MIN));
    check(reduce(ReduceKind::Min, &[0]), &[vector::<u8>(&[])], Array::scalar(u8::MAX));
    check(reduce(ReduceKind::And, &[0]), &[vector::<i64>(&[])], Array::scalar(-1i64));
    check(reduce(ReduceKind::Or, &[0]), &[vector::<i64>(&[])], Array::scalar(0i64));
    check(reduce(ReduceKind::And, &[0]), &[vector::<bool>(&[])], Array::scalar(true));
    check(reduce(ReduceKind::Max, &[0]), &[vector::<bool>(&[])], Array::scalar(false));
    check(reduce(ReduceKind::Min, &[0]), &[vector::<bool>(&[])], Array::scalar(true));
    // The step over the innermost axis alone would have 10¹⁸ elements.
    let huge = array::<u8, 3>([1 << 30, 1 << 30, 0], &[]);
    check(reduce(ReduceKind::Sum, &[0, 1, 2]), &[huge], Array::scalar(0u8));
    let argmax = reduce(ReduceKind::ArgMax(DType::I64), &[1]);
    check(argmax, &[array::<f32, 3>([0, 3, 2], &[])], array::<i64, 2>([0, 2], &[]));
}

#[test]
fn nans_and_zeros() {
    const NAN: f32 = f32::NAN;
    check(reduce(ReduceKind::Max, &[0]), &[vector(&[1.0, NAN, 3.0])], Array::scalar(NAN));
    check(reduce(ReduceKind::Min, &[0]), &[vector(&[1.0, NAN, -f32::INFINITY])], Array::scalar(NAN));
    check(reduce(ReduceKind::Max, &[0]), &[vector(&[-0.0f32, 0.0, -0.0])], Array::scalar(0.0f32));
    check(reduce(ReduceKind::Min, &[0]), &[vector(&[0.0f64, -0.0])], Array::scalar(-0.0f64));
    check(reduce(ReduceKind::Sum, &[0]), &[vector(&[-0.0f32, -0.0])], Array::scalar(0.0f32));
    check(reduce(ReduceKind::Sum, &[0]), &[array([1, 1], &[-0.0f32])], vector(&[0.0f32]));
    check(reduce(ReduceKind::Sum, &[]), &[vector(&[-0.0f32])], vector(&[-0.0f32]));
}

#[test]
fn arg_reductions_take_the_first() {
    let argmax = |x: &[f32], expected: i64| {
        check(reduce(ReduceKind::ArgMax(DType::I64), &[0]), &[vector(x)], Array::scalar(expected));
    };
    let argmin = |x: &[f32], expected: i32| {
        check(reduce(ReduceKind::ArgMin(DType::I32), &[0]), &[vector(x)], Array::scalar(expected));
    };
    argmax(&[1.0, 3.0, 3.0], 1);
    argmax(&[-0.0, 0.0], 0);
    argmax(&[1.0, f32::INFINITY, f32::NAN, f32::NAN], 2);
    argmax(&[f32::NEG_INFINITY], 0);
    argmin(&[3.0, 1.0, 1.0], 1);
    argmin(&[0.0, -0.0], 0);
    argmin(&[f32::NEG_INFINITY, f32::NAN], 1);
    let x = array([2, 2, 2], &[1u8, 2, 3, 0, 9, 1, 8, 7]);
    check(reduce(ReduceKind::ArgMax(DType::I32), &[1]), &[x], array([2, 2], &[1i32, 0, 0, 1]));
}

/// `length` zeros but for the given elements. Next to 2²⁴, a 1 that is added alone is lost; a 2 is not.
fn sparse<const N: usize>(shape: [usize; N], elements: &[(usize, f32)]) -> Array {
    let mut values = vec![0.0; shape.iter().product()];
    elements.iter().for_each(|&(position, value)| values[position] = value);
    array(shape, &values)
}

const BIG: f32 = 16_777_216.0;

#[track_caller]
fn check_sum<const N: usize>(shape: [usize; N], axes: &[usize], elements: &[(usize, f32)], expected: f32) {
    let kept = (0..N).filter(|axis| !axes.contains(axis)).map(|_| 1).collect::<Vec<usize>>();
    let expected = Array::scalar(expected).reshape(kept).unwrap();
    check(reduce(ReduceKind::Sum, axes), &[sparse(shape, elements)], expected);
}

#[test]
fn rows_are_folded_in_lanes() {
    // The two large ones meet in lane 0 before anything else; from left to right the 1 would be lost.
    check_sum([LANES + 1], &[0], &[(0, BIG), (1, 1.0), (LANES, -BIG)], 1.0);
    check_sum([1, LANES + 1], &[1], &[(0, BIG), (1, 1.0), (LANES, -BIG)], 1.0);
    // In a column they do not.
    check_sum([LANES + 1, 1], &[0], &[(0, BIG), (1, 1.0), (LANES, -BIG)], 0.0);
}

#[test]
fn lanes_are_folded_pairwise_from_afar() {
    let (quarter, half) = (LANES / 4, LANES / 2);
    check_sum([LANES], &[0], &[(0, BIG), (quarter, 1.0), (quarter + half, 1.0)], BIG + 2.0);
    check_sum([LANES], &[0], &[(0, BIG), (1, 1.0), (2, 1.0)], BIG);
    check_sum([LANES], &[0], &[(0, BIG), (half, -BIG), (1, 1.0)], 1.0);
    // The last four are folded as neighbours.
    check_sum([LANES], &[0], &[(0, BIG), (2, 1.0), (3, 1.0)], BIG + 2.0);
    check_sum([LANES], &[0], &[(0, BIG), (1, 1.0), (3, 1.0)], BIG);
}

#[test]
fn blocks_are_folded_in_order() {
    // One block later, the large one comes after the lanes of the first block were folded.
    check_sum([ROW_BLOCK + 1], &[0], &[(0, BIG), (1, 1.0), (ROW_BLOCK, -BIG)], 0.0);
    check_sum([ROW_BLOCK + 1], &[0], &[(0, BIG), (1, 1.0), (ROW_BLOCK - LANES, -BIG)], 1.0);
    check_sum([3 * ROW_BLOCK], &[0], &[(0, BIG), (ROW_BLOCK, 1.0), (2 * ROW_BLOCK, 1.0)], BIG);
    // A block of a column begins anew.
    let (first, second) = (COLUMN_BLOCK, COLUMN_BLOCK + 1);
    check_sum([COLUMN_BLOCK + 2, 1], &[0], &[(0, BIG), (first, 1.0), (second, 1.0)], BIG + 2.0);
    check_sum([COLUMN_BLOCK + 2, 1], &[0], &[(0, BIG), (first - 1, 1.0), (first, 1.0)], BIG);
}

#[test]
fn groups_are_folded_one_after_another() {
    // Axis 2 first: 2²⁴ and 1 + 1.
    check_sum([2, 1, 2], &[0, 2], &[(0, BIG), (2, 1.0), (3, 1.0)], BIG + 2.0);
    check_sum([2, 1, 2], &[2, 0], &[(0, BIG), (2, 1.0), (3, 1.0)], BIG + 2.0);
    // Neighbours are one row of six: 0 with 4, before 1 is added.
    check_sum([2, 3], &[0, 1], &[(0, BIG), (1, 1.0), (4, -BIG)], 1.0);
    check_sum([2, 3], &[1, 0], &[(0, BIG), (1, 1.0), (4, -BIG)], 1.0);
    // Neighbours before the last axis are one column of four elements.
    check_sum([2, 2, 1], &[0, 1], &[(0, BIG), (2, 1.0), (3, 1.0)], BIG);
}

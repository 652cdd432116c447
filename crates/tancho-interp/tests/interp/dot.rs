use tancho_ir::Op;
use tancho_ir::ops::DotOp;
use tancho_ir::ops::dot::K_BLOCK;
use tancho_tensor::{Array, DType, with_element};

use super::{array, check, evaluate, vector};

#[test]
fn matrices() {
    let lhs = array([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let rhs = array([3, 2], &[1.0f32, 0.0, 0.0, 1.0, 2.0, 2.0]);
    check(Op::Dot(DotOp::matmul()), &[lhs, rhs], array([2, 2], &[7.0f32, 8.0, 16.0, 17.0]));
    let wrap = array([1, 1], &[100i8]);
    check(Op::Dot(DotOp::matmul()), &[wrap.clone(), wrap], array([1, 1], &[16i8]));
    let empty = [array::<f32, 2>([2, 0], &[]), array::<f32, 2>([0, 2], &[])];
    check(Op::Dot(DotOp::matmul()), &empty, array([2, 2], &[0.0f32; 4]));
    // A contracted size of 10¹⁸ between no rows takes no memory.
    let huge = [array::<f32, 2>([0, 1 << 60], &[]), array::<f32, 2>([1 << 60, 0], &[])];
    check(Op::Dot(DotOp::matmul()), &huge, array::<f32, 2>([0, 0], &[]));
    check(Op::Dot(DotOp::default()), &[Array::scalar(3u8), Array::scalar(5u8)], Array::scalar(15u8));
    let outer = array([2, 2], &[3i32, 4, 6, 8]);
    check(Op::Dot(DotOp::default()), &[vector(&[1i32, 2]), vector(&[3i32, 4])], outer);
}

#[test]
fn batches_and_several_contracted_axes() {
    // lhs [k, b, m] with k = 2, b = 2, m = 1; rhs [b, k, n] with n = 2.
    let op = DotOp { lhs_batch: vec![1], rhs_batch: vec![0], lhs_contract: vec![0], rhs_contract: vec![1] };
    let lhs = array([2, 2, 1], &[1i32, 2, 3, 4]);
    let rhs = array([2, 2, 2], &[1i32, 2, 3, 4, 5, 6, 7, 8]);
    // Batch 0: [1, 3]·[[1, 2], [3, 4]]; batch 1: [2, 4]·[[5, 6], [7, 8]].
    check(Op::Dot(op), &[lhs, rhs], array([2, 1, 2], &[10i32, 14, 38, 44]));
    let op = DotOp { lhs_contract: vec![0, 2], rhs_contract: vec![1, 0], ..DotOp::default() };
    let lhs = array([2, 1, 2], &[1i32, 2, 3, 4]);
    let rhs = array([2, 2], &[10i32, 20, 30, 40]);
    // lhs[i, 0, j] · rhs[j, i]
    check(Op::Dot(op), &[lhs, rhs], vector(&[10 + 2 * 30 + 3 * 20 + 4 * 40]));
    // Two batch axes, named in another order than they stand, and two free axes on the left.
    let op = DotOp { lhs_batch: vec![1, 0], rhs_batch: vec![0, 1], ..DotOp::default() };
    let lhs = array([1, 2, 2, 1], &[1i32, 2, 3, 4]);
    let rhs = array([2, 1], &[10i32, 100]);
    check(Op::Dot(op), &[lhs, rhs], array([2, 1, 2, 1], &[10i32, 20, 300, 400]));
}

#[test]
fn every_numeric_dtype() {
    for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::Bool) {
        let op =
            Op::Shape(tancho_ir::ops::ShapeOp::Iota { dtype, dims: [3usize.into()].into_iter().collect(), axis: 0 });
        let x = evaluate(op, &[]);
        let dot = DotOp { lhs_contract: vec![0], rhs_contract: vec![0], ..DotOp::default() };
        let found = evaluate(Op::Dot(dot), &[x.clone(), x]);
        assert_eq!((found.dtype(), found.to_f64_vec()), (dtype, vec![5.0]));
        with_element!(dtype, T => assert_eq!(found.elements::<T>().unwrap().len(), 1));
    }
}

const BIG: f32 = 16_777_216.0;

/// The sum of a vector, as a product with ones.
#[track_caller]
fn check_chain(elements: &[(usize, f32)], length: usize, expected: f32) {
    let mut values = vec![0.0; length];
    elements.iter().for_each(|&(position, value)| values[position] = value);
    let dot = DotOp { lhs_contract: vec![0], rhs_contract: vec![0], ..DotOp::default() };
    check(Op::Dot(dot), &[vector(&values), vector(&vec![1.0f32; length])], Array::scalar(expected));
}

#[test]
fn blocks_are_chains_that_are_added_in_order() {
    check_chain(&[(0, BIG), (1, 1.0), (2, 1.0)], 3, BIG);
    check_chain(&[(0, 1.0), (1, 1.0), (2, BIG)], 3, BIG + 2.0);
    check_chain(&[(0, BIG), (K_BLOCK, 1.0), (K_BLOCK + 1, 1.0)], K_BLOCK + 2, BIG + 2.0);
    check_chain(&[(0, BIG), (K_BLOCK - 1, 1.0), (K_BLOCK, 1.0)], K_BLOCK + 1, BIG);
    check_chain(&[(0, BIG), (K_BLOCK, 1.0), (2 * K_BLOCK, 1.0)], 3 * K_BLOCK, BIG);
    check_chain(&[(0, -0.0)], 1, 0.0);
}

#[test]
fn products_are_not_rounded_before_they_are_added() {
    let x = 1.0 + 2f32.powi(-12);
    let dot = DotOp { lhs_contract: vec![0], rhs_contract: vec![0], ..DotOp::default() };
    let expected = 2f32.powi(-11) + 2f32.powi(-24);
    check(Op::Dot(dot.clone()), &[vector(&[-1.0, x]), vector(&[1.0, x])], Array::scalar(expected));
    let x = 1.0 + 2f64.powi(-27);
    let expected = 2f64.powi(-26) + 2f64.powi(-54);
    check(Op::Dot(dot), &[vector(&[-1.0, x]), vector(&[1.0, x])], Array::scalar(expected));
}

#[test]
fn contracted_axes_are_numbered_as_they_are_named() {
    let lhs = array([2, 2], &[BIG, 1.0, -BIG, 0.0]);
    let rhs = array([2, 2], &[1.0f32; 4]);
    let op = |axes: [usize; 2]| {
        Op::Dot(DotOp { lhs_contract: axes.to_vec(), rhs_contract: axes.to_vec(), ..DotOp::default() })
    };
    check(op([0, 1]), &[lhs.clone(), rhs.clone()], Array::scalar(0.0f32));
    check(op([1, 0]), &[lhs, rhs], Array::scalar(1.0f32));
}

//! Factors and triangular systems of small whole numbers, whose arithmetic is exact.

use tancho_ir::Op;
use tancho_ir::ops::LinalgOp;
use tancho_tensor::{Array, Element, bf16};

use super::{array, check};

const NAN: f64 = f64::NAN;

fn cholesky(lower: bool) -> Op {
    Op::Linalg(LinalgOp::Cholesky { lower })
}

fn matrices<T: Element, const N: usize>(shape: [usize; N], elements: &[f64], of: fn(f64) -> T) -> Array {
    array(shape, &elements.iter().map(|&x| of(x)).collect::<Vec<_>>())
}

#[test]
fn cholesky_reads_one_triangle() {
    let a = [4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
    let lower = [2.0, 0.0, 0.0, 6.0, 1.0, 0.0, -8.0, 5.0, 3.0];
    let upper = [2.0, 6.0, -8.0, 0.0, 1.0, 5.0, 0.0, 0.0, 3.0];
    let mut above = a;
    (above[3], above[6], above[7]) = (NAN, NAN, NAN);
    let mut below = a;
    (below[1], below[2], below[5]) = (NAN, NAN, NAN);
    let wide = |elements: &[f64]| matrices([3, 3], elements, |x| x);
    let narrow = |elements: &[f64]| matrices([3, 3], elements, |x| x as f32);
    let half = |elements: &[f64]| matrices([3, 3], elements, |x| bf16::from_f32(x as f32));
    for of in [&wide as &dyn Fn(&[f64]) -> Array, &narrow, &half] {
        check(cholesky(true), &[of(&below)], of(&lower));
        check(cholesky(false), &[of(&above)], of(&upper));
    }
}

#[test]
fn a_bad_pivot_spoils_what_needs_it() {
    // The second pivot is 1 − 2² = −3, in the second matrix 0.
    let a = [1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 3.0, 4.0, 50.0, 1.0, 0.0, 0.0, 2.0, 4.0, 0.0, 3.0, 6.0, 50.0];
    let factors = [1.0, 0.0, 0.0, 2.0, NAN, 0.0, 3.0, NAN, NAN].repeat(2);
    check(cholesky(true), &[matrices([2, 3, 3], &a, |x| x)], matrices([2, 3, 3], &factors, |x| x));
    check(cholesky(true), &[array::<f32, 3>([2, 0, 0], &[])], array::<f32, 3>([2, 0, 0], &[]));
    check(cholesky(true), &[array([1, 1], &[NAN])], array([1, 1], &[NAN]));
}

/// Solves with a matrix of which the other triangle, and with `unit_diagonal` the diagonal, must not be read.
#[track_caller]
fn check_solve(left_side: bool, lower: bool, unit_diagonal: bool, transpose: bool) {
    let diagonal = if unit_diagonal { NAN } else { 2.0 };
    let triangle: [[f64; 3]; 3] = match lower {
        true => [[diagonal, NAN, NAN], [3.0, diagonal, NAN], [-1.0, 5.0, diagonal]],
        false => [[diagonal, 3.0, -1.0], [NAN, diagonal, 5.0], [NAN, NAN, diagonal]],
    };
    let coefficient = |row: usize, column: usize| {
        let (row, column) = if transpose { (column, row) } else { (row, column) };
        match row.cmp(&column) {
            std::cmp::Ordering::Equal => {
                if unit_diagonal {
                    1.0
                } else {
                    2.0
                }
            }
            order if lower == (order == std::cmp::Ordering::Greater) => triangle[row][column],
            _ => 0.0,
        }
    };
    // Two systems, whose right sides are computed from the solutions.
    let x = [[1.0, -2.0, 4.0], [0.0, 3.0, 8.0]];
    let product = |x: &[f64; 3], place: usize| -> f64 {
        (0..3).map(|k| x[k] * if left_side { coefficient(place, k) } else { coefficient(k, place) }).sum()
    };
    let b = x.map(|x| [0, 1, 2].map(|place| product(&x, place)));
    // Solutions are columns at the right of the matrix, and rows at the left.
    let laid_out = |systems: &[[f64; 3]; 2]| match left_side {
        true => array([3, 2], &[0, 1, 2].map(|place| [systems[0][place], systems[1][place]]).concat()),
        false => array([2, 3], &systems.concat()),
    };
    let op = LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose };
    check(Op::Linalg(op), &[array([3, 3], &triangle.concat()), laid_out(&b)], laid_out(&x));
}

#[test]
fn systems_of_every_kind_are_solved() {
    for flags in 0..16 {
        let flag = |bit: u32| flags >> bit & 1 == 1;
        check_solve(flag(0), flag(1), flag(2), flag(3));
    }
}

#[test]
fn systems_come_in_batches() {
    let solve = LinalgOp::TriangularSolve { left_side: true, lower: true, unit_diagonal: false, transpose: false };
    let (a, b) = (array([2, 1, 1], &[2.0f32, 0.0]), array([2, 1, 2], &[6.0f32, 1.0, 0.0, 1.0]));
    check(Op::Linalg(solve), &[a, b], array([2, 1, 2], &[3.0f32, 0.5, f32::NAN, f32::INFINITY]));
    let empty = [array::<f32, 2>([0, 0], &[]), array::<f32, 2>([0, 3], &[])];
    check(Op::Linalg(solve), &empty, array::<f32, 2>([0, 3], &[]));
    let empty = [array::<f32, 2>([1, 1], &[1.0]), array::<f32, 2>([1, 0], &[])];
    check(Op::Linalg(solve), &empty, array::<f32, 2>([1, 0], &[]));
}

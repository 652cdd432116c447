//! Values of NumPy, SciPy and JAX: linear algebra and random bits.

use tancho_core::*;

use crate::check::{check, check_error, check_near};

const FACTOR: [f64; 9] = [2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.5, 1.25, 2.0463381929681126];
const SOLUTION: [f64; 6] = [0.5, 1.0, 1.25, 1.5, 1.5576604155428917, 1.7714569431664258];

fn matrix() -> Tensor {
    tensor([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]])
}

fn right() -> Tensor {
    tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
}

#[test]
fn cholesky_factors() {
    check_near(&matrix(), |a| a.cholesky(), &[3, 3], &FACTOR, 1e-15);
    check_near(&matrix().to(DType::F32), |a| a.cholesky(), &[3, 3], &FACTOR, 1e-6);
    let twice = stack([&matrix(), &(4 * matrix())], 0);
    check_near(&twice, |a| a.cholesky().slice(1), &[3, 3], &FACTOR.map(|x| 2.0 * x), 1e-15);
    check(&tensor([[-1.0f32]]), |a| a.cholesky(), &[1, 1], &[f64::NAN]);
}

#[test]
fn triangular_systems() {
    let factor = matrix().cholesky();
    let solve = |options: TriangularOptions, expected: [f64; 6]| {
        check_near(&factor, move |a| a.triangular_solve(right(), options), &[3, 2], &expected, 1e-14);
    };
    let default = TriangularOptions::default();
    solve(default, SOLUTION);
    solve(
        TriangularOptions { transpose: true, ..default },
        [
            -0.09728819455461846,
            0.1832541665344578,
            -0.027118054453815432,
            0.1674583346554217,
            2.4433888871261047,
            2.9320666645513254,
        ],
    );
    solve(TriangularOptions { unit_diagonal: true, ..default }, [1.0, 2.0, 2.0, 2.0, 2.0, 2.5]);
    let from_the_right = TriangularOptions { left_side: false, lower: false, ..default };
    check_near(
        &factor,
        move |a| a.t().triangular_solve(right().t(), from_the_right),
        &[2, 3],
        &[0.5, 1.25, 1.5576604155428917, 1.0, 1.5, 1.7714569431664258],
        1e-14,
    );
    // Batches broadcast.
    let twice = move |a: Tensor| a.triangular_solve(stack([right(), 2 * right()], 0), default).slice(1);
    check_near(&factor, twice, &[3, 2], &SOLUTION.map(|x| 2.0 * x), 1e-14);
}

#[test]
fn random_bits() {
    let state = tensor([1u64, 2]);
    let bits = |algorithm| move |state: Tensor| rng_bit_generator(state, DType::U32, [3], algorithm).1;
    let next = |algorithm| move |state: Tensor| rng_bit_generator(state, DType::U32, [3], algorithm).0;
    let (threefry, philox) = (RandomAlgorithm::Threefry, RandomAlgorithm::Philox);
    check(&state, bits(threefry), &[3], &[43444564.0, 2150618427.0, 3979645651.0]);
    check(&state, next(threefry), &[2], &[1.0, 4.0]);
    check(&state, bits(philox), &[3], &[2100602697.0, 2847456232.0, 2074354647.0]);
    check(&state, next(philox), &[2], &[1.0, 3.0]);
    let (_, floats) = rng_bit_generator(&state, DType::F64, [2, 2], philox);
    assert_eq!((floats.dtype(), floats.shape().known()), (DType::F64, Some(vec![2, 2])));
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    fails(right().cholesky(), "cholesky: the matrices of f64[3, 2] are not square");
    fails(tensor([[1]]).cholesky(), "cholesky: takes floats, not i32[1, 1]; use .to(DType::F32) on it");
    let default = TriangularOptions::default();
    let fits = "triangular_solve: f64[2, 3] does not fit f64[3, 3]";
    fails(matrix().triangular_solve(right().t(), default), fits);
    fails(
        matrix().triangular_solve(tensor([1.0]), default),
        "triangular_solve: takes matrices, not f64[3, 3] and f64[1]",
    );
    let (next, bits) = rng_bit_generator(tensor([1u64]), DType::U32, [3], RandomAlgorithm::Threefry);
    fails(next, "rng_bit_generator: threefry takes a state u64[2], not u64[1]");
    fails(bits, "rng_bit_generator: threefry takes a state u64[2], not u64[1]");
}

//! Samples of products, with contracted sizes at both sides of a block and tiles that do not divide the sizes.

use tancho_ir::Op;
use tancho_ir::ops::DotOp;
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

pub(super) fn prototypes() -> Vec<DotOp> {
    vec![DotOp::matmul()]
}

/// The sizes of both operands, the batch axes of both and the contracted axes of both.
type Product = ([&'static [usize]; 2], [&'static [usize]; 2], [&'static [usize]; 2]);
const NONE: [&[usize]; 2] = [&[], &[]];
const PRODUCTS: &[Product] = &[
    // Matrices.
    ([&[3, 5], &[5, 2]], NONE, [&[1], &[0]]),
    ([&[1, 1], &[1, 1]], NONE, [&[1], &[0]]),
    ([&[1, 67], &[67, 1]], NONE, [&[1], &[0]]),
    ([&[17, 1], &[1, 13]], NONE, [&[1], &[0]]),
    ([&[33, 259], &[259, 37]], NONE, [&[1], &[0]]),
    ([&[1, 300], &[300, 70]], NONE, [&[1], &[0]]),
    ([&[70, 300], &[300, 1]], NONE, [&[1], &[0]]),
    ([&[5, 513], &[513, 7]], NONE, [&[1], &[0]]),
    // No rows, no columns, nothing contracted.
    ([&[0, 5], &[5, 2]], NONE, [&[1], &[0]]),
    ([&[3, 5], &[5, 0]], NONE, [&[1], &[0]]),
    ([&[3, 0], &[0, 2]], NONE, [&[1], &[0]]),
    // Transposed operands.
    ([&[5, 3], &[5, 2]], NONE, [&[0], &[0]]),
    ([&[3, 5], &[2, 5]], NONE, [&[1], &[1]]),
    ([&[19, 23], &[29, 19]], NONE, [&[0], &[1]]),
    // Vectors and scalars.
    ([&[], &[]], NONE, NONE),
    ([&[], &[7]], NONE, NONE),
    ([&[67], &[67]], NONE, [&[0], &[0]]),
    ([&[0], &[0]], NONE, [&[0], &[0]]),
    ([&[3, 67], &[67]], NONE, [&[1], &[0]]),
    ([&[67], &[67, 3]], NONE, [&[0], &[0]]),
    ([&[5], &[7]], NONE, NONE),
    // Batches.
    ([&[2, 3, 5], &[2, 5, 7]], [&[0], &[0]], [&[2], &[1]]),
    ([&[3, 2, 5], &[5, 7, 2]], [&[1], &[2]], [&[2], &[0]]),
    ([&[2, 3, 5, 7], &[2, 3, 7, 4]], [&[0, 1], &[0, 1]], [&[3], &[2]]),
    ([&[2, 3, 5, 7], &[3, 2, 7, 4]], [&[0, 1], &[1, 0]], [&[3], &[2]]),
    ([&[6], &[6]], [&[0], &[0]], NONE),
    ([&[0, 3, 5], &[0, 5, 7]], [&[0], &[0]], [&[2], &[1]]),
    // Several contracted axes, in one order and in the other.
    ([&[2, 3, 5], &[3, 5, 4]], NONE, [&[1, 2], &[0, 1]]),
    ([&[2, 3, 5], &[3, 5, 4]], NONE, [&[2, 1], &[1, 0]]),
    ([&[3, 2, 5], &[5, 4, 3]], NONE, [&[0, 2], &[2, 0]]),
    ([&[17, 20, 4], &[17, 20, 4]], NONE, [&[0, 1, 2], &[0, 1, 2]]),
    ([&[2, 1, 2, 3, 1, 2], &[2, 3, 2, 1, 1, 2]], [&[0, 2], &[2, 0]], [&[3, 5], &[1, 5]]),
];

pub(super) fn add_samples(samples: &mut Vec<Sample>, _: &DotOp) {
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for ([lhs, rhs], batch, contract) in PRODUCTS {
            samples.push(Sample::new(Op::Dot(dot(*batch, *contract)), [of(dtype, lhs), of(dtype, rhs)]));
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, _: &DotOp) {
    let mut add = |batch, contract, lhs, rhs| {
        samples.push(Sample::new(Op::Dot(dot(batch, contract)), [typed(lhs), typed(rhs)]));
    };
    add(NONE, [&[1], &[0]], "f32[?n, 784]", "f32[784, 10]");
    add(NONE, [&[1], &[0]], "f32[?n, ?k]", "f32[?l, ?m + 1]");
    add([&[0], &[0]], [&[2], &[1]], "i32[?b, 3, ?k]", "i32[?c, 2*?l, 5]");
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, _: &DotOp) {
    let mut add = |[batch, contract]: [[&[usize]; 2]; 2], lhs, rhs, constraint, message| {
        samples.push(Invalid::new(Op::Dot(dot(batch, contract)), [typed(lhs), typed(rhs)], constraint, message));
    };
    let matmul: [[&[usize]; 2]; 2] = [NONE, [&[1], &[0]]];
    add(
        [[&[0], &[]], [&[1], &[0]]],
        "f32[3, 5]",
        "f32[5, 2]",
        "c1",
        "dot_general: batch axes differ in number: lhs [0], rhs []",
    );
    add(
        [NONE, [&[1], &[]]],
        "f32[3, 5]",
        "f32[5, 2]",
        "c2",
        "dot_general: contracted axes differ in number: lhs [1], rhs []",
    );
    add([[&[1], &[1]], [&[1], &[0]]], "f32[3, 5]", "f32[5, 5]", "c3", "dot_general: axis 1 is named twice");
    add([[&[1], &[0]], [&[0], &[0]]], "f32[3, 3]", "f32[3, 3]", "c4", "dot_general: axis 0 is named twice");
    add([NONE, [&[2], &[0]]], "f32[3, 5]", "f32[5, 2]", "c3", "dot_general: axis 2 is out of range for rank 2");
    add([NONE, [&[1], &[2]]], "f32[3, 5]", "f32[5, 2]", "c4", "dot_general: axis 2 is out of range for rank 2");
    add(
        [[&[0], &[0]], [&[2], &[1]]],
        "f32[2, 3, 5]",
        "f32[4, 5, 7]",
        "c9",
        "dot_general: batch sizes differ: lhs f32[2, 3, 5] has 2, rhs f32[4, 5, 7] has 4",
    );
    add(
        matmul,
        "f32[8, 3]",
        "f32[4, 2]",
        "c10",
        "dot_general: contracted sizes differ: lhs f32[8, 3] has 3, rhs f32[4, 2] has 4",
    );
    add(matmul, "f32[8, 3]", "f64[3, 2]", "c13", "dot_general: dtypes differ: lhs f32[8, 3], rhs f64[3, 2]");
    add(matmul, "bool[8, 3]", "bool[3, 2]", "c13", "dot_general: does not take bool[8, 3]");
}

fn dot(batch: [&[usize]; 2], contract: [&[usize]; 2]) -> DotOp {
    DotOp {
        lhs_batch: batch[0].to_vec(),
        rhs_batch: batch[1].to_vec(),
        lhs_contract: contract[0].to_vec(),
        rhs_contract: contract[1].to_vec(),
    }
}

//! Samples of convolutions: one to three spatial axes, axes in several orders, all that a window can do, groups.

use tancho_ir::ops::{ConvAxes, ConvOp, WindowAxis};
use tancho_ir::{Dim, Op};
use tancho_tensor::DType;

use super::{Invalid, Sample, of, typed};

pub(super) fn prototypes() -> Vec<ConvOp> {
    vec![images([WindowAxis::default(), WindowAxis::default()])]
}

/// Batch, feature and spatial axes, as they stand in the text form.
fn axes(all: &[usize]) -> ConvAxes {
    ConvAxes { batch: all[0], feature: all[1], spatial: all[2..].to_vec() }
}

/// Stride, low and high padding, dilation of the operand and of the kernel.
fn window(stride: i64, padding: [i64; 2], [base_dilation, dilation]: [i64; 2]) -> WindowAxis {
    let [low, high] = padding.map(Dim::known);
    WindowAxis { size: Dim::ONE, stride, low, high, base_dilation, dilation }
}

/// Operands with the batch and the features before the spatial axes, kernels with the features first.
fn conv(window: &[WindowAxis]) -> ConvOp {
    let in_order: Vec<usize> = (0..window.len() + 2).collect();
    ConvOp {
        window: window.to_vec(),
        reversed: vec![false; window.len()],
        lhs: axes(&in_order),
        rhs: axes(&in_order),
        output: axes(&in_order),
        feature_groups: 1,
        batch_groups: 1,
    }
}

/// `[batch, height, width, feature]` and kernels `[height, width, input, output]`.
fn images(window: [WindowAxis; 2]) -> ConvOp {
    ConvOp { lhs: axes(&[0, 3, 1, 2]), rhs: axes(&[3, 2, 0, 1]), output: axes(&[0, 3, 1, 2]), ..conv(&window) }
}

/// Convolutions with the sizes of their operands.
fn convolutions() -> Vec<(ConvOp, &'static [usize], &'static [usize])> {
    let plain = || window(1, [0, 0], [1, 1]);
    let reversed = |op: ConvOp, axes: &[usize]| ConvOp {
        reversed: (0..op.window.len()).map(|axis| axes.contains(&axis)).collect(),
        ..op
    };
    vec![
        // No spatial axes: a product of matrices.
        (conv(&[]), &[3, 5], &[7, 5]),
        (conv(&[]), &[3, 0], &[7, 0]),
        // One spatial axis.
        (conv(&[plain()]), &[2, 3, 9], &[4, 3, 3]),
        (conv(&[plain()]), &[1, 1, 5], &[1, 1, 5]),
        (conv(&[window(2, [1, 1], [1, 1])]), &[2, 3, 9], &[4, 3, 3]),
        (conv(&[window(1, [2, 0], [2, 1])]), &[1, 2, 6], &[3, 2, 3]),
        (conv(&[window(1, [0, 0], [1, 3])]), &[1, 2, 9], &[3, 2, 3]),
        (conv(&[window(3, [-1, -2], [1, 1])]), &[2, 2, 17], &[3, 2, 2]),
        (conv(&[window(2, [-1, 4], [3, 2])]), &[2, 2, 7], &[3, 2, 3]),
        (reversed(conv(&[window(1, [1, 0], [1, 1])]), &[0]), &[2, 3, 8], &[4, 3, 3]),
        // The kernel does not fit, or is empty, or something else is.
        (conv(&[plain()]), &[2, 3, 2], &[4, 3, 3]),
        (conv(&[window(1, [2, 2], [1, 1])]), &[2, 3, 0], &[4, 3, 3]),
        (conv(&[plain()]), &[2, 3, 4], &[4, 3, 0]),
        (conv(&[plain()]), &[0, 3, 4], &[4, 3, 2]),
        (conv(&[plain()]), &[2, 3, 4], &[0, 3, 2]),
        (conv(&[plain()]), &[2, 0, 4], &[4, 0, 2]),
        // More products than a block has.
        (conv(&[window(1, [1, 1], [1, 1])]), &[2, 100, 9], &[17, 100, 3]),
        // Images, in both orders of the axes.
        (images([plain(), plain()]), &[2, 7, 6, 3], &[3, 2, 3, 5]),
        (images([window(2, [1, 1], [1, 1]), window(1, [0, 2], [1, 2])]), &[2, 7, 6, 3], &[3, 3, 3, 17]),
        (images([window(1, [0, 0], [1, 1]), window(1, [0, 0], [1, 1])]), &[1, 5, 5, 67], &[1, 1, 67, 33]),
        (reversed(images([window(1, [2, 2], [2, 1]), plain()]), &[0, 1]), &[1, 4, 5, 2], &[3, 2, 2, 3]),
        (reversed(conv(&[plain(), plain()]), &[1]), &[2, 3, 6, 5], &[4, 3, 2, 3]),
        (
            ConvOp { output: axes(&[3, 1, 0, 2]), ..conv(&[plain(), window(1, [1, 1], [1, 1])]) },
            &[2, 3, 6, 5],
            &[4, 3, 2, 3],
        ),
        // Groups of features, the extreme of which is a kernel for each feature.
        (ConvOp { feature_groups: 2, ..conv(&[window(1, [1, 1], [1, 1])]) }, &[2, 6, 7], &[4, 3, 3]),
        (ConvOp { feature_groups: 6, ..conv(&[plain()]) }, &[2, 6, 7], &[6, 1, 3]),
        (ConvOp { feature_groups: 3, ..conv(&[plain()]) }, &[1, 3, 7], &[6, 1, 3]),
        (ConvOp { feature_groups: 5, ..images([plain(), plain()]) }, &[2, 6, 5, 5], &[3, 3, 1, 10]),
        // Groups of batches, as in the gradient of a kernel.
        (ConvOp { batch_groups: 2, ..conv(&[window(1, [1, 0], [1, 1])]) }, &[4, 3, 7], &[6, 3, 3]),
        (ConvOp { batch_groups: 3, ..images([plain(), plain()]) }, &[3, 4, 5, 2], &[2, 2, 2, 3]),
        // Three spatial axes.
        (conv(&[plain(), window(2, [1, 0], [1, 1]), plain()]), &[1, 2, 3, 4, 5], &[3, 2, 2, 2, 3]),
    ]
}

pub(super) fn add_samples(samples: &mut Vec<Sample>, _: &ConvOp) {
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for (op, lhs, rhs) in convolutions() {
            samples.push(Sample::new(Op::Conv(op), [of(dtype, lhs), of(dtype, rhs)]));
        }
    }
}

pub(super) fn add_symbolic(samples: &mut Vec<Sample>, _: &ConvOp) {
    let mut add = |op: ConvOp, lhs, rhs| samples.push(Sample::new(Op::Conv(op), [typed(lhs), typed(rhs)]));
    let same = || window(1, [1, 1], [1, 1]);
    add(images([same(), same()]), "f32[?n, 28, 28, 3]", "f32[3, 3, 3, 16]");
    add(images([same(), window(2, [0, 0], [1, 1])]), "f32[?n, ?h, ?w, ?c]", "f32[3, ?k, ?d, ?e]");
    add(ConvOp { feature_groups: 2, ..conv(&[window(2, [0, 1], [2, 3])]) }, "i32[?n, 2*?c, ?w]", "i32[4, ?c, 3]");
}

pub(super) fn add_invalid(samples: &mut Vec<Invalid>, _: &ConvOp) {
    let mut add = |op: ConvOp, lhs, rhs, constraint, message| {
        samples.push(Invalid::new(Op::Conv(op), [typed(lhs), typed(rhs)], constraint, message));
    };
    let plain = || window(1, [0, 0], [1, 1]);
    let line = || conv(&[plain()]);
    let (lhs, rhs) = ("f32[4, 6, 9]", "f32[4, 6, 3]");
    let message = "convolution: dtypes differ: lhs f32[4, 6, 9], rhs f64[4, 6, 3]";
    add(line(), lhs, "f64[4, 6, 3]", "c27", message);
    add(line(), "bool[4, 6, 9]", "bool[4, 6, 3]", "c27", "convolution: does not take bool[4, 6, 9]");
    let message = "convolution: 1 spatial axes need rank 3, but lhs has rank 2";
    add(line(), "f32[4, 6]", rhs, "c1", message);
    let message = "convolution: 1 spatial axes need rank 3, but rhs has rank 4";
    add(line(), lhs, "f32[4, 6, 3, 1]", "c1", message);
    let op = ConvOp { lhs: axes(&[0, 1, 1]), ..line() };
    add(op, lhs, rhs, "c13", "convolution: axis 1 is named twice");
    let op = ConvOp { rhs: axes(&[0, 3, 2]), ..line() };
    add(op, lhs, rhs, "c18", "convolution: axis 3 is out of range for rank 3");
    let op = ConvOp { output: axes(&[2, 2, 0]), ..line() };
    add(op, lhs, rhs, "c20", "convolution: axis 2 is named twice");
    add(ConvOp { feature_groups: 0, ..line() }, lhs, rhs, "c21", "convolution: feature_groups is 0");
    add(ConvOp { batch_groups: 0, ..line() }, lhs, rhs, "c22", "convolution: batch_groups is 0");
    let op = ConvOp { feature_groups: 2, batch_groups: 2, ..line() };
    add(op, lhs, rhs, "c23", "convolution: 2 feature groups and 2 batch groups");
    let message = "convolution: batch size 4 of f32[4, 6, 9] is no multiple of 3 batch groups";
    add(ConvOp { batch_groups: 3, ..line() }, lhs, rhs, "c10", message);
    let message = "convolution: feature size 6 of f32[4, 6, 9] is no multiple of 4 feature groups";
    add(ConvOp { feature_groups: 4, ..line() }, lhs, rhs, "c11", message);
    let message = "convolution: f32[4, 6, 9] has 6 features, but f32[4, 5, 3] takes 5";
    add(line(), lhs, "f32[4, 5, 3]", "c14", message);
    let message = "convolution: 5 output features of f32[5, 6, 3] are no multiple of 4 batch groups";
    add(ConvOp { batch_groups: 4, ..line() }, lhs, "f32[5, 6, 3]", "c15", message);
    let message = "convolution: 5 output features of f32[5, 2, 3] are no multiple of 3 feature groups";
    add(ConvOp { feature_groups: 3, ..line() }, lhs, "f32[5, 2, 3]", "c16", message);
    let message = "convolution: stride 0 of axis 0 is not positive";
    add(conv(&[window(0, [0, 0], [1, 1])]), lhs, rhs, "c7", message);
    let message = "convolution: base dilation 0 of axis 0 is not positive";
    add(conv(&[window(1, [0, 0], [0, 1])]), lhs, rhs, "c9", message);
    let message = "convolution: dilation -1 of axis 0 is not positive";
    add(conv(&[window(1, [0, 0], [1, -1])]), lhs, rhs, "c11", message);
}

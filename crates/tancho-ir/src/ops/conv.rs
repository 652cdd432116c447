//! Convolutions.

use super::window::{WindowAxis, check_axis};
use super::{Check, OpError};
use crate::{Dim, Dims, TensorType};
use tancho_tensor::DType;

/// Sums of products of a window of the left operand with the right operand, the kernel.
///
/// Each operand, and the result, has two special axes and as many spatial ones as there are in `window`.
///
/// (C1) Both operands and the axes of the result have one rank, two more than `window` has axes. (C3)–(C8) Strides and
/// dilations are positive. (C10) The left batch size is a multiple of `batch_groups`. (C11) The left feature size is a
/// multiple of `feature_groups`. (C13), (C18), (C20) The axes of each are a permutation. (C14) The kernel's input features
/// are the left features of one group. (C15), (C16) The kernel's output features are a multiple of both numbers of groups.
/// (C21)–(C23) The numbers of groups are positive and one of them is 1. Integers (which wrap) and floats.
///
/// # Numerics
/// The products of an output element are numbered in row-major order of (place within the window along the spatial axes in
/// the order of `window`, input feature) and summed as `dot_general` sums contracted elements. A place that the left operand does not fill counts
/// as +0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvOp {
    /// Stride, padding and dilation for each spatial axis; the window's sizes are the kernel's and its `size` here is 1.
    pub window: Vec<WindowAxis>,
    /// Whether the kernel is reversed along a spatial axis.
    pub reversed: Vec<bool>,
    pub lhs: ConvAxes,
    /// `batch` is the axis of output features, `feature` that of input features.
    pub rhs: ConvAxes,
    pub output: ConvAxes,
    pub feature_groups: usize,
    pub batch_groups: usize,
}

/// Which axes of an operand of a convolution mean what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvAxes {
    pub batch: usize,
    pub feature: usize,
    pub spatial: Vec<usize>,
}

impl ConvAxes {
    pub fn rank(&self) -> usize {
        self.spatial.len() + 2
    }

    fn all(&self) -> Vec<usize> {
        [self.batch, self.feature].into_iter().chain(self.spatial.iter().copied()).collect()
    }
}

impl ConvOp {
    pub fn name(&self) -> &'static str {
        "convolution"
    }

    /// The window along spatial axis `number`, with the kernel's size.
    pub fn window_of(&self, number: usize, rhs: &TensorType) -> WindowAxis {
        WindowAxis { size: rhs.dims[self.rhs.spatial[number]].clone(), ..self.window[number].clone() }
    }
}

pub(super) fn infer(
    op: &ConvOp,
    lhs: &TensorType,
    rhs: &TensorType,
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    check.that(lhs.dtype == rhs.dtype, "c27", || format!("dtypes differ: lhs {lhs}, rhs {rhs}"))?;
    check.that(lhs.dtype != DType::Bool, "c27", || format!("does not take {lhs}"))?;
    // convolution_c1
    let rank = op.window.len() + 2;
    for (what, operand_rank) in [("lhs", lhs.rank()), ("rhs", rhs.rank()), ("the result", op.output.rank())] {
        check.that(operand_rank == rank, "c1", || {
            format!("{} spatial axes need rank {rank}, but {what} has rank {operand_rank}", op.window.len())
        })?;
    }
    check.that(op.reversed.len() == op.window.len(), "c1", || "as many `reversed` as spatial axes".into())?;
    // convolution_c13, convolution_c18, convolution_c20
    for (axes, constraint) in [(&op.lhs, "c13"), (&op.rhs, "c18"), (&op.output, "c20")] {
        check.that(axes.rank() == rank, constraint, || format!("names {} axes, not {rank}", axes.rank()))?;
        check.distinct_axes(&axes.all(), rank, constraint, "axis")?;
    }
    // convolution_c21, convolution_c22, convolution_c23
    check.that(op.feature_groups > 0, "c21", || "feature_groups is 0".into())?;
    check.that(op.batch_groups > 0, "c22", || "batch_groups is 0".into())?;
    check.that(op.feature_groups == 1 || op.batch_groups == 1, "c23", || {
        format!("{} feature groups and {} batch groups", op.feature_groups, op.batch_groups)
    })?;
    let groups = |count: usize| Dim::known(i64::try_from(count).unwrap_or(i64::MAX));
    let group_of = |size: &Dim, count: usize| size.floor_div(&groups(count)).expect("a positive number");
    let divided = |size: &Dim, count: usize| group_of(size, count) * groups(count);
    let (batch, feature) = (&lhs.dims[op.lhs.batch], &lhs.dims[op.lhs.feature]);
    let (inputs, outputs) = (&rhs.dims[op.rhs.feature], &rhs.dims[op.rhs.batch]);
    // convolution_c10, convolution_c11
    check.equal(batch, &divided(batch, op.batch_groups), "c10", || {
        format!("batch size {batch} of {lhs} is no multiple of {} batch groups", op.batch_groups)
    })?;
    check.equal(feature, &divided(feature, op.feature_groups), "c11", || {
        format!("feature size {feature} of {lhs} is no multiple of {} feature groups", op.feature_groups)
    })?;
    // convolution_c14
    let expected = inputs.clone() * groups(op.feature_groups);
    check.equal(feature, &expected, "c14", || format!("{lhs} has {feature} features, but {rhs} takes {expected}"))?;
    // convolution_c15, convolution_c16
    check.equal(outputs, &divided(outputs, op.batch_groups), "c15", || {
        format!("{outputs} output features of {rhs} are no multiple of {} batch groups", op.batch_groups)
    })?;
    check.equal(outputs, &divided(outputs, op.feature_groups), "c16", || {
        format!("{outputs} output features of {rhs} are no multiple of {} feature groups", op.feature_groups)
    })?;
    let mut dims: Dims = std::iter::repeat_n(Dim::ONE, rank).collect();
    dims[op.output.batch] = group_of(batch, op.batch_groups);
    dims[op.output.feature] = outputs.clone();
    for (number, &axis) in op.output.spatial.iter().enumerate() {
        let window = op.window_of(number, rhs);
        // convolution_c3 to convolution_c8
        check_conv_axis(&window, number, check)?;
        dims[axis] = window.positions(&lhs.dims[op.lhs.spatial[number]]);
    }
    Ok(TensorType { dtype: lhs.dtype, dims })
}

/// As [`check_axis`], but a kernel may be empty.
fn check_conv_axis(window: &WindowAxis, number: usize, check: &mut Check<'_>) -> Result<(), OpError> {
    check_axis(&WindowAxis { size: Dim::ONE, ..window.clone() }, number, check)
}

//! Convolutions: each element of the result is a sum of products as `dot_general` has them.

use tancho_ir::Bindings;
use tancho_ir::ops::ConvOp;
use tancho_tensor::{Array, DType, Shape, with_element};

use crate::dot::sum_of_products;
use crate::elementwise::convert;
use crate::scalar::Scalar;
use crate::value::{Failure, elements, for_each_index, position, tabulate};
use crate::window::Window;

pub(crate) fn evaluate(
    op: &ConvOp,
    lhs: &Array,
    rhs: &Array,
    shape: &Shape,
    bindings: &Bindings,
) -> Result<Array, Failure> {
    if lhs.dtype().is_half() {
        // One rounding, at the end.
        let sums = evaluate(op, &convert(DType::F32, lhs)?, &convert(DType::F32, rhs)?, shape, bindings)?;
        return convert(lhs.dtype(), &sums);
    }
    let windows = op.window.iter().map(|axis| Window::new(axis, bindings)).collect::<Result<Vec<_>, _>>()?;
    with_element!(lhs.dtype(), T => convolution::<T>(op, &windows, lhs, rhs, shape))
}

fn convolution<T: Scalar>(
    op: &ConvOp,
    windows: &[Window],
    lhs: &Array,
    rhs: &Array,
    shape: &Shape,
) -> Result<Array, Failure> {
    let (x, y) = (elements::<T>(lhs), elements::<T>(rhs));
    let kernel: Vec<usize> = op.rhs.spatial.iter().map(|&axis| rhs.shape()[axis]).collect();
    let inputs = rhs.shape()[op.rhs.feature];
    let outputs = rhs.shape()[op.rhs.batch];
    let batches = shape[op.output.batch];
    // The products are numbered in row-major order of the kernel's places and the input features.
    let numbered: Vec<usize> = kernel.iter().copied().chain([inputs]).collect();
    tabulate(shape, |index| {
        let (batch, output) = (index[op.output.batch], index[op.output.feature]);
        // Output features are split among the groups; a group has its own input features, or its own batches.
        let feature_group = output / (outputs / op.feature_groups);
        let batch_group = output / (outputs / op.batch_groups);
        let mut products = Vec::new();
        for_each_index(&numbered, |place| {
            let (place, feature) = (&place[..kernel.len()], place[kernel.len()]);
            let mut of_rhs = vec![0; rhs.shape().rank()];
            of_rhs[op.rhs.batch] = output;
            of_rhs[op.rhs.feature] = feature;
            let mut of_lhs = vec![0; lhs.shape().rank()];
            of_lhs[op.lhs.batch] = batch_group * batches + batch;
            of_lhs[op.lhs.feature] = feature_group * inputs + feature;
            let mut is_element = true;
            for (number, window) in windows.iter().enumerate() {
                let reversed = kernel[number] - 1 - place[number];
                of_rhs[op.rhs.spatial[number]] = if op.reversed[number] { reversed } else { place[number] };
                let axis = op.lhs.spatial[number];
                match window.element(lhs.shape()[axis], index[op.output.spatial[number]], place[number]) {
                    Some(place) => of_lhs[axis] = place,
                    None => is_element = false,
                }
            }
            let left = if is_element { x[position(lhs.shape(), &of_lhs)] } else { T::ZERO };
            products.push((left, y[position(rhs.shape(), &of_rhs)]));
        });
        sum_of_products(&products)
    })
}

//! Convolutions: products of the windows' matrix with the kernel, which [`legalize`](crate::legalize) has brought into the
//! order (spatial axes, input feature, output feature), and whose result has the order (batch, spatial axes, feature).
//!
//! Groups are a batch of products, whose results stand side by side among the output features.

use tancho_ir::ops::{ConvOp, WindowAxis};
use tancho_ir::{Dim, Value};

use crate::fuse::Lowering;
use crate::program::{MatrixView, Operand, ProductLaunch, ProductLhs, ProductOutput, WindowsView, WindowsViewAxis};

pub(super) fn lower_product(
    lowering: &mut Lowering<'_>,
    value: Value,
    op: &ConvOp,
    output: ProductOutput,
) -> ProductLaunch {
    let graph = lowering.graph;
    let operands = graph.node(value.node).operands();
    let (lhs, rhs) = (operands[0], operands[1]);
    let (input, kernel, result) =
        (graph.type_of(lhs).clone(), graph.type_of(rhs).clone(), graph.type_of(value).clone());
    let stride = |axis: usize| Dim::product(&input.dims[axis + 1..]);
    let n_groups = op.feature_groups.max(op.batch_groups);
    let groups = Dim::known(n_groups as i64);
    let share = |size: &Dim| size.floor_div(&groups).expect("a positive number of groups");
    let features = kernel.dims[op.rhs.feature].clone();
    let output_features = kernel.dims[op.rhs.batch].clone();
    let n = if n_groups == 1 { output_features.clone() } else { share(&output_features) };
    let group_stride = match (op.feature_groups, op.batch_groups) {
        (1, 1) => Dim::ZERO,
        (_, 1) => features.clone() * stride(op.lhs.feature),
        _ => share(&input.dims[op.lhs.batch]) * stride(op.lhs.batch),
    };
    let axes = (0..op.window.len()).map(|number| {
        let (axis, output_axis) = (op.lhs.spatial[number], op.output.spatial[number]);
        let window: WindowAxis = op.window_of(number, &kernel);
        let (size, element_stride) = (input.dims[axis].clone(), stride(axis));
        WindowsViewAxis { size, element_stride, positions: result.dims[output_axis].clone(), window }
    });
    let windows = WindowsView {
        operand: Operand { buffer: lowering.request(lhs), offset: Dim::ZERO },
        group_stride,
        batch_stride: stride(op.lhs.batch),
        features: features.clone(),
        feature_stride: stride(op.lhs.feature),
        axes: axes.collect(),
    };
    let rhs = MatrixView {
        operand: Operand { buffer: lowering.request(rhs), offset: Dim::ZERO },
        batch_strides: if n_groups == 1 { Default::default() } else { [n.clone()].into_iter().collect() },
        row_stride: output_features.clone(),
        column_stride: Dim::ONE,
    };
    let output = match output {
        ProductOutput::Buffer(buffer) if n_groups > 1 => {
            ProductOutput::Strided { buffer, batch_stride: n.clone(), row_stride: output_features }
        }
        output => output,
    };
    ProductLaunch {
        dtype: input.dtype,
        batch: if n_groups == 1 { Default::default() } else { [groups].into_iter().collect() },
        m: Dim::product(&result.dims[..result.rank() - 1]),
        n,
        k: Dim::product(op.rhs.spatial.iter().map(|&axis| &kernel.dims[axis])) * features,
        lhs: ProductLhs::Windows(windows),
        rhs,
        output,
    }
}

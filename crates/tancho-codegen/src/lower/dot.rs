//! Matrix products: operands as strided matrices, and blocks of the result as tiles of an epilogue.

use tancho_ir::ops::DotOp;
use tancho_ir::{Dim, Dims, Graph, NodeId, Op, TensorType, Value};

use super::shape::operand_map;
use super::{KernelBuilder, Stop};
use crate::draft::{Affine, Map, Role, Source, flatten};
use crate::fuse::Lowering;
use crate::kernel::Scalar;
use crate::program::{BufferId, MatrixView, Operand, ProductLaunch, ProductLhs, ProductOutput};

/// The element of a product that the kernel is the epilogue of. The kernel's domain is the product's result, point for
/// point: its blocks are computed and handed over one by one.
pub(super) fn lower_tile(builder: &mut KernelBuilder<'_>, value: Value, map: &Map) -> Result<Scalar, Stop> {
    let of = builder.graph.type_of(value).clone();
    let sizes = of.dims.iter().filter(|size| **size != Dim::ONE);
    let covers = builder.leading_dimensions(map) == Some(builder.draft.dims.len())
        && sizes.eq(builder.draft.dims.iter().map(|(size, _)| size));
    let free = builder.row.is_none() && builder.column.is_none() && builder.tile.is_none();
    if !covers || !free {
        return Err(Stop::Materialize(value));
    }
    let columns = column_axes(builder.graph, value);
    let inner = of.dims[of.rank() - columns..].iter().filter(|size| **size != Dim::ONE).count();
    let count = builder.draft.dims.len();
    (count - inner..count).for_each(|dim| builder.draft.dims[dim].1 = Role::Inner);
    builder.tile = Some(value);
    Ok(builder.draft.load(of.dtype, Source::Tile))
}

/// The number of the result's axes that are free axes of the right operand.
fn column_axes(graph: &Graph, product: Value) -> usize {
    // A convolution has its output features last.
    let Some(Op::Dot(dot)) = graph.op_of(product) else { return 1 };
    let rhs = graph.node(product.node).operands()[1];
    graph.type_of(rhs).rank() - dot.rhs_batch.len() - dot.rhs_contract.len()
}

/// The launch of a product, with its operands as they lie in memory.
pub(crate) fn lower_product(lowering: &mut Lowering<'_>, value: Value, output: ProductOutput) -> ProductLaunch {
    let graph = lowering.graph;
    let node = graph.node(value.node);
    let dot = match node.op() {
        Some(Op::Dot(dot)) => dot,
        Some(Op::Conv(conv)) => return super::conv::lower_product(lowering, value, conv, output),
        _ => unreachable!("the value is a product"),
    };
    let (lhs, rhs) = (node.operands()[0], node.operands()[1]);
    let (lhs_type, rhs_type) = (graph.type_of(lhs).clone(), graph.type_of(rhs).clone());
    let lhs_free = DotOp::free_axes(&dot.lhs_batch, &dot.lhs_contract, lhs_type.rank());
    let rhs_free = DotOp::free_axes(&dot.rhs_batch, &dot.rhs_contract, rhs_type.rank());
    let size = |of: &TensorType, axes: &[usize]| Dim::product(axes.iter().map(|&axis| &of.dims[axis]));
    ProductLaunch {
        dtype: lhs_type.dtype,
        batch: dot.lhs_batch.iter().map(|&axis| lhs_type.dims[axis].clone()).collect(),
        m: size(&lhs_type, &lhs_free),
        n: size(&rhs_type, &rhs_free),
        k: size(&lhs_type, &dot.lhs_contract),
        lhs: ProductLhs::Matrix(matrix_view(lowering, lhs, &dot.lhs_batch, &lhs_free, &dot.lhs_contract)),
        rhs: matrix_view(lowering, rhs, &dot.rhs_batch, &dot.rhs_contract, &rhs_free),
        output,
    }
}

/// A value as a batch of matrices: through the ops that move its data if the rows and the columns are evenly spaced that
/// way, else as it lies in memory by itself.
fn matrix_view(
    lowering: &mut Lowering<'_>,
    value: Value,
    batch: &[usize],
    rows: &[usize],
    columns: &[usize],
) -> MatrixView {
    let dims = lowering.graph.type_of(value).dims.clone();
    let map: Map = (0..dims.len()).map(Affine::dimension).collect();
    let (source, source_map, viewed) = view(lowering, value, map.clone());
    let position = flatten(&source_map, &lowering.graph.type_of(source).dims);
    let strides = strides_of(&position, &dims);
    let merged = merged_stride(&strides, &dims, rows).zip(merged_stride(&strides, &dims, columns));
    let (source, position, strides, (row_stride, column_stride)) = match merged {
        Some(merged) => {
            lowering.viewed.extend(viewed);
            (source, position, strides, merged)
        }
        None => {
            let position = flatten(&map, &dims);
            let strides = strides_of(&position, &dims);
            let merged = merged_stride(&strides, &dims, rows).zip(merged_stride(&strides, &dims, columns));
            (value, position, strides, merged.expect("legalize has put the axes in an order that merges"))
        }
    };
    let buffer: BufferId = lowering.request(source);
    let batch_strides: Dims = batch.iter().map(|&axis| strides[axis].clone()).collect();
    MatrixView { operand: Operand { buffer, offset: position.offset }, batch_strides, row_stride, column_stride }
}

/// The value behind the ops that only move data, the index there, and those ops.
fn view(lowering: &Lowering<'_>, mut value: Value, mut map: Map) -> (Value, Map, Vec<NodeId>) {
    let graph = lowering.graph;
    let mut viewed = Vec::new();
    while let Some(Op::Shape(op)) = graph.op_of(value)
        && !lowering.is_materialized(value)
        && let Some(&operand) = graph.node(value.node).operands().first()
        && let Some(behind) = operand_map(op, &graph.type_of(operand).dims, &map)
    {
        viewed.push(value.node);
        (value, map) = (operand, behind);
    }
    (value, map, viewed)
}

fn strides_of(position: &Affine, dims: &[Dim]) -> Vec<Dim> {
    let coefficient = |axis: usize| position.terms.iter().find(|(dimension, _)| *dimension == axis);
    (0..dims.len()).map(|axis| coefficient(axis).map_or(Dim::ZERO, |(_, stride)| stride.clone())).collect()
}

/// The stride of the axes taken as one, in their order; axes of size 1 aside.
fn merged_stride(strides: &[Dim], dims: &[Dim], axes: &[usize]) -> Option<Dim> {
    let mut merged: Option<(Dim, Dim)> = None;
    for &axis in axes.iter().rev().filter(|&&axis| dims[axis] != Dim::ONE) {
        merged = Some(match merged {
            None => (strides[axis].clone(), strides[axis].clone() * dims[axis].clone()),
            Some((inner, next)) if strides[axis] == next => (inner, next * dims[axis].clone()),
            Some(_) => return None,
        });
    }
    Some(merged.map_or(Dim::ZERO, |(stride, _)| stride))
}

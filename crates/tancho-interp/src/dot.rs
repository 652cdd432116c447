//! `dot_general`, in the order that its documentation fixes.

use tancho_ir::ops::dot::K_BLOCK;
use tancho_ir::ops::{BinaryOp, DotOp};
use tancho_tensor::{Array, DType, Shape, with_element};

use crate::elementwise::convert;
use crate::scalar::Scalar;
use crate::value::{Failure, elements, for_each_index, position, tabulate};

pub(crate) fn evaluate(op: &DotOp, lhs: &Array, rhs: &Array) -> Result<Array, Failure> {
    if lhs.dtype().is_half() {
        // One rounding, at the end.
        let product = evaluate(op, &convert(DType::F32, lhs)?, &convert(DType::F32, rhs)?)?;
        return convert(lhs.dtype(), &product);
    }
    with_element!(lhs.dtype(), T => dot_general::<T>(op, lhs, rhs))
}

fn dot_general<T: Scalar>(op: &DotOp, lhs: &Array, rhs: &Array) -> Result<Array, Failure> {
    let lhs_free = DotOp::free_axes(&op.lhs_batch, &op.lhs_contract, lhs.shape().rank());
    let rhs_free = DotOp::free_axes(&op.rhs_batch, &op.rhs_contract, rhs.shape().rank());
    let (n_batch, n_lhs_free) = (op.lhs_batch.len(), lhs_free.len());
    let lhs_axes = op.lhs_batch.iter().chain(&lhs_free).map(|&axis| lhs.shape()[axis]);
    let shape: Shape = lhs_axes.chain(rhs_free.iter().map(|&axis| rhs.shape()[axis])).collect();
    let (x, y) = (elements::<T>(lhs), elements::<T>(rhs));

    // How far each contracted element, in row-major order of the contracted axes, lies behind the first one of its sum.
    let mut distances: Vec<(usize, usize)> = Vec::new();
    if shape.elements() != Some(0) {
        let contracted: Vec<usize> = op.lhs_contract.iter().map(|&axis| lhs.shape()[axis]).collect();
        for_each_index(&contracted, |index| {
            distances.push((
                position_of(lhs.shape(), &[(&op.lhs_contract, index)]),
                position_of(rhs.shape(), &[(&op.rhs_contract, index)]),
            ));
        });
    }
    tabulate(&shape, |index| {
        let (batch, free) = index.split_at(n_batch);
        let (left, right) = free.split_at(n_lhs_free);
        let first_x = position_of(lhs.shape(), &[(&op.lhs_batch, batch), (&lhs_free, left)]);
        let first_y = position_of(rhs.shape(), &[(&op.rhs_batch, batch), (&rhs_free, right)]);
        let products: Vec<(T, T)> =
            distances.iter().map(|&(in_x, in_y)| (x[first_x + in_x], y[first_y + in_y])).collect();
        sum_of_products(&products)
    })
}

/// The sum of the products of pairs: blocks of fused multiply-adds, added in order.
pub(crate) fn sum_of_products<T: Scalar>(pairs: &[(T, T)]) -> T {
    let chain = |block: &[(T, T)]| block.iter().fold(T::ZERO, |sum, &(x, y)| T::multiply_add(x, y, sum));
    let add = |sum, block| T::binary(BinaryOp::Add, sum, block).expect("every dtype has add");
    pairs.chunks(K_BLOCK).map(chain).reduce(add).unwrap_or(T::ZERO)
}

/// The position of an index that is given in parts, as axes and the places on them; it is 0 on the other axes.
fn position_of(shape: &Shape, parts: &[(&Vec<usize>, &[usize])]) -> usize {
    let mut index = vec![0; shape.rank()];
    for (axes, places) in parts {
        axes.iter().zip(*places).for_each(|(&axis, &place)| index[axis] = place);
    }
    // Sizes of zero have no index at all, but here nothing is read then.
    if shape.contains(&0) { 0 } else { position(shape, &index) }
}

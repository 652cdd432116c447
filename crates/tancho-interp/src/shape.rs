//! Constants and the movement of data: each op says from which index of the operand an index of the result comes.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Bindings, Dim};
use tancho_tensor::{Array, Shape, with_element};

use crate::scalar::ConvertTo;
use crate::value::{Failure, elements, position, tabulate};

pub(crate) fn evaluate(op: &ShapeOp, operands: &[Array], bindings: &Bindings) -> Result<Array, Failure> {
    match op {
        ShapeOp::Constant(array) => Ok(array.clone()),
        ShapeOp::Iota { dtype, dims, axis } => {
            let shape = shape_of(dims, bindings)?;
            with_element!(*dtype, T => tabulate(&shape, |index| ConvertTo::<T>::convert(index[*axis] as i64)))
        }
        ShapeOp::DimensionSize { dim, dtype } => {
            let size = bindings.evaluate(dim).ok_or(Failure::TooLarge)?;
            with_element!(*dtype, T => tabulate(&Shape::scalar(), |_| ConvertTo::<T>::convert(size)))
        }
        ShapeOp::BroadcastInDim { dims, axes } => {
            let operand = &operands[0];
            gather(operand, &shape_of(dims, bindings)?, |index| {
                let place = |(&axis, &size): (&usize, &usize)| if size == 1 { 0 } else { index[axis] };
                axes.iter().zip(operand.shape().iter()).map(place).collect()
            })
        }
        ShapeOp::Reshape { dims } => Ok(operands[0].reshape(shape_of(dims, bindings)?)?),
        ShapeOp::Transpose { permutation } => {
            let operand = &operands[0];
            let shape = permutation.iter().map(|&axis| operand.shape()[axis]).collect();
            gather(operand, &shape, |index| {
                let mut source = vec![0; index.len()];
                permutation.iter().zip(index).for_each(|(&axis, &place)| source[axis] = place);
                source
            })
        }
        ShapeOp::Slice { start, limit, strides } => {
            let (start, limit) = (shape_of(start, bindings)?, shape_of(limit, bindings)?);
            slice(&operands[0], &start, &limit, strides)
        }
        ShapeOp::Concatenate { axis } => concatenate(*axis, operands),
        ShapeOp::Pad { low, high, interior } => {
            let evaluate = |dims: &[Dim]| dims.iter().map(|dim| bindings.evaluate(dim)).collect::<Option<Vec<i64>>>();
            let low = evaluate(low).ok_or(Failure::TooLarge)?;
            let high = evaluate(high).ok_or(Failure::TooLarge)?;
            pad(&operands[0], &operands[1], &low, &high, interior)
        }
        ShapeOp::BitcastConvert { dtype } => {
            // Elements are stored with their lowest byte first, one behind the other: the bytes stay as they are.
            let operand = &operands[0];
            let (before, after) = (operand.dtype().size(), dtype.size());
            let mut sizes = operand.shape().to_vec();
            if before > after {
                sizes.push(before / after);
            } else if before < after {
                sizes.pop();
            }
            Ok(Array::from_buffer(*dtype, sizes, operand.buffer().clone())?)
        }
        ShapeOp::Reverse { axes } => {
            let operand = &operands[0];
            gather(operand, operand.shape(), |index| {
                let mut source = index.to_vec();
                axes.iter().for_each(|&axis| source[axis] = operand.shape()[axis] - 1 - index[axis]);
                source
            })
        }
    }
}

/// The array whose element at each index is the operand's at `source(index)`.
fn gather(operand: &Array, shape: &Shape, source: impl Fn(&[usize]) -> Vec<usize>) -> Result<Array, Failure> {
    with_element!(operand.dtype(), T => {
        let x = elements::<T>(operand);
        tabulate(shape, |index| x[position(operand.shape(), &source(index))])
    })
}

fn shape_of(dims: &[Dim], bindings: &Bindings) -> Result<Shape, Failure> {
    let size = |dim| usize::try_from(bindings.evaluate(dim)?).ok();
    dims.iter().map(size).collect::<Option<Shape>>().ok_or(Failure::TooLarge)
}

fn slice(operand: &Array, start: &Shape, limit: &Shape, strides: &[i64]) -> Result<Array, Failure> {
    let size = |axis: usize| {
        let stride = usize::try_from(strides[axis]).map_err(|_| Failure::TooLarge)?;
        Ok((limit[axis] - start[axis]).div_ceil(stride))
    };
    let shape = (0..operand.shape().rank()).map(size).collect::<Result<Shape, Failure>>()?;
    gather(operand, &shape, |index| {
        (0..index.len()).map(|axis| start[axis] + index[axis] * strides[axis] as usize).collect()
    })
}

fn concatenate(axis: usize, operands: &[Array]) -> Result<Array, Failure> {
    let first = &operands[0];
    let sizes = operands.iter().map(|operand| operand.shape()[axis]);
    let total = sizes.into_iter().try_fold(0usize, usize::checked_add).ok_or(Failure::TooLarge)?;
    let shape = first.shape().iter().enumerate().map(|(other, &size)| if other == axis { total } else { size });
    with_element!(first.dtype(), T => tabulate(&shape.collect(), |index| {
        let mut index = index.to_vec();
        let mut operands = operands.iter();
        let mut source = operands.next().expect("at least one operand");
        while index[axis] >= source.shape()[axis] {
            index[axis] -= source.shape()[axis];
            source = operands.next().expect("the result is as long as the operands together");
        }
        elements::<T>(source)[position(source.shape(), &index)]
    }))
}

fn pad(operand: &Array, value: &Array, low: &[i64], high: &[i64], interior: &[i64]) -> Result<Array, Failure> {
    // Wide enough for the sum of any four sizes.
    let wide = |axis: usize| {
        let size = operand.shape()[axis] as i128;
        (size, i128::from(low[axis]), i128::from(high[axis]), i128::from(interior[axis]))
    };
    let padded = |axis: usize| {
        let (size, low, high, interior) = wide(axis);
        let gaps = (size - 1).max(0).checked_mul(interior).ok_or(Failure::TooLarge)?;
        let total = low.checked_add(size + high).and_then(|sum| sum.checked_add(gaps));
        total.and_then(|total| usize::try_from(total).ok()).ok_or(Failure::TooLarge)
    };
    let shape = (0..operand.shape().rank()).map(padded).collect::<Result<Shape, Failure>>()?;
    // The operand's element at a place of the result, where there is one.
    let source = |axis: usize, place: usize| {
        let (size, low, _, interior) = wide(axis);
        let from_first = place as i128 - low;
        let step = interior + 1;
        let is_element = from_first >= 0 && from_first % step == 0 && from_first / step < size;
        is_element.then(|| (from_first / step) as usize)
    };
    with_element!(operand.dtype(), T => {
        let (x, value) = (elements::<T>(operand), elements::<T>(value)[0]);
        tabulate(&shape, |index| {
            let source = index.iter().enumerate().map(|(axis, &place)| source(axis, place));
            source.collect::<Option<Vec<usize>>>().map_or(value, |source| x[position(operand.shape(), &source)])
        })
    })
}

//! Constants and the movement of data.

use tancho_tensor::{Array, DType};

use super::{Check, OpError};
use crate::{Dim, Dims, TensorType};

/// Makes values from nothing, or moves elements without changing them.
#[derive(Clone, Debug)]
pub enum ShapeOp {
    /// A value that the graph holds.
    Constant(Array),
    /// The index along one axis, as elements of a dtype.
    ///
    /// (C1) The axis is within the rank. Integers and floats.
    Iota { dtype: DType, dims: Dims, axis: usize },
    /// A size as a scalar. Integers.
    ///
    /// # Numerics
    /// A size beyond the range of the dtype keeps its low bits.
    DimensionSize { dim: Dim, dtype: DType },
    /// Repeats the operand along new axes and axes of size 1.
    ///
    /// Axis `i` of the operand becomes axis `axes[i]` of the result.
    /// (C2) There is one axis for each of the operand's. (C3), (C4) They are distinct and within the result's rank.
    /// (C5) A size of the operand is 1 or that of its axis in the result.
    BroadcastInDim { dims: Dims, axes: Vec<usize> },
    /// The same elements in row-major order with other sizes.
    ///
    /// (C2) The number of elements stays.
    Reshape { dims: Dims },
    /// Permutes the axes: axis `i` of the result is axis `permutation[i]` of the operand.
    ///
    /// (C2) The permutation names every axis once.
    Transpose { permutation: Vec<usize> },
    /// Every `stride`-th element from `start` to below `limit`, along each axis.
    ///
    /// (C2) There is one start, limit and stride for each axis. (C3) `0 ≤ start ≤ limit ≤ size`. (C4) Strides are
    /// positive.
    Slice { start: Dims, limit: Dims, strides: Vec<i64> },
    /// The operands one after another along an axis.
    ///
    /// (C1) All have one dtype. (C2) They agree in every other size. (C3) There is at least one. (C4) The axis is within
    /// the rank.
    Concatenate { axis: usize },
    /// Puts a value (the second operand, a scalar) around and between the elements.
    ///
    /// Along each axis, `low` elements before, `high` after and `interior` between; a negative `low` or `high` cuts off.
    /// (C1) Operand and value have one dtype, and the value is a scalar. (C2) There is one entry for each axis. (C3)
    /// `interior ≥ 0`. (C4) No size of the result is negative.
    Pad { low: Dims, high: Dims, interior: Vec<i64> },
    /// The same bits as elements of another dtype.
    ///
    /// Where the dtypes differ in size by a factor `r`, the smaller elements stand along a last axis of size `r`, the lowest
    /// bits first.
    /// (C1), (C2) The last axis has that size and goes where elements become larger, and comes where they become smaller.
    /// Not `bool`.
    BitcastConvert { dtype: DType },
    /// Reverses the order of the elements along axes.
    ///
    /// (C2), (C3) The axes are distinct and within the rank.
    Reverse { axes: Vec<usize> },
}

/// Constants are equal when their bits are, so that NaNs and the sign of zero count.
impl PartialEq for ShapeOp {
    fn eq(&self, other: &Self) -> bool {
        use ShapeOp::*;
        match (self, other) {
            (Constant(x), Constant(y)) => {
                x.dtype() == y.dtype()
                    && x.shape() == y.shape()
                    && (x.buffer().same_memory(y.buffer()) || x.buffer().bytes() == y.buffer().bytes())
            }
            (Iota { dtype, dims, axis }, Iota { dtype: d, dims: s, axis: a }) => (dtype, dims, axis) == (d, s, a),
            (DimensionSize { dim, dtype }, DimensionSize { dim: s, dtype: d }) => (dim, dtype) == (s, d),
            (BroadcastInDim { dims, axes }, BroadcastInDim { dims: s, axes: a }) => (dims, axes) == (s, a),
            (Reshape { dims }, Reshape { dims: other }) => dims == other,
            (Transpose { permutation }, Transpose { permutation: other }) => permutation == other,
            (Slice { start, limit, strides }, Slice { start: b, limit: e, strides: s }) => {
                (start, limit, strides) == (b, e, s)
            }
            (Concatenate { axis }, Concatenate { axis: other }) => axis == other,
            (Pad { low, high, interior }, Pad { low: l, high: h, interior: i }) => (low, high, interior) == (l, h, i),
            (BitcastConvert { dtype }, BitcastConvert { dtype: other }) => dtype == other,
            (Reverse { axes }, Reverse { axes: other }) => axes == other,
            (
                Constant(_)
                | Iota { .. }
                | DimensionSize { .. }
                | BroadcastInDim { .. }
                | Reshape { .. }
                | Transpose { .. }
                | Slice { .. }
                | Concatenate { .. }
                | Pad { .. }
                | BitcastConvert { .. }
                | Reverse { .. },
                _,
            ) => false,
        }
    }
}

impl ShapeOp {
    pub fn name(&self) -> &'static str {
        match self {
            ShapeOp::Constant(_) => "constant",
            ShapeOp::Iota { .. } => "iota",
            ShapeOp::DimensionSize { .. } => "dimension_size",
            ShapeOp::BroadcastInDim { .. } => "broadcast_in_dim",
            ShapeOp::Reshape { .. } => "reshape",
            ShapeOp::Transpose { .. } => "transpose",
            ShapeOp::Slice { .. } => "slice",
            ShapeOp::Concatenate { .. } => "concatenate",
            ShapeOp::Pad { .. } => "pad",
            ShapeOp::BitcastConvert { .. } => "bitcast_convert",
            ShapeOp::Reverse { .. } => "reverse",
        }
    }

    pub fn arity(&self) -> Option<usize> {
        match self {
            ShapeOp::Constant(_) | ShapeOp::Iota { .. } | ShapeOp::DimensionSize { .. } => Some(0),
            ShapeOp::BroadcastInDim { .. }
            | ShapeOp::Reshape { .. }
            | ShapeOp::Transpose { .. }
            | ShapeOp::Slice { .. }
            | ShapeOp::BitcastConvert { .. }
            | ShapeOp::Reverse { .. } => Some(1),
            ShapeOp::Pad { .. } => Some(2),
            ShapeOp::Concatenate { .. } => None,
        }
    }
}

pub(super) fn infer(op: &ShapeOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<TensorType, OpError> {
    match op {
        ShapeOp::Constant(array) => Ok(TensorType::of(array)),
        ShapeOp::Iota { dtype, dims, axis } => {
            // iota_c1
            check.that(*axis < dims.len(), "c1", || format!("axis {axis} is out of range for rank {}", dims.len()))?;
            check.that(*dtype != DType::Bool, "c1", || "does not make bool".into())?;
            sizes(dims, "c1", check)?;
            Ok(TensorType { dtype: *dtype, dims: dims.clone() })
        }
        ShapeOp::DimensionSize { dim, dtype } => {
            check.that(dtype.is_integer(), "c1", || format!("does not make {dtype}"))?;
            sizes(std::slice::from_ref(dim), "c1", check)?;
            Ok(TensorType::scalar(*dtype))
        }
        ShapeOp::BroadcastInDim { dims, axes } => broadcast_in_dim(dims, axes, &operands[0], check),
        ShapeOp::Reshape { dims } => {
            let operand = &operands[0];
            sizes(dims, "c2", check)?;
            let result = TensorType { dtype: operand.dtype, dims: dims.clone() };
            // reshape_c2
            let (before, after) = (operand.elements(), result.elements());
            check.equal(&before, &after, "c2", || format!("{operand} has {before} elements, {result} has {after}"))?;
            Ok(result)
        }
        ShapeOp::Transpose { permutation } => {
            let operand = &operands[0];
            // transpose_c2
            check.that(permutation.len() == operand.rank(), "c2", || {
                format!("permutation {permutation:?} does not fit {operand} of rank {}", operand.rank())
            })?;
            check.distinct_axes(permutation, operand.rank(), "c2", "axis")?;
            Ok(TensorType::new(operand.dtype, permutation.iter().map(|&axis| operand.dims[axis].clone())))
        }
        ShapeOp::Slice { start, limit, strides } => slice(start, limit, strides, &operands[0], check),
        ShapeOp::Concatenate { axis } => concatenate(*axis, operands, check),
        ShapeOp::Pad { low, high, interior } => pad(low, high, interior, operands, check),
        ShapeOp::BitcastConvert { dtype } => bitcast_convert(*dtype, &operands[0], check),
        ShapeOp::Reverse { axes } => {
            // reverse_c2, reverse_c3
            check.distinct_axes(axes, operands[0].rank(), "c2", "axis")?;
            Ok(operands[0].clone())
        }
    }
}

/// Requires that no size is negative.
fn sizes(dims: &[Dim], constraint: &'static str, check: &mut Check<'_>) -> Result<(), OpError> {
    dims.iter().try_for_each(|dim| check.at_least(dim, &Dim::ZERO, constraint, || format!("size {dim} is negative")))
}

fn broadcast_in_dim(
    dims: &Dims,
    axes: &[usize],
    operand: &TensorType,
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    let result = TensorType { dtype: operand.dtype, dims: dims.clone() };
    sizes(dims, "c5", check)?;
    // broadcast_in_dim_c2
    check.that(axes.len() == operand.rank(), "c2", || format!("axes {axes:?} do not fit {operand}"))?;
    // broadcast_in_dim_c3, broadcast_in_dim_c4
    check.distinct_axes(axes, dims.len(), "c4", "axis")?;
    for (size, &axis) in operand.dims.iter().zip(axes) {
        // broadcast_in_dim_c5
        if *size != Dim::ONE {
            check.equal(size, &dims[axis], "c5", || {
                format!("{operand} does not broadcast to {result} at axis {axis}")
            })?;
        }
    }
    Ok(result)
}

fn slice(
    start: &Dims,
    limit: &Dims,
    strides: &[i64],
    operand: &TensorType,
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    let rank = operand.rank();
    // slice_c2
    check.that(start.len() == rank && limit.len() == rank && strides.len() == rank, "c2", || {
        format!("{} starts, {} limits and {} strides for {operand}", start.len(), limit.len(), strides.len())
    })?;
    let mut dims = Dims::new();
    for axis in 0..rank {
        let (from, to, stride, size) = (&start[axis], &limit[axis], strides[axis], &operand.dims[axis]);
        let message = || format!("{from}..{to} is not within axis {axis} of {operand}");
        // slice_c3
        check.at_least(from, &Dim::ZERO, "c3", message)?;
        check.at_least(to, from, "c3", message)?;
        check.at_least(size, to, "c3", message)?;
        // slice_c4
        check.that(stride > 0, "c4", || format!("stride {stride} of axis {axis} is not positive"))?;
        let size = (to.clone() - from.clone()).ceil_div(&Dim::known(stride)).expect("a positive stride");
        dims.push(size);
    }
    Ok(TensorType { dtype: operand.dtype, dims })
}

fn concatenate(axis: usize, operands: &[TensorType], check: &mut Check<'_>) -> Result<TensorType, OpError> {
    // concatenate_c3
    let first = operands.first().ok_or_else(|| check.error("c3", "takes at least one operand"))?;
    // concatenate_c4
    check.that(axis < first.rank(), "c4", || format!("axis {axis} is out of range for {first}"))?;
    let mut result = first.clone();
    for operand in &operands[1..] {
        // concatenate_c1
        check.that(operand.dtype == first.dtype, "c1", || format!("dtypes differ: {first} and {operand}"))?;
        // concatenate_c2
        let message = || format!("{first} and {operand} differ beside axis {axis}");
        check.that(operand.rank() == first.rank(), "c2", message)?;
        for other in (0..first.rank()).filter(|&other| other != axis) {
            check.equal(&first.dims[other], &operand.dims[other], "c2", message)?;
        }
        result.dims[axis] = result.dims[axis].clone() + operand.dims[axis].clone();
    }
    Ok(result)
}

fn pad(
    low: &Dims,
    high: &Dims,
    interior: &[i64],
    operands: &[TensorType],
    check: &mut Check<'_>,
) -> Result<TensorType, OpError> {
    let (operand, value) = (&operands[0], &operands[1]);
    // pad_c1
    check.that(value.dtype == operand.dtype, "c1", || format!("dtypes differ: {operand} and {value}"))?;
    check.that(value.rank() == 0, "c1", || format!("the padding value {value} is not a scalar"))?;
    let rank = operand.rank();
    // pad_c2
    check.that(low.len() == rank && high.len() == rank && interior.len() == rank, "c2", || {
        format!("{} low, {} high and {} interior paddings for {operand}", low.len(), high.len(), interior.len())
    })?;
    let mut dims = Dims::new();
    for axis in 0..rank {
        // pad_c3
        check.that(interior[axis] >= 0, "c3", || format!("interior padding {} is negative", interior[axis]))?;
        // Between n elements there are n − 1 gaps, and none where there are no elements.
        let size = &operand.dims[axis];
        let gaps = if interior[axis] == 0 { Dim::ZERO } else { (size.clone() - Dim::ONE).maximum(&Dim::ZERO) };
        let padded = low[axis].clone() + size.clone() + gaps * Dim::known(interior[axis]) + high[axis].clone();
        // pad_c4
        check.at_least(&padded, &Dim::ZERO, "c4", || format!("axis {axis} of {operand} becomes {padded}"))?;
        dims.push(padded);
    }
    Ok(TensorType { dtype: operand.dtype, dims })
}

fn bitcast_convert(dtype: DType, operand: &TensorType, check: &mut Check<'_>) -> Result<TensorType, OpError> {
    let message = || format!("does not take {operand} to {dtype}");
    check.that(operand.dtype != DType::Bool && dtype != DType::Bool, "c1", message)?;
    let (before, after) = (operand.dtype.size(), dtype.size());
    let mut dims = operand.dims.clone();
    // bitcast_convert_c1, bitcast_convert_c2
    if before > after {
        dims.push(Dim::known((before / after) as i64));
    } else if before < after {
        let last = dims.pop().ok_or_else(|| check.error("c2", message()))?;
        check.equal(&last, &Dim::known((after / before) as i64), "c2", message)?;
    }
    Ok(TensorType { dtype, dims })
}

//! The text of constants and of ops that move data. The sizes and dtypes that such an op makes are those of its result.

use std::fmt;

use super::cursor::Failure;
use super::literal::read_literal;
use super::parse::{OpReader, Unfinished};
use super::{Attributes, List};
use crate::ops::ShapeOp;
use crate::{DimList, Op};

pub(super) const NAMES: [&str; 11] = [
    "constant",
    "iota",
    "dimension_size",
    "broadcast_in_dim",
    "reshape",
    "transpose",
    "slice",
    "concatenate",
    "pad",
    "bitcast_convert",
    "reverse",
];

pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &ShapeOp) -> fmt::Result {
    match op {
        // The printer writes the value, since it may be large.
        ShapeOp::Constant(_) => Ok(()),
        ShapeOp::Iota { dtype: _, dims: _, axis } => attributes.named("axis", axis),
        ShapeOp::DimensionSize { dim, dtype: _ } => attributes.bare(dim),
        ShapeOp::BroadcastInDim { dims: _, axes } => attributes.named("dims", List(axes)),
        ShapeOp::Reshape { dims: _ } | ShapeOp::BitcastConvert { dtype: _ } => Ok(()),
        ShapeOp::Transpose { permutation } => attributes.named("permutation", List(permutation)),
        ShapeOp::Slice { start, limit, strides } => {
            attributes.named("start", DimList(start))?;
            attributes.named("limit", DimList(limit))?;
            attributes.named("strides", List(strides))
        }
        ShapeOp::Concatenate { axis } => attributes.named("axis", axis),
        ShapeOp::Pad { low, high, interior } => {
            attributes.named("low", DimList(low))?;
            attributes.named("high", DimList(high))?;
            attributes.named("interior", List(interior))
        }
        ShapeOp::Reverse { axes } => attributes.named("axes", List(axes)),
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    let op = match name {
        "constant" => {
            let literal = read_literal(reader.cursor)?;
            return Ok(Some(Unfinished::Constant(literal)));
        }
        "iota" => {
            reader.cursor.attribute("axis", true)?;
            let axis = reader.cursor.integer("an axis")?;
            return Ok(Some(Unfinished::from_type(move |result| {
                Ok(Op::Shape(ShapeOp::Iota { dtype: result.dtype, dims: result.dims.clone(), axis }))
            })));
        }
        "dimension_size" => {
            let dim = reader.cursor.dim()?;
            return Ok(Some(Unfinished::from_type(move |result| {
                Ok(Op::Shape(ShapeOp::DimensionSize { dim, dtype: result.dtype }))
            })));
        }
        "broadcast_in_dim" => {
            let first = reader.operands()?;
            reader.cursor.attribute("dims", first)?;
            let axes = reader.cursor.axes()?;
            return Ok(Some(Unfinished::from_type(move |result| {
                Ok(Op::Shape(ShapeOp::BroadcastInDim { dims: result.dims.clone(), axes }))
            })));
        }
        "reshape" => {
            reader.operands()?;
            return Ok(Some(Unfinished::from_type(|result| {
                Ok(Op::Shape(ShapeOp::Reshape { dims: result.dims.clone() }))
            })));
        }
        "bitcast_convert" => {
            reader.operands()?;
            return Ok(Some(Unfinished::from_type(|result| {
                Ok(Op::Shape(ShapeOp::BitcastConvert { dtype: result.dtype }))
            })));
        }
        "transpose" => {
            let first = reader.operands()?;
            reader.cursor.attribute("permutation", first)?;
            ShapeOp::Transpose { permutation: reader.cursor.axes()? }
        }
        "slice" => {
            let first = reader.operands()?;
            reader.cursor.attribute("start", first)?;
            let start = reader.cursor.dims()?;
            reader.cursor.attribute("limit", false)?;
            let limit = reader.cursor.dims()?;
            reader.cursor.attribute("strides", false)?;
            ShapeOp::Slice { start, limit, strides: reader.cursor.integers()? }
        }
        "concatenate" => {
            let first = reader.operands()?;
            reader.cursor.attribute("axis", first)?;
            ShapeOp::Concatenate { axis: reader.cursor.integer("an axis")? }
        }
        "pad" => {
            let first = reader.operands()?;
            reader.cursor.attribute("low", first)?;
            let low = reader.cursor.dims()?;
            reader.cursor.attribute("high", false)?;
            let high = reader.cursor.dims()?;
            reader.cursor.attribute("interior", false)?;
            ShapeOp::Pad { low, high, interior: reader.cursor.integers()? }
        }
        "reverse" => {
            let first = reader.operands()?;
            reader.cursor.attribute("axes", first)?;
            ShapeOp::Reverse { axes: reader.cursor.axes()? }
        }
        _ => return Ok(None),
    };
    Ok(Some(Unfinished::Ready(Op::Shape(op))))
}

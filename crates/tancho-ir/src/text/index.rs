//! The text of computed places: `dynamic_slice %x, %i, sizes=[4]`, `sort %x, axis=0, comparator=@less`. The attributes of
//! `gather` and `scatter` are named as in StableHLO, and left out where they are empty.

use std::fmt;

use super::cursor::Failure;
use super::parse::{OpReader, Unfinished};
use super::{Attributes, List};
use crate::ops::{GatherOp, IndexOp, ScatterOp};
use crate::{DimList, Op};

pub(super) const NAMES: [&str; 6] = ["gather", "scatter", "dynamic_slice", "dynamic_update_slice", "sort", "top_k"];

/// The bodies are written by the printer, which knows under which names they stand in the text.
pub(super) fn write_attributes<W: fmt::Write>(attributes: &mut Attributes<'_, W>, op: &IndexOp) -> fmt::Result {
    let list = |attributes: &mut Attributes<'_, W>, name: &str, axes: &[usize]| match axes {
        [] => Ok(()),
        axes => attributes.named(name, List(axes)),
    };
    match op {
        IndexOp::Gather(op) => {
            list(attributes, "offset_dims", &op.offset_dims)?;
            list(attributes, "collapsed_slice_dims", &op.collapsed_slice_dims)?;
            list(attributes, "operand_batching_dims", &op.operand_batching_dims)?;
            list(attributes, "start_indices_batching_dims", &op.start_indices_batching_dims)?;
            list(attributes, "start_index_map", &op.start_index_map)?;
            attributes.named("index_vector_dim", op.index_vector_dim)?;
            attributes.named("slice_sizes", DimList(&op.slice_sizes))?;
            if op.indices_are_sorted { attributes.named("indices_are_sorted", true) } else { Ok(()) }
        }
        IndexOp::Scatter(op) => {
            list(attributes, "update_window_dims", &op.update_window_dims)?;
            list(attributes, "inserted_window_dims", &op.inserted_window_dims)?;
            list(attributes, "input_batching_dims", &op.input_batching_dims)?;
            list(attributes, "scatter_indices_batching_dims", &op.scatter_indices_batching_dims)?;
            list(attributes, "scatter_dims_to_operand_dims", &op.scatter_dims_to_operand_dims)?;
            attributes.named("index_vector_dim", op.index_vector_dim)?;
            for (name, flag) in [("indices_are_sorted", op.indices_are_sorted), ("unique_indices", op.unique_indices)] {
                if flag {
                    attributes.named(name, true)?;
                }
            }
            Ok(())
        }
        IndexOp::DynamicSlice { sizes } => attributes.named("sizes", DimList(sizes)),
        IndexOp::DynamicUpdateSlice => Ok(()),
        IndexOp::Sort { axis, stable, comparator: _ } => {
            attributes.named("axis", axis)?;
            if *stable { attributes.named("stable", true) } else { Ok(()) }
        }
        IndexOp::TopK { k } => attributes.named("k", k),
    }
}

pub(super) fn read<'t>(name: &str, reader: &mut OpReader<'_, 't>) -> Result<Option<Unfinished<'t>>, Failure> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    reader.operands()?;
    let op = match name {
        "gather" => IndexOp::Gather(GatherOp {
            offset_dims: axes("offset_dims", reader)?,
            collapsed_slice_dims: axes("collapsed_slice_dims", reader)?,
            operand_batching_dims: axes("operand_batching_dims", reader)?,
            start_indices_batching_dims: axes("start_indices_batching_dims", reader)?,
            start_index_map: axes("start_index_map", reader)?,
            index_vector_dim: axis("index_vector_dim", reader)?,
            slice_sizes: {
                reader.cursor.attribute("slice_sizes", false)?;
                reader.cursor.dims()?
            },
            indices_are_sorted: reader.flag("indices_are_sorted")?,
        }),
        "scatter" => IndexOp::Scatter(ScatterOp {
            update_window_dims: axes("update_window_dims", reader)?,
            inserted_window_dims: axes("inserted_window_dims", reader)?,
            input_batching_dims: axes("input_batching_dims", reader)?,
            scatter_indices_batching_dims: axes("scatter_indices_batching_dims", reader)?,
            scatter_dims_to_operand_dims: axes("scatter_dims_to_operand_dims", reader)?,
            index_vector_dim: axis("index_vector_dim", reader)?,
            indices_are_sorted: reader.flag("indices_are_sorted")?,
            unique_indices: reader.flag("unique_indices")?,
            body: reader.region("body")?,
        }),
        "dynamic_slice" => {
            reader.cursor.attribute("sizes", false)?;
            IndexOp::DynamicSlice { sizes: reader.cursor.dims()? }
        }
        "dynamic_update_slice" => IndexOp::DynamicUpdateSlice,
        "sort" => IndexOp::Sort {
            axis: axis("axis", reader)?,
            stable: reader.flag("stable")?,
            comparator: reader.region("comparator")?,
        },
        _ => {
            reader.cursor.attribute("k", false)?;
            IndexOp::TopK { k: reader.cursor.dim()? }
        }
    };
    Ok(Some(Unfinished::Ready(Op::Index(op))))
}

fn axis(name: &str, reader: &mut OpReader<'_, '_>) -> Result<usize, Failure> {
    reader.cursor.attribute(name, false)?;
    reader.cursor.integer("an axis")
}

fn axes(name: &str, reader: &mut OpReader<'_, '_>) -> Result<Vec<usize>, Failure> {
    Ok(reader.optional(name, |cursor| cursor.axes())?.unwrap_or_default())
}

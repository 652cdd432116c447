//! Reductions: a row reduction becomes a stage of the kernel that uses it, a column reduction has its users as an epilogue.
//!
//! The reduced axes are one group of neighbours here; `legalize` has split others. Halves are folded as the `f32` values that
//! stand for them, and a sum or product is rounded in the end.

use tancho_ir::ops::reduce::order;
use tancho_ir::ops::{ReduceKind, ReduceOp};
use tancho_ir::{Dim, Value};

use super::{KernelBuilder, Stop};
use crate::draft::{Affine, Map, Role};
use crate::kernel::{Instruction, Reduction, Scalar};

pub(super) fn lower(
    builder: &mut KernelBuilder<'_>,
    op: &ReduceOp,
    value: Value,
    operand: Value,
    map: &Map,
) -> Result<Scalar, Stop> {
    let groups = order::groups(&op.axes);
    let [group] = groups.as_slice() else {
        debug_assert!(groups.is_empty(), "reductions over several groups are split before");
        return builder.pull(operand, map);
    };
    let of = builder.graph.type_of(operand);
    let sizes: Vec<Dim> = of.dims[group.clone()].to_vec();
    let rank = of.rank();
    let reduced: Vec<Dim> = sizes.iter().filter(|size| **size != Dim::ONE).cloned().collect();
    let folded = if reduced.is_empty() {
        Vec::new()
    } else if group.end == rank {
        row_dimensions(builder, value, map, &reduced)?
    } else {
        column_dimensions(builder, value, map, group.start, &reduced)?
    };
    let mut folded_axes = folded.iter();
    let mut operand_map: Map = map[..group.start].to_vec();
    operand_map.extend(sizes.iter().map(|size| match *size == Dim::ONE {
        true => Affine::constant(Dim::ZERO),
        false => Affine::dimension(*folded_axes.next().expect("a dimension for each reduced axis")),
    }));
    operand_map.extend_from_slice(&map[group.start..]);
    let element = builder.pull(operand, &operand_map)?;
    if folded.is_empty() {
        return Ok(fold_of_one(builder, op.kind, element));
    }
    let dtype = op.kind.result_dtype(builder.draft.body.dtype(element));
    let reduction = Reduction { kind: op.kind, value: element, dtype };
    let known = builder.draft.reductions.iter().position(|known| *known == reduction);
    let number = known.unwrap_or_else(|| {
        builder.draft.reductions.push(reduction);
        builder.draft.reduced_values.push((value, operand));
        builder.draft.reductions.len() - 1
    });
    let folded = builder.draft.body.push(Instruction::Reduced(number as u32), dtype);
    let of = builder.graph.type_of(value).dtype;
    Ok(match op.kind {
        ReduceKind::Sum | ReduceKind::Product if of.is_half() => {
            builder.halves.round(&mut builder.draft.body, folded, of)
        }
        _ => folded,
    })
}

/// What the fold of a single element gives: a sum begins with +0, which turns −0 into +0.
fn fold_of_one(builder: &mut KernelBuilder<'_>, kind: ReduceKind, element: Scalar) -> Scalar {
    let body = &mut builder.draft.body;
    match kind {
        ReduceKind::Sum if body.dtype(element).is_float() => {
            let zero = body.float(0.0, body.dtype(element));
            body.add(zero, element)
        }
        ReduceKind::Sum
        | ReduceKind::Product
        | ReduceKind::Max
        | ReduceKind::Min
        | ReduceKind::And
        | ReduceKind::Or => element,
        ReduceKind::ArgMax(dtype) | ReduceKind::ArgMin(dtype) => body.integer(0, dtype),
    }
}

/// The dimensions of a row kernel that a reduction over the last axes folds: those that are there already, the last ones
/// of the kernel's domain if they have the reduced sizes, or new ones.
fn row_dimensions(
    builder: &mut KernelBuilder<'_>,
    value: Value,
    map: &Map,
    reduced: &[Dim],
) -> Result<Vec<usize>, Stop> {
    let stop = Err(Stop::Materialize(value));
    let Some(outer) = builder.leading_dimensions(map) else { return stop };
    if builder.column.is_some() || builder.tile.is_some() {
        return stop;
    }
    let sizes_match = |builder: &KernelBuilder<'_>, dims: &[usize]| {
        dims.len() == reduced.len() && dims.iter().zip(reduced).all(|(&dim, size)| builder.draft.dims[dim].0 == *size)
    };
    let count = builder.draft.dims.len();
    if let Some(row) = &builder.row {
        let fits = row[0] == outer && sizes_match(builder, row);
        return if fits { Ok(row.clone()) } else { stop };
    }
    let row: Vec<usize> = if outer == count {
        reduced.iter().map(|size| builder.draft.add_dim(size.clone(), Role::Inner)).collect()
    } else {
        (outer..count).collect()
    };
    if !sizes_match(builder, &row) {
        return stop;
    }
    row.iter().for_each(|&dim| builder.draft.dims[dim].1 = Role::Inner);
    builder.draft.has_row_reduction = true;
    builder.row = Some(row.clone());
    Ok(row)
}

/// The dimensions of a column kernel that a reduction folds, whose result has an axis behind the reduced ones.
fn column_dimensions(
    builder: &mut KernelBuilder<'_>,
    value: Value,
    map: &Map,
    group_start: usize,
    reduced: &[Dim],
) -> Result<Vec<usize>, Stop> {
    let stop = Err(Stop::Materialize(value));
    let domain = builder.draft.dims.len() - builder.column.as_ref().map_or(0, |(_, dims)| dims.len());
    if builder.row.is_some() || builder.tile.is_some() || builder.leading_dimensions(map) != Some(domain) {
        return stop;
    }
    let Some(outer) = builder.leading_dimensions(&map[..group_start]) else { return stop };
    if let Some((known_outer, dims)) = &builder.column {
        let same_sizes = dims.len() == reduced.len()
            && dims.iter().zip(reduced).all(|(&dim, size)| builder.draft.dims[dim].0 == *size);
        return if *known_outer == outer && same_sizes { Ok(dims.clone()) } else { stop };
    }
    (outer..domain).for_each(|dim| builder.draft.dims[dim].1 = Role::Inner);
    let dims: Vec<usize> = reduced.iter().map(|size| builder.draft.add_dim(size.clone(), Role::Reduced)).collect();
    builder.draft.has_column_reduction = true;
    builder.column = Some((outer, dims.clone()));
    Ok(dims)
}

//! The batch axis as a part of another axis, for ops that do many things of one kind along that axis anyway.

use tancho_ir::{Dim, Dims, Value};

use super::{Rule, with_batch};
use crate::build::Built;

/// Makes the batch axis a part of an axis (as it is counted without the batch axis): behind `groups` groups, before what is
/// in a group.
pub(super) fn merge(rule: &mut Rule<'_>, x: Value, axis: usize, groups: usize) -> Built<Value> {
    let dims = rule.build.dims(x);
    let (before, behind) = (&dims[..=axis], &dims[axis + 2..]);
    let parts = axis_parts(&dims[axis + 1], groups);
    let x = rule.build.reshape(x, [before, &parts, behind].concat().into())?;
    let place = axis + parts.len() - 1;
    let permutation = (1..=place).chain([0]).chain(place + 1..rule.build.rank(x)).collect();
    let x = rule.build.transpose(x, permutation)?;
    let merged = rule.size.clone() * dims[axis + 1].clone();
    rule.build.reshape(x, [&before[1..], &[merged], behind].concat().into())
}

/// Takes the batch axis out of an axis again; `dims` are the sizes without it.
pub(super) fn split(rule: &mut Rule<'_>, x: Value, axis: usize, groups: usize, dims: &Dims) -> Built<Value> {
    let mut parts = axis_parts(&dims[axis], groups);
    let place = parts.len() - 1;
    parts.insert(place, rule.size.clone());
    let x = rule.build.reshape(x, [&dims[..axis], &parts, &dims[axis + 1..]].concat().into())?;
    let place = axis + place;
    let permutation = [place].into_iter().chain((0..rule.build.rank(x)).filter(|&other| other != place)).collect();
    let x = rule.build.transpose(x, permutation)?;
    let dims = with_batch(&rule.size, dims);
    rule.build.reshape(x, dims)
}

/// A size as that of the groups and that within a group; the first is left out where it is one.
fn axis_parts(size: &Dim, groups: usize) -> Vec<Dim> {
    let groups = Dim::from(groups);
    match size.floor_div(&groups) {
        Some(part) if groups != Dim::ONE => vec![groups, part],
        _ => vec![size.clone()],
    }
}

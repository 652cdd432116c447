//! From a kernel's body to operations on vectors.
//!
//! Values that do not depend on the inner dimension are computed once a row, as vectors with equal lanes, and kept in slots
//! of the frame. The narrowest values of a kernel, of 4 or of 8 bytes, give the lanes of a *part*, which is one vector of
//! them; beside values of 4 bytes those of 8 bytes are pairs of vectors, the first lanes first. A `bool` is a lane of ones
//! or zeros, as wide as what was compared; it changes its width where it meets values of another one.
//!
//! What has no instructions here makes [`lower_pass`] give `None`, and the kernel goes to Cranelift.

use tancho_ir::ops::reduce::order::LAST_LANES;
use tancho_tensor::DType;

use super::codes::Class;
use super::operations::{Group, Lowering, fused_bound, low_word};
use super::program::{Home, Op, Program, Shape, Value};
use crate::kernel::{Access, AccessMap, Binary, Instruction, Kernel, Place, Scalar, Stride};

/// The most vectors of a tail: those of the lanes of a reduction.
const MOST_PARTS: usize = 4;

/// The first slots have the masks of the tail's lanes, of the narrowest and then of those that are twice as wide.
pub(super) const TAIL_SLOTS: usize = 2 * MOST_PARTS;

/// The slot with the mask of a vector of the tail.
pub(super) fn tail_slot(class: Class, part: usize, width: usize) -> usize {
    if width == class.lane_bytes { part } else { MOST_PARTS + part }
}

/// What is known of a value before a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It lies in a slot, equal for all points of the row.
    Slot(usize),
    /// Its points lie side by side in memory.
    Access(usize),
}

/// What a pass over a row does.
pub(super) struct Request<'a> {
    /// Of each value of the body.
    pub(super) known: &'a [Option<Known>],
    /// Values of points, and the accesses that they go to.
    pub(super) stores: Vec<(Scalar, usize)>,
    /// Values of the row, and the accesses that they go to.
    pub(super) row_stores: Vec<(Scalar, usize)>,
    /// Values that are folded: how, and into which accumulator (the first of those of its vectors).
    pub(super) folds: Vec<(Scalar, Binary, usize)>,
}

/// The programs of a pass.
pub(super) struct Lowered {
    /// Once a row.
    pub(super) row: Program,
    /// For a vector of points.
    pub(super) points: Program,
}

/// The width of the narrowest lanes; `None` where it is not for this emitter, or there are only `bool`s.
pub(super) fn lane_bytes(kernel: &Kernel) -> Option<usize> {
    let stored = kernel.stores.iter().map(|store| store.value);
    let roots = stored.chain(kernel.reductions.iter().map(|reduction| reduction.value));
    let needed = needed(kernel, roots, &vec![None; kernel.body.len()]);
    let values = kernel.body.iter().filter(|&(value, _, dtype)| needed[value.index()] && dtype != DType::Bool);
    let narrowest = values.map(|(_, _, dtype)| dtype.size()).min()?;
    matches!(narrowest, 4 | 8).then_some(narrowest)
}

/// Whether neighbours along the inner dimension are neighbours in memory.
fn is_side_by_side(access: &Access) -> bool {
    match &access.map {
        AccessMap::Strides(strides) => strides.last() == Some(&Stride::One),
        AccessMap::Tile => true,
    }
}

/// The programs of a map kernel's one pass.
pub(super) fn lower_map(kernel: &Kernel, class: Class, slots: &mut usize) -> Option<Lowered> {
    let stores = kernel.stores.iter().zip(kernel.loads.len()..).map(|(store, access)| (store.value, access)).collect();
    let known = vec![None; kernel.body.len()];
    let request = Request { known: &known, stores, row_stores: Vec::new(), folds: Vec::new() };
    lower_pass(kernel, class, &kernel.places(), &request, slots)
}

/// The programs of a pass. New slots are taken from behind those in use.
pub(super) fn lower_pass(
    kernel: &Kernel,
    class: Class,
    places: &[Place],
    request: &Request<'_>,
    slots: &mut usize,
) -> Option<Lowered> {
    let n_accesses = kernel.accesses().count();
    let mut stored = request.stores.iter().filter(|&&(_, access)| access < n_accesses);
    let is_fit = |&(value, access): &(Scalar, usize)| {
        kernel.accesses().nth(access).is_some_and(is_side_by_side) && kernel.body.dtype(value) != DType::Bool
    };
    if !stored.all(is_fit) || request.row_stores.iter().any(|&(value, _)| kernel.body.dtype(value) == DType::Bool) {
        return None;
    }
    let roots = request.stores.iter().chain(&request.row_stores).map(|&(value, _)| value);
    let roots = roots.chain(request.folds.iter().map(|&(value, _, _)| value));
    let needed = needed(kernel, roots.clone(), request.known);
    let of_row = |value: Scalar| !places[value.index()].per_point;
    for (value, instruction, dtype) in kernel.body.iter() {
        if let Instruction::Load(load) = instruction
            && needed[value.index()]
            && (dtype == DType::Bool || !is_side_by_side(&kernel.loads[load as usize]) && !of_row(value))
        {
            return None;
        }
    }
    let mut lowering = Lowering::of_row(kernel, class, places);
    let is_constant = |instruction: Instruction| matches!(instruction, Instruction::Constant(_));
    for (value, instruction, _) in kernel.body.iter() {
        if needed[value.index()] && of_row(value) && !is_constant(instruction) {
            lowering.evaluate_or_find(value, request.known)?;
        }
    }
    for &(value, access) in &request.row_stores {
        let ([value, _], width) = (lowering.of(value)?, kernel.body.dtype(value).size());
        lowering.program.ops.push(Op::StoreOne { access, value, width });
    }
    // What the points use is kept.
    let mut used = vec![false; kernel.body.len()];
    for (value, _, _) in kernel.body.iter() {
        if needed[value.index()] && !of_row(value) && request.known[value.index()].is_none() {
            for operand in reads(kernel, value) {
                used[operand.index()] = true;
            }
        }
    }
    let of_points = request.stores.iter().map(|&(value, _)| value);
    for value in of_points.chain(request.folds.iter().map(|&(value, _, _)| value)) {
        used[value.index()] = true;
    }
    let mut homes: Vec<Option<Home>> = vec![None; kernel.body.len()];
    for (value, instruction, _) in kernel.body.iter() {
        if used[value.index()] && of_row(value) && !is_constant(instruction) {
            let [kept, _] = lowering.of(value)?;
            let home = match lowering.program.homes[kept.index()] {
                Home::Computed => {
                    lowering.program.ops.push(Op::Keep { slot: *slots, value: kept });
                    *slots += 1;
                    Home::Slot(*slots - 1)
                }
                home => home,
            };
            homes[value.index()] = Some(home);
        }
    }
    let mut row = lowering.program;
    row.drop_unused();
    let mut lowering = Lowering::new(kernel, class, places);
    for (index, home) in homes.into_iter().enumerate() {
        lowering.values[index] = home.map(|home| Group::uniform(lowering.program.value(home)));
    }
    for (value, _, _) in kernel.body.iter() {
        if needed[value.index()] && !of_row(value) {
            lowering.evaluate_or_find(value, request.known)?;
        }
    }
    for &(value, access) in &request.stores {
        let (parts, width) = (lowering.of(value)?, kernel.body.dtype(value).size());
        for (part, value) in parts.into_iter().enumerate().take(class.vectors_of(width)) {
            lowering.program.ops.push(Op::Store { access, value, part, width });
        }
    }
    for &(value, operation, first) in &request.folds {
        let (parts, dtype) = (lowering.of(value)?, kernel.body.dtype(value));
        let width = dtype.size();
        lowering.class = class.of(width);
        for (part, value) in parts.into_iter().enumerate().take(class.vectors_of(width)) {
            let accumulator = first + part;
            let partial = lowering.program.value(Home::Accumulator(accumulator));
            let value = lowering.combine(operation, dtype, partial, value)?;
            lowering.program.ops.push(Op::Carry { accumulator, value, part, width });
        }
    }
    lowering.program.drop_unused();
    Some(Lowered { row, points: lowering.program })
}

/// Folds the accumulators of a reduction's vectors, in the order of a row reduction's lanes, and takes the block into the
/// total in a slot. Every lane gets the result: the exchanges are symmetric, and so are the operations.
pub(super) fn lower_total(
    kernel: &Kernel,
    class: Class,
    places: &[Place],
    (operation, dtype): (Binary, DType),
    accumulators: Vec<usize>,
    total: usize,
) -> Option<Program> {
    let class = class.of(dtype.size());
    let mut lowering = Lowering::new(kernel, class, places);
    let accumulators = accumulators.into_iter();
    let mut parts: Vec<Value> =
        accumulators.map(|accumulator| lowering.program.value(Home::Accumulator(accumulator))).collect();
    while parts.len() > 1 {
        let high = parts.split_off(parts.len() / 2);
        let folded = parts.iter().zip(high).map(|(&low, high)| lowering.combine(operation, dtype, low, high));
        parts = folded.collect::<Option<Vec<Value>>>()?;
    }
    let mut value = parts[0];
    let mut distances = vec![1, 2];
    let mut distance = LAST_LANES;
    while distance < class.lanes() {
        distances.insert(0, distance);
        distance *= 2;
    }
    for distance in distances {
        let (code, takes_two, immediate) = class.exchange(distance);
        let to = lowering.program.value(Home::Computed);
        let immediate = Some(immediate);
        lowering.program.ops.push(if takes_two {
            Op::Two { code, to, x: value, y: value, immediate }
        } else {
            Op::One { code, to, x: value, immediate, in_register: true, shape: Shape::Whole }
        });
        value = lowering.combine(operation, dtype, value, to)?;
    }
    let so_far = lowering.program.value(Home::Slot(total));
    let value = lowering.combine(operation, dtype, value, so_far)?;
    lowering.program.ops.push(Op::Keep { slot: total, value });
    Some(lowering.program)
}

/// Which values must be known to have some.
fn needed(kernel: &Kernel, roots: impl Iterator<Item = Scalar>, known: &[Option<Known>]) -> Vec<bool> {
    let mut needed = vec![false; kernel.body.len()];
    for root in roots {
        needed[root.index()] = true;
    }
    for (value, _, _) in kernel.body.iter().rev() {
        if needed[value.index()] && known[value.index()].is_none() {
            for operand in reads(kernel, value) {
                needed[operand.index()] = true;
            }
        }
    }
    needed
}

/// The values that are read to compute one.
fn reads(kernel: &Kernel, value: Scalar) -> Vec<Scalar> {
    match fused_bound(kernel, value) {
        Some((_, x, y)) => vec![x, y],
        None if low_word(kernel, value).is_some() => Vec::new(),
        None => kernel.body.instruction(value).operands().collect(),
    }
}

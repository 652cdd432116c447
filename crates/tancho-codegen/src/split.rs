//! Reductions over many elements into few results, split over threads.
//!
//! A row or column kernel folds block after block, and the results of the blocks in order. Where there are few results, the
//! blocks are the only work that can be shared, so the kernel becomes two:
//!
//! 1. the *partial* kernel computes the same reductions, is called once for each block, and stores each block's result;
//! 2. the *sequence* kernel folds those results in order and does the rest of the kernel's work.
//!
//! That is the documented order, so that the bits are those of the kernel as a whole.

use std::sync::Arc;

use tancho_ir::ops::ReduceKind;
use tancho_ir::ops::reduce::order::{COLUMN_BLOCK, ROW_BLOCK};

use crate::kernel::{Access, AccessMap, Body, Form, Instruction, Kernel, Reduction, Scalar, Store, Stride};

/// The two halves of a kernel.
pub(crate) struct Split {
    /// Loads as the kernel; one store for each reduction, over the outer dimensions and, in a column kernel, the inner one.
    pub partial: Arc<Kernel>,
    /// Loads the results of the blocks, one access for each reduction, then what else it needs of the kernel's loads.
    pub sequence: Arc<Kernel>,
    /// The kernel's loads that the sequence kernel needs, in its order.
    pub kept_loads: Vec<usize>,
    /// The elements of a block.
    pub block: usize,
}

/// Splits a kernel; `None` where its values need the reduced dimension after it was folded, or the number of a step.
pub(crate) fn split(kernel: &Kernel) -> Option<Split> {
    let block = match kernel.form {
        Form::Row => ROW_BLOCK,
        Form::Column => COLUMN_BLOCK,
        Form::Map | Form::Sequence => return None,
    };
    // Along this dimension the blocks lie.
    let reduced = kernel.outer;
    let is_arg = |kind: ReduceKind| matches!(kind, ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_));
    let places = kernel.places();
    let one_stage = kernel.reductions.iter().all(|reduction| places[reduction.value.index()].stage == 0);
    let counts_steps = kernel.body.iter().any(
        |(_, instruction, _)| matches!(instruction, Instruction::Index(dimension) if dimension as usize == reduced),
    );
    let stores_folded = kernel.stores.iter().all(|store| {
        let place = places[store.value.index()];
        let is_folded = match kernel.form {
            Form::Row => !place.per_point,
            _ => !place.per_step,
        };
        is_folded && !store.access.moves_along(reduced)
    });
    if !one_stage || counts_steps || !stores_folded || kernel.reductions.iter().any(|reduction| is_arg(reduction.kind))
    {
        return None;
    }
    let (sequence, kept_loads) = sequence_kernel(kernel)?;
    Some(Split { partial: Arc::new(partial_kernel(kernel)), sequence: Arc::new(sequence), kept_loads, block })
}

/// The strides of the blocks' results: dense over the outer dimensions and the inner one of a column kernel.
fn result_strides(kernel: &Kernel, step: Stride) -> Vec<Stride> {
    let mut strides = vec![Stride::Argument; kernel.outer];
    match kernel.form {
        Form::Row => strides.push(step),
        _ => strides.extend([step, Stride::One]),
    }
    strides
}

fn partial_kernel(kernel: &Kernel) -> Kernel {
    let mut body = kernel.body.clone();
    let stores = kernel.reductions.iter().enumerate().map(|(number, reduction)| {
        let value = body.push(Instruction::Reduced(number as u32), reduction.dtype);
        let map = AccessMap::Strides(result_strides(kernel, Stride::Zero));
        Store { access: Access { dtype: reduction.dtype, map }, value }
    });
    let stores = stores.collect();
    Kernel { body, stores, kept: Vec::new(), ..kernel.clone() }
}

/// The kernel that begins with the blocks' results. Its dimensions are the outer ones, that of the blocks, and the inner one
/// of a column kernel or, for a row kernel, one of size 1.
fn sequence_kernel(kernel: &Kernel) -> Option<(Kernel, Vec<usize>)> {
    let mut body = Body::new();
    let mut loads = Vec::new();
    let mut reductions = Vec::new();
    for (number, reduction) in kernel.reductions.iter().enumerate() {
        let mut strides = result_strides(kernel, Stride::Argument);
        if kernel.form == Form::Row {
            strides.push(Stride::Zero);
        }
        loads.push(Access { dtype: reduction.dtype, map: AccessMap::Strides(strides) });
        let value = body.push(Instruction::Load(number as u32), reduction.dtype);
        reductions.push(Reduction { kind: reduction.kind, value, dtype: reduction.dtype });
    }
    let mut wanted = vec![false; kernel.body.len()];
    kernel.stores.iter().for_each(|store| wanted[store.value.index()] = true);
    for (value, instruction, _) in kernel.body.iter().rev() {
        if wanted[value.index()] {
            instruction.operands().for_each(|operand| wanted[operand.index()] = true);
        }
    }
    let mut kept_loads = Vec::new();
    let mut moved: Vec<Option<Scalar>> = vec![None; kernel.body.len()];
    for (value, instruction, dtype) in kernel.body.iter() {
        if !wanted[value.index()] {
            continue;
        }
        let instruction = match instruction {
            Instruction::Load(load) => {
                loads.push(without_steps(kernel, &kernel.loads[load as usize])?);
                kept_loads.push(load as usize);
                Instruction::Load(loads.len() as u32 - 1)
            }
            other => other.with_operands(|operand| moved[operand.index()].expect("operands come first")),
        };
        moved[value.index()] = Some(body.push(instruction, dtype));
    }
    let mut stores = Vec::new();
    for store in &kernel.stores {
        let value = moved[store.value.index()].expect("stores are wanted");
        stores.push(Store { access: without_steps(kernel, &store.access)?, value });
    }
    let sequence = Kernel {
        form: Form::Sequence,
        outer: kernel.outer,
        loads,
        body,
        reductions,
        stores,
        kept: Vec::new(),
        sizes: kernel.sizes,
    };
    Some((sequence, kept_loads))
}

/// An access as the sequence kernel has it: it does not move along the blocks.
fn without_steps(kernel: &Kernel, access: &Access) -> Option<Access> {
    let AccessMap::Strides(strides) = &access.map else { return None };
    let mut strides = strides.clone();
    if strides[kernel.outer] != Stride::Zero {
        return None;
    }
    if kernel.form == Form::Row {
        strides.push(Stride::Zero);
    }
    Some(Access { dtype: access.dtype, map: AccessMap::Strides(strides) })
}

//! What a kernel costs: the operations of its body, each as often as its place in the loop nest is reached, and the
//! elements that its accesses touch.

use std::collections::HashMap;

use tancho_ir::ops::ReduceKind;

use crate::kernel::{AccessMap, Binary, Body, Form, Instruction, Kernel, Scalar, Unary};
use crate::program::BufferId;

/// The FLOP of an instruction, as the head of [`cost`](crate::cost) counts them.
pub(super) fn instruction_flops(body: &Body, value: Scalar) -> u64 {
    if !body.dtype(value).is_float() {
        return 0;
    }
    match body.instruction(value) {
        Instruction::Fma(..) => 2,
        Instruction::Unary(operation, _) => match operation {
            Unary::Sqrt | Unary::Ceil | Unary::Floor | Unary::Truncate | Unary::Nearest => 1,
            Unary::Negate | Unary::Abs | Unary::Not | Unary::CountLeadingZeros | Unary::PopulationCount => 0,
        },
        Instruction::Binary(operation, ..) => match operation {
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Remainder
            | Binary::Minimum
            | Binary::Maximum => 1,
            Binary::And
            | Binary::Or
            | Binary::Xor
            | Binary::ShiftLeft
            | Binary::ShiftRightArithmetic
            | Binary::ShiftRightLogical => 0,
        },
        // Few lanes, or none, need the call.
        Instruction::Call { .. } => 1,
        Instruction::Constant(_)
        | Instruction::Load(_)
        | Instruction::Reduced(_)
        | Instruction::Index(_)
        | Instruction::Size(_)
        | Instruction::Compare(..)
        | Instruction::Select(..)
        | Instruction::Convert(_)
        | Instruction::Bitcast(_) => 0,
    }
}

/// The FLOP of a kernel with these arguments, and the bytes that each of its accesses touches, in their order; a tile
/// touches no memory.
pub(super) fn kernel_work(kernel: &Kernel, arguments: &[i64]) -> (u64, Vec<u64>) {
    let sizes: Vec<u64> = arguments[..kernel.rank()].iter().map(|&size| u64::try_from(size).unwrap_or(0)).collect();
    (kernel_flops(kernel, &sizes), touched_bytes(kernel, arguments, &sizes))
}

fn kernel_flops(kernel: &Kernel, sizes: &[u64]) -> u64 {
    let rows = sizes[..kernel.outer].iter().fold(1, |product: u64, &size| product.saturating_mul(size));
    let steps = if kernel.form.is_column() { sizes[kernel.outer] } else { 1 };
    let points = sizes[kernel.inner()];
    let times = |per_step: bool, per_point: bool| {
        rows.saturating_mul(if per_step { steps } else { 1 }).saturating_mul(if per_point { points } else { 1 })
    };
    let places = kernel.places();
    let body = kernel.body.iter().map(|(value, _, _)| {
        let place = places[value.index()];
        instruction_flops(&kernel.body, value).saturating_mul(times(place.per_step, place.per_point))
    });
    let folds = kernel.reductions.iter().map(|reduction| {
        let is_flop = reduction.dtype.is_float()
            && match reduction.kind {
                ReduceKind::Sum | ReduceKind::Product | ReduceKind::Max | ReduceKind::Min => true,
                ReduceKind::And | ReduceKind::Or | ReduceKind::ArgMax(_) | ReduceKind::ArgMin(_) => false,
            };
        match kernel.form {
            _ if !is_flop => 0,
            Form::Map | Form::Row => times(false, true),
            Form::Column | Form::Sequence => times(true, true),
        }
    });
    body.chain(folds).fold(0, u64::saturating_add)
}

fn touched_bytes(kernel: &Kernel, arguments: &[i64], sizes: &[u64]) -> Vec<u64> {
    let mut numbers = arguments[kernel.rank()..].iter();
    let mut touched = Vec::new();
    for access in kernel.accesses() {
        let strides: Vec<i64> = numbers.by_ref().take(access.argument_count()).copied().collect();
        let mut strides = strides.iter();
        touched.push(match &access.map {
            AccessMap::Tile => 0,
            AccessMap::Strides(map) => {
                let moves = map.iter().map(|stride| match stride {
                    crate::kernel::Stride::Zero => false,
                    crate::kernel::Stride::One => true,
                    crate::kernel::Stride::Argument => strides.next() != Some(&0),
                });
                let elements = sizes.iter().zip(moves).filter(|(_, moves)| *moves).map(|(&size, _)| size);
                // Nothing is touched where a dimension is empty, whether the access moves along it or not.
                let elements = if sizes.contains(&0) { 0 } else { elements.fold(1, u64::saturating_mul) };
                elements.saturating_mul(access.dtype.size() as u64)
            }
        });
    }
    touched
}

/// Bytes by the buffer that they are of: what accesses touch together is no more than the buffer has.
#[derive(Default)]
pub(super) struct Traffic {
    by_buffer: HashMap<BufferId, u64>,
    other: u64,
}

impl Traffic {
    /// Adds what an access touches; `None` is memory that is no buffer. A tile, which touches nothing, has no buffer either.
    pub fn add(&mut self, buffer: Option<BufferId>, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let sum = match buffer {
            Some(buffer) => self.by_buffer.entry(buffer).or_default(),
            None => &mut self.other,
        };
        *sum = sum.saturating_add(bytes);
    }

    pub fn total(&self, limit: impl Fn(BufferId) -> u64) -> u64 {
        let buffers = self.by_buffer.iter().map(|(&buffer, &bytes)| bytes.min(limit(buffer)));
        buffers.fold(self.other, u64::saturating_add)
    }
}

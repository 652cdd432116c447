//! Runs the steps that are no kernels: copies, loops, branches, calls of the host.

#![allow(unsafe_code)]

use smallvec::SmallVec;
use tancho_ir::ops::effect::fill_format;
use tancho_ir::ops::{CustomCall, EffectOp};
use tancho_tensor::{AllocError, Allocation, Array, DType, Shape};

use crate::call::RunError;
use crate::execute::{Bases, Workers};
use crate::host::{self, HostError};
use crate::plan::ResultSource;
use crate::program::HostAction;
use crate::step::{CaseStep, CopyStep, HostStep, NestedPlan, WhileStep};
use crate::watch::Watch;

/// Copies bytes, unless both places are one.
fn copy(to: *mut u8, from: *const u8, bytes: usize) {
    if !std::ptr::eq(to, from) {
        // SAFETY: a plan's places are valid for the bytes of what they hold, and do not overlap unless they are one.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) }
    }
}

pub(crate) fn run_copy(step: &CopyStep, bases: &Bases<'_>) {
    copy(bases.resolve(step.to), bases.resolve(step.from), step.bytes);
}

/// Runs a nested plan such that result `i` is found at `targets[i]`.
fn run_nested(
    nested: &NestedPlan,
    arguments: &[*const u8],
    targets: &[*mut u8],
    bases: &Bases<'_>,
    workers: &impl Workers,
    watch: &mut impl Watch,
) -> Result<(), RunError> {
    let plan = &nested.plan;
    let mut outputs: SmallVec<[*mut u8; 4]> = SmallVec::from_elem(std::ptr::null_mut(), plan.output_bytes.len());
    for (result, &target) in plan.results.iter().zip(targets) {
        if let ResultSource::Output(output) = result.source
            && outputs[output].is_null()
        {
            outputs[output] = target;
        }
    }
    let inner = Bases { arguments, outputs: &outputs, arena: bases.resolve(nested.arena), ..*bases };
    plan.run_steps(&inner, workers, watch)?;
    for ((result, &target), &bytes) in plan.results.iter().zip(targets).zip(&nested.result_bytes) {
        let found: *const u8 = match &result.source {
            ResultSource::Output(output) => outputs[*output],
            ResultSource::Argument(argument) => arguments[*argument],
            ResultSource::Constant(buffer) => buffer.as_ptr(),
        };
        copy(target, found, bytes);
    }
    Ok(())
}

pub(crate) fn run_while(
    step: &WhileStep,
    bases: &Bases<'_>,
    workers: &impl Workers,
    watch: &mut impl Watch,
) -> Result<(), RunError> {
    let mut current: SmallVec<[*const u8; 8]> =
        step.operands.iter().map(|&operand| bases.resolve(operand).cast_const()).collect();
    for (place, value) in current.iter_mut().zip(&step.state) {
        if value.other.is_none() && !value.stays {
            let first = bases.resolve(value.first);
            copy(first, *place, value.bytes);
            *place = first;
        }
    }
    let flag = bases.resolve(step.flag);
    loop {
        watch.enter(WhileStep::CONDITION);
        run_nested(&step.condition, &current, &[flag], bases, workers, watch)?;
        watch.leave();
        // SAFETY: the condition's result, a byte, was written there.
        if unsafe { flag.read() } == 0 {
            break;
        }
        let next = current.iter().zip(&step.state).map(|(&place, value)| {
            let first = bases.resolve(value.first);
            match value.other {
                _ if value.stays => place.cast_mut(),
                Some(other) if std::ptr::eq(place, first) => bases.resolve(other),
                Some(_) | None => first,
            }
        });
        let next: SmallVec<[*mut u8; 8]> = next.collect();
        watch.enter(WhileStep::BODY);
        run_nested(&step.body, &current, &next, bases, workers, watch)?;
        watch.leave();
        for (place, next) in current.iter_mut().zip(next) {
            *place = next;
        }
    }
    for (&place, value) in current.iter().zip(&step.state) {
        copy(bases.resolve(value.first), place, value.bytes);
    }
    Ok(())
}

pub(crate) fn run_case(
    step: &CaseStep,
    bases: &Bases<'_>,
    workers: &impl Workers,
    watch: &mut impl Watch,
) -> Result<(), RunError> {
    let index = bases.resolve(step.index);
    let last = step.branches.len() - 1;
    let chosen = if step.is_bool {
        // SAFETY: the index is a `bool`, one byte.
        usize::from(unsafe { index.read() } != 0)
    } else {
        // SAFETY: the index is an `i32`.
        usize::try_from(unsafe { index.cast::<i32>().read_unaligned() }).map_or(last, |index| index.min(last))
    };
    let operands: SmallVec<[*const u8; 8]> =
        step.operands.iter().map(|&operand| bases.resolve(operand).cast_const()).collect();
    let results: SmallVec<[*mut u8; 8]> = step.results.iter().map(|&result| bases.resolve(result)).collect();
    watch.enter(chosen);
    run_nested(&step.branches[chosen], &operands, &results, bases, workers, watch)?;
    watch.leave();
    Ok(())
}

pub(crate) fn run_host(step: &HostStep, bases: &Bases<'_>) -> Result<(), RunError> {
    match &step.action {
        HostAction::Call(call) => Ok(run_custom_call(call, step, bases)?),
        HostAction::Effect(op) => run_effect(op, step, bases),
    }
}

fn run_effect(op: &EffectOp, step: &HostStep, bases: &Bases<'_>) -> Result<(), RunError> {
    let operands = step.operands.iter();
    let operands = operands.map(|(pointer, dtype, shape)| to_array(bases.resolve(*pointer), *dtype, shape));
    let operands = operands.collect::<Result<Vec<Array>, AllocError>>()?;
    match op {
        EffectOp::Print { format } => host::print(&fill_format(format, &operands)),
        EffectOp::Assert { message } => {
            // Memory holds bools as bytes of 0 or 1.
            if operands[0].buffer().bytes().contains(&0) {
                let message = fill_format(message, &operands[1..]);
                return Err(RunError::Assert { message, span: step.span.clone() });
            }
        }
    }
    Ok(())
}

fn run_custom_call(call: &CustomCall, step: &HostStep, bases: &Bases<'_>) -> Result<(), HostError> {
    let target = &call.target;
    let fail = |message: String| HostError { target: target.to_string(), message, span: step.span.clone() };
    let function = host::find(target).ok_or_else(|| fail("no function of this name is registered".to_owned()))?;
    let operands = step.operands.iter().map(|(pointer, dtype, shape)| {
        to_array(bases.resolve(*pointer), *dtype, shape).map_err(|error| fail(error.to_string()))
    });
    let operands = operands.collect::<Result<Vec<Array>, HostError>>()?;
    let results = function(call, &operands).map_err(&fail)?;
    if results.len() != step.results.len() {
        return Err(fail(format!("gave {} results, not {}", results.len(), step.results.len())));
    }
    for (position, (array, (pointer, dtype, shape))) in results.iter().zip(&step.results).enumerate() {
        if array.dtype() != *dtype || array.shape() != shape {
            let found = format!("{}{}", array.dtype(), array.shape());
            return Err(fail(format!("gave {found} as result {position}, not {dtype}{shape}")));
        }
        let bytes = array.buffer().bytes();
        copy(bases.resolve(*pointer), bytes.as_ptr(), bytes.len());
    }
    Ok(())
}

/// An array of its own of what lies in a plan's memory.
fn to_array(from: *const u8, dtype: DType, shape: &Shape) -> Result<Array, AllocError> {
    let bytes = shape.iter().product::<usize>() * dtype.size();
    let memory = Allocation::uninit(bytes)?;
    copy(memory.as_ptr(), from, bytes);
    // SAFETY: all bytes have just been written, with elements of this dtype that a step of the plan made.
    Ok(unsafe { Array::from_buffer_unchecked(dtype, shape.clone(), memory.freeze()) })
}

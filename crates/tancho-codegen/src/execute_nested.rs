//! Runs the steps that are no kernels: copies, loops, branches, calls of the host.

#![allow(unsafe_code)]

use smallvec::SmallVec;
use tancho_ir::ops::effect::fill_format;
use tancho_ir::ops::{CustomCall, EffectOp};
use tancho_tensor::{AllocError, Allocation, Array, DType, Shape};

use crate::call::RunError;
use crate::execute::{Bases, Workers};
use crate::execute_trip::Trip;
use crate::host::{self, HostError};
use crate::plan::ResultSource;
use crate::program::HostAction;
use crate::step::{CaseStep, CopyStep, HostStep, NestedPlan, WhileStep};
use crate::watch::Watch;

/// Copies bytes, unless both places are one.
pub(crate) fn copy(to: *mut u8, from: *const u8, bytes: usize) {
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
    let outputs = output_places(nested, targets);
    let inner = Bases { arguments, outputs: &outputs, arena: bases.resolve(nested.arena), ..*bases };
    nested.plan.run_steps(&inner, workers, watch)?;
    found_results(nested, arguments, &outputs, targets).for_each(|(to, from, bytes)| copy(to, from, bytes));
    Ok(())
}

/// Where a nested plan writes its outputs, such that most results are where they are wanted.
pub(crate) fn output_places(nested: &NestedPlan, targets: &[*mut u8]) -> SmallVec<[*mut u8; 4]> {
    let plan = &nested.plan;
    let mut outputs: SmallVec<[*mut u8; 4]> = SmallVec::from_elem(std::ptr::null_mut(), plan.output_bytes.len());
    for (result, &target) in plan.results.iter().zip(targets) {
        if let ResultSource::Output(output) = result.source
            && outputs[output].is_null()
        {
            outputs[output] = target;
        }
    }
    outputs
}

/// Where each result is wanted, where it is after a run, and its bytes.
pub(crate) fn found_results<'a>(
    nested: &'a NestedPlan,
    arguments: &'a [*const u8],
    outputs: &'a [*mut u8],
    targets: &'a [*mut u8],
) -> impl Iterator<Item = (*mut u8, *const u8, usize)> + 'a {
    nested.plan.results.iter().zip(targets).zip(&nested.result_bytes).map(|((result, &target), &bytes)| {
        let found: *const u8 = match &result.source {
            ResultSource::Output(output) => outputs[*output],
            ResultSource::Argument(argument) => arguments[*argument],
            ResultSource::Constant(buffer) => buffer.as_ptr(),
        };
        (target, found, bytes)
    })
}

/// So many trips of a loop find their places each time: to keep what was found pays when it is used again.
const UNRESOLVED_TRIPS: usize = 2;

/// What a trip of a loop runs, and where it leaves the state.
struct ResolvedTrip<'p> {
    condition: Trip<'p>,
    body: Trip<'p>,
    next: SmallVec<[*mut u8; 8]>,
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
    let next_of = |current: &[*const u8]| -> SmallVec<[*mut u8; 8]> {
        let next = current.iter().zip(&step.state).map(|(&place, value)| {
            let first = bases.resolve(value.first);
            match value.other {
                _ if value.stays => place.cast_mut(),
                Some(other) if std::ptr::eq(place, first) => bases.resolve(other),
                Some(_) | None => first,
            }
        });
        next.collect()
    };
    // After the first trip all values are in the loop's own places, where every other trip finds them.
    let mut resolved: [Option<ResolvedTrip<'_>>; 2] = [None, None];
    let n_resolved = if step.state.iter().any(|value| value.other.is_some()) { 2 } else { 1 };
    for number in 0usize.. {
        if number < UNRESOLVED_TRIPS {
            watch.enter(WhileStep::CONDITION);
            run_nested(&step.condition, &current, &[flag], bases, workers, watch)?;
            watch.leave();
            // SAFETY: the condition's result, a byte, was written there.
            if unsafe { flag.read() } == 0 {
                break;
            }
            let next = next_of(&current);
            watch.enter(WhileStep::BODY);
            run_nested(&step.body, &current, &next, bases, workers, watch)?;
            watch.leave();
            current.iter_mut().zip(next).for_each(|(place, next)| *place = next);
            continue;
        }
        let ResolvedTrip { condition, body, next } = resolved[number % n_resolved].get_or_insert_with(|| {
            let next = next_of(&current);
            let condition = Trip::new(&step.condition, &current, &[flag], bases);
            ResolvedTrip { condition, body: Trip::new(&step.body, &current, &next, bases), next }
        });
        watch.enter(WhileStep::CONDITION);
        condition.run(bases, workers, watch)?;
        watch.leave();
        // SAFETY: as above.
        if unsafe { flag.read() } == 0 {
            break;
        }
        watch.enter(WhileStep::BODY);
        body.run(bases, workers, watch)?;
        watch.leave();
        current.iter_mut().zip(next).for_each(|(place, next)| *place = *next);
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

//! Calls, loops, branches. The symbols of a graph that is called are its own: the sizes of the operands bind them anew.

use tancho_ir::ops::{ControlOp, CustomCall};
use tancho_ir::{Bindings, Dim};
use tancho_tensor::{Array, DType, Shape};

use crate::value::{Failure, elements, integer, word};
use crate::{Host, call};

pub(crate) fn evaluate(
    op: &ControlOp,
    operands: &[Array],
    results: &[(DType, Shape)],
    bindings: &Bindings,
    host: &Host<'_>,
) -> Result<Vec<Array>, Failure> {
    match op {
        ControlOp::Call { callee, gradient: _ } => call(callee, operands, host),
        ControlOp::While { condition, body, bound } => {
            let evaluate = |bound: &Dim| bound.evaluate(&|symbol| bindings.value_of(symbol)).ok_or(Failure::TooLarge);
            let bound = bound.as_ref().map(evaluate).transpose()?;
            let mut turns = 0;
            let mut values = operands.to_vec();
            while elements::<bool>(&call(condition, &values, host)?[0])[0] {
                if let Some(bound) = bound
                    && turns >= bound
                {
                    return Err(Failure::LoopBound { bound });
                }
                turns += 1;
                let next = call(body, &values, host)?;
                // What is behind the state stays.
                values.splice(..next.len(), next);
            }
            values.truncate(results.len());
            Ok(values)
        }
        ControlOp::Case { branches } => {
            let (index, arguments) = (&operands[0], &operands[1..]);
            let chosen = usize::try_from(integer(index.dtype(), word(index, 0))).unwrap_or(usize::MAX);
            let branch = branches.get(chosen).unwrap_or(&branches[branches.len() - 1]);
            call(branch, arguments, host)
        }
        ControlOp::OptimizationBarrier | ControlOp::StopGradient => Ok(operands.to_vec()),
        ControlOp::CustomCall(op) => custom_call(op, operands, results, host),
    }
}

fn custom_call(
    op: &CustomCall,
    operands: &[Array],
    results: &[(DType, Shape)],
    host: &Host<'_>,
) -> Result<Vec<Array>, Failure> {
    let fail = |message: String| Failure::CustomCall { target: op.target.to_string(), message };
    let found =
        (host.custom_calls)(op, operands).ok_or_else(|| fail("no such function is known".into()))?.map_err(fail)?;
    if found.len() != results.len() {
        return Err(fail(format!("gives {} results, not {}", found.len(), results.len())));
    }
    for (position, (array, (dtype, shape))) in found.iter().zip(results).enumerate() {
        if (array.dtype(), array.shape()) != (*dtype, shape) {
            let given = format!("{}{}", array.dtype(), array.shape());
            return Err(fail(format!("gives {given} as result {position}, not {dtype}{shape}")));
        }
    }
    Ok(found)
}

//! Calls.

use tancho_ir::ops::ControlOp;
use tancho_tensor::Array;

use crate::{InterpretError, interpret};

pub(crate) fn evaluate(op: &ControlOp, operands: &[Array]) -> Result<Vec<Array>, InterpretError> {
    match op {
        // The callee's symbols are its own: the sizes of the operands bind them anew.
        ControlOp::Call(callee) => interpret(callee, operands),
    }
}

//! Printing and assertions.

use tancho_ir::ops::EffectOp;
use tancho_ir::ops::effect::fill_format;
use tancho_tensor::Array;

use crate::Host;
use crate::value::{Failure, elements};

pub(crate) fn evaluate(op: &EffectOp, operands: &[Array], host: &Host<'_>) -> Result<Vec<Array>, Failure> {
    match op {
        EffectOp::Print { format } => (host.print)(&fill_format(format, operands)),
        EffectOp::Assert { message } => {
            if !elements::<bool>(&operands[0]).iter().all(|&holds| holds) {
                return Err(Failure::Assert { message: fill_format(message, &operands[1..]) });
            }
        }
    }
    Ok(Vec::new())
}

//! Random bits. How the words of a generator are laid out depends on the whole shape, so that each state needs an op of its own.

use tancho_ir::ops::{RandomAlgorithm, RandomOp};

use super::{Item, Items, Rule, serial};
use crate::reverse::Fault;

pub(super) fn batch(rule: &mut Rule<'_>, op: &RandomOp, operands: &[Item]) -> Result<Items, Fault> {
    match op.algorithm {
        RandomAlgorithm::Threefry | RandomAlgorithm::Philox => {
            serial::loop_over_batch(rule, op.clone().into(), operands)
        }
    }
}

//! Folds whose function is a graph. Each is a procedure: the graph is code over scalars that the loops around it repeat.
//!
//! Results are folded one element after another, so that what threads share are results. Where the folded axis is not the
//! last one, a run of neighbouring results is folded at once, with the accumulators in the results' own memory: memory is
//! then read in the order in which it lies.

mod common;
mod reduce;
mod window;
mod scatter;
mod scan;

use tancho_ir::NodeId;
use tancho_ir::ops::FoldOp;

use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::procedure::region::is_scalar_code;
use crate::program::{BufferId, Launch};

pub(super) use common::Runs;

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &FoldOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    if !op.regions().iter().all(|(_, region)| is_scalar_code(region)) {
        return Err(lowering.unsupported(id));
    }
    let launch = match op {
        FoldOp::Reduce { axes, body } => reduce::lower(lowering, id, axes, body, results),
        FoldOp::ReduceWindow { window, body } => window::lower(lowering, id, window, body, results),
        FoldOp::SelectAndScatter { window, select, scatter } => {
            scatter::lower(lowering, id, window, select, scatter, results[0])
        }
        FoldOp::Scan { axis, reverse, body } => scan::lower(lowering, id, *axis, *reverse, body, results),
    };
    Ok(vec![launch])
}

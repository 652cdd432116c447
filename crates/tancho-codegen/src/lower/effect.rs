//! Effects: calls of the host.

use tancho_ir::NodeId;
use tancho_ir::ops::EffectOp;

use super::control::request_operands;
use crate::compiled::CompileError;
use crate::fuse::Lowering;
use crate::program::{BufferId, HostAction, HostLaunch, Launch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &EffectOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    let operands = request_operands(lowering, id);
    let span = lowering.graph.node(id).span().clone();
    let action = HostAction::Effect(op.clone());
    Ok(vec![Launch::Host(Box::new(HostLaunch { action, span, operands, results: results.to_vec() }))])
}

//! Control flow: loops and branches over programs that are compiled on their own, and calls of the host.
//!
//! A loop whose values are all scalars is one procedure: its state stays in registers. So is one over few numbers, which reads
//! and writes larger arrays in small parts (`small_loop`).

mod small_loop;

use std::sync::Arc;

use tancho_ir::ops::ControlOp;
use tancho_ir::{Dim, Graph, NodeId};

use self::small_loop::SmallLoop;
use crate::compiled::{CompileError, Compiled};
use crate::fuse::Lowering;
use crate::procedure::region::{decode, encode, is_scalar_code, while_loop};
use crate::procedure::{ProcedureBuilder, Variable};
use crate::program::{BufferId, CaseLaunch, HostAction, HostLaunch, Launch, TypedBuffer, WhileLaunch};

pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    id: NodeId,
    op: &ControlOp,
    results: &[BufferId],
) -> Result<Vec<Launch>, CompileError> {
    let node = lowering.graph.node(id);
    let operands = request_operands(lowering, id);
    let compile = |graph: &Arc<Graph>| Compiled::new(graph, lowering.fuse).map(Arc::new);
    let launch = match op {
        ControlOp::While { condition, body, bound: _ } if is_scalar_code(condition) && is_scalar_code(body) => {
            lower_scalar_loop(lowering, id, condition, body, &operands, results)?
        }
        ControlOp::While { condition, body, .. }
            if lowering.fuse
                && let Some(small) = SmallLoop::new(condition, body) =>
        {
            small.lower(&operands, results)?
        }
        ControlOp::While { condition, body, bound } => {
            let (condition, body) = (compile(condition)?, compile(body)?);
            let (results, bound) = (results.to_vec(), bound.clone());
            Launch::While(Box::new(WhileLaunch { condition, body, operands, results, bound }))
        }
        ControlOp::Case { branches } => {
            let branches = branches.iter().map(compile).collect::<Result<_, _>>()?;
            let (index, operands) = (operands[0].buffer, operands[1..].to_vec());
            Launch::Case(Box::new(CaseLaunch { index, branches, operands, results: results.to_vec() }))
        }
        ControlOp::CustomCall(call) => {
            let (action, span) = (HostAction::Call(call.clone()), node.span().clone());
            Launch::Host(Box::new(HostLaunch { action, span, operands, results: results.to_vec() }))
        }
        ControlOp::Call { .. } | ControlOp::OptimizationBarrier | ControlOp::StopGradient => {
            return Err(lowering.unsupported(id));
        }
    };
    Ok(vec![launch])
}

/// The operands of a node as they lie in memory.
pub(super) fn request_operands(lowering: &mut Lowering<'_>, id: NodeId) -> Vec<TypedBuffer> {
    let graph = lowering.graph;
    let operand = |&value| TypedBuffer { buffer: lowering.request(value), of: graph.type_of(value).clone() };
    graph.node(id).operands().iter().map(operand).collect()
}

fn lower_scalar_loop(
    lowering: &Lowering<'_>,
    id: NodeId,
    condition: &Graph,
    body: &Graph,
    operands: &[TypedBuffer],
    results: &[BufferId],
) -> Result<Launch, CompileError> {
    let graph = lowering.graph;
    let node = graph.node(id);
    let mut builder = ProcedureBuilder::new("while");
    let origin = builder.integer(0);
    let mut values: Vec<Variable> = Vec::new();
    for operand in operands {
        let dtype = operand.of.dtype;
        let place = builder.reads(operand.buffer, dtype);
        let bits = builder.load(place, origin);
        values.push(decode(&mut builder, bits, dtype));
    }
    let state = while_loop(&mut builder, condition, body, &values)?;
    for ((&buffer, of), value) in results.iter().zip(node.types()).zip(state) {
        let place = builder.writes(buffer, of.dtype);
        let bits = encode(&mut builder, value, of.dtype);
        builder.store(place, origin, bits);
    }
    Ok(Launch::Procedure(builder.finish(Dim::ONE, Dim::ONE, Vec::new())))
}

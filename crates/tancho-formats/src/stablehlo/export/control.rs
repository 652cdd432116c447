//! Calls, loops and branches.

use tancho_ir::ops::{ControlOp, CustomCall};
use tancho_tensor::DType;

use super::ExportError;
use super::exporter::{Details, Exporter, Operand, Site};
use super::text::quoted;

impl<'g> Exporter<'g> {
    pub(super) fn control(&mut self, site: &Site<'_>, op: &'g ControlOp) -> Result<Vec<Operand>, ExportError> {
        match op {
            ControlOp::Call { callee, gradient: _ } => self.call(site, callee),
            ControlOp::While { condition, body, bound: _ } => {
                // What does not change is seen from inside.
                let (state, rest) = site.operands.split_at(site.types.len());
                let mut regions = Vec::new();
                for graph in [condition, body] {
                    regions.push(self.region(site, &site.types, |exporter, arguments| {
                        exporter.inline(graph, &[arguments, rest].concat())
                    })?);
                }
                Ok(self.finish(site, "stablehlo.while", state, Details { attributes: String::new(), regions }))
            }
            ControlOp::Case { branches } => {
                let (index, arguments) = site.operands.split_first().expect("an index");
                let mut regions = Vec::new();
                for branch in branches {
                    regions.push(self.region(site, &[], |exporter, _| exporter.inline(branch, arguments))?);
                }
                let name = match index.of.dtype {
                    DType::Bool => {
                        // The first branch is that of false here, and that of true there.
                        regions.reverse();
                        "stablehlo.if"
                    }
                    _ => "stablehlo.case",
                };
                let details = Details { attributes: String::new(), regions };
                Ok(self.finish(site, name, std::slice::from_ref(index), details))
            }
            ControlOp::OptimizationBarrier => {
                Ok(self.finish(site, "stablehlo.optimization_barrier", &site.operands, ""))
            }
            ControlOp::StopGradient => Ok(site.operands.clone()),
            ControlOp::CustomCall(_) if site.types.iter().any(|of| of.known_shape().is_none()) => {
                Err(site.error("results whose sizes have symbols have no dynamic form"))
            }
            ControlOp::CustomCall(CustomCall { target, config, results: _, has_side_effect }) => {
                let attributes = format!(
                    "call_target_name = {}, has_side_effect = {has_side_effect}, backend_config = {}",
                    quoted(target),
                    quoted(config),
                );
                Ok(self.finish(site, "stablehlo.custom_call", &site.operands, attributes))
            }
        }
    }
}

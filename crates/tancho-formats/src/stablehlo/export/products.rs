//! `dot_general` and `convolution`.
//!
//! Tancho's products are exact to the last bit of their dtype, so the highest precision is asked for.

use tancho_ir::Dim;
use tancho_ir::ops::{ConvAxes, ConvOp, DotOp};

use super::ExportError;
use super::exporter::{Exporter, Operand, Site};
use super::text::{axis_list, i64_array, pairs};

const PRECISION: &str = "precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]";

impl<'g> Exporter<'g> {
    pub(super) fn dot_general(&mut self, site: &Site<'_>, op: &DotOp) -> Vec<Operand> {
        let DotOp { lhs_batch, rhs_batch, lhs_contract, rhs_contract } = op;
        let attributes = format!(
            "dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = {}, rhs_batching_dimensions = {}, \
             lhs_contracting_dimensions = {}, rhs_contracting_dimensions = {}>, {PRECISION}",
            axis_list(lhs_batch),
            axis_list(rhs_batch),
            axis_list(lhs_contract),
            axis_list(rhs_contract),
        );
        self.finish(site, "stablehlo.dot_general", &site.operands, attributes)
    }

    pub(super) fn convolution(&mut self, site: &Site<'_>, op: &ConvOp) -> Result<Vec<Operand>, ExportError> {
        let strides = i64_array(op.window.iter().map(|axis| axis.stride));
        let lhs_dilation = i64_array(op.window.iter().map(|axis| axis.base_dilation));
        let rhs_dilation = i64_array(op.window.iter().map(|axis| axis.dilation));
        let attributes = format!(
            "window_strides = {strides}, lhs_dilation = {lhs_dilation}, rhs_dilation = {rhs_dilation}, \
             window_reversal = {}, dimension_numbers = #stablehlo.conv<{}x{}->{}>, feature_group_count = {} : i64, \
             batch_group_count = {} : i64, {PRECISION}",
            Self::reversal(&op.reversed),
            axes(&op.lhs, ["b", "f"]),
            axes(&op.rhs, ["o", "i"]),
            axes(&op.output, ["b", "f"]),
            op.feature_groups,
            op.batch_groups,
        );
        let sides: Vec<Dim> = op.window.iter().flat_map(|axis| [self.dim(&axis.low), self.dim(&axis.high)]).collect();
        if sides.iter().all(|side| side.as_known().is_some()) {
            let padding = pairs(&self.padding(site, &op.window)?);
            let attributes = format!("{attributes}, padding = {padding}");
            return Ok(self.finish(site, "stablehlo.convolution", &site.operands, attributes));
        }
        let padding = self.paddings(site, &sides)?;
        let operands = [site.operands[0].clone(), site.operands[1].clone(), padding];
        Ok(self.finish(site, "stablehlo.dynamic_conv", &operands, attributes))
    }
}

/// `[b, 0, 1, f]`
fn axes(axes: &ConvAxes, [batch, feature]: [&str; 2]) -> String {
    let mut names = vec![String::new(); axes.rank()];
    names[axes.batch] = batch.into();
    names[axes.feature] = feature.into();
    for (number, &axis) in axes.spatial.iter().enumerate() {
        names[axis] = number.to_string();
    }
    format!("[{}]", names.join(", "))
}

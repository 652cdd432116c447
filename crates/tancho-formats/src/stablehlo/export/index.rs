//! Computed places: gather, scatter, dynamic slices, sorting.

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dims, TensorType};
use tancho_tensor::{Array, DType};

use super::ExportError;
use super::exporter::{Details, Exporter, Operand, Site};
use super::text::{axis_list, i64_array, known};

impl<'g> Exporter<'g> {
    pub(super) fn index(&mut self, site: &Site<'_>, op: &'g IndexOp) -> Result<Vec<Operand>, ExportError> {
        match op {
            IndexOp::Gather(gather) => self.gather(site, gather),
            IndexOp::Scatter(scatter) => self.scatter(site, scatter),
            // The whole of a scalar; MLIR does not read back what it prints for these.
            IndexOp::DynamicSlice { sizes } if sizes.is_empty() => Ok(vec![site.operands[0].clone()]),
            IndexOp::DynamicUpdateSlice if site.types[0].rank() == 0 => Ok(vec![site.operands[1].clone()]),
            IndexOp::DynamicSlice { sizes } => {
                let sizes = self.dims(sizes);
                match known(&sizes) {
                    Some(sizes) => {
                        let attributes = format!("slice_sizes = {}", i64_array(sizes));
                        Ok(self.finish(site, "stablehlo.dynamic_slice", &site.operands, attributes))
                    }
                    None => self.slice_of_size(site, &sizes).map(|operand| vec![operand]),
                }
            }
            IndexOp::DynamicUpdateSlice => Ok(self.finish(site, "stablehlo.dynamic_update_slice", &site.operands, "")),
            IndexOp::Sort { axis, stable: _, comparator } => {
                // Tancho's sort is stable, whatever is asked for.
                let attributes = format!("dimension = {axis} : i64, is_stable = true");
                let regions = vec![self.graph_region(site, comparator)?];
                Ok(self.finish(site, "stablehlo.sort", &site.operands, Details { attributes, regions }))
            }
            IndexOp::TopK { k } => {
                let k = self.dim(k);
                let Some(k) = k.as_known() else {
                    return Err(site.error(format!("k = {k} has no dynamic form")));
                };
                Ok(self.finish(site, "chlo.top_k", &site.operands, format!("k = {k} : i64")))
            }
        }
    }

    fn gather(&mut self, site: &Site<'_>, op: &GatherOp) -> Result<Vec<Operand>, ExportError> {
        let attributes = format!(
            "dimension_numbers = #stablehlo.gather<offset_dims = {}, collapsed_slice_dims = {}, \
             operand_batching_dims = {}, start_indices_batching_dims = {}, start_index_map = {}, \
             index_vector_dim = {}>, indices_are_sorted = {}",
            axis_list(&op.offset_dims),
            axis_list(&op.collapsed_slice_dims),
            axis_list(&op.operand_batching_dims),
            axis_list(&op.start_indices_batching_dims),
            axis_list(&op.start_index_map),
            op.index_vector_dim,
            op.indices_are_sorted,
        );
        let sizes = self.dims(&op.slice_sizes);
        if let Some(sizes) = known(&sizes) {
            let attributes = format!("{attributes}, slice_sizes = {}", i64_array(sizes));
            return Ok(self.finish(site, "stablehlo.gather", &site.operands, attributes));
        }
        let sizes = self.size_vector(site, &sizes)?;
        let operands = [site.operands[0].clone(), site.operands[1].clone(), sizes];
        Ok(self.finish(site, "stablehlo.dynamic_gather", &operands, attributes))
    }

    fn scatter(&mut self, site: &Site<'_>, op: &'g ScatterOp) -> Result<Vec<Operand>, ExportError> {
        let attributes = format!(
            "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = {}, inserted_window_dims = {}, \
             input_batching_dims = {}, scatter_indices_batching_dims = {}, scatter_dims_to_operand_dims = {}, \
             index_vector_dim = {}>, indices_are_sorted = {}, unique_indices = {}",
            axis_list(&op.update_window_dims),
            axis_list(&op.inserted_window_dims),
            axis_list(&op.input_batching_dims),
            axis_list(&op.scatter_indices_batching_dims),
            axis_list(&op.scatter_dims_to_operand_dims),
            op.index_vector_dim,
            op.indices_are_sorted,
            op.unique_indices,
        );
        let regions = vec![self.graph_region(site, &op.body)?];
        Ok(self.finish(site, "stablehlo.scatter", &site.operands, Details { attributes, regions }))
    }

    /// A slice of sizes with symbols: from the clamped starts to so much beyond them.
    fn slice_of_size(&mut self, site: &Site<'_>, sizes: &Dims) -> Result<Operand, ExportError> {
        let (operand, starts) = site.operands.split_first().expect("an operand");
        let one = TensorType::new(DType::I64, [1usize]);
        let vector = TensorType::new(DType::I64, [sizes.len()]);
        let mut parts = Vec::new();
        for start in starts {
            let start = match start.of.dtype {
                DType::I64 => start.clone(),
                _ => self.step(site, "stablehlo.convert", &[start], "", TensorType::scalar(DType::I64)),
            };
            parts.push(self.step(site, "stablehlo.reshape", &[&start], "", one.clone()));
        }
        let parts: Vec<&Operand> = parts.iter().collect();
        let starts = self.step(site, "stablehlo.concatenate", &parts, "dimension = 0 : i64", vector.clone());
        let rest: Dims = operand.of.dims.iter().zip(sizes).map(|(whole, size)| whole.clone() - size.clone()).collect();
        let (rest, sizes) = (self.size_vector(site, &rest)?, self.size_vector(site, sizes)?);
        let zero = self.constant(site, &Array::scalar(0i64));
        let zeros = self.broadcast(site, &zero, &vector)?;
        let starts = self.step(site, "stablehlo.clamp", &[&zeros, &starts, &rest], "", vector.clone());
        let limits = self.step(site, "stablehlo.add", &[&starts, &sizes], "", vector);
        let strides = self.integers(site, &vec![1; operand.of.rank()]);
        let operands = [operand.clone(), starts, limits, strides];
        Ok(self.finish_one(site, "stablehlo.real_dynamic_slice", &operands, ""))
    }
}

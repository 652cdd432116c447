//! Constants and the movement of data, with the dynamic forms where sizes are not known.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dims, TensorType};
use tancho_tensor::DType;

use super::ExportError;
use super::exporter::{Exporter, Operand, Site};
use super::text::{axis_array, dense, i64_array, known};

impl<'g> Exporter<'g> {
    pub(super) fn shape(&mut self, site: &Site<'_>, op: &'g ShapeOp) -> Result<Operand, ExportError> {
        let result = &site.types[0];
        let is_static =
            result.known_shape().is_some() && site.operands.iter().all(|operand| operand.of.known_shape().is_some());
        Ok(match op {
            ShapeOp::Constant(array) => {
                let operand = self.finish_one(site, "stablehlo.constant", &[], format!("value = {}", dense(array)));
                if array.shape().rank() == 0 {
                    self.body.scalars.insert(operand.name.clone(), array);
                }
                operand
            }
            ShapeOp::Iota { dtype: _, dims: _, axis } => {
                let attributes = format!("iota_dimension = {axis} : i64");
                if is_static {
                    return Ok(self.finish_one(site, "stablehlo.iota", &[], attributes));
                }
                let dims = self.size_vector(site, &result.dims)?;
                self.finish_one(site, "stablehlo.dynamic_iota", &[dims], attributes)
            }
            ShapeOp::DimensionSize { dim, dtype } => {
                let dim = self.dim(dim);
                let size = self.size(site, &dim)?;
                match dtype {
                    DType::I64 => size,
                    _ => self.finish_one(site, "stablehlo.convert", &[size], ""),
                }
            }
            ShapeOp::BroadcastInDim { dims: _, axes } => {
                let attributes = format!("broadcast_dimensions = {}", axis_array(axes));
                if is_static {
                    return Ok(self.finish_one(site, "stablehlo.broadcast_in_dim", &site.operands, attributes));
                }
                let dims = self.size_vector(site, &result.dims)?;
                let operands = [site.operands[0].clone(), dims];
                self.finish_one(site, "stablehlo.dynamic_broadcast_in_dim", &operands, attributes)
            }
            ShapeOp::Reshape { dims: _ } => {
                if is_static {
                    return Ok(self.finish_one(site, "stablehlo.reshape", &site.operands, ""));
                }
                let dims = self.size_vector(site, &result.dims)?;
                self.finish_one(site, "stablehlo.dynamic_reshape", &[site.operands[0].clone(), dims], "")
            }
            ShapeOp::Transpose { permutation } => {
                let attributes = format!("permutation = {}", axis_array(permutation));
                self.finish_one(site, "stablehlo.transpose", &site.operands, attributes)
            }
            ShapeOp::Slice { start, limit, strides } => {
                let (start, limit) = (self.dims(start), self.dims(limit));
                self.slice(site, &start, &limit, strides)?
            }
            ShapeOp::Concatenate { axis } => {
                self.finish_one(site, "stablehlo.concatenate", &site.operands, format!("dimension = {axis} : i64"))
            }
            ShapeOp::Pad { low, high, interior } => {
                let (low, high) = (self.dims(low), self.dims(high));
                self.pad(site, &low, &high, interior)?
            }
            ShapeOp::BitcastConvert { dtype: _ } => {
                self.finish_one(site, "stablehlo.bitcast_convert", &site.operands, "")
            }
            ShapeOp::Reverse { axes } => {
                let attributes = format!("dimensions = {}", axis_array(axes));
                self.finish_one(site, "stablehlo.reverse", &site.operands, attributes)
            }
        })
    }

    fn slice(&mut self, site: &Site<'_>, start: &Dims, limit: &Dims, strides: &[i64]) -> Result<Operand, ExportError> {
        if let (Some(start), Some(limit)) = (known(start), known(limit)) {
            let attributes = format!(
                "start_indices = {}, limit_indices = {}, strides = {}",
                i64_array(start),
                i64_array(limit),
                i64_array(strides.iter().copied()),
            );
            return Ok(self.finish_one(site, "stablehlo.slice", &site.operands, attributes));
        }
        let start = self.size_vector(site, start)?;
        let limit = self.size_vector(site, limit)?;
        let strides = self.integers(site, strides);
        let operands = [site.operands[0].clone(), start, limit, strides];
        Ok(self.finish_one(site, "stablehlo.real_dynamic_slice", &operands, ""))
    }

    fn pad(&mut self, site: &Site<'_>, low: &Dims, high: &Dims, interior: &[i64]) -> Result<Operand, ExportError> {
        if let (Some(low), Some(high)) = (known(low), known(high)) {
            let attributes = format!(
                "edge_padding_low = {}, edge_padding_high = {}, interior_padding = {}",
                i64_array(low),
                i64_array(high),
                i64_array(interior.iter().copied()),
            );
            return Ok(self.finish_one(site, "stablehlo.pad", &site.operands, attributes));
        }
        let low = self.size_vector(site, low)?;
        let high = self.size_vector(site, high)?;
        let interior = self.integers(site, interior);
        let operands = [site.operands[0].clone(), site.operands[1].clone(), low, high, interior];
        Ok(self.finish_one(site, "stablehlo.dynamic_pad", &operands, ""))
    }

    /// The type of a value with other sizes for some axes.
    pub(super) fn with_size(of: &TensorType, axis: usize, size: i64) -> TensorType {
        let mut of = of.clone();
        of.dims[axis] = size.into();
        of
    }
}

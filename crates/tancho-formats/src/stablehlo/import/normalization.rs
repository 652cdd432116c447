//! Batch normalization, composed as the StableHLO specification defines it.

use tancho_ir::ops::{BinaryOp, ShapeOp, UnaryOp};
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

/// An operand of rank `dims.len()` and the axis of its features.
struct Features {
    dtype: DType,
    dims: Dims,
    axis: usize,
}

impl Features {
    fn other_axes(&self) -> Vec<usize> {
        (0..self.dims.len()).filter(|axis| *axis != self.axis).collect()
    }
}

impl<'m> Importer<'m> {
    pub(super) fn batch_norm_inference(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand, scale, offset, mean, variance] = self.operands_of(site)?;
        let features = self.features(site, operand)?;
        let value = self.normalized(site, &features, operand, [scale, offset, mean, variance])?;
        self.one(value)
    }

    pub(super) fn batch_norm_training(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand, scale, offset] = self.operands_of(site)?;
        let features = self.features(site, operand)?;
        let mean = self.mean(site, &features, operand)?;
        let spread = self.along(site, mean, &features.dims, features.axis)?;
        let centered = self.apply(site, BinaryOp::Subtract, operand, spread)?;
        let squared = self.apply(site, BinaryOp::Multiply, centered, centered)?;
        let variance = self.mean(site, &features, squared)?;
        let output = self.normalized(site, &features, operand, [scale, offset, mean, variance])?;
        self.all(vec![output, mean, variance])
    }

    pub(super) fn batch_norm_grad(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand, scale, mean, variance, gradient] = self.operands_of(site)?;
        let features = self.features(site, operand)?;
        let (dims, axis) = (&features.dims, features.axis);
        let epsilon = self.float(site, "epsilon")?;
        let shifted = self.apply_number(site, BinaryOp::Add, variance, epsilon)?;
        let deviation = self.apply_unary(site, UnaryOp::Sqrt, shifted)?;
        let spread = |importer: &mut Self, value| importer.along(site, value, dims, axis);
        let (scale, mean) = (spread(self, scale)?, spread(self, mean)?);
        let (shifted, deviation) = (spread(self, shifted)?, spread(self, deviation)?);
        let centered = self.apply(site, BinaryOp::Subtract, operand, mean)?;
        let normalized = self.apply(site, BinaryOp::Divide, centered, deviation)?;
        let count = self.count(site, &features, dims)?;
        let total = |importer: &mut Self, value| importer.sum(site, value, features.other_axes());
        let offset_gradient = total(self, gradient)?;
        let scaled = self.apply(site, BinaryOp::Multiply, gradient, normalized)?;
        let scale_gradient = total(self, scaled)?;
        let weighted = self.apply(site, BinaryOp::Multiply, gradient, centered)?;
        let weighted = total(self, weighted)?;
        let (sum, weighted) = (spread(self, offset_gradient)?, spread(self, weighted)?);
        let first = self.apply(site, BinaryOp::Multiply, gradient, count)?;
        let third = self.apply(site, BinaryOp::Multiply, weighted, centered)?;
        let third = self.apply(site, BinaryOp::Divide, third, shifted)?;
        let inner = self.apply(site, BinaryOp::Subtract, first, sum)?;
        let inner = self.apply(site, BinaryOp::Subtract, inner, third)?;
        let factor = self.apply(site, BinaryOp::Divide, scale, deviation)?;
        let factor = self.apply(site, BinaryOp::Divide, factor, count)?;
        let operand_gradient = self.apply(site, BinaryOp::Multiply, factor, inner)?;
        self.all(vec![operand_gradient, scale_gradient, offset_gradient])
    }

    /// `offset + scale · (operand − mean) / √(variance + ε)`
    fn normalized(
        &mut self,
        site: &Site<'_>,
        features: &Features,
        operand: Value,
        [scale, offset, mean, variance]: [Value; 4],
    ) -> Imports<Value> {
        let (dims, axis) = (&features.dims, features.axis);
        let epsilon = self.float(site, "epsilon")?;
        let shifted = self.apply_number(site, BinaryOp::Add, variance, epsilon)?;
        let deviation = self.apply_unary(site, UnaryOp::Sqrt, shifted)?;
        let spread = |importer: &mut Self, value| importer.along(site, value, dims, axis);
        let (scale, offset) = (spread(self, scale)?, spread(self, offset)?);
        let (mean, deviation) = (spread(self, mean)?, spread(self, deviation)?);
        let centered = self.apply(site, BinaryOp::Subtract, operand, mean)?;
        let divided = self.apply(site, BinaryOp::Divide, centered, deviation)?;
        let scaled = self.apply(site, BinaryOp::Multiply, scale, divided)?;
        self.apply(site, BinaryOp::Add, scaled, offset)
    }

    /// The mean of each feature.
    fn mean(&mut self, site: &Site<'_>, features: &Features, value: Value) -> Imports<Value> {
        let total = self.sum(site, value, features.other_axes())?;
        let dims = self.type_of(total).dims.clone();
        let count = self.count(site, features, &dims)?;
        self.apply(site, BinaryOp::Divide, total, count)
    }

    /// The number of elements of a feature, at each place of a shape.
    fn count(&mut self, site: &Site<'_>, features: &Features, dims: &Dims) -> Imports<Value> {
        let count = Dim::product(features.other_axes().iter().map(|&axis| &features.dims[axis]));
        let count = match count.as_known() {
            Some(count) => self.scalar(site, features.dtype, count as f64)?,
            None => {
                let size = self.emit(site, ShapeOp::DimensionSize { dim: count, dtype: DType::I64 }, &[])?;
                self.converted(site, size, features.dtype)?
            }
        };
        self.broadcast(site, count, dims, Vec::new())
    }

    fn features(&self, site: &Site<'_>, operand: Value) -> Imports<Features> {
        let of = self.type_of(operand);
        let axis = self.axis(site, "feature_index")?;
        self.expect(site, of.dtype.is_float(), || format!("does not take {of}"))?;
        self.expect(site, axis < of.rank(), || format!("feature_index {axis} is out of range for {of}"))?;
        Ok(Features { dtype: of.dtype, dims: of.dims.clone(), axis })
    }
}

//! The dynamic ops: the static ones, with sizes that are operands.

use tancho_ir::ops::{IndexOp, ShapeOp};
use tancho_ir::{Dim, Dims, Value};

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn dynamic_broadcast_in_dim(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 2)?;
        let operand = self.operand(site, 0)?;
        let dims = self.operand_dims(site, 1)?;
        let axes = self.axes(site, "broadcast_dimensions")?;
        let value = self.broadcast(site, operand, &dims, axes)?;
        self.one(value)
    }

    pub(super) fn dynamic_reshape(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 2)?;
        let operand = self.operand(site, 0)?;
        let dims = self.operand_dims(site, 1)?;
        let value = self.reshaped(site, operand, &dims)?;
        self.one(value)
    }

    pub(super) fn dynamic_iota(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 1)?;
        let dims = self.operand_dims(site, 0)?;
        let dtype = self.stated_result(site, 0)?.dtype;
        let axis = self.axis(site, "iota_dimension")?;
        let value = self.emit(site, ShapeOp::Iota { dtype, dims, axis }, &[])?;
        self.one(value)
    }

    pub(super) fn dynamic_pad(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 5)?;
        let operands = [self.operand(site, 0)?, self.operand(site, 1)?];
        let (low, high) = (self.operand_dims(site, 2)?, self.operand_dims(site, 3)?);
        let interior = self.operand_numbers(site, 4)?;
        let value = self.emit(site, ShapeOp::Pad { low, high, interior }, &operands)?;
        self.one(value)
    }

    /// A slice whose bounds are operands: sizes, or a start that is a value and a limit that is the start plus sizes.
    pub(super) fn real_dynamic_slice(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 4)?;
        let operand = self.operand(site, 0)?;
        let strides = self.operand_numbers(site, 3)?;
        let start = self.sizes_of(site, 1)?.and_then(|sizes| sizes.to_dims());
        let limit = self.sizes_of(site, 2)?.and_then(|sizes| sizes.to_dims());
        if let (Some(start), Some(limit)) = (start, limit) {
            let value = self.emit(site, ShapeOp::Slice { start, limit, strides }, &[operand])?;
            return self.one(value);
        }
        let (start, limit) = (self.operand(site, 1)?, self.operand(site, 2)?);
        let offset = self.level().offsets.get(&limit).filter(|(base, _)| *base == start);
        let sizes = offset.and_then(|(_, sizes)| sizes.to_dims()).filter(|_| strides.iter().all(|stride| *stride == 1));
        let Some(sizes) = sizes else {
            return Err(self.unsupported(site, "a slice whose size depends on values of tensors"));
        };
        let starts = self.elements(site, start, sizes.len())?;
        let operands: Vec<Value> = [operand].into_iter().chain(starts).collect();
        let value = self.emit(site, IndexOp::DynamicSlice { sizes }, &operands)?;
        self.one(value)
    }

    /// The elements of a tensor of rank 1 as scalars.
    fn elements(&mut self, site: &Site<'_>, vector: Value, count: usize) -> Imports<Vec<Value>> {
        let element = |position: usize| {
            let (start, limit) = (position as i64, position as i64 + 1);
            let slice = ShapeOp::Slice {
                start: [Dim::known(start)].into_iter().collect(),
                limit: [Dim::known(limit)].into_iter().collect(),
                strides: vec![1],
            };
            let one = self.emit(site, slice, &[vector])?;
            self.reshaped(site, one, &Dims::new())
        };
        (0..count).map(element).collect()
    }
}

//! Movement of data with sizes that the text states.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dim, Dims, Value};
use tancho_tensor::DType;

use super::builder::{Binding, Importer};
use super::element::Element;
use super::error::Imports;
use super::site::Site;
use super::sizes::Sizes;

impl<'m> Importer<'m> {
    pub(super) fn one(&self, value: Value) -> Imports<Vec<Binding>> {
        Ok(vec![self.bound(value)])
    }

    pub(super) fn all(&self, values: Vec<Value>) -> Imports<Vec<Binding>> {
        Ok(values.into_iter().map(|value| self.bound(value)).collect())
    }

    /// Broadcasts; gives the value itself where it has this shape already.
    pub(super) fn broadcast(&mut self, site: &Site<'_>, value: Value, dims: &Dims, axes: Vec<usize>) -> Imports<Value> {
        if self.type_of(value).dims == *dims && axes.iter().copied().eq(0..dims.len()) {
            return Ok(value);
        }
        self.emit(site, ShapeOp::BroadcastInDim { dims: dims.clone(), axes }, &[value])
    }

    /// Reshapes; gives the value itself where it has this shape already.
    pub(super) fn reshaped(&mut self, site: &Site<'_>, value: Value, dims: &Dims) -> Imports<Value> {
        /// The number of elements is a product of sums, whose terms are as many as the products of theirs.
        const TERM_LIMIT: usize = 4096;
        let of = self.type_of(value);
        if of.dims == *dims {
            return Ok(value);
        }
        let terms = |dims: &Dims| dims.iter().fold(1usize, |product, dim| product.saturating_mul(count_terms(dim)));
        if terms(&of.dims).max(terms(dims)) > TERM_LIMIT {
            return Err(self.unsupported(site, "sizes that are this long expressions"));
        }
        self.emit(site, ShapeOp::Reshape { dims: dims.clone() }, &[value])
    }

    pub(super) fn broadcast_in_dim(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let (_, dims) = self.known_result(site, 0)?;
        let axes = self.axes(site, "broadcast_dimensions")?;
        let value = self.broadcast(site, operand, &dims, axes)?;
        self.one(value)
    }

    /// The former op `broadcast`, which puts new axes at the front.
    pub(super) fn broadcast_in_front(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let sizes = self.integers(site, "broadcast_sizes")?;
        let of = self.type_of(operand).dims.clone();
        let axes = (sizes.len()..sizes.len() + of.len()).collect();
        let dims: Dims = sizes.into_iter().map(Dim::known).chain(of).collect();
        let value = self.broadcast(site, operand, &dims, axes)?;
        self.one(value)
    }

    pub(super) fn reshape(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let (_, dims) = self.known_result(site, 0)?;
        let value = self.reshaped(site, operand, &dims)?;
        self.one(value)
    }

    pub(super) fn transpose(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let permutation = self.axes(site, "permutation")?;
        let value = self.transposed(site, operand, permutation)?;
        self.one(value)
    }

    /// Transposes; gives the value itself where nothing moves.
    pub(super) fn transposed(&mut self, site: &Site<'_>, value: Value, permutation: Vec<usize>) -> Imports<Value> {
        if permutation.iter().copied().eq(0..self.rank_of(value)) {
            return Ok(value);
        }
        self.emit(site, ShapeOp::Transpose { permutation }, &[value])
    }

    pub(super) fn slice(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let start = dims(&self.integers(site, "start_indices")?);
        let limit = dims(&self.integers(site, "limit_indices")?);
        let strides = self.integers_or(site, "strides", 1, start.len())?;
        let value = self.emit(site, ShapeOp::Slice { start, limit, strides }, &[operand])?;
        self.one(value)
    }

    pub(super) fn concatenate(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.operands(site)?;
        let axis = self.axis(site, "dimension")?;
        let value = match operands.as_slice() {
            [only] if axis < self.rank_of(*only) => *only,
            operands => self.emit(site, ShapeOp::Concatenate { axis }, operands)?,
        };
        self.one(value)
    }

    pub(super) fn pad(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        let low = dims(&self.integers(site, "edge_padding_low")?);
        let high = dims(&self.integers(site, "edge_padding_high")?);
        let interior = self.integers_or(site, "interior_padding", 0, low.len())?;
        let value = self.emit(site, ShapeOp::Pad { low, high, interior }, &operands)?;
        self.one(value)
    }

    pub(super) fn reverse(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let axes = self.axes(site, "dimensions")?;
        let value = self.emit(site, ShapeOp::Reverse { axes }, &[operand])?;
        self.one(value)
    }

    pub(super) fn iota(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let (dtype, dims) = self.known_result(site, 0)?;
        let axis = self.axis(site, "iota_dimension")?;
        let value = self.emit(site, ShapeOp::Iota { dtype, dims, axis }, &[])?;
        self.one(value)
    }

    pub(super) fn bitcast_convert(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let dtype = self.stated_result(site, 0)?.dtype;
        let from = self.dtype_of(operand);
        if from == dtype {
            return self.one(operand);
        }
        if from == DType::Bool || dtype == DType::Bool {
            return Err(self.unsupported(site, "the bits of i1"));
        }
        let value = self.emit(site, ShapeOp::BitcastConvert { dtype }, &[operand])?;
        self.one(value)
    }

    pub(super) fn get_dimension_size(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 1)?;
        let of = self.operand_type(site, 0)?;
        let axis = self.axis(site, "dimension")?;
        let Some(dim) = of.dims.get(axis).cloned() else {
            return Err(self.malformed(site, format_args!("axis {axis} is out of range for {of}")));
        };
        let value = match dim.as_known().and_then(|size| i32::try_from(size).ok()) {
            Some(size) => self.scalar(site, DType::I32, f64::from(size))?,
            None => self.emit(site, ShapeOp::DimensionSize { dim: dim.clone(), dtype: DType::I32 }, &[])?,
        };
        self.level_mut().sizes.insert(value, Sizes::scalar(Element::Size(dim)));
        self.one(value)
    }

    /// Sets a size; nothing, where it is that size.
    pub(super) fn set_dimension_size(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 2)?;
        let operand = self.operand(site, 0)?;
        let axis = self.axis(site, "dimension")?;
        let size = self.sizes_of(site, 1)?.and_then(|sizes| sizes.to_dims()?.first().cloned());
        match (self.type_of(operand).dims.get(axis), size) {
            (Some(dim), Some(size)) if *dim == size => self.one(operand),
            _ => Err(self.unsupported(site, "sizes that are smaller than memory holds")),
        }
    }
}

pub(super) fn dims(values: &[i64]) -> Dims {
    values.iter().map(|&value| Dim::known(value)).collect()
}

/// The number of terms of a sum, from the text of it.
fn count_terms(dim: &Dim) -> usize {
    match dim.as_known() {
        Some(_) => 1,
        None => dim.to_string().matches([' ']).count() / 2 + 1,
    }
}

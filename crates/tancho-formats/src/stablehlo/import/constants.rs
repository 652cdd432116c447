//! Constants: those of the program, and those that compositions need.

use tancho_ir::ops::ShapeOp;
use tancho_ir::{Dims, Value};
use tancho_tensor::{Array, Buffer, DType, Shape, bf16, f16};

use super::super::syntax::{Dense, Elements};
use super::super::types::Type;
use super::builder::{Binding, Importer};
use super::error::Imports;
use super::site::Site;

impl<'m> Importer<'m> {
    /// `constant`.
    pub(super) fn constant(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let Some(dense) = site.op.attribute("value").and_then(|value| value.as_dense()) else {
            // The element type says what is not supported about a constant that is no list of elements.
            self.stated_result(site, 0)?;
            return Err(self.unsupported(site, "a value that is no dense<…>"));
        };
        let value = self.constant_of(site, dense)?;
        self.one(value)
    }

    /// The elements; a splat of many is the broadcast of one.
    pub(super) fn constant_of(&mut self, site: &Site<'_>, dense: &Dense) -> Imports<Value> {
        let stated = self.stated(site, &Type::Tensor(dense.ty.clone()))?;
        let (Some(dims), Some(count)) = (stated.known_dims(), dense.ty.element_count()) else {
            return Err(self.malformed(site, format_args!("a constant of type {}", dense.ty)));
        };
        match &dense.elements {
            Elements::Splat(element) if count > 1 => {
                let scalar = self.array(site, stated.dtype, Shape::scalar(), element)?;
                let scalar = self.emit(site, ShapeOp::Constant(scalar), &[])?;
                self.broadcast(site, scalar, &dims, Vec::new())
            }
            Elements::Splat(bytes) | Elements::Bytes(bytes) => {
                // There is no element where the type has none, whatever the text says.
                let bytes = if count == 0 { &[] } else { &**bytes };
                let shape: Option<Shape> = dims.iter().map(|dim| usize::try_from(dim.as_known()?).ok()).collect();
                let shape = shape.filter(|shape| shape.elements() == Some(count));
                let shape =
                    shape.ok_or_else(|| self.malformed(site, format_args!("a constant of type {}", dense.ty)))?;
                let array = self.array(site, stated.dtype, shape, bytes)?;
                self.emit(site, ShapeOp::Constant(array), &[])
            }
            Elements::Text(_) => Err(self.unsupported(site, format_args!("a constant of type {}", dense.ty))),
            Elements::Resource(name) => {
                Err(self.malformed(site, format_args!("expected the resource {name} in the file, found none")))
            }
        }
    }

    fn array(&self, site: &Site<'_>, dtype: DType, shape: Shape, bytes: &[u8]) -> Imports<Array> {
        let buffer = Buffer::copy_of(bytes).map_err(|error| self.malformed(site, error))?;
        Array::from_buffer(dtype, shape, buffer).map_err(|error| self.malformed(site, error))
    }

    /// A scalar constant.
    pub(super) fn scalar(&mut self, site: &Site<'_>, dtype: DType, value: f64) -> Imports<Value> {
        self.emit(site, ShapeOp::Constant(number(dtype, value)), &[])
    }

    /// The same number at every place of a shape.
    pub(super) fn filled(&mut self, site: &Site<'_>, dtype: DType, value: f64, dims: &Dims) -> Imports<Value> {
        let scalar = self.scalar(site, dtype, value)?;
        self.broadcast(site, scalar, dims, Vec::new())
    }

    /// The same number at every place of the shape of a value, and of its dtype.
    pub(super) fn filled_like(&mut self, site: &Site<'_>, like: Value, value: f64) -> Imports<Value> {
        let of = self.type_of(like).clone();
        self.filled(site, of.dtype, value, &of.dims)
    }
}

/// A number as an array of rank 0; rounded to the dtype.
pub(super) fn number(dtype: DType, value: f64) -> Array {
    match dtype {
        DType::F16 => Array::scalar(f16::from_f64(value)),
        DType::BF16 => Array::scalar(bf16::from_f64(value)),
        DType::F32 => Array::scalar(value as f32),
        DType::F64 => Array::scalar(value),
        DType::I8 => Array::scalar(value as i8),
        DType::I16 => Array::scalar(value as i16),
        DType::I32 => Array::scalar(value as i32),
        DType::I64 => Array::scalar(value as i64),
        DType::U8 => Array::scalar(value as u8),
        DType::U16 => Array::scalar(value as u16),
        DType::U32 => Array::scalar(value as u32),
        DType::U64 => Array::scalar(value as u64),
        DType::Bool => Array::scalar(value != 0.0),
    }
}

/// The least value: −∞ for floats.
pub(super) fn least(dtype: DType) -> Array {
    // Casts from float to integer saturate.
    number(dtype, if dtype == DType::Bool { 0.0 } else { f64::NEG_INFINITY })
}

/// The largest value: ∞ for floats.
pub(super) fn greatest(dtype: DType) -> Array {
    number(dtype, f64::INFINITY)
}

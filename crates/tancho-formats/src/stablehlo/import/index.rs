//! Places that are computed: gather, scatter, dynamic slices, sorting.

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp};
use tancho_ir::{Dim, Dims, TensorType, Value};

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::shape::dims;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn gather(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 2] = self.operands_of(site)?;
        let slice_sizes = dims(&self.integers(site, "slice_sizes")?);
        self.gather_slices(site, operands, slice_sizes)
    }

    /// A gather whose slice sizes are an operand.
    pub(super) fn dynamic_gather(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 3)?;
        let operands = [self.operand(site, 0)?, self.operand(site, 1)?];
        let slice_sizes = self.operand_dims(site, 2)?;
        self.gather_slices(site, operands, slice_sizes)
    }

    fn gather_slices(&mut self, site: &Site<'m>, operands: [Value; 2], slice_sizes: Dims) -> Imports<Vec<Binding>> {
        let fields = self.fields(site, "dimension_numbers")?;
        let axes = |name: &str| self.field_axes(site, fields, name);
        let op = GatherOp {
            offset_dims: axes("offset_dims")?,
            collapsed_slice_dims: axes("collapsed_slice_dims")?,
            operand_batching_dims: axes("operand_batching_dims")?,
            start_indices_batching_dims: axes("start_indices_batching_dims")?,
            start_index_map: axes("start_index_map")?,
            index_vector_dim: self.field_axis(site, fields, "index_vector_dim")?,
            slice_sizes,
            indices_are_sorted: self.boolean_or(site, "indices_are_sorted", false)?,
        };
        let value = self.emit(site, IndexOp::Gather(op), &operands)?;
        self.one(value)
    }

    /// The former op that takes slices along one axis, as PyTorch has it.
    pub(super) fn torch_index_select(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand, index] = self.operands_of(site)?;
        let (of, indices) = (self.type_of(operand).clone(), self.type_of(index).clone());
        let (axis, batch) = (self.axis(site, "dim")?, self.axis(site, "batch_dims")?);
        let fits = axis < of.rank() && batch <= axis && batch <= indices.rank();
        self.expect(site, fits, || format!("dim {axis} and batch_dims {batch} do not fit {of} and {indices}"))?;
        let batch_axes: Vec<usize> = (0..batch).collect();
        let one = |at: usize| at < batch || at == axis;
        let behind = axis + indices.rank() - batch;
        let offset_dims = (batch..axis).chain(behind..behind + of.rank() - axis - 1).collect();
        let op = GatherOp {
            offset_dims,
            collapsed_slice_dims: vec![axis],
            operand_batching_dims: batch_axes.clone(),
            start_indices_batching_dims: batch_axes,
            start_index_map: vec![axis],
            index_vector_dim: indices.rank(),
            slice_sizes: (0..of.rank()).map(|at| if one(at) { Dim::ONE } else { of.dims[at].clone() }).collect(),
            indices_are_sorted: false,
        };
        let value = self.emit(site, IndexOp::Gather(op), &[operand, index])?;
        self.one(value)
    }

    pub(super) fn scatter(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let mut operands = self.operands(site)?;
        let count = operands.len() / 2;
        self.expect(site, operands.len() == 2 * count + 1 && count > 0, || {
            format!("expected tensors, indices and as many updates, found {} operands", operands.len())
        })?;
        self.expect_regions(site, 1)?;
        // The body may compute in wider elements, which the result then has.
        let arguments = &self.region(site, 0)?.arguments;
        for (position, argument) in arguments.iter().enumerate().take(count) {
            let dtype = self.stated(site, &argument.ty)?.dtype;
            for operand in [position, count + 1 + position] {
                operands[operand] = self.promoted(site, operands[operand], dtype)?;
            }
        }
        let scalars: Vec<TensorType> =
            operands[..count].iter().map(|&operand| TensorType::scalar(self.dtype_of(operand))).collect();
        let body = self.fold_body(site, 0, &[scalars.clone(), scalars].concat())?;
        let fields = self.fields(site, "scatter_dimension_numbers")?;
        let axes = |name: &str| self.field_axes(site, fields, name);
        let op = ScatterOp {
            update_window_dims: axes("update_window_dims")?,
            inserted_window_dims: axes("inserted_window_dims")?,
            input_batching_dims: axes("input_batching_dims")?,
            scatter_indices_batching_dims: axes("scatter_indices_batching_dims")?,
            scatter_dims_to_operand_dims: axes("scatter_dims_to_operand_dims")?,
            index_vector_dim: self.field_axis(site, fields, "index_vector_dim")?,
            indices_are_sorted: self.boolean_or(site, "indices_are_sorted", false)?,
            unique_indices: self.boolean_or(site, "unique_indices", false)?,
            body,
        };
        let values = self.emit_all(site, IndexOp::Scatter(op), &operands)?;
        self.all(values)
    }

    pub(super) fn dynamic_slice(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.operands(site)?;
        let sizes = dims(&self.integers(site, "slice_sizes")?);
        let value = self.emit(site, IndexOp::DynamicSlice { sizes }, &operands)?;
        self.one(value)
    }

    pub(super) fn dynamic_update_slice(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.operands(site)?;
        let value = self.emit(site, IndexOp::DynamicUpdateSlice, &operands)?;
        self.one(value)
    }

    pub(super) fn sort(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands = self.operands(site)?;
        let Some(&first) = operands.first() else {
            return Err(self.malformed(site, "expected at least one operand"));
        };
        self.expect_regions(site, 1)?;
        // A negative axis counts from the end, and the last one is meant where none is given.
        let (axis, rank) = (self.integer_or(site, "dimension", -1)?, self.rank_of(first));
        let from_front = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        let axis = usize::try_from(from_front).ok().filter(|axis| *axis < rank);
        let Some(axis) = axis else {
            return Err(self.malformed(site, format_args!("no such axis of {}", self.type_of(first))));
        };
        let pairs: Vec<TensorType> = operands
            .iter()
            .flat_map(|&operand| std::iter::repeat_n(TensorType::scalar(self.dtype_of(operand)), 2))
            .collect();
        let comparator = self.fold_body(site, 0, &pairs)?;
        let stable = self.boolean_or(site, "is_stable", false)?;
        let values = self.emit_all(site, IndexOp::Sort { axis, stable, comparator }, &operands)?;
        self.all(values)
    }

    pub(super) fn top_k(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let [operand] = self.operands_of(site)?;
        let k = Dim::known(self.integer(site, "k")?);
        let values = self.emit_all(site, IndexOp::TopK { k }, &[operand])?;
        self.all(values)
    }

    /// The custom call that stands for `top_k` with a `k` that is an operand.
    pub(super) fn dynamic_top_k(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        self.expect_operands(site, 2)?;
        let operand = self.operand(site, 0)?;
        let k = self.operand_dims(site, 1)?.first().cloned();
        let k = k.ok_or_else(|| self.malformed(site, "expected one number as k"))?;
        let values = self.emit_all(site, IndexOp::TopK { k }, &[operand])?;
        self.all(values)
    }
}

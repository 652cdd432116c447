//! Gather, scatter, dynamic slices, sorting: places within the operand, at its ends, and beyond.

use tancho_ir::ops::{GatherOp, IndexOp, ScatterOp, ShapeOp};
use tancho_ir::{Dim, Dims, TensorType, Value};
use tancho_tensor::{DType, Shape};

use super::operands::whole_numbers;
use super::{Grower, INTEGERS, symbol_size};

/// Which axes of an operand and of indices mean what, in gather as in scatter.
struct Places {
    /// The axes of the result (of the updates) that a slice has.
    window: Vec<usize>,
    collapsed: Vec<usize>,
    operand_batching: Vec<usize>,
    indices_batching: Vec<usize>,
    map: Vec<usize>,
    index_vector_dim: usize,
    slice: Dims,
    indices: Value,
    /// The sizes of the result (of the updates).
    dims: Dims,
    /// Whether the index vectors are in order and no two slices meet.
    distinct: bool,
}

impl Grower {
    pub(super) fn gather(&mut self, x: Value) -> Option<Value> {
        let places = self.places(x)?;
        self.gather_at(x, &places)
    }

    fn gather_at(&mut self, x: Value, places: &Places) -> Option<Value> {
        let gather = GatherOp {
            offset_dims: places.window.clone(),
            collapsed_slice_dims: places.collapsed.clone(),
            operand_batching_dims: places.operand_batching.clone(),
            start_indices_batching_dims: places.indices_batching.clone(),
            start_index_map: places.map.clone(),
            index_vector_dim: places.index_vector_dim,
            slice_sizes: places.slice.clone(),
            indices_are_sorted: places.distinct,
        };
        self.add(IndexOp::Gather(gather), &[x, places.indices])
    }

    pub(super) fn scatter(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let places = self.places(x)?;
        let mut inputs = vec![x];
        if self.one_in(4) {
            inputs.push(self.beside(&of)?);
        }
        let dtypes: Vec<DType> = inputs.iter().map(|&input| self.type_of(input).dtype).collect();
        let mut operands = [&inputs[..], &[places.indices]].concat();
        for (position, &dtype) in dtypes.iter().enumerate() {
            // What was gathered at the places has the sizes that the updates need.
            let gathered = if self.one_in(3) { self.gather_at(inputs[position], &places) } else { None };
            let of = TensorType { dtype, dims: places.dims.clone() };
            operands.push(match gathered {
                Some(gathered) => gathered,
                None => self.value_of(&of)?,
            });
        }
        let scatter = ScatterOp {
            update_window_dims: places.window,
            inserted_window_dims: places.collapsed,
            input_batching_dims: places.operand_batching,
            scatter_indices_batching_dims: places.indices_batching,
            scatter_dims_to_operand_dims: places.map,
            index_vector_dim: places.index_vector_dim,
            indices_are_sorted: places.distinct,
            unique_indices: places.distinct,
            body: self.body(&dtypes),
        };
        self.add(IndexOp::Scatter(scatter), &operands)
    }

    /// Any valid choice of axes, slices and indices for an operand.
    fn places(&mut self, x: Value) -> Option<Places> {
        let (sizes, dims) = (self.shape_of(x), self.type_of(x).dims);
        let rank = sizes.rank();
        let order = self.permutation(rank);
        let n_batching = if self.one_in(3) { self.random.below(rank.min(2) + 1) } else { 0 };
        let mut operand_batching = order[..n_batching].to_vec();
        operand_batching.sort_unstable();
        let map: Vec<usize> = order[n_batching..].iter().copied().filter(|_| self.random.below(3) > 0).collect();
        let others: Vec<usize> = (0..rank).filter(|axis| !operand_batching.contains(axis)).collect();
        let collapsed: Vec<usize> =
            others.iter().copied().filter(|&axis| sizes[axis] > 0 && self.random.below(2) == 0).collect();
        let is_removed = |axis: &usize| collapsed.contains(axis) || operand_batching.contains(axis);
        let kept: Vec<usize> = (0..rank).filter(|axis| !is_removed(axis)).collect();
        let slice: Dims = (0..rank)
            .map(|axis| match (is_removed(&axis), self.random.below(3)) {
                (true, _) => Dim::from(sizes[axis].min(1)),
                (false, 0) => dims[axis].clone(),
                (false, 1) => Dim::from(sizes[axis].min(2)),
                (false, _) => Dim::from(self.random.below(sizes[axis] + 1)),
            })
            .collect();

        // The axes of the indices: the batching ones anywhere among some others, then the vectors' axis anywhere.
        let mut batch: Vec<usize> = (0..self.random.below(3)).map(|_| 1 + self.random.below(6)).collect();
        let mut indices_batching: Vec<usize> = Vec::new();
        for &axis in &operand_batching {
            let place = self.random.below(batch.len() + 1);
            batch.insert(place, sizes[axis]);
            indices_batching.iter_mut().filter(|other| **other >= place).for_each(|other| *other += 1);
            indices_batching.push(place);
        }
        let mut shape = batch.clone();
        let mut index_vector_dim = shape.len();
        if map.len() != 1 || self.one_in(2) {
            index_vector_dim = self.random.below(shape.len() + 1);
            shape.insert(index_vector_dim, map.len());
            indices_batching.iter_mut().filter(|axis| **axis >= index_vector_dim).for_each(|axis| *axis += 1);
        }

        // A row of consecutive numbers is in order, and no two slices meet.
        let one_row = map.len() == 1 && batch.len() == 1 && operand_batching.is_empty();
        let distinct = one_row && slice[map[0]].evaluate(&symbol_size)? <= 1 && self.one_in(2);
        let dtype = *self.random.choose(&INTEGERS);
        let mut next = self.random.below(3) as i64 - 1;
        let random = &mut self.random;
        let numbers = whole_numbers(dtype, &Shape::new(&shape), || {
            next += 1;
            if distinct { next.max(0) } else { random.below(9) as i64 - 1 }
        });
        let distinct = distinct && next > 0 && !numbers.to_f64_vec().windows(2).any(|pair| pair[0] >= pair[1]);
        let mut indices = self.constant(numbers);
        if !distinct && self.one_in(3) {
            indices = self.moved(indices)?;
        }

        let mut window = self.permutation(batch.len() + kept.len());
        window.truncate(kept.len());
        window.sort_unstable();
        let (mut kept, mut batch) = (kept.iter(), batch.iter());
        let dims = (0..kept.len() + batch.len()).map(|axis| match window.contains(&axis) {
            true => slice[*kept.next().expect("as many as the window has")].clone(),
            false => Dim::from(*batch.next().expect("as many as there are others")),
        });
        let dims = dims.collect();
        Some(Places {
            window,
            collapsed,
            operand_batching,
            indices_batching,
            map,
            index_vector_dim,
            slice,
            indices,
            dims,
            distinct,
        })
    }

    /// Indices that are moved by a scalar of the program, so that they are not known before a call.
    fn moved(&mut self, indices: Value) -> Option<Value> {
        let of = self.type_of(indices);
        let scalar = self.place(of.dtype);
        let by = self.add(ShapeOp::BroadcastInDim { dims: of.dims, axes: Vec::new() }, &[scalar])?;
        self.add(tancho_ir::ops::ElementwiseOp::Binary(tancho_ir::ops::BinaryOp::Add), &[indices, by])
    }

    /// A scalar that says where: mostly a small number.
    fn place(&mut self, dtype: DType) -> Value {
        let number = self.random.below(8) as i64 - 2;
        if self.one_in(2) { self.whole(dtype, number) } else { self.scalar_of(dtype) }
    }

    pub(super) fn dynamic_slice(&mut self, x: Value) -> Option<Value> {
        let (sizes, starts) = self.slice_places(x);
        let operands = [&[x], &starts[..]].concat();
        self.add(IndexOp::DynamicSlice { sizes }, &operands)
    }

    pub(super) fn dynamic_update_slice(&mut self, x: Value) -> Option<Value> {
        let (sizes, starts) = self.slice_places(x);
        let dtype = self.type_of(x).dtype;
        let update = self.value_of(&TensorType { dtype, dims: sizes })?;
        let operands = [&[x, update], &starts[..]].concat();
        self.add(IndexOp::DynamicUpdateSlice, &operands)
    }

    fn slice_places(&mut self, x: Value) -> (Dims, Vec<Value>) {
        let (sizes, dims) = (self.shape_of(x), self.type_of(x).dims);
        let slice = sizes.iter().zip(dims);
        let slice: Dims = slice
            .map(|(&size, dim)| if self.one_in(3) { dim } else { Dim::from(self.random.below(size + 1)) })
            .collect();
        let dtype = *self.random.choose(&INTEGERS);
        let starts = sizes.iter().map(|_| self.place(dtype)).collect();
        (slice, starts)
    }

    pub(super) fn sort(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let axis = self.random.below(of.rank().max(1));
        let mut operands = vec![x];
        for _ in 0..self.random.below(3) {
            operands.push(self.beside(&of)?);
        }
        let dtypes: Vec<DType> = operands.iter().map(|&value| self.type_of(value).dtype).collect();
        let (stable, comparator) = (self.one_in(2), self.comparator(&dtypes));
        self.add(IndexOp::Sort { axis, stable, comparator }, &operands)
    }

    pub(super) fn top_k(&mut self, x: Value) -> Option<Value> {
        let size = *self.shape_of(x).last()?;
        let k = Dim::from(self.random.below(size.min(20) + 1));
        self.add(IndexOp::TopK { k }, &[x])
    }
}

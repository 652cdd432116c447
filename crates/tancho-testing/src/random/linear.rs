//! Convolutions, linear algebra, random bits.

use tancho_ir::ops::{
    BinaryOp, Comparison, ConvAxes, ConvOp, DotOp, ElementwiseOp, LinalgOp, RandomAlgorithm, RandomOp, ShapeOp,
    WindowAxis,
};
use tancho_ir::{Dim, Dims, TensorType, Value};
use tancho_tensor::DType;

use super::{FLOATS, Grower, MAX_WORK, symbol_size};

impl Grower {
    /// A small kernel over a value, any of whose axes may be the batch and the features.
    pub(super) fn convolution(&mut self, x: Value) -> Option<Value> {
        let (of, sizes) = (self.type_of(x), self.shape_of(x));
        if !(2..=5).contains(&sizes.rank()) {
            return None;
        }
        let (lhs, rhs, output) = (self.conv_axes(&sizes), self.conv_axes(&sizes), self.conv_axes(&sizes));
        let divisor_of = |grower: &mut Grower, size: usize| {
            let divisors: Vec<usize> = (1..=size.min(6)).filter(|divisor| size.is_multiple_of(*divisor)).collect();
            if divisors.is_empty() { 1 } else { *grower.random.choose(&divisors) }
        };
        let (mut feature_groups, mut batch_groups) = (1, 1);
        match self.random.below(4) {
            0 => feature_groups = divisor_of(self, sizes[lhs.feature]),
            1 => batch_groups = divisor_of(self, sizes[lhs.batch]),
            _ => {}
        }
        let outputs = self.random.below(4) * feature_groups * batch_groups;
        let mut kernel: Dims = sizes.iter().map(|_| Dim::ZERO).collect();
        kernel[rhs.batch] = Dim::from(outputs);
        kernel[rhs.feature] = of.dims[lhs.feature].floor_div(&Dim::from(feature_groups))?;
        let mut window = Vec::new();
        for &axis in &rhs.spatial {
            kernel[axis] = if self.one_in(12) { Dim::ZERO } else { Dim::from(1 + self.random.below(4)) };
            window.push(self.conv_window());
        }
        let reversed = (0..window.len()).map(|_| self.one_in(4)).collect();
        let op = ConvOp { window, reversed, lhs, rhs, output, feature_groups, batch_groups };
        let kernel = TensorType { dtype: of.dtype, dims: kernel };
        let result = tancho_ir::infer(&op.clone().into(), &[of, kernel.clone()], &mut Vec::new()).ok()?;
        let elements = |of: &TensorType| of.evaluate(&symbol_size).and_then(|shape| shape.elements());
        let work = elements(&result[0])?.checked_mul(elements(&kernel)?)?;
        if work > MAX_WORK * outputs.max(1) {
            return None;
        }
        let kernel = self.value_of(&kernel)?;
        self.add(op, &[x, kernel])
    }

    fn conv_axes(&mut self, sizes: &[usize]) -> ConvAxes {
        let order = self.permutation(sizes.len());
        ConvAxes { batch: order[0], feature: order[1], spatial: order[2..].to_vec() }
    }

    fn conv_window(&mut self) -> WindowAxis {
        let mut window = WindowAxis::default();
        if self.one_in(2) {
            window.stride = 1 + self.random.below(3) as i64;
            window.low = Dim::known(self.random.below(4) as i64 - 1);
            window.high = Dim::known(self.random.below(4) as i64 - 1);
        }
        if self.one_in(3) {
            window.base_dilation = 1 + self.random.below(3) as i64;
            window.dilation = 1 + self.random.below(3) as i64;
        }
        window
    }

    /// A factor of a matrix, or the solution of a triangular system; of matrices that are well conditioned, and of others.
    pub(super) fn linear_algebra(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let a = match of.dtype.is_float() && of.rank() >= 2 && of.dims[of.rank() - 1] == of.dims[of.rank() - 2] {
            true => x,
            false => self.square_matrix()?,
        };
        let matrices = self.type_of(a);
        if self.one_in(2) {
            let lower = self.one_in(2);
            return self.add(LinalgOp::Cholesky { lower }, &[a]);
        }
        let left_side = self.one_in(2);
        let mut sides = matrices.clone();
        sides.dims[matrices.rank() - 1 - usize::from(!left_side)] = Dim::from(self.random.below(6));
        let b = self.value_of(&sides)?;
        let (lower, unit_diagonal, transpose) = (self.one_in(2), self.one_in(2), self.one_in(2));
        self.add(LinalgOp::TriangularSolve { left_side, lower, unit_diagonal, transpose }, &[a, b])
    }

    /// A square matrix; mostly `M·Mᵀ + I`.
    fn square_matrix(&mut self) -> Option<Value> {
        let (size, dtype) = (Dim::from(self.random.below(9)), *self.random.choose(&FLOATS));
        let batch: Dims =
            if self.one_in(3) { [Dim::from(self.random.below(4))].into_iter().collect() } else { Dims::new() };
        let dims: Dims = batch.iter().cloned().chain([size.clone(), size]).collect();
        let of = TensorType { dtype, dims: dims.clone() };
        let matrix = self.value_of(&of)?;
        if self.one_in(4) {
            return Some(matrix);
        }
        let rank = dims.len();
        let batch: Vec<usize> = (0..batch.len()).collect();
        let transposed = DotOp {
            lhs_batch: batch.clone(),
            rhs_batch: batch,
            lhs_contract: vec![rank - 1],
            rhs_contract: vec![rank - 1],
        };
        let product = self.add(transposed, &[matrix, matrix])?;
        let index = |axis| ShapeOp::Iota { dtype: DType::I32, dims: dims.clone(), axis };
        let (row, column) = (self.add(index(rank - 2), &[])?, self.add(index(rank - 1), &[])?);
        let diagonal = self.add(ElementwiseOp::Compare(Comparison::Eq), &[row, column])?;
        let ones = self.converted(diagonal, dtype)?;
        self.add(ElementwiseOp::Binary(BinaryOp::Add), &[product, ones])
    }

    pub(super) fn random_bits(&mut self) -> Option<Value> {
        let algorithm = *self.random.choose(&RandomAlgorithm::ALL);
        let size = match algorithm {
            RandomAlgorithm::Threefry => 2i64,
            RandomAlgorithm::Philox => 2 + self.random.below(2) as i64,
        };
        let state = self.value_of(&TensorType::new(DType::U64, [size]))?;
        let dtype = *self.random.choose(&DType::ALL);
        let bits = TensorType { dtype, dims: self.any_dims(4) };
        let results = self.add_all(RandomOp { algorithm, bits }, &[state])?;
        results.last().copied()
    }
}

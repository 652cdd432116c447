//! Folds with a function of their own.

use tancho_ir::ops::{FoldOp, WindowAxis};
use tancho_ir::{Dim, TensorType, Value};
use tancho_tensor::DType;

use super::{Grower, MAX_WORK, symbol_size};

impl Grower {
    pub(super) fn fold(&mut self, x: Value) -> Option<Value> {
        let (operands, dtypes) = self.fold_operands(x)?;
        let mut axes = self.subset(self.type_of(x).rank());
        if self.one_in(2) {
            axes.reverse();
        }
        let body = self.body(&dtypes);
        self.add(FoldOp::Reduce { axes, body }, &operands)
    }

    pub(super) fn fold_windows(&mut self, x: Value) -> Option<Value> {
        let window = self.window(&self.type_of(x), true)?;
        let (operands, dtypes) = self.fold_operands(x)?;
        let body = self.body(&dtypes);
        self.add(FoldOp::ReduceWindow { window, body }, &operands)
    }

    pub(super) fn select_and_scatter(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let window = self.window(&of, false)?;
        let places = window.iter().zip(&of.dims).map(|(window, size)| window.positions(size));
        let source = self.value_of(&TensorType { dtype: of.dtype, dims: places.collect() })?;
        let initial = self.scalar_of(of.dtype);
        let (select, scatter) = (self.selection(of.dtype), self.body(&[of.dtype]));
        self.add(FoldOp::SelectAndScatter { window, select, scatter }, &[x, source, initial])
    }

    pub(super) fn scan(&mut self, x: Value) -> Option<Value> {
        let of = self.type_of(x);
        let axis = self.random.below(of.rank().max(1));
        let (operands, dtypes) = self.fold_operands(x)?;
        let body = self.body(&dtypes);
        let reverse = self.one_in(2);
        self.add(FoldOp::Scan { axis, reverse, body }, &operands)
    }

    /// A value, now and then with others of its sizes, and their initial scalars; and their dtypes.
    fn fold_operands(&mut self, x: Value) -> Option<(Vec<Value>, Vec<DType>)> {
        let of = self.type_of(x);
        let mut operands = vec![x];
        if self.one_in(3) {
            operands.push(self.beside(&of)?);
        }
        let dtypes: Vec<DType> = operands.iter().map(|&value| self.type_of(value).dtype).collect();
        for &dtype in &dtypes {
            operands.push(self.scalar_of(dtype));
        }
        Some((operands, dtypes))
    }

    /// A value of the same sizes and any dtype.
    pub(super) fn beside(&mut self, of: &TensorType) -> Option<Value> {
        if self.one_in(2) {
            return self.any_value_of(|other| other.dims == of.dims);
        }
        let dtype = self.any_dtype();
        self.value_of(&of.with_dtype(dtype))
    }

    /// A small window over the axes of a type; `None` where all its places together are too many.
    fn window(&mut self, of: &TensorType, dilated: bool) -> Option<Vec<WindowAxis>> {
        let mut work = 1usize;
        let mut window = Vec::new();
        for size in &of.dims {
            let mut axis = WindowAxis::default();
            if self.random.below(3) > 0 {
                axis.size = Dim::known(1 + self.random.below(4) as i64);
                axis.stride = 1 + self.random.below(3) as i64;
                axis.low = Dim::known(self.random.below(4) as i64 - 1);
                axis.high = Dim::known(self.random.below(4) as i64 - 1);
            }
            if dilated && self.one_in(4) {
                axis.base_dilation = 1 + self.random.below(3) as i64;
                axis.dilation = 1 + self.random.below(3) as i64;
            }
            let places = usize::try_from(axis.positions(size).evaluate(&symbol_size)?).ok()?;
            work = work.checked_mul(places.max(1))?.checked_mul(usize::try_from(axis.size.as_known()?).ok()?)?;
            window.push(axis);
        }
        (work <= MAX_WORK).then_some(window)
    }
}

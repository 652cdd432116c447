//! Folds over windows: `reduce_window`, `select_and_scatter`, and running folds that are written as the former.

use std::sync::Arc;

use tancho_ir::ops::{FoldOp, WindowAxis};
use tancho_ir::{Dim, Graph, TensorType, Value};

use super::builder::{Binding, Importer};
use super::error::Imports;
use super::recognize::{binary_body, fold_kind, is_identity};
use super::reduce::Fold;
use super::site::Site;

impl<'m> Importer<'m> {
    pub(super) fn reduce_window(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let fold = self.fold(site)?;
        let window = self.window(site, fold.inputs.first().copied())?;
        let values = self.fold_windows(site, window, &fold)?;
        self.all(values)
    }

    /// The custom call that stands for `reduce_window` with sizes that are operands.
    pub(super) fn dynamic_reduce_window(&mut self, site: &Site<'m>, body: Arc<Graph>) -> Imports<Vec<Binding>> {
        let count = site.op.operands.len().saturating_sub(5) / 2;
        self.expect_operands(site, 2 * count + 5)?;
        let inputs = (0..count).map(|position| self.operand(site, position)).collect::<Imports<Vec<_>>>()?;
        let inits = (count..2 * count).map(|position| self.operand(site, position)).collect::<Imports<Vec<_>>>()?;
        let sizes = self.operand_dims(site, 2 * count)?;
        let numbers = |place: usize| self.operand_numbers(site, 2 * count + place);
        let (strides, base_dilations, dilations) = (numbers(1)?, numbers(2)?, numbers(3)?);
        let padding = self.operand_dims(site, 2 * count + 4)?;
        let rank = sizes.len();
        let fits = [strides.len(), base_dilations.len(), dilations.len(), padding.len() / 2] == [rank; 4];
        self.expect(site, fits, || format!("expected {rank} strides, dilations and paddings"))?;
        let window = (0..rank).map(|axis| WindowAxis {
            size: sizes[axis].clone(),
            stride: strides[axis],
            low: padding[2 * axis].clone(),
            high: padding[2 * axis + 1].clone(),
            base_dilation: base_dilations[axis],
            dilation: dilations[axis],
        });
        let values = self.fold_windows(site, window.collect(), &Fold { inputs, inits, body })?;
        self.all(values)
    }

    fn fold_windows(&mut self, site: &Site<'_>, window: Vec<WindowAxis>, fold: &Fold) -> Imports<Vec<Value>> {
        if let Some((axis, reverse)) = self.running_fold(&window, fold) {
            let scan = FoldOp::Scan { axis, reverse, body: fold.body.clone() };
            return Ok(vec![self.emit(site, scan, &fold.operands())?]);
        }
        self.emit_all(site, FoldOp::ReduceWindow { window, body: fold.body.clone() }, &fold.operands())
    }

    /// The axis of a running fold, and whether it begins at the end: the window is as long as the axis and is padded on one
    /// side, such that each position sees the elements up to its own, and initial values change nothing.
    fn running_fold(&self, window: &[WindowAxis], fold: &Fold) -> Option<(usize, bool)> {
        let ([input], [init]) = (&fold.inputs[..], &fold.inits[..]) else { return None };
        let kind = fold_kind(binary_body(&fold.body)?, self.dtype_of(*input))?;
        if !self.level().graph.constant(*init).is_some_and(|array| is_identity(array, kind)) {
            return None;
        }
        let mut axes = window.iter().enumerate().filter(|(_, axis)| !axis.is_trivial());
        let (Some((axis, along)), None) = (axes.next(), axes.next()) else { return None };
        let size = self.type_of(*input).dims.get(axis)?;
        let rest = size.clone() - Dim::ONE;
        let of = |low: Dim, high: Dim| WindowAxis { low, high, ..WindowAxis::of_size(size.clone()) };
        if *along == of(rest.clone(), Dim::ZERO) {
            return Some((axis, false));
        }
        (*along == of(Dim::ZERO, rest)).then_some((axis, true))
    }

    /// The window of an op's attributes, for an operand.
    fn window(&self, site: &Site<'_>, operand: Option<Value>) -> Imports<Vec<WindowAxis>> {
        let Some(operand) = operand else {
            return Err(self.malformed(site, "expected at least one tensor"));
        };
        let rank = self.rank_of(operand);
        let sizes = self.integers(site, "window_dimensions")?;
        self.expect(site, sizes.len() == rank, || {
            format!("{} window_dimensions for {}", sizes.len(), self.type_of(operand))
        })?;
        let strides = self.integers_or(site, "window_strides", 1, rank)?;
        let base_dilations = self.integers_or(site, "base_dilations", 1, rank)?;
        let dilations = self.integers_or(site, "window_dilations", 1, rank)?;
        let padding = self.integers_or(site, "padding", 0, 2 * rank)?;
        let axis = |axis: usize| WindowAxis {
            size: Dim::known(sizes[axis]),
            stride: strides[axis],
            low: Dim::known(padding[2 * axis]),
            high: Dim::known(padding[2 * axis + 1]),
            base_dilation: base_dilations[axis],
            dilation: dilations[axis],
        };
        Ok((0..rank).map(axis).collect())
    }

    pub(super) fn select_and_scatter(&mut self, site: &Site<'m>) -> Imports<Vec<Binding>> {
        let operands: [Value; 3] = self.operands_of(site)?;
        self.expect_regions(site, 2)?;
        let window = self.select_window(site, operands[0])?;
        let scalar = TensorType::scalar(self.dtype_of(operands[0]));
        let pair = [scalar.clone(), scalar];
        let select = self.fold_body(site, 0, &pair)?;
        let scatter = self.fold_body(site, 1, &pair)?;
        let value = self.emit(site, FoldOp::SelectAndScatter { window, select, scatter }, &operands)?;
        self.one(value)
    }

    /// The window of `select_and_scatter`, which is one place where the attribute is left out.
    fn select_window(&self, site: &Site<'_>, operand: Value) -> Imports<Vec<WindowAxis>> {
        if site.op.attribute("window_dimensions").is_some() {
            return self.window(site, Some(operand));
        }
        Ok(vec![WindowAxis::default(); self.rank_of(operand)])
    }
}

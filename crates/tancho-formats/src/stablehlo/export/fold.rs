//! Folds: `reduce` with a body, windows, and running folds.

use tancho_ir::ops::{BinaryOp, ElementwiseOp, FoldOp, ReduceKind, ReduceOp, WindowAxis};
use tancho_ir::{Dim, Graph, Op, TensorType};
use tancho_tensor::{Array, DType, Element, bf16, f16, with_element};

use super::ExportError;
use super::exporter::{Details, Exporter, Operand, Site};
use super::text::{axis_array, bool_array, i64_array, pairs};

impl<'g> Exporter<'g> {
    pub(super) fn reduce(&mut self, site: &Site<'_>, op: &ReduceOp) -> Result<Operand, ExportError> {
        let operand = &site.operands[0];
        let dtype = operand.of.dtype;
        let body = match op.kind {
            ReduceKind::Sum => "add",
            ReduceKind::Product => "multiply",
            ReduceKind::Max => "maximum",
            ReduceKind::Min => "minimum",
            ReduceKind::And => "and",
            ReduceKind::Or => "or",
            ReduceKind::ArgMax(index) => return self.arg_reduce(site, op, index, "GT"),
            ReduceKind::ArgMin(index) => return self.arg_reduce(site, op, index, "LT"),
        };
        let init = self.constant(site, &initial(op.kind, dtype));
        if op.axes.is_empty() {
            let init = self.broadcast(site, &init, &operand.of)?;
            return Ok(self.finish_one(site, &format!("stablehlo.{body}"), &[init, operand.clone()], ""));
        }
        let scalar = TensorType::scalar(dtype);
        let region = self.region(site, &[scalar.clone(), scalar.clone()], |exporter, arguments| {
            let operands = [&arguments[0], &arguments[1]];
            Ok(vec![exporter.step(site, &format!("stablehlo.{body}"), &operands, "", scalar)])
        })?;
        let attributes = format!("dimensions = {}", axis_array(&sorted(&op.axes)));
        let details = Details { attributes, regions: vec![region] };
        Ok(self.finish_one(site, "stablehlo.reduce", &[operand.clone(), init], details))
    }

    /// A reduction of pairs of a value and its index; a NaN wins over every number.
    fn arg_reduce(
        &mut self,
        site: &Site<'_>,
        op: &ReduceOp,
        index: DType,
        direction: &str,
    ) -> Result<Operand, ExportError> {
        let operand = &site.operands[0];
        let dtype = operand.of.dtype;
        let indices = self.iota(site, &operand.of.with_dtype(index), op.axes[0])?;
        let init = self.constant(site, &initial(op.kind, dtype));
        let first = self.constant(site, &with_element!(index, T => Array::scalar(T::default())));
        let (value, place) = (TensorType::scalar(dtype), TensorType::scalar(index));
        let types = [value.clone(), place.clone(), value.clone(), place.clone()];
        let region = self.region(site, &types, |exporter, arguments| {
            let [x, i, y, j] = arguments else { unreachable!("four parameters") };
            let truth = || TensorType::scalar(DType::Bool);
            let better = exporter.compare(site, direction, x, y);
            let is_nan = exporter.compare(site, "NE", x, x);
            let better = exporter.step(site, "stablehlo.or", &[&better, &is_nan], "", truth());
            let equal = exporter.compare(site, "EQ", x, y);
            let before = exporter.compare(site, "LT", i, j);
            let tie = exporter.step(site, "stablehlo.and", &[&equal, &before], "", truth());
            let earlier = exporter.step(site, "stablehlo.or", &[&better, &tie], "", truth());
            let value = exporter.step(site, "stablehlo.select", &[&better, x, y], "", value);
            let place = exporter.step(site, "stablehlo.select", &[&earlier, i, j], "", place);
            Ok(vec![value, place])
        })?;
        let attributes = format!("dimensions = {}", axis_array(&op.axes));
        let details = Details { attributes, regions: vec![region] };
        let types = [site.types[0].with_dtype(dtype), site.types[0].clone()];
        let operands = [operand.clone(), indices, init, first];
        Ok(self.write(site, site.name, "stablehlo.reduce", &operands, details, &types).swap_remove(1))
    }

    pub(super) fn fold(&mut self, site: &Site<'_>, op: &'g FoldOp) -> Result<Vec<Operand>, ExportError> {
        match op {
            // XLA takes a fold of nothing for the operand, but the body is to see the initial values.
            FoldOp::Reduce { axes, body } if axes.is_empty() && site.types[0].rank() == 0 => {
                let (inputs, inits) = site.operands.split_at(site.operands.len() / 2);
                self.inline(body, &[inits, inputs].concat())
            }
            FoldOp::Reduce { axes, body } => {
                let regions = vec![self.graph_region(site, body)?];
                let attributes = format!("dimensions = {}", axis_array(&sorted(axes)));
                Ok(self.finish(site, "stablehlo.reduce", &site.operands, Details { attributes, regions }))
            }
            FoldOp::ReduceWindow { window, body } if !self.is_known(window) => {
                self.dynamic_reduce_window(site, window, body)
            }
            FoldOp::ReduceWindow { window, body } => {
                let regions = vec![self.graph_region(site, body)?];
                let attributes = self.window(site, window, true)?;
                Ok(self.finish(site, "stablehlo.reduce_window", &site.operands, Details { attributes, regions }))
            }
            FoldOp::SelectAndScatter { window, select, scatter } => {
                let regions = vec![self.graph_region(site, select)?, self.graph_region(site, scatter)?];
                let attributes = self.window(site, window, false)?;
                Ok(self.finish(site, "stablehlo.select_and_scatter", &site.operands, Details { attributes, regions }))
            }
            FoldOp::Scan { axis, reverse, body } => {
                let size = &site.operands[0].of.dims[*axis];
                if self.is_monoid(site, body) && *size != Dim::ZERO {
                    let mut window = vec![WindowAxis::default(); site.types[0].rank()];
                    window[*axis] = WindowAxis::of_size(size.clone());
                    let padding = if *reverse { &mut window[*axis].high } else { &mut window[*axis].low };
                    *padding = size.clone() - Dim::ONE;
                    return self.scan_window(site, &window, body);
                }
                let (Some(size), Some(_)) = (size.as_known(), site.operands[0].of.known_shape()) else {
                    return Err(
                        site.error(format!("such running folds of {} have no dynamic form", site.operands[0].of))
                    );
                };
                match size {
                    0 => Ok(site.operands[..site.operands.len() / 2].to_vec()),
                    _ => self.scan_loop(site, *axis, size, *reverse, body),
                }
            }
        }
    }

    /// Whether the body is an op that does not change by what the fold begins with, so that padding does no harm.
    fn is_monoid(&self, site: &Site<'_>, body: &Graph) -> bool {
        let [result] = body.results() else { return false };
        let Some(Op::Elementwise(ElementwiseOp::Binary(op))) = body.op_of(*result) else { return false };
        let kind = match op {
            BinaryOp::Add => ReduceKind::Sum,
            BinaryOp::Multiply => ReduceKind::Product,
            BinaryOp::Maximum => ReduceKind::Max,
            BinaryOp::Minimum => ReduceKind::Min,
            BinaryOp::And => ReduceKind::And,
            BinaryOp::Or => ReduceKind::Or,
            _ => return false,
        };
        let dtype = site.operands[0].of.dtype;
        let of_parameters = body.node(result.node).operands().iter().copied().eq(body.parameters());
        let init = self.body.scalars.get(&site.operands[1].name);
        of_parameters && kind.accepts(dtype) && init.is_some_and(|init| init.same_bits(&initial(kind, dtype)))
    }

    /// A running fold as a window that is as long as the axis; its sizes are in the symbols of the function.
    fn scan_window(
        &mut self,
        site: &Site<'_>,
        window: &[WindowAxis],
        body: &'g Graph,
    ) -> Result<Vec<Operand>, ExportError> {
        if window.iter().any(|axis| axis.size.as_known().is_none()) {
            return self.dynamic_window_call(site, window, body);
        }
        let regions = vec![self.graph_region(site, body)?];
        let attributes = self.window(site, window, true)?;
        Ok(self.finish(site, "stablehlo.reduce_window", &site.operands, Details { attributes, regions }))
    }

    fn is_known(&self, window: &[WindowAxis]) -> bool {
        let known = |dim: &Dim| self.dim(dim).as_known().is_some();
        window.iter().all(|axis| known(&axis.size) && known(&axis.low) && known(&axis.high))
    }

    fn dynamic_reduce_window(
        &mut self,
        site: &Site<'_>,
        window: &[WindowAxis],
        body: &'g Graph,
    ) -> Result<Vec<Operand>, ExportError> {
        let here = |axis: &WindowAxis| WindowAxis {
            size: self.dim(&axis.size),
            low: self.dim(&axis.low),
            high: self.dim(&axis.high),
            ..axis.clone()
        };
        let window: Vec<WindowAxis> = window.iter().map(here).collect();
        self.dynamic_window_call(site, &window, body)
    }

    /// The custom call that stands for `reduce_window` with sizes that are operands.
    fn dynamic_window_call(
        &mut self,
        site: &Site<'_>,
        window: &[WindowAxis],
        body: &'g Graph,
    ) -> Result<Vec<Operand>, ExportError> {
        let name = self.body_function(site, body)?;
        let sizes: Vec<Dim> = window.iter().map(|axis| axis.size.clone()).collect();
        let sides: Vec<Dim> = window.iter().flat_map(|axis| [axis.low.clone(), axis.high.clone()]).collect();
        let numbers = |number: fn(&WindowAxis) -> i64| window.iter().map(number).collect::<Vec<_>>();
        let sizes = self.size_vector(site, &sizes)?;
        let strides = self.integers(site, &numbers(|axis| axis.stride));
        let base_dilations = self.integers(site, &numbers(|axis| axis.base_dilation));
        let dilations = self.integers(site, &numbers(|axis| axis.dilation));
        let padding = self.paddings(site, &sides)?;
        let operands = [&site.operands[..], &[sizes, strides, base_dilations, dilations, padding]].concat();
        let attributes = format!(
            "call_target_name = \"stablehlo.dynamic_reduce_window\", called_computations = [@{name}], api_version = 2 : i32"
        );
        Ok(self.finish(site, "stablehlo.custom_call", &operands, attributes))
    }

    /// What is before and behind each axis, in turn, as a tensor of pairs.
    pub(super) fn paddings(&mut self, site: &Site<'_>, sides: &[Dim]) -> Result<Operand, ExportError> {
        let vector = self.size_vector(site, sides)?;
        let of = TensorType::new(DType::I64, [sides.len() / 2, 2]);
        Ok(self.step(site, "stablehlo.reshape", &[&vector], "", of))
    }

    /// A loop over the axis, with the accumulators of all rows as its state.
    fn scan_loop(
        &mut self,
        site: &Site<'_>,
        axis: usize,
        size: i64,
        reverse: bool,
        body: &'g Graph,
    ) -> Result<Vec<Operand>, ExportError> {
        let count = site.operands.len() / 2;
        let (inputs, inits) = site.operands.split_at(count);
        let rows: Vec<TensorType> = inputs.iter().map(|input| Self::with_size(&input.of, axis, 1)).collect();
        let counter = TensorType::scalar(DType::I64);
        let zero = self.constant(site, &Array::scalar(0i64));
        let one = self.constant(site, &Array::scalar(1i64));
        let end = self.constant(site, &Array::scalar(size));
        let last = self.constant(site, &Array::scalar(size - 1));
        // The state: a counter, the accumulators, and the results so far.
        let (mut state, mut types) = (vec![zero.clone()], vec![counter.clone()]);
        for (init, row) in inits.iter().zip(&rows) {
            state.push(self.broadcast(site, init, row)?);
            types.push(row.clone());
        }
        for (init, input) in inits.iter().zip(inputs) {
            state.push(self.broadcast(site, init, &input.of)?);
            types.push(input.of.clone());
        }
        let condition =
            self.region(site, &types, |exporter, state| Ok(vec![exporter.compare(site, "LT", &state[0], &end)]))?;
        let step = self.region(site, &types, |exporter, state| {
            let (counted, rest) = (&state[0], &state[1..]);
            let (accumulators, results) = rest.split_at(count);
            let place = match reverse {
                false => counted.clone(),
                true => exporter.step(site, "stablehlo.subtract", &[&last, counted], "", counter.clone()),
            };
            let starts: Vec<&Operand> =
                (0..rows[0].rank()).map(|other| if other == axis { &place } else { &zero }).collect();
            let sizes: Vec<i64> = rows[0].dims.iter().filter_map(|dim| dim.as_known()).collect();
            let mut elements = accumulators.to_vec();
            for (input, row) in inputs.iter().zip(&rows) {
                let attributes = format!("slice_sizes = {}", i64_array(sizes.iter().copied()));
                let operands = [&[input][..], &starts].concat();
                elements.push(exporter.step(site, "stablehlo.dynamic_slice", &operands, attributes, row.clone()));
            }
            // A map has one result.
            let elements: Vec<&Operand> = elements.iter().collect();
            let mut accumulated = Vec::with_capacity(count);
            for (position, row) in rows.iter().enumerate() {
                let regions = vec![exporter.result_region(site, body, position)?];
                let attributes = format!("dimensions = {}", i64_array(0..row.rank() as i64));
                let details = Details { attributes, regions };
                accumulated.push(exporter.step(site, "stablehlo.map", &elements, details, row.clone()));
            }
            let mut next = vec![exporter.step(site, "stablehlo.add", &[counted, &one], "", counter.clone())];
            next.extend(accumulated.iter().cloned());
            for (results, accumulated) in results.iter().zip(&accumulated) {
                let operands = [&[results, accumulated][..], &starts].concat();
                let of = results.of.clone();
                next.push(exporter.step(site, "stablehlo.dynamic_update_slice", &operands, "", of));
            }
            Ok(next)
        })?;
        let details = Details { attributes: String::new(), regions: vec![condition, step] };
        Ok(self.write(site, site.name, "stablehlo.while", &state, details, &types).split_off(1 + count))
    }

    /// The attributes of a window; `dilations` are written where the op has such.
    fn window(&self, site: &Site<'_>, window: &[WindowAxis], dilations: bool) -> Result<String, ExportError> {
        let mut sizes = Vec::new();
        for axis in window {
            let size = self.dim(&axis.size);
            sizes.push(
                size.as_known().ok_or_else(|| site.error(format!("a window of size {size} has no dynamic form")))?,
            );
        }
        let strides = i64_array(window.iter().map(|axis| axis.stride));
        let padding = pairs(&self.padding(site, window)?);
        let mut out =
            format!("window_dimensions = {}, window_strides = {strides}, padding = {padding}", i64_array(sizes));
        if dilations {
            let base_dilations = i64_array(window.iter().map(|axis| axis.base_dilation));
            let dilations = i64_array(window.iter().map(|axis| axis.dilation));
            out += &format!(", base_dilations = {base_dilations}, window_dilations = {dilations}");
        }
        Ok(out)
    }

    /// The paddings of a window, which must be known.
    pub(super) fn padding(&self, site: &Site<'_>, window: &[WindowAxis]) -> Result<Vec<(i64, i64)>, ExportError> {
        let known = |dim: &Dim| {
            let dim = self.dim(dim);
            dim.as_known().ok_or_else(|| site.error(format!("a padding of {dim} has no dynamic form")))
        };
        window.iter().map(|axis| Ok((known(&axis.low)?, known(&axis.high)?))).collect()
    }

    /// `array<i1: …>` of what is reversed.
    pub(super) fn reversal(reversed: &[bool]) -> String {
        bool_array(reversed)
    }
}

fn sorted(axes: &[usize]) -> Vec<usize> {
    let mut axes = axes.to_vec();
    axes.sort_unstable();
    axes
}

/// What a fold begins with.
fn initial(kind: ReduceKind, dtype: DType) -> Array {
    match kind {
        ReduceKind::Sum | ReduceKind::Or => with_element!(dtype, T => Array::scalar(T::default())),
        ReduceKind::Product => with_element!(dtype, T => Array::scalar(T::ONE)),
        ReduceKind::And => with_element!(dtype, T => Array::scalar(T::ALL_ONES)),
        ReduceKind::Max | ReduceKind::ArgMax(_) => with_element!(dtype, T => Array::scalar(T::LEAST)),
        ReduceKind::Min | ReduceKind::ArgMin(_) => with_element!(dtype, T => Array::scalar(T::GREATEST)),
    }
}

/// What folds begin with, of each type.
trait Initial: Element {
    const ONE: Self;
    /// All bits, where the type has bitwise ops.
    const ALL_ONES: Self;
    const LEAST: Self;
    const GREATEST: Self;
}

macro_rules! initial {
    ($($rust:ty: $one:expr, $ones:expr, $least:expr, $greatest:expr;)*) => {$(
        impl Initial for $rust {
            const ONE: Self = $one;
            const ALL_ONES: Self = $ones;
            const LEAST: Self = $least;
            const GREATEST: Self = $greatest;
        }
    )*};
}
initial! {
    f16: f16::ONE, f16::ONE, f16::NEG_INFINITY, f16::INFINITY;
    bf16: bf16::ONE, bf16::ONE, bf16::NEG_INFINITY, bf16::INFINITY;
    f32: 1.0, 1.0, f32::NEG_INFINITY, f32::INFINITY;
    f64: 1.0, 1.0, f64::NEG_INFINITY, f64::INFINITY;
    i8: 1, -1, i8::MIN, i8::MAX;
    i16: 1, -1, i16::MIN, i16::MAX;
    i32: 1, -1, i32::MIN, i32::MAX;
    i64: 1, -1, i64::MIN, i64::MAX;
    u8: 1, u8::MAX, 0, u8::MAX;
    u16: 1, u16::MAX, 0, u16::MAX;
    u32: 1, u32::MAX, 0, u32::MAX;
    u64: 1, u64::MAX, 0, u64::MAX;
    bool: true, true, false, true;
}

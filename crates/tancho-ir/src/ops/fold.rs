//! Folds with a function of their own: the body is a graph over scalars.

use std::sync::Arc;

use super::control::check_region;
use super::window::{WindowAxis, check_axis};
use super::{Check, OpError, ResultTypes};
use crate::{Dims, Graph, TensorType};

/// Folds whose function is a graph.
///
/// A body is a graph all of whose values are scalars. It captures nothing: what it needs beside its parameters it holds as
/// constants.
#[derive(Clone, Debug, PartialEq)]
pub enum FoldOp {
    /// Folds the elements of one or several operands along axes; the axes leave the shape.
    ///
    /// Operands: `n` tensors, then `n` initial scalars. The body takes `n` accumulators and `n` elements and gives `n`
    /// accumulators.
    /// (C1) The tensors have one shape. (C3) Initial scalars have the tensors' dtypes. (C4) The axes are distinct. (C5) They
    /// are within the rank. (C6) The body has the type that this needs.
    ///
    /// # Numerics
    /// The elements are folded one after another, in row-major order, beginning with the initial scalars.
    Reduce { axes: Vec<usize>, body: Arc<Graph> },
    /// Folds the elements in each place of a window.
    ///
    /// Operands, body and order are those of `reduce`. A place of the window where the operand has no element, by padding
    /// or dilation, counts as an element that is the initial scalar.
    /// (C1) The tensors have one shape. (C3) Initial scalars have their dtypes. (C4) There is one window axis for each axis.
    /// (C5), (C7), (C9), (C11) Sizes, strides and dilations are positive. (C13) The body has the type that this needs.
    ReduceWindow { window: Vec<WindowAxis>, body: Arc<Graph> },
    /// Each place of a window selects one element of the operand, and a source's element is folded into the result there.
    ///
    /// Operands: a tensor, a source with the shape of the window's places, an initial scalar. In each window, elements are
    /// compared in row-major order: `select(chosen, element)` says whether the chosen one stays. Where nothing was
    /// scattered, the result is the initial scalar; else `scatter(accumulated, source)`, in row-major order of the source.
    /// Padding is never selected, and neither axis may be dilated.
    /// (C1) Operand and source have one dtype. (C2) The source has the shape of the window's places. (C3) The initial scalar
    /// has the dtype. (C4) There is one window axis for each axis. (C9), (C10) The bodies have the types that this needs.
    SelectAndScatter { window: Vec<WindowAxis>, select: Arc<Graph>, scatter: Arc<Graph> },
    /// Running folds along an axis: element `i` of a result is the fold of the initial scalars and elements `0 … i`.
    ///
    /// Operands and body are those of `reduce`. `reverse` begins at the end.
    /// (C1) The tensors have one shape, and the initial scalars have their dtypes. (C2) The axis is within the rank. (C3) The
    /// body has the type that this needs.
    ///
    /// # Numerics
    /// The elements are folded one after another.
    Scan { axis: usize, reverse: bool, body: Arc<Graph> },
}

impl FoldOp {
    pub fn name(&self) -> &'static str {
        match self {
            FoldOp::Reduce { .. } => "reduce",
            FoldOp::ReduceWindow { .. } => "reduce_window",
            FoldOp::SelectAndScatter { .. } => "select_and_scatter",
            FoldOp::Scan { .. } => "scan",
        }
    }

    pub fn arity(&self) -> Option<usize> {
        match self {
            FoldOp::Reduce { .. } | FoldOp::ReduceWindow { .. } | FoldOp::Scan { .. } => None,
            FoldOp::SelectAndScatter { .. } => Some(3),
        }
    }

    /// The graphs that the op holds, under the names of their attributes.
    pub fn regions(&self) -> Vec<(&'static str, &Arc<Graph>)> {
        match self {
            FoldOp::Reduce { axes: _, body }
            | FoldOp::ReduceWindow { window: _, body }
            | FoldOp::Scan { axis: _, reverse: _, body } => vec![("body", body)],
            FoldOp::SelectAndScatter { window: _, select, scatter } => vec![("select", select), ("scatter", scatter)],
        }
    }
}

pub(super) fn infer(op: &FoldOp, operands: &[TensorType], check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    match op {
        FoldOp::Reduce { axes, body } => {
            // reduce_c1, reduce_c3, reduce_c6
            let inputs = check_inputs(operands, body, ["c3", "c6"], check)?;
            // reduce_c4, reduce_c5
            check.distinct_axes(axes, inputs[0].rank(), "c5", "axis")?;
            let kept: Vec<usize> = (0..inputs[0].rank()).filter(|axis| !axes.contains(axis)).collect();
            let dims: Dims = kept.iter().map(|&axis| inputs[0].dims[axis].clone()).collect();
            Ok(inputs.iter().map(|input| TensorType { dtype: input.dtype, dims: dims.clone() }).collect())
        }
        FoldOp::ReduceWindow { window, body } => {
            // reduce_window_c1, reduce_window_c3, reduce_window_c13
            let inputs = check_inputs(operands, body, ["c3", "c13"], check)?;
            let dims = window_places(window, &inputs[0], check)?;
            Ok(inputs.iter().map(|input| TensorType { dtype: input.dtype, dims: dims.clone() }).collect())
        }
        FoldOp::SelectAndScatter { window, select, scatter } => {
            let [operand, source, init] = operands else { unreachable!("the arity is checked") };
            // select_and_scatter_c1
            check.that(operand.dtype == source.dtype, "c1", || format!("dtypes differ: {operand} and {source}"))?;
            // select_and_scatter_c3
            check_initial(operand, init, "c3", check)?;
            let undilated = window.iter().all(|axis| axis.base_dilation == 1 && axis.dilation == 1);
            check.that(undilated, "c4", || "the window is dilated".into())?;
            let places = TensorType { dtype: operand.dtype, dims: window_places(window, operand, check)? };
            // select_and_scatter_c2
            check.same_dims(&places, source, "c2")?;
            let scalar = TensorType::scalar(operand.dtype);
            let pair = [scalar.clone(), scalar.clone()];
            // select_and_scatter_c9, select_and_scatter_c10
            check_region(select, &pair, &[TensorType::scalar(tancho_tensor::DType::Bool)], "c9", check)?;
            check_region(scatter, &pair, &[scalar], "c10", check)?;
            Ok(ResultTypes::from_iter([operand.clone()]))
        }
        FoldOp::Scan { axis, reverse: _, body } => {
            // scan_c1, scan_c3
            let inputs = check_inputs(operands, body, ["c1", "c3"], check)?;
            // scan_c2
            check.that(*axis < inputs[0].rank(), "c2", || format!("axis {axis} is out of range for {}", inputs[0]))?;
            Ok(inputs.iter().cloned().collect())
        }
    }
}

/// Checks tensors of one shape, their initial scalars, and the body over both; gives the tensors.
fn check_inputs<'a>(
    operands: &'a [TensorType],
    body: &Arc<Graph>,
    [initial, region]: [&'static str; 2],
    check: &mut Check<'_>,
) -> Result<&'a [TensorType], OpError> {
    check.that(!operands.is_empty() && operands.len().is_multiple_of(2), "i", || {
        format!("takes as many tensors as initial scalars, but {} operands are given", operands.len())
    })?;
    let (inputs, inits) = operands.split_at(operands.len() / 2);
    for (input, init) in inputs.iter().zip(inits) {
        check.same_dims(&inputs[0], input, "c1")?;
        check_initial(input, init, initial, check)?;
    }
    let scalars: Vec<TensorType> = inputs.iter().map(|input| TensorType::scalar(input.dtype)).collect();
    let parameters = [scalars.clone(), scalars.clone()].concat();
    check_region(body, &parameters, &scalars, region, check)?;
    Ok(inputs)
}

fn check_initial(
    input: &TensorType,
    init: &TensorType,
    constraint: &'static str,
    check: &Check<'_>,
) -> Result<(), OpError> {
    check.that(init.rank() == 0 && init.dtype == input.dtype, constraint, || {
        format!("the initial value {init} is not a scalar of {}", input.dtype)
    })
}

/// The sizes of the window's places.
fn window_places(window: &[WindowAxis], operand: &TensorType, check: &mut Check<'_>) -> Result<Dims, OpError> {
    check.that(window.len() == operand.rank(), "c4", || {
        format!("the window has {} axes, but {operand} has {}", window.len(), operand.rank())
    })?;
    for (axis, window) in window.iter().enumerate() {
        check_axis(window, axis, check)?;
    }
    Ok(window.iter().zip(&operand.dims).map(|(window, size)| window.positions(size)).collect())
}

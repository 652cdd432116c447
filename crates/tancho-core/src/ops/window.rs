//! Windows that move over axes: padding, pooling, and folds of each place of a window.

use std::panic::Location;

use tancho_ir::ops::{BinaryOp, FoldOp, Op, WindowAxis, window};
use tancho_ir::{Dim as IrDim, Dims, Value};

use super::body::{binary_body, text_of};
use super::fold::identity;
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand};
use crate::tensor::Tensor;

/// What is put around an axis before a window moves over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: the window stays within the axis.
    #[default]
    Valid,
    /// As much as gives one place for each `stride` elements, `⌈n / stride⌉`; where it is odd, the end gets one more.
    Same,
    /// So many elements before and after each axis; a negative number takes elements away.
    Explicit(Vec<(i64, i64)>),
}

/// How the window of a [`Tensor::reduce_window_with`] moves.
///
/// A list that is empty stands for ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowOptions {
    /// By how much the window moves along each axis.
    pub strides: Vec<i64>,
    pub padding: Padding,
    /// The distance of neighbours within the window.
    pub dilation: Vec<i64>,
    /// The distance of the tensor's elements, between which there are holes.
    pub input_dilation: Vec<i64>,
}

impl Padding {
    pub(super) fn attributes(&self, attributes: Attributes) -> Attributes {
        match self {
            Padding::Valid => attributes.integer(0),
            Padding::Same => attributes.integer(1),
            Padding::Explicit(sizes) => {
                attributes.integer(2).integers(sizes.iter().flat_map(|&(before, after)| [before, after]))
            }
        }
    }

    /// The padding around axis `number` of those that a window moves along, from the axis with its holes, the span of the
    /// window, and the stride.
    fn resolve(&self, number: usize, places: &IrDim, span: &IrDim, stride: i64) -> (IrDim, IrDim) {
        match self {
            Padding::Valid => (IrDim::ZERO, IrDim::ZERO),
            Padding::Explicit(sizes) => (IrDim::known(sizes[number].0), IrDim::known(sizes[number].1)),
            Padding::Same => {
                let stride = IrDim::known(stride);
                let steps = places.ceil_div(&stride).expect("the stride is positive") - IrDim::ONE;
                halves((steps * stride + span.clone() - places.clone()).maximum(&IrDim::ZERO))
            }
        }
    }
}

/// No number of a window is larger, so that the place of an element below it is a number of 64 bits whatever the sizes.
const LARGEST: i64 = i32::MAX as i64;

fn require_positive(what: &str, list: &[i64]) -> Result<(), Fault> {
    require(list.iter().all(|&number| number > 0), || format!("the {what} {list:?} are not all positive"))?;
    require(list.iter().all(|&number| number <= LARGEST), || {
        format!("the {what} {list:?} are not all at most {LARGEST}")
    })
}

/// A padding of which the end gets the larger half.
pub(super) fn halves(total: IrDim) -> (IrDim, IrDim) {
    let low = total.floor_div(&IrDim::known(2)).expect("two is not zero");
    (low.clone(), total - low)
}

/// The number of an axis in a list of numbers, of which an empty one stands for ones.
pub(super) fn number_of(list: &[i64], axis: usize) -> i64 {
    list.get(axis).copied().unwrap_or(1)
}

impl WindowOptions {
    pub(super) fn attributes(&self, attributes: Attributes) -> Attributes {
        let lists = [&self.strides, &self.dilation, &self.input_dilation];
        let attributes = lists.iter().fold(attributes, |attributes, list| attributes.integers((*list).clone()));
        self.padding.attributes(attributes)
    }

    /// Requires one positive number for each of `count` axes, in lists that are not empty.
    pub(super) fn check(&self, count: usize) -> Result<(), Fault> {
        let lists =
            [("strides", &self.strides), ("dilations", &self.dilation), ("input dilations", &self.input_dilation)];
        for (what, list) in lists {
            require(list.is_empty() || list.len() == count, || {
                format!("{} {what} are given for {count} axes of the window", list.len())
            })?;
            require_positive(what, list)?;
        }
        if let Padding::Explicit(sizes) = &self.padding {
            require(sizes.len() == count, || {
                format!("{} paddings are given for {count} axes of the window", sizes.len())
            })?;
            let bounded = |size: i64| (-LARGEST..=LARGEST).contains(&size);
            require(sizes.iter().all(|&(before, after)| bounded(before) && bounded(after)), || {
                format!("the paddings {sizes:?} are not all at most {LARGEST}")
            })?;
        }
        Ok(())
    }

    /// The window along axis `number`, of a size, over an axis of size `n`.
    pub(super) fn axis(&self, number: usize, size: &IrDim, n: &IrDim) -> WindowAxis {
        let (stride, dilation) = (number_of(&self.strides, number), number_of(&self.dilation, number));
        let base_dilation = number_of(&self.input_dilation, number);
        let span = window::dilated(size, dilation);
        let (low, high) = self.padding.resolve(number, &window::dilated(n, base_dilation), &span, stride);
        WindowAxis { size: size.clone(), stride, low, high, base_dilation, dilation }
    }
}

impl Tensor {
    /// The largest element of each place of a window that moves over the axes between the first and the last.
    ///
    /// # Shape
    /// `[n, …spatial, c] → [n, …places, c]`, with one size and one stride for each spatial axis.
    ///
    /// # Numerics
    /// Padding counts as −∞ (or the least value); NaN wins.
    ///
    /// # Errors
    /// Sizes, strides and padding are not as many as the spatial axes; sizes or strides are not positive.
    #[track_caller]
    pub fn max_pool(&self, window: impl Into<Vec<i64>>, strides: impl Into<Vec<i64>>, padding: Padding) -> Tensor {
        let (window, options) = (window.into(), pool_options(strides.into(), padding));
        let attributes = options.attributes(Attributes::none().integers(window.clone()));
        self.unary("max_pool", attributes, &|builder, values| {
            let axes = pool_axes(builder, values[0], &window, &options)?;
            fold_window(builder, values[0], axes, BinaryOp::Maximum)
        })
    }

    /// The mean of each place of a window that moves over the axes between the first and the last. Floats.
    ///
    /// # Shape
    /// `[n, …spatial, c] → [n, …places, c]`, with one size and one stride for each spatial axis.
    ///
    /// # Numerics
    /// Padding does not count: at the border the mean is that of fewer elements (NaN of none). 16-bit floats are added in
    /// `f32`, and the mean is rounded once.
    ///
    /// # Errors
    /// Sizes, strides and padding are not as many as the spatial axes; sizes or strides are not positive; the elements are
    /// not floats.
    #[track_caller]
    pub fn avg_pool(&self, window: impl Into<Vec<i64>>, strides: impl Into<Vec<i64>>, padding: Padding) -> Tensor {
        let (window, options) = (window.into(), pool_options(strides.into(), padding));
        let attributes = options.attributes(Attributes::none().integers(window.clone()));
        self.unary("avg_pool", attributes, &|builder, values| {
            builder.require_float(values[0])?;
            let axes = pool_axes(builder, values[0], &window, &options)?;
            builder.widened([values[0]], |builder, [x]| {
                let sum = fold_window(builder, x, axes.clone(), BinaryOp::Add)?;
                let count = window_counts(builder, x, axes)?;
                builder.binary(BinaryOp::Divide, sum, count)
            })
        })
    }

    /// Folds the elements in each place of a window with a function of two scalars, beginning with a scalar.
    ///
    /// The window has one size for each axis.
    ///
    /// # Numerics
    /// One element is folded after another, in row-major order of the window. Padding and holes count as elements that are
    /// the initial scalar.
    ///
    /// # Errors
    /// Sizes and options are not as many as the axes, or not positive; the initial value is no scalar of this dtype; the
    /// function does not give such a scalar, or uses tensors around it.
    #[track_caller]
    pub fn reduce_window_with(
        &self,
        window: impl Into<Vec<i64>>,
        options: &WindowOptions,
        initial: impl AsTensor,
        function: impl FnOnce(Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let window = window.into();
        let location = Location::caller();
        let body = match self.fold_body("reduce_window_with", location, function) {
            Ok(body) => body,
            Err(error) => return Tensor::from_error(error),
        };
        let attributes = options.attributes(Attributes::none().integers(window.clone())).text(&text_of(&body));
        let inputs = [Operand::Lend(self), initial.into_operand()];
        apply("reduce_window_with", attributes, inputs, &|builder, values| {
            let dims = builder.dims(values[0]);
            let axes = window_axes(&window, options, &dims)?;
            let op = FoldOp::ReduceWindow { window: axes, body: body.clone() };
            builder.add(Op::Fold(op), &[values[0], values[1]])
        })
    }
}

fn pool_options(strides: Vec<i64>, padding: Padding) -> WindowOptions {
    WindowOptions { strides, padding, ..WindowOptions::default() }
}

/// The window along each of the axes with these sizes.
fn window_axes(window: &[i64], options: &WindowOptions, dims: &[IrDim]) -> Result<Vec<WindowAxis>, Fault> {
    require(window.len() == dims.len(), || {
        format!("a window of {} sizes is given for {} axes", window.len(), dims.len())
    })?;
    require_positive("sizes", window)?;
    options.check(dims.len())?;
    let sizes = window.iter().map(|&size| IrDim::known(size));
    Ok(sizes.zip(dims).enumerate().map(|(number, (size, n))| options.axis(number, &size, n)).collect())
}

/// The window along all axes, with one place along the first and the last.
fn pool_axes(
    builder: &Builder<'_>,
    x: Value,
    window: &[i64],
    options: &WindowOptions,
) -> Result<Vec<WindowAxis>, Fault> {
    let of = builder.type_of(x);
    require(of.rank() >= 2, || format!("takes a tensor with a first axis, spatial axes and a last axis, not {of}"))?;
    let spatial = window_axes(window, options, &of.dims[1..of.rank() - 1])?;
    Ok([vec![WindowAxis::default()], spatial, vec![WindowAxis::default()]].concat())
}

fn fold_window(builder: &mut Builder<'_>, x: Value, window: Vec<WindowAxis>, op: BinaryOp) -> Result<Value, Fault> {
    let dtype = builder.dtype(x);
    let initial = identity(builder, dtype, op)?;
    let body = binary_body(dtype, op)?;
    builder.add(Op::Fold(FoldOp::ReduceWindow { window, body }), &[x, initial])
}

/// How many elements, padding not among them, are in each place of a window.
fn window_counts(builder: &mut Builder<'_>, x: Value, window: Vec<WindowAxis>) -> Result<Value, Fault> {
    let dtype = builder.dtype(x);
    if window.iter().all(|axis| axis.low == IrDim::ZERO && axis.high == IrDim::ZERO) {
        let count = IrDim::product(window.iter().map(|axis| &axis.size));
        return builder.size(&count, dtype);
    }
    let mut dims: Dims = builder.dims(x);
    let last = dims.len() - 1;
    (dims[0], dims[last]) = (IrDim::ONE, IrDim::ONE);
    let one = builder.scalar(dtype, 1.0)?;
    let ones = builder.broadcast_to(one, &dims)?;
    fold_window(builder, ones, window, BinaryOp::Add)
}

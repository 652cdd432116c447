//! Pooling: the largest element or the mean of each place of a window, or of all of space.

use std::marker::PhantomData;

use tancho_core::{Axes, Error, Padding, Tensor, keep};

use super::space::{Extent, Names, name_of_rank, require_place, require_rank};
use super::weights::float_of;
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// How pooling makes one element of several: [`Largest`] or [`Mean`].
pub trait Fold: private::Fold {}

/// The largest element.
pub enum Largest {}

/// The mean, in which padding does not count.
pub enum Mean {}

impl Fold for Largest {}
impl Fold for Mean {}

mod private {
    use super::{Axes, Names, Padding, Tensor};

    pub trait Fold: Send + Sync + 'static {
        const KINDS: Names;
        const NAMES: Names;
        const GLOBAL_KINDS: Names;
        const GLOBAL_NAMES: Names;

        #[track_caller]
        fn pool(x: &Tensor, window: Vec<i64>, strides: Vec<i64>, padding: Padding) -> Tensor;

        #[track_caller]
        fn pool_all(x: &Tensor, axes: Axes) -> Tensor;
    }
}

impl private::Fold for Largest {
    const KINDS: Names = ["MaxPool1D", "MaxPool2D", "MaxPool3D", "MaxPool"];
    const NAMES: Names = ["max_pool1d", "max_pool2d", "max_pool3d", "max_pool"];
    const GLOBAL_KINDS: Names = ["GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D", "GlobalMaxPool"];
    const GLOBAL_NAMES: Names = ["global_max_pool1d", "global_max_pool2d", "global_max_pool3d", "global_max_pool"];

    #[track_caller]
    fn pool(x: &Tensor, window: Vec<i64>, strides: Vec<i64>, padding: Padding) -> Tensor {
        x.max_pool(window, strides, padding)
    }

    #[track_caller]
    fn pool_all(x: &Tensor, axes: Axes) -> Tensor {
        x.max(axes)
    }
}

impl private::Fold for Mean {
    const KINDS: Names = ["AveragePool1D", "AveragePool2D", "AveragePool3D", "AveragePool"];
    const NAMES: Names = ["average_pool1d", "average_pool2d", "average_pool3d", "average_pool"];
    const GLOBAL_KINDS: Names =
        ["GlobalAveragePool1D", "GlobalAveragePool2D", "GlobalAveragePool3D", "GlobalAveragePool"];
    const GLOBAL_NAMES: Names =
        ["global_average_pool1d", "global_average_pool2d", "global_average_pool3d", "global_average_pool"];

    #[track_caller]
    fn pool(x: &Tensor, window: Vec<i64>, strides: Vec<i64>, padding: Padding) -> Tensor {
        x.avg_pool(window, strides, padding)
    }

    #[track_caller]
    fn pool_all(x: &Tensor, axes: Axes) -> Tensor {
        x.mean(axes)
    }
}

/// One element for each place of a window that moves over space, by its own size unless strides are given.
///
/// # Shape
/// `[batch, …space, channels]` → `[batch, …places, channels]`
///
/// # Reference
/// `keras.layers.MaxPooling1D` to `3D`, `AveragePooling1D` to `3D`
pub struct Pool<const RANK: usize, F: Fold> {
    size: Extent<RANK>,
    strides: Option<Extent<RANK>>,
    padding: Padding,
    fold: PhantomData<F>,
    output: OutputShape,
}

/// The largest element of each place of a window over one axis.
pub type MaxPool1D = Pool<1, Largest>;
/// The largest element of each place of a window over two axes.
pub type MaxPool2D = Pool<2, Largest>;
/// The largest element of each place of a window over three axes.
pub type MaxPool3D = Pool<3, Largest>;
/// The mean of each place of a window over one axis.
pub type AveragePool1D = Pool<1, Mean>;
/// The mean of each place of a window over two axes.
pub type AveragePool2D = Pool<2, Mean>;
/// The mean of each place of a window over three axes.
pub type AveragePool3D = Pool<3, Mean>;

impl<const RANK: usize, F: Fold> Pool<RANK, F> {
    const NAME: &'static str = name_of_rank(RANK, F::NAMES);

    /// A window of a size: one number for all axes, or an array.
    pub fn new(size: impl Into<Extent<RANK>>) -> Self {
        Pool {
            size: size.into(),
            strides: None,
            padding: Padding::Valid,
            fold: PhantomData,
            output: OutputShape::default(),
        }
    }

    /// By how much the window moves along each axis; by its size unless it is said.
    pub fn strides(mut self, strides: impl Into<Extent<RANK>>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    /// What is put around the input; nothing unless it is said.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    #[track_caller]
    fn check(&self, x: &Tensor) -> Result<(), Error> {
        require_rank(Self::NAME, x, RANK)?;
        float_of(Self::NAME, x)?;
        self.size.require_positive(Self::NAME, "window size")?;
        self.strides.unwrap_or(self.size).require_positive(Self::NAME, "strides")?;
        require_place(Self::NAME, x, &self.size, &Extent::ONES, &self.padding)
    }
}

/// A window of 2 along each axis.
impl<const RANK: usize, F: Fold> Default for Pool<RANK, F> {
    fn default() -> Self {
        Pool::new(2)
    }
}

impl<const RANK: usize, F: Fold> Module for Pool<RANK, F> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, F::KINDS)
    }
}

impl<const RANK: usize, F: Fold> Layer for Pool<RANK, F> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        if let Err(error) = self.check(x) {
            return Tensor::from_error(error);
        }
        let strides = self.strides.unwrap_or(self.size);
        self.output.note(F::pool(x, self.size.numbers(), strides.numbers(), self.padding.clone()))
    }
}

/// One element for each channel, of all of space.
///
/// # Shape
/// `[batch, …space, channels]` → `[batch, channels]`
///
/// # Reference
/// `keras.layers.GlobalMaxPooling1D` to `3D`, `GlobalAveragePooling1D` to `3D`
pub struct GlobalPool<const RANK: usize, F: Fold> {
    keep_axes: bool,
    fold: PhantomData<F>,
    output: OutputShape,
}

/// The largest element of each channel over one axis.
pub type GlobalMaxPool1D = GlobalPool<1, Largest>;
/// The largest element of each channel over two axes.
pub type GlobalMaxPool2D = GlobalPool<2, Largest>;
/// The largest element of each channel over three axes.
pub type GlobalMaxPool3D = GlobalPool<3, Largest>;
/// The mean of each channel over one axis.
pub type GlobalAveragePool1D = GlobalPool<1, Mean>;
/// The mean of each channel over two axes.
pub type GlobalAveragePool2D = GlobalPool<2, Mean>;
/// The mean of each channel over three axes.
pub type GlobalAveragePool3D = GlobalPool<3, Mean>;

impl<const RANK: usize, F: Fold> GlobalPool<RANK, F> {
    const NAME: &'static str = name_of_rank(RANK, F::GLOBAL_NAMES);

    pub fn new() -> Self {
        GlobalPool { keep_axes: false, fold: PhantomData, output: OutputShape::default() }
    }

    /// Leaves the axes of space in the shape with size 1.
    pub fn keep_axes(mut self) -> Self {
        self.keep_axes = true;
        self
    }

    #[track_caller]
    fn check(&self, x: &Tensor) -> Result<(), Error> {
        require_rank(Self::NAME, x, RANK)?;
        float_of(Self::NAME, x)?;
        Ok(())
    }
}

impl<const RANK: usize, F: Fold> Default for GlobalPool<RANK, F> {
    fn default() -> Self {
        GlobalPool::new()
    }
}

impl<const RANK: usize, F: Fold> Module for GlobalPool<RANK, F> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, F::GLOBAL_KINDS)
    }
}

impl<const RANK: usize, F: Fold> Layer for GlobalPool<RANK, F> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        if let Err(error) = self.check(x) {
            return Tensor::from_error(error);
        }
        let axes = Axes::from((1..=RANK).collect::<Vec<_>>());
        let axes = if self.keep_axes { keep(axes) } else { axes };
        self.output.note(F::pool_all(x, axes))
    }
}

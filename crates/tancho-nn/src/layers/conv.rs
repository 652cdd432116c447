//! Convolutions over one, two or three axes of space, channels last.
//!
//! The kernel moves over the input; at each of its places the elements below it are multiplied by it and summed, for each
//! filter. With groups, the channels and the filters are divided into as many parts, and each part of the filters sees its
//! part of the channels alone.

use tancho_core::{ConvOptions, DType, Error, Padding, Tensor, Variable};

use super::space::{Extent, Moves, channels_of, moving, name_of_rank, require_built, require_place};
use super::weights::{Finish, Weight, finishing, weights};
use crate::fault::error;
use crate::init::glorot_uniform;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// A convolution: `activation(conv(x, kernel) + bias)`.
///
/// ```
/// # use tancho_core::{DType, Padding, ones, relu};
/// # use tancho_nn::{Conv2D, Layer, Mode};
/// let layer = Conv2D::new(8, 3).strides(2).padding(Padding::Same).activation(relu);
/// assert_eq!(layer.call(&ones(DType::F32, [1, 28, 28, 3]), Mode::Eval).shape(), [1, 14, 14, 8]);
/// ```
///
/// # Shape
/// `[batch, …space, channels]` → `[batch, …places, filters]`, with a kernel `[…sizes, channels / groups, filters]`
///
/// # Reference
/// `keras.layers.Conv1D`, `Conv2D` and `Conv3D`
pub struct Conv<const RANK: usize> {
    filters: usize,
    size: Extent<RANK>,
    moves: Moves<RANK>,
    causal: bool,
    groups: usize,
    kernel: Weight,
    finish: Finish,
    parts: Build<ConvParts>,
    output: OutputShape,
}

/// A convolution over one axis: steps of time, samples of a sound.
pub type Conv1D = Conv<1>;
/// A convolution over two axes: images.
pub type Conv2D = Conv<2>;
/// A convolution over three axes: volumes, videos.
pub type Conv3D = Conv<3>;

struct ConvParts {
    channels: usize,
    kernel: Variable,
    bias: Option<Variable>,
}

impl<const RANK: usize> Conv<RANK> {
    const NAME: &'static str = name_of_rank(RANK, ["conv1d", "conv2d", "conv3d", "conv"]);

    /// So many filters with kernels of a size: one number for all axes, or an array.
    pub fn new(filters: usize, size: impl Into<Extent<RANK>>) -> Self {
        Conv {
            filters,
            size: size.into(),
            moves: Moves::new(),
            causal: false,
            groups: 1,
            kernel: Weight::new(glorot_uniform()),
            finish: Finish::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    moving!();

    /// Into how many parts the channels and the filters are divided.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    finishing!();
    weights! { kernel: kernel_init kernel_regularizer; }

    /// Makes the variables now, for so many channels.
    #[track_caller]
    pub fn build(self, channels: usize) -> Self {
        // What does not fit is said at the first call.
        if self.check(channels).is_ok() {
            let made = self.make(channels, DType::F32);
            let _ = self.parts.get_or_make(|| Ok(made));
        }
        self
    }

    /// # Errors
    /// The numbers of the layer and of the channels do not fit together.
    #[track_caller]
    fn check(&self, channels: usize) -> Result<(), Error> {
        self.size.require_positive(Self::NAME, "kernel size")?;
        self.moves.check(Self::NAME)?;
        let Conv { filters, groups, .. } = *self;
        let message = if filters == 0 {
            "the number of filters must be positive".to_owned()
        } else if groups == 0 {
            "the number of groups must be positive".to_owned()
        } else if !channels.is_multiple_of(groups) {
            format!("the {channels} channels of the input cannot be divided into {groups} groups")
        } else if !filters.is_multiple_of(groups) {
            format!("the {filters} filters cannot be divided into {groups} groups")
        } else {
            return Ok(());
        };
        Err(error(Self::NAME, message))
    }

    #[track_caller]
    fn make(&self, channels: usize, dtype: DType) -> ConvParts {
        let shape = [&self.size.sizes()[..], &[channels / self.groups, self.filters]].concat();
        let kernel = self.kernel.make("kernel", &shape, dtype);
        let bias = self.finish.make_bias(self.filters, dtype);
        ConvParts { channels, kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&ConvParts, Error> {
        let (channels, dtype) = channels_of(Self::NAME, x, RANK)?;
        if let Some(parts) = self.parts.get() {
            require_built(Self::NAME, x, parts.channels, channels)?;
            self.require_place(x)?;
            return Ok(parts);
        }
        self.check(channels)?;
        self.require_place(x)?;
        let made = self.make(channels, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn require_place(&self, x: &Tensor) -> Result<(), Error> {
        if self.causal {
            return Ok(());
        }
        require_place(Self::NAME, x, &self.size, &self.moves.dilation, &self.moves.padding)
    }

    fn options(&self) -> ConvOptions {
        let padding = if self.causal {
            let reach = self.size.numbers().into_iter().zip(self.moves.dilation.numbers());
            Padding::Explicit(reach.map(|(size, dilation)| ((size - 1).saturating_mul(dilation), 0)).collect())
        } else {
            self.moves.padding.clone()
        };
        ConvOptions {
            strides: self.moves.strides.numbers(),
            padding,
            dilation: self.moves.dilation.numbers(),
            groups: self.groups,
            ..ConvOptions::default()
        }
    }
}

impl Conv<1> {
    /// Pads the beginning alone, so that no step sees those after it.
    pub fn causal(mut self) -> Self {
        self.causal = true;
        self
    }
}

impl<const RANK: usize> Module for Conv<RANK> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(ConvParts { kernel, bias, .. }) = self.parts.get() {
            self.kernel.show(parts, "kernel", kernel);
            self.finish.show(parts, bias);
        }
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, ["Conv1D", "Conv2D", "Conv3D", "Conv"])
    }
}

impl<const RANK: usize> Layer for Conv<RANK> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let parts = match self.parts(x) {
            Ok(parts) => parts,
            Err(error) => return Tensor::from_error(error),
        };
        let y = x.conv(&parts.kernel, &self.options());
        self.output.note(self.finish.apply(y, &parts.bias))
    }
}

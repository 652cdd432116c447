//! Convolutions of each channel on its own.

use tancho_core::{ConvOptions, DType, Error, Tensor, Variable};

use super::space::{Extent, Moves, channels_of, moving, name_of_rank, require_built, require_place};
use super::weights::{Finish, Weight, finishing, weights};
use crate::fault::error;
use crate::init::glorot_uniform;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// A convolution of each channel with kernels of its own, as many as the depth multiplier says.
///
/// # Shape
/// `[batch, …space, channels]` → `[batch, …places, channels · multiplier]`, with a kernel `[…sizes, channels, multiplier]`
///
/// # Reference
/// `keras.layers.DepthwiseConv1D` and `DepthwiseConv2D`
pub struct DepthwiseConv<const RANK: usize> {
    size: Extent<RANK>,
    multiplier: usize,
    moves: Moves<RANK>,
    kernel: Weight,
    finish: Finish,
    parts: Build<DepthwiseParts>,
    output: OutputShape,
}

/// A convolution of each channel over one axis.
pub type DepthwiseConv1D = DepthwiseConv<1>;
/// A convolution of each channel over two axes.
pub type DepthwiseConv2D = DepthwiseConv<2>;

struct DepthwiseParts {
    channels: usize,
    kernel: Variable,
    bias: Option<Variable>,
}

impl<const RANK: usize> DepthwiseConv<RANK> {
    const NAME: &'static str =
        name_of_rank(RANK, ["depthwise_conv1d", "depthwise_conv2d", "depthwise_conv3d", "depthwise_conv"]);

    /// Kernels of a size: one number for all axes, or an array.
    pub fn new(size: impl Into<Extent<RANK>>) -> Self {
        DepthwiseConv {
            size: size.into(),
            multiplier: 1,
            moves: Moves::new(),
            kernel: Weight::new(glorot_uniform()),
            finish: Finish::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// How many kernels each channel has.
    pub fn depth_multiplier(mut self, multiplier: usize) -> Self {
        self.multiplier = multiplier;
        self
    }

    moving!();
    finishing!();
    weights! { kernel: depthwise_init depthwise_regularizer; }

    /// Makes the variables now, for so many channels.
    #[track_caller]
    pub fn build(self, channels: usize) -> Self {
        // What does not fit is said at the first call.
        if self.check().is_ok() {
            let made = self.make(channels, DType::F32);
            let _ = self.parts.get_or_make(|| Ok(made));
        }
        self
    }

    #[track_caller]
    fn check(&self) -> Result<(), Error> {
        check_depthwise(Self::NAME, &self.size, &self.moves, self.multiplier)
    }

    #[track_caller]
    fn make(&self, channels: usize, dtype: DType) -> DepthwiseParts {
        let shape = [&self.size.sizes()[..], &[channels, self.multiplier]].concat();
        let kernel = self.kernel.make("kernel", &shape, dtype);
        let bias = self.finish.make_bias(channels.saturating_mul(self.multiplier), dtype);
        DepthwiseParts { channels, kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&DepthwiseParts, Error> {
        let (channels, dtype) = channels_of(Self::NAME, x, RANK)?;
        if let Some(parts) = self.parts.get() {
            require_built(Self::NAME, x, parts.channels, channels)?;
            self.require_place(x)?;
            return Ok(parts);
        }
        self.check()?;
        self.require_place(x)?;
        let made = self.make(channels, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn require_place(&self, x: &Tensor) -> Result<(), Error> {
        require_place(Self::NAME, x, &self.size, &self.moves.dilation, &self.moves.padding)
    }
}

/// # Errors
/// A number of a convolution of each channel is 0.
#[track_caller]
pub(crate) fn check_depthwise<const RANK: usize>(
    layer: &str,
    size: &Extent<RANK>,
    moves: &Moves<RANK>,
    multiplier: usize,
) -> Result<(), Error> {
    size.require_positive(layer, "kernel size")?;
    moves.check(layer)?;
    if multiplier == 0 {
        return Err(error(layer, "the depth multiplier must be positive"));
    }
    Ok(())
}

/// The convolution of each channel with its kernels `[…sizes, channels, multiplier]`: one in as many groups as channels.
#[track_caller]
pub(crate) fn convolve_channels<const RANK: usize>(
    x: &Tensor,
    kernel: &Variable,
    moves: &Moves<RANK>,
    channels: usize,
    multiplier: usize,
    size: &Extent<RANK>,
) -> Tensor {
    let options = ConvOptions {
        strides: moves.strides.numbers(),
        padding: moves.padding.clone(),
        dilation: moves.dilation.numbers(),
        groups: channels,
        ..ConvOptions::default()
    };
    let shape = [&size.sizes()[..], &[1, channels.saturating_mul(multiplier)]].concat();
    x.conv(kernel.reshape(shape), &options)
}

impl<const RANK: usize> Module for DepthwiseConv<RANK> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(DepthwiseParts { kernel, bias, .. }) = self.parts.get() {
            self.kernel.show(parts, "kernel", kernel);
            self.finish.show(parts, bias);
        }
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, ["DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D", "DepthwiseConv"])
    }
}

impl<const RANK: usize> Layer for DepthwiseConv<RANK> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let parts = match self.parts(x) {
            Ok(parts) => parts,
            Err(error) => return Tensor::from_error(error),
        };
        let y = convolve_channels(x, &parts.kernel, &self.moves, parts.channels, self.multiplier, &self.size);
        self.output.note(self.finish.apply(y, &parts.bias))
    }
}

//! Convolutions in two steps: of each channel over space, then over the channels at each place.

use tancho_core::{ConvOptions, DType, Error, Tensor, Variable};

use super::depthwise::{check_depthwise, convolve_channels};
use super::space::{Extent, Moves, channels_of, moving, name_of_rank, require_built, require_place};
use super::weights::{Finish, Weight, finishing, weights};
use crate::fault::error;
use crate::init::glorot_uniform;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// A depthwise convolution and one with a kernel of size 1, which mixes the channels.
///
/// # Shape
/// `[batch, …space, channels]` → `[batch, …places, filters]`, with kernels `[…sizes, channels, multiplier]` and
/// `[…1, channels · multiplier, filters]`
///
/// # Reference
/// `keras.layers.SeparableConv1D` and `SeparableConv2D`
pub struct SeparableConv<const RANK: usize> {
    filters: usize,
    size: Extent<RANK>,
    multiplier: usize,
    moves: Moves<RANK>,
    depthwise: Weight,
    pointwise: Weight,
    finish: Finish,
    parts: Build<SeparableParts>,
    output: OutputShape,
}

/// A separable convolution over one axis.
pub type SeparableConv1D = SeparableConv<1>;
/// A separable convolution over two axes.
pub type SeparableConv2D = SeparableConv<2>;

struct SeparableParts {
    channels: usize,
    depthwise_kernel: Variable,
    pointwise_kernel: Variable,
    bias: Option<Variable>,
}

impl<const RANK: usize> SeparableConv<RANK> {
    const NAME: &'static str =
        name_of_rank(RANK, ["separable_conv1d", "separable_conv2d", "separable_conv3d", "separable_conv"]);

    /// So many filters with kernels of a size: one number for all axes, or an array.
    pub fn new(filters: usize, size: impl Into<Extent<RANK>>) -> Self {
        SeparableConv {
            filters,
            size: size.into(),
            multiplier: 1,
            moves: Moves::new(),
            depthwise: Weight::new(glorot_uniform()),
            pointwise: Weight::new(glorot_uniform()),
            finish: Finish::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// How many kernels each channel has in the first step.
    pub fn depth_multiplier(mut self, multiplier: usize) -> Self {
        self.multiplier = multiplier;
        self
    }

    moving!();
    finishing!();
    weights! {
        depthwise: depthwise_init depthwise_regularizer;
        pointwise: pointwise_init pointwise_regularizer;
    }

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
        check_depthwise(Self::NAME, &self.size, &self.moves, self.multiplier)?;
        if self.filters == 0 {
            return Err(error(Self::NAME, "the number of filters must be positive"));
        }
        Ok(())
    }

    #[track_caller]
    fn make(&self, channels: usize, dtype: DType) -> SeparableParts {
        let shape = [&self.size.sizes()[..], &[channels, self.multiplier]].concat();
        let depthwise_kernel = self.depthwise.make("depthwise_kernel", &shape, dtype);
        let shape = [&[1; RANK][..], &[channels.saturating_mul(self.multiplier), self.filters]].concat();
        let pointwise_kernel = self.pointwise.make("pointwise_kernel", &shape, dtype);
        let bias = self.finish.make_bias(self.filters, dtype);
        SeparableParts { channels, depthwise_kernel, pointwise_kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&SeparableParts, Error> {
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

impl<const RANK: usize> Module for SeparableConv<RANK> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(SeparableParts { depthwise_kernel, pointwise_kernel, bias, .. }) = self.parts.get() {
            self.depthwise.show(parts, "depthwise_kernel", depthwise_kernel);
            self.pointwise.show(parts, "pointwise_kernel", pointwise_kernel);
            self.finish.show(parts, bias);
        }
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, ["SeparableConv1D", "SeparableConv2D", "SeparableConv3D", "SeparableConv"])
    }
}

impl<const RANK: usize> Layer for SeparableConv<RANK> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let parts = match self.parts(x) {
            Ok(parts) => parts,
            Err(error) => return Tensor::from_error(error),
        };
        let (channels, kernel) = (parts.channels, &parts.depthwise_kernel);
        let y = convolve_channels(x, kernel, &self.moves, channels, self.multiplier, &self.size);
        let y = y.conv(&parts.pointwise_kernel, &ConvOptions::default());
        self.output.note(self.finish.apply(y, &parts.bias))
    }
}

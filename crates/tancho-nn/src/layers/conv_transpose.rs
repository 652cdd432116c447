//! The transposes of convolutions, which make the axes of space larger.

use tancho_core::{ConvOptions, DType, Error, Padding, Tensor, Variable};

use super::space::{Extent, Moves, channels_of, moving, name_of_rank, require_built};
use super::weights::{Finish, Weight, finishing, weights};
use crate::fault::error;
use crate::init::glorot_uniform;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// The transpose of a convolution: the convolution with the same kernel maps its result's shape to its input's.
///
/// # Shape
/// `[batch, …places, channels]` → `[batch, …space, filters]`, with a kernel `[…sizes, filters, channels]`. Along an axis there
/// are `places · stride` elements with [`Padding::Same`], and `places · stride + max(size − stride, 0)` with
/// [`Padding::Valid`], where the size is that of the dilated kernel.
///
/// # Reference
/// `keras.layers.Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`
pub struct ConvTranspose<const RANK: usize> {
    filters: usize,
    size: Extent<RANK>,
    moves: Moves<RANK>,
    output_padding: Option<Extent<RANK>>,
    kernel: Weight,
    finish: Finish,
    parts: Build<ConvTransposeParts>,
    output: OutputShape,
}

/// The transpose of [`Conv1D`](super::Conv1D).
pub type Conv1DTranspose = ConvTranspose<1>;
/// The transpose of [`Conv2D`](super::Conv2D).
pub type Conv2DTranspose = ConvTranspose<2>;
/// The transpose of [`Conv3D`](super::Conv3D).
pub type Conv3DTranspose = ConvTranspose<3>;

struct ConvTransposeParts {
    channels: usize,
    kernel: Variable,
    bias: Option<Variable>,
}

impl<const RANK: usize> ConvTranspose<RANK> {
    const NAME: &'static str =
        name_of_rank(RANK, ["conv1d_transpose", "conv2d_transpose", "conv3d_transpose", "conv_transpose"]);

    /// So many filters with kernels of a size: one number for all axes, or an array.
    pub fn new(filters: usize, size: impl Into<Extent<RANK>>) -> Self {
        ConvTranspose {
            filters,
            size: size.into(),
            moves: Moves::new(),
            output_padding: None,
            kernel: Weight::new(glorot_uniform()),
            finish: Finish::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    moving!();

    /// How many elements of each axis the result has beyond those that the places reach. It is less than the stride.
    pub fn output_padding(mut self, padding: impl Into<Extent<RANK>>) -> Self {
        self.output_padding = Some(padding.into());
        self
    }

    finishing!();
    weights! { kernel: kernel_init kernel_regularizer; }

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

    /// # Errors
    /// The numbers of the layer do not fit together.
    #[track_caller]
    fn check(&self) -> Result<(), Error> {
        self.size.require_positive(Self::NAME, "kernel size")?;
        self.moves.check(Self::NAME)?;
        if self.filters == 0 {
            return Err(error(Self::NAME, "the number of filters must be positive"));
        }
        let Some(output_padding) = self.output_padding else { return Ok(()) };
        let (strides, paddings) = (self.moves.strides.sizes(), output_padding.sizes());
        for (padding, stride) in paddings.iter().zip(&strides) {
            if padding >= stride {
                let message = format!("the output padding {paddings:?} must be less than the strides {strides:?}");
                return Err(error(Self::NAME, message));
            }
        }
        Ok(())
    }

    #[track_caller]
    fn make(&self, channels: usize, dtype: DType) -> ConvTransposeParts {
        let shape = [&self.size.sizes()[..], &[self.filters, channels]].concat();
        let kernel = self.kernel.make("kernel", &shape, dtype);
        let bias = self.finish.make_bias(self.filters, dtype);
        ConvTransposeParts { channels, kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&ConvTransposeParts, Error> {
        let (channels, dtype) = channels_of(Self::NAME, x, RANK)?;
        if let Some(parts) = self.parts.get() {
            require_built(Self::NAME, x, parts.channels, channels)?;
            return Ok(parts);
        }
        self.check()?;
        let made = self.make(channels, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    fn options(&self) -> ConvOptions {
        ConvOptions {
            strides: self.moves.strides.numbers(),
            padding: self.conv_padding(),
            dilation: self.moves.dilation.numbers(),
            ..ConvOptions::default()
        }
    }

    /// The padding of the convolution whose transpose this is.
    ///
    /// Without an output padding, that is what was said. With one, an axis has `(places − 1) · stride + span` elements less
    /// what is cut off at both ends, and the output padding is cut off the end less. Of a same padding, an axis is to have
    /// `(places − 1) · stride + span % 2 + output padding` elements, of which the beginning loses the smaller half.
    fn conv_padding(&self) -> Padding {
        let Some(output_padding) = self.output_padding else { return self.moves.padding.clone() };
        if matches!(&self.moves.padding, Padding::Explicit(sizes) if sizes.len() != RANK) {
            // The operation says what is wrong with it.
            return self.moves.padding.clone();
        }
        let sizes = self.size.numbers().into_iter().zip(self.moves.dilation.numbers());
        let spans = sizes.map(|(size, dilation)| (size - 1).saturating_mul(dilation).saturating_add(1));
        let axes = spans.zip(output_padding.numbers()).enumerate();
        let cut = axes.map(|(axis, (span, extra))| match &self.moves.padding {
            Padding::Valid => (0, -extra),
            Padding::Same => {
                let kept = span + span % 2 - 2 + extra;
                let before = (kept / 2 + kept % 2).min(span - 1);
                (span - 1 - before, span - 1 - (kept - before))
            }
            Padding::Explicit(sizes) => (sizes[axis].0, sizes[axis].1.saturating_sub(extra)),
        });
        Padding::Explicit(cut.collect())
    }
}

impl<const RANK: usize> Module for ConvTranspose<RANK> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(ConvTransposeParts { kernel, bias, .. }) = self.parts.get() {
            self.kernel.show(parts, "kernel", kernel);
            self.finish.show(parts, bias);
        }
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "ConvTranspose"])
    }
}

impl<const RANK: usize> Layer for ConvTranspose<RANK> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let parts = match self.parts(x) {
            Ok(parts) => parts,
            Err(error) => return Tensor::from_error(error),
        };
        let y = x.conv_transpose(&parts.kernel, &self.options());
        self.output.note(self.finish.apply(y, &parts.bias))
    }
}

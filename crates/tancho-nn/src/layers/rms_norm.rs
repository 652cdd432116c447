//! Normalisation by the root of the mean square.

use tancho_core::{DType, Result, Tensor, Variable, keep};

use super::norm::{aligned, require_sizes, sizes_along, wide_dtype, widened};
use super::weights::{Weight, weights};
use crate::init::ones;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// `scale · x / √(mean of x² + epsilon)`, with the mean along the axes, the last one unless others are said.
///
/// # Shape
/// Any, and the same; the scale has the sizes of the axes.
///
/// # Numerics
/// 16-bit floats are computed in `f32`, which the scale is of then.
///
/// # Reference
/// Zhang, Sennrich: Root Mean Square Layer Normalization, 2019; `keras.layers.RMSNormalization`
pub struct RmsNorm {
    axes: Vec<i64>,
    epsilon: f64,
    scale: Weight,
    parts: Build<RmsNormParts>,
    output: OutputShape,
}

struct RmsNormParts {
    sizes: Vec<usize>,
    scale: Variable,
}

const NAME: &str = "rms_norm";

impl RmsNorm {
    /// Along the last axis, with epsilon 0.000001.
    pub fn new() -> Self {
        RmsNorm {
            axes: vec![-1],
            epsilon: 1e-6,
            scale: Weight::new(ones()),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// The axes to normalise along, counted from the end where negative.
    pub fn axes(mut self, axes: impl Into<Vec<i64>>) -> Self {
        self.axes = axes.into();
        self
    }

    /// What is added to the mean square.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    weights! { scale: scale_init scale_regularizer; }

    /// Makes the variable now, for these sizes along the axes.
    #[track_caller]
    pub fn build(self, sizes: &[usize]) -> Self {
        let made = self.make(sizes, DType::F32);
        let _ = self.parts.get_or_make(|| Ok(made));
        self
    }

    #[track_caller]
    fn make(&self, sizes: &[usize], dtype: DType) -> RmsNormParts {
        RmsNormParts { sizes: sizes.to_vec(), scale: self.scale.make("scale", sizes, dtype) }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor, sizes: &[usize], dtype: DType) -> Result<&RmsNormParts> {
        if let Some(parts) = self.parts.get() {
            require_sizes(NAME, x, &parts.sizes, sizes)?;
            return Ok(parts);
        }
        let made = self.make(sizes, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn normalize(&self, x: &Tensor) -> Result<Tensor> {
        let (axes, sizes) = sizes_along(NAME, x, &self.axes)?;
        let (rank, dtype) = (x.rank(), wide_dtype(NAME, x)?);
        let parts = self.parts(x, &sizes, dtype)?;
        let wide = widened(x, dtype);
        let factor = (wide.square().mean(keep(axes.clone())) + self.epsilon).rsqrt();
        let y = wide * factor * aligned(parts.scale.read(), &axes, &sizes, rank);
        Ok(widened(&y, x.dtype()))
    }
}

impl Default for RmsNorm {
    fn default() -> Self {
        RmsNorm::new()
    }
}

impl Module for RmsNorm {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(made) = self.parts.get() {
            self.scale.show(parts, "scale", &made.scale);
        }
        parts.output(&self.output);
    }
}

impl Layer for RmsNorm {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.normalize(x) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

//! Normalisation of each sample along axes of its own.

use tancho_core::{DType, Result, Tensor, keep};

use super::norm::{Affine, AffineParts, affine, aligned, require_sizes, sizes_along, wide_dtype, widened};
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// `gamma · (x − mean) / √(variance + epsilon) + beta`, with the mean and the variance along the axes, the last one unless
/// others are said.
///
/// # Shape
/// Any, and the same; gamma and beta have the sizes of the axes.
///
/// # Numerics
/// The variance is that of the population. 16-bit floats are computed in `f32`, which the variables are of then.
///
/// # Reference
/// Ba, Kiros, Hinton: Layer Normalization, 2016; `keras.layers.LayerNormalization`
pub struct LayerNorm {
    axes: Vec<i64>,
    epsilon: f64,
    affine: Affine,
    parts: Build<AffineParts>,
    output: OutputShape,
}

const NAME: &str = "layer_norm";

impl LayerNorm {
    /// Along the last axis, with epsilon 0.001.
    pub fn new() -> Self {
        LayerNorm {
            axes: vec![-1],
            epsilon: 1e-3,
            affine: Affine::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// The axes to normalise along, counted from the end where negative.
    pub fn axes(mut self, axes: impl Into<Vec<i64>>) -> Self {
        self.axes = axes.into();
        self
    }

    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    affine!();

    /// Makes the variables now, for these sizes along the axes.
    #[track_caller]
    pub fn build(self, sizes: &[usize]) -> Self {
        let made = self.affine.make(sizes, DType::F32);
        let _ = self.parts.get_or_make(|| Ok(made));
        self
    }

    #[track_caller]
    fn parts(&self, x: &Tensor, sizes: &[usize], dtype: DType) -> Result<&AffineParts> {
        if let Some(parts) = self.parts.get() {
            require_sizes(NAME, x, &parts.sizes, sizes)?;
            return Ok(parts);
        }
        let made = self.affine.make(sizes, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn normalize(&self, x: &Tensor) -> Result<Tensor> {
        let (axes, sizes) = sizes_along(NAME, x, &self.axes)?;
        let (rank, dtype) = (x.rank(), wide_dtype(NAME, x)?);
        let parts = self.parts(x, &sizes, dtype)?;
        let wide = widened(x, dtype);
        let mean = wide.mean(keep(axes.clone()));
        let centred = wide - mean;
        let variance = centred.square().mean(keep(axes.clone()));
        let mut y = centred * (variance + self.epsilon).rsqrt();
        if let Some(gamma) = &parts.gamma {
            y *= aligned(gamma.read(), &axes, &sizes, rank);
        }
        if let Some(beta) = &parts.beta {
            y += aligned(beta.read(), &axes, &sizes, rank);
        }
        Ok(widened(&y, x.dtype()))
    }
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm::new()
    }
}

impl Module for LayerNorm {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(made) = self.parts.get() {
            self.affine.show(parts, made);
        }
        parts.output(&self.output);
    }
}

impl Layer for LayerNorm {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.normalize(x) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

//! Normalisation of each sample in groups of channels.

use tancho_core::{DType, Dim, Result, Tensor, keep};

use super::norm::{Affine, AffineParts, affine, require_sizes, sizes_along, wide_dtype, widened};
use crate::fault::error;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// `gamma · (x − mean) / √(variance + epsilon) + beta`, with the mean and the variance of each sample over a group of
/// neighbouring channels and all of space.
///
/// # Shape
/// `[batch, …]`, and the same; one gamma and beta for each channel.
///
/// # Numerics
/// The variance is that of the population. 16-bit floats are computed in `f32`, which the variables are of then.
///
/// # Reference
/// Wu, He: Group Normalization, 2018; `keras.layers.GroupNormalization`
pub struct GroupNorm {
    /// As many as channels where it is not said.
    groups: Option<usize>,
    axis: i64,
    epsilon: f64,
    affine: Affine,
    parts: Build<AffineParts>,
    output: OutputShape,
}

const NAME: &str = "group_norm";

impl GroupNorm {
    /// So many groups of the channels along the last axis, with epsilon 0.001.
    pub fn new(groups: usize) -> Self {
        GroupNorm {
            groups: Some(groups),
            axis: -1,
            epsilon: 1e-3,
            affine: Affine::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// Each channel is a group: instance normalisation.
    pub fn instance() -> Self {
        GroupNorm { groups: None, ..GroupNorm::new(1) }
    }

    /// The axis of the channels, counted from the end where negative.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }

    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    affine!();

    /// Makes the variables now, for so many channels.
    #[track_caller]
    pub fn build(self, channels: usize) -> Self {
        let made = self.affine.make(&[channels], DType::F32);
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
        let (axes, sizes) = sizes_along(NAME, x, &[self.axis])?;
        let (axis, channels) = (axes[0], sizes[0]);
        let (rank, dtype) = (x.rank(), wide_dtype(NAME, x)?);
        if axis == 0 {
            return Err(error(NAME, format!("axis {} of the input {} is that of the batch", self.axis, x.shape())));
        }
        let groups = self.groups.unwrap_or(channels);
        if groups == 0 || !channels.is_multiple_of(groups) {
            let message = format!("the {channels} channels of the input cannot be divided into {groups} groups");
            return Err(error(NAME, message));
        }
        let parts = self.parts(x, &sizes, dtype)?;
        let of_group = channels / groups;

        // The axis of the channels becomes two: that of the groups, and that within a group.
        let mut divided: Vec<Dim> = x.shape().dims().to_vec();
        divided[axis] = of_group.into();
        divided.insert(axis, groups.into());
        let others: Vec<usize> = (1..=rank).filter(|&other| other != axis).collect();
        let mut shape = vec![1; rank + 1];
        (shape[axis], shape[axis + 1]) = (groups, of_group);

        let wide = widened(x, dtype).reshape(divided);
        let mean = wide.mean(keep(others.clone()));
        let centred = wide - mean;
        let variance = centred.square().mean(keep(others));
        let mut y = centred * (variance + self.epsilon).rsqrt();
        if let Some(gamma) = &parts.gamma {
            y *= gamma.reshape(shape.clone());
        }
        if let Some(beta) = &parts.beta {
            y += beta.reshape(shape);
        }
        Ok(widened(&y.reshape(x.shape()), x.dtype()))
    }
}

impl Module for GroupNorm {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(made) = self.parts.get() {
            self.affine.show(parts, made);
        }
        parts.output(&self.output);
    }
}

impl Layer for GroupNorm {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.normalize(x) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

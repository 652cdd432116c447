//! Normalisation by the statistics of a batch.
//!
//! In training, each feature is brought to mean 0 and variance 1 over the batch (and space), and the statistics are kept as
//! moving averages: variables that training does not touch. In use, those stand for the statistics of the batch.

use tancho_core::{DType, Result, Tensor, Variable};

use super::norm::{Affine, AffineParts, affine, aligned, require_sizes, sizes_along, wide_dtype, widened};
use super::weights::Weight;
use crate::fault::error;
use crate::init::{ones, zeros};
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// `gamma · (x − mean) / √(variance + epsilon) + beta`, of the batch in training and of moving averages in use.
///
/// # Shape
/// Any of at least two axes, and the same; one gamma, beta, mean and variance for each place along the axis of the features.
///
/// # Numerics
/// The variance is that of the population. 16-bit floats are computed in `f32`, which the variables are of then. The averages
/// become `average · momentum + statistic · (1 − momentum)`.
///
/// # Reference
/// Ioffe, Szegedy: Batch Normalization, 2015; `keras.layers.BatchNormalization`
pub struct BatchNorm {
    axis: i64,
    momentum: f64,
    epsilon: f64,
    affine: Affine,
    moving_mean: Weight,
    moving_variance: Weight,
    parts: Build<BatchNormParts>,
    output: OutputShape,
}

struct BatchNormParts {
    affine: AffineParts,
    moving_mean: Variable,
    moving_variance: Variable,
}

const NAME: &str = "batch_norm";

impl BatchNorm {
    /// With momentum 0.99 and epsilon 0.001, over all axes but the last.
    pub fn new() -> Self {
        BatchNorm {
            axis: -1,
            momentum: 0.99,
            epsilon: 1e-3,
            affine: Affine::new(),
            moving_mean: Weight::new(zeros()),
            moving_variance: Weight::new(ones()),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    /// The axis of the features, counted from the end where negative.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }

    /// How much of a moving average stays at each step.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// What is added to the variance.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    affine!();

    pub fn moving_mean_init(mut self, init: crate::init::Initializer) -> Self {
        self.moving_mean.init = init;
        self
    }

    pub fn moving_variance_init(mut self, init: crate::init::Initializer) -> Self {
        self.moving_variance.init = init;
        self
    }

    /// Makes the variables now, for so many features.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        let made = self.make(&[features], DType::F32);
        let _ = self.parts.get_or_make(|| Ok(made));
        self
    }

    #[track_caller]
    fn make(&self, sizes: &[usize], dtype: DType) -> BatchNormParts {
        BatchNormParts {
            affine: self.affine.make(sizes, dtype),
            moving_mean: self.moving_mean.make("moving_mean", sizes, dtype).not_trainable(),
            moving_variance: self.moving_variance.make("moving_variance", sizes, dtype).not_trainable(),
        }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor, sizes: &[usize], dtype: DType) -> Result<&BatchNormParts> {
        if let Some(parts) = self.parts.get() {
            require_sizes(NAME, x, &parts.affine.sizes, sizes)?;
            return Ok(parts);
        }
        let made = self.make(sizes, dtype);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn normalize(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (axes, sizes) = sizes_along(NAME, x, &[self.axis])?;
        let (rank, dtype) = (x.rank(), wide_dtype(NAME, x)?);
        if rank < 2 {
            let message = format!("takes an input with a batch and features, not one of shape {}", x.shape());
            return Err(error(NAME, message));
        }
        let parts = self.parts(x, &sizes, dtype)?;
        let wide = widened(x, dtype);
        let (centred, variance) = if mode.is_train() {
            let others: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
            let mean = wide.mean(others.clone());
            let centred = wide - aligned(mean.clone(), &axes, &sizes, rank);
            let variance = centred.square().mean(others);
            self.update(&parts.moving_mean, &mean)?;
            self.update(&parts.moving_variance, &variance)?;
            (centred, variance)
        } else {
            (wide - aligned(parts.moving_mean.read(), &axes, &sizes, rank), parts.moving_variance.read())
        };
        let mut factor = (variance + self.epsilon).rsqrt();
        if let Some(gamma) = &parts.affine.gamma {
            factor *= gamma;
        }
        let mut y = centred * aligned(factor, &axes, &sizes, rank);
        if let Some(beta) = &parts.affine.beta {
            y += aligned(beta.read(), &axes, &sizes, rank);
        }
        Ok(widened(&y, x.dtype()))
    }

    #[track_caller]
    fn update(&self, average: &Variable, statistic: &Tensor) -> Result<()> {
        // Nothing is learnt through the averages, also where the same trace reads them later.
        let statistic = statistic.stop_gradient();
        average.assign(average.read() * self.momentum + statistic * (1.0 - self.momentum))
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm::new()
    }
}

impl Module for BatchNorm {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(BatchNormParts { affine, moving_mean, moving_variance }) = self.parts.get() {
            self.affine.show(parts, affine);
            self.moving_mean.show(parts, "moving_mean", moving_mean);
            self.moving_variance.show(parts, "moving_variance", moving_variance);
        }
        parts.output(&self.output);
    }
}

impl Layer for BatchNorm {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        match self.normalize(x, mode) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

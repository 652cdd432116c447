//! Losses of numbers: differences, their squares and logarithms, and angles.

use tancho_core::{Tensor, maximum, select, softplus};

use super::Loss;
use super::fit::{EPSILON, fit, mean_of_axis};

/// The mean of the squared differences over the last axis; the squared difference where there is one axis only.
///
/// # Reference
/// `keras.losses.mean_squared_error`
#[track_caller]
pub fn mse(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("mse", truth, prediction);
    mean_of_axis(&(prediction - truth).square(), -1)
}

/// The mean of the absolute differences.
///
/// # Reference
/// `keras.losses.mean_absolute_error`
#[track_caller]
pub fn mae(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("mae", truth, prediction);
    mean_of_axis(&(prediction - truth).abs(), -1)
}

/// The mean of the absolute differences in percent of the truth, which counts as at least 10⁻⁷.
///
/// # Reference
/// `keras.losses.mean_absolute_percentage_error`
#[track_caller]
pub fn mape(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("mape", truth, prediction);
    let scale = truth.abs().maximum(EPSILON);
    mean_of_axis(&((truth - prediction) / scale).abs(), -1) * 100.0
}

/// The mean of the squared differences of `log(1 + x)`, where each side counts as at least 10⁻⁷.
///
/// # Reference
/// `keras.losses.mean_squared_logarithmic_error`
#[track_caller]
pub fn msle(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("msle", truth, prediction);
    let difference = prediction.maximum(EPSILON).log1p() - truth.maximum(EPSILON).log1p();
    mean_of_axis(&difference.square(), -1)
}

/// The mean of the logarithms of the hyperbolic cosine of the differences: as a square for small ones, as an absolute value
/// for large ones.
///
/// # Numerics
/// `d + log(1 + e⁻²ᵈ) − log 2`, which does not overflow.
///
/// # Reference
/// `keras.losses.log_cosh`
#[track_caller]
pub fn log_cosh(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("log_cosh", truth, prediction);
    let difference = prediction - truth;
    let value = softplus(&difference * -2.0) + difference - std::f64::consts::LN_2;
    mean_of_axis(&value, -1)
}

/// [`Huber`] with its defaults.
///
/// # Reference
/// `keras.losses.huber`
#[track_caller]
pub fn huber(truth: &Tensor, prediction: &Tensor) -> Tensor {
    Huber::new().losses(truth, prediction)
}

/// The negated cosine of the angle between truth and prediction over the last axis: −1 where they point the same way.
///
/// # Reference
/// `keras.losses.cosine_similarity`
#[track_caller]
pub fn cosine_similarity(truth: &Tensor, prediction: &Tensor) -> Tensor {
    CosineSimilarity::new().losses(truth, prediction)
}

/// The mean of half the squared differences up to `delta`, and of what grows linearly beyond.
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::Loss;
/// # use tancho_nn::losses::Huber;
/// let losses = Huber::new().delta(2.0).losses(&tensor([0.0f32, 0.0]), &tensor([1.0f32, 4.0]));
/// assert_eq!(losses.to_vec::<f32>()?, [0.5, 6.0]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Reference
/// `keras.losses.Huber`
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// With delta 1.
    pub fn new() -> Self {
        Huber { delta: 1.0 }
    }

    /// Where the square ends.
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }
}

impl Default for Huber {
    fn default() -> Self {
        Huber::new()
    }
}

impl Loss for Huber {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let [truth, prediction] = fit("huber", truth, prediction);
        let difference = prediction - truth;
        let magnitude = difference.abs();
        let is_small = magnitude.le(self.delta);
        let linear = magnitude * self.delta - 0.5 * self.delta * self.delta;
        mean_of_axis(&select(is_small, difference.square() * 0.5, linear), -1)
    }
}

/// The negated cosine of the angle between truth and prediction along an axis.
///
/// # Numerics
/// Vectors shorter than 10⁻⁷ are divided by 10⁻⁷, so that zeros have the similarity 0 and a finite gradient.
///
/// # Reference
/// `keras.losses.CosineSimilarity`
#[derive(Clone, Copy, Debug)]
pub struct CosineSimilarity {
    axis: i64,
}

impl CosineSimilarity {
    /// Along the last axis.
    pub fn new() -> Self {
        CosineSimilarity { axis: -1 }
    }

    /// The axis along which the vectors lie.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }

    /// The cosine itself.
    #[track_caller]
    pub(crate) fn similarity(self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let [truth, prediction] = fit("cosine_similarity", truth, prediction);
        (self.unit(&truth) * self.unit(&prediction)).sum(self.axis)
    }

    #[track_caller]
    fn unit(self, x: &Tensor) -> Tensor {
        let square = x.square().sum(tancho_core::keep(self.axis));
        x * maximum(square, EPSILON * EPSILON).rsqrt()
    }
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        CosineSimilarity::new()
    }
}

impl Loss for CosineSimilarity {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        -self.similarity(truth, prediction)
    }
}

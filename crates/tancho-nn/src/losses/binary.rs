//! Losses of yes and no: how surprising each truth is under the predicted probability.
//!
//! From logits nothing overflows and no probability is rounded to 0 or 1: `−log σ(x) = softplus(−x)`. From probabilities
//! these are kept 10⁻⁷ away from 0 and 1, as in Keras.

use tancho_core::{Tensor, softplus};

use super::Loss;
use super::fit::{EPSILON, fit_exactly, mean_of_axis};

/// [`BinaryCrossentropy`] of probabilities.
///
/// # Reference
/// `keras.losses.binary_crossentropy`
#[track_caller]
pub fn binary_crossentropy(truth: &Tensor, prediction: &Tensor) -> Tensor {
    BinaryCrossentropy::new().losses(truth, prediction)
}

/// [`BinaryFocalCrossentropy`] of probabilities.
///
/// # Reference
/// `keras.losses.binary_focal_crossentropy`
#[track_caller]
pub fn binary_focal_crossentropy(truth: &Tensor, prediction: &Tensor) -> Tensor {
    BinaryFocalCrossentropy::new().losses(truth, prediction)
}

/// The mean of `−truth · log p − (1 − truth) · log(1 − p)` over an axis; the truth is 0 or 1.
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::Loss;
/// # use tancho_nn::losses::BinaryCrossentropy;
/// let loss = BinaryCrossentropy::new().from_logits();
/// let losses = loss.losses(&tensor([1i32, 0, 0]), &tensor([100.0f32, -100.0, 0.0])).to_vec::<f32>()?;
/// assert!(losses[0] < 1e-30 && losses[1] < 1e-30 && (losses[2] - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Shape
/// `[…, outputs]` and the same → `[…]`; `[batch]` and the same → `[batch]`
///
/// # Reference
/// `keras.losses.BinaryCrossentropy`
#[derive(Clone, Copy, Debug)]
pub struct BinaryCrossentropy {
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
}

impl BinaryCrossentropy {
    /// Of probabilities, with the mean over the last axis.
    pub fn new() -> Self {
        BinaryCrossentropy { from_logits: false, label_smoothing: 0.0, axis: -1 }
    }

    /// The predictions are numbers before a sigmoid.
    pub fn from_logits(mut self) -> Self {
        self.from_logits = true;
        self
    }

    /// Moves the truths towards ½ by so much of the way.
    pub fn label_smoothing(mut self, amount: f64) -> Self {
        self.label_smoothing = amount;
        self
    }

    /// The axis of the mean.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }
}

impl Default for BinaryCrossentropy {
    fn default() -> Self {
        BinaryCrossentropy::new()
    }
}

impl Loss for BinaryCrossentropy {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let [truth, prediction] = fit_exactly("binary_crossentropy", truth, prediction);
        let truth = smooth(truth, self.label_smoothing);
        mean_of_axis(&crossentropy(&truth, &prediction, self.from_logits), self.axis)
    }
}

/// The binary crossentropy, with less weight on what is predicted well: times `(1 − p)^gamma`, where `p` is the probability
/// that was given to the truth.
///
/// # Numerics
/// From logits the crossentropy is not cut at 10⁻⁷, as Keras cuts it, so that it has a gradient beyond ±16 also.
///
/// # Reference
/// Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection, 2017; `keras.losses.BinaryFocalCrossentropy`
#[derive(Clone, Copy, Debug)]
pub struct BinaryFocalCrossentropy {
    alpha: Option<f64>,
    gamma: f64,
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
}

impl BinaryFocalCrossentropy {
    /// Of probabilities, with gamma 2, without weights of the classes, with the mean over the last axis.
    pub fn new() -> Self {
        BinaryFocalCrossentropy { alpha: None, gamma: 2.0, from_logits: false, label_smoothing: 0.0, axis: -1 }
    }

    /// Weighs class 1 by `alpha`, class 0 by `1 − alpha`; Keras' `apply_class_balancing`, there with 0.25.
    pub fn class_balancing(mut self, alpha: f64) -> Self {
        self.alpha = Some(alpha);
        self
    }

    /// How much less what is predicted well counts; 0 makes it the binary crossentropy.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// The predictions are numbers before a sigmoid.
    pub fn from_logits(mut self) -> Self {
        self.from_logits = true;
        self
    }

    /// Moves the truths towards ½ by so much of the way.
    pub fn label_smoothing(mut self, amount: f64) -> Self {
        self.label_smoothing = amount;
        self
    }

    /// The axis of the mean.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        BinaryFocalCrossentropy::new()
    }
}

impl Loss for BinaryFocalCrossentropy {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let [truth, prediction] = fit_exactly("binary_focal_crossentropy", truth, prediction);
        let truth = smooth(truth, self.label_smoothing);
        let other = -&truth + 1.0;
        let plain = crossentropy(&truth, &prediction, self.from_logits);
        let probability = if self.from_logits { prediction.sigmoid() } else { prediction };
        let missed = &truth * (-&probability + 1.0) + &other * &probability;
        let mut losses = missed.pow(self.gamma) * plain;
        if let Some(alpha) = self.alpha {
            losses *= truth * alpha + other * (1.0 - alpha);
        }
        mean_of_axis(&losses, self.axis)
    }
}

#[track_caller]
fn smooth(truth: Tensor, amount: f64) -> Tensor {
    if amount == 0.0 { truth } else { truth * (1.0 - amount) + 0.5 * amount }
}

/// The crossentropy of each element.
#[track_caller]
fn crossentropy(truth: &Tensor, prediction: &Tensor, from_logits: bool) -> Tensor {
    let other = -truth + 1.0;
    if from_logits {
        return truth * softplus(-prediction) + other * softplus(prediction);
    }
    let probability = prediction.clamp(EPSILON, 1.0 - EPSILON);
    -(truth * probability.log() + other * (-probability + 1.0).log())
}

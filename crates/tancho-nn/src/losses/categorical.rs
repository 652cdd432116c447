//! Losses of classes and of distributions: how surprising the truth is under the predicted probabilities.
//!
//! From logits the logarithm of the softmax is taken as one, so that nothing overflows and no probability is rounded to 0.
//! Probabilities are divided by their sum and kept 10⁻⁷ away from 0 and 1, as in Keras.

use tancho_core::{DType, Tensor, full, keep, one_hot, select};

use super::Loss;
use super::fit::{EPSILON, fit, fit_classes, fit_exactly, mean_of_axis};

/// [`CategoricalCrossentropy`] of probabilities.
///
/// # Reference
/// `keras.losses.categorical_crossentropy`
#[track_caller]
pub fn categorical_crossentropy(truth: &Tensor, prediction: &Tensor) -> Tensor {
    CategoricalCrossentropy::new().losses(truth, prediction)
}

/// [`SparseCategoricalCrossentropy`] of probabilities.
///
/// # Reference
/// `keras.losses.sparse_categorical_crossentropy`
#[track_caller]
pub fn sparse_categorical_crossentropy(truth: &Tensor, prediction: &Tensor) -> Tensor {
    SparseCategoricalCrossentropy::new().losses(truth, prediction)
}

/// `Σ truth · log(truth / prediction)` over the last axis, where both sides are kept within 10⁻⁷ and 1.
///
/// # Reference
/// `keras.losses.kl_divergence`
#[track_caller]
pub fn kl_divergence(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("kl_divergence", truth, prediction);
    let [truth, prediction] = [truth.clamp(EPSILON, 1.0), prediction.clamp(EPSILON, 1.0)];
    (&truth * (&truth / prediction).log()).sum(-1)
}

/// The mean of `prediction − truth · log(prediction + 10⁻⁷)`: how surprising a count is, but for what the prediction does
/// not change.
///
/// # Reference
/// `keras.losses.poisson`
#[track_caller]
pub fn poisson(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("poisson", truth, prediction);
    let logarithm = (&prediction + EPSILON).log();
    mean_of_axis(&(prediction - truth * logarithm), -1)
}

/// `−Σ truth · log p` along the axis of the classes; the truth is one-hot or a distribution.
///
/// # Shape
/// `[…, classes]` and the same → `[…]`
///
/// # Reference
/// `keras.losses.CategoricalCrossentropy`
#[derive(Clone, Copy, Debug)]
pub struct CategoricalCrossentropy {
    from_logits: bool,
    label_smoothing: f64,
    axis: i64,
}

impl CategoricalCrossentropy {
    /// Of probabilities, with the classes along the last axis.
    pub fn new() -> Self {
        CategoricalCrossentropy { from_logits: false, label_smoothing: 0.0, axis: -1 }
    }

    /// The predictions are numbers before a softmax.
    pub fn from_logits(mut self) -> Self {
        self.from_logits = true;
        self
    }

    /// Moves the truths towards the even distribution by so much of the way.
    pub fn label_smoothing(mut self, amount: f64) -> Self {
        self.label_smoothing = amount;
        self
    }

    /// The axis of the classes.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }
}

impl Default for CategoricalCrossentropy {
    fn default() -> Self {
        CategoricalCrossentropy::new()
    }
}

impl Loss for CategoricalCrossentropy {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let [mut truth, prediction] = fit_exactly("categorical_crossentropy", truth, prediction);
        if self.label_smoothing != 0.0 && truth.check().is_ok() {
            // The number of classes is no constant where the size varies.
            let classes = full(truth.shape().size(self.axis), ()).to(truth.dtype());
            truth = truth * (1.0 - self.label_smoothing) + classes.reciprocal() * self.label_smoothing;
        }
        -(truth * log_probabilities(&prediction, self.axis, self.from_logits)).sum(self.axis)
    }
}

/// `−log p` of the right class; the truth is the number of the class.
///
/// # Shape
/// truth `[…]` or `[…, 1]`, prediction `[…, classes]` → `[…]`
///
/// # Numerics
/// The loss of a class that is out of range is 0, so that −1 marks what is not to be learnt.
///
/// # Reference
/// `keras.losses.SparseCategoricalCrossentropy`
#[derive(Clone, Copy, Debug)]
pub struct SparseCategoricalCrossentropy {
    from_logits: bool,
    axis: i64,
}

impl SparseCategoricalCrossentropy {
    /// Of probabilities, with the classes along the last axis.
    pub fn new() -> Self {
        SparseCategoricalCrossentropy { from_logits: false, axis: -1 }
    }

    /// The predictions are numbers before a softmax.
    pub fn from_logits(mut self) -> Self {
        self.from_logits = true;
        self
    }

    /// The axis of the classes in the prediction.
    pub fn axis(mut self, axis: i64) -> Self {
        self.axis = axis;
        self
    }
}

impl Default for SparseCategoricalCrossentropy {
    fn default() -> Self {
        SparseCategoricalCrossentropy::new()
    }
}

impl Loss for SparseCategoricalCrossentropy {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        let prediction = move_to_last(prediction, self.axis);
        let [truth, prediction] = fit_classes("sparse_categorical_crossentropy", truth, &prediction);
        if truth.check().is_err() {
            return truth;
        }
        let is_class = one_hot(truth, prediction.shape().size(-1), DType::Bool);
        let logarithms = log_probabilities(&prediction, -1, self.from_logits);
        // A choice, not a product: an impossible wrong class must not make 0 · ∞.
        -select(is_class, logarithms, 0.0).sum(-1)
    }
}

#[track_caller]
fn log_probabilities(prediction: &Tensor, axis: i64, from_logits: bool) -> Tensor {
    if from_logits {
        return prediction.log_softmax(axis);
    }
    let probabilities = prediction / prediction.sum(keep(axis));
    probabilities.clamp(EPSILON, 1.0 - EPSILON).log()
}

/// The tensor with an axis as its last. An axis out of range is left to the operation, which names it.
#[track_caller]
fn move_to_last(x: &Tensor, axis: i64) -> Tensor {
    let rank = x.rank() as i64;
    if axis == -1 || axis == rank - 1 || rank == 0 {
        return x.clone();
    }
    let place = if axis < 0 { axis + rank } else { axis };
    let mut order: Vec<i64> = (0..rank).filter(|&other| other != place).collect();
    order.push(place);
    x.transpose(&order[..])
}

//! Accuracies: how many predictions are right.

use tancho_core::{DType, Dim, Result, Tensor, one_hot, select};

use super::Metric;
use super::mean::{Mean, mean_metrics};
use crate::losses::fit::{fit, fit_classes, fit_exactly};
use crate::module::{Module, Parts};

mean_metrics! {
    /// How many predictions are equal to the truth.
    ///
    /// # Reference
    /// `keras.metrics.Accuracy`
    Accuracy "accuracy" {} equal;

    /// How many predictions are on the truth's side of a threshold; the truth is 0 or 1.
    ///
    /// # Reference
    /// `keras.metrics.BinaryAccuracy`
    BinaryAccuracy "binary_accuracy" {
        /// What a prediction must be above to count as 1; ½ by default.
        threshold: f64 = 0.5
    } binary;

    /// How many predictions have their largest element where the truth, which is one-hot, has its.
    ///
    /// # Shape
    /// `[…, classes]` and the same
    ///
    /// # Reference
    /// `keras.metrics.CategoricalAccuracy`
    CategoricalAccuracy "categorical_accuracy" {} categorical;

    /// How many predictions have their largest element at the class that is the truth.
    ///
    /// # Shape
    /// truth `[…]` or `[…, 1]`, prediction `[…, classes]`
    ///
    /// # Reference
    /// `keras.metrics.SparseCategoricalAccuracy`
    SparseCategoricalAccuracy "sparse_categorical_accuracy" {} sparse_categorical;

    /// How many predictions have the right class among their `k` largest elements; the truth is one-hot.
    ///
    /// # Reference
    /// `keras.metrics.TopKCategoricalAccuracy`
    TopKCategoricalAccuracy "top_k_categorical_accuracy" {
        /// How many elements are looked at; 5 by default.
        k: usize = 5
    } top_k;

    /// How many predictions have the class that is the truth among their `k` largest elements.
    ///
    /// # Shape
    /// truth `[…]` or `[…, 1]`, prediction `[…, classes]`
    ///
    /// # Reference
    /// `keras.metrics.SparseTopKCategoricalAccuracy`
    SparseTopKCategoricalAccuracy "sparse_top_k_categorical_accuracy" {
        /// How many elements are looked at; 5 by default.
        k: usize = 5
    } sparse_top_k;
}

/// The accuracy that fits the shapes of truth and prediction, as Keras takes the word `"accuracy"`.
///
/// Where the last axis of the prediction has size 1, or there is the axis of the samples only, it is [`BinaryAccuracy`];
/// where the truth has an axis less, or a last one of size 1, [`SparseCategoricalAccuracy`]; else [`CategoricalAccuracy`].
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::metrics::{Metric, accuracy};
/// let metric = accuracy();
/// metric.update(&tensor([1i32, 0]), &tensor([[0.1f32, 0.9], [0.2, 0.8]]), None)?;
/// assert_eq!(metric.name(), "accuracy");
/// assert_eq!(metric.result().item::<f32>()?, 0.5);
/// # Ok::<(), tancho_core::Error>(())
/// ```
#[track_caller]
pub fn accuracy() -> AnyAccuracy {
    AnyAccuracy { mean: Mean::new().named("accuracy") }
}

/// The accuracy that fits the shapes; see [`accuracy`].
pub struct AnyAccuracy {
    mean: Mean,
}

impl AnyAccuracy {
    /// The metric under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.mean = self.mean.named(name);
        self
    }
}

impl Module for AnyAccuracy {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.mean.visit_parts(parts);
    }
}

impl Metric for AnyAccuracy {
    fn name(&self) -> &str {
        self.mean.name()
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (of_truth, of_prediction) = (truth.try_shape()?, prediction.try_shape()?);
        let last_is_one = of_prediction.size(-1) == 1;
        let values = if last_is_one || of_prediction.rank() < 2 {
            binary(truth, prediction, 0.5)
        } else if of_truth.rank() < of_prediction.rank() || of_truth.size(-1) == 1 {
            sparse_categorical(truth, prediction)
        } else {
            categorical(truth, prediction)
        };
        self.mean.add(&values, weights)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        self.mean.result()
    }

    fn reset(&self) -> Result<()> {
        self.mean.reset()
    }
}

#[track_caller]
fn equal(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("accuracy", truth, prediction);
    truth.eq(prediction)
}

#[track_caller]
fn binary(truth: &Tensor, prediction: &Tensor, threshold: f64) -> Tensor {
    let [truth, prediction] = fit("binary_accuracy", truth, prediction);
    truth.eq(prediction.gt(threshold).to(prediction.dtype()))
}

#[track_caller]
fn categorical(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit_exactly("categorical_accuracy", truth, prediction);
    truth.argmax(-1).eq(prediction.argmax(-1))
}

#[track_caller]
fn sparse_categorical(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit_classes("sparse_categorical_accuracy", truth, prediction);
    truth.eq(prediction.argmax(-1))
}

#[track_caller]
fn top_k(truth: &Tensor, prediction: &Tensor, k: usize) -> Tensor {
    let [truth, prediction] = fit_exactly("top_k_categorical_accuracy", truth, prediction);
    in_top_k(&truth.argmax(-1), &prediction, k)
}

#[track_caller]
fn sparse_top_k(truth: &Tensor, prediction: &Tensor, k: usize) -> Tensor {
    let [truth, prediction] = fit_classes("sparse_top_k_categorical_accuracy", truth, prediction);
    in_top_k(&truth, &prediction, k)
}

/// Whether fewer than `k` elements are larger than that of the class. Equal ones all count as in, and a NaN as −∞.
#[track_caller]
fn in_top_k(class: &Tensor, prediction: &Tensor, k: usize) -> Tensor {
    if class.check().is_err() {
        return class.clone();
    }
    let classes: Dim = prediction.shape().size(-1);
    let is_class = one_hot(class, classes, DType::Bool);
    let of_class = select(is_class, prediction, f64::NEG_INFINITY).max(tancho_core::keep(-1));
    let of_class = select(of_class.is_nan(), f64::NEG_INFINITY, &of_class);
    let n_larger = prediction.gt(of_class).to(DType::I64).sum(-1);
    n_larger.lt(k as i64)
}

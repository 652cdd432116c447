//! Metrics of numbers: means of the losses of regression, and the root of one.

use tancho_core::{Result, Tensor};

use super::Metric;
use super::mean::{Mean, mean_metrics};
use crate::losses::fit::fit;
use crate::losses::{self, CosineSimilarity as Cosine};
use crate::module::{Module, Parts};

mean_metrics! {
    /// The mean of [`losses::mae`].
    ///
    /// # Reference
    /// `keras.metrics.MeanAbsoluteError`
    MeanAbsoluteError "mean_absolute_error" {} losses::mae;

    /// The mean of [`losses::mse`].
    ///
    /// # Reference
    /// `keras.metrics.MeanSquaredError`
    MeanSquaredError "mean_squared_error" {} losses::mse;

    /// The mean of [`losses::mape`].
    ///
    /// # Reference
    /// `keras.metrics.MeanAbsolutePercentageError`
    MeanAbsolutePercentageError "mean_absolute_percentage_error" {} losses::mape;

    /// The mean of [`losses::msle`].
    ///
    /// # Reference
    /// `keras.metrics.MeanSquaredLogarithmicError`
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" {} losses::msle;

    /// The mean of [`losses::log_cosh`].
    ///
    /// # Reference
    /// `keras.metrics.LogCoshError`
    LogCoshError "logcosh" {} losses::log_cosh;

    /// The mean of the cosines of the angles between truths and predictions (as a loss the sign is the other).
    ///
    /// # Reference
    /// `keras.metrics.CosineSimilarity`
    CosineSimilarity "cosine_similarity" {
        /// The axis along which the vectors lie; the last by default.
        axis: i64 = -1
    } cosine;
}

#[track_caller]
fn cosine(truth: &Tensor, prediction: &Tensor, axis: i64) -> Tensor {
    Cosine::new().axis(axis).similarity(truth, prediction)
}

/// The root of the mean of the squared differences of all batches.
///
/// # Reference
/// `keras.metrics.RootMeanSquaredError`
pub struct RootMeanSquaredError {
    mean: Mean,
}

impl RootMeanSquaredError {
    #[track_caller]
    pub fn new() -> Self {
        RootMeanSquaredError { mean: Mean::new().named("root_mean_squared_error") }
    }

    /// The metric under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.mean = self.mean.named(name);
        self
    }
}

impl Default for RootMeanSquaredError {
    fn default() -> Self {
        RootMeanSquaredError::new()
    }
}

impl Module for RootMeanSquaredError {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.mean.visit_parts(parts);
    }
}

impl Metric for RootMeanSquaredError {
    fn name(&self) -> &str {
        self.mean.name()
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let [truth, prediction] = fit("root_mean_squared_error", truth, prediction);
        self.mean.add(&(prediction - truth).square(), weights)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        self.mean.result().sqrt()
    }

    fn reset(&self) -> Result<()> {
        self.mean.reset()
    }
}

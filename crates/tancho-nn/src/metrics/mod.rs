//! Metrics: what is reported of a model, gathered over batches.
//!
//! Names, formulas and defaults are those of Keras 3. [`accuracy`] takes the accuracy that fits the shapes; [`MeanOf`] makes
//! a metric of any loss.

mod accuracy;
mod auc;
mod confusion;
mod f_score;
mod mean;
mod regression;

pub use accuracy::{
    Accuracy, AnyAccuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, accuracy,
};
pub use auc::{Auc, AucCurve, AucSummation};
pub use confusion::{Precision, Recall, confusion_matrix};
pub use f_score::{Average, FBetaScore, f1_score};
pub use mean::{Mean, MeanOf};
pub use regression::{
    CosineSimilarity, LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, RootMeanSquaredError,
};

use tancho_core::{Result, Tensor};

use crate::module::Module;

/// A number that is gathered batch by batch. What it has gathered are variables, so that it is a part of a traced step.
pub trait Metric: Module {
    /// What it is called in a history: `accuracy`.
    fn name(&self) -> &str;

    /// Adds a batch; `weights` are those of the samples, `[batch]`.
    ///
    /// # Errors
    /// A tensor carries an error, or they do not fit together.
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()>;

    /// The number so far, `f32[]`.
    fn result(&self) -> Tensor;

    /// Begins anew.
    ///
    /// # Errors
    /// A variable of the metric carries an error.
    fn reset(&self) -> Result<()>;
}

impl<M: Metric + ?Sized> Metric for Box<M> {
    fn name(&self) -> &str {
        (**self).name()
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        (**self).update(truth, prediction, weights)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        (**self).result()
    }

    fn reset(&self) -> Result<()> {
        (**self).reset()
    }
}

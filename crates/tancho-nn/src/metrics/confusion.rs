//! Counts of right and wrong decisions: precision, recall, and the confusion matrix.
//!
//! A prediction decides for "yes" where it is above a threshold. Each sample counts by its weight. Where several thresholds
//! are given, each has counts of its own, and the result is a vector.

use tancho_core::{DType, Dim, Ellipsis, Error, Result, Tensor, Variable, full, one_hot, select, stack, tensor};
use tancho_core::{tensor_scatter_nd_add, zeros};

use super::Metric;
use super::mean::{divide_no_nan, reset_states, state, visit_states};
use crate::losses::fit::{fit_exactly, fit_weights};
use crate::module::{Module, Parts};

/// Which elements of truth and prediction are looked at.
#[derive(Clone, Debug, Default)]
struct Selection {
    /// As given; empty for the default.
    thresholds: Vec<f64>,
    top_k: Option<usize>,
    class: Option<usize>,
}

/// Truth, prediction and weights of each decision, `f32[decisions]`.
pub(super) struct Decisions {
    pub truth: Tensor,
    pub prediction: Tensor,
    pub weights: Tensor,
}

impl Decisions {
    /// # Errors
    /// A tensor carries an error, or they do not fit together.
    #[track_caller]
    pub(super) fn new(name: &str, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<Self> {
        let [truth, prediction] = fit_exactly(name, truth, prediction);
        let prediction = prediction.to(DType::F32);
        let truth = truth.ne(0.0).to(DType::F32);
        let weights = match weights {
            Some(weights) => fit_weights(name, weights, &prediction),
            None => full(1.0f32, prediction.shape()),
        };
        truth.check()?;
        weights.check()?;
        Ok(Decisions { truth: truth.flatten(), prediction: prediction.flatten(), weights: weights.flatten() })
    }

    /// For each threshold the weight of the decisions where the truth is `truth` and the prediction is above the threshold
    /// or not.
    #[track_caller]
    pub(super) fn count(&self, thresholds: &[f32], truth: bool, is_above: bool) -> Tensor {
        let thresholds = tensor(thresholds).expand_dims(-1);
        let right = self.truth.eq(if truth { 1.0 } else { 0.0 });
        let above = self.prediction.gt(thresholds);
        let decided = if is_above { above } else { !above };
        select(decided & right, &self.weights, 0.0).sum(-1)
    }
}

impl Selection {
    fn thresholds(&self) -> Vec<f32> {
        match (self.thresholds.as_slice(), self.top_k) {
            // What is not among the largest becomes −∞, so that every other prediction is above this one.
            ([], Some(_)) => vec![f32::MIN],
            ([], None) => vec![0.5],
            (given, _) => given.iter().map(|&threshold| threshold as f32).collect(),
        }
    }

    #[track_caller]
    fn decisions(
        &self,
        name: &str,
        truth: &Tensor,
        prediction: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<Decisions> {
        let [mut truth, mut prediction] = fit_exactly(name, truth, prediction);
        prediction.check()?;
        if let Some(k) = self.top_k {
            let classes: Dim = prediction.shape().size(-1);
            let (_, largest) = prediction.top_k(k);
            let is_in = one_hot(largest, classes, DType::Bool).any(-2);
            prediction = select(is_in, prediction, f64::NEG_INFINITY);
        }
        if let Some(class) = self.class {
            if prediction.rank() < 2 {
                let shape = prediction.shape();
                return Err(Error::new(format!("{name}: a class needs predictions [batch, classes], not {shape}")));
            }
            truth = truth.slice((Ellipsis, class));
            prediction = prediction.slice((Ellipsis, class));
        }
        Decisions::new(name, &truth, &prediction, weights)
    }
}

/// Metrics that are the part of true positives in a sum with a second count.
macro_rules! ratios {
    ($($(#[$doc:meta])* $Metric:ident $name:literal $other:literal ($truth:literal, $is_above:literal);)*) => {$(
        $(#[$doc])*
        pub struct $Metric {
            name: String,
            selection: Selection,
            true_positives: Variable,
            other: Variable,
        }

        impl $Metric {
            /// With the threshold ½.
            #[track_caller]
            pub fn new() -> Self {
                $Metric::make($name.to_owned(), Selection::default())
            }

            /// The metric under another name.
            pub fn named(mut self, name: &str) -> Self {
                self.name = name.to_owned();
                self
            }

            /// What a prediction must be above to count as 1. The result has one number for each threshold, `f32[n]`, and
            /// is `f32[]` for one.
            #[track_caller]
            pub fn thresholds(self, thresholds: impl Into<Vec<f64>>) -> Self {
                $Metric::make(self.name, Selection { thresholds: thresholds.into(), ..self.selection })
            }

            /// Predictions count as 1 only among the `k` largest of their sample; all of these without a threshold.
            #[track_caller]
            pub fn top_k(self, k: usize) -> Self {
                $Metric::make(self.name, Selection { top_k: Some(k), ..self.selection })
            }

            /// Looks at one class only, by its place in the last axis.
            #[track_caller]
            pub fn class(self, class: usize) -> Self {
                $Metric::make(self.name, Selection { class: Some(class), ..self.selection })
            }

            #[track_caller]
            fn make(name: String, selection: Selection) -> Self {
                let count = selection.thresholds().len();
                let [true_positives, other] = [state("true_positives", full(0.0f32, [count])),
                    state($other, full(0.0f32, [count]))];
                $Metric { name, selection, true_positives, other }
            }
        }

        impl Default for $Metric {
            fn default() -> Self {
                $Metric::new()
            }
        }

        impl Module for $Metric {
            fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
                visit_states(parts, &[("true_positives", &self.true_positives), ($other, &self.other)]);
            }
        }

        impl Metric for $Metric {
            fn name(&self) -> &str {
                &self.name
            }

            #[track_caller]
            fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
                let decisions = self.selection.decisions(&self.name, truth, prediction, weights)?;
                let thresholds = self.selection.thresholds();
                let true_positives = decisions.count(&thresholds, true, true);
                let other = decisions.count(&thresholds, $truth, $is_above);
                true_positives.check()?;
                other.check()?;
                self.true_positives.assign_add(true_positives)?;
                self.other.assign_add(other)
            }

            #[track_caller]
            fn result(&self) -> Tensor {
                let true_positives = self.true_positives.read();
                let result = divide_no_nan(&true_positives, &(&true_positives + self.other.read()));
                if result.shape() == [1] { result.squeeze(0) } else { result }
            }

            fn reset(&self) -> Result<()> {
                reset_states(&[&self.true_positives, &self.other])
            }
        }
    )*};
}

ratios! {
    /// Of what is predicted as 1, how much is; 0 where nothing is predicted as 1.
    ///
    /// # Reference
    /// `keras.metrics.Precision`
    Precision "precision" "false_positives" (false, true);

    /// Of what is 1, how much is predicted as 1; 0 where nothing is.
    ///
    /// # Reference
    /// `keras.metrics.Recall`
    Recall "recall" "false_negatives" (true, false);
}

/// How often each class (row) is predicted as each class (column): `i32[classes, classes]`, or of the dtype of the weights.
///
/// # Shape
/// truth and prediction are classes, `[samples]`, and so are the weights.
///
/// # Numerics
/// What is of no class from 0 to `classes − 1` is dropped.
///
/// # Reference
/// `tf.math.confusion_matrix`
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::metrics::confusion_matrix;
/// let matrix = confusion_matrix(&tensor([0i32, 1, 1]), &tensor([0i32, 0, 1]), 2, None);
/// assert_eq!(matrix.to_vec::<i32>()?, [1, 0, 1, 1]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
#[track_caller]
pub fn confusion_matrix(truth: &Tensor, prediction: &Tensor, classes: usize, weights: Option<&Tensor>) -> Tensor {
    let [left, right] = fit_exactly("confusion_matrix", truth, prediction);
    if left.check().is_err() {
        return left;
    }
    let rank = left.rank();
    if rank != 1 {
        let shape = right.shape();
        return Tensor::from_error(Error::new(format!("confusion_matrix: takes classes [samples], not {shape}")));
    }
    let places = stack([left.to(DType::I64), right.to(DType::I64)], -1);
    let counts = match weights {
        None => full(1i32, left.shape()),
        Some(weights) => fit_weights("confusion_matrix", weights, &left.to(weights.dtype())),
    };
    tensor_scatter_nd_add(zeros(counts.dtype(), [classes, classes]), places, counts)
}

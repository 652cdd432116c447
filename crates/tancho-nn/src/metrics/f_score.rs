//! The harmonic mean of precision and recall.

use tancho_core::{DType, Error, Result, Tensor, Variable, full, keep};

use super::Metric;
use super::mean::{reset_states, state, visit_states};
use crate::layer::Build;
use crate::losses::fit::{EPSILON, fit_exactly, fit_weights};
use crate::module::{Module, Parts};

/// How the scores of the classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Average {
    /// They do not: the result has one number for each class, `f32[classes]`.
    #[default]
    None,
    /// The score of the counts of all classes together.
    Micro,
    /// The mean of the scores.
    Macro,
    /// The mean of the scores, weighted by how often each class is true.
    Weighted,
}

/// `(1 + β²) · precision · recall / (β² · precision + recall)` for each class.
///
/// # Shape
/// `[batch, classes]` and the same; the number of classes must be known while tracing.
///
/// # Reference
/// `keras.metrics.FBetaScore`
pub struct FBetaScore {
    name: String,
    beta: f64,
    average: Average,
    threshold: Option<f64>,
    counts: Build<Counts>,
}

struct Counts {
    true_positives: Variable,
    false_positives: Variable,
    false_negatives: Variable,
    /// How much of each class is true.
    intermediate_weights: Variable,
}

impl Counts {
    fn all(&self) -> [&Variable; 4] {
        [&self.true_positives, &self.false_positives, &self.false_negatives, &self.intermediate_weights]
    }
}

/// [`FBetaScore`] with β = 1, under the name `f1_score`.
///
/// # Reference
/// `keras.metrics.F1Score`
pub fn f1_score() -> FBetaScore {
    FBetaScore::new().named("f1_score")
}

impl FBetaScore {
    /// With β = 1; a sample's prediction is the class of its largest element.
    pub fn new() -> Self {
        FBetaScore {
            name: "fbeta_score".to_owned(),
            beta: 1.0,
            average: Average::None,
            threshold: None,
            counts: Build::new(),
        }
    }

    /// The metric under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// How many times as much recall matters as precision.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    pub fn average(mut self, average: Average) -> Self {
        self.average = average;
        self
    }

    /// Each element above it is predicted, instead of the largest of each sample.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }

    #[track_caller]
    fn counts(&self, prediction: &Tensor) -> Result<&Counts> {
        let shape = prediction.try_shape()?;
        let classes = match (shape.rank(), shape.size(-1).as_known()) {
            (2, Some(classes)) => classes,
            _ => {
                let message = format!(
                    "{}: takes predictions [batch, classes], with a known number of classes, not {shape}",
                    self.name
                );
                return Err(Error::new(message));
            }
        };
        self.counts.get_or_make(|| {
            let zeros = match self.average {
                Average::Micro => full(0.0f32, ()),
                Average::None | Average::Macro | Average::Weighted => full(0.0f32, [classes]),
            };
            Ok(Counts {
                true_positives: state("true_positives", zeros.clone()),
                false_positives: state("false_positives", zeros.clone()),
                false_negatives: state("false_negatives", zeros.clone()),
                intermediate_weights: state("intermediate_weights", zeros),
            })
        })
    }

    /// The weighted sum over the samples, or over everything.
    #[track_caller]
    fn sum(&self, values: Tensor, weights: Option<&Tensor>) -> Tensor {
        let values = match weights {
            Some(weights) => &values * fit_weights(&self.name, weights, &values),
            None => values,
        };
        match self.average {
            Average::Micro => values.sum(..),
            Average::None | Average::Macro | Average::Weighted => values.sum(0),
        }
    }
}

impl Default for FBetaScore {
    fn default() -> Self {
        FBetaScore::new()
    }
}

impl Module for FBetaScore {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(counts) = self.counts.get() {
            let names = ["true_positives", "false_positives", "false_negatives", "intermediate_weights"];
            for (name, count) in names.iter().zip(counts.all()) {
                visit_states(parts, &[(name, count)]);
            }
        }
    }
}

impl Metric for FBetaScore {
    fn name(&self) -> &str {
        &self.name
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let [truth, prediction] = fit_exactly(&self.name, truth, prediction);
        let counts = self.counts(&prediction)?;
        let decided = match self.threshold {
            Some(threshold) => prediction.gt(threshold),
            // Where all are 0, none is predicted.
            None => prediction.ge(prediction.max(keep(-1))) & prediction.abs().gt(1e-9),
        };
        let [decided, truth] = [decided.to(DType::F32), truth.to(DType::F32)];
        let true_positives = self.sum(&decided * &truth, weights);
        let false_positives = self.sum(&decided * (-&truth + 1.0), weights);
        let false_negatives = self.sum((-decided + 1.0) * &truth, weights);
        let true_weights = self.sum(truth, weights);
        true_positives.check()?;
        counts.true_positives.assign_add(true_positives)?;
        counts.false_positives.assign_add(false_positives)?;
        counts.false_negatives.assign_add(false_negatives)?;
        counts.intermediate_weights.assign_add(true_weights)
    }

    /// The score; 0 before the first update.
    #[track_caller]
    fn result(&self) -> Tensor {
        let Some(counts) = self.counts.get() else {
            return full(0.0f32, ());
        };
        let true_positives = counts.true_positives.read();
        let precision = &true_positives / (&true_positives + counts.false_positives.read() + EPSILON);
        let recall = &true_positives / (&true_positives + counts.false_negatives.read() + EPSILON);
        let square = self.beta * self.beta;
        let score = &precision * &recall / (precision * square + recall + EPSILON) * (1.0 + square);
        match self.average {
            Average::None => score,
            Average::Micro | Average::Macro => score.mean(..),
            Average::Weighted => {
                let weights = counts.intermediate_weights.read();
                let sum = weights.sum(..) + EPSILON;
                (score * (weights / sum)).sum(..)
            }
        }
    }

    fn reset(&self) -> Result<()> {
        match self.counts.get() {
            Some(counts) => reset_states(&counts.all()),
            None => Ok(()),
        }
    }
}

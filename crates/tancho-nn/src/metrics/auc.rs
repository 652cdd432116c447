//! The area under a curve of decisions, approximated by counts at thresholds.
//!
//! Thresholds divide the predictions into buckets. With evenly spaced ones the bucket of a prediction is computed, and the
//! weights of each bucket are summed; what is above a threshold is then the sum of the buckets from there on. So a batch
//! costs its size and the number of thresholds, not their product.

use tancho_core::{DType, Result, Tensor, Variable, full, segment_sum, select};

use super::Metric;
use super::confusion::Decisions;
use super::mean::{divide_no_nan, reset_states, state, visit_states};
use crate::losses::fit::EPSILON;
use crate::module::{Module, Parts};

/// The curve whose area is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AucCurve {
    /// True positives by false positives.
    #[default]
    Roc,
    /// Precision by recall.
    Pr,
}

/// How the area between two thresholds is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AucSummation {
    /// By trapezoids; for the precision-recall curve as Davis and Goadrich interpolate, where the precision is no line.
    #[default]
    Interpolation,
    /// By the smaller height.
    Minoring,
    /// By the larger height.
    Majoring,
}

/// The area under a curve. Predictions are probabilities, and truths are 0 or 1.
///
/// # Reference
/// `keras.metrics.AUC`; Davis, Goadrich: The Relationship Between Precision-Recall and ROC Curves, 2006.
pub struct Auc {
    name: String,
    curve: AucCurve,
    summation: AucSummation,
    from_logits: bool,
    /// Between 0 and 1, where they are given; else they are evenly spaced.
    inner_thresholds: Option<Vec<f64>>,
    n_thresholds: usize,
    true_positives: Variable,
    false_positives: Variable,
    true_negatives: Variable,
    false_negatives: Variable,
}

impl Auc {
    /// The area under the ROC curve, with 200 thresholds.
    #[track_caller]
    pub fn new() -> Self {
        let [true_positives, false_positives, true_negatives, false_negatives] = states(200);
        Auc {
            name: "auc".to_owned(),
            curve: AucCurve::default(),
            summation: AucSummation::default(),
            from_logits: false,
            inner_thresholds: None,
            n_thresholds: 200,
            true_positives,
            false_positives,
            true_negatives,
            false_negatives,
        }
    }

    /// The metric under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    pub fn curve(mut self, curve: AucCurve) -> Self {
        self.curve = curve;
        self
    }

    pub fn summation(mut self, summation: AucSummation) -> Self {
        self.summation = summation;
        self
    }

    /// The predictions are numbers before a sigmoid.
    pub fn from_logits(mut self) -> Self {
        self.from_logits = true;
        self
    }

    /// The number of thresholds, which are evenly spaced from 0 to 1; at least 2.
    #[track_caller]
    pub fn num_thresholds(mut self, number: usize) -> Self {
        self.inner_thresholds = None;
        self.resized(number.max(2))
    }

    /// These thresholds, with one below 0 and one above 1.
    #[track_caller]
    pub fn thresholds(mut self, thresholds: impl Into<Vec<f64>>) -> Self {
        let mut inner = thresholds.into();
        inner.sort_by(f64::total_cmp);
        let number = inner.len() + 2;
        self.inner_thresholds = Some(inner);
        self.resized(number)
    }

    #[track_caller]
    fn resized(mut self, number: usize) -> Self {
        self.n_thresholds = number;
        [self.true_positives, self.false_positives, self.true_negatives, self.false_negatives] = states(number);
        self
    }

    fn states(&self) -> [&Variable; 4] {
        [&self.true_positives, &self.false_positives, &self.true_negatives, &self.false_negatives]
    }

    /// The weights of the true and of the false decisions above each threshold.
    #[track_caller]
    fn above(&self, decisions: &Decisions) -> [Tensor; 2] {
        if let Some(inner) = &self.inner_thresholds {
            let ends = [-EPSILON, 1.0 + EPSILON];
            let all = ends[..1].iter().chain(inner).chain(&ends[1..]);
            let thresholds: Vec<f32> = all.map(|&threshold| threshold as f32).collect();
            return [decisions.count(&thresholds, true, true), decisions.count(&thresholds, false, true)];
        }
        let last = (self.n_thresholds - 1) as f64;
        // A prediction at a threshold is not above it. All are above the first, which is below 0.
        let bucket = (decisions.prediction.clamp(0.0, 1.0) * last).ceil() - 1.0;
        let bucket = bucket.maximum(0.0).to(DType::I32);
        let yes = &decisions.truth * &decisions.weights;
        let no = (-&decisions.truth + 1.0) * &decisions.weights;
        [self.sums_from_bucket_on(yes, &bucket), self.sums_from_bucket_on(no, &bucket)]
    }

    #[track_caller]
    fn sums_from_bucket_on(&self, weights: Tensor, bucket: &Tensor) -> Tensor {
        segment_sum(weights, bucket, self.n_thresholds).flip(0).cumsum(0).flip(0)
    }

    /// The area under the curve of precision by recall, where between two thresholds the true positives grow linearly with
    /// the positives.
    #[track_caller]
    fn interpolated_precision(&self) -> Tensor {
        let true_positives = self.true_positives.read();
        let positives = &true_positives + self.false_positives.read();
        let [upper, next] = pair(&true_positives);
        let [upper_positives, next_positives] = pair(&positives);
        let difference = upper - &next;
        let slope = divide_no_nan(&difference, &(&upper_positives - &next_positives).maximum(0.0));
        let intercept = &next - &slope * &next_positives;
        let is_safe = upper_positives.gt(0.0) & next_positives.gt(0.0);
        let ratio = select(is_safe, divide_no_nan(&upper_positives, &next_positives.maximum(0.0)), 1.0);
        let area = slope * (difference + intercept * ratio.log());
        let [_, missed] = pair(&self.false_negatives.read());
        divide_no_nan(&area, &(next + missed).maximum(0.0)).sum(..)
    }
}

impl Default for Auc {
    fn default() -> Self {
        Auc::new()
    }
}

impl Module for Auc {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        let names = ["true_positives", "false_positives", "true_negatives", "false_negatives"];
        for (name, state) in names.iter().zip(self.states()) {
            visit_states(parts, &[(name, state)]);
        }
    }
}

impl Metric for Auc {
    fn name(&self) -> &str {
        &self.name
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let decisions = if self.from_logits {
            Decisions::new(&self.name, truth, &prediction.sigmoid(), weights)?
        } else {
            Decisions::new(&self.name, truth, prediction, weights)?
        };
        let [true_positives, false_positives] = self.above(&decisions);
        let yes = (&decisions.truth * &decisions.weights).sum(..);
        let no = ((-&decisions.truth + 1.0) * &decisions.weights).sum(..);
        true_positives.check()?;
        false_positives.check()?;
        self.false_negatives.assign_add(yes - &true_positives)?;
        self.true_negatives.assign_add(no - &false_positives)?;
        self.true_positives.assign_add(true_positives)?;
        self.false_positives.assign_add(false_positives)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        let true_positives = self.true_positives.read();
        let recall = divide_no_nan(&true_positives, &(&true_positives + self.false_negatives.read()));
        let [x, y] = match (self.curve, self.summation) {
            (AucCurve::Pr, AucSummation::Interpolation) => return self.interpolated_precision(),
            (AucCurve::Roc, _) => {
                let false_positives = self.false_positives.read();
                let negatives = &false_positives + self.true_negatives.read();
                [divide_no_nan(&false_positives, &negatives), recall]
            }
            (AucCurve::Pr, AucSummation::Minoring | AucSummation::Majoring) => {
                let positives = &true_positives + self.false_positives.read();
                [recall, divide_no_nan(&true_positives, &positives)]
            }
        };
        let [[x, next_x], [y, next_y]] = [pair(&x), pair(&y)];
        let heights = match self.summation {
            AucSummation::Interpolation => (y + next_y) * 0.5,
            AucSummation::Minoring => y.minimum(next_y),
            AucSummation::Majoring => y.maximum(next_y),
        };
        ((x - next_x) * heights).sum(..)
    }

    fn reset(&self) -> Result<()> {
        reset_states(&self.states())
    }
}

#[track_caller]
fn states(number: usize) -> [Variable; 4] {
    let zeros = full(0.0f32, [number]);
    [
        state("true_positives", zeros.clone()),
        state("false_positives", zeros.clone()),
        state("true_negatives", zeros.clone()),
        state("false_negatives", zeros),
    ]
}

/// The elements at each threshold but the last, and those at the one that follows it.
#[track_caller]
fn pair(x: &Tensor) -> [Tensor; 2] {
    [x.slice(..-1i64), x.slice(1i64..)]
}

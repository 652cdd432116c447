//! Means: a sum of values and a sum of their weights, and the metrics whose number is the mean of a loss.
//!
//! As in Keras, a sample has one value: the mean over its further axes. Without weights each sample has the weight 1.

use tancho_core::{DType, Result, Tensor, Variable, full, select, tensor};

use super::Metric;
use crate::losses::Loss;
use crate::losses::fit::{fit_weights, squeeze_or_expand};
use crate::module::{Module, Parts};

/// The weighted mean of all values so far; 0 of none.
///
/// As a [`Metric`] it is the mean of the predictions; the truth is not looked at.
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::metrics::{Mean, Metric};
/// let mean = Mean::new().named("loss");
/// mean.add(&tensor([1.0f32, 2.0]), None)?;
/// mean.add(&tensor([9.0f32]), Some(&tensor([2.0f32])))?;
/// assert_eq!(mean.result().item::<f32>()?, 5.25);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Reference
/// `keras.metrics.Mean`
pub struct Mean {
    name: String,
    total: Variable,
    count: Variable,
}

impl Mean {
    #[track_caller]
    pub fn new() -> Self {
        Mean { name: "mean".to_owned(), total: state("total", zero()), count: state("count", zero()) }
    }

    /// The metric under another name.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Adds values `[samples, …]`, or one value; weights are `[samples]`, or have more of the values' axes.
    ///
    /// # Errors
    /// A tensor carries an error, or the weights do not fit the values.
    #[track_caller]
    pub fn add(&self, values: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let mut values = values.to(DType::F32);
        values.check()?;
        let count = match weights {
            None => full(if values.rank() > 0 { values.shape().size(0) } else { 1usize.into() }, ()).to(DType::F32),
            Some(weights) => {
                let [fitting, weights] = squeeze_or_expand(&values, &weights.to(DType::F32));
                values = mean_beyond(&fitting, weights.rank());
                let weights = fit_weights(&self.name, &weights, &values);
                values *= &weights;
                mean_beyond(&weights, 1).sum(..)
            }
        };
        let total = mean_beyond(&values, 1).sum(..);
        // Both are known to be good before the first is changed.
        total.check()?;
        count.check()?;
        self.total.assign_add(total)?;
        self.count.assign_add(count)
    }
}

impl Default for Mean {
    fn default() -> Self {
        Mean::new()
    }
}

impl Module for Mean {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        visit_states(parts, &[("total", &self.total), ("count", &self.count)]);
    }
}

impl Metric for Mean {
    fn name(&self) -> &str {
        &self.name
    }

    #[track_caller]
    fn update(&self, _: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.add(prediction, weights)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        divide_no_nan(&self.total.read(), &self.count.read())
    }

    fn reset(&self) -> Result<()> {
        reset_states(&[&self.total, &self.count])
    }
}

/// The mean of a loss, or of another function of truth and prediction, as a metric.
///
/// # Reference
/// `keras.metrics.MeanMetricWrapper`
pub struct MeanOf {
    values: Box<dyn Loss>,
    mean: Mean,
}

impl MeanOf {
    /// A metric of this name.
    #[track_caller]
    pub fn new(name: &str, values: impl Loss) -> Self {
        MeanOf { values: Box::new(values), mean: Mean::new().named(name) }
    }
}

impl Module for MeanOf {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.mean.visit_parts(parts);
    }
}

impl Metric for MeanOf {
    fn name(&self) -> &str {
        self.mean.name()
    }

    #[track_caller]
    fn update(&self, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        self.mean.add(&self.values.losses(truth, prediction), weights)
    }

    #[track_caller]
    fn result(&self) -> Tensor {
        self.mean.result()
    }

    fn reset(&self) -> Result<()> {
        self.mean.reset()
    }
}

/// Metrics that are the mean of a function of truth, prediction and options. Each has a builder method for its name and for
/// each option.
macro_rules! mean_metrics {
    ($($(#[$doc:meta])* $Metric:ident $name:literal
        { $($(#[$option_doc:meta])* $option:ident: $Of:ty = $default:expr)? } $values:path;)*) => {$(
        $(#[$doc])*
        pub struct $Metric {
            mean: $crate::metrics::Mean,
            $($option: $Of,)?
        }

        impl $Metric {
            #[track_caller]
            pub fn new() -> Self {
                $Metric { mean: $crate::metrics::Mean::new().named($name), $($option: $default,)? }
            }

            /// The metric under another name.
            pub fn named(mut self, name: &str) -> Self {
                self.mean = self.mean.named(name);
                self
            }

            $(
                $(#[$option_doc])*
                pub fn $option(mut self, $option: $Of) -> Self {
                    self.$option = $option;
                    self
                }
            )?
        }

        impl Default for $Metric {
            fn default() -> Self {
                $Metric::new()
            }
        }

        impl $crate::module::Module for $Metric {
            fn visit_parts<'a>(&'a self, parts: &mut dyn $crate::module::Parts<'a>) {
                self.mean.visit_parts(parts);
            }
        }

        impl $crate::metrics::Metric for $Metric {
            fn name(&self) -> &str {
                self.mean.name()
            }

            #[track_caller]
            fn update(
                &self,
                truth: &tancho_core::Tensor,
                prediction: &tancho_core::Tensor,
                weights: Option<&tancho_core::Tensor>,
            ) -> tancho_core::Result<()> {
                self.mean.add(&$values(truth, prediction $(, self.$option)?), weights)
            }

            #[track_caller]
            fn result(&self) -> tancho_core::Tensor {
                self.mean.result()
            }

            fn reset(&self) -> tancho_core::Result<()> {
                self.mean.reset()
            }
        }
    )*};
}
pub(super) use mean_metrics;

/// A variable of a metric, which no tape watches.
#[track_caller]
pub(super) fn state(name: &str, value: Tensor) -> Variable {
    Variable::new(value).named(name).not_trainable()
}

pub(super) fn visit_states<'a>(parts: &mut dyn Parts<'a>, states: &[(&str, &'a Variable)]) {
    for (name, state) in states {
        parts.enter(name);
        state.visit_parts(parts);
        parts.leave();
    }
}

#[track_caller]
pub(super) fn reset_states(states: &[&Variable]) -> Result<()> {
    for state in states {
        state.assign(full(0.0f32, state.try_shape()?))?;
    }
    Ok(())
}

/// The quotient; 0 where the divisor is 0.
#[track_caller]
pub(super) fn divide_no_nan(x: &Tensor, y: &Tensor) -> Tensor {
    let is_zero = y.eq(0.0);
    select(&is_zero, 0.0, x / select(&is_zero, 1.0, y))
}

#[track_caller]
fn zero() -> Tensor {
    tensor(0.0f32)
}

/// The mean over the axes after the first so many.
#[track_caller]
fn mean_beyond(x: &Tensor, n_axes: usize) -> Tensor {
    if x.rank() > n_axes { x.mean((n_axes..x.rank()).collect::<Vec<usize>>()) } else { x.clone() }
}

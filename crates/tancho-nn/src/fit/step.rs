//! The compiled functions of a trainer: one step of training, one of evaluation, and prediction.
//!
//! Each is one traced function, so that forward pass, loss, gradient, update and metrics are one program. It is traced for
//! a number of samples that varies: a last batch that is smaller needs no trace of its own. A model that cannot be traced
//! so, since it asks for the number of its samples, is traced for each number.

use std::sync::{Arc, Mutex, PoisonError};

use tancho_core::{
    DType, Dim, Function, GradientTape, Result, SpecSize, Tensor, Variable, full, function, spec, tensor,
};

use super::batches::Batch;
use crate::layer::{Layer, Mode};
use crate::losses::fit::squeeze_or_expand;
use crate::losses::{Loss, mean_loss};
use crate::metrics::Metric;
use crate::module::NamedVariable;
use crate::optimizers::Optimizer;

/// What a trainer is made of.
pub(super) struct Inner<M> {
    pub(super) model: M,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) loss: Box<dyn Loss>,
    pub(super) metrics: Vec<Box<dyn Metric>>,
    pub(super) weighted_metrics: Vec<Box<dyn Metric>>,
    pub(super) mean_loss: MeanLoss,
}

/// The mean of the loss over samples: each batch counts by its size.
///
/// # Reference
/// `keras.metrics.Mean`, as `keras.Model.fit` uses it
pub(super) struct MeanLoss {
    total: Variable,
    count: Variable,
}

impl MeanLoss {
    pub(super) fn new() -> Self {
        let variable = |name| Variable::new(tensor(0.0f32)).named(name).not_trainable();
        MeanLoss { total: variable("total"), count: variable("count") }
    }

    #[track_caller]
    fn update(&self, loss: &Tensor, samples: &Dim) -> Result<Tensor> {
        let samples = full(samples, ()).to(DType::F32);
        self.total.assign_add(loss.to(DType::F32) * &samples)?;
        self.count.assign_add(samples)?;
        Ok(&self.total / &self.count)
    }

    fn reset(&self) -> Result<()> {
        self.total.assign(0.0f32)?;
        self.count.assign(0.0f32)
    }
}

impl<M: Layer> Inner<M> {
    /// The names of what a step gives behind the loss of the batch, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once("loss").chain(self.all_metrics().map(|metric| metric.name()))
    }

    fn all_metrics(&self) -> impl Iterator<Item = &Box<dyn Metric>> {
        self.metrics.iter().chain(&self.weighted_metrics)
    }

    pub(super) fn reset_metrics(&self) -> Result<()> {
        self.mean_loss.reset()?;
        self.all_metrics().try_for_each(|metric| metric.reset())
    }

    /// Every variable that a step may read or change, once.
    pub(super) fn all_variables(&self) -> Vec<NamedVariable> {
        let mut found: Vec<NamedVariable> = self.model.named_variables();
        found.extend(self.optimizer.named_variables());
        for metric in self.all_metrics() {
            found.extend(metric.named_variables());
        }
        for variable in [&self.mean_loss.total, &self.mean_loss.count] {
            found.push(NamedVariable { name: variable.name().to_owned(), variable: variable.clone() });
        }
        let mut once: Vec<NamedVariable> = Vec::new();
        for named in found {
            if !once.iter().any(|known| known.variable.is_same(&named.variable)) {
                once.push(named);
            }
        }
        once
    }

    #[track_caller]
    pub(super) fn train(&self, x: &Tensor, y: &Tensor, weights: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let tape = GradientTape::new();
        let prediction = self.model.call(x, Mode::Train);
        let loss = self.loss_of(y, &prediction, weights);
        let variables = self.model.trainable_variables();
        let found = tape.gradient_or_none(&loss, &variables);
        let (mut gradients, mut changed) = (Vec::new(), Vec::new());
        for (gradient, variable) in found.into_iter().zip(variables) {
            match gradient {
                Some(gradient) => {
                    gradients.push(gradient);
                    changed.push(variable);
                }
                None => log::warn!("the loss does not depend on {}, which stays as it is", variable.name()),
            }
        }
        loss.check()?;
        if !changed.is_empty() {
            self.optimizer.apply(&gradients, &changed)?;
        }
        self.report(loss, y, &prediction, weights)
    }

    #[track_caller]
    fn test(&self, x: &Tensor, y: &Tensor, weights: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let prediction = self.model.call(x, Mode::Eval);
        let loss = self.loss_of(y, &prediction, weights);
        self.report(loss, y, &prediction, weights)
    }

    /// The loss of a batch: the mean over its samples, each with its weight, and what the regularizers add.
    fn loss_of(&self, y: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Tensor {
        let [truth, prediction] = squeeze_or_expand(y, prediction);
        let loss = mean_loss(&*self.loss, &truth, &prediction, weights);
        match self.model.penalty() {
            Some(penalty) => &loss + penalty.to(loss.dtype()),
            None => loss,
        }
    }

    /// The loss of the batch, the mean loss so far, and what each metric is so far.
    fn report(&self, loss: Tensor, y: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Result<Vec<Tensor>> {
        let mean = self.mean_loss.update(&loss, &y.try_shape()?.size(0))?;
        let mut found = vec![loss, mean];
        for metric in &self.metrics {
            metric.update(y, prediction, None)?;
            found.push(metric.result());
        }
        for metric in &self.weighted_metrics {
            metric.update(y, prediction, weights)?;
            found.push(metric.result());
        }
        Ok(found)
    }
}

pub(super) type Arguments = (Tensor, Tensor, Option<Tensor>);
type Body<Args, Out> = Arc<dyn Fn(Args) -> Result<Out> + Send + Sync>;

/// A traced function of tensors whose first axis is that of samples.
pub(super) struct Step<Args, Out> {
    /// The traces for any number of samples.
    general: Function<'static, (Args,), Out>,
    /// Those for one number each, of models that need it.
    exact: Function<'static, (Args,), Out>,
    known: Mutex<Vec<Known>>,
}

/// The dtype and sizes behind the first of each tensor, and whether its function is the general one.
struct Known {
    types: Vec<(DType, Vec<Dim>)>,
    is_general: bool,
}

/// What a step is called with.
pub(super) trait Samples: tancho_core::Tree + Clone {
    fn tensors(&self) -> Vec<&Tensor>;

    /// The same with other tensors.
    fn map(&self, of: &dyn Fn(&Tensor) -> Tensor) -> Self;
}

impl Samples for Tensor {
    fn tensors(&self) -> Vec<&Tensor> {
        vec![self]
    }

    fn map(&self, of: &dyn Fn(&Tensor) -> Tensor) -> Self {
        of(self)
    }
}

impl Samples for Arguments {
    fn tensors(&self) -> Vec<&Tensor> {
        [&self.0, &self.1].into_iter().chain(&self.2).collect()
    }

    fn map(&self, of: &dyn Fn(&Tensor) -> Tensor) -> Self {
        (of(&self.0), of(&self.1), self.2.as_ref().map(of))
    }
}

impl<Args: Samples, Out: tancho_core::Tree> Step<Args, Out> {
    fn new(name: &str, body: Body<Args, Out>) -> Self {
        let other = body.clone();
        Step {
            general: function(move |arguments: Args| body(arguments)).with_name(name),
            exact: function(move |arguments: Args| other(arguments)).with_name(name),
            known: Mutex::new(Vec::new()),
        }
    }

    #[track_caller]
    pub(super) fn call(&self, arguments: Args) -> Result<Out> {
        self.function_for(&arguments)?.call(arguments)
    }

    /// Traces what serves arguments, so that every variable of the step is made.
    #[track_caller]
    pub(super) fn prepare(&self, arguments: &Args) -> Result<()> {
        // The general function was traced where it was chosen.
        if std::ptr::eq(self.function_for(arguments)?, &self.exact) {
            self.exact.concrete(arguments)?;
        }
        Ok(())
    }

    /// The function that serves arguments.
    #[track_caller]
    fn function_for(&self, arguments: &Args) -> Result<&Function<'static, (Args,), Out>> {
        let mut types = Vec::new();
        for tensor in arguments.tensors() {
            let shape = tensor.try_shape()?;
            types.push((tensor.try_dtype()?, shape.dims().get(1..).unwrap_or_default().to_vec()));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_general = match known.iter().find(|known| known.types == types) {
            Some(known) => known.is_general,
            None => {
                let placeholders = arguments.map(&with_any_number);
                let is_general = match self.general.concrete(placeholders) {
                    Ok(_) => true,
                    Err(error) => {
                        log::debug!("a trace for each number of samples, since one for all cannot be had: {error}");
                        false
                    }
                };
                known.push(Known { types, is_general });
                is_general
            }
        };
        Ok(if is_general { &self.general } else { &self.exact })
    }

    pub(super) fn tracing_count(&self) -> usize {
        self.general.tracing_count() + self.exact.tracing_count()
    }
}

/// What stands for a tensor of any number of samples.
fn with_any_number(tensor: &Tensor) -> Tensor {
    let shape = tensor.shape();
    let sizes = shape.dims().iter().enumerate().map(|(axis, size)| {
        let size = if axis == 0 { Dim::symbol("batch") } else { size.clone() };
        SpecSize::from(size)
    });
    spec(tensor.dtype(), sizes.collect::<Vec<_>>()).placeholder()
}

/// The functions of a trainer.
pub(super) struct Steps {
    pub(super) train: Step<Arguments, Vec<Tensor>>,
    pub(super) test: Step<Arguments, Vec<Tensor>>,
    pub(super) predict: Step<Tensor, Tensor>,
}

impl Steps {
    pub(super) fn new<M: Layer>(inner: &Arc<Inner<M>>) -> Self {
        let (train, test, predict) = (inner.clone(), inner.clone(), inner.clone());
        Steps {
            train: Step::new(
                "train_step",
                Arc::new(move |(x, y, weights): Arguments| train.train(&x, &y, weights.as_ref())),
            ),
            test: Step::new(
                "test_step",
                Arc::new(move |(x, y, weights): Arguments| test.test(&x, &y, weights.as_ref())),
            ),
            predict: Step::new(
                "predict_step",
                Arc::new(move |x: Tensor| {
                    let prediction = predict.model.call(&x, Mode::Eval);
                    prediction.check().map(|()| prediction)
                }),
            ),
        }
    }
}

impl From<Batch> for Arguments {
    fn from(batch: Batch) -> Self {
        (batch.x, batch.y, batch.weights)
    }
}

//! Batches: a function of one element as a function of many.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use tancho_ir::TensorType;

use super::region::{leaf_types, trace_function};
use super::{ArgumentList, Transform, call_cached, own};
use crate::arguments::Arguments;
use crate::axes::resolve_axis;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::tape::diff_error;
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, unflatten};

/// The function that does for each element of a batch what a function does for one: all arguments have a new leading axis,
/// and so has every result.
///
/// It is not a loop: each operation becomes one over the whole batch.
///
/// ```
/// # use tancho_core::{Tensor, Transform, tensor, vmap};
/// let products = vmap(|x: Tensor, y: Tensor| (x * y).sum(..)).axes(&[Some(0), None]);
/// let x = tensor([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// assert_eq!(products.call((x, tensor([1.0f32, 10.0])))?.to_vec::<f32>()?, [21.0, 43.0, 65.0]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Errors
/// The sizes of the axes differ; no argument has one; the function assigns a variable, or cannot be batched.
#[track_caller]
pub fn vmap<Args, F: Trace<Args>>(function: F) -> Vmap<F, Args, F::Out> {
    Vmap { function, axes: None, cache: Cache::named("vmap"), made: Location::caller(), arguments: PhantomData }
}

/// What [`vmap`] gives.
pub struct Vmap<F, Args, Out> {
    function: F,
    axes: Option<Vec<Option<i64>>>,
    cache: Cache<Out>,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<F, Args, Out> Vmap<F, Args, Out> {
    /// For each argument the axis along which the batch lies in its tensors; none for what all elements share.
    pub fn axes(self, axes: &[Option<i64>]) -> Self {
        Vmap { axes: Some(axes.to_vec()), cache: Cache::named("vmap"), ..self }
    }
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Transform<Args> for Vmap<F, Args, Out> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        if trace::is_active() {
            return self.trace(own(&arguments)).inspect_err(trace::record_error);
        }
        self.cache.call(self, arguments, Location::caller())
    }
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Trace<Args> for Vmap<F, Args, Out> {
    type Out = Out;

    fn trace(&self, arguments: Args) -> Result<Out> {
        if !trace::is_active() {
            return call_cached(&self.cache, self, arguments, self.made);
        }
        batch(&self.function, self.axes.as_deref(), &arguments, self.made)
    }
}

fn batch<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>>(
    function: &F,
    axes: Option<&[Option<i64>]>,
    arguments: &Args,
    location: &'static Location<'static>,
) -> Result<Out> {
    let fault = |message: String| Error::at(ErrorKind::Op { op: "vmap", message }, location);
    let by_argument = arguments.leaves();
    if let Some(axes) = axes
        && axes.len() != by_argument.len()
    {
        return Err(fault(format!("{} axes are given for {} arguments", axes.len(), by_argument.len())));
    }
    let mut leaves = Vec::new();
    let mut batched = Vec::new();
    for (argument, tensors) in by_argument.into_iter().enumerate() {
        let axis = axes.map_or(Some(0), |axes| axes[argument]);
        for tensor in tensors {
            tensor.check()?;
            leaves.push(match axis {
                None => tensor,
                Some(axis) => {
                    let place = resolve_axis(axis, tensor.rank()).map_err(|error| fault(error.0))?;
                    let order: Vec<usize> =
                        [place].into_iter().chain((0..tensor.rank()).filter(|&x| x != place)).collect();
                    if place == 0 { tensor } else { tensor.transpose(&order[..]) }
                }
            });
            batched.push(axis.is_some());
        }
    }
    let types = leaf_types("vmap", &leaves, location)?;
    let first = batched.iter().position(|&batched| batched).ok_or_else(|| fault("no argument has a batch".into()))?;
    let size = types[first].dims[0].clone();
    for (of, _) in types.iter().zip(&batched).filter(|(_, batched)| **batched) {
        if of.dims[0].always_equals(&size) == Some(false) {
            return Err(fault(format!("the sizes of the batch differ: {size} and {}", of.dims[0])));
        }
        trace::require_equal(&of.dims[0], &size, location);
    }
    let elements = types
        .iter()
        .zip(&batched)
        .map(|(of, &batched)| {
            let dims = if batched { of.dims[1..].iter().cloned().collect() } else { of.dims.clone() };
            TensorType { dtype: of.dtype, dims }
        })
        .collect();
    let traced = trace_function("vmap", function, arguments, elements, location)?;
    let graph = traced.callee.graph();
    batched.resize(graph.parameter_count(), false);
    let derived = tancho_autodiff::batch(graph, &size, &batched).map_err(|error| diff_error(error, location))?;
    let own: Vec<&Tensor> = leaves.iter().collect();
    let results = traced.callee.stage_as("vmap", &Arc::new(derived), &own, location)?;
    unflatten(&traced.out, results)
}

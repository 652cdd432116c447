//! How a function's gradient is computed: by computing the function again, or by a function of the user's.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use tancho_ir::ops::CallGradient;

use super::region::{float_places, leaf_types, trace_function, zeros_like};
use super::{ArgumentList, Transform, call_cached, own};
use crate::arguments::Arguments;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::region::{Callee, OpenRegion};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, flatten, unflatten};

/// The function with a gradient that computes it again, in the place of keeping what is between arguments and results:
/// less memory for more work.
///
/// # Errors
/// The function assigns a variable.
#[track_caller]
pub fn checkpoint<Args, F: Trace<Args>>(function: F) -> Checkpointed<F, Args, F::Out> {
    Checkpointed { function, cache: Cache::named("checkpoint"), made: Location::caller(), arguments: PhantomData }
}

/// What [`checkpoint`] gives.
pub struct Checkpointed<F, Args, Out> {
    function: F,
    cache: Cache<Out>,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Trace<Args> for Checkpointed<F, Args, Out> {
    type Out = Out;

    fn trace(&self, arguments: Args) -> Result<Out> {
        let location = self.made;
        if !trace::is_active() {
            return call_cached(&self.cache, self, arguments, location);
        }
        let leaves: Vec<Tensor> = arguments.leaves().into_iter().flatten().collect();
        let types = leaf_types("checkpoint", &leaves, location)?;
        let traced = trace_function("checkpoint", &self.function, &arguments, types, location)?;
        let own: Vec<&Tensor> = leaves.iter().collect();
        let results = traced.callee.stage_with("checkpoint", CallGradient::Recompute, &own, location)?;
        unflatten(&traced.out, results)
    }
}

/// The function with a gradient of the user's: `backward` takes the arguments, as a tuple, and the weights of the result, and
/// gives the gradients by the arguments, in their structure.
///
/// ```
/// # use tancho_core::{Tensor, Transform, custom_gradient, grad, tensor};
/// // The gradient is cut to one at most.
/// let square = custom_gradient(|x: Tensor| x.square(), |(x,): (Tensor,), weights: Tensor| {
///     ((x * 2.0 * weights).clamp(-1.0, 1.0),)
/// });
/// assert_eq!(grad(square).call(tensor(3.0f32))?.item::<f32>()?, 1.0);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// What the function gives for integers has no weights (zeros stand there), and gradients by integers are not looked at.
///
/// # Errors
/// The function uses variables or tensors of the trace around it (they are arguments, so that they can have gradients);
/// `backward` gives other types than the arguments'.
#[track_caller]
pub fn custom_gradient<Args, F, B>(function: F, backward: B) -> CustomGradient<F, B, Args, F::Out>
where
    F: Trace<Args>,
    B: Fn(Args, F::Out) -> Args + Send + Sync,
{
    CustomGradient {
        function,
        backward,
        cache: Cache::named("custom_gradient"),
        made: Location::caller(),
        arguments: PhantomData,
    }
}

/// What [`custom_gradient`] gives.
pub struct CustomGradient<F, B, Args, Out> {
    function: F,
    backward: B,
    cache: Cache<Out>,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args, Out, F, B> Trace<Args> for CustomGradient<F, B, Args, Out>
where
    Args: ArgumentList,
    Out: Tree,
    F: Trace<Args, Out = Out>,
    B: Fn(Args, Out) -> Args + Send + Sync,
{
    type Out = Out;

    fn trace(&self, arguments: Args) -> Result<Out> {
        let location = self.made;
        if !trace::is_active() {
            return call_cached(&self.cache, self, arguments, location);
        }
        let fault = |message: String| Error::at(ErrorKind::Op { op: "custom_gradient", message }, location);
        let leaves: Vec<Tensor> = arguments.leaves().into_iter().flatten().collect();
        let types = leaf_types("custom_gradient", &leaves, location)?;
        let floats = float_places(&types);
        let traced = trace_function("custom_gradient", &self.function, &arguments, types.clone(), location)?;
        if traced.callee.captures() {
            return Err(fault("the function uses what is around it; pass it as an argument".into()));
        }
        let outs = flatten(&traced.out);
        let out_types = leaf_types("custom_gradient", &outs, location)?;
        let out_floats = float_places(&out_types);
        let weights = out_floats.iter().map(|&place| out_types[place].clone());
        let parameters: Vec<_> =
            types.iter().cloned().chain(weights).enumerate().map(|(place, of)| (format!("x{place}"), of)).collect();
        let (region, mut tensors) = OpenRegion::begin("backward", &parameters, location)?;
        let mut given = tensors.split_off(types.len()).into_iter();
        let weights = out_types
            .iter()
            .zip(&outs)
            .map(|(of, out)| if of.dtype.is_float() { given.next() } else { None }.unwrap_or_else(|| zeros_like(out)))
            .collect();
        let grads = (self.backward)(arguments.with_leaves(tensors)?, unflatten(&traced.out, weights)?);
        let grads: Vec<Tensor> = grads.leaves().into_iter().flatten().collect();
        if grads.len() != types.len() {
            return Err(fault(format!("{} gradients are given for {} tensors", grads.len(), types.len())));
        }
        let results: Vec<Tensor> = floats.iter().map(|&place| grads[place].clone()).collect();
        let backward = Callee::new(region.close(&results, location)?);
        if backward.captures() || backward.assigned_names().next().is_some() {
            return Err(fault("the gradient uses what is around it; pass it as an argument".into()));
        }
        let own: Vec<&Tensor> = leaves.iter().collect();
        let gradient = CallGradient::Custom(Arc::clone(backward.graph()));
        let results = traced.callee.stage_with("custom_gradient", gradient, &own, location)?;
        unflatten(&traced.out, results)
    }
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Transform<Args> for Checkpointed<F, Args, Out> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        if trace::is_active() {
            return self.trace(own(&arguments)).inspect_err(trace::record_error);
        }
        self.cache.call(self, arguments, Location::caller())
    }
}

impl<Args, Out, F, B> Transform<Args> for CustomGradient<F, B, Args, Out>
where
    Args: ArgumentList,
    Out: Tree,
    F: Trace<Args, Out = Out>,
    B: Fn(Args, Out) -> Args + Send + Sync,
{
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        if trace::is_active() {
            return self.trace(own(&arguments)).inspect_err(trace::record_error);
        }
        self.cache.call(self, arguments, Location::caller())
    }
}

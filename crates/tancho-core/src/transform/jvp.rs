//! Forward mode: directional derivatives.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use super::region::{float_places, leaf_types, reorder, trace_function, zeros_like};
use super::{ArgumentList, Transform, own};
use crate::arguments::Arguments;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::tape::diff_error;
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, flatten, unflatten};

/// The function that takes a function's arguments and a tangent for each, in their structure, and gives its results and
/// their tangents: the derivative in the direction of the tangents.
///
/// It costs about as much as the function itself, whatever the number of results, and goes through loops of any length.
/// Tangents of what is no float are not looked at.
///
/// ```
/// # use tancho_core::{Tensor, Transform, jvp, tensor};
/// let slope = jvp(|x: Tensor, y: Tensor| x * y);
/// let (x, y) = (tensor(2.0f32), tensor(3.0f32));
/// let (value, tangent) = slope.call(((x, y), (tensor(1.0f32), tensor(0.0f32))))?;
/// assert_eq!((value.item::<f32>()?, tangent.item::<f32>()?), (6.0, 3.0));
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Errors
/// The tangents have not the types of the arguments; the function assigns a variable.
#[track_caller]
pub fn jvp<Args, F: Trace<Args>>(function: F) -> Jvp<F, Args, F::Out> {
    Jvp { function, cache: Cache::named("jvp"), made: Location::caller(), arguments: PhantomData }
}

/// What [`jvp`] gives.
pub struct Jvp<F, Args, Out> {
    function: F,
    cache: Cache<(Out, Out)>,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Trace<(Args, Args)> for Jvp<F, Args, Out> {
    type Out = (Out, Out);

    fn trace(&self, (arguments, tangents): (Args, Args)) -> Result<(Out, Out)> {
        if !trace::is_active() {
            return self.cache.call(self, (arguments, tangents), self.made);
        }
        push_forward(&self.function, &arguments, &tangents, self.made)
    }
}

impl<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>> Transform<(Args, Args)> for Jvp<F, Args, Out> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<(Args, Args)>) -> Result<(Out, Out)> {
        if trace::is_active() {
            return self.trace(own(&arguments)).inspect_err(trace::record_error);
        }
        self.cache.call(self, arguments, Location::caller())
    }
}

fn push_forward<Args: ArgumentList, Out: Tree, F: Trace<Args, Out = Out>>(
    function: &F,
    arguments: &Args,
    tangents: &Args,
    location: &'static Location<'static>,
) -> Result<(Out, Out)> {
    let leaves: Vec<Tensor> = arguments.leaves().into_iter().flatten().collect();
    let tangents: Vec<Tensor> = tangents.leaves().into_iter().flatten().collect();
    let types = leaf_types("jvp", &leaves, location)?;
    let tangent_types = leaf_types("jvp", &tangents, location)?;
    let floats = float_places(&types);
    let same = types.len() == tangents.len()
        && floats.iter().all(|&place| {
            let (of, tangent) = (&types[place], &tangent_types[place]);
            of.dtype == tangent.dtype && of.rank() == tangent.rank()
        });
    if !same {
        let message = "the tangents have not the structure and the types of the arguments".into();
        return Err(Error::at(ErrorKind::Op { op: "jvp", message }, location));
    }
    let n_leaves = leaves.len();
    let traced = trace_function("jvp", function, arguments, types, location)?;
    let graph = traced.callee.graph();
    let derived = tancho_autodiff::jvp(graph, &floats).map_err(|error| diff_error(error, location))?;
    // The parameters of the function's own, the tangents, and what it captures.
    let n_parameters = graph.parameter_count();
    let order: Vec<usize> =
        (0..n_leaves).chain(n_parameters..n_parameters + floats.len()).chain(n_leaves..n_parameters).collect();
    let derived = Arc::new(reorder(&derived, &order));
    let own: Vec<&Tensor> = leaves.iter().chain(floats.iter().map(|&place| &tangents[place])).collect();
    let mut results = traced.callee.stage_as("jvp", &derived, &own, location)?.into_iter();
    let outs: Vec<Tensor> = results.by_ref().take(flatten(&traced.out).len()).collect();
    let tangents = outs
        .iter()
        .map(|out| if out.dtype().is_float() { results.next() } else { None }.unwrap_or_else(|| zeros_like(out)))
        .collect();
    Ok((unflatten(&traced.out, outs)?, unflatten(&traced.out, tangents)?))
}

//! Reverse mode with weights that are given later.

use std::panic::Location;

use super::ArgumentList;
use super::grad::distinct;
use crate::error::Result;
use crate::function::Trace;
use crate::tape::GradientTape;
use crate::tensor::Tensor;
use crate::tree::Tree;

/// A function's result, and what takes weights for the result's elements to the gradient by all arguments.
///
/// ```
/// # use tancho_core::{Tensor, tensor, vjp};
/// let (y, pullback) = vjp(&|x: Tensor| x.square(), (tensor([1.0f32, 2.0]),))?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 4.0]);
/// let (dx,) = pullback.call(&tensor([1.0f32, 10.0]))?;
/// assert_eq!(dx.to_vec::<f32>()?, [2.0, 40.0]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Errors
/// Those of the function.
#[track_caller]
#[allow(clippy::type_complexity)] // A pair is what it gives.
pub fn vjp<Args, F>(function: &F, arguments: Args) -> Result<(F::Out, Pullback<Args, F::Out>)>
where
    Args: ArgumentList,
    F: Trace<Args>,
    F::Out: Clone,
{
    let location = Location::caller();
    let tape = GradientTape::persistent().without_variables();
    let sources: Vec<Tensor> = arguments.leaves().iter().flatten().map(|source| distinct(source, location)).collect();
    tape.watch(&sources);
    let structure = arguments.with_leaves(sources.clone())?;
    let out = function.trace(arguments.with_leaves(sources.clone())?)?;
    Ok((out.clone(), Pullback { tape, sources, structure, out }))
}

/// What [`vjp`] gives beside the result.
pub struct Pullback<Args, Out> {
    tape: GradientTape,
    sources: Vec<Tensor>,
    structure: Args,
    out: Out,
}

impl<Args: ArgumentList, Out: Tree> Pullback<Args, Out> {
    /// The product of weights, in the structure of the result, and the Jacobian matrix; zeros by what the result does not
    /// depend on.
    ///
    /// # Errors
    /// The weights have not the type of the result; an operation has no gradient.
    #[track_caller]
    pub fn call(&self, weights: &Out) -> Result<Args> {
        let grads = self.tape.gradient_with(&self.out, weights, &self.sources);
        grads.iter().try_for_each(Tensor::check)?;
        self.structure.with_leaves(grads)
    }
}

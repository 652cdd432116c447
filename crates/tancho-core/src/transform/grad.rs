//! Gradients of functions as functions.

use std::marker::PhantomData;
use std::panic::Location;

use super::{ArgumentList, Transform, own};
use crate::arguments::Arguments;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::tape::{self, GradientTape};
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{flatten, unflatten};

/// The function that gives the gradient of a function's result, a scalar, by the first argument, in its structure.
///
/// It is called, or traced: `function(grad(f))`; and it has a gradient in turn: `grad(grad(f))`.
///
/// ```
/// # use tancho_core::{Tensor, Transform, grad, tensor};
/// let slope = grad(|x: Tensor| x.square() * &x);
/// assert_eq!(slope.call(tensor(2.0f32))?.item::<f32>()?, 12.0);
/// assert_eq!(grad(slope).call(tensor(2.0f32))?.item::<f32>()?, 12.0);
/// # Ok::<(), tancho_core::Error>(())
/// ```
#[track_caller]
pub fn grad<Args, F: Trace<Args, Out = Tensor>>(function: F) -> Grad<F, Args> {
    Grad { function, made: Location::caller(), arguments: PhantomData }
}

/// The function that gives a function's result, a scalar, and its gradient by the first argument, in its structure.
#[track_caller]
pub fn value_and_grad<Args, F: Trace<Args, Out = Tensor>>(function: F) -> ValueAndGrad<F, Args> {
    ValueAndGrad { function, made: Location::caller(), arguments: PhantomData }
}

/// What [`grad`] gives.
pub struct Grad<F, Args> {
    function: F,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

/// What [`value_and_grad`] gives.
pub struct ValueAndGrad<F, Args> {
    function: F,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args: ArgumentList, F: Trace<Args, Out = Tensor>> Trace<Args> for Grad<F, Args> {
    type Out = Args::First;

    fn trace(&self, arguments: Args) -> Result<Args::First> {
        Ok(differentiate(&self.function, arguments, self.made)?.1)
    }
}

impl<Args: ArgumentList, F: Trace<Args, Out = Tensor>> Trace<Args> for ValueAndGrad<F, Args> {
    type Out = (Tensor, Args::First);

    fn trace(&self, arguments: Args) -> Result<(Tensor, Args::First)> {
        differentiate(&self.function, arguments, self.made)
    }
}

impl<Args: ArgumentList, F: Trace<Args, Out = Tensor>> Transform<Args> for Grad<F, Args> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Args::First> {
        self.trace(own(&arguments))
    }
}

impl<Args: ArgumentList, F: Trace<Args, Out = Tensor>> Transform<Args> for ValueAndGrad<F, Args> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<(Tensor, Args::First)> {
        self.trace(own(&arguments))
    }
}

/// The function that gives the derivative of each element of a function's result, a tensor, by each of the first argument,
/// a tensor: of the result's shape, then the argument's.
#[track_caller]
pub fn jacobian<Args, F: Trace<Args, Out = Tensor>>(function: F) -> Jacobian<F, Args> {
    Jacobian { function, made: Location::caller(), arguments: PhantomData }
}

/// The function that gives the second derivatives of a function's result, a scalar, by the first argument, a tensor: of its
/// shape twice.
///
/// ```
/// # use tancho_core::{Tensor, Transform, hessian, tensor};
/// let curvature = hessian(|x: Tensor| (x.square() * &x).sum(..));
/// assert_eq!(curvature.call(tensor([1.0f32, 2.0]))?.to_vec::<f32>()?, [6.0, 0.0, 0.0, 12.0]);
/// # Ok::<(), tancho_core::Error>(())
/// ```
#[track_caller]
pub fn hessian<Args: ArgumentList<First = Tensor>, F: Trace<Args, Out = Tensor>>(function: F) -> Hessian<F, Args> {
    jacobian(grad(function))
}

/// What [`hessian`] gives.
pub type Hessian<F, Args> = Jacobian<Grad<F, Args>, Args>;

/// What [`jacobian`] gives.
pub struct Jacobian<F, Args> {
    function: F,
    /// Where it was made: errors name this line.
    made: &'static Location<'static>,
    arguments: PhantomData<fn(Args)>,
}

impl<Args: ArgumentList<First = Tensor>, F: Trace<Args, Out = Tensor>> Trace<Args> for Jacobian<F, Args> {
    type Out = Tensor;

    fn trace(&self, arguments: Args) -> Result<Tensor> {
        let tape = GradientTape::new().without_variables();
        let source = distinct(arguments.first(), Location::caller());
        tape.watch(&source);
        let value = self.function.trace(arguments.with_first(source.clone()))?;
        let jacobian = tape.jacobian_at(&value, &source, self.made);
        jacobian.check()?;
        Ok(jacobian)
    }
}

impl<Args: ArgumentList<First = Tensor>, F: Trace<Args, Out = Tensor>> Transform<Args> for Jacobian<F, Args> {
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Tensor> {
        self.trace(own(&arguments))
    }
}

fn differentiate<Args: ArgumentList, F: Trace<Args, Out = Tensor>>(
    function: &F,
    arguments: Args,
    location: &'static Location<'static>,
) -> Result<(Tensor, Args::First)> {
    // The tape comes first: what it watches begins with it.
    let tape = GradientTape::new().without_variables();
    // Each source is a value of its own, whatever else the caller has done with it.
    let sources: Vec<Tensor> = flatten(arguments.first()).iter().map(|source| distinct(source, location)).collect();
    tape.watch(&sources);
    let structure = unflatten(arguments.first(), sources.clone())?;
    let first = unflatten(&structure, sources.clone())?;
    let value = function.trace(arguments.with_first(first))?;
    value.check()?;
    if value.rank() != 0 || !value.dtype().is_float() {
        let message = format!("the function gives {}, not a float scalar; use GradientTape or vjp", value.describe());
        return Err(Error::at(ErrorKind::Op { op: "grad", message }, location)).inspect_err(trace::record_error);
    }
    let grads = tape.gradient_or_zeros_at(&value, &sources, location);
    Ok((value, unflatten(&structure, grads)?))
}

/// The same value, as one that nothing else is.
pub(crate) fn distinct(tensor: &Tensor, location: &'static Location<'static>) -> Tensor {
    if trace::is_active() { trace::distinct(tensor, location) } else { tape::distinct(tensor) }
}

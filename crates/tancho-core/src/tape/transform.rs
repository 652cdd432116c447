//! Gradients of functions as functions.

use std::marker::PhantomData;
use std::panic::Location;

use super::{GradientTape, log};
use crate::arguments::Arguments;
use crate::error::{Error, ErrorKind, Result};
use crate::function::Trace;
use crate::tensor::Tensor;
use crate::trace;
use crate::tree::{Tree, Visitor, flatten, unflatten};

/// Arguments of which the first one is a tree that gradients can be taken by.
pub trait Differentiable: Sized {
    type First: Tree;

    fn first(&self) -> &Self::First;

    fn with_first(self, first: Self::First) -> Self;
}

macro_rules! differentiable {
    ($($($T:ident $x:ident)*;)*) => {$(
        impl<First: Tree, $($T: Tree),*> Differentiable for (First, $($T,)*) {
            type First = First;

            fn first(&self) -> &First {
                &self.0
            }

            fn with_first(self, first: First) -> Self {
                let (_, $($x,)*) = self;
                (first, $($x,)*)
            }
        }
    )*};
}
differentiable! {
    ;
    B b;
    B b C c;
    B b C c D d;
    B b C c D d E e;
    B b C c D d E e F f;
    B b C c D d E e F f G g;
    B b C c D d E e F f G g H h;
}

/// The function that gives the gradient of a function's result, a scalar, by the first argument, in its structure.
///
/// It is called, or traced: `function(grad(f))`; and it has a gradient in turn: `grad(grad(f))`.
///
/// ```
/// # use tancho_core::{Tensor, grad, tensor};
/// let slope = grad(|x: Tensor| x.square() * &x);
/// assert_eq!(slope.call(tensor(2.0f32))?.item::<f32>()?, 12.0);
/// assert_eq!(grad(slope).call(tensor(2.0f32))?.item::<f32>()?, 12.0);
/// # Ok::<(), tancho_core::Error>(())
/// ```
pub fn grad<Args, F: Trace<Args, Out = Tensor>>(function: F) -> Grad<F, Args> {
    Grad { function, arguments: PhantomData }
}

/// The function that gives a function's result, a scalar, and its gradient by the first argument, in its structure.
pub fn value_and_grad<Args, F: Trace<Args, Out = Tensor>>(function: F) -> ValueAndGrad<F, Args> {
    ValueAndGrad { function, arguments: PhantomData }
}

/// What [`grad`] gives.
pub struct Grad<F, Args> {
    function: F,
    arguments: PhantomData<fn(Args)>,
}

/// What [`value_and_grad`] gives.
pub struct ValueAndGrad<F, Args> {
    function: F,
    arguments: PhantomData<fn(Args)>,
}

impl<Args: Differentiable, F: Trace<Args, Out = Tensor>> Trace<Args> for Grad<F, Args> {
    type Out = Args::First;

    fn trace(&self, arguments: Args) -> Result<Args::First> {
        Ok(differentiate(&self.function, arguments)?.1)
    }
}

impl<Args: Differentiable, F: Trace<Args, Out = Tensor>> Trace<Args> for ValueAndGrad<F, Args> {
    type Out = (Tensor, Args::First);

    fn trace(&self, arguments: Args) -> Result<(Tensor, Args::First)> {
        differentiate(&self.function, arguments)
    }
}

/// Functions over trees that are called with [`Arguments`], as traced functions are; they run operation by operation.
pub trait Transform<Args>: Trace<Args> {
    /// Calls the function.
    ///
    /// # Errors
    /// That of the function; an argument carries one; the result has no gradient.
    #[track_caller]
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Self::Out> {
        let mut leaves = Leaves(Vec::new());
        arguments.visit(&mut leaves);
        let mut leaves = leaves.0.into_iter();
        let tree = arguments.rebuild(&mut || leaves.next().unwrap_or_else(|| Tensor::from(crate::tensor::nothing())));
        self.trace(tree)
    }
}

impl<Args: Differentiable, F: Trace<Args, Out = Tensor>> Transform<Args> for Grad<F, Args> {}
impl<Args: Differentiable, F: Trace<Args, Out = Tensor>> Transform<Args> for ValueAndGrad<F, Args> {}

struct Leaves(Vec<Tensor>);

impl<'a> Visitor<'a> for Leaves {
    fn leaf(&mut self, tensor: &'a Tensor) {
        self.0.push(tensor.clone());
    }
    fn fixed(&mut self, _: &'a dyn crate::tree::AnyStatic) {}
    fn variable(&mut self, _: &'a crate::Variable) {}
    fn count(&mut self, _: usize) {}
    fn key(&mut self, _: &'a str) {}
    fn enter(&mut self, _: crate::tree::Segment<'_>) {}
    fn leave(&mut self) {}
}

#[track_caller]
fn differentiate<Args: Differentiable, F: Trace<Args, Out = Tensor>>(
    function: &F,
    arguments: Args,
) -> Result<(Tensor, Args::First)> {
    let location = Location::caller();
    // The tape comes first: what it watches begins with it.
    let tape = GradientTape::new().without_variables();
    // Each source is a value of its own, whatever else the caller has done with it.
    let sources: Vec<Tensor> = flatten(arguments.first()).iter().map(distinct).collect();
    tape.watch(&sources);
    let structure = unflatten(arguments.first(), sources.clone())?;
    let first = unflatten(&structure, sources.clone())?;
    let value = function.trace(arguments.with_first(first))?;
    value.check()?;
    if value.rank() != 0 || !value.dtype().is_float() {
        let message = format!("the function gives {}, not a float scalar; use GradientTape or vjp", value.describe());
        return Err(Error::at(ErrorKind::Op { op: "grad", message }, location)).inspect_err(trace::record_error);
    }
    let grads = tape.gradient_or_zeros(&value, &sources);
    Ok((value, unflatten(&structure, grads)?))
}

/// The same value, as one that nothing else is.
pub(crate) fn distinct(tensor: &Tensor) -> Tensor {
    if trace::is_active() { trace::distinct(tensor) } else { log::distinct(tensor) }
}

//! Functions made of functions: gradients, directional derivatives, batches.
//!
//! Each is a value that can be called ([`Transform::call`]), traced (`function(grad(f))`), and transformed again
//! (`vmap(grad(f))`), since it is a [`Trace`] as closures are.
//!
//! [`grad`] and its like run the function as it is, with a gradient tape. [`jvp`], [`vmap`], [`checkpoint`] and
//! [`custom_gradient`] need the function's graph: they trace it as a region of the trace at hand, or, where there is none,
//! are traced and compiled themselves, once for each signature of their arguments.

mod grad;
mod region;
mod jvp;
mod vmap;
mod vjp;
mod custom;

use std::panic::Location;

use crate::arguments::Arguments;
use crate::cache::Cache;
use crate::error::Result;
use crate::function::Trace;
use crate::tensor::Tensor;
use crate::tree::{AnyStatic, Segment, Tree, Visitor, flatten, unflatten};

pub use custom::{Checkpointed, CustomGradient, checkpoint, custom_gradient};
pub use grad::{Grad, Hessian, Jacobian, ValueAndGrad, grad, hessian, jacobian, value_and_grad};
pub use jvp::{Jvp, jvp};
pub use vjp::{Pullback, vjp};
pub use vmap::{Vmap, vmap};

/// Functions over trees that are called with [`Arguments`], as traced functions are.
pub trait Transform<Args>: Trace<Args> {
    /// Calls the function.
    ///
    /// # Errors
    /// That of the function; an argument carries one; a derivative cannot be had.
    fn call(&self, arguments: impl Arguments<Args>) -> Result<Self::Out>;
}

/// What is done with arguments in the form in which a call takes them.
#[doc(hidden)]
pub trait TakeArguments<Args> {
    type Out;

    fn take(self, arguments: impl Arguments<Args>) -> Self::Out;
}

/// Calls the function of a cache with a tuple of arguments.
fn call_cached<Args: ArgumentList, Out: Tree>(
    cache: &Cache<Out>,
    body: &dyn Trace<Args, Out = Out>,
    arguments: Args,
    location: &'static Location<'static>,
) -> Result<Out> {
    struct Call<'c, Args, Out> {
        cache: &'c Cache<Out>,
        body: &'c dyn Trace<Args, Out = Out>,
        location: &'static Location<'static>,
    }
    impl<Args, Out: Tree> TakeArguments<Args> for Call<'_, Args, Out> {
        type Out = Result<Out>;

        fn take(self, arguments: impl Arguments<Args>) -> Result<Out> {
            self.cache.call(self.body, arguments, self.location)
        }
    }
    arguments.hand_to(Call { cache, body, location })
}

/// The arguments as they are: lent tensors are cloned.
fn own<Args>(arguments: &impl Arguments<Args>) -> Args {
    struct Leaves(Vec<Tensor>);
    impl<'a> Visitor<'a> for Leaves {
        fn leaf(&mut self, tensor: &'a Tensor) {
            self.0.push(tensor.clone());
        }
        fn fixed(&mut self, _: &'a dyn AnyStatic) {}
        fn variable(&mut self, _: &'a crate::Variable) {}
        fn count(&mut self, _: usize) {}
        fn key(&mut self, _: &'a str) {}
        fn enter(&mut self, _: Segment<'_>) {}
        fn leave(&mut self) {}
    }
    let mut leaves = Leaves(Vec::new());
    arguments.visit(&mut leaves);
    let mut leaves = leaves.0.into_iter();
    arguments.rebuild(&mut || leaves.next().unwrap_or_else(|| Tensor::from(crate::tensor::nothing())))
}

/// Arguments of a function: a tuple of trees, of which the first is what [`grad`] takes gradients by.
pub trait ArgumentList: Tree {
    type First: Tree;

    fn first(&self) -> &Self::First;

    fn with_first(self, first: Self::First) -> Self;

    /// The leaves of each argument.
    fn leaves(&self) -> Vec<Vec<Tensor>>;

    /// The same structure with other leaves.
    ///
    /// # Errors
    /// There are more or fewer.
    fn with_leaves(&self, leaves: Vec<Tensor>) -> Result<Self>;

    #[doc(hidden)]
    fn hand_to<T: TakeArguments<Self>>(self, taker: T) -> T::Out;
}

macro_rules! argument_lists {
    ($($($T:ident $x:ident)*;)*) => {$(
        impl<First: Tree, $($T: Tree),*> ArgumentList for (First, $($T,)*) {
            type First = First;

            fn first(&self) -> &First {
                &self.0
            }

            fn with_first(self, first: First) -> Self {
                let (_, $($x,)*) = self;
                (first, $($x,)*)
            }

            fn leaves(&self) -> Vec<Vec<Tensor>> {
                let (first, $($x,)*) = self;
                vec![flatten(first), $(flatten($x)),*]
            }

            #[track_caller]
            fn with_leaves(&self, leaves: Vec<Tensor>) -> Result<Self> {
                unflatten(self, leaves)
            }

            fn hand_to<Taker: TakeArguments<Self>>(self, taker: Taker) -> Taker::Out {
                let (first, $($x,)*) = self;
                taker.take(argument_lists!(@fed first $($x)*))
            }
        }
    )*};
    // One argument stands for itself.
    (@fed $first:ident) => { $first };
    (@fed $first:ident $($x:ident)+) => { ($first, $($x),+) };
}
argument_lists! {
    ;
    B b;
    B b C c;
    B b C c D d;
    B b C c D d E e;
    B b C c D d E e F f;
    B b C c D d E e F f G g;
    B b C c D d E e F f G g H h;
}

//! Traced functions: a closure over tensors, and a cache of what was made of it.

use std::panic::Location;
use std::sync::Arc;

use crate::arguments::Arguments;
use crate::cache::{Cache, Options, Sizes, check_sizes};
use crate::concrete::Concrete;
use crate::error::{Error, Result};
use crate::signature::{Signature, Spec, legal_name, name_symbols};
use crate::tensor::Tensor;
use crate::tree::Tree;

/// A closure over trees of tensors that can be traced: up to eight arguments, and a tree or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be traced",
    note = "a traced closure takes up to eight trees of tensors by value, and returns a tree or a `Result` of one"
)]
pub trait Trace<Args>: Send + Sync {
    type Out: Tree;

    fn trace(&self, arguments: Args) -> Result<Self::Out>;
}

/// What a traced closure returns: a tree, or a `Result` of one.
pub trait Outcome: Sized {
    type Out: Tree;

    fn into_result(self) -> Result<Self::Out>;

    /// The tree, where this is not an error in its place.
    ///
    /// # Errors
    /// That error.
    fn tree(&self) -> Result<&Self::Out>;

    fn from_tree(tree: Self::Out) -> Self;

    /// An error in the place of a tree of this structure: where there is no other place for it, each leaf carries it.
    fn from_error(structure: &Self::Out, error: Error) -> Self;
}

impl<T: Tree> Outcome for T {
    type Out = T;

    fn into_result(self) -> Result<T> {
        Ok(self)
    }

    fn tree(&self) -> Result<&T> {
        Ok(self)
    }

    fn from_tree(tree: T) -> Self {
        tree
    }

    fn from_error(structure: &T, error: Error) -> Self {
        structure.rebuild(&mut || Tensor::from_error(error.clone()))
    }
}

impl<T: Tree> Outcome for Result<T, Error> {
    type Out = T;

    fn into_result(self) -> Result<T> {
        self
    }

    fn tree(&self) -> Result<&T> {
        self.as_ref().map_err(Clone::clone)
    }

    fn from_tree(tree: T) -> Self {
        Ok(tree)
    }

    fn from_error(_: &T, error: Error) -> Self {
        Err(error)
    }
}

macro_rules! arities {
    ($($($T:ident $x:ident)*;)*) => {$(
        impl<Body, R: Outcome, $($T: Tree),*> Trace<($($T,)*)> for Body
        where
            Body: Fn($($T),*) -> R + Send + Sync,
        {
            type Out = R::Out;

            fn trace(&self, ($($x,)*): ($($T,)*)) -> Result<R::Out> {
                self($($x),*).into_result()
            }
        }
    )*};
}
arities! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
    A a B b C c D d E e F f G g;
    A a B b C c D d E e F f G g H h;
}

/// A closure over tensors, traced and compiled once for each signature; shared by its clones, and between threads.
pub struct Function<'f, Args, Out> {
    body: Arc<dyn Trace<Args, Out = Out> + 'f>,
    cache: Arc<Cache<Out>>,
}

impl<Args, Out> Clone for Function<'_, Args, Out> {
    fn clone(&self) -> Self {
        Function { body: self.body.clone(), cache: self.cache.clone() }
    }
}

/// Makes a traced function of a closure.
///
/// The closure runs once for each signature of its arguments, on tensors that stand for values to come. What it does with
/// them becomes a graph, which is compiled and then called with values. Everything else in it runs while tracing only.
///
/// A function is for many calls: what it keeps of its traces goes with its last clone. It keeps a bounded number of them;
/// what was not called for a long time is traced anew.
pub fn function<'f, Args, Body>(body: Body) -> Function<'f, Args, Body::Out>
where
    Body: Trace<Args> + 'f,
{
    let options = Options { name: "function".into(), argument_names: &[], sizes: Sizes::Exact };
    Function { body: Arc::new(body), cache: Arc::new(Cache::new(options)) }
}

impl<Args, Out> Function<'_, Args, Out> {
    /// The function with other options; nothing that was traced before is kept.
    fn with_options(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = self.cache.options().clone();
        change(&mut options);
        Function { body: self.body, cache: Arc::new(Cache::new(options)) }
    }

    /// The function under a name, for graphs and messages; nothing that was traced before is kept.
    pub fn with_name(self, name: &str) -> Self {
        self.with_options(|options| options.name = legal_name(name).into())
    }

    /// The function with names for its arguments.
    #[doc(hidden)]
    pub fn with_argument_names(self, argument_names: &'static [&'static str]) -> Self {
        self.with_options(|options| options.argument_names = argument_names)
    }

    /// Fixes the dtypes and sizes of the arguments' tensors, in order. One trace then serves every size that varies.
    ///
    /// A call with anything else is an error that names every argument that differs.
    ///
    /// # Errors
    /// A size is negative.
    #[track_caller]
    pub fn with_signature(self, specs: impl IntoIterator<Item = Spec>) -> Result<Self> {
        let signature = name_symbols(specs.into_iter().map(|spec| spec.tensor_type()));
        check_sizes(&self.cache.options().name, &signature, Location::caller())?;
        Ok(self.with_options(|options| options.sizes = Sizes::Fixed(signature.into())))
    }

    /// Lets sizes vary once they do: where arguments differ from those of an earlier trace in nothing but sizes, the new
    /// trace serves every value of the sizes that differ.
    ///
    /// So successive lengths cost two traces, and a plan each. A closure that takes no sizes that vary (since it asks for
    /// them as numbers, or since different sizes need different operations) is traced for each of them, as without this.
    ///
    /// ```
    /// # use tancho_core::{Result, Tensor, function};
    /// # fn main() -> Result<()> {
    /// let norm = function(|x: Tensor| x.square().sum(..).sqrt()).relaxed();
    /// for length in 1..20 {
    ///     norm.call(Tensor::from_vec([length], vec![1.0f32; length]))?;
    /// }
    /// assert_eq!(norm.tracing_count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn relaxed(self) -> Self {
        self.with_options(|options| options.sizes = Sizes::Relaxed)
    }

    /// How often the closure has run.
    pub fn tracing_count(&self) -> usize {
        self.cache.tracing_count()
    }

    /// The signatures that the function was traced for and that it keeps, in the order of the first calls.
    pub fn signatures(&self) -> Vec<Signature> {
        self.cache.signatures()
    }
}

impl<Args, Out: Tree> Function<'_, Args, Out> {
    /// Calls the function. `&x` lends a tensor, `x` gives it away.
    ///
    /// # Errors
    /// An argument or an operation of the closure carries an error, the arguments do not fit the signature, the graph
    /// cannot be compiled, or memory is short.
    #[track_caller]
    pub fn call(&self, arguments: impl Arguments<Args>) -> Result<Out> {
        self.cache.call(&*self.body, arguments, Location::caller())
    }

    /// The function for the signature of arguments, or of [`spec`](crate::spec)s in their place, traced and compiled.
    ///
    /// Later calls of the function whose arguments fit the signature use this trace, where there is none for their own:
    /// after `f.concrete(spec(DType::F32, [None]))` every length has one.
    ///
    /// # Errors
    /// As [`Function::call`].
    #[track_caller]
    pub fn concrete(&self, arguments: impl Arguments<Args>) -> Result<Concrete<Args, Out>> {
        self.cache.concrete(&*self.body, &arguments, Location::caller())
    }
}

/// What a function with the attribute `#[function]` may return: a `Result`, or a structure that can carry an error.
pub trait Returned: Sized {
    type Out: Tree;

    fn from_result(result: Result<Self::Out>) -> Self;
}

impl<T: Tree> Returned for Result<T, Error> {
    type Out = T;

    fn from_result(result: Result<T>) -> Self {
        result
    }
}

impl Returned for Tensor {
    type Out = Tensor;

    fn from_result(result: Result<Tensor>) -> Self {
        result.unwrap_or_else(Tensor::from_error)
    }
}

impl<T: Returned<Out = T> + Tree, const N: usize> Returned for [T; N] {
    type Out = [T; N];

    fn from_result(result: Result<[T; N]>) -> Self {
        result.unwrap_or_else(|error| std::array::from_fn(|_| T::from_result(Err(error.clone()))))
    }
}

macro_rules! returned_tuples {
    ($($($T:ident)*;)*) => {$(
        impl<$($T: Returned<Out = $T> + Tree),*> Returned for ($($T,)*) {
            type Out = ($($T,)*);

            fn from_result(result: Result<Self>) -> Self {
                result.unwrap_or_else(|error| ($($T::from_result(Err(error.clone())),)*))
            }
        }
    )*};
}
returned_tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

//! What gradients are taken by.

use std::collections::BTreeMap;

use crate::tensor::{Repr, Tensor};
use crate::tree::{AnyStatic, Segment, Static, Tree, Visitor};
use crate::variable::Variable;

/// One thing that a gradient is taken by.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    Tensor(&'a Tensor),
    Variable(&'a Variable),
}

/// Tensors and variables, alone or in a structure; gradients have that structure.
pub trait Sources {
    /// A tensor in the place of each source.
    type Grads;
    /// A tensor or nothing in the place of each source.
    type Options;

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>));

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Self::Grads;

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Self::Options;
}

impl Sources for &Tensor {
    type Grads = Tensor;
    type Options = Option<Tensor>;

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
        visit(Source::Tensor(self));
    }

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Tensor {
        grads()
    }

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Option<Tensor> {
        grads()
    }
}

impl Sources for &Variable {
    type Grads = Tensor;
    type Options = Option<Tensor>;

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
        visit(Source::Variable(self));
    }

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Tensor {
        grads()
    }

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Option<Tensor> {
        grads()
    }
}

impl<S: Sources, const N: usize> Sources for [S; N] {
    type Grads = [S::Grads; N];
    type Options = [S::Options; N];

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
        self.iter().for_each(|source| source.visit(visit));
    }

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Self::Grads {
        std::array::from_fn(|place| self[place].rebuild(grads))
    }

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Self::Options {
        std::array::from_fn(|place| self[place].rebuild_options(grads))
    }
}

macro_rules! sequences {
    ($(($($generics:tt)*) $Sequence:ty;)*) => {$(
        impl<$($generics)*> Sources for $Sequence {
            type Grads = Vec<Tensor>;
            type Options = Vec<Option<Tensor>>;

            fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
                self.iter().for_each(|source| visit(source.as_source()));
            }

            fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Vec<Tensor> {
                self.iter().map(|_| grads()).collect()
            }

            fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Vec<Option<Tensor>> {
                self.iter().map(|_| grads()).collect()
            }
        }
    )*};
}

/// A tensor or a variable.
pub trait AsSource {
    fn as_source(&self) -> Source<'_>;
}

impl AsSource for Tensor {
    fn as_source(&self) -> Source<'_> {
        Source::Tensor(self)
    }
}

impl AsSource for Variable {
    fn as_source(&self) -> Source<'_> {
        Source::Variable(self)
    }
}

impl<T: AsSource> AsSource for &T {
    fn as_source(&self) -> Source<'_> {
        (**self).as_source()
    }
}

impl<T: AsSource, const N: usize> Sources for &[T; N] {
    type Grads = [Tensor; N];
    type Options = [Option<Tensor>; N];

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
        self.iter().for_each(|source| visit(source.as_source()));
    }

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> [Tensor; N] {
        std::array::from_fn(|_| grads())
    }

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> [Option<Tensor>; N] {
        std::array::from_fn(|_| grads())
    }
}

sequences! {
    ('s, T: AsSource) &'s Vec<T>;
    ('s, T: AsSource) &'s [T];
}

impl<K: Ord + Clone, T: AsSource> Sources for &BTreeMap<K, T> {
    type Grads = BTreeMap<K, Tensor>;
    type Options = BTreeMap<K, Option<Tensor>>;

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
        self.values().for_each(|source| visit(source.as_source()));
    }

    fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Self::Grads {
        self.keys().map(|key| (key.clone(), grads())).collect()
    }

    fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Self::Options {
        self.keys().map(|key| (key.clone(), grads())).collect()
    }
}

/// A tree without variables, whose gradients are a tree of the same type.
///
/// The lifetime has no meaning; it lets `derive(Tree)` ask the question of fields that it knows nothing of.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "gradients by `{Self}` have not its structure",
    note = "a structure with variables in it is no source of gradients; give the variables as a list or a tuple"
)]
pub trait OnlyTensors<'a> {}

impl OnlyTensors<'_> for Tensor {}
impl<T> OnlyTensors<'_> for Static<T> {}
impl<'a, T: OnlyTensors<'a>> OnlyTensors<'a> for Option<T> {}
impl<'a, T: OnlyTensors<'a>> OnlyTensors<'a> for Vec<T> {}
impl<'a, T: OnlyTensors<'a>, const N: usize> OnlyTensors<'a> for [T; N] {}
impl<'a, T: OnlyTensors<'a>> OnlyTensors<'a> for BTreeMap<String, T> {}

/// The tensors of a tree as sources.
#[doc(hidden)]
pub fn visit_sources<'a>(tree: &'a impl Tree, visit: &mut dyn FnMut(Source<'a>)) {
    struct Leaves<'v, 'a>(&'v mut dyn FnMut(Source<'a>));
    impl<'a> Visitor<'a> for Leaves<'_, 'a> {
        fn leaf(&mut self, tensor: &'a Tensor) {
            (self.0)(Source::Tensor(tensor));
        }
        fn variable(&mut self, _: &'a Variable) {}
        fn fixed(&mut self, _: &'a dyn AnyStatic) {}
        fn count(&mut self, _: usize) {}
        fn key(&mut self, _: &'a str) {}
        fn enter(&mut self, _: Segment<'_>) {}
        fn leave(&mut self) {}
    }
    tree.visit(&mut Leaves(visit));
}

macro_rules! tuples {
    ($($($S:ident $place:tt)*;)*) => {$(
        impl<'a, $($S: OnlyTensors<'a>),*> OnlyTensors<'a> for ($($S,)*) {}

        impl<$($S: Sources),*> Sources for ($($S,)*) {
            type Grads = ($($S::Grads,)*);
            type Options = ($($S::Options,)*);

            fn visit<'a>(&'a self, visit: &mut dyn FnMut(Source<'a>)) {
                $(self.$place.visit(visit);)*
            }

            fn rebuild(&self, grads: &mut dyn FnMut() -> Tensor) -> Self::Grads {
                ($(self.$place.rebuild(grads),)*)
            }

            fn rebuild_options(&self, grads: &mut dyn FnMut() -> Option<Tensor>) -> Self::Options {
                ($(self.$place.rebuild_options(grads),)*)
            }
        }
    )*};
}
tuples! {
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
}

impl Source<'_> {
    /// A tensor that is a variable's is that variable.
    pub(crate) fn cell(&self) -> Option<&std::sync::Arc<crate::variable::Cell>> {
        let tensor: &Tensor = match self {
            Source::Tensor(tensor) => tensor,
            Source::Variable(variable) => variable,
        };
        match &tensor.0 {
            Repr::Variable(cell) => Some(cell),
            Repr::Value(_) | Repr::Recorded(_) | Repr::Node(_) | Repr::Placeholder(_) | Repr::Error(_) => None,
        }
    }

    pub(crate) fn tensor(&self) -> &Tensor {
        match self {
            Source::Tensor(tensor) => tensor,
            Source::Variable(variable) => variable,
        }
    }
}

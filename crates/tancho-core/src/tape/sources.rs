//! What gradients are taken by.

use std::collections::BTreeMap;

use crate::tensor::{Repr, Tensor};
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

macro_rules! tuples {
    ($($($S:ident $place:tt)*;)*) => {$(
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

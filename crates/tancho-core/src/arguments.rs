//! What a call takes for the arguments of a traced function.
//!
//! In the place of a tree a call takes the tree itself, which *gives* its tensors away, so that their memory may be
//! reused for results, or a reference to it, which *lends* them.

use crate::signature::Spec;
use crate::tensor::Tensor;
use crate::tree::{Segment, Static, StaticValue, Tree, Visitor};

/// What stands in the place of an argument of type `T`.
pub trait Feed<T: Tree> {
    /// Shows the argument as [`Tree::visit`] does.
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>);

    /// The argument with other leaves.
    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> T;

    /// Lends or gives the leaves, in the order in which they are shown.
    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a;
}

/// A leaf of an argument.
pub enum Leaf<'a> {
    Lend(&'a Tensor),
    Give(Tensor),
}

impl<T: Tree> Feed<T> for T {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        Tree::visit(self, visitor);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> T {
        Tree::rebuild(self, leaves)
    }

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
        self.give(&mut |tensor| sink(Leaf::Give(tensor)));
    }
}

impl<T: Tree> Feed<T> for &T {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        Tree::visit(*self, visitor);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> T {
        Tree::rebuild(*self, leaves)
    }

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
        struct Lender<'s, 'a>(&'s mut dyn FnMut(Leaf<'a>));
        impl<'a> Visitor<'a> for Lender<'_, 'a> {
            fn leaf(&mut self, tensor: &'a Tensor) {
                (self.0)(Leaf::Lend(tensor));
            }
            fn fixed(&mut self, _: &'a dyn crate::tree::AnyStatic) {}
            fn variable(&mut self, _: &'a crate::Variable) {}
            fn count(&mut self, _: usize) {}
            fn key(&mut self, _: &'a str) {}
            fn enter(&mut self, _: Segment<'_>) {}
            fn leave(&mut self) {}
        }
        Tree::visit(self, &mut Lender(sink));
    }
}

/// A bare value in the place of a [`Static`] one.
impl<T: StaticValue> Feed<Static<T>> for T {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.fixed(self);
    }

    fn rebuild(&self, _: &mut dyn FnMut() -> Tensor) -> Static<T> {
        Static(self.clone())
    }

    fn feed<'a>(self, _: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
    }
}

/// A dtype and sizes in the place of a tensor, where a function is made ready ahead of time.
impl Feed<Tensor> for Spec {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.leaf(&self.0);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Tensor {
        leaves()
    }

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
        sink(Leaf::Give(self.0));
    }
}

/// What a call takes for all arguments: `()`, one argument, or a tuple of two to eight.
pub trait Arguments<Args> {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>);

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Args;

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a;
}

impl Arguments<()> for () {
    fn visit<'a>(&'a self, _: &mut dyn Visitor<'a>) {}

    fn rebuild(&self, _: &mut dyn FnMut() -> Tensor) {}

    fn feed<'a>(self, _: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
    }
}

impl<A: Tree, X: Feed<A>> Arguments<(A,)> for X {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.enter(Segment::Argument(0));
        Feed::visit(self, visitor);
        visitor.leave();
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> (A,) {
        (Feed::rebuild(self, leaves),)
    }

    fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
    where
        Self: 'a,
    {
        Feed::feed(self, sink);
    }
}

macro_rules! tuples {
    ($($($T:ident $X:ident $place:tt)*;)*) => {$(
        impl<$($T: Tree, $X: Feed<$T>),*> Arguments<($($T,)*)> for ($($X,)*) {
            fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
                $(
                    visitor.enter(Segment::Argument($place));
                    self.$place.visit(visitor);
                    visitor.leave();
                )*
            }

            fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> ($($T,)*) {
                ($(self.$place.rebuild(leaves),)*)
            }

            fn feed<'a>(self, sink: &mut dyn FnMut(Leaf<'a>))
            where
                Self: 'a,
            {
                $(self.$place.feed(sink);)*
            }
        }
    )*};
}
tuples! {
    A U 0 B V 1;
    A U 0 B V 1 C W 2;
    A U 0 B V 1 C W 2 D X 3;
    A U 0 B V 1 C W 2 D X 3 E Y 4;
    A U 0 B V 1 C W 2 D X 3 E Y 4 F Z 5;
    A U 0 B V 1 C W 2 D X 3 E Y 4 F Z 5 G P 6;
    A U 0 B V 1 C W 2 D X 3 E Y 4 F Z 5 G P 6 H Q 7;
}

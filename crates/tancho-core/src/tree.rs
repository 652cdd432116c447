//! Structures of tensors: what traced functions take and give.
//!
//! A tree is a tuple, an array, a `Vec`, a map, an `Option`, or a struct that derives `Tree`, down to tensors (*leaves*)
//! and values that shape the graph ([`Static`]). Everything but the leaves is its *structure*: two trees of one
//! structure and with leaves of one type share a trace.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;

use crate::error::{Error, Result};
use crate::signature::Fixed;
use crate::tensor::Tensor;
use crate::variable::Variable;

/// A structure with tensors at its leaves. Derive it for structs: `#[derive(Tree)]`.
pub trait Tree: Sized + Send + Sync + 'static {
    /// Shows everything in the tree to a visitor, in an order that is the same for equal structures.
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>);

    /// A tree of the same structure with other leaves, which are taken in the order of [`Tree::visit`].
    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self;

    /// Gives the leaves away, in the order of [`Tree::visit`].
    fn give(self, sink: &mut dyn FnMut(Tensor));
}

/// What looks at a tree.
pub trait Visitor<'a> {
    fn leaf(&mut self, tensor: &'a Tensor);

    /// A value that is part of the structure.
    fn fixed(&mut self, value: &'a dyn AnyStatic);

    /// A variable, which is part of the structure by its identity.
    fn variable(&mut self, variable: &'a Variable);

    /// How many parts follow, where the type does not say it.
    fn count(&mut self, count: usize);

    /// The key of the part that follows.
    fn key(&mut self, key: &'a str);

    /// What is shown until [`Visitor::leave`] lies in this part.
    fn enter(&mut self, segment: Segment<'_>);

    fn leave(&mut self);
}

/// One step of the path to a leaf.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'a> {
    Argument(usize),
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

/// The leaves of a tree.
pub fn flatten(tree: &impl Tree) -> Vec<Tensor> {
    struct Leaves(Vec<Tensor>);
    impl<'a> Visitor<'a> for Leaves {
        fn leaf(&mut self, tensor: &'a Tensor) {
            self.0.push(tensor.clone());
        }
        fn fixed(&mut self, _: &'a dyn AnyStatic) {}
        fn variable(&mut self, _: &'a Variable) {}
        fn count(&mut self, _: usize) {}
        fn key(&mut self, _: &'a str) {}
        fn enter(&mut self, _: Segment<'_>) {}
        fn leave(&mut self) {}
    }
    let mut leaves = Leaves(Vec::new());
    tree.visit(&mut leaves);
    leaves.0
}

/// A tree of the structure of another with these leaves.
///
/// # Errors
/// Their number is not that of the structure's leaves.
#[track_caller]
pub fn unflatten<T: Tree>(structure: &T, leaves: Vec<Tensor>) -> Result<T> {
    let (given, mut taken) = (leaves.len(), 0);
    let mut leaves = leaves.into_iter();
    let tree = structure.rebuild(&mut || {
        taken += 1;
        leaves.next().unwrap_or_else(|| Tensor::from(crate::tensor::nothing()))
    });
    if taken == given {
        Ok(tree)
    } else {
        Err(Error::new(format!("the structure has {taken} leaves, but {given} are given")))
    }
}

/// The variables of a tree, each once, in the order in which the tree shows them.
///
/// ```
/// # use tancho_core::{GradientTape, Variable, variables};
/// let layers = [(Variable::new(2.0f32), Variable::new(1.0f32)), (Variable::new(3.0f32), Variable::new(0.0f32))];
/// let tape = GradientTape::new();
/// let y = layers.iter().fold(tancho_core::tensor(1.0f32), |x, (w, b)| x * w + b);
/// let variables = variables(&layers);
/// for (variable, gradient) in variables.iter().zip(tape.gradient(&y, &variables)) {
///     variable.assign_sub(0.5 * gradient)?;
/// }
/// assert_eq!(layers[0].0.item::<f32>()?, 0.5);
/// # Ok::<(), tancho_core::Error>(())
/// ```
pub fn variables(tree: &impl Tree) -> Vec<Variable> {
    struct Found(Vec<Variable>);
    impl<'a> Visitor<'a> for Found {
        fn leaf(&mut self, _: &'a Tensor) {}
        fn fixed(&mut self, _: &'a dyn AnyStatic) {}
        fn variable(&mut self, variable: &'a Variable) {
            if !self.0.iter().any(|found| found.is_same(variable)) {
                self.0.push(variable.clone());
            }
        }
        fn count(&mut self, _: usize) {}
        fn key(&mut self, _: &'a str) {}
        fn enter(&mut self, _: Segment<'_>) {}
        fn leave(&mut self) {}
    }
    let mut found = Found(Vec::new());
    tree.visit(&mut found);
    found.0
}

/// The path to each leaf of a tree: `w`, `layers[2].b`.
pub fn paths(tree: &impl Tree) -> Vec<String> {
    let mut paths = Paths::new(&[]);
    tree.visit(&mut paths);
    paths.found
}

/// Collects the paths to the leaves, and to the static values.
pub(crate) struct Paths<'n> {
    /// The names of the arguments, where they are known.
    names: &'n [&'n str],
    path: String,
    lengths: Vec<usize>,
    pub(crate) found: Vec<String>,
    pub(crate) fixed: Vec<Fixed>,
}

/// How many letters of a static value are shown.
const LONGEST_STATIC: usize = 60;

impl<'n> Paths<'n> {
    pub(crate) fn new(names: &'n [&'n str]) -> Self {
        Paths { names, path: String::new(), lengths: Vec::new(), found: Vec::new(), fixed: Vec::new() }
    }
}

impl<'a> Visitor<'a> for Paths<'_> {
    fn leaf(&mut self, _: &'a Tensor) {
        self.found.push(self.path.clone());
    }

    fn fixed(&mut self, value: &'a dyn AnyStatic) {
        let mut text = format!("{value:?}");
        if let Some((end, _)) = text.char_indices().nth(LONGEST_STATIC) {
            text.truncate(end);
            text.push('…');
        }
        self.fixed.push(Fixed { path: self.path.clone(), value: text, place: self.found.len() });
    }

    fn variable(&mut self, _: &'a Variable) {}

    fn count(&mut self, _: usize) {}

    fn key(&mut self, _: &'a str) {}

    fn enter(&mut self, segment: Segment<'_>) {
        self.lengths.push(self.path.len());
        let separator = if self.path.is_empty() { "" } else { "." };
        self.path += &match segment {
            Segment::Argument(position) => match self.names.get(position) {
                Some(name) => (*name).to_owned(),
                None => format!("arg{position}"),
            },
            Segment::Field(name) => format!("{separator}{name}"),
            Segment::Index(index) => format!("[{index}]"),
            Segment::Key(key) => format!("[{key:?}]"),
        };
    }

    fn leave(&mut self) {
        self.path.truncate(self.lengths.pop().unwrap_or(0));
    }
}

/// A Rust value that shapes the graph: it is part of the signature, so that each value has a trace of its own.
///
/// A call takes the bare value in its place: `power.call((&x, 3))`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Static<T>(pub T);

impl<T> Deref for Static<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What can be [`Static`]: any owned value that can be compared and hashed.
pub trait StaticValue: Hash + Eq + Clone + fmt::Debug + Send + Sync + 'static {}

impl<T: Hash + Eq + Clone + fmt::Debug + Send + Sync + 'static> StaticValue for T {}

/// A [`StaticValue`] of any type.
pub trait AnyStatic: fmt::Debug + Send + Sync + 'static {
    fn equals(&self, other: &dyn AnyStatic) -> bool;
    fn hash(&self) -> u64;
    fn boxed(&self) -> Box<dyn AnyStatic>;
    fn as_any(&self) -> &dyn Any;
}

impl<T: StaticValue> AnyStatic for T {
    fn equals(&self, other: &dyn AnyStatic) -> bool {
        other.as_any().downcast_ref::<T>() == Some(self)
    }

    fn hash(&self) -> u64 {
        std::hash::BuildHasher::hash_one(&rustc_hash::FxBuildHasher, self)
    }

    fn boxed(&self) -> Box<dyn AnyStatic> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Tree for Tensor {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.leaf(self);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        leaves()
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        sink(self);
    }
}

impl<T: StaticValue> Tree for Static<T> {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.fixed(&self.0);
    }

    fn rebuild(&self, _: &mut dyn FnMut() -> Tensor) -> Self {
        self.clone()
    }

    fn give(self, _: &mut dyn FnMut(Tensor)) {}
}

fn visit_parts<'a, T: Tree>(parts: &'a [T], visitor: &mut dyn Visitor<'a>) {
    for (index, part) in parts.iter().enumerate() {
        visitor.enter(Segment::Index(index));
        part.visit(visitor);
        visitor.leave();
    }
}

impl<T: Tree, const N: usize> Tree for [T; N] {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visit_parts(self, visitor);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        self.each_ref().map(|part| part.rebuild(leaves))
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        self.into_iter().for_each(|part| part.give(sink));
    }
}

impl<T: Tree> Tree for Vec<T> {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.count(self.len());
        visit_parts(self, visitor);
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        self.iter().map(|part| part.rebuild(leaves)).collect()
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        self.into_iter().for_each(|part| part.give(sink));
    }
}

impl<T: Tree> Tree for Option<T> {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.count(usize::from(self.is_some()));
        if let Some(part) = self {
            part.visit(visitor);
        }
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        self.as_ref().map(|part| part.rebuild(leaves))
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        if let Some(part) = self {
            part.give(sink);
        }
    }
}

impl<T: Tree> Tree for BTreeMap<String, T> {
    fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
        visitor.count(self.len());
        for (key, part) in self {
            visitor.key(key);
            visitor.enter(Segment::Key(key));
            part.visit(visitor);
            visitor.leave();
        }
    }

    fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
        self.iter().map(|(key, part)| (key.clone(), part.rebuild(leaves))).collect()
    }

    fn give(self, sink: &mut dyn FnMut(Tensor)) {
        self.into_values().for_each(|part| part.give(sink));
    }
}

macro_rules! tuples {
    ($($($T:ident $place:tt)*;)*) => {$(
        impl<$($T: Tree),*> Tree for ($($T,)*) {
            #[allow(unused_variables)]
            fn visit<'a>(&'a self, visitor: &mut dyn Visitor<'a>) {
                $(
                    visitor.enter(Segment::Index($place));
                    self.$place.visit(visitor);
                    visitor.leave();
                )*
            }

            #[allow(unused_variables, clippy::unused_unit)]
            fn rebuild(&self, leaves: &mut dyn FnMut() -> Tensor) -> Self {
                ($(self.$place.rebuild(leaves),)*)
            }

            #[allow(unused_variables)]
            fn give(self, sink: &mut dyn FnMut(Tensor)) {
                $(self.$place.give(sink);)*
            }
        }
    )*};
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::tensor;

    #[test]
    fn trees_are_flattened_named_and_rebuilt() -> Result<()> {
        let map = BTreeMap::from([("b".to_owned(), tensor(3)), ("a".to_owned(), tensor(2))]);
        let tree = ([tensor(0), tensor(1)], map, Some(vec![tensor(4)]), Static(7));
        let values: Vec<i32> = flatten(&tree).iter().map(Tensor::item).collect::<Result<_>>()?;
        assert_eq!(values, [0, 1, 2, 3, 4]);
        assert_eq!(paths(&tree), ["[0][0]", "[0][1]", "[1][\"a\"]", "[1][\"b\"]", "[2][0]"]);
        let doubled = unflatten(&tree, values.iter().map(|value| tensor(2 * value)).collect())?;
        assert_eq!(doubled.1["b"].item::<i32>()?, 6);
        assert_eq!(*doubled.3, 7);
        assert!(unflatten(&tree, vec![]).is_err());
        Ok(())
    }
}

//! Whether two trees of one type fit each other: branches that must give the same, and a loop's state before and after.
//!
//! Two trees of one Rust type can differ in what the type does not say: the number of parts of a vector, the keys of a map,
//! static values, variables, and the types of the leaves. What differs is named with its path from a *root*, which is
//! the word for the tree in messages (`carry.h`).

use std::fmt::Write as _;

use tancho_ir::TensorType;
use tancho_tensor::DType;

use crate::error::Result;
use crate::tensor::{Repr, Tensor};
use crate::tree::{AnyStatic, Segment, Tree, Visitor};
use crate::variable::Variable;

/// How a message names two trees: `{root} is {} {first}, but {second} {} {behind}`.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub(crate) root: &'a str,
    /// What stands behind what the first tree has.
    pub(crate) first: &'a str,
    /// What stands before what the second tree has.
    pub(crate) second: &'a str,
    /// What stands behind what the second tree has.
    pub(crate) behind: &'a str,
}

impl Sides<'_> {
    fn differ(&self, path: &str, verb: &str, first: &str, second: &str) -> String {
        let words = |words: [&str; 3]| words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let (first, second) = (words([verb, first, self.first]), words([self.second, second, self.behind]));
        format!("{path} {first}, but {second}")
    }
}

/// The paths to the leaves of a tree.
pub(crate) fn leaf_paths(tree: &impl Tree, root: &str) -> Vec<String> {
    let parts = parts_of(tree, root);
    parts.into_iter().filter(|(_, part)| matches!(part, Part::Leaf)).map(|(path, _)| path).collect()
}

/// Whether the trees differ in anything but their leaves, as a message.
pub(crate) fn structure_difference<T: Tree>(first: &T, second: &T, sides: Sides<'_>) -> Option<String> {
    let (parts, others) = (parts_of(first, sides.root), parts_of(second, sides.root));
    for ((path, part), (_, other)) in parts.iter().zip(&others) {
        let message = match (part, other) {
            (Part::Leaf, Part::Leaf) => continue,
            (Part::Fixed(x), Part::Fixed(y)) if x.equals(*y) => continue,
            (Part::Fixed(x), Part::Fixed(y)) => {
                sides.differ(path, "is the static value", &format!("{x:?}"), &format!("{y:?}"))
            }
            (Part::Variable(x), Part::Variable(y)) if is_same(x, y) => continue,
            (Part::Variable(x), Part::Variable(y)) => {
                let name = |variable: &Variable| format!("the variable {}", variable.name());
                let other = if x.name() == y.name() { "another one of this name".into() } else { name(y) };
                sides.differ(path, "is", &name(x), &other)
            }
            (Part::Count(x), Part::Count(y)) if x == y => continue,
            (Part::Count(x), Part::Count(y)) => sides.differ(path, "has", &count(*x), &y.to_string()),
            (Part::Key(x), Part::Key(y)) if x == y => continue,
            (Part::Key(x), Part::Key(y)) => sides.differ(path, "has the key", &format!("{x:?}"), &format!("{y:?}")),
            _ => sides.differ(path, "has", "one structure", "another"),
        };
        return Some(message);
    }
    (parts.len() != others.len()).then(|| sides.differ(sides.root, "has", "one structure", "another"))
}

fn count(parts: usize) -> String {
    if parts == 1 { "1 part".into() } else { format!("{parts} parts") }
}

fn is_same(x: &Variable, y: &Variable) -> bool {
    matches!((x.cell(), y.cell()), (Ok(x), Ok(y)) if x.id() == y.id())
}

/// The leaves whose types differ, as a message.
pub(crate) fn type_difference(
    paths: &[String],
    first: &[TensorType],
    second: &[TensorType],
    sides: Sides<'_>,
) -> Option<String> {
    let differences: Vec<String> = paths
        .iter()
        .zip(first.iter().zip(second))
        .filter(|(_, (x, y))| !may_be_same(x, y))
        .map(|(path, (x, y))| sides.differ(path, "is", &x.to_string(), &y.to_string()))
        .collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// Whether two types are the same for some values of the sizes that vary.
pub(crate) fn may_be_same(x: &TensorType, y: &TensorType) -> bool {
    x.dtype == y.dtype
        && x.rank() == y.rank()
        && x.dims.iter().zip(&y.dims).all(|(x, y)| x.always_equals(y) != Some(false))
}

/// The types of leaves.
///
/// # Errors
/// A leaf carries one.
pub(crate) fn leaf_types(leaves: &[Tensor]) -> Result<Vec<TensorType>> {
    leaves.iter().map(leaf_type).collect()
}

pub(crate) fn leaf_type(tensor: &Tensor) -> Result<TensorType> {
    Ok(match &tensor.0 {
        Repr::Value(array) => TensorType::of(array),
        Repr::Recorded(recorded) => TensorType::of(&recorded.array),
        Repr::Node(node) => node.of.clone(),
        Repr::Variable(cell) => cell.of().clone(),
        Repr::Placeholder(of) => TensorType::clone(of),
        Repr::Error(error) => return Err(error.clone()),
    })
}

pub(crate) fn is_scalar(of: &TensorType, dtype: DType) -> bool {
    of.dtype == dtype && of.rank() == 0
}

/// What a visitor is shown.
enum Part<'a> {
    Leaf,
    Fixed(&'a dyn AnyStatic),
    Variable(&'a Variable),
    Count(usize),
    Key(&'a str),
}

struct Parts<'a> {
    path: String,
    lengths: Vec<usize>,
    found: Vec<(String, Part<'a>)>,
}

/// The parts of a tree in order, each with its path.
fn parts_of<'a>(tree: &'a impl Tree, root: &str) -> Vec<(String, Part<'a>)> {
    let mut parts = Parts { path: root.into(), lengths: Vec::new(), found: Vec::new() };
    tree.visit(&mut parts);
    parts.found
}

impl<'a> Parts<'a> {
    fn push(&mut self, part: Part<'a>) {
        self.found.push((self.path.clone(), part));
    }
}

impl<'a> Visitor<'a> for Parts<'a> {
    fn leaf(&mut self, _: &'a Tensor) {
        self.push(Part::Leaf);
    }

    fn fixed(&mut self, value: &'a dyn AnyStatic) {
        self.push(Part::Fixed(value));
    }

    fn variable(&mut self, variable: &'a Variable) {
        self.push(Part::Variable(variable));
    }

    fn count(&mut self, count: usize) {
        self.push(Part::Count(count));
    }

    fn key(&mut self, key: &'a str) {
        self.push(Part::Key(key));
    }

    fn enter(&mut self, segment: Segment<'_>) {
        self.lengths.push(self.path.len());
        // Writing to a string cannot fail.
        let _ = match segment {
            Segment::Argument(position) => write!(self.path, "[{position}]"),
            Segment::Field(name) => write!(self.path, ".{name}"),
            Segment::Index(index) => write!(self.path, "[{index}]"),
            Segment::Key(key) => write!(self.path, "[{key:?}]"),
        };
    }

    fn leave(&mut self) {
        self.path.truncate(self.lengths.pop().unwrap_or(0));
    }
}

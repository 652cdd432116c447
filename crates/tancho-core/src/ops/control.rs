//! Choosing between branches by a value: `cond` and `switch`.
//!
//! While a trace is active, every branch is traced once, as a graph of its own, and the choice is made when the function
//! is called. Otherwise the chosen branch runs, as if it were called in the place of the choice.

use std::cell::Cell;
use std::panic::Location;

use tancho_ir::TensorType;
use tancho_tensor::{Array, DType};

use crate::compare::{Sides, is_scalar, leaf_paths, leaf_type, structure_difference, type_difference};
use crate::error::{Error, ErrorKind, Result};
use crate::function::Outcome;
use crate::operand::{AsTensor, Operand, resolve};
use crate::region::{OpenRegion, Region, stage_case};
use crate::tensor::{Repr, Tensor};
use crate::trace::{self, Kind, Session};
use crate::tree::{Tree, flatten};

/// One of two branches: what `on_true` gives where the predicate is true, what `on_false` gives where it is not.
///
/// The predicate is a `bool` scalar. A branch takes no arguments: it uses what is around it. It returns a tensor, a
/// structure of tensors, `()`, or a `Result` of one of these; both branches give the same structure, with leaves of the
/// same dtypes and shapes.
///
/// Within a traced function both branches are traced, once each, and a call runs one of them. Variables that a branch
/// assigns, and what it prints, are left alone by the other. Outside of one, the branch that is chosen runs, and the other
/// does not.
///
/// ```
/// # use tancho_core::{Result, Tensor, Variable, cond, function, tensor};
/// # fn main() -> Result<()> {
/// let count = Variable::new(0);
/// let halve = function(|n: Tensor| {
///     cond(
///         (&n % 2).eq(0),
///         || {
///             count.assign_add(1)?;
///             Ok(&n / 2)
///         },
///         || Ok(3 * &n + 1),
///     )
/// });
/// assert_eq!(halve.call(tensor(10))?.item::<i32>()?, 5);
/// assert_eq!(halve.call(tensor(5))?.item::<i32>()?, 16);
/// assert_eq!(count.item::<i32>()?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Gradient
/// That of the branch that is chosen.
///
/// # Errors
/// The predicate is no `bool` scalar, or the branches give different structures or types: each leaf that differs is named.
/// Branches that give no tensors have no place for an error, unless they return a `Result`.
#[track_caller]
pub fn cond<R: Outcome>(predicate: impl AsTensor, on_true: impl FnOnce() -> R, on_false: impl FnOnce() -> R) -> R {
    let location = Location::caller();
    let predicate = tensor_of("cond", predicate, location);
    choose(Choice::Predicate, &predicate, vec![Box::new(on_true), Box::new(on_false)], location)
}

/// One of several branches, counted from 0; the last one where the index is out of range.
///
/// The index is an integer scalar. The branches are a tuple, an array or a vector of closures without arguments; otherwise
/// they are as in [`cond`].
///
/// ```
/// # use tancho_core::{Result, Tensor, function, switch, tensor};
/// # fn main() -> Result<()> {
/// let activate = function(|kind: Tensor, x: Tensor| switch(kind, (|| x.relu(), || x.tanh(), || x.clone())));
/// assert_eq!(activate.call((tensor(0), tensor(-2.0f32)))?.item::<f32>()?, 0.0);
/// assert_eq!(activate.call((tensor(7), tensor(-2.0f32)))?.item::<f32>()?, -2.0);
/// # Ok(())
/// # }
/// ```
///
/// # Gradient
/// That of the branch that is chosen.
///
/// # Errors
/// The index is no integer scalar, or the branches give different structures or types.
///
/// # Panics
/// An array or a vector without a branch.
#[track_caller]
pub fn switch<'b, R: Outcome>(index: impl AsTensor, branches: impl Branches<'b, R>) -> R {
    let location = Location::caller();
    let index = tensor_of("switch", index, location);
    let branches = branches.into_branches();
    // There is nothing that could carry an error.
    assert!(!branches.is_empty(), "switch needs a branch ({location})");
    choose(Choice::Index, &index, branches, location)
}

/// A branch of a [`switch`].
pub type Branch<'b, R> = Box<dyn FnOnce() -> R + 'b>;

/// The branches of a [`switch`]: a tuple of up to eight closures, or an array or a vector of closures of one type (which
/// may be `Box<dyn FnOnce() -> R>`).
pub trait Branches<'b, R> {
    fn into_branches(self) -> Vec<Branch<'b, R>>;
}

impl<'b, R, F: FnOnce() -> R + 'b> Branches<'b, R> for Vec<F> {
    fn into_branches(self) -> Vec<Branch<'b, R>> {
        self.into_iter().map(|branch| Box::new(branch) as Branch<'b, R>).collect()
    }
}

impl<'b, R, F: FnOnce() -> R + 'b, const N: usize> Branches<'b, R> for [F; N] {
    fn into_branches(self) -> Vec<Branch<'b, R>> {
        self.into_iter().map(|branch| Box::new(branch) as Branch<'b, R>).collect()
    }
}

macro_rules! tuples {
    ($($($F:ident $place:tt)*;)*) => {$(
        impl<'b, R, $($F: FnOnce() -> R + 'b),*> Branches<'b, R> for ($($F,)*) {
            fn into_branches(self) -> Vec<Branch<'b, R>> {
                vec![$(Box::new(self.$place)),*]
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
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}

/// What a choice is made by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// True chooses the first of two branches.
    Predicate,
    Index,
}

impl Choice {
    fn op(self) -> &'static str {
        match self {
            Choice::Predicate => "cond",
            Choice::Index => "switch",
        }
    }

    /// How a message names what a branch gives.
    fn describe(self, branch: usize) -> String {
        match (self, branch) {
            (Choice::Predicate, 0) => "if true".into(),
            (Choice::Predicate, _) => "if false".into(),
            (Choice::Index, branch) => format!("in branch {branch}"),
        }
    }

    /// # Errors
    /// No scalar of a right dtype.
    fn check(self, index: &Tensor, location: &'static Location<'static>) -> Result<TensorType> {
        let of = leaf_type(index)?;
        let (fits, what) = match self {
            Choice::Predicate => (is_scalar(&of, DType::Bool), "the predicate is no bool scalar"),
            Choice::Index => (of.rank() == 0 && of.dtype.is_integer(), "the index is no integer scalar"),
        };
        if fits { Ok(of) } else { Err(fault(self.op(), format!("{what}, but {of}"), location)) }
    }

    /// The branch that a value chooses.
    fn place(self, value: &Array, n_branches: usize) -> usize {
        match self {
            Choice::Predicate => usize::from(!is_true(value)),
            Choice::Index => {
                // Indices that `f64` does not have are far out of range.
                let index = value.to_f64_vec().first().copied().unwrap_or(-1.0);
                if index >= 0.0 { (index as usize).min(n_branches - 1) } else { n_branches - 1 }
            }
        }
    }
}

fn choose<R: Outcome>(
    choice: Choice,
    index: &Tensor,
    mut branches: Vec<Branch<'_, R>>,
    location: &'static Location<'static>,
) -> R {
    let checked = match trace::active_error() {
        Some(error) => Err(error),
        None => choice.check(index, location),
    };
    match checked {
        Err(error) => give_up(error, branches, location),
        Ok(_) if trace::is_active() => trace_branches(choice, index, branches, location),
        Ok(_) => match value_of(choice.op(), index, location) {
            Err(error) => give_up(error, branches, location),
            Ok(value) => {
                let place = choice.place(&value, branches.len());
                branches.swap_remove(place)()
            }
        },
    }
}

fn trace_branches<R: Outcome>(
    choice: Choice,
    index: &Tensor,
    branches: Vec<Branch<'_, R>>,
    location: &'static Location<'static>,
) -> R {
    let op = choice.op();
    // What the first branch gave, with the types of its leaves.
    let mut first: Option<(R, Vec<TensorType>)> = None;
    let mut regions: Vec<Region> = Vec::new();
    let mut waiting = branches.into_iter();
    loop {
        let opened = match waiting.len() {
            0 => break,
            _ => OpenRegion::begin(&format!("branch_{}", regions.len()), &[], location),
        };
        let region = match opened {
            Ok((region, _)) => region,
            Err(error) => return give_up(error, waiting.collect(), location),
        };
        let Some(branch) = waiting.next() else { break };
        let outcome = branch();
        let leaves = outcome.tree().map(flatten);
        let region = match leaves.and_then(|leaves| region.close(&leaves, location)) {
            Ok(region) => region,
            Err(error) => return failed(outcome, error),
        };
        let types: Vec<TensorType> = region.result_types().cloned().collect();
        match &first {
            None => first = Some((outcome, types)),
            Some((of_first, first_types)) => {
                let (mine, theirs) = (choice.describe(0), choice.describe(regions.len()));
                let sides = Sides { root: "result", first: &mine, second: "", behind: &theirs };
                let Some(difference) = difference(of_first, &outcome, first_types, &types, sides) else {
                    regions.push(region);
                    continue;
                };
                return failed(outcome, fault(op, difference, location));
            }
        }
        regions.push(region);
    }
    let index = match choice {
        Choice::Predicate => {
            // The op counts `false` as 0.
            regions.reverse();
            index.clone()
        }
        Choice::Index => narrow_index(index, regions.len()),
    };
    let results = stage_case(op, &index, regions, location);
    let (outcome, _) = first.expect("a choice has a branch");
    match results {
        Ok(results) => rebuilt(outcome, results),
        Err(error) => failed(outcome, error),
    }
}

/// What differs between the outcomes of two branches, as a message.
fn difference<R: Outcome>(
    first: &R,
    second: &R,
    first_types: &[TensorType],
    second_types: &[TensorType],
    sides: Sides<'_>,
) -> Option<String> {
    let (Ok(first), Ok(second)) = (first.tree(), second.tree()) else { return None };
    let paths = leaf_paths(first, sides.root);
    structure_difference(first, second, sides).or_else(|| type_difference(&paths, first_types, second_types, sides))
}

/// An outcome with other leaves; one that is an error stays.
pub(super) fn rebuilt<R: Outcome>(outcome: R, leaves: Vec<Tensor>) -> R {
    let mut leaves = leaves.into_iter();
    let tree = outcome.tree().map(|tree| tree.rebuild(&mut || next_leaf(&mut leaves)));
    tree.map_or(outcome, R::from_tree)
}

/// An index as an `i32` that chooses the same of `n` branches.
fn narrow_index(index: &Tensor, n: usize) -> Tensor {
    match index.dtype() {
        DType::I32 => index.clone(),
        DType::I8 | DType::I16 | DType::U8 | DType::U16 => index.to(DType::I32),
        DType::I64 => index.clamp(-1, n).to(DType::I32),
        _ => crate::ops::minimum(index, n).to(DType::I32),
    }
}

/// Gives an error in the place of what branches would give: one of them runs, for its structure alone, in a trace that
/// fails.
///
/// Branches may hold choices in turn, and one of them may do so without end: it is another branch that runs then.
fn give_up<R: Outcome>(error: Error, mut branches: Vec<Branch<'_, R>>, location: &'static Location<'static>) -> R {
    thread_local! {
        static GIVEN_UP: Cell<usize> = const { Cell::new(0) };
    }
    let depth = GIVEN_UP.get();
    let branch = branches.swap_remove(depth % branches.len());
    GIVEN_UP.set(depth + 1);
    let outcome = in_failing_trace(&error, location, branch);
    GIVEN_UP.set(depth);
    failed(outcome, error)
}

/// Runs a closure where its operations are staged into a trace that fails, so that nothing happens but in Rust.
pub(super) fn in_failing_trace<R>(error: &Error, location: &'static Location<'static>, body: impl FnOnce() -> R) -> R {
    if trace::is_active() {
        trace::record_error(error);
        return body();
    }
    // No trace is open, so that there is room for this one.
    let session = Session::open("failed", Kind::Function { slot: 0 }, location);
    trace::record_error(error);
    let outcome = body();
    drop(session);
    outcome
}

/// An error in the place of an outcome; an outcome that is one stays.
pub(super) fn failed<R: Outcome>(outcome: R, error: Error) -> R {
    trace::record_error(&error);
    match outcome.tree() {
        Ok(tree) => R::from_error(tree, error),
        Err(_) => outcome,
    }
}

pub(super) fn fault(op: &'static str, message: String, location: &'static Location<'static>) -> Error {
    Error::at(ErrorKind::Op { op, message }, location)
}

/// The tensor of an operand; of a variable, what it holds now.
pub(super) fn tensor_of(op: &'static str, operand: impl AsTensor, location: &'static Location<'static>) -> Tensor {
    let mut operands = [operand.into_operand()];
    resolve(op, &mut operands);
    let tensor = match &operands[0] {
        Operand::Lend(tensor) => tensor,
        Operand::Give(tensor) => tensor,
        Operand::Scalar(_) | Operand::Size(_) => return Tensor::fault_at(op, "takes a tensor".into(), location),
    };
    match &tensor.0 {
        Repr::Variable(cell) => cell.read(location),
        _ => tensor.clone(),
    }
}

/// What a tensor holds, where no trace is active.
pub(super) fn value_of(op: &str, tensor: &Tensor, location: &'static Location<'static>) -> Result<Array> {
    tensor.value().cloned().ok_or_else(|| trace::not_a_value(op, tensor, location))
}

/// The value of a `bool` scalar.
pub(super) fn is_true(value: &Array) -> bool {
    value.elements::<bool>().is_ok_and(|elements| elements.first() == Some(&true))
}

/// The next of the leaves that a tree is rebuilt with; there are as many as it has.
pub(super) fn next_leaf(leaves: &mut impl Iterator<Item = Tensor>) -> Tensor {
    leaves.next().unwrap_or_else(|| Tensor::from(crate::tensor::nothing()))
}

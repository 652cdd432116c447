//! Loops: `while_loop` and `for_loop`.
//!
//! While a trace is active, condition and body are traced once, as graphs of their own. Otherwise they run as often as the
//! loop goes round, as if they were written in a Rust loop.

mod leaves;

use std::ops::Range;
use std::panic::Location;

use tancho_tensor::DType;

use self::leaves::{Loop, STATE};
pub(super) use self::leaves::{check_types, parameters_for, pays_to_unroll};
use super::control::{fault, next_leaf};
use crate::compare::{Sides, is_scalar, leaf_paths, leaf_type, structure_difference};
use crate::error::Result;
use crate::function::Outcome;
use crate::shape::Dim;
use crate::tensor::{Tensor, nothing};
use crate::trace;
use crate::tree::{Tree, flatten};
use crate::variable::Variable;

/// Repeats a body while a condition holds; gives the last state.
///
/// The state is a tensor or any structure of tensors. The condition takes it and gives a `bool` scalar. The body takes it and
/// gives the next state, or a `Result` of it: the same structure, with leaves of the same dtypes and shapes. What the loop
/// gives is of the type that the body returns. Body and condition use what is around them, and the body may assign
/// variables and print.
///
/// Within a traced function, condition and body are traced once each.
///
/// ```
/// # use tancho_core::{Result, Tensor, cond, function, tensor, while_loop};
/// # fn main() -> Result<()> {
/// let collatz = function(|n: Tensor| {
///     let (_, steps) = while_loop((n, tensor(0)), |(n, _)| n.gt(1), |(n, steps)| {
///         (cond((&n % 2).eq(0), || &n / 2, || 3 * &n + 1), steps + 1)
///     });
///     steps
/// });
/// assert_eq!(collatz.call(tensor(27))?.item::<i32>()?, 111);
/// # Ok(())
/// # }
/// ```
///
/// # Gradient
/// Forward mode. Reverse mode takes a bound: see [`while_loop_bounded`].
///
/// # Errors
/// The condition gives no `bool` scalar, or assigns a variable (within a traced function); the body gives another structure
/// or other types than the state has: each leaf that differs is named.
#[track_caller]
pub fn while_loop<S, C, R>(init: S, condition: impl FnMut(S) -> C, body: impl FnMut(S) -> R) -> R
where
    S: Tree,
    C: Outcome<Out = Tensor>,
    R: Outcome<Out = S>,
{
    repeat("while_loop", init, None, condition, body, Location::caller())
}

/// As [`while_loop`], but the body runs at most `bound` times; the loop then ends, whatever the condition says.
///
/// # Gradient
/// Forward and reverse mode. What the reverse mode needs of each trip is kept, so that it takes memory for `bound` trips.
///
/// # Errors
/// As [`while_loop`]; the bound is a size that cannot be had.
#[track_caller]
pub fn while_loop_bounded<S, C, R>(
    bound: impl Into<Dim>,
    init: S,
    condition: impl FnMut(S) -> C,
    body: impl FnMut(S) -> R,
) -> R
where
    S: Tree,
    C: Outcome<Out = Tensor>,
    R: Outcome<Out = S>,
{
    repeat("while_loop_bounded", init, Some(bound.into()), condition, body, Location::caller())
}

/// Runs a body for each number of a range; gives the last state.
///
/// The trips are a number, a range of numbers, a size or a range of sizes, or an integer scalar. The body takes the number
/// of the trip (an `i32` scalar; for trips that are a tensor, of its dtype) and the state, and gives the next state as in
/// [`while_loop`].
///
/// A small body that runs a few times, as the program says, is put down once for each trip.
///
/// ```
/// # use tancho_core::{Result, Tensor, for_loop, function, tensor};
/// # fn main() -> Result<()> {
/// let power = function(|x: Tensor, n: Tensor| for_loop(n, tensor(1.0f32), |_, power| power * &x));
/// assert_eq!(power.call((tensor(2.0f32), tensor(10)))?.item::<f32>()?, 1024.0);
/// let sum = function(|x: Tensor| for_loop(&x.shape()[0], tensor(0), |i, sum| sum + x.take(i, 0)));
/// assert_eq!(sum.call(tensor([1, 2, 3]))?.item::<i32>()?, 6);
/// # Ok(())
/// # }
/// ```
///
/// # Gradient
/// Forward mode; reverse mode where the trips are numbers or sizes.
///
/// # Errors
/// The trips are no integer scalar, or a size that cannot be had; otherwise as [`while_loop`].
#[track_caller]
pub fn for_loop<S, R>(trips: impl Trips, init: S, body: impl FnMut(Tensor, S) -> R) -> R
where
    S: Tree,
    R: Outcome<Out = S>,
{
    count("for_loop", trips.into_range(), init, body, Location::caller())
}

/// How often a [`for_loop`] runs: an integer, a range of integers, a [`Dim`], a range of those, or an integer scalar.
pub trait Trips {
    fn into_range(self) -> TripRange;
}

/// The numbers of the trips of a [`for_loop`].
pub enum TripRange {
    Sizes(Range<Dim>),
    /// From 0 to a value.
    Below(Tensor),
}

macro_rules! integers {
    ($($Integer:ident)*) => {$(
        impl Trips for $Integer {
            fn into_range(self) -> TripRange {
                TripRange::Sizes(Dim::from(0i64)..Dim::from(self))
            }
        }

        impl Trips for Range<$Integer> {
            fn into_range(self) -> TripRange {
                TripRange::Sizes(Dim::from(self.start)..Dim::from(self.end))
            }
        }
    )*};
}
integers!(i32 i64 u32 usize);

impl Trips for Dim {
    fn into_range(self) -> TripRange {
        TripRange::Sizes(Dim::from(0i64)..self)
    }
}

impl Trips for &Dim {
    fn into_range(self) -> TripRange {
        self.clone().into_range()
    }
}

impl Trips for Range<Dim> {
    fn into_range(self) -> TripRange {
        TripRange::Sizes(self)
    }
}

impl Trips for Tensor {
    fn into_range(self) -> TripRange {
        TripRange::Below(self)
    }
}

impl Trips for &Tensor {
    fn into_range(self) -> TripRange {
        TripRange::Below(self.clone())
    }
}

impl Trips for &Variable {
    fn into_range(self) -> TripRange {
        TripRange::Below(self.read())
    }
}

/// The leaves of what is to be a state's next one.
///
/// # Errors
/// A leaf carries one, or the structures differ.
pub(super) fn next_leaves<S: Tree>(
    op: &'static str,
    state: &S,
    next: &S,
    sides: Sides<'_>,
    location: &'static Location<'static>,
) -> Result<Vec<Tensor>> {
    let leaves = flatten(next);
    leaves.iter().try_for_each(Tensor::check)?;
    match structure_difference(state, next, sides) {
        Some(difference) => Err(fault(op, difference, location)),
        None => Ok(leaves),
    }
}

/// A tree of a structure with other leaves.
pub(super) fn with_leaves<T: Tree>(structure: &T, leaves: Vec<Tensor>) -> T {
    let mut leaves = leaves.into_iter();
    structure.rebuild(&mut || next_leaf(&mut leaves))
}

fn repeat<S, C, R>(
    op: &'static str,
    init: S,
    bound: Option<Dim>,
    mut condition: impl FnMut(S) -> C,
    mut body: impl FnMut(S) -> R,
    location: &'static Location<'static>,
) -> R
where
    S: Tree,
    C: Outcome<Out = Tensor>,
    R: Outcome<Out = S>,
{
    let mut decide = |leaves: Vec<Tensor>| {
        let decision = condition(with_leaves(&init, leaves)).into_result()?;
        let of = leaf_type(&decision)?;
        let message = || format!("the condition gives {of}, not a bool scalar");
        if is_scalar(&of, DType::Bool) { Ok(decision) } else { Err(fault(op, message(), location)) }
    };
    let mut step = |_: Option<&Tensor>, leaves: Vec<Tensor>| {
        next_leaves(op, &init, body(with_leaves(&init, leaves)).tree()?, STATE, location)
    };
    let run = Loop { op, paths: leaf_paths(&init, STATE.root), location };
    let last = run.repeat(flatten(&init), bound, &mut decide, &mut step);
    finish(&init, last)
}

fn count<S, R>(
    op: &'static str,
    trips: TripRange,
    init: S,
    mut body: impl FnMut(Tensor, S) -> R,
    location: &'static Location<'static>,
) -> R
where
    S: Tree,
    R: Outcome<Out = S>,
{
    let mut step = |number: Option<&Tensor>, leaves: Vec<Tensor>| {
        let number = number.cloned().unwrap_or_else(|| Tensor::from(nothing()));
        next_leaves(op, &init, body(number, with_leaves(&init, leaves)).tree()?, STATE, location)
    };
    let run = Loop { op, paths: leaf_paths(&init, STATE.root), location };
    let last = run.count(flatten(&init), trips, &mut step);
    finish(&init, last)
}

fn finish<S: Tree, R: Outcome<Out = S>>(init: &S, last: Result<Vec<Tensor>>) -> R {
    match last {
        Ok(leaves) => R::from_tree(with_leaves(init, leaves)),
        Err(error) => {
            trace::record_error(&error);
            R::from_error(init, error)
        }
    }
}

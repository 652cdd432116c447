//! Loops: `while_loop` and `for_loop`.
//!
//! While a trace is active, condition and body are traced once, as graphs of their own. Otherwise they run as often as the
//! loop goes round, as if they were written in a Rust loop.

use std::ops::Range;
use std::panic::Location;

use tancho_ir::ops::{BinaryOp, Comparison};
use tancho_ir::{self as ir, TensorType};
use tancho_tensor::{Array, DType};

use super::control::{fault, is_true, next_leaf, value_of};
use super::create::size_tensor;
use crate::apply::{Attributes, apply_at};
use crate::builder::Build;
use crate::compare::{Sides, is_scalar, leaf_paths, leaf_type, leaf_types, structure_difference, type_difference};
use crate::error::{Error, Result};
use crate::function::Outcome;
use crate::operand::Operand;
use crate::region::{Callee, OpenRegion, Region, stage_while};
use crate::scalar::Scalar;
use crate::shape::Dim;
use crate::signature::legal_names;
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
/// let sum = function(|x: Tensor| for_loop(0..x.shape()[0].clone(), tensor(0), |i, sum| sum + x.take(i, 0)));
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

/// How messages name a loop's state.
const STATE: Sides<'static> = Sides { root: "state", first: "", second: "the body gives", behind: "" };

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

/// # Errors
/// The types of the leaves differ.
pub(super) fn check_types(
    op: &'static str,
    paths: &[String],
    types: &[TensorType],
    next: &[TensorType],
    sides: Sides<'_>,
    location: &'static Location<'static>,
) -> Result<()> {
    match type_difference(paths, types, next, sides) {
        Some(difference) => Err(fault(op, difference, location)),
        None => Ok(()),
    }
}

/// A tree of a structure with other leaves.
pub(super) fn with_leaves<T: Tree>(structure: &T, leaves: Vec<Tensor>) -> T {
    let mut leaves = leaves.into_iter();
    structure.rebuild(&mut || next_leaf(&mut leaves))
}

/// Parameters of a region for leaves.
pub(super) fn parameters_for(paths: &[String], types: &[TensorType]) -> Vec<(String, TensorType)> {
    legal_names(paths).into_iter().zip(types.iter().cloned()).collect()
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

/// The condition of a loop: a `bool` scalar for the leaves of a state.
type Decide<'a> = &'a mut dyn FnMut(Vec<Tensor>) -> Result<Tensor>;

/// The body of a loop: the next leaves, for the number of the trip, where it is counted, and the leaves.
type Step<'a> = &'a mut dyn FnMut(Option<&Tensor>, Vec<Tensor>) -> Result<Vec<Tensor>>;

/// A loop over the leaves of a state.
struct Loop {
    op: &'static str,
    /// The paths of the leaves.
    paths: Vec<String>,
    location: &'static Location<'static>,
}

/// The numbers that a loop counts, which are scalars of one dtype.
struct Counter {
    start: Tensor,
    /// The first number that is not reached.
    end: Tensor,
    /// How many numbers there are at most.
    bound: Option<ir::Dim>,
}

impl Loop {
    /// Repeats `step` while `decide` says so, at most `bound` times.
    fn repeat(
        &self,
        state: Vec<Tensor>,
        bound: Option<Dim>,
        decide: Decide<'_>,
        step: Step<'_>,
    ) -> Result<Vec<Tensor>> {
        let types = self.begin(&state)?;
        let bound = match bound {
            Some(bound) => Some(self.size(&bound)?.maximum(&ir::Dim::ZERO)),
            None => None,
        };
        if !trace::is_active() {
            let limit = match &bound {
                Some(bound) => self.known(bound)?,
                None => i64::MAX,
            };
            let (mut state, mut trips) = (state, 0);
            while self.holds(&decide(state.clone())?)? && trips < limit {
                state = self.checked(&types, step(None, state)?)?;
                trips += 1;
            }
            return Ok(state);
        }
        match bound {
            Some(bound) => {
                let end = self.size_tensor(&bound, DType::I64)?;
                let counter = Counter { start: Tensor::from_array(Array::scalar(0i64)), end, bound: Some(bound) };
                self.stage_counted(&counter, state, &types, Some(decide), step)
            }
            None => {
                let parameters = parameters_for(&self.paths, &types);
                let condition = self.region("condition", &parameters, |leaves| Ok(vec![decide(leaves)?]))?;
                let body = self.region("body", &parameters, |leaves| step(None, leaves))?;
                self.check_region(&body, 0, &types)?;
                stage_while(self.op, &state.iter().collect::<Vec<_>>(), condition, body, None, self.location)
            }
        }
    }

    /// Runs `step` for each number of a range.
    fn count(&self, state: Vec<Tensor>, trips: TripRange, step: Step<'_>) -> Result<Vec<Tensor>> {
        let types = self.begin(&state)?;
        let counter = match trips {
            TripRange::Sizes(range) => {
                let (start, end) = (self.size(&range.start)?, self.size(&range.end)?);
                let bound = (end.clone() - start.clone()).maximum(&ir::Dim::ZERO);
                let [start, end] = [start, end].map(|size| self.size_tensor(&size, DType::I32));
                Counter { start: start?, end: end?, bound: Some(bound) }
            }
            TripRange::Below(end) => {
                let of = leaf_type(&end)?;
                if of.rank() > 0 || !of.dtype.is_integer() {
                    return Err(self.fault(format!("the number of trips is no integer scalar, but {of}")));
                }
                Counter { start: self.number(0, of.dtype)?, end, bound: None }
            }
        };
        if trace::is_active() {
            return self.stage_counted(&counter, state, &types, None, step);
        }
        let [start, end] = [&counter.start, &counter.end].map(|tensor| self.integer(tensor));
        let mut state = state;
        for number in start?..end? {
            let number = self.number(number, counter.start.dtype())?;
            state = self.checked(&types, step(Some(&number), state)?)?;
        }
        Ok(state)
    }

    /// Stages a loop that counts, in front of the state.
    fn stage_counted(
        &self,
        counter: &Counter,
        state: Vec<Tensor>,
        types: &[TensorType],
        decide: Option<Decide<'_>>,
        step: Step<'_>,
    ) -> Result<Vec<Tensor>> {
        let mut parameters = vec![("trip".to_owned(), TensorType::scalar(counter.start.dtype()))];
        parameters.extend(parameters_for(&self.paths, types));
        let is_conditional = decide.is_some();
        let condition =
            self.region("condition", &parameters, |mut leaves| {
                let trip = leaves.remove(0);
                let goes_on = self.apply(&[&trip, &counter.end], &|builder, values| {
                    builder.compare(Comparison::Lt, values[0], values[1])
                });
                let Some(decide) = decide else { return Ok(vec![goes_on]) };
                let decision = decide(leaves)?;
                Ok(vec![self.apply(&[&goes_on, &decision], &|builder, values| {
                    builder.binary(BinaryOp::And, values[0], values[1])
                })])
            })?;
        let body = self.region("body", &parameters, |mut leaves| {
            let trip = leaves.remove(0);
            let next = step(Some(&trip), leaves)?;
            let trip = self.apply(&[&trip], &|builder, values| builder.binary_constant(BinaryOp::Add, values[0], 1.0));
            Ok(std::iter::once(trip).chain(next).collect())
        })?;
        self.check_region(&body, 1, types)?;
        let n_trips = counter.bound.as_ref().and_then(ir::Dim::as_known);
        if let Some(n_trips) = n_trips
            && !is_conditional
            && pays_to_unroll(n_trips, &body)
        {
            let callee = Callee::new(body);
            let first = self.integer(&counter.start)?;
            return (first..first + n_trips).try_fold(state, |state, number| {
                let number = self.number(number, counter.start.dtype())?;
                let operands: Vec<&Tensor> = std::iter::once(&number).chain(&state).collect();
                Ok(callee.stage(self.op, &operands, self.location)?.split_off(1))
            });
        }
        let operands: Vec<&Tensor> = std::iter::once(&counter.start).chain(&state).collect();
        let results = stage_while(self.op, &operands, condition, body, counter.bound.clone(), self.location)?;
        Ok(results.into_iter().skip(1).collect())
    }

    /// The types of the first state.
    ///
    /// # Errors
    /// A leaf carries one, or the active trace has met one already, so that nothing needs to be traced any more.
    fn begin(&self, state: &[Tensor]) -> Result<Vec<TensorType>> {
        trace::active_error().map_or(Ok(()), Err)?;
        leaf_types(state)
    }

    fn region(
        &self,
        name: &str,
        parameters: &[(String, TensorType)],
        body: impl FnOnce(Vec<Tensor>) -> Result<Vec<Tensor>>,
    ) -> Result<Region> {
        let (region, leaves) = OpenRegion::begin(name, parameters, self.location)?;
        region.close(&body(leaves)?, self.location)
    }

    /// Checks the types of a body's results from a place on.
    fn check_region(&self, body: &Region, first: usize, types: &[TensorType]) -> Result<()> {
        let next: Vec<TensorType> = body.result_types().skip(first).cloned().collect();
        check_types(self.op, &self.paths, types, &next, STATE, self.location)
    }

    /// Leaves of the right types.
    fn checked(&self, types: &[TensorType], next: Vec<Tensor>) -> Result<Vec<Tensor>> {
        check_types(self.op, &self.paths, types, &leaf_types(&next)?, STATE, self.location)?;
        Ok(next)
    }

    fn holds(&self, decision: &Tensor) -> Result<bool> {
        Ok(is_true(&value_of(self.op, decision, self.location)?))
    }

    /// The value of an integer scalar.
    fn integer(&self, tensor: &Tensor) -> Result<i64> {
        let array = value_of(self.op, tensor, self.location)?;
        let value = array.to_f64_vec().first().copied().unwrap_or(0.0);
        // Saturates, far beyond what a loop can count.
        Ok(value as i64)
    }

    fn number(&self, number: i64, dtype: DType) -> Result<Tensor> {
        let array = Scalar::from(number).to_array(dtype).map_err(|message| self.fault(message))?;
        Ok(Tensor::from_array(array))
    }

    fn size(&self, size: &Dim) -> Result<ir::Dim> {
        size.get().map_err(|fault| self.fault(fault.0))
    }

    fn known(&self, size: &ir::Dim) -> Result<i64> {
        size.as_known().ok_or_else(|| self.fault(format!("the size {size} is known only in the trace that it is from")))
    }

    fn size_tensor(&self, size: &ir::Dim, dtype: DType) -> Result<Tensor> {
        match size.as_known() {
            Some(known) => self.number(known, dtype),
            None => {
                let tensor = size_tensor(&Dim::from(size.clone()), dtype, self.location);
                tensor.check()?;
                Ok(tensor)
            }
        }
    }

    fn apply(&self, inputs: &[&Tensor], build: Build) -> Tensor {
        let mut inputs: Vec<Operand<'_>> = inputs.iter().map(|input| Operand::Lend(input)).collect();
        apply_at(self.op, Attributes::none(), &mut inputs, self.location, build)
    }

    fn fault(&self, message: String) -> Error {
        fault(self.op, message, self.location)
    }
}

/// At most this many trips are put down one after the other, and this many operations in all.
const MOST_UNROLLED_TRIPS: i64 = 8;
const MOST_UNROLLED_SIZE: usize = 128;

/// Values of at most so many elements are computed in less time than a loop takes to go round.
const LARGEST_UNROLLED_VALUE: i64 = 1024;

/// Whether a loop that runs so often is to be put down once for each trip.
///
/// A trip of a compiled loop costs some 0.2 µs beside what its body computes, and operations of one trip are not fused with
/// those of the next. On small values the copies are several times as fast as the loop; on large ones they are no faster,
/// and take longer to compile.
pub(super) fn pays_to_unroll(n_trips: i64, body: &Region) -> bool {
    n_trips <= MOST_UNROLLED_TRIPS
        && n_trips.max(0) as usize * body.size() <= MOST_UNROLLED_SIZE
        && body.largest_value().is_some_and(|elements| elements <= LARGEST_UNROLLED_VALUE)
}

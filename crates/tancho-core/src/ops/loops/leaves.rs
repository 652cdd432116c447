//! Loops over the leaves of a state, for closures on lists of tensors.
//!
//! Eagerly such a loop is a Rust loop. While a trace is active it becomes a `while` op: of the condition and the body, or of a
//! counter in front of the state where the trips are counted. Few trips of a small body become calls of the body instead.

use std::panic::Location;

use tancho_ir::ops::{BinaryOp, Comparison};
use tancho_ir::{self as ir, TensorType};
use tancho_tensor::{Array, DType};

use super::TripRange;
use crate::apply::{Attributes, apply_at};
use crate::builder::Build;
use crate::compare::{Sides, leaf_type, leaf_types, type_difference};
use crate::error::{Error, Result};
use crate::operand::Operand;
use crate::ops::control::{fault, is_true, value_of};
use crate::ops::create::size_tensor;
use crate::region::{Callee, OpenRegion, Region, stage_while};
use crate::scalar::Scalar;
use crate::shape::Dim;
use crate::signature::legal_names;
use crate::tensor::Tensor;
use crate::trace;

/// How messages name a loop's state.
pub(super) const STATE: Sides<'static> = Sides { root: "state", first: "", second: "the body gives", behind: "" };

/// The condition of a loop: a `bool` scalar for the leaves of a state.
pub(super) type Decide<'a> = &'a mut dyn FnMut(Vec<Tensor>) -> Result<Tensor>;

/// The body of a loop: the next leaves, for the number of the trip, where it is counted, and the leaves.
pub(super) type Step<'a> = &'a mut dyn FnMut(Option<&Tensor>, Vec<Tensor>) -> Result<Vec<Tensor>>;

/// A loop over the leaves of a state.
pub(super) struct Loop {
    pub(super) op: &'static str,
    /// The paths of the leaves.
    pub(super) paths: Vec<String>,
    pub(super) location: &'static Location<'static>,
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
    pub(super) fn repeat(
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
    pub(super) fn count(&self, state: Vec<Tensor>, trips: TripRange, step: Step<'_>) -> Result<Vec<Tensor>> {
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
pub(in crate::ops) fn pays_to_unroll(n_trips: i64, body: &Region) -> bool {
    n_trips <= MOST_UNROLLED_TRIPS
        && n_trips.max(0) as usize * body.size() <= MOST_UNROLLED_SIZE
        && body.largest_value().is_some_and(|elements| elements <= LARGEST_UNROLLED_VALUE)
}

/// # Errors
/// The types of the leaves differ.
pub(in crate::ops) fn check_types(
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

/// Parameters of a region for leaves.
pub(in crate::ops) fn parameters_for(paths: &[String], types: &[TensorType]) -> Vec<(String, TensorType)> {
    legal_names(paths).into_iter().zip(types.iter().cloned()).collect()
}

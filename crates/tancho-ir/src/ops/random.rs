//! Random bits.

use super::{Check, OpError, ResultTypes};
use crate::{Dim, TensorType};
use tancho_tensor::DType;

/// `rng_bit_generator`: uniformly distributed bits from a state, and the next state.
///
/// The operand is the state, as `u64`; the results are the new state and the bits.
///
/// (C1) The state is `u64[2]` for `threefry`, `u64[2]` or `u64[3]` for `philox`. (C2) The bits are of an integer or float
/// dtype. What is random of a float are its bits.
///
/// # Reference
/// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (2011). The counters and their layout are those
/// of XLA.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RandomOp {
    pub algorithm: RandomAlgorithm,
    /// The type of the bits.
    pub bits: TensorType,
}

/// How random bits are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RandomAlgorithm {
    /// Threefry-2x32 with 20 rounds.
    Threefry,
    /// Philox-4x32 with 10 rounds.
    Philox,
}

impl RandomAlgorithm {
    pub const ALL: [RandomAlgorithm; 2] = [RandomAlgorithm::Threefry, RandomAlgorithm::Philox];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            RandomAlgorithm::Threefry => "threefry",
            RandomAlgorithm::Philox => "philox",
        }
    }
}

impl RandomOp {
    pub fn name(&self) -> &'static str {
        "rng_bit_generator"
    }
}

pub(super) fn infer(op: &RandomOp, state: &TensorType, check: &mut Check<'_>) -> Result<ResultTypes, OpError> {
    // rng_bit_generator_c1
    let sizes: &[i64] = match op.algorithm {
        RandomAlgorithm::Threefry => &[2],
        RandomAlgorithm::Philox => &[2, 3],
    };
    let size = state.dims.first().and_then(Dim::as_known);
    let fits = state.dtype == DType::U64 && state.rank() == 1 && size.is_some_and(|size| sizes.contains(&size));
    check.that(fits, "c1", || format!("{} takes a state u64{sizes:?}, not {state}", op.algorithm.name()))?;
    // rng_bit_generator_c2
    check.that(op.bits.dtype != DType::Bool, "c2", || format!("does not make {}", op.bits))?;
    for dim in &op.bits.dims {
        check.at_least(dim, &Dim::ZERO, "c2", || format!("size {dim} is negative"))?;
    }
    Ok(ResultTypes::from_iter([state.clone(), op.bits.clone()]))
}

//! What the layers share that bring elements to mean 0 and variance 1: scale, offset, and the axes that they lie along.

use tancho_core::{DType, Error, Tensor, Variable};

use super::weights::{Weight, float_of};
use crate::fault::error;
use crate::init::{ones, zeros};
use crate::layer::known_size;
use crate::module::Parts;

/// What normal elements are multiplied by (gamma), and what is added to them (beta).
pub(crate) struct Affine {
    pub(crate) use_gamma: bool,
    pub(crate) use_beta: bool,
    pub(crate) gamma: Weight,
    pub(crate) beta: Weight,
}

pub(crate) struct AffineParts {
    /// The sizes that the layer was built for.
    pub(crate) sizes: Vec<usize>,
    pub(crate) gamma: Option<Variable>,
    pub(crate) beta: Option<Variable>,
}

impl Affine {
    pub(crate) fn new() -> Self {
        Affine { use_gamma: true, use_beta: true, gamma: Weight::new(ones()), beta: Weight::new(zeros()) }
    }

    #[track_caller]
    pub(crate) fn make(&self, sizes: &[usize], dtype: DType) -> AffineParts {
        let gamma = if self.use_gamma { Some(self.gamma.make("gamma", sizes, dtype)) } else { None };
        let beta = if self.use_beta { Some(self.beta.make("beta", sizes, dtype)) } else { None };
        AffineParts { sizes: sizes.to_vec(), gamma, beta }
    }

    pub(crate) fn show<'a>(&'a self, parts: &mut dyn Parts<'a>, made: &'a AffineParts) {
        if let Some(gamma) = &made.gamma {
            self.gamma.show(parts, "gamma", gamma);
        }
        if let Some(beta) = &made.beta {
            self.beta.show(parts, "beta", beta);
        }
    }
}

/// The methods of a layer with a field `affine`.
macro_rules! affine {
    () => {
        /// Without gamma, by which the normal elements are multiplied.
        pub fn without_scale(mut self) -> Self {
            self.affine.use_gamma = false;
            self
        }

        /// Without beta, which is added in the end.
        pub fn without_center(mut self) -> Self {
            self.affine.use_beta = false;
            self
        }

        crate::layers::weights::weights! {
            affine.gamma: gamma_init gamma_regularizer;
            affine.beta: beta_init beta_regularizer;
        }
    };
}
pub(crate) use affine;

/// The axes of an input that a layer works along, sorted, and their sizes.
///
/// # Errors
/// The input carries an error; an axis is out of range, named twice, or of a size that is not known; there is none.
#[track_caller]
pub(crate) fn sizes_along(layer: &str, x: &Tensor, axes: &[i64]) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let rank = x.try_shape()?.rank() as i64;
    let mut found = Vec::new();
    for &axis in axes {
        let size = known_size(layer, x, axis)?;
        found.push(((if axis < 0 { axis + rank } else { axis }) as usize, size));
    }
    found.sort_unstable();
    if found.is_empty() || found.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(error(layer, format!("takes one or several different axes, not {axes:?}")));
    }
    Ok(found.into_iter().unzip())
}

/// # Errors
/// The sizes along the axes are not those that the layer was built for.
#[track_caller]
pub(crate) fn require_sizes(layer: &str, x: &Tensor, built: &[usize], sizes: &[usize]) -> Result<(), Error> {
    if built == sizes {
        return Ok(());
    }
    let shape = x.try_shape()?;
    let message = format!("the layer was built for {built:?} along its axes, but the input {shape} has {sizes:?}");
    Err(error(layer, message))
}

/// The dtype that a layer computes in, and its variables have: 16-bit floats overflow in sums of squares.
///
/// # Errors
/// The input carries an error, or is not of floats.
#[track_caller]
pub(crate) fn wide_dtype(layer: &str, x: &Tensor) -> Result<DType, Error> {
    let dtype = float_of(layer, x)?;
    Ok(if dtype.is_half() { DType::F32 } else { dtype })
}

/// The input in the dtype that a layer computes in; nothing where it is of that dtype.
#[track_caller]
pub(crate) fn widened(x: &Tensor, dtype: DType) -> Tensor {
    if x.dtype() == dtype { x.clone() } else { x.to(dtype) }
}

/// Values with one size for each of some axes, as they broadcast to a tensor of a rank.
#[track_caller]
pub(crate) fn aligned(values: Tensor, axes: &[usize], sizes: &[usize], rank: usize) -> Tensor {
    let are_last = axes.iter().rev().zip((0..rank).rev()).all(|(&axis, last)| axis == last);
    if are_last {
        return values;
    }
    let mut shape = vec![1; rank];
    for (&axis, &size) in axes.iter().zip(sizes) {
        shape[axis] = size;
    }
    values.reshape(shape)
}

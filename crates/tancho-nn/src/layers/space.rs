//! What layers share that move a window over axes of space.
//!
//! Such layers are written once for any number of axes of space, as a constant `RANK`; their names (`Conv2D`, and `conv2d` in
//! messages) come from tables with an entry for each of the ranks 1 to 3 and one for all others.

use tancho_core::{DType, Error, Padding, Tensor};

use super::weights::float_of;
use crate::fault::error;
use crate::layer::known_size;

/// One number for each of `RANK` axes of space: a number for all of them, or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent<const RANK: usize>([usize; RANK]);

impl<const RANK: usize> From<usize> for Extent<RANK> {
    fn from(all: usize) -> Self {
        Extent([all; RANK])
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Extent<RANK> {
    fn from(each: [usize; RANK]) -> Self {
        Extent(each)
    }
}

impl<const RANK: usize> Extent<RANK> {
    pub(crate) const ONES: Self = Extent([1; RANK]);

    pub(crate) fn sizes(&self) -> [usize; RANK] {
        self.0
    }

    /// As the options of operations hold them, which reject a number that is too large.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.0.iter().map(|&number| i64::try_from(number).unwrap_or(i64::MAX)).collect()
    }

    /// # Errors
    /// A number is 0, or so large that products of two of them could overflow.
    #[track_caller]
    pub(crate) fn require_positive(&self, layer: &str, what: &str) -> Result<(), Error> {
        let largest = i32::MAX as usize;
        if self.0.contains(&0) {
            return Err(error(layer, format!("the {what} {:?} must be positive", self.0)));
        }
        if self.0.iter().any(|&number| number > largest) {
            return Err(error(layer, format!("the {what} {:?} must be at most {largest}", self.0)));
        }
        Ok(())
    }
}

/// The names of a layer for the ranks 1, 2 and 3, and for any other.
pub(crate) type Names = [&'static str; 4];

pub(crate) const fn name_of_rank(rank: usize, names: Names) -> &'static str {
    match rank {
        1 => names[0],
        2 => names[1],
        3 => names[2],
        _ => names[3],
    }
}

/// How a window moves over axes of space.
pub(crate) struct Moves<const RANK: usize> {
    pub(crate) strides: Extent<RANK>,
    pub(crate) padding: Padding,
    pub(crate) dilation: Extent<RANK>,
}

impl<const RANK: usize> Moves<RANK> {
    pub(crate) fn new() -> Self {
        Moves { strides: Extent::ONES, padding: Padding::Valid, dilation: Extent::ONES }
    }

    /// # Errors
    /// A stride or a dilation is 0.
    #[track_caller]
    pub(crate) fn check(&self, layer: &str) -> Result<(), Error> {
        self.strides.require_positive(layer, "strides")?;
        self.dilation.require_positive(layer, "dilation")
    }
}

/// The methods that say how the window of a layer with a field `moves` moves.
macro_rules! moving {
    () => {
        /// By how much the kernel moves along each axis; 1 unless it is said.
        pub fn strides(mut self, strides: impl Into<Extent<RANK>>) -> Self {
            self.moves.strides = strides.into();
            self
        }

        /// What is put around the input; nothing unless it is said.
        pub fn padding(mut self, padding: tancho_core::Padding) -> Self {
            self.moves.padding = padding;
            self
        }

        /// The distance of neighbours within the kernel; 1 unless it is said.
        pub fn dilation(mut self, dilation: impl Into<Extent<RANK>>) -> Self {
            self.moves.dilation = dilation.into();
            self
        }
    };
}
pub(crate) use moving;

/// The number of channels and the dtype of an input `[batch, …space, channels]` of a layer with so many axes of space.
///
/// # Errors
/// The input carries an error, has another rank, is not of floats, or the number of its channels is not known.
#[track_caller]
pub(crate) fn channels_of(layer: &str, x: &Tensor, rank: usize) -> Result<(usize, DType), Error> {
    require_rank(layer, x, rank)?;
    Ok((known_size(layer, x, -1)?, float_of(layer, x)?))
}

/// # Errors
/// The input carries an error, or is not `[batch, …space, channels]` with so many axes of space.
#[track_caller]
pub(crate) fn require_rank(layer: &str, x: &Tensor, rank: usize) -> Result<(), Error> {
    let shape = x.try_shape()?;
    if shape.rank() == rank + 2 {
        return Ok(());
    }
    let axes = name_of_rank(rank, ["steps", "height, width", "depth, height, width", "…space"]);
    let needed = rank + 2;
    let message = format!("takes an input [batch, {axes}, channels] of rank {needed}, not one of shape {shape}");
    Err(error(layer, message))
}

/// # Errors
/// The input has another number of channels than the one that the layer was built for.
#[track_caller]
pub(crate) fn require_built(layer: &str, x: &Tensor, built: usize, channels: usize) -> Result<(), Error> {
    if built == channels {
        return Ok(());
    }
    let shape = x.try_shape()?;
    Err(error(layer, format!("the layer was built for {built} channels, but the input {shape} has {channels}")))
}

/// # Errors
/// The window, whose neighbours are `dilation` apart, is larger than the input, where nothing is put around that: there is no
/// place for it.
#[track_caller]
pub(crate) fn require_place<const RANK: usize>(
    layer: &str,
    x: &Tensor,
    size: &Extent<RANK>,
    dilation: &Extent<RANK>,
    padding: &Padding,
) -> Result<(), Error> {
    let Padding::Valid = padding else { return Ok(()) };
    let shape = x.try_shape()?;
    for (axis, (size, dilation)) in size.0.iter().zip(&dilation.0).enumerate() {
        let span = (size - 1) * dilation + 1;
        if shape[axis + 1].as_known().is_some_and(|size| size < span) {
            let message =
                format!("a window of {span} elements does not fit along axis {} of the input {shape}", axis + 1);
            return Err(error(layer, message));
        }
    }
    Ok(())
}

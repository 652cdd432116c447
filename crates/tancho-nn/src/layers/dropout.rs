//! Dropout: in training, elements chosen at random become 0.
//!
//! The choices come from a generator whose state is a variable, so that each call of a traced step makes others, and a
//! training that was stopped goes on with the same ones.

use tancho_core::random::{self, Generator};
use tancho_core::{Dim, Error, Sizes, Tensor, select};

use super::space::{name_of_rank, require_rank};
use super::weights::float_of;
use crate::fault::error;
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};
use crate::seed::next_key;

/// A rate, and where it is not 0 the generator of the choices.
pub(super) struct Choices {
    rate: f64,
    generator: Option<Generator>,
}

impl Choices {
    #[track_caller]
    pub(super) fn new(rate: f64) -> Self {
        let generator = if rate == 0.0 { None } else { Some(Generator::from_key(next_key())) };
        Choices { rate, generator }
    }

    /// The same rate with other choices.
    #[track_caller]
    pub(super) fn anew(&self) -> Self {
        Choices::new(self.rate)
    }

    #[track_caller]
    fn seed(&mut self, seed: u64) {
        if self.generator.is_some() {
            self.generator = Some(Generator::new(seed));
        }
    }

    /// # Errors
    /// The rate is no probability.
    #[track_caller]
    pub(super) fn check(&self, layer: &str) -> Result<(), Error> {
        if (0.0..=1.0).contains(&self.rate) {
            return Ok(());
        }
        Err(error(layer, format!("the rate {} is not from 0 to 1", self.rate)))
    }

    /// True where elements stay, `bool[sizes]`, if any may be dropped.
    #[track_caller]
    pub(super) fn kept(&self, mode: Mode, sizes: impl Into<Sizes>) -> Option<Tensor> {
        match &self.generator {
            Some(generator) if mode.is_train() => Some(random::bernoulli(sizes, 1.0 - self.rate, generator)),
            _ => None,
        }
    }

    /// An input with dropped elements; one choice stands for all elements along axes of size 1.
    #[track_caller]
    pub(super) fn drop(&self, x: &Tensor, kept: &Tensor) -> Tensor {
        // Where nothing is kept, nothing is divided by 0.
        let part = if self.rate < 1.0 { 1.0 - self.rate } else { 1.0 };
        select(kept, x / part, 0.0)
    }

    /// The input with dropped elements, for which choices of these sizes are made.
    #[track_caller]
    pub(super) fn apply(&self, layer: &str, x: &Tensor, mode: Mode, sizes: Vec<Dim>) -> Result<Tensor, Error> {
        self.check(layer)?;
        float_of(layer, x)?;
        Ok(match self.kept(mode, sizes) {
            Some(kept) => self.drop(x, &kept),
            None => x.clone(),
        })
    }

    pub(super) fn show<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(generator) = &self.generator {
            parts.enter("generator");
            generator.visit_parts(parts);
            parts.leave();
        }
    }
}

/// In training, each element becomes 0 with a probability, the rate; the others are divided by `1 − rate`, so that the mean
/// stays. In use, nothing changes.
///
/// # Shape
/// Any, and the same.
///
/// # Reference
/// `keras.layers.Dropout`
pub struct Dropout {
    choices: Choices,
    output: OutputShape,
}

impl Dropout {
    /// A rate from 0 to 1. The seed comes from the thread's sequence; see [`set_seed`](crate::set_seed).
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        Dropout { choices: Choices::new(rate), output: OutputShape::default() }
    }

    /// The same choices each time that the layer is made.
    #[track_caller]
    pub fn seed(mut self, seed: u64) -> Self {
        self.choices.seed(seed);
        self
    }
}

impl Module for Dropout {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.choices.show(parts);
        parts.output(&self.output);
    }
}

impl Layer for Dropout {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mask = match x.try_shape() {
            Ok(shape) => shape.dims().to_vec(),
            Err(error) => return Tensor::from_error(error),
        };
        match self.choices.apply("dropout", x, mode, mask) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

/// Dropout of whole channels: one choice for each sample and channel.
///
/// # Shape
/// `[batch, …space, channels]`, and the same.
///
/// # Reference
/// `keras.layers.SpatialDropout1D` to `3D`
pub struct SpatialDropout<const RANK: usize> {
    choices: Choices,
    output: OutputShape,
}

/// Dropout of whole channels over one axis of space.
pub type SpatialDropout1D = SpatialDropout<1>;
/// Dropout of whole channels over two axes of space.
pub type SpatialDropout2D = SpatialDropout<2>;
/// Dropout of whole channels over three axes of space.
pub type SpatialDropout3D = SpatialDropout<3>;

impl<const RANK: usize> SpatialDropout<RANK> {
    const NAME: &'static str =
        name_of_rank(RANK, ["spatial_dropout1d", "spatial_dropout2d", "spatial_dropout3d", "spatial_dropout"]);

    /// A rate from 0 to 1. The seed comes from the thread's sequence; see [`set_seed`](crate::set_seed).
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        SpatialDropout { choices: Choices::new(rate), output: OutputShape::default() }
    }

    /// The same choices each time that the layer is made.
    #[track_caller]
    pub fn seed(mut self, seed: u64) -> Self {
        self.choices.seed(seed);
        self
    }
}

impl<const RANK: usize> Module for SpatialDropout<RANK> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.choices.show(parts);
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        name_of_rank(RANK, ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "SpatialDropout"])
    }
}

impl<const RANK: usize> Layer for SpatialDropout<RANK> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        if let Err(error) = require_rank(Self::NAME, x, RANK) {
            return Tensor::from_error(error);
        }
        let mut mask = x.shape().dims().to_vec();
        mask[1..=RANK].fill(Dim::from(1));
        match self.choices.apply(Self::NAME, x, mode, mask) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

//! Dropout: in training, elements chosen at random become 0.
//!
//! The choices come from a generator whose state is a variable, so that each call of a traced step makes others, and a
//! training that was stopped goes on with the same ones.

use tancho_core::random::{self, Generator};
use tancho_core::{Dim, Error, Tensor, select};

use super::space::{float_of, name_of_rank, require_rank};
use crate::layer::{Layer, Mode, OutputShape, error};
use crate::module::{Module, Parts};
use crate::seed::next_key;

/// A rate, and where it is not 0 the generator of the choices.
struct Choices {
    rate: f64,
    generator: Option<Generator>,
}

impl Choices {
    #[track_caller]
    fn new(rate: f64) -> Self {
        let generator = if rate == 0.0 { None } else { Some(Generator::from_key(next_key())) };
        Choices { rate, generator }
    }

    #[track_caller]
    fn seed(&mut self, seed: u64) {
        if self.generator.is_some() {
            self.generator = Some(Generator::new(seed));
        }
    }

    /// The input with dropped elements; one choice stands for all elements along axes of size 1 of the mask.
    #[track_caller]
    fn apply(&self, layer: &str, x: &Tensor, mode: Mode, mask: Vec<Dim>) -> Result<Tensor, Error> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(error(layer, format!("the rate {} is not from 0 to 1", self.rate)));
        }
        float_of(layer, x)?;
        let generator = match &self.generator {
            Some(generator) if mode.is_train() => generator,
            _ => return Ok(x.clone()),
        };
        let kept = 1.0 - self.rate;
        let mask = random::bernoulli(mask, kept, generator);
        // Where nothing is kept, nothing is divided by 0.
        let scaled = if kept == 0.0 { x.clone() } else { x / kept };
        Ok(select(mask, scaled, 0.0))
    }

    fn show<'a>(&'a self, parts: &mut dyn Parts<'a>) {
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

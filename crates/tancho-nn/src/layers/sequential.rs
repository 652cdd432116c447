//! Layers one after another, and functions as layers.

use tancho_core::Tensor;

use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// Layers one after another. Its parts are named by their place: `[0].kernel`.
///
/// ```
/// # use tancho_nn::{Dense, Layer, Mode, Module, Sequential};
/// # use tancho_core::{DType, Tensor, ones, relu};
/// let model = Sequential::new().add(Dense::new(3)).add(|x: &Tensor| relu(x)).add(Dense::new(2));
/// assert_eq!(model.call(&ones(DType::F32, [5, 4]), Mode::Eval).shape(), [5, 2]);
/// assert_eq!(model.parameter_count(), 4 * 3 + 3 + 3 * 2 + 2);
/// ```
///
/// # Reference
/// `keras.Sequential`
#[derive(Default)]
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
    output: OutputShape,
}

impl Sequential {
    /// No layers, which hand their input on.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// Adds a layer, or a function of a tensor, at the end.
    #[expect(clippy::should_implement_trait, reason = "`add` is what Keras calls it")]
    pub fn add<Kind>(mut self, layer: impl IntoLayer<Kind>) -> Self {
        self.layers.push(Box::new(layer.into_layer()));
        self
    }

    pub fn layers(&self) -> &[Box<dyn Layer>] {
        &self.layers
    }
}

impl<L: Layer> FromIterator<L> for Sequential {
    fn from_iter<I: IntoIterator<Item = L>>(layers: I) -> Self {
        let layers = layers.into_iter().map(|layer| Box::new(layer) as Box<dyn Layer>).collect();
        Sequential { layers, output: OutputShape::default() }
    }
}

impl<L: Layer> From<Vec<L>> for Sequential {
    fn from(layers: Vec<L>) -> Self {
        layers.into_iter().collect()
    }
}

impl<L: Layer, const N: usize> From<[L; N]> for Sequential {
    fn from(layers: [L; N]) -> Self {
        layers.into_iter().collect()
    }
}

impl Module for Sequential {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        self.layers.visit_parts(parts);
        parts.output(&self.output);
    }
}

impl Layer for Sequential {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.call(&x, mode);
        }
        self.output.note(x)
    }
}

/// What can be added to a [`Sequential`]: a layer, or a function from a tensor to a tensor, which becomes a [`Lambda`].
///
/// The type of a closure's argument is written out: `|x: &Tensor| x.abs()`.
pub trait IntoLayer<Kind> {
    type Layer: Layer;

    fn into_layer(self) -> Self::Layer;
}

/// Tells layers from functions for [`IntoLayer`].
pub enum IsLayer {}

/// Tells functions from layers for [`IntoLayer`].
pub enum IsFunction {}

impl<L: Layer> IntoLayer<IsLayer> for L {
    type Layer = L;

    fn into_layer(self) -> L {
        self
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> IntoLayer<IsFunction> for F {
    type Layer = Lambda<F>;

    fn into_layer(self) -> Lambda<F> {
        Lambda::new(self)
    }
}

/// A function as a layer without variables.
///
/// # Reference
/// `keras.layers.Lambda`
pub struct Lambda<F> {
    function: F,
    output: OutputShape,
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> Lambda<F> {
    pub fn new(function: F) -> Self {
        Lambda { function, output: OutputShape::default() }
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> Module for Lambda<F> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }

    fn kind(&self) -> &str {
        "Lambda"
    }
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync + 'static> Layer for Lambda<F> {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        self.output.note((self.function)(x))
    }
}

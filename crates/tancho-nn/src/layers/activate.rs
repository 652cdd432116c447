//! An activation as a layer of its own.

use tancho_core::Tensor;

use crate::activation::Activation;
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// A function of a tensor as a layer: `Activate::new(relu)`.
///
/// # Reference
/// `keras.layers.Activation`
pub struct Activate {
    activation: Activation,
    output: OutputShape,
}

impl Activate {
    pub fn new(activation: impl Into<Activation>) -> Self {
        Activate { activation: activation.into(), output: OutputShape::default() }
    }
}

impl Module for Activate {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }
}

impl Layer for Activate {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        self.output.note(self.activation.apply(x.clone()))
    }
}

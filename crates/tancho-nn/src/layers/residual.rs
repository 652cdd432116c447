//! A layer with a way around it.

use tancho_core::Tensor;

use super::sequential::IntoLayer;
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// `x + layer(x)`, or `projection(x) + layer(x)` where the layer gives another shape than it takes.
///
/// ```
/// # use tancho_nn::{Dense, Layer, Mode, Residual};
/// # use tancho_core::{DType, ones};
/// let x = ones(DType::F32, [2, 4]);
/// assert_eq!(Residual::new(Dense::new(4)).call(&x, Mode::Eval).shape(), [2, 4]);
/// assert_eq!(Residual::new(Dense::new(6)).projection(Dense::new(6)).call(&x, Mode::Eval).shape(), [2, 6]);
/// ```
///
/// # Reference
/// He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016)
pub struct Residual {
    layer: Box<dyn Layer>,
    projection: Option<Box<dyn Layer>>,
    output: OutputShape,
}

impl Residual {
    pub fn new<Kind>(layer: impl IntoLayer<Kind>) -> Self {
        Residual { layer: Box::new(layer.into_layer()), projection: None, output: OutputShape::default() }
    }

    /// What the input goes through before it is added.
    pub fn projection<Kind>(mut self, projection: impl IntoLayer<Kind>) -> Self {
        self.projection = Some(Box::new(projection.into_layer()));
        self
    }
}

impl Module for Residual {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        for (name, layer) in [("layer", Some(&self.layer)), ("projection", self.projection.as_ref())] {
            if let Some(layer) = layer {
                parts.enter(name);
                parts.module(layer.kind());
                layer.visit_parts(parts);
                parts.leave();
            }
        }
        parts.output(&self.output);
    }
}

impl Layer for Residual {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let around = match &self.projection {
            Some(projection) => projection.call(x, mode),
            None => x.clone(),
        };
        self.output.note(around + self.layer.call(x, mode))
    }
}

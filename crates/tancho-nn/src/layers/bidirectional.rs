//! A recurrent layer run in both directions.

use tancho_core::{Tensor, concat};

use super::recurrent::{Cell, Recurrent};
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// How the outputs of both directions become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// One after the other along the last axis.
    #[default]
    Concat,
    Sum,
    Multiply,
    Average,
}

/// A recurrent layer over a sequence from the first step to the last, and one of the same kind from the last to the first.
///
/// # Shape
/// That of the layer, with twice the units where the outputs are concatenated.
///
/// # Reference
/// `keras.layers.Bidirectional`
pub struct Bidirectional<C> {
    forward: Recurrent<C>,
    backward: Recurrent<C>,
    merge: Merge,
    output: OutputShape,
}

impl<C: Cell> Bidirectional<C> {
    /// The layer, and another one with the same options and variables of its own.
    pub fn new(layer: Recurrent<C>) -> Self {
        let backward = layer.reversed();
        Bidirectional { forward: layer, backward, merge: Merge::default(), output: OutputShape::default() }
    }

    pub fn merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// Builds both layers for so many features of the input, in `f32`.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        Bidirectional { forward: self.forward.build(features), backward: self.backward.build(features), ..self }
    }
}

impl<C: Cell> Module for Bidirectional<C> {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.enter("forward");
        self.forward.visit_parts(parts);
        parts.leave();
        parts.enter("backward");
        self.backward.visit_parts(parts);
        parts.leave();
        parts.output(&self.output);
    }
}

impl<C: Cell> Layer for Bidirectional<C> {
    #[track_caller]
    fn call(&self, x: &Tensor, mode: Mode) -> Tensor {
        let (forward, _) = self.forward.run(x, None, mode);
        let (backward, _) = self.backward.run(x, None, mode);
        let merged = match self.merge {
            Merge::Concat => concat([&forward, &backward], -1),
            Merge::Sum => forward + backward,
            Merge::Multiply => forward * backward,
            Merge::Average => (forward + backward) / 2.0,
        };
        let is_turned = self.forward.returns_sequences() && self.forward.goes_backwards();
        self.output.note(if is_turned { merged.flip(1) } else { merged })
    }
}

//! From numbers of things (words, users) to vectors that are learnt.

use tancho_core::{DType, Error, Tensor, Variable};

use super::weights::{Weight, weights};
use crate::fault::error;
use crate::init::uniform;
use crate::layer::{Build, Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// The vector of each number: a row of a table.
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::{Embedding, Layer, Mode};
/// let layer = Embedding::new(1000, 64);
/// assert_eq!(layer.call(&tensor([[1, 7, 7], [999, 0, 2]]), Mode::Eval).shape(), [2, 3, 64]);
/// ```
///
/// # Shape
/// `[…]` of integers → `[…, units]`
///
/// # Numerics
/// A number below 0 takes the first row, and one that is too large the last. Floats are cut to integers first.
///
/// # Reference
/// `keras.layers.Embedding`
pub struct Embedding {
    count: usize,
    units: usize,
    embeddings: Weight,
    parts: Build<Variable>,
    output: OutputShape,
}

impl Embedding {
    /// Vectors of so many units for the numbers `0..count`.
    pub fn new(count: usize, units: usize) -> Self {
        Embedding {
            count,
            units,
            embeddings: Weight::new(uniform()),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    weights! { embeddings: embeddings_init embeddings_regularizer; }

    /// Makes the table now.
    #[track_caller]
    pub fn build(self) -> Self {
        // What is wrong is said at the first call.
        let _ = self.table();
        self
    }

    #[track_caller]
    fn table(&self) -> Result<&Variable, Error> {
        if let Some(table) = self.parts.get() {
            return Ok(table);
        }
        if self.count == 0 || self.units == 0 {
            let message = format!("a table of {} vectors of {} units is empty", self.count, self.units);
            return Err(error("embedding", message));
        }
        let made = self.embeddings.make("embeddings", &[self.count, self.units], DType::F32);
        self.parts.get_or_make(|| Ok(made))
    }

    #[track_caller]
    fn look_up(&self, x: &Tensor) -> Result<Tensor, Error> {
        let dtype = x.try_dtype()?;
        let table = self.table()?;
        Ok(if dtype.is_integer() { table.take(x, 0) } else { table.take(x.to(DType::I32), 0) })
    }
}

impl Module for Embedding {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(table) = self.parts.get() {
            self.embeddings.show(parts, "embeddings", table);
        }
        parts.output(&self.output);
    }
}

impl Layer for Embedding {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.look_up(x) {
            Ok(y) => self.output.note(y),
            Err(error) => Tensor::from_error(error),
        }
    }
}

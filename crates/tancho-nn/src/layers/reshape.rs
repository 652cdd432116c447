//! Layers that change the shape of each sample.

use tancho_core::{Dim, Error, Tensor};

use crate::fault::error;
use crate::layer::{Layer, Mode, OutputShape};
use crate::module::{Module, Parts};

/// The elements of each sample along one axis.
///
/// # Shape
/// `[batch, …]` → `[batch, elements]`; `[batch]` → `[batch, 1]`
///
/// # Reference
/// `keras.layers.Flatten`
#[derive(Default)]
pub struct Flatten {
    output: OutputShape,
}

impl Flatten {
    pub fn new() -> Self {
        Flatten::default()
    }
}

impl Module for Flatten {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }
}

impl Layer for Flatten {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match batch_and_elements("flatten", x) {
            Ok(sizes) => self.output.note(x.reshape(sizes)),
            Err(error) => Tensor::from_error(error),
        }
    }
}

/// The elements of each sample in other axes.
///
/// # Shape
/// `[batch, …]` → `[batch, …sizes]`
///
/// # Reference
/// `keras.layers.Reshape`
pub struct Reshape {
    sizes: Vec<i64>,
    output: OutputShape,
}

impl Reshape {
    /// The sizes without that of the batch. One may be −1: it takes what the others leave.
    pub fn new(sizes: impl Into<Vec<i64>>) -> Self {
        Reshape { sizes: sizes.into(), output: OutputShape::default() }
    }

    #[track_caller]
    fn sizes(&self, x: &Tensor) -> Result<Vec<Dim>, Error> {
        let [batch, elements] = batch_and_elements("reshape", x)?;
        let sizes = &self.sizes;
        if sizes.iter().any(|&size| size < -1) || sizes.iter().filter(|&&size| size == -1).count() > 1 {
            return Err(error("reshape", format!("the sizes {sizes:?} must be positive, but one of them may be -1")));
        }
        let mut others = Dim::from(1);
        for &size in sizes.iter().filter(|&&size| size != -1) {
            others = others * size;
        }
        let has_open = sizes.contains(&-1);
        let fits = match (elements.as_known(), others.as_known()) {
            (Some(elements), Some(0)) => elements == 0 && !has_open,
            (Some(elements), Some(others)) if has_open => elements.is_multiple_of(others),
            (Some(elements), Some(others)) => elements == others,
            // The operation compares sizes that vary.
            _ => true,
        };
        if !fits {
            let message = format!("samples of the input {} do not have the elements of {sizes:?}", x.shape());
            return Err(error("reshape", message));
        }
        let mut result = vec![batch];
        for &size in sizes {
            result.push(if size == -1 { &elements / &others } else { Dim::from(size) });
        }
        Ok(result)
    }
}

impl Module for Reshape {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        parts.output(&self.output);
    }
}

impl Layer for Reshape {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.sizes(x) {
            Ok(sizes) => self.output.note(x.reshape(sizes)),
            Err(error) => Tensor::from_error(error),
        }
    }
}

/// The size of the batch, and the number of elements of each sample.
#[track_caller]
fn batch_and_elements(layer: &str, x: &Tensor) -> Result<[Dim; 2], Error> {
    let shape = x.try_shape()?;
    let Some((batch, others)) = shape.dims().split_first() else {
        return Err(error(layer, "takes an input with a batch, not one of shape ()"));
    };
    let mut elements = Dim::from(1);
    for size in others {
        elements = elements * size;
    }
    Ok([batch.clone(), elements])
}

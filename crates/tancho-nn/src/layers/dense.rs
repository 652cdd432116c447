//! The fully connected layer.

use tancho_core::{DType, Error, Tensor, Variable};

use super::weights::{Finish, Weight, finishing, float_of, weights};
use crate::fault::error;
use crate::init::glorot_uniform;
use crate::layer::{Build, Layer, Mode, OutputShape, known_size};
use crate::module::{Module, Parts};

/// `activation(x · kernel + bias)` over the last axis.
///
/// # Shape
/// `[…, features]` → `[…, units]`
///
/// # Reference
/// `keras.layers.Dense`
pub struct Dense {
    units: usize,
    kernel: Weight,
    finish: Finish,
    parts: Build<DenseParts>,
    output: OutputShape,
}

struct DenseParts {
    features: usize,
    kernel: Variable,
    bias: Option<Variable>,
}

impl Dense {
    /// A layer of so many outputs, which takes the number of its inputs from the first.
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            kernel: Weight::new(glorot_uniform()),
            finish: Finish::new(),
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    finishing!();
    weights! { kernel: kernel_init kernel_regularizer; }

    /// Makes the variables now, for so many inputs.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        // Where a value cannot be made, its variable carries the error.
        let made = self.make(features, DType::F32);
        let _ = self.parts.get_or_make(|| Ok(made));
        self
    }

    #[track_caller]
    fn make(&self, features: usize, dtype: DType) -> DenseParts {
        let kernel = self.kernel.make("kernel", &[features, self.units], dtype);
        let bias = self.finish.make_bias(self.units, dtype);
        DenseParts { features, kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&DenseParts, Error> {
        let (features, dtype) = (known_size("dense", x, -1)?, float_of("dense", x)?);
        let Some(parts) = self.parts.get() else {
            let made = self.make(features, dtype);
            return self.parts.get_or_make(|| Ok(made));
        };
        if parts.features == features {
            return Ok(parts);
        }
        let (built, shape) = (parts.features, x.try_shape()?);
        Err(error("dense", format!("the layer was built for {built} inputs, but the input is {shape}")))
    }
}

impl Module for Dense {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(DenseParts { kernel, bias, .. }) = self.parts.get() {
            self.kernel.show(parts, "kernel", kernel);
            self.finish.show(parts, bias);
        }
        parts.output(&self.output);
    }
}

impl Layer for Dense {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        match self.parts(x) {
            Ok(parts) => self.output.note(self.finish.apply(x.matmul(&parts.kernel), &parts.bias)),
            Err(error) => Tensor::from_error(error),
        }
    }
}

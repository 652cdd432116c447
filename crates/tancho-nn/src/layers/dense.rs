//! The fully connected layer.

use tancho_core::{DType, Error, Tensor, Variable};

use crate::activation::Activation;
use crate::init::{Initializer, Regularizer, glorot_uniform, zeros};
use crate::layer::{Build, Layer, Mode, OutputShape, error, known_size};
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
    activation: Option<Activation>,
    use_bias: bool,
    kernel_init: Initializer,
    bias_init: Initializer,
    kernel_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    parts: Build<DenseParts>,
    output: OutputShape,
}

struct DenseParts {
    kernel: Variable,
    bias: Option<Variable>,
}

impl Dense {
    /// A layer of so many outputs, which takes the number of its inputs from the first.
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            activation: None,
            use_bias: true,
            kernel_init: glorot_uniform(),
            bias_init: zeros(),
            kernel_regularizer: None,
            bias_regularizer: None,
            parts: Build::new(),
            output: OutputShape::default(),
        }
    }

    pub fn activation(mut self, activation: impl Into<Activation>) -> Self {
        self.activation = Some(activation.into());
        self
    }

    pub fn without_bias(mut self) -> Self {
        self.use_bias = false;
        self
    }

    pub fn kernel_init(mut self, init: Initializer) -> Self {
        self.kernel_init = init;
        self
    }

    pub fn bias_init(mut self, init: Initializer) -> Self {
        self.bias_init = init;
        self
    }

    pub fn kernel_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.kernel_regularizer = Some(regularizer);
        self
    }

    pub fn bias_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.bias_regularizer = Some(regularizer);
        self
    }

    /// Makes the variables now, for so many inputs.
    #[track_caller]
    pub fn build(self, features: usize) -> Self {
        // Where a value cannot be made, its variable carries the error.
        let _ = self.parts.get_or_make(|| Ok(self.make(features, DType::F32)));
        self
    }

    #[track_caller]
    fn make(&self, features: usize, dtype: DType) -> DenseParts {
        let kernel = self.kernel_init.variable("kernel", &[features, self.units], dtype);
        let bias = self.use_bias.then(|| self.bias_init.variable("bias", &[self.units], dtype));
        DenseParts { kernel, bias }
    }

    #[track_caller]
    fn parts(&self, x: &Tensor) -> Result<&DenseParts, Error> {
        let features = known_size("dense", x, -1)?;
        let parts = self.parts.get_or_make(|| Ok(self.make(features, x.try_dtype()?)))?;
        match parts.kernel.try_shape()?.size(0).as_known() {
            Some(built) if built != features => {
                Err(error("dense", format!("the layer was built for {built} inputs, but the input is {}", x.shape())))
            }
            _ => Ok(parts),
        }
    }
}

impl Module for Dense {
    fn visit_parts<'a>(&'a self, parts: &mut dyn Parts<'a>) {
        if let Some(DenseParts { kernel, bias }) = self.parts.get() {
            visit(parts, "kernel", kernel, &self.kernel_regularizer);
            if let Some(bias) = bias {
                visit(parts, "bias", bias, &self.bias_regularizer);
            }
        }
        parts.output(&self.output);
    }
}

/// Shows a variable and what it adds to the loss.
pub(crate) fn visit<'a>(
    parts: &mut dyn Parts<'a>,
    name: &str,
    variable: &'a Variable,
    regularizer: &'a Option<Regularizer>,
) {
    parts.enter(name);
    variable.visit_parts(parts);
    if let Some(regularizer) = regularizer {
        parts.penalty(regularizer, variable);
    }
    parts.leave();
}

impl Layer for Dense {
    #[track_caller]
    fn call(&self, x: &Tensor, _: Mode) -> Tensor {
        let parts = match self.parts(x) {
            Ok(parts) => parts,
            Err(error) => return Tensor::from_error(error),
        };
        let mut y = x.matmul(&parts.kernel);
        if let Some(bias) = &parts.bias {
            y += bias;
        }
        if let Some(activation) = &self.activation {
            y = activation.apply(y);
        }
        self.output.note(y)
    }
}

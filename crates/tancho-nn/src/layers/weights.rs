//! What layers with weights share: how a weight begins and what it adds to the loss, the bias and the activation at the end,
//! and the methods that choose these.

use tancho_core::{DType, Error, Tensor, Variable};

use crate::activation::Activation;
use crate::fault::{error, fault};
use crate::init::{Initializer, Regularizer, zeros};
use crate::module::{Module, Parts};

/// How a variable of a layer begins, and what it adds to the loss.
#[derive(Clone)]
pub(crate) struct Weight {
    pub(crate) init: Initializer,
    pub(crate) regularizer: Option<Regularizer>,
}

impl Weight {
    pub(crate) fn new(init: Initializer) -> Self {
        Weight { init, regularizer: None }
    }

    /// The variable; one that carries an error where its elements cannot be counted.
    #[track_caller]
    pub(crate) fn make(&self, name: &str, shape: &[usize], dtype: DType) -> Variable {
        let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        if count.is_none_or(|count| count > isize::MAX as usize / 16) {
            return Variable::new(fault(name, format!("a variable of the sizes {shape:?} is too large")));
        }
        self.init.variable(name, shape, dtype)
    }

    pub(crate) fn show<'a>(&'a self, parts: &mut dyn Parts<'a>, name: &str, variable: &'a Variable) {
        parts.enter(name);
        variable.visit_parts(parts);
        if let Some(regularizer) = &self.regularizer {
            parts.penalty(regularizer, variable);
        }
        parts.leave();
    }
}

/// Methods that say how a weight begins and what it adds to the loss: `weights! { kernel: kernel_init kernel_regularizer; }`.
macro_rules! weights {
    ($($field:ident $(. $inner:ident)?: $init:ident $regularizer:ident;)*) => {$(
        pub fn $init(mut self, init: crate::init::Initializer) -> Self {
            self.$field$(.$inner)?.init = init;
            self
        }

        pub fn $regularizer(mut self, regularizer: crate::init::Regularizer) -> Self {
            self.$field$(.$inner)?.regularizer = Some(regularizer);
            self
        }
    )*};
}
pub(crate) use weights;

/// What a layer does to what its kernel gives: adds a bias to the last axis, and applies an activation.
pub(crate) struct Finish {
    pub(crate) activation: Option<Activation>,
    pub(crate) use_bias: bool,
    pub(crate) bias: Weight,
}

impl Finish {
    pub(crate) fn new() -> Self {
        Finish { activation: None, use_bias: true, bias: Weight::new(zeros()) }
    }

    #[track_caller]
    pub(crate) fn make_bias(&self, units: usize, dtype: DType) -> Option<Variable> {
        if self.use_bias { Some(self.bias.make("bias", &[units], dtype)) } else { None }
    }

    #[track_caller]
    pub(crate) fn apply(&self, y: Tensor, bias: &Option<Variable>) -> Tensor {
        let y = match bias {
            Some(bias) => y + bias,
            None => y,
        };
        match &self.activation {
            Some(activation) => activation.apply(y),
            None => y,
        }
    }

    pub(crate) fn show<'a>(&'a self, parts: &mut dyn Parts<'a>, bias: &'a Option<Variable>) {
        if let Some(bias) = bias {
            self.bias.show(parts, "bias", bias);
        }
    }
}

/// The methods of a layer with a field `finish`.
macro_rules! finishing {
    () => {
        pub fn activation(mut self, activation: impl Into<crate::activation::Activation>) -> Self {
            self.finish.activation = Some(activation.into());
            self
        }

        pub fn without_bias(mut self) -> Self {
            self.finish.use_bias = false;
            self
        }

        crate::layers::weights::weights! { finish.bias: bias_init bias_regularizer; }
    };
}
pub(crate) use finishing;

/// The dtype of an input of floats.
///
/// # Errors
/// The input carries an error, or is not of floats.
#[track_caller]
pub(crate) fn float_of(layer: &str, x: &Tensor) -> Result<DType, Error> {
    let dtype = x.try_dtype()?;
    if dtype.is_float() {
        return Ok(dtype);
    }
    Err(error(layer, format!("takes an input of floats, not of {dtype}; use .to(DType::F32) on it")))
}

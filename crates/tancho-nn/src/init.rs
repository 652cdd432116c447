//! Initial values of variables, and what variables add to a loss.
//!
//! An initializer without a seed of its own takes the next key of the thread's sequence (see [`set_seed`](crate::set_seed)).

use std::fmt;
use std::sync::Arc;

use tancho_core::random::{self, Key};
use tancho_core::{DType, Tensor, Variable};

use crate::seed::next_key;

type Values = dyn Fn(&[usize], DType, Key) -> Tensor + Send + Sync;

/// How a variable begins.
#[derive(Clone)]
pub struct Initializer {
    values: Arc<Values>,
    seed: Option<u64>,
}

impl Initializer {
    /// Initial values as a function of shape, dtype and key.
    pub fn new(values: impl Fn(&[usize], DType, Key) -> Tensor + Send + Sync + 'static) -> Self {
        Initializer { values: Arc::new(values), seed: None }
    }

    /// The same values each time.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    #[track_caller]
    pub fn values(&self, shape: &[usize], dtype: DType) -> Tensor {
        let key = self.seed.map_or_else(next_key, Key::new);
        (self.values)(shape, dtype, key)
    }

    /// A variable of a name that begins with such values.
    #[track_caller]
    pub fn variable(&self, name: &str, shape: &[usize], dtype: DType) -> Variable {
        Variable::new(self.values(shape, dtype)).named(name)
    }
}

impl fmt::Debug for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initializer")
    }
}

/// Zeros.
pub fn zeros() -> Initializer {
    constant(0.0)
}

/// Ones.
pub fn ones() -> Initializer {
    constant(1.0)
}

/// A number everywhere.
pub fn constant(value: f64) -> Initializer {
    Initializer::new(move |shape, dtype, _| tancho_core::full(value, shape.to_vec()).to(dtype))
}

/// Normally distributed numbers with mean 0 and deviation 0.05; `keras.initializers.RandomNormal`.
pub fn normal() -> Initializer {
    normal_with(0.0, 0.05)
}

/// Normally distributed numbers.
pub fn normal_with(mean: f64, deviation: f64) -> Initializer {
    Initializer::new(move |shape, dtype, key| random::normal_of(dtype, shape.to_vec(), key) * deviation + mean)
}

/// Evenly distributed numbers from -0.05 to 0.05; `keras.initializers.RandomUniform`.
pub fn uniform() -> Initializer {
    uniform_in(-0.05, 0.05)
}

/// Evenly distributed numbers.
pub fn uniform_in(low: f64, high: f64) -> Initializer {
    Initializer::new(move |shape, dtype, key| random::uniform_of(dtype, shape.to_vec(), key) * (high - low) + low)
}

/// `U(-a, a)` with `a = √(6 / (inputs + outputs))`.
///
/// # Reference
/// Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010);
/// `keras.initializers.GlorotUniform`
pub fn glorot_uniform() -> Initializer {
    Initializer::new(move |shape, dtype, key| {
        let [inputs, outputs] = fans(shape);
        let bound = (6.0 / (inputs + outputs)).sqrt();
        random::uniform_of(dtype, shape.to_vec(), key) * (2.0 * bound) - bound
    })
}

/// The numbers of inputs and outputs of a kernel `[…window, inputs, outputs]`, each times the size of the window.
pub(crate) fn fans(shape: &[usize]) -> [f64; 2] {
    let [inputs, outputs] = match shape {
        [] => [1, 1],
        [size] => [*size, *size],
        [window @ .., inputs, outputs] => {
            let field: usize = window.iter().product();
            [inputs * field, outputs * field]
        }
    };
    [inputs, outputs].map(|count| count.max(1) as f64)
}

/// What the values of a variable add to the loss.
#[derive(Clone)]
pub struct Regularizer(Arc<dyn Fn(&Tensor) -> Tensor + Send + Sync>);

impl Regularizer {
    /// A function that makes a tensor of rank 0 of the variable's value.
    pub fn new(penalty: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        Regularizer(Arc::new(penalty))
    }

    #[track_caller]
    pub fn penalty(&self, value: &Tensor) -> Tensor {
        (self.0)(value)
    }
}

/// `weight · Σ |x|`
pub fn l1(weight: f64) -> Regularizer {
    Regularizer::new(move |x| x.abs().sum(..) * weight)
}

/// `weight · Σ x²`
pub fn l2(weight: f64) -> Regularizer {
    Regularizer::new(move |x| x.square().sum(..) * weight)
}

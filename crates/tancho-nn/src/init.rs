//! Initial values of variables.
//!
//! An initializer without a seed of its own takes the next key of the thread's sequence (see [`set_seed`](crate::set_seed)).

use std::fmt;
use std::sync::Arc;

use tancho_core::random::{self, Key};
use tancho_core::{DType, Error, Tensor, TriangularOptions, Variable};

pub use crate::regularizers::{Direction, Regularizer, l1, l1_l2, l2, orthogonal_penalty};
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

/// As [`normal`], with other numbers in the place of those beyond ±0.1; `keras.initializers.TruncatedNormal`.
pub fn truncated_normal() -> Initializer {
    truncated_normal_with(0.0, 0.05)
}

/// Normally distributed numbers, with others in the place of those that are further from the mean than two deviations.
/// `deviation` is that before they are replaced.
pub fn truncated_normal_with(mean: f64, deviation: f64) -> Initializer {
    Initializer::new(move |shape, dtype, key| {
        random::truncated_normal_of(dtype, shape.to_vec(), key) * deviation + mean
    })
}

/// What the variance of [`variance_scaling`] is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    Inputs,
    Outputs,
    /// The mean of both.
    Average,
}

/// Which numbers [`variance_scaling`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Within two deviations, which are widened so that the variance is what was asked for.
    TruncatedNormal,
    Normal,
    Uniform,
}

/// Numbers with mean 0 and variance `scale / fan`, so that signals keep their size from layer to layer.
///
/// The numbers of inputs and outputs of a kernel `[…window, inputs, outputs]` are each times the size of the window; a vector
/// has as many of both as it has elements.
///
/// # Reference
/// `keras.initializers.VarianceScaling`
pub fn variance_scaling(scale: f64, fan: Fan, distribution: Distribution) -> Initializer {
    Initializer::new(move |shape, dtype, key| {
        let [inputs, outputs] = fans(shape);
        let fan = match fan {
            Fan::Inputs => inputs,
            Fan::Outputs => outputs,
            Fan::Average => (inputs + outputs) / 2.0,
        };
        let (variance, shape) = (scale / fan, shape.to_vec());
        match distribution {
            Distribution::TruncatedNormal => {
                random::truncated_normal_of(dtype, shape, key) * (variance.sqrt() / TRUNCATED_DEVIATION)
            }
            Distribution::Normal => random::normal_of(dtype, shape, key) * variance.sqrt(),
            Distribution::Uniform => {
                let bound = (3.0 * variance).sqrt();
                random::uniform_of(dtype, shape, key) * (2.0 * bound) - bound
            }
        }
    })
}

/// The standard deviation of the normal distribution when it is cut at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

macro_rules! scaled {
    ($($function:ident, $scale:literal, $fan:ident, $distribution:ident, $keras:literal, $paper:literal, $formula:literal;)*) => {$(
        #[doc = $formula]
        ///
        /// # Reference
        #[doc = concat!($paper, "; `keras.initializers.", $keras, "`")]
        pub fn $function() -> Initializer {
            variance_scaling($scale, Fan::$fan, Distribution::$distribution)
        }
    )*};
}
scaled! {
    glorot_uniform, 1.0, Average, Uniform, "GlorotUniform",
        "Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010)",
        "Evenly distributed numbers with variance `2 / (inputs + outputs)`: within `±√(6 / (inputs + outputs))`.";
    glorot_normal, 1.0, Average, TruncatedNormal, "GlorotNormal",
        "Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010)",
        "Numbers of the truncated normal distribution with variance `2 / (inputs + outputs)`.";
    he_uniform, 2.0, Inputs, Uniform, "HeUniform",
        "He, Zhang, Ren, Sun: Delving deep into rectifiers (2015)",
        "Evenly distributed numbers with variance `2 / inputs`: within `±√(6 / inputs)`.";
    he_normal, 2.0, Inputs, TruncatedNormal, "HeNormal",
        "He, Zhang, Ren, Sun: Delving deep into rectifiers (2015)",
        "Numbers of the truncated normal distribution with variance `2 / inputs`.";
    lecun_uniform, 1.0, Inputs, Uniform, "LecunUniform",
        "LeCun, Bottou, Orr, Müller: Efficient backprop (1998)",
        "Evenly distributed numbers with variance `1 / inputs`: within `±√(3 / inputs)`.";
    lecun_normal, 1.0, Inputs, TruncatedNormal, "LecunNormal",
        "LeCun, Bottou, Orr, Müller: Efficient backprop (1998)",
        "Numbers of the truncated normal distribution with variance `1 / inputs`.";
}

/// A matrix whose columns are orthogonal to one another (its rows, where there are fewer of them), each of length `gain`. A
/// tensor with more axes is such a matrix of its last axis and all others.
///
/// # Numerics
/// The factor Q of a matrix of normally distributed numbers, by two rounds of `Q = A · R⁻¹` with the Cholesky factor
/// `Rᵀ · R = Aᵀ · A`, in `f64`: one round squares the condition of the matrix, the second removes what error that left. As the
/// diagonal of R is positive, all such matrices are equally probable.
///
/// # Errors
/// The variable has fewer than two axes.
///
/// # Reference
/// Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (2014);
/// `keras.initializers.Orthogonal`
pub fn orthogonal(gain: f64) -> Initializer {
    Initializer::new(move |shape, dtype, key| {
        let [leading @ .., columns] = shape else { return too_few_axes("orthogonal", shape) };
        if leading.is_empty() {
            return too_few_axes("orthogonal", shape);
        }
        let rows: usize = leading.iter().product();
        if rows * columns == 0 {
            return tancho_core::zeros(dtype, shape.to_vec());
        }
        let mut q = random::normal_of(DType::F64, [rows.max(*columns), rows.min(*columns)], key);
        let on_the_right = TriangularOptions { left_side: false, transpose: true, ..TriangularOptions::default() };
        for _ in 0..2 {
            q = q.t().matmul(&q).cholesky().triangular_solve(&q, on_the_right);
        }
        let q = if rows < *columns { q.t() } else { q };
        (q * gain).reshape(shape.to_vec()).to(dtype)
    })
}

/// The identity matrix times `gain`; of a matrix that is not square, as much as there is.
///
/// # Errors
/// The variable is no matrix.
///
/// # Reference
/// `keras.initializers.Identity`
pub fn identity(gain: f64) -> Initializer {
    Initializer::new(move |shape, dtype, _| {
        let [rows, columns] = shape else {
            return Tensor::from_error(Error::new(format!("identity: takes a shape of two axes, not {shape:?}")));
        };
        let size = (*rows).max(*columns);
        tancho_core::eye(dtype, size).slice((0..*rows, 0..*columns)) * gain
    })
}

fn too_few_axes(initializer: &str, shape: &[usize]) -> Tensor {
    Tensor::from_error(Error::new(format!("{initializer}: takes a shape of two axes or more, not {shape:?}")))
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

//! Compositions for neural networks: activations, softmax, normalisation.
//!
//! Each is one graph, also eagerly, so that it becomes one kernel, and computes 16-bit floats in `f32` with one rounding in
//! the end.

use tancho_ir::ops::{BinaryOp, Comparison, ControlOp, ReduceKind, UnaryOp};
use tancho_ir::{Dims, Value};
use tancho_tensor::DType;

use super::reduce::variance;
use crate::apply::{Attributes, apply};
use crate::axes::Axes;
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::AsTensor;
use crate::shape::Dim;
use crate::tensor::Tensor;

macro_rules! activations {
    ($($(#[$doc:meta])* $function:ident $name:literal |$builder:ident, $x:ident| $build:expr;)*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $function(x: impl AsTensor) -> Tensor {
                apply($name, Attributes::none(), [x.into_operand()], &|builder, values| {
                    builder.widened([values[0]], |$builder, [$x]| $build)
                })
            }
        )*

        impl Tensor {
            activations!(@methods $($(#[$doc])* $function)*);
        }
    };
    // The method of `sigmoid` and `tanh` stands with the elementwise ops.
    (@methods $($(#[$doc:meta])* $function:ident)*) => {
        $(
            $(#[$doc])*
            #[track_caller]
            pub fn $function(&self) -> Tensor {
                $function(self)
            }
        )*
    };
}
activations! {
    /// `max(x, 0)`; NaN of NaN. The slope at 0 is 0.
    relu "relu" |builder, x| {
        // Of equal operands the left one has the slope.
        let zero = builder.scalar(builder.dtype(x), 0.0)?;
        builder.binary(BinaryOp::Maximum, zero, x)
    };

    /// `x · Φ(x)` with the distribution function of the normal distribution, by its exact form
    /// `x · (1 + erf(x / √2)) / 2`. Floats.
    gelu "gelu" |builder, x| {
        let scaled = builder.binary_constant(BinaryOp::Multiply, x, std::f64::consts::FRAC_1_SQRT_2)?;
        let erf = builder.unary(UnaryOp::Erf, scaled)?;
        let twice = builder.binary_constant(BinaryOp::Add, erf, 1.0)?;
        let half = builder.binary_constant(BinaryOp::Multiply, x, 0.5)?;
        builder.binary(BinaryOp::Multiply, half, twice)
    };

    /// The approximation `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2` of [`gelu`]. Floats.
    gelu_tanh "gelu_tanh" |builder, x| {
        builder.require_float(x)?;
        let square = builder.binary(BinaryOp::Multiply, x, x)?;
        let cube = builder.binary(BinaryOp::Multiply, square, x)?;
        let correction = builder.binary_constant(BinaryOp::Multiply, cube, 0.044715)?;
        let inner = builder.binary(BinaryOp::Add, x, correction)?;
        let factor = (2.0 / std::f64::consts::PI).sqrt();
        let scaled = builder.binary_constant(BinaryOp::Multiply, inner, factor)?;
        let tanh = builder.unary(UnaryOp::Tanh, scaled)?;
        let twice = builder.binary_constant(BinaryOp::Add, tanh, 1.0)?;
        let half = builder.binary_constant(BinaryOp::Multiply, x, 0.5)?;
        builder.binary(BinaryOp::Multiply, half, twice)
    };

    /// `x · sigmoid(x)`, also called swish. Floats.
    silu "silu" |builder, x| {
        let sigmoid = builder.unary(UnaryOp::Logistic, x)?;
        builder.binary(BinaryOp::Multiply, x, sigmoid)
    };

    /// `log(1 + eˣ)`, as `max(x, 0) + log1p(e^−|x|)`, which does not overflow. Floats.
    softplus "softplus" |builder, x| {
        // −|x|, with the slope 1 at 0, where the maximum has the slope 0: together they have ½.
        let negated = builder.unary(UnaryOp::Negate, x)?;
        let negative = builder.binary(BinaryOp::Minimum, x, negated)?;
        let exponential = builder.unary(UnaryOp::Exponential, negative)?;
        let correction = builder.unary(UnaryOp::LogPlusOne, exponential)?;
        let zero = builder.scalar(builder.dtype(x), 0.0)?;
        let positive = builder.binary(BinaryOp::Maximum, zero, x)?;
        builder.binary(BinaryOp::Add, positive, correction)
    };
}

/// `1 / (1 + e⁻ˣ)`. Floats.
#[track_caller]
pub fn sigmoid(x: impl AsTensor) -> Tensor {
    apply("sigmoid", Attributes::none(), [x.into_operand()], &|builder, values| {
        builder.unary(UnaryOp::Logistic, values[0])
    })
}

/// The hyperbolic tangent. Floats.
#[track_caller]
pub fn tanh(x: impl AsTensor) -> Tensor {
    apply("tanh", Attributes::none(), [x.into_operand()], &|builder, values| builder.unary(UnaryOp::Tanh, values[0]))
}

/// `x` where it is positive, else `slope · x`. Floats.
#[track_caller]
pub fn leaky_relu(x: impl AsTensor, slope: f64) -> Tensor {
    apply("leaky_relu", Attributes::none().float(slope), [x.into_operand()], &|builder, values| {
        builder.require_float(values[0])?;
        builder.widened([values[0]], |builder, [x]| {
            let scaled = builder.binary_constant(BinaryOp::Multiply, x, slope)?;
            select_positive(builder, x, scaled)
        })
    })
}

/// `x` where it is positive, else `alpha · (eˣ − 1)`. Floats.
#[track_caller]
pub fn elu(x: impl AsTensor, alpha: f64) -> Tensor {
    apply("elu", Attributes::none().float(alpha), [x.into_operand()], &|builder, values| {
        builder.widened([values[0]], |builder, [x]| {
            // Where x is positive the exponential is not selected; it must not overflow, since the gradient would be 0 · ∞.
            let negative = builder.binary_constant(BinaryOp::Minimum, x, 0.0)?;
            let exponential = builder.unary(UnaryOp::ExponentialMinusOne, negative)?;
            let scaled = builder.binary_constant(BinaryOp::Multiply, exponential, alpha)?;
            select_positive(builder, x, scaled)
        })
    })
}

/// `x` where it is positive, else `other`.
fn select_positive(builder: &mut Builder<'_>, x: Value, other: Value) -> Result<Value, Fault> {
    let zero = builder.scalar(builder.dtype(x), 0.0)?;
    let positive = builder.compare(Comparison::Gt, x, zero)?;
    builder.select(positive, x, other)
}

/// Exponentials that sum to 1 along axes. Floats.
///
/// # Numerics
/// The largest element is subtracted first, so that nothing overflows.
#[track_caller]
pub fn softmax(x: impl AsTensor, axes: impl Into<Axes>) -> Tensor {
    let axes = axes.into();
    apply("softmax", axes.attributes(), [x.into_operand()], &|builder, values| {
        let axes = axes.resolve(builder.rank(values[0]))?;
        let dims = builder.dims(values[0]);
        builder.widened([values[0]], |builder, [x]| {
            let shifted = subtract_max(builder, x, &axes)?;
            let exponential = builder.unary(UnaryOp::Exponential, shifted)?;
            let sum = builder.reduce(ReduceKind::Sum, exponential, &axes)?;
            let sum = builder.broadcast_back(sum, &axes, &dims)?;
            builder.binary(BinaryOp::Divide, exponential, sum)
        })
    })
}

/// The logarithm of [`softmax`]. Floats.
///
/// # Numerics
/// The largest element is subtracted first, so that nothing overflows, and no logarithm of a rounded zero is taken.
#[track_caller]
pub fn log_softmax(x: impl AsTensor, axes: impl Into<Axes>) -> Tensor {
    let axes = axes.into();
    apply("log_softmax", axes.attributes(), [x.into_operand()], &|builder, values| {
        let axes = axes.resolve(builder.rank(values[0]))?;
        let dims = builder.dims(values[0]);
        builder.widened([values[0]], |builder, [x]| {
            let shifted = subtract_max(builder, x, &axes)?;
            let exponential = builder.unary(UnaryOp::Exponential, shifted)?;
            let sum = builder.reduce(ReduceKind::Sum, exponential, &axes)?;
            let logarithm = builder.unary(UnaryOp::Log, sum)?;
            let logarithm = builder.broadcast_back(logarithm, &axes, &dims)?;
            builder.binary(BinaryOp::Subtract, shifted, logarithm)
        })
    })
}

fn subtract_max(builder: &mut Builder<'_>, x: Value, axes: &[usize]) -> Result<Value, Fault> {
    builder.require_float(x)?;
    let dims = builder.dims(x);
    let largest = builder.reduce(ReduceKind::Max, x, axes)?;
    // The result does not depend on what is subtracted.
    let largest = builder.add(ControlOp::StopGradient.into(), &[largest])?;
    let largest = builder.broadcast_back(largest, axes, &dims)?;
    builder.binary(BinaryOp::Subtract, x, largest)
}

/// Shifts and scales the elements along the last axes to mean 0 and variance 1, then by `gamma` and `beta`. Floats.
///
/// The axes are those that `gamma` has.
///
/// # Numerics
/// `(x − mean) · rsqrt(var + epsilon) · gamma + beta`, with the variance of the population.
///
/// # Reference
/// Ba, Kiros, Hinton: Layer Normalization, 2016.
#[track_caller]
pub fn layer_norm(x: impl AsTensor, gamma: impl AsTensor, beta: impl AsTensor, epsilon: f64) -> Tensor {
    let inputs = [x.into_operand(), gamma.into_operand(), beta.into_operand()];
    apply("layer_norm", Attributes::none().float(epsilon), inputs, &|builder, values| {
        let [x, gamma, beta] = [values[0], values[1], values[2]];
        let (rank, n_axes) = (builder.rank(x), builder.rank(gamma).max(1));
        require(n_axes <= rank, || {
            format!("gamma {} has more axes than {}", builder.type_of(gamma), builder.type_of(x))
        })?;
        let axes: Vec<usize> = (rank - n_axes..rank).collect();
        let dims = builder.dims(x);
        builder.widened([x, gamma, beta], |builder, [x, gamma, beta]| {
            let mean = builder.mean(x, &axes)?;
            let mean = builder.broadcast_back(mean, &axes, &dims)?;
            let centred = builder.binary(BinaryOp::Subtract, x, mean)?;
            let variance = variance(builder, x, &axes)?;
            let shifted = builder.binary_constant(BinaryOp::Add, variance, epsilon)?;
            let scale = builder.unary(UnaryOp::Rsqrt, shifted)?;
            let scale = builder.broadcast_back(scale, &axes, &dims)?;
            let normal = builder.binary(BinaryOp::Multiply, centred, scale)?;
            let scaled = builder.binary(BinaryOp::Multiply, normal, gamma)?;
            builder.binary(BinaryOp::Add, scaled, beta)
        })
    })
}

/// A new last axis of size `depth` that is 1 at the index and 0 elsewhere; all 0 where the index is out of range.
///
/// # Errors
/// The indices are not integers.
#[track_caller]
pub fn one_hot(indices: impl AsTensor, depth: impl Into<Dim>, dtype: DType) -> Tensor {
    let depth = depth.into();
    let attributes = Attributes::none().size(&depth).dtype(dtype);
    apply("one_hot", attributes, [indices.into_operand()], &|builder, values| {
        let of = builder.type_of(values[0]).clone();
        require(of.dtype.is_integer(), || format!("takes integers, not {of}"))?;
        let mut dims: Dims = of.dims.clone();
        dims.push(depth.get()?);
        // As i64, since a depth may have more places than a small dtype has numbers.
        let indices = builder.convert(DType::I64, values[0])?;
        let places = builder.iota(DType::I64, dims.clone(), of.rank())?;
        let indices = builder.broadcast_back(indices, &[of.rank()], &dims)?;
        let hit = builder.compare(Comparison::Eq, places, indices)?;
        builder.convert(dtype, hit)
    })
}

impl Tensor {
    /// Exponentials that sum to 1 along axes; see [`softmax`].
    #[track_caller]
    pub fn softmax(&self, axes: impl Into<Axes>) -> Tensor {
        softmax(self, axes)
    }

    /// The logarithm of [`softmax`].
    #[track_caller]
    pub fn log_softmax(&self, axes: impl Into<Axes>) -> Tensor {
        log_softmax(self, axes)
    }

    /// `x` where it is positive, else `slope · x`.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Tensor {
        leaky_relu(self, slope)
    }

    /// `x` where it is positive, else `alpha · (eˣ − 1)`.
    #[track_caller]
    pub fn elu(&self, alpha: f64) -> Tensor {
        elu(self, alpha)
    }
}

//! How a truth is brought to the dtype and the rank of a prediction, and what is said where they do not fit.
//!
//! The rules are those of Keras: where one side has one axis more than the other, of size 1 in the end, the ranks are made
//! equal. Sizes that are not known while tracing are left to the operations, which compare them when they are.

use tancho_core::{DType, Error, Shape, Tensor};

/// What keeps logarithms and quotients from zero: `keras.backend.epsilon()`.
pub(crate) const EPSILON: f64 = 1e-7;

/// Truth and prediction as floats of one dtype and one rank, whose shapes broadcast. Both carry the error where they do not.
#[track_caller]
pub(crate) fn fit(name: &str, truth: &Tensor, prediction: &Tensor) -> [Tensor; 2] {
    let [truth, prediction] = same_rank(truth, prediction);
    if let (Ok(left), Ok(right)) = (truth.try_shape(), prediction.try_shape())
        && !broadcasts(&left, &right)
    {
        return misfit(name, &left, &right);
    }
    [truth, prediction]
}

/// As [`fit`], for shapes that must be equal.
#[track_caller]
pub(crate) fn fit_exactly(name: &str, truth: &Tensor, prediction: &Tensor) -> [Tensor; 2] {
    let [truth, prediction] = same_rank(truth, prediction);
    if let (Ok(left), Ok(right)) = (truth.try_shape(), prediction.try_shape())
        && !equal(&left, &right)
    {
        return misfit(name, &left, &right);
    }
    [truth, prediction]
}

/// Classes `i64[…]` and a prediction `[…, classes]`. Classes may come as `[…, 1]` and as floats. Both carry the error where
/// they do not fit.
#[track_caller]
pub(crate) fn fit_classes(name: &str, truth: &Tensor, prediction: &Tensor) -> [Tensor; 2] {
    let prediction = as_float(prediction);
    let mut truth = truth.to(DType::I64);
    if truth.rank() == prediction.rank() && truth.rank() > 0 && truth.shape().size(-1) == 1 {
        truth = truth.squeeze(-1);
    }
    if let (Ok(left), Ok(right)) = (truth.try_shape(), prediction.try_shape()) {
        let fits =
            right.rank() == left.rank() + 1 && left.dims().iter().zip(right.dims()).all(|(x, y)| may_equal(x, y));
        if !fits {
            let message = format!(
                "{name}: the prediction of shape {right} must have the shape {left} of the truth and an axis of classes"
            );
            return both(Error::new(message));
        }
    }
    [truth, prediction]
}

/// Weights of samples, which lie along the first axes, in the shape of values and as their dtype.
#[track_caller]
pub(crate) fn fit_weights(name: &str, weights: &Tensor, values: &Tensor) -> Tensor {
    let (mut weights, shape) = (weights.to(values.dtype()), values.shape());
    if weights.rank() == shape.rank() + 1 && weights.shape().size(-1) == 1 {
        weights = weights.squeeze(-1);
    }
    let own = weights.shape();
    let fits = own.rank() <= shape.rank()
        && own.dims().iter().zip(shape.dims()).all(|(x, y)| *x == 1 || may_equal(x, y))
        && values.check().is_ok();
    if !fits {
        if let Err(error) = weights.check().and_then(|()| values.check()) {
            return Tensor::from_error(error);
        }
        return Tensor::from_error(Error::new(format!(
            "{name}: the weights of shape {own} must have the shape {shape} of what they weigh, or its first axes"
        )));
    }
    for _ in own.rank()..shape.rank() {
        weights = weights.expand_dims(-1);
    }
    weights.broadcast_to(&shape)
}

/// Two tensors of equal rank where one has an axis of size 1 more in the end, as Keras' `squeeze_or_expand_to_same_rank`.
#[track_caller]
pub(crate) fn squeeze_or_expand(x: &Tensor, y: &Tensor) -> [Tensor; 2] {
    if x.rank() == y.rank() + 1 && x.shape().size(-1) == 1 {
        return if y.rank() == 1 { [x.clone(), y.expand_dims(-1)] } else { [x.squeeze(-1), y.clone()] };
    }
    if y.rank() == x.rank() + 1 && y.shape().size(-1) == 1 {
        return if x.rank() == 1 { [x.expand_dims(-1), y.clone()] } else { [x.clone(), y.squeeze(-1)] };
    }
    [x.clone(), y.clone()]
}

/// The mean over an axis where there are several; values of one axis are those of the samples already.
#[track_caller]
pub(crate) fn mean_of_axis(x: &Tensor, axis: i64) -> Tensor {
    if x.rank() > 1 { x.mean(axis) } else { x.clone() }
}

#[track_caller]
fn same_rank(truth: &Tensor, prediction: &Tensor) -> [Tensor; 2] {
    let prediction = as_float(prediction);
    squeeze_or_expand(&truth.to(prediction.dtype()), &prediction)
}

#[track_caller]
fn as_float(x: &Tensor) -> Tensor {
    if x.dtype().is_float() { x.clone() } else { x.to(DType::F32) }
}

fn broadcasts(x: &Shape, y: &Shape) -> bool {
    let pairs = x.dims().iter().rev().zip(y.dims().iter().rev());
    pairs.into_iter().all(|(x, y)| *x == 1 || *y == 1 || may_equal(x, y))
}

fn equal(x: &Shape, y: &Shape) -> bool {
    x.rank() == y.rank() && x.dims().iter().zip(y.dims()).all(|(x, y)| may_equal(x, y))
}

/// Whether two sizes are equal as far as they are known.
fn may_equal(x: &tancho_core::Dim, y: &tancho_core::Dim) -> bool {
    match (x.as_known(), y.as_known()) {
        (Some(x), Some(y)) => x == y,
        (None, _) | (_, None) => true,
    }
}

#[track_caller]
fn misfit(name: &str, truth: &Shape, prediction: &Shape) -> [Tensor; 2] {
    let message = format!("{name}: the truth of shape {truth} does not fit the prediction of shape {prediction}");
    both(Error::new(message))
}

fn both(error: Error) -> [Tensor; 2] {
    [Tensor::from_error(error.clone()), Tensor::from_error(error)]
}

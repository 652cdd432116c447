//! Losses of margins: the right class must be ahead by 1.
//!
//! Truths are −1 and 1. Where all of them are 0 or 1 they are taken as −1 and 1, as in Keras, which looks at the values.

use tancho_core::{Tensor, select};

use super::fit::{fit, fit_exactly, mean_of_axis};

/// The mean of `max(1 − truth · prediction, 0)`.
///
/// # Reference
/// `keras.losses.hinge`
#[track_caller]
pub fn hinge(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("hinge", truth, prediction);
    mean_of_axis(&margin(&truth, &prediction), -1)
}

/// The mean of the squares of `max(1 − truth · prediction, 0)`.
///
/// # Reference
/// `keras.losses.squared_hinge`
#[track_caller]
pub fn squared_hinge(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit("squared_hinge", truth, prediction);
    mean_of_axis(&margin(&truth, &prediction).square(), -1)
}

/// By how much the right class is not ahead of the best wrong one by 1: `max(wrong − right + 1, 0)`. The truth is one-hot.
///
/// # Reference
/// `keras.losses.categorical_hinge`
#[track_caller]
pub fn categorical_hinge(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let [truth, prediction] = fit_exactly("categorical_hinge", truth, prediction);
    let right = (&truth * &prediction).sum(-1);
    let wrong = ((-truth + 1.0) * prediction).max(-1);
    (wrong - right + 1.0).maximum(0.0)
}

#[track_caller]
fn margin(truth: &Tensor, prediction: &Tensor) -> Tensor {
    let is_binary = (truth.eq(0.0) | truth.eq(1.0)).all(..);
    let signs = select(is_binary, truth * 2.0 - 1.0, truth);
    (-(signs * prediction) + 1.0).maximum(0.0)
}

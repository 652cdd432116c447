//! Clipping: what keeps gradients from being too large.

use tancho_core::{DType, Tensor, maximum, minimum, tensor};

/// Each element, brought between two bounds.
///
/// # Reference
/// `tf.clip_by_value`
#[track_caller]
pub fn clip_by_value(x: &Tensor, low: f64, high: f64) -> Tensor {
    x.clamp(low, high)
}

/// The tensor, scaled down to a Euclidean length where it is longer.
///
/// # Reference
/// `tf.clip_by_norm`
#[track_caller]
pub fn clip_by_norm(x: &Tensor, max: f64) -> Tensor {
    x * max / maximum(x.square().sum(..).sqrt(), max)
}

/// The tensors, scaled down by one factor to a Euclidean length of all their elements where they are longer; and the length
/// before.
///
/// # Numerics
/// The length is in the dtype of the first tensor. Where it is not finite, all elements become NaN.
///
/// # Reference
/// `tf.clip_by_global_norm`
#[track_caller]
pub fn clip_by_global_norm(tensors: &[Tensor], max: f64) -> (Vec<Tensor>, Tensor) {
    let norm = global_norm(tensors);
    // NaN where the length is not finite, else 0.
    let unless_finite = &norm * 0.0;
    let scale = minimum(norm.reciprocal(), 1.0 / max) * max + unless_finite;
    let mut clipped = Vec::with_capacity(tensors.len());
    for x in tensors {
        clipped.push(x * scale.to(x.dtype()));
    }
    (clipped, norm)
}

/// The Euclidean length of all elements, in the dtype of the first tensor; 0 of none.
#[track_caller]
pub fn global_norm(tensors: &[Tensor]) -> Tensor {
    let dtype = tensors.first().map_or(DType::F32, Tensor::dtype);
    let mut sum: Option<Tensor> = None;
    for x in tensors {
        let square = x.square().sum(..).to(dtype);
        sum = Some(match sum {
            Some(sum) => sum + square,
            None => square,
        });
    }
    match sum {
        Some(sum) => sum.sqrt(),
        None => tensor(0.0f32),
    }
}

//! Losses: how wrong a prediction is, one number for each sample.
//!
//! A loss is a function `(truth, prediction) → losses`, such as [`mse`], which stands wherever a [`Loss`] is taken; those
//! with options are structs beside, such as [`BinaryCrossentropy`]. The truth takes the dtype of the prediction. The last
//! axis is folded; where there is one axis only, it is that of the samples, and is kept. [`mean_loss`] makes one number of
//! the losses of a batch.

mod binary;
mod categorical;
pub(crate) mod fit;
mod hinge;
mod regression;

pub use binary::{BinaryCrossentropy, BinaryFocalCrossentropy, binary_crossentropy, binary_focal_crossentropy};
pub use categorical::{
    CategoricalCrossentropy, SparseCategoricalCrossentropy, categorical_crossentropy, kl_divergence, poisson,
    sparse_categorical_crossentropy,
};
pub use hinge::{categorical_hinge, hinge, squared_hinge};
pub use regression::{CosineSimilarity, Huber, cosine_similarity, huber, log_cosh, mae, mape, mse, msle};

use tancho_core::{Error, Tensor, full};

/// From what is true and what was predicted to a loss for each sample: the last axis is gone. Any function of two tensors is
/// one, such as [`mse`].
pub trait Loss: Send + Sync + 'static {
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor;
}

impl<F: Fn(&Tensor, &Tensor) -> Tensor + Send + Sync + 'static> Loss for F {
    #[track_caller]
    fn losses(&self, truth: &Tensor, prediction: &Tensor) -> Tensor {
        self(truth, prediction)
    }
}

/// The sum of the losses, each times the weight of its sample, divided by their number (not by the sum of the weights); 0 of
/// no samples.
///
/// ```
/// # use tancho_core::tensor;
/// # use tancho_nn::losses::{self, mean_loss};
/// let (truth, prediction) = (tensor([1.0f32, 2.0]), tensor([2.0f32, 4.0]));
/// assert_eq!(mean_loss(&losses::mse, &truth, &prediction, None).item::<f32>()?, 2.5);
/// assert_eq!(mean_loss(&losses::mse, &truth, &prediction, Some(&tensor([1.0f32, 0.5]))).item::<f32>()?, 1.5);
/// # Ok::<(), tancho_core::Error>(())
/// ```
///
/// # Shape
/// Weights have the shape of the losses, or its first axes: `[batch]`.
///
/// # Reference
/// Keras' reduction `sum_over_batch_size`.
#[track_caller]
pub fn mean_loss(loss: &dyn Loss, truth: &Tensor, prediction: &Tensor, weights: Option<&Tensor>) -> Tensor {
    let mut losses = loss.losses(truth, prediction);
    if let Err(error) = losses.check() {
        return Tensor::from_error(at_caller(error, &[truth, prediction]));
    }
    let count = full(losses.shape().elements().maximum(1usize), ()).to(losses.dtype());
    if let Some(weights) = weights {
        losses = &losses * fit::fit_weights("mean_loss", weights, &losses);
    }
    losses.sum(..) / count
}

/// The error with the caller's line where it was found in this module: a loss that is called as `dyn Loss` does not know who
/// called it. Of a function it says that a line of the standard library did.
#[track_caller]
fn at_caller(error: Error, inputs: &[&Tensor]) -> Error {
    let folder = file!().trim_end_matches("mod.rs");
    let is_here = error
        .span()
        .location
        .as_ref()
        .is_some_and(|location| location.file.starts_with(folder) || location.file.contains("library/core/"));
    let is_new = inputs.iter().all(|input| input.check().is_ok());
    if is_here && is_new { Error::new(error.kind()) } else { error }
}

//! Losses: how wrong a prediction is, one number for each sample.

use tancho_core::Tensor;

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

/// The mean of the squared differences over the last axis; the squared difference where there is one axis only.
///
/// # Reference
/// `keras.losses.mean_squared_error`
#[track_caller]
pub fn mse(truth: &Tensor, prediction: &Tensor) -> Tensor {
    mean_of_last(&(prediction - truth).square())
}

/// The mean over the last axis where there are several: the first is that of the samples.
#[track_caller]
fn mean_of_last(x: &Tensor) -> Tensor {
    if x.rank() > 1 { x.mean(-1) } else { x.clone() }
}

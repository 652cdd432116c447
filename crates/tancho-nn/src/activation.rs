//! What a layer does to its result.

use std::fmt;
use std::sync::Arc;

use tancho_core::Tensor;

/// A function of a tensor: `relu`, `|x| softmax(x, -1)`.
#[derive(Clone)]
pub struct Activation(Arc<dyn Fn(Tensor) -> Tensor + Send + Sync>);

impl Activation {
    #[track_caller]
    pub fn apply(&self, x: Tensor) -> Tensor {
        (self.0)(x)
    }
}

impl<F: Fn(Tensor) -> Tensor + Send + Sync + 'static> From<F> for Activation {
    fn from(function: F) -> Self {
        Activation(Arc::new(function))
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Activation")
    }
}

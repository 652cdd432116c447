//! What variables add to a loss.

use std::fmt;
use std::sync::Arc;

use tancho_core::{Tensor, keep, maximum};

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

impl fmt::Debug for Regularizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Regularizer")
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

/// `l1 · Σ |x| + l2 · Σ x²`
pub fn l1_l2(l1: f64, l2: f64) -> Regularizer {
    Regularizer::new(move |x| x.abs().sum(..) * l1 + x.square().sum(..) * l2)
}

/// Which parts of a matrix are to be orthogonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Rows,
    Columns,
}

/// `weight` times the mean of `|cos|` of the angles between the rows of a matrix, or its columns.
///
/// # Numerics
/// A row that is shorter than 10⁻⁷ is divided by that instead of its length.
///
/// # Reference
/// `keras.regularizers.OrthogonalRegularizer`
pub fn orthogonal_penalty(weight: f64, direction: Direction) -> Regularizer {
    Regularizer::new(move |x| {
        let lines = match direction {
            Direction::Rows => x.clone(),
            Direction::Columns => x.t(),
        };
        let squares = lines.square().sum(keep(-1));
        let lines = lines * maximum(squares, 1e-14).rsqrt();
        let count = lines.shape().size(0);
        let others = 1.0 - tancho_core::eye(lines.dtype(), &count);
        let cosines = (lines.matmul(lines.t()) * others).abs().sum(..);
        let pairs = tancho_core::full(&count * (&count - 1), ()).to(lines.dtype());
        cosines * weight / pairs.maximum(1.0)
    })
}

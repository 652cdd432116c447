//! Datasets as what a model is trained on.

use super::dataset::Dataset;
use crate::fit::{Batch, Batches, Pass};

/// Each epoch is a pass: what is shuffled is shuffled anew.
impl<B: Into<Batch> + Send + 'static> Batches for Dataset<B> {
    fn pass(&self, number: usize) -> Pass<'_> {
        Box::new(Dataset::pass(self, number).map(|batch| batch.map(Into::into)))
    }

    fn count(&self) -> Option<usize> {
        Dataset::count(self)
    }
}

//! Where batches come from: tensors that are cut up, or anything that gives batches pass by pass.

use std::ops::Range;

use tancho_core::random::{Key, permutation};
use tancho_core::{Error, Result, Tensor, tensor};

/// Some samples: what goes in, what is true, and a weight for each sample.
#[derive(Clone, Debug)]
pub struct Batch {
    pub x: Tensor,
    pub y: Tensor,
    pub weights: Option<Tensor>,
}

impl From<(Tensor, Tensor)> for Batch {
    fn from((x, y): (Tensor, Tensor)) -> Self {
        Batch { x, y, weights: None }
    }
}

impl From<(Tensor, Tensor, Tensor)> for Batch {
    fn from((x, y, weights): (Tensor, Tensor, Tensor)) -> Self {
        Batch { x, y, weights: Some(weights) }
    }
}

/// One pass over data.
pub type Pass<'a> = Box<dyn Iterator<Item = Result<Batch>> + 'a>;

/// What gives batches, pass by pass: a closure that makes an iterator over `Result<(x, y)>` is one.
pub trait Batches {
    /// Begins a pass; passes are counted from 0.
    fn pass(&self, number: usize) -> Pass<'_>;

    /// How many batches a pass has, where that is known.
    fn count(&self) -> Option<usize> {
        None
    }
}

impl<F, I, B> Batches for F
where
    F: Fn() -> I,
    I: IntoIterator<Item = Result<B>>,
    I::IntoIter: 'static,
    B: Into<Batch>,
{
    fn pass(&self, _: usize) -> Pass<'_> {
        Box::new(self().into_iter().map(|batch| batch.map(Into::into)))
    }
}

/// Tensors that are cut up along their first axes, in an order that is shuffled anew for each pass.
pub(super) struct Samples {
    data: Batch,
    n_samples: usize,
    batch_size: usize,
    /// Where the orders come from, if the samples are shuffled.
    shuffle: Option<Key>,
}

impl Samples {
    /// # Errors
    /// The tensors do not have one number of samples, or there is none.
    #[track_caller]
    pub(super) fn new(data: Batch, batch_size: usize, shuffle: Option<Key>) -> Result<Self> {
        let n_samples = count_samples("x", &data.x)?;
        let others = [("y", Some(&data.y)), ("the weights of samples", data.weights.as_ref())];
        for (name, tensor) in others {
            let Some(tensor) = tensor else { continue };
            let n_others = count_samples(name, tensor)?;
            if n_others != n_samples {
                return Err(Error::new(format!("x has {n_samples} samples, but {name} has {n_others}")));
            }
        }
        if n_samples == 0 {
            return Err(Error::new("there are no samples"));
        }
        if batch_size == 0 {
            return Err(Error::new("a batch has at least one sample, but batch_size is 0"));
        }
        Ok(Samples { data, n_samples, batch_size, shuffle })
    }

    /// The order of the samples in a pass, `i64[samples]`; as they come where there is none.
    fn order(&self, pass: usize) -> Option<Tensor> {
        self.shuffle.as_ref().map(|key| permutation(self.n_samples, key.fold_in(tensor(pass as u64))))
    }

    /// The samples from one place in the order to another.
    fn batch(&self, order: Option<&Tensor>, places: Range<usize>) -> Batch {
        let part = |tensor: &Tensor| match order {
            Some(order) => tensor.take(order.slice(places.clone()), 0),
            None if places.len() == self.n_samples => tensor.clone(),
            None => tensor.slice(places.clone()),
        };
        Batch { x: part(&self.data.x), y: part(&self.data.y), weights: self.data.weights.as_ref().map(part) }
    }
}

/// The number of samples of a tensor with a value.
#[track_caller]
pub(super) fn count_samples(name: &str, tensor: &Tensor) -> Result<usize> {
    let shape = tensor.try_shape()?;
    match shape.dims().first().map(|size| size.as_known()) {
        Some(Some(size)) => Ok(size),
        Some(None) => Err(Error::new(format!("{name} has no value yet, so that it cannot be cut into batches"))),
        None => Err(Error::new(format!("{name} has no axis of samples: it is one number"))),
    }
}

impl Batches for Samples {
    fn pass(&self, number: usize) -> Pass<'_> {
        let order = self.order(number);
        Box::new((0..self.n_samples).step_by(self.batch_size).map(move |start| {
            let end = (start + self.batch_size).min(self.n_samples);
            Ok(self.batch(order.as_ref(), start..end))
        }))
    }

    fn count(&self) -> Option<usize> {
        Some(self.n_samples.div_ceil(self.batch_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn order(seed: u64, pass: usize) -> Vec<i64> {
        let x = tancho_core::arange(0i64, 100, 1);
        let samples = Samples::new((x.clone(), x).into(), 32, Some(Key::new(seed))).unwrap();
        samples.pass(pass).flat_map(|batch| batch.unwrap().x.to_vec::<i64>().unwrap()).collect()
    }

    #[test]
    fn an_order_depends_on_seed_and_pass_only_and_has_every_sample_once() {
        assert_eq!(order(1, 2), order(1, 2));
        assert_ne!(order(1, 2), order(1, 3));
        assert_ne!(order(1, 2), order(2, 2));
        let mut sorted = order(7, 0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}

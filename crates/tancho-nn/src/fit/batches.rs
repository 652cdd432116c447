//! Where batches come from: tensors that are cut up, or anything that gives batches pass by pass.

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
    shuffle: Option<u64>,
}

impl Samples {
    /// # Errors
    /// The tensors do not have one number of samples, or there is none.
    #[track_caller]
    pub(super) fn new(data: Batch, batch_size: usize, shuffle: Option<u64>) -> Result<Self> {
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

    /// The samples from one place to another, unless they are all.
    fn gather(&self, order: &[i64]) -> Batch {
        if self.shuffle.is_none() && order.len() == self.n_samples {
            return self.data.clone();
        }
        let places = tensor(order.to_vec());
        Batch {
            x: self.data.x.take(&places, 0),
            y: self.data.y.take(&places, 0),
            weights: self.data.weights.as_ref().map(|weights| weights.take(&places, 0)),
        }
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
        let mut order: Vec<i64> = (0..self.n_samples as i64).collect();
        if let Some(seed) = self.shuffle {
            shuffle(&mut order, seed, number as u64);
        }
        Box::new((0..self.n_samples).step_by(self.batch_size).map(move |start| {
            let end = (start + self.batch_size).min(self.n_samples);
            Ok(self.gather(&order[start..end]))
        }))
    }

    fn count(&self) -> Option<usize> {
        Some(self.n_samples.div_ceil(self.batch_size))
    }
}

/// Puts numbers in an order that depends on a seed and the number of a pass, and on nothing else.
///
/// # Reference
/// The shuffle of Fisher and Yates, with numbers of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, 2014)
pub(super) fn shuffle(order: &mut [i64], seed: u64, pass: u64) {
    let mut state = mix(seed).wrapping_add(mix(!pass));
    for last in (1..order.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // The product's upper half is even to within 2⁻³² for any number of samples that memory holds.
        let place = (u128::from(mix(state)) * (last as u128 + 1)) >> 64;
        order.swap(last, place as usize);
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_depends_on_seed_and_pass_only_and_has_every_sample_once() {
        let ordered = |seed, pass| {
            let mut order: Vec<i64> = (0..100).collect();
            shuffle(&mut order, seed, pass);
            order
        };
        assert_eq!(ordered(1, 2), ordered(1, 2));
        assert_ne!(ordered(1, 2), ordered(1, 3));
        assert_ne!(ordered(1, 2), ordered(2, 2));
        let mut sorted = ordered(7, 0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}

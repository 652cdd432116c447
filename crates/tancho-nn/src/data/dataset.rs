//! The dataset: what begins a pass over samples, as often as wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tancho_core::{Error, Result, Tree};

use super::rows;

/// A pass over a dataset: samples, and errors in the place of samples.
pub type Items<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Samples, pass by pass; cheap to clone.
///
/// ```
/// # use tancho_core::{arange, Result, Tensor};
/// # use tancho_nn::data::Dataset;
/// # fn main() -> Result<()> {
/// let x = arange(0.0f32, 10.0, 1.0);
/// let y = 2.0 * &x;
/// let batches = Dataset::new((x, y)).shuffle(10, 1).batch(4).prefetch(2);
/// for _epoch in 0..3 {
///     for batch in &batches {
///         let (x, y): (Tensor, Tensor) = batch?;
///         assert_eq!((&x * 2.0).to_vec::<f32>()?, y.to_vec::<f32>()?);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A sample is a tree of tensors: a tensor, a pair of them, a struct with `#[derive(Tree)]`.
pub struct Dataset<T> {
    begin: Arc<dyn Fn(usize) -> Items<T> + Send + Sync>,
    count: Option<usize>,
    /// How many passes [`Dataset::iter`] has begun.
    n_passes: Arc<AtomicUsize>,
}

impl<T> Clone for Dataset<T> {
    fn clone(&self) -> Self {
        Dataset { begin: self.begin.clone(), count: self.count, n_passes: self.n_passes.clone() }
    }
}

impl<T: Send + 'static> Dataset<T> {
    /// Begins the next pass: the first one is pass 0.
    pub fn iter(&self) -> Items<T> {
        self.pass(self.n_passes.fetch_add(1, Relaxed))
    }

    /// Begins the pass of a number. It is the same whenever it is begun: what is shuffled depends on seed and number.
    pub fn pass(&self, number: usize) -> Items<T> {
        (self.begin)(number)
    }

    /// How many items a pass has, where that is known.
    pub fn count(&self) -> Option<usize> {
        self.count
    }

    /// A dataset of anything that can be begun anew: a closure that gives an iterator, such as over the lines of a file.
    ///
    /// ```
    /// # use tancho_core::{tensor, Tensor};
    /// # use tancho_nn::data::Dataset;
    /// let squares = Dataset::stream(|| (0..).map(|i| Ok(tensor(i * i))));
    /// let first: Vec<Tensor> = squares.batch(3).take(1).iter().collect::<Result<_, _>>()?;
    /// assert_eq!(first[0].to_vec::<i32>()?, [0, 1, 4]);
    /// # Ok::<(), tancho_core::Error>(())
    /// ```
    pub fn stream<I>(begin: impl Fn() -> I + Send + Sync + 'static) -> Self
    where
        I: IntoIterator<Item = Result<T>>,
        I::IntoIter: Send + 'static,
    {
        Dataset::from_passes(move |_| Box::new(begin().into_iter()), None)
    }

    /// A dataset that begins passes by their numbers.
    pub(super) fn from_passes(begin: impl Fn(usize) -> Items<T> + Send + Sync + 'static, count: Option<usize>) -> Self {
        Dataset { begin: Arc::new(begin), count, n_passes: Arc::default() }
    }

    /// A dataset that is an error.
    pub(super) fn from_error(error: Error) -> Self {
        Dataset::from_passes(move |_| Box::new(std::iter::once(Err(error.clone()))), None)
    }
}

impl<T: Tree> Dataset<T> {
    /// A dataset of tensors in memory; each sample is a row of each of them.
    ///
    /// # Errors
    /// Where the tensors have different numbers of rows, or one carries an error, that is the only item of each pass.
    #[track_caller]
    pub fn new(tensors: T) -> Self {
        let (arrays, count) = match rows::split(&tensors) {
            Ok(split) => split,
            Err(message) => return Dataset::from_error(Error::new(message)),
        };
        let data = Arc::new((tensors, arrays));
        let begin = move |_| -> Items<T> {
            let data = data.clone();
            Box::new((0..count).map(move |position| rows::row(&data.0, &data.1, position)))
        };
        Dataset::from_passes(begin, Some(count))
    }
}

impl<T: Send + 'static> IntoIterator for &Dataset<T> {
    type Item = Result<T>;
    type IntoIter = Items<T>;

    fn into_iter(self) -> Items<T> {
        self.iter()
    }
}

//! Datasets made of datasets: batches, shuffling, mapping, repeating, parts, caching, pairs.
//!
//! An error among the items is handed on as it comes, before what is still gathered or held.

use std::sync::{Arc, Mutex, PoisonError};

use tancho_core::{Error, Result, Tree};

use super::dataset::{Dataset, Items};
use super::rows;

impl<T: Tree> Dataset<T> {
    /// So many samples at a time, with a new first axis for them; the last batch may be smaller.
    #[track_caller]
    pub fn batch(&self, size: usize) -> Dataset<T> {
        self.batched(size, false)
    }

    /// As [`Dataset::batch`]; the samples that do not fill a last batch are dropped.
    #[track_caller]
    pub fn batch_exact(&self, size: usize) -> Dataset<T> {
        self.batched(size, true)
    }

    #[track_caller]
    fn batched(&self, size: usize, exact: bool) -> Dataset<T> {
        if size == 0 {
            return Dataset::from_error(Error::new("batches have at least one sample"));
        }
        let source = self.clone();
        let count = self.count().map(|count| if exact { count / size } else { count.div_ceil(size) });
        let begin = move |number| -> Items<T> {
            Box::new(BatchItems { source: source.pass(number), size, exact, gathered: Vec::new() })
        };
        Dataset::from_passes(begin, count)
    }

    /// A function of each sample. A tensor of its result that carries an error makes the sample that error.
    pub fn map<U: Tree>(&self, function: impl Fn(T) -> U + Send + Sync + 'static) -> Dataset<U> {
        self.try_map(move |item| Ok(function(item)))
    }

    /// A function of each sample that may fail.
    pub fn try_map<U: Tree>(&self, function: impl Fn(T) -> Result<U> + Send + Sync + 'static) -> Dataset<U> {
        let (source, function) = (self.clone(), Arc::new(function));
        let begin = move |number| -> Items<U> {
            let function = function.clone();
            Box::new(source.pass(number).map(move |item| {
                let mapped = function(item?)?;
                rows::check(&mapped)?;
                Ok(mapped)
            }))
        };
        Dataset::from_passes(begin, self.count())
    }
}

impl<T: Send + 'static> Dataset<T> {
    /// The samples in another order, which depends on the seed and on the number of the pass.
    ///
    /// So many samples are held at a time, and one of them, chosen evenly, comes next. With a buffer as large as the dataset all
    /// orders are equally likely.
    #[track_caller]
    pub fn shuffle(&self, buffer: usize, seed: u64) -> Dataset<T> {
        if buffer == 0 {
            return Dataset::from_error(Error::new("the buffer that samples are shuffled in holds at least one"));
        }
        let source = self.clone();
        let begin = move |number| -> Items<T> {
            let random = SplitMix::new(seed, number as u64);
            Box::new(ShuffledItems { source: source.pass(number), buffer, held: Vec::new(), random })
        };
        Dataset::from_passes(begin, self.count())
    }

    /// So many passes as one.
    pub fn repeat(&self, times: usize) -> Dataset<T> {
        let count = self.count().and_then(|count| count.checked_mul(times));
        self.repeated(Some(times), count)
    }

    /// Pass after pass without an end; an empty dataset stays empty.
    pub fn repeat_forever(&self) -> Dataset<T> {
        self.repeated(None, None)
    }

    fn repeated(&self, times: Option<usize>, count: Option<usize>) -> Dataset<T> {
        let source = self.clone();
        let begin = move |number: usize| -> Items<T> {
            // Each pass within a pass has a number of its own.
            let first = number.wrapping_mul(times.unwrap_or(1 << 24));
            let next = source.clone();
            Box::new(RepeatedItems { source: next, current: None, first, begun: 0, times, is_empty: true })
        };
        Dataset::from_passes(begin, count)
    }

    /// The first samples of each pass.
    pub fn take(&self, count: usize) -> Dataset<T> {
        let source = self.clone();
        let begin = move |number| -> Items<T> { Box::new(source.pass(number).take(count)) };
        // Of an unknown number the first ones may be fewer.
        Dataset::from_passes(begin, self.count().map(|all| all.min(count)))
    }

    /// The samples behind the first ones.
    pub fn skip(&self, count: usize) -> Dataset<T> {
        let source = self.clone();
        let begin = move |number| -> Items<T> { Box::new(source.pass(number).skip(count)) };
        Dataset::from_passes(begin, self.count().map(|all| all.saturating_sub(count)))
    }

    /// Pairs of samples, until one of the datasets ends.
    pub fn zip<U: Send + 'static>(&self, other: &Dataset<U>) -> Dataset<(T, U)> {
        let (left, right) = (self.clone(), other.clone());
        let count = match (left.count(), right.count()) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (None, _) | (_, None) => None,
        };
        let begin = move |number| -> Items<(T, U)> {
            let pairs = left.pass(number).zip(right.pass(number));
            Box::new(pairs.map(|(left, right)| Ok((left?, right?))))
        };
        Dataset::from_passes(begin, count)
    }

    /// The samples with their positions in the pass.
    pub fn enumerate(&self) -> Dataset<(usize, T)> {
        let source = self.clone();
        let begin = move |number| -> Items<(usize, T)> {
            Box::new(source.pass(number).enumerate().map(|(position, item)| Ok((position, item?))))
        };
        Dataset::from_passes(begin, self.count())
    }
}

impl<T: Clone + Send + Sync + 'static> Dataset<T> {
    /// Keeps the samples of the first pass that comes to its end without an error, and gives these from then on.
    pub fn cache(&self) -> Dataset<T> {
        let source = self.clone();
        let kept: Arc<Mutex<Option<Arc<Vec<T>>>>> = Arc::default();
        let begin = move |number| -> Items<T> {
            let known = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match known {
                Some(items) => Box::new((0..items.len()).map(move |position| Ok(items[position].clone()))),
                None => {
                    Box::new(CachingItems { source: source.pass(number), seen: Some(Vec::new()), kept: kept.clone() })
                }
            }
        };
        Dataset::from_passes(begin, self.count())
    }
}

struct BatchItems<T> {
    source: Items<T>,
    size: usize,
    exact: bool,
    gathered: Vec<T>,
}

impl<T: Tree> Iterator for BatchItems<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.gathered.len() < self.size {
            match self.source.next() {
                Some(Ok(item)) => self.gathered.push(item),
                Some(Err(error)) => return Some(Err(error)),
                None if self.exact || self.gathered.is_empty() => return None,
                None => break,
            }
        }
        let items = std::mem::take(&mut self.gathered);
        Some(rows::stack(&items))
    }
}

struct ShuffledItems<T> {
    source: Items<T>,
    buffer: usize,
    held: Vec<T>,
    random: SplitMix,
}

impl<T> Iterator for ShuffledItems<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        while self.held.len() < self.buffer {
            match self.source.next() {
                Some(Ok(item)) => self.held.push(item),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        if self.held.is_empty() {
            return None;
        }
        let position = self.random.below(self.held.len());
        Some(Ok(self.held.swap_remove(position)))
    }
}

struct RepeatedItems<T> {
    source: Dataset<T>,
    current: Option<Items<T>>,
    first: usize,
    begun: usize,
    times: Option<usize>,
    /// Whether the pass at hand has given nothing yet.
    is_empty: bool,
}

impl<T: Send + 'static> Iterator for RepeatedItems<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            if let Some(item) = self.current.as_mut().and_then(Iterator::next) {
                self.is_empty = false;
                return Some(item);
            }
            let was_empty = self.current.is_some() && self.is_empty;
            if was_empty || self.times.is_some_and(|times| self.begun >= times) {
                self.current = None;
                self.times = Some(0);
                return None;
            }
            self.current = Some(self.source.pass(self.first.wrapping_add(self.begun)));
            self.begun += 1;
            self.is_empty = true;
        }
    }
}

struct CachingItems<T> {
    source: Items<T>,
    /// The samples so far; `None` where there was an error, or they are kept.
    seen: Option<Vec<T>>,
    kept: Arc<Mutex<Option<Arc<Vec<T>>>>>,
}

impl<T: Clone> Iterator for CachingItems<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self.source.next() {
            Some(Ok(item)) => {
                if let Some(seen) = &mut self.seen {
                    seen.push(item.clone());
                }
                Some(Ok(item))
            }
            Some(Err(error)) => {
                self.seen = None;
                Some(Err(error))
            }
            None => {
                if let Some(seen) = self.seen.take() {
                    *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(seen));
                }
                None
            }
        }
    }
}

/// Pseudo-random numbers that are the same everywhere.
///
/// # Reference
/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014)
struct SplitMix(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix {
    fn new(seed: u64, pass: u64) -> Self {
        // Mixed before the pass is added, so that seed 0 in pass 1 is not seed 1 in pass 0.
        let mixed = SplitMix(seed).next();
        SplitMix(mixed ^ pass.wrapping_mul(GOLDEN))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below a bound; the product's bias is below the bound divided by 2⁶⁴.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

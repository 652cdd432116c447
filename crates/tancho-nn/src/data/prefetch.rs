//! Samples that a thread makes ready before they are asked for.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use tancho_core::{Error, Result};

use super::dataset::{Dataset, Items};

impl<T: Send + 'static> Dataset<T> {
    /// Lets a thread make up to so many samples ready (at least one) while others are used. Each pass has a thread of its own,
    /// which ends with the pass, or at the next sample when the pass is dropped.
    pub fn prefetch(&self, count: usize) -> Dataset<T> {
        let source = self.clone();
        let begin = move |number| -> Items<T> { Box::new(begin_thread(source.clone(), number, count.max(1))) };
        Dataset::from_passes(begin, self.count())
    }
}

fn begin_thread<T: Send + 'static>(source: Dataset<T>, number: usize, count: usize) -> PrefetchedItems<T> {
    let (sender, receiver) = sync_channel(count);
    let run = move || {
        for item in source.pass(number) {
            // Nobody listens any more.
            if sender.send(item).is_err() {
                break;
            }
        }
    };
    match thread::Builder::new().name("tancho-data".into()).spawn(run) {
        Ok(thread) => PrefetchedItems { receiver: Some(receiver), thread: Some(thread), failed: None },
        Err(error) => {
            let failed = Some(Error::new(format!("cannot start a thread for data: {error}")));
            PrefetchedItems { receiver: None, thread: None, failed }
        }
    }
}

struct PrefetchedItems<T> {
    receiver: Option<Receiver<Result<T>>>,
    thread: Option<JoinHandle<()>>,
    failed: Option<Error>,
}

impl<T> Iterator for PrefetchedItems<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Some(item) = self.receiver.as_ref().and_then(|receiver| receiver.recv().ok()) {
            return Some(item);
        }
        self.receiver = None;
        // A pass that broke off is not one that came to its end.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            return Some(Err(Error::new("the thread that makes samples ready has panicked")));
        }
        self.failed.take().map(Err)
    }
}

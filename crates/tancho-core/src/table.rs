//! A bounded table under keys that are lists of words, shared between threads; its values are cheap to clone.
//!
//! It is on the path of every call: a lookup allocates nothing and takes one read lock, which is released before anything
//! else runs. Words are compared whole; values that no words hold ([`AnyStatic`]) are compared beside them. When the
//! table is full, the half that was used longest ago leaves.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use crate::tree::AnyStatic;

pub(crate) type Statics = Box<[Box<dyn AnyStatic>]>;

/// Entries that differ only in what no words hold are under one key.
type Entries<T> = FxHashMap<Box<[u64]>, SmallVec<[Entry<T>; 1]>>;

pub(crate) struct Table<T> {
    entries: RwLock<Entries<T>>,
    /// Counts the insertions, which is time enough to tell what was used lately.
    clock: AtomicU64,
    len: AtomicUsize,
    capacity: usize,
}

struct Entry<T> {
    statics: Statics,
    value: T,
    last_used: AtomicU64,
}

impl<T: Clone> Table<T> {
    pub(crate) const fn new(capacity: usize) -> Self {
        Table {
            entries: RwLock::new(FxHashMap::with_hasher(FxBuildHasher)),
            clock: AtomicU64::new(0),
            len: AtomicUsize::new(0),
            capacity,
        }
    }

    pub(crate) fn get(&self, words: &[u64], statics: &[&dyn AnyStatic]) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = find(entries.get(words)?, statics)?;
        let now = self.clock.load(Relaxed);
        if entry.last_used.load(Relaxed) != now {
            entry.last_used.store(now, Relaxed);
        }
        Some(entry.value.clone())
    }

    /// The value under a key, which is made while the table is locked: making it must be cheap.
    pub(crate) fn get_or_insert(&self, words: &[u64], statics: &[&dyn AnyStatic], make: impl FnOnce() -> T) -> T {
        if let Some(value) = self.get(words, statics) {
            return value;
        }
        let now = self.clock.fetch_add(1, Relaxed) + 1;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(words).and_then(|same| find(same, statics)) {
            return entry.value.clone();
        }
        if self.len.load(Relaxed) >= self.capacity {
            self.evict(&mut entries);
        }
        let value = make();
        let statics = statics.iter().map(|value| value.boxed()).collect();
        let entry = Entry { statics, value: value.clone(), last_used: AtomicU64::new(now) };
        entries.entry(words.into()).or_default().push(entry);
        self.len.fetch_add(1, Relaxed);
        value
    }

    fn evict(&self, entries: &mut Entries<T>) {
        let mut uses: Vec<u64> = entries.values().flatten().map(|entry| entry.last_used.load(Relaxed)).collect();
        let middle = uses.len() / 2;
        let (_, &mut median, _) = uses.select_nth_unstable(middle);
        entries.retain(|_, same| {
            same.retain(|entry| entry.last_used.load(Relaxed) > median);
            !same.is_empty()
        });
        self.len.store(entries.values().map(SmallVec::len).sum(), Relaxed);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.read().unwrap().values().map(SmallVec::len).sum()
    }
}

fn find<'a, T>(same: &'a [Entry<T>], statics: &[&dyn AnyStatic]) -> Option<&'a Entry<T>> {
    same.iter().find(|entry| equal_statics(&entry.statics, statics))
}

pub(crate) fn equal_statics(held: &[Box<dyn AnyStatic>], given: &[&dyn AnyStatic]) -> bool {
    held.len() == given.len() && held.iter().zip(given).all(|(held, given)| held.equals(*given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_statics_are_compared() {
        let table = Table::new(8);
        let make = |words: &[u64], text: &'static str, value| table.get_or_insert(words, &[&text], || value);
        assert_eq!(make(&[1, 2], "a", 10), 10);
        assert_eq!(make(&[1, 2], "b", 20), 20);
        assert_eq!(make(&[1, 2], "a", 30), 10);
        assert_eq!(table.get(&[1], &[&"a"]), None);
        assert_eq!(table.get(&[1, 2], &[]), None);
    }

    #[test]
    fn what_was_used_lately_stays() {
        let table = Table::new(100);
        for round in 0..1000u64 {
            table.get_or_insert(&[round], &[], || round);
            assert_eq!(table.get(&[0], &[]), Some(0));
            assert!(table.len() <= 100);
        }
    }
}

//! A bounded table under keys that are lists of words, shared between threads; its values are cheap to clone.
//!
//! It is on the path of every call: a lookup allocates nothing and takes one read lock, which is released before anything
//! else runs. Words are compared whole; values that no words hold ([`AnyStatic`]) are compared beside them. When the
//! table is full, a few that were used longest ago leave: several at once, so that they are seldom looked for, and not so
//! many that freeing them delays a call.
//!
//! A lock and a reference count that every thread writes pass from core to core, which costs more than all the rest of a
//! lookup. So a few threads each share a *front*: a table of its own with what they looked up lately, and with reference
//! counts of its own, since each front holds its own clones. Fronts forget everything whenever something leaves the table,
//! so that nothing outlives it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use crate::tree::AnyStatic;

pub(crate) type Statics = Box<[Box<dyn AnyStatic>]>;

/// Entries that differ only in what no words hold are under one key.
type Entries<T> = FxHashMap<Box<[u64]>, SmallVec<[Entry<T>; 1]>>;

/// How many entries a front has before it begins anew.
const FRONT_CAPACITY: usize = 64;

pub(crate) struct Table<T> {
    entries: RwLock<Entries<T>>,
    /// Made with the first lookup.
    fronts: OnceLock<Box<[Front<T>]>>,
    /// Counts the insertions, which is time enough to tell what was used lately.
    clock: AtomicU64,
    len: AtomicUsize,
    capacity: usize,
}

/// Alone on its cache lines; processors fetch them in pairs.
#[repr(align(128))]
struct Front<T>(RwLock<Entries<Arc<T>>>);

struct Entry<T> {
    statics: Statics,
    value: T,
    last_used: AtomicU64,
}

impl<T> Entry<T> {
    fn touch(&self, now: u64) {
        // Written when it changes only: all threads of a front read it.
        if self.last_used.load(Relaxed) < now {
            self.last_used.store(now, Relaxed);
        }
    }
}

impl<T: Clone> Table<T> {
    pub(crate) const fn new(capacity: usize) -> Self {
        Table {
            entries: RwLock::new(FxHashMap::with_hasher(FxBuildHasher)),
            fronts: OnceLock::new(),
            clock: AtomicU64::new(0),
            len: AtomicUsize::new(0),
            capacity,
        }
    }

    pub(crate) fn get(&self, words: &[u64], statics: &[&dyn AnyStatic]) -> Option<Arc<T>> {
        let front = self.front();
        let now = self.clock.load(Relaxed);
        if let Some(entry) = find(&read(&front.0), words, statics) {
            entry.touch(now);
            return Some(entry.value.clone());
        }
        let entries = read(&self.entries);
        let entry = find(&entries, words, statics)?;
        entry.touch(now);
        // The table stays locked, so that nothing leaves it that is on the way to a front.
        let mut held = write(&front.0);
        if held.len() >= FRONT_CAPACITY {
            held.clear();
        }
        Some(insert(&mut held, words, statics, Arc::new(entry.value.clone()), now))
    }

    /// The value under a key, which is made while the table is locked: making it must be cheap.
    pub(crate) fn get_or_insert(&self, words: &[u64], statics: &[&dyn AnyStatic], make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(value) = self.get(words, statics) {
            return value;
        }
        let now = self.clock.fetch_add(1, Relaxed) + 1;
        let mut entries = write(&self.entries);
        if let Some(entry) = find(&entries, words, statics) {
            return Arc::new(entry.value.clone());
        }
        if self.len.load(Relaxed) >= self.capacity {
            self.evict(&mut entries);
        }
        let value = insert(&mut entries, words, statics, make(), now);
        self.len.fetch_add(1, Relaxed);
        Arc::new(value)
    }

    /// The front of this thread.
    fn front(&self) -> &Front<T> {
        let fronts = self.fronts.get_or_init(|| (0..n_fronts()).map(|_| Front(RwLock::default())).collect());
        &fronts[thread_number() % fronts.len()]
    }

    fn evict(&self, entries: &mut Entries<T>) {
        // What was found in a front was used as well; nothing that leaves stays there.
        for front in self.fronts.get().into_iter().flatten() {
            for (words, same) in write(&front.0).drain() {
                for held in same {
                    let here = entries.get(&words).into_iter().flatten();
                    here.filter(|entry| same_statics(&entry.statics, &held.statics))
                        .for_each(|entry| entry.touch(held.last_used.load(Relaxed)));
                }
            }
        }
        let mut uses: Vec<u64> = entries.values().flatten().map(|entry| entry.last_used.load(Relaxed)).collect();
        let leaving = uses.len() / 64;
        let (_, &mut newest, _) = uses.select_nth_unstable(leaving);
        entries.retain(|_, same| {
            same.retain(|entry| entry.last_used.load(Relaxed) > newest);
            !same.is_empty()
        });
        self.len.store(entries.values().map(SmallVec::len).sum(), Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        read(&self.entries).values().map(SmallVec::len).sum()
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Twice as many as threads that can run at once, so that these seldom share one.
fn n_fronts() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| 2 * std::thread::available_parallelism().map_or(1, usize::from).min(32))
}

fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) });
    // While a thread ends it may have no number any more.
    let number = NUMBER.try_with(Cell::get).unwrap_or(0);
    if number != usize::MAX {
        return number;
    }
    let number = NEXT.fetch_add(1, Relaxed);
    NUMBER.set(number);
    number
}

fn find<'a, T>(entries: &'a Entries<T>, words: &[u64], statics: &[&dyn AnyStatic]) -> Option<&'a Entry<T>> {
    entries.get(words)?.iter().find(|entry| equal_statics(&entry.statics, statics))
}

/// Puts a value under a key that has none.
fn insert<T: Clone>(
    entries: &mut Entries<T>,
    words: &[u64],
    statics: &[&dyn AnyStatic],
    value: T,
    last_used: u64,
) -> T {
    let statics = statics.iter().map(|value| value.boxed()).collect();
    let entry = Entry { statics, value: value.clone(), last_used: AtomicU64::new(last_used) };
    entries.entry(words.into()).or_default().push(entry);
    value
}

pub(crate) fn equal_statics(held: &[Box<dyn AnyStatic>], given: &[&dyn AnyStatic]) -> bool {
    held.len() == given.len() && held.iter().zip(given).all(|(held, given)| held.equals(*given))
}

fn same_statics(held: &Statics, others: &Statics) -> bool {
    held.len() == others.len() && held.iter().zip(others).all(|(held, other)| held.equals(&**other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_statics_are_compared() {
        let table = Table::new(8);
        let make = |words: &[u64], text: &'static str, value| table.get_or_insert(words, &[&text], || value);
        assert_eq!(*make(&[1, 2], "a", 10), 10);
        assert_eq!(*make(&[1, 2], "b", 20), 20);
        assert_eq!(*make(&[1, 2], "a", 30), 10);
        assert_eq!(table.get(&[1], &[&"a"]), None);
        assert_eq!(table.get(&[1, 2], &[]), None);
    }

    #[test]
    fn what_was_used_lately_stays() {
        let table = Table::new(100);
        for round in 0..1000u64 {
            table.get_or_insert(&[round], &[], || round);
            assert_eq!(table.get(&[0], &[]).as_deref(), Some(&0));
            assert!(table.len() <= 100);
        }
    }

    #[test]
    fn nothing_outlives_the_table() {
        let table = Table::new(100);
        let values: Vec<Arc<u64>> = (0..1000).map(Arc::new).collect();
        for round in 0..1000 {
            table.get_or_insert(&[round as u64], &[], || values[round].clone());
            table.get(&[round as u64], &[]);
            // One by the list here, the others by the table and its fronts.
            assert!(values.iter().filter(|value| Arc::strong_count(value) > 1).count() <= 100);
        }
    }
}

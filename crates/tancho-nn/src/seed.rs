//! The seed of what is random without a seed of its own: initial values, dropout, shuffling.

use std::cell::Cell;

use tancho_core::random::Key;

thread_local! {
    /// The seed, and how many keys it has given.
    static STATE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Begins the sequence of keys of this thread anew: the same program after it makes the same random choices.
///
/// A thread begins with seed 0, so that a program without a seed is repeatable too.
pub fn set_seed(seed: u64) {
    STATE.set((seed, 0));
}

/// The next key of this thread's sequence.
pub fn next_key() -> Key {
    let (seed, count) = STATE.get();
    STATE.set((seed, count + 1));
    Key::new(seed).fold_in(tancho_core::tensor(count))
}

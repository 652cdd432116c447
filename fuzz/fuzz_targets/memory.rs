//! A bound on memory that targets hold readers to: the bytes that are allocated at once while a text is read.
//!
//! The allocator of the process counts what lives. A bound is a multiple of the size of the input and an amount beside it,
//! and must hold for every input: what a file merely claims must not cost memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it is; the counters touch no memory of a caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller upholds what the system's allocator requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs something that reads `size` bytes; it may hold `per_byte` bytes for each of them at once, and `beside` more.
#[track_caller]
pub fn within<T>(size: usize, per_byte: usize, beside: usize, read: impl FnOnce() -> T) -> T {
    let (result, held) = measure(read);
    assert!(held <= size * per_byte + beside, "{held} bytes are held to read {size}");
    result
}

/// Runs something and says how many bytes it held at once, its result among them.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    (result, PEAK.load(Relaxed).saturating_sub(before))
}

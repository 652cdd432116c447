//! The pool behind every buffer.
//!
//! A counter or a list that every thread writes passes from core to core, which costs more than a small kernel. So each
//! thread keeps a few small blocks for itself, and what is counted is counted in several places (*stripes*), whose sum is
//! taken when somebody asks, when a large block is allocated, and when there is a limit.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

use super::{ALIGNMENT, AllocError, PoolStatistics};

const CLASSES: usize = 4 * 48;
const DEFAULT_RETAINED: usize = 2 << 30;

/// The classes of which threads keep blocks: of up to 16 KiB.
const SMALL_CLASSES: usize = 25;
/// How many blocks of each a thread keeps, and how many bytes.
const OWN_BLOCKS: usize = 16;
const OWN_BYTES: usize = 32 << 10;
/// The largest block that a thread keeps for the next scratch memory: more does not stay in its caches.
const SCRATCH_BYTES: usize = 8 << 20;

static FREE: [Mutex<Vec<Block>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];
static STRIPES: [Stripe; 16] = [const { Stripe::new() }; 16];
static PEAK: AtomicUsize = AtomicUsize::new(0);
static RETAINED: AtomicUsize = AtomicUsize::new(0);
static SYSTEM: AtomicUsize = AtomicUsize::new(0);
static MEMORY_LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static RETAINED_LIMIT: AtomicUsize = AtomicUsize::new(DEFAULT_RETAINED);

thread_local! {
    static OWN: RefCell<OwnBlocks> = const {
        RefCell::new(OwnBlocks { small: [const { Vec::new() }; SMALL_CLASSES], scratch: None })
    };
    static STRIPE: Cell<Option<&'static Stripe>> = const { Cell::new(None) };
}

struct Block(NonNull<u8>);

// SAFETY: a block in the pool is memory that nobody else refers to.
unsafe impl Send for Block {}

/// A part of the counters, for a few of the threads; alone on its cache lines.
#[repr(align(128))]
struct Stripe {
    /// Below zero where other threads allocated what these gave back.
    in_use: AtomicIsize,
    /// The most that `in_use` has been.
    highest: AtomicIsize,
    /// Bytes that these threads keep for themselves.
    own: AtomicIsize,
}

impl Stripe {
    const fn new() -> Self {
        Stripe { in_use: AtomicIsize::new(0), highest: AtomicIsize::new(0), own: AtomicIsize::new(0) }
    }

    /// The stripe of this thread.
    fn get() -> &'static Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        STRIPE.get().unwrap_or_else(|| {
            let stripe = &STRIPES[NEXT.fetch_add(1, Relaxed) % STRIPES.len()];
            STRIPE.set(Some(stripe));
            stripe
        })
    }
}

/// The blocks that a thread keeps.
struct OwnBlocks {
    /// By class.
    small: [Vec<Block>; SMALL_CLASSES],
    /// The block of the last scratch memory, with its class.
    scratch: Option<(usize, Block)>,
}

impl OwnBlocks {
    /// Hands everything to the lists that all threads share.
    fn clear(&mut self) {
        let small =
            self.small.iter_mut().enumerate().flat_map(|(class, blocks)| blocks.drain(..).map(move |b| (class, b)));
        for (class, block) in small.chain(self.scratch.take()) {
            Stripe::get().own.fetch_sub(block_of(class) as isize, Relaxed);
            share(class, block_of(class), block);
        }
    }
}

impl Drop for OwnBlocks {
    fn drop(&mut self) {
        self.clear();
    }
}

fn total(part: impl Fn(&Stripe) -> &AtomicIsize) -> usize {
    STRIPES.iter().map(|stripe| part(stripe).load(Relaxed)).sum::<isize>().max(0) as usize
}

fn in_use() -> usize {
    total(|stripe| &stripe.in_use)
}

/// The class of a size and the size of the class's blocks: 64 × (4 … 7)/4 × 2ᵏ.
fn class_of(len: usize) -> Option<(usize, usize)> {
    let lines = len.div_ceil(ALIGNMENT).max(4);
    let exponent = lines.ilog2() as usize - 2;
    let quarter = lines.div_ceil(1 << exponent);
    let (exponent, quarter) = if quarter == 8 { (exponent + 1, 4) } else { (exponent, quarter) };
    let class = 4 * exponent + quarter - 4;
    let block = (quarter << exponent).checked_mul(ALIGNMENT)?;
    (class < CLASSES && block <= isize::MAX as usize - ALIGNMENT).then_some((class, block))
}

/// The size of a class's blocks.
fn block_of(class: usize) -> usize {
    ((4 + class % 4) << (class / 4)) * ALIGNMENT
}

fn layout(block: usize) -> Layout {
    Layout::from_size_align(block, ALIGNMENT).expect("class sizes fit a layout")
}

pub(super) fn take(len: usize) -> Result<NonNull<u8>, AllocError> {
    let error = || AllocError { bytes: len, in_use: in_use(), limit: MEMORY_LIMIT.load(Relaxed) };
    let (class, block) = class_of(len).ok_or_else(error)?;
    let stripe = Stripe::get();
    count(stripe, len, class, block)?;
    if let Some(Block(pointer)) = take_own(class, block, stripe) {
        return Ok(pointer);
    }
    let pooled = FREE[class].lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
    if let Some(Block(pointer)) = pooled {
        RETAINED.fetch_sub(block, Relaxed);
        return Ok(pointer);
    }
    SYSTEM.fetch_add(1, Relaxed);
    // SAFETY: the layout has a size of at least four cache lines.
    NonNull::new(unsafe { alloc(layout(block)) }).ok_or_else(|| {
        stripe.in_use.fetch_sub(block as isize, Relaxed);
        error()
    })
}

/// Counts a block as in use.
///
/// # Errors
/// With it more would be in use than the limit allows.
fn count(stripe: &Stripe, len: usize, class: usize, block: usize) -> Result<(), AllocError> {
    let limit = MEMORY_LIMIT.load(Relaxed);
    let mine = stripe.in_use.fetch_add(block as isize, Relaxed) + block as isize;
    // What is in use cannot be more than ever before where this stripe's part is not and small blocks alone are taken,
    // up to small blocks of other threads.
    if limit != usize::MAX || class >= SMALL_CLASSES || mine > stripe.highest.load(Relaxed) {
        stripe.highest.fetch_max(mine, Relaxed);
        let in_use = in_use();
        if in_use > limit {
            stripe.in_use.fetch_sub(block as isize, Relaxed);
            return Err(AllocError { bytes: len, in_use: in_use.saturating_sub(block), limit });
        }
        if in_use > PEAK.load(Relaxed) {
            PEAK.fetch_max(in_use, Relaxed);
        }
    }
    Ok(())
}

pub(super) fn give_back(pointer: NonNull<u8>, len: usize) {
    let Some((class, block)) = class_of(len) else { return };
    let stripe = Stripe::get();
    stripe.in_use.fetch_sub(block as isize, Relaxed);
    if let Some(other) = give_own(class, block, Block(pointer), stripe) {
        share(class, block, other);
    }
}

/// Memory of at least so many bytes, and how many it has: the block that this thread used last for that, where it is large
/// enough, since that one is in the caches.
pub(super) fn take_scratch(len: usize) -> Result<(NonNull<u8>, usize), AllocError> {
    let is_enough = |(class, _): &mut (usize, Block)| block_of(*class) >= len;
    let kept = OWN.try_with(|own| own.borrow_mut().scratch.take_if(is_enough)).ok().flatten();
    if let Some((class, block)) = kept {
        let bytes = block_of(class);
        let stripe = Stripe::get();
        stripe.own.fetch_sub(bytes as isize, Relaxed);
        if count(stripe, bytes, class, bytes).is_ok() {
            return Ok((block.0, bytes));
        }
        share(class, bytes, block);
    }
    // Sizes that differ by little share blocks.
    let rounded = if len <= SCRATCH_BYTES { len.next_power_of_two() } else { len };
    take(rounded).map(|pointer| (pointer, rounded)).or_else(|_| take(len).map(|pointer| (pointer, len)))
}

pub(super) fn give_back_scratch(pointer: NonNull<u8>, len: usize) {
    let Some((class, block)) = class_of(len) else { return };
    let stripe = Stripe::get();
    stripe.in_use.fetch_sub(block as isize, Relaxed);
    let mut free = Some((class, Block(pointer)));
    if block <= SCRATCH_BYTES && RETAINED_LIMIT.load(Relaxed) >= SCRATCH_BYTES {
        let _ = OWN.try_with(|own| {
            stripe.own.fetch_add(block as isize, Relaxed);
            free = std::mem::replace(&mut own.borrow_mut().scratch, free.take());
            if let Some((class, _)) = &free {
                stripe.own.fetch_sub(block_of(*class) as isize, Relaxed);
            }
        });
    }
    if let Some((class, free)) = free {
        share(class, block_of(class), free);
    }
}

/// A block that this thread keeps.
fn take_own(class: usize, block: usize, stripe: &Stripe) -> Option<Block> {
    if class >= SMALL_CLASSES {
        return None;
    }
    // A thread that ends keeps nothing any more.
    let own = OWN.try_with(|own| own.borrow_mut().small[class].pop()).ok()??;
    stripe.own.fetch_sub(block as isize, Relaxed);
    Some(own)
}

/// Lets this thread keep a block; gives it back where the thread has enough.
fn give_own(class: usize, block: usize, free: Block, stripe: &Stripe) -> Option<Block> {
    // Where little may be retained, threads retain nothing.
    if class >= SMALL_CLASSES || RETAINED_LIMIT.load(Relaxed) < SMALL_CLASSES * OWN_BYTES {
        return Some(free);
    }
    let mut free = Some(free);
    let _ = OWN.try_with(|own| {
        let blocks = &mut own.borrow_mut().small[class];
        if blocks.len() < OWN_BLOCKS.min(OWN_BYTES / block) {
            blocks.extend(free.take());
            stripe.own.fetch_add(block as isize, Relaxed);
        }
    });
    free
}

/// Puts a block where every thread finds it, or gives it back to the system where enough is retained.
fn share(class: usize, block: usize, free: Block) {
    if RETAINED.fetch_add(block, Relaxed) + block > RETAINED_LIMIT.load(Relaxed) {
        RETAINED.fetch_sub(block, Relaxed);
        // SAFETY: `take` allocated the block with this very layout, and its owner has gone.
        unsafe { dealloc(free.0.as_ptr(), layout(block)) };
        return;
    }
    FREE[class].lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(free);
}

/// Bounds the bytes in live allocations; a further allocation fails with [`AllocError`].
pub fn set_memory_limit(bytes: usize) {
    MEMORY_LIMIT.store(bytes, Relaxed);
}

/// Bounds the bytes that wait in the pool (2 GiB at first).
pub fn set_retained_limit(bytes: usize) {
    RETAINED_LIMIT.store(bytes, Relaxed);
}

/// Gives everything that waits in the pool back to the system, but for a few small blocks of other threads.
pub fn trim() {
    let _ = OWN.try_with(|own| own.borrow_mut().clear());
    for (class, free) in FREE.iter().enumerate() {
        let blocks = std::mem::take(&mut *free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let block = block_of(class);
        for Block(pointer) in blocks {
            RETAINED.fetch_sub(block, Relaxed);
            // SAFETY: blocks of this list were allocated with the layout of its class, and nobody refers to them.
            unsafe { dealloc(pointer.as_ptr(), layout(block)) };
        }
    }
}

pub fn statistics() -> PoolStatistics {
    PoolStatistics {
        in_use: in_use(),
        peak: PEAK.load(Relaxed),
        retained: RETAINED.load(Relaxed) + total(|stripe| &stripe.own),
        system_allocations: SYSTEM.load(Relaxed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Allocation, Scratch};
    use super::*;

    #[test]
    fn classes_hold_their_sizes_and_waste_little() {
        for len in (0..4096).chain([65_536, 65_537, 1 << 26, (1 << 26) + 1]) {
            let (class, block) = class_of(len).unwrap();
            assert!(block >= len && (len < 256 || block <= len + len / 4 + ALIGNMENT), "{len} in {block}");
            assert_eq!(block, block_of(class));
        }
        assert_eq!(class_of(usize::MAX), None);
    }

    #[test]
    fn memory_is_taken_from_the_pool_again() {
        let size = 12_345_678;
        let first = Allocation::uninit(size).unwrap();
        let address = first.as_ptr();
        drop(first);
        assert_eq!(Allocation::uninit(size).unwrap().as_ptr(), address);
    }

    #[test]
    fn small_blocks_go_from_thread_to_thread() {
        let give = |count: usize| (0..count).map(|_| Allocation::uninit(300).unwrap()).collect::<Vec<_>>();
        let theirs = std::thread::spawn(move || give(1000)).join().unwrap();
        let mut addresses: Vec<usize> = theirs.iter().map(|block| block.as_ptr() as usize).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 1000, "no block is given twice");
        drop(theirs);
        // Most went to the list of all threads, and a thread that ends leaves the rest there.
        let again = std::thread::spawn(move || give(1000)).join().unwrap();
        let known = again.iter().filter(|block| addresses.binary_search(&(block.as_ptr() as usize)).is_ok());
        assert!(known.count() >= 900);
    }

    #[test]
    fn scratch_memory_is_taken_again_where_it_is_large_enough() {
        let place = |len: usize| {
            let scratch = Scratch::new(len).unwrap();
            // SAFETY: the memory has at least so many bytes, and nobody else writes it.
            unsafe { scratch.as_ptr().write_bytes(1, len) };
            scratch.as_ptr() as usize
        };
        let first = place(1_000_000);
        assert_eq!([place(3), place(1_000_000), place(700_000)], [first; 3]);
        let larger = place(3_000_000);
        assert_eq!([place(1_000_000), place(3_000_000)], [larger; 2]);
        // Two at a time are two.
        let (one, other) = (Scratch::new(100).unwrap(), Scratch::new(100).unwrap());
        assert_ne!(one.as_ptr(), other.as_ptr());
        assert!(Scratch::new(usize::MAX).is_err());
    }

    #[test]
    fn too_much_is_an_error() {
        assert_eq!(Allocation::uninit(usize::MAX).unwrap_err().bytes, usize::MAX);
        assert!(Allocation::uninit(isize::MAX as usize).is_err());
    }
}

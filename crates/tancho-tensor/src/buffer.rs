//! Aligned memory from a process-wide pool.
//!
//! An [`Allocation`] owns its memory alone and is written through its pointer; freezing it gives a [`Buffer`], which is
//! shared and immutable. When the last owner goes, the memory returns to the pool, in a list for its size class, and the
//! next allocation of that class takes it from there: pages that were faulted in once stay mapped. The pool keeps at
//! most [`pool::set_retained_limit`] bytes; what goes beyond is given back to the system.
//!
//! Size classes are four to a power of two, so that at most a fifth of a block is unused.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// The alignment of every buffer, in bytes: a cache line, and the widest vector register.
pub const ALIGNMENT: usize = 64;

/// Memory that could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {bytes} bytes ({in_use} in use, limit {})", Limit(*.limit))]
pub struct AllocError {
    /// What was asked for.
    pub bytes: usize,
    /// What the process held in buffers at that time.
    pub in_use: usize,
    /// The limit set with [`pool::set_memory_limit`]; `usize::MAX` for none.
    pub limit: usize,
}

struct Limit(usize);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == usize::MAX { f.write_str("none") } else { write!(f, "{}", self.0) }
    }
}

/// Uniquely owned, aligned memory, not yet written.
pub struct Allocation {
    pointer: NonNull<u8>,
    len: usize,
}

// SAFETY: an `Allocation` owns its memory alone; a shared one is reachable only through `Buffer`, which never writes.
unsafe impl Send for Allocation {}
// SAFETY: as above; the safe methods of a shared `Allocation` hand out nothing but the raw pointer and the length.
unsafe impl Sync for Allocation {}

impl Allocation {
    /// Memory of `len` bytes with unspecified contents.
    pub fn uninit(len: usize) -> Result<Self, AllocError> {
        Ok(Allocation { pointer: pool::take(len)?, len })
    }

    pub fn zeroed(len: usize) -> Result<Self, AllocError> {
        let allocation = Self::uninit(len)?;
        // SAFETY: the pointer is valid for writes of `len` bytes and nobody else holds it.
        unsafe { allocation.pointer.as_ptr().write_bytes(0, len) };
        Ok(allocation)
    }

    pub fn copy_of(bytes: &[u8]) -> Result<Self, AllocError> {
        let allocation = Self::uninit(bytes.len())?;
        // SAFETY: both are valid for `bytes.len()` bytes, and the new memory overlaps nothing.
        unsafe { allocation.pointer.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(allocation)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The start of the memory, aligned to [`ALIGNMENT`]; valid for reads and writes of `len` bytes while `self` lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }

    /// Makes the memory shareable and immutable.
    ///
    /// # Safety
    /// Every byte has been written, and nobody writes through an old copy of the pointer afterwards.
    pub unsafe fn freeze(self) -> Buffer {
        Buffer(Arc::new(self))
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        pool::give_back(self.pointer, self.len);
    }
}

impl fmt::Debug for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Allocation({} bytes)", self.len)
    }
}

/// Shared, immutable, aligned bytes.
#[derive(Clone, Debug)]
pub struct Buffer(Arc<Allocation>);

impl Buffer {
    pub fn copy_of(bytes: &[u8]) -> Result<Self, AllocError> {
        let allocation = Allocation::copy_of(bytes)?;
        // SAFETY: `copy_of` has written every byte, and the pointer was not handed out.
        Ok(unsafe { allocation.freeze() })
    }

    pub fn len(&self) -> usize {
        self.0.len
    }

    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    pub fn as_ptr(&self) -> *const u8 {
        self.0.pointer.as_ptr()
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `freeze` promised that all `len` bytes are written and never change.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// The bytes as elements of `T`.
    ///
    /// # Safety
    /// The bytes are valid values of `T` (for `bool`: 0 or 1).
    pub(crate) unsafe fn elements<T: crate::Element>(&self) -> &[T] {
        // SAFETY: the memory is aligned to 64 bytes, `T` has no padding, and the caller vouches for the values.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), self.len() / size_of::<T>()) }
    }

    /// Takes the memory back for writing, where this is the only owner.
    pub fn into_unique(self) -> Result<Allocation, Buffer> {
        Arc::try_unwrap(self.0).map_err(Buffer)
    }

    /// Whether both share one memory.
    pub fn same_memory(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Views a slice of elements as its bytes.
pub(crate) fn bytes_of<T: crate::Element>(elements: &[T]) -> &[u8] {
    // SAFETY: `Element` is sealed to types without padding; every byte of theirs is initialised.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

/// What the pool holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Bytes in live allocations.
    pub in_use: usize,
    /// The most that `in_use` has been.
    pub peak: usize,
    /// Bytes that wait in the pool for the next allocation.
    pub retained: usize,
    /// How many allocations were served by the system, not by the pool.
    pub system_allocations: usize,
}

/// The pool behind every buffer.
pub mod pool {
    use super::*;

    const CLASSES: usize = 4 * 48;
    const DEFAULT_RETAINED: usize = 2 << 30;

    static FREE: [Mutex<Vec<Block>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];
    static IN_USE: AtomicUsize = AtomicUsize::new(0);
    static PEAK: AtomicUsize = AtomicUsize::new(0);
    static RETAINED: AtomicUsize = AtomicUsize::new(0);
    static SYSTEM: AtomicUsize = AtomicUsize::new(0);
    static MEMORY_LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
    static RETAINED_LIMIT: AtomicUsize = AtomicUsize::new(DEFAULT_RETAINED);

    struct Block(NonNull<u8>);

    // SAFETY: a block in the pool is memory that nobody else refers to.
    unsafe impl Send for Block {}

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

    fn layout(block: usize) -> Layout {
        Layout::from_size_align(block, ALIGNMENT).expect("class sizes fit a layout")
    }

    pub(super) fn take(len: usize) -> Result<NonNull<u8>, AllocError> {
        let limit = MEMORY_LIMIT.load(Relaxed);
        let error = |in_use| AllocError { bytes: len, in_use, limit };
        let (class, block) = class_of(len).ok_or_else(|| error(IN_USE.load(Relaxed)))?;
        let in_use = IN_USE.fetch_add(block, Relaxed).saturating_add(block);
        if in_use > limit {
            IN_USE.fetch_sub(block, Relaxed);
            return Err(error(in_use - block));
        }
        if in_use > PEAK.load(Relaxed) {
            PEAK.fetch_max(in_use, Relaxed);
        }
        let pooled = FREE[class].lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        if let Some(Block(pointer)) = pooled {
            RETAINED.fetch_sub(block, Relaxed);
            return Ok(pointer);
        }
        SYSTEM.fetch_add(1, Relaxed);
        // SAFETY: the layout has a size of at least four cache lines.
        NonNull::new(unsafe { alloc(layout(block)) }).ok_or_else(|| {
            IN_USE.fetch_sub(block, Relaxed);
            error(in_use - block)
        })
    }

    pub(super) fn give_back(pointer: NonNull<u8>, len: usize) {
        let Some((class, block)) = class_of(len) else { return };
        IN_USE.fetch_sub(block, Relaxed);
        if RETAINED.fetch_add(block, Relaxed) + block > RETAINED_LIMIT.load(Relaxed) {
            RETAINED.fetch_sub(block, Relaxed);
            // SAFETY: `take` allocated the block with this very layout, and its owner has gone.
            unsafe { dealloc(pointer.as_ptr(), layout(block)) };
            return;
        }
        FREE[class].lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(Block(pointer));
    }

    /// Bounds the bytes in live allocations; a further allocation fails with [`AllocError`].
    pub fn set_memory_limit(bytes: usize) {
        MEMORY_LIMIT.store(bytes, Relaxed);
    }

    /// Bounds the bytes that wait in the pool (2 GiB at first).
    pub fn set_retained_limit(bytes: usize) {
        RETAINED_LIMIT.store(bytes, Relaxed);
    }

    /// Gives everything that waits in the pool back to the system.
    pub fn trim() {
        for (class, free) in FREE.iter().enumerate() {
            let blocks = std::mem::take(&mut *free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
            let block = ((4 + class % 4) << (class / 4)) * ALIGNMENT;
            for Block(pointer) in blocks {
                RETAINED.fetch_sub(block, Relaxed);
                // SAFETY: blocks of this list were allocated with the layout of its class, and nobody refers to them.
                unsafe { dealloc(pointer.as_ptr(), layout(block)) };
            }
        }
    }

    pub fn statistics() -> PoolStatistics {
        PoolStatistics {
            in_use: IN_USE.load(Relaxed),
            peak: PEAK.load(Relaxed),
            retained: RETAINED.load(Relaxed),
            system_allocations: SYSTEM.load(Relaxed),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn classes_hold_their_sizes_and_waste_little() {
            for len in (0..4096).chain([65_536, 65_537, 1 << 26, (1 << 26) + 1]) {
                let (class, block) = class_of(len).unwrap();
                assert!(block >= len && (len < 256 || block <= len + len / 4 + ALIGNMENT), "{len} in {block}");
                assert_eq!(block, ((4 + class % 4) << (class / 4)) * ALIGNMENT);
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
        fn too_much_is_an_error() {
            assert_eq!(Allocation::uninit(usize::MAX).unwrap_err().bytes, usize::MAX);
            assert!(Allocation::uninit(isize::MAX as usize).is_err());
        }
    }
}

//! Aligned memory from a process-wide pool.
//!
//! An [`Allocation`] owns its memory alone and is written through its pointer; freezing it gives a [`Buffer`], which is
//! shared and immutable. When the last owner goes, the memory returns to the pool, in a list for its size class, and the
//! next allocation of that class takes it from there: pages that were faulted in once stay mapped. The pool keeps at
//! most [`pool::set_retained_limit`] bytes; what goes beyond is given back to the system. Each thread keeps a few small
//! blocks for itself, so that threads that call small kernels do not wait for one another, and the block of its last [`Scratch`].
//!
//! Size classes are four to a power of two, so that at most a fifth of a block is unused.

#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

pub mod pool;

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

/// Memory for what a call computes on its way, which nothing outlives: at least as large as it was asked for, with unspecified
/// contents. A thread takes the block that it gave back last, while that is in the processor's caches.
pub struct Scratch {
    pointer: NonNull<u8>,
    len: usize,
}

impl Scratch {
    pub fn new(len: usize) -> Result<Self, AllocError> {
        let (pointer, len) = pool::take_scratch(len)?;
        Ok(Scratch { pointer, len })
    }

    /// The start of the memory, aligned to [`ALIGNMENT`]; valid for reads and writes while `self` lives.
    pub fn as_ptr(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        pool::give_back_scratch(self.pointer, self.len);
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

    /// Whether this is the only owner, so that [`Buffer::into_unique`] gives the memory.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
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
    /// The most that `in_use` has been; small blocks of several threads may be missing.
    pub peak: usize,
    /// Bytes that wait in the pool for the next allocation.
    pub retained: usize,
    /// How many allocations were served by the system, not by the pool.
    pub system_allocations: usize,
}

//! Bytes from the interrupt handler to the program, without locks. Both run on the same processor, so it is enough that the compiler keeps
//! the order of stores.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering, compiler_fence};

/// A queue of `N` bytes, `N` a power of two, with one writer and one reader.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [AtomicU8; N],
    /// Bytes ever put in; only the writer changes it.
    head: AtomicUsize,
    /// Bytes ever taken; only the reader changes it.
    tail: AtomicUsize,
}

impl<const N: usize> Ring<N> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        assert!(N.is_power_of_two());
        Self { bytes: [const { AtomicU8::new(0) }; N], head: AtomicUsize::new(0), tail: AtomicUsize::new(0) }
    }

    /// Appends a byte; false when the queue is full. The byte is dropped then: the link notices, and sends again.
    #[inline]
    pub fn push(&self, byte: u8) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        if head.wrapping_sub(self.tail.load(Ordering::Relaxed)) == N {
            return false;
        }
        if let Some(place) = self.bytes.get(head % N) {
            place.store(byte, Ordering::Relaxed);
        }
        compiler_fence(Ordering::SeqCst);
        self.head.store(head.wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Hands the bytes to `take`, oldest first, until there are no more or `take` has had enough; whether it has.
    #[inline]
    pub fn drain(&self, mut take: impl FnMut(u8) -> bool) -> bool {
        let mut tail = self.tail.load(Ordering::Relaxed);
        let head = self.head.load(Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let mut enough = false;
        while tail != head && !enough {
            let byte = self.bytes.get(tail % N).map_or(0, |place| place.load(Ordering::Relaxed));
            tail = tail.wrapping_add(1);
            enough = take(byte);
        }
        compiler_fence(Ordering::SeqCst);
        self.tail.store(tail, Ordering::Relaxed);
        enough
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

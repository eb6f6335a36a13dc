//! Little-endian numbers at fixed places of a buffer. What does not fit is left out: all places are constants inside their buffers,
//! and so nothing here can panic.

/// Writes `bytes` at `at`.
#[inline]
pub(super) fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = buffer.get_mut(at..).and_then(|b| b.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

/// The `N` bytes at `at`; zeros behind the end.
#[inline]
pub(super) fn take<const N: usize>(buffer: &[u8], at: usize) -> [u8; N] {
    buffer.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or([0; N])
}

/// The `u16` at `at`.
#[inline]
pub(super) fn u16_at(buffer: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(take(buffer, at))
}

/// The `u32` at `at`.
#[inline]
pub(super) fn u32_at(buffer: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(take(buffer, at))
}

/// The `u64` at `at`.
#[inline]
pub(super) fn u64_at(buffer: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(take(buffer, at))
}

/// Whether all bytes are the same, four of them a turn: the usual comparison takes them one by one on a small processor.
#[inline]
pub(super) fn are_same(these: &[u8], those: &[u8]) -> bool {
    let ((words, rest), (others, tail)) = (these.as_chunks(), those.as_chunks());
    let is_same = |(word, other): (&[u8; 4], &[u8; 4])| u32::from_le_bytes(*word) == u32::from_le_bytes(*other);
    words.len() == others.len() && words.iter().zip(others).all(is_same) && rest == tail
}

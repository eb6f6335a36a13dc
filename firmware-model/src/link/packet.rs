//! Messages to bytes of the link, and back.
//!
//! ```text
//! | code | message in postcard, CRC-32 of it (little-endian); zeros replaced | 00 |
//!   '- COBS: each code byte says how far the next zero is
//!      at most PACKET bytes before stuffing, WIRE with code and zero
//! ```
//!
//! A packet has at most 254 bytes, so stuffing adds one byte. A zero byte ends a packet whatever came before it: after any disturbance
//! the next packet is read right.

use serde::{Deserialize, Serialize};

use crate::crc32::Crc32;

/// Most bytes of a message and its CRC.
pub const PACKET: usize = 254;
/// Most bytes of a packet on the wire.
pub const WIRE: usize = PACKET + 2;
/// Bytes of the CRC.
const CRC: usize = 4;

/// A packet that is ready to be sent, from its first byte on.
#[derive(Clone, Debug)]
pub struct Outgoing {
    bytes: [u8; WIRE],
    len: usize,
    sent: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::new()
    }
}

impl Outgoing {
    /// Nothing to send.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; WIRE], len: 0, sent: 0 }
    }

    /// Makes `message` the packet to send. A message that does not fit is dropped: none that the library makes is as long.
    #[inline(never)]
    pub fn set<M: Serialize>(&mut self, message: &M) {
        (self.len, self.sent) = (0, 0);
        let Some(room) = self.bytes.get_mut(1..=PACKET - CRC) else { return };
        let Ok(used) = postcard::to_slice(message, room) else { return };
        let crc = Crc32::checksum(used).to_le_bytes();
        let end = 1 + used.len();
        if let Some(place) = self.bytes.get_mut(end..).and_then(|b| b.first_chunk_mut()) {
            *place = crc;
            self.len = stuff(&mut self.bytes, end + CRC);
        }
    }

    /// What is still to be sent.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..self.len).unwrap_or_default()
    }

    /// Counts `n` bytes as sent.
    pub fn advance(&mut self, n: usize) {
        self.sent = (self.sent + n).min(self.len);
    }

    /// To be sent once more, from its first byte on.
    pub const fn again(&mut self) {
        self.sent = 0;
    }
}

/// Replaces the zeros of `bytes[1..end]`, whose first byte is free for the first code, and puts a zero behind. Returns the length.
fn stuff(bytes: &mut [u8; WIRE], end: usize) -> usize {
    let mut code = 1u8;
    // From the back: each zero becomes the distance to the one behind it.
    for byte in bytes.get_mut(1..end).unwrap_or_default().iter_mut().rev() {
        if *byte == 0 {
            *byte = code;
            code = 1;
        } else {
            code = code.wrapping_add(1);
        }
    }
    bytes[0] = code;
    if let Some(last) = bytes.get_mut(end) {
        *last = 0;
    }
    end + 1
}

/// Collects the bytes of a packet and undoes the stuffing on the way.
#[derive(Clone, Debug)]
pub struct Incoming {
    bytes: [u8; PACKET],
    /// Bytes of the packet that is coming.
    len: usize,
    /// Bytes of the packet that has just ended well; 0 otherwise.
    whole: usize,
    /// Bytes up to the next code.
    left: u8,
    /// Whether a zero belongs before the next block.
    zero: bool,
    /// Too long: dropped to its end.
    bad: bool,
}

impl Default for Incoming {
    fn default() -> Self {
        Self::new()
    }
}

impl Incoming {
    /// At the start of a packet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; PACKET], len: 0, whole: 0, left: 0, zero: false, bad: false }
    }

    /// Takes a byte; true when it ends a packet whose CRC is right, which [`Incoming::message`] then holds until the next byte.
    #[inline]
    pub fn push(&mut self, byte: u8) -> bool {
        if byte == 0 {
            return self.end();
        }
        if self.left == 0 {
            if self.zero {
                self.store(0);
            }
            self.left = byte - 1;
            self.zero = byte != 0xFF;
        } else {
            self.left -= 1;
            self.store(byte);
        }
        false
    }

    #[inline]
    fn store(&mut self, byte: u8) {
        match self.bytes.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.bad = true,
        }
    }

    fn end(&mut self) -> bool {
        let good = self.left == 0 && !self.bad && self.crc_is_right();
        self.whole = if good { self.len } else { 0 };
        (self.len, self.left, self.zero, self.bad) = (0, 0, false, false);
        good
    }

    fn crc_is_right(&self) -> bool {
        let packet = self.bytes.get(..self.len).unwrap_or_default();
        packet.split_last_chunk().is_some_and(|(message, crc)| Crc32::checksum(message).to_le_bytes() == *crc)
    }

    /// The message of the packet that has just ended, if it is of this type and nothing follows it.
    #[must_use]
    #[inline(never)]
    pub fn message<'a, M: Deserialize<'a>>(&'a self) -> Option<M> {
        let message = self.bytes.get(..self.whole.checked_sub(CRC)?)?;
        match postcard::take_from_bytes(message) {
            Ok((message, [])) => Some(message),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn wire(message: &[u8]) -> Vec<u8> {
        let mut out = Outgoing::new();
        out.set(&message);
        out.rest().to_vec()
    }

    fn receive(wire: &[u8]) -> Vec<Vec<u8>> {
        let mut incoming = Incoming::new();
        let mut got = Vec::new();
        for &byte in wire {
            if incoming.push(byte) {
                got.extend(incoming.message::<&[u8]>().map(<[u8]>::to_vec));
            }
        }
        got
    }

    #[test]
    fn a_packet_is_the_documented_bytes() {
        // Postcard: length 3, then the bytes; CRC-32 of 03 00 07 00 is 47 c8 d7 ee (as zlib gives it).
        let crc = Crc32::checksum(&[3, 0, 7, 0]).to_le_bytes();
        assert!(!crc.contains(&0));
        assert_eq!(wire(&[0, 7, 0]), [&[2, 3, 2, 7, 5][..], &crc, &[0]].concat());
    }

    #[test]
    fn what_is_too_long_is_dropped_and_the_next_packet_read() {
        assert!(wire(&[1; PACKET]).is_empty());
        let mut bytes = std::vec![1u8; 600];
        bytes.push(0);
        bytes.extend(wire(b"next"));
        assert_eq!(receive(&bytes), [b"next".to_vec()]);
    }

    proptest! {
        #[test]
        fn every_message_comes_back_whatever_came_before(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            messages in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..=PACKET - CRC - 2), 1..4),
        ) {
            let mut bytes = noise;
            bytes.push(0);
            for message in &messages {
                let wire = wire(message);
                prop_assert_eq!(wire.iter().filter(|b| **b == 0).count(), 1);
                prop_assert!(wire.len() <= WIRE);
                bytes.extend(wire);
            }
            prop_assert_eq!(receive(&bytes), messages);
        }

        #[test]
        fn a_changed_packet_is_dropped(
            message in prop::collection::vec(any::<u8>(), 0..60),
            at in any::<prop::sample::Index>(),
            change in 1..=255u8,
        ) {
            let mut bytes = wire(&message);
            let at = at.index(bytes.len() - 1);
            bytes[at] ^= change;
            prop_assert!(receive(&bytes).is_empty());
        }
    }
}

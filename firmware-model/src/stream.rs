//! Bytes in chunks of any size to whole, undamaged frames (`docs/schedule-format.md`, section 1).
//!
//! ```text
//! magic (8) | length (2) | body -> the caller's memory | crc (4) | length (2) | ...
//! ```
//!
//! In a sealed stream ([`crate::seal`]) a tag of 16 bytes follows every CRC.

use crate::crc32::Crc32;
use crate::seal::TAG;
use crate::wire::{MAGIC, MAX_HEADER, OLDEST_VERSION};

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The first seven bytes are not a schedule's.
    NotASchedule,
    /// A format version that this decoder does not know.
    Version {
        /// The version of the stream.
        got: u8,
    },
    /// A body that is empty or longer than allowed.
    Length {
        /// The length of the stream.
        got: u16,
        /// The longest that is allowed.
        max: u16,
    },
    /// The frame was damaged on its way.
    Crc {
        /// The CRC in the stream.
        got: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// The body does not fit the memory.
    Memory {
        /// Bytes needed.
        need: usize,
        /// Bytes lent.
        have: usize,
    },
}

/// Where in a frame the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Magic { got: usize },
    LengthLow,
    LengthHigh { low: u8 },
    Body { len: u16, got: u16 },
    Crc { len: u16, crc: u32, got: u8 },
    Tag { len: u16, got: usize },
}

/// Collects one frame after the other in memory that the caller lends.
#[derive(Clone, Debug)]
pub struct FrameAssembler {
    place: Place,
    max: u16,
    /// Whether tags follow the frames.
    sealed: bool,
    /// Version of the format, as the magic says.
    version: u8,
    tag: [u8; TAG],
}

impl Default for FrameAssembler {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameAssembler {
    /// At the start of a stream; the first frame may have [`MAX_HEADER`] bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { place: Place::Magic { got: 0 }, max: MAX_HEADER as u16, sealed: false, version: 0, tag: [0; TAG] }
    }

    /// The same, for a stream with tags.
    #[must_use]
    pub const fn sealed() -> Self {
        Self { sealed: true, ..Self::new() }
    }

    /// Version of the format; 0 before the magic has come.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// Tag of the last frame of a sealed stream.
    #[must_use]
    pub const fn tag(&self) -> &[u8; TAG] {
        &self.tag
    }

    /// The longest body from the next frame on: the header's `max_frame`.
    pub const fn set_max_frame(&mut self, max: u16) {
        self.max = max;
    }

    /// Takes bytes from `chunk` until a frame is complete or the chunk is used up.
    ///
    /// Returns how many bytes were taken and, when a frame is complete, the length of its body, which then lies at the
    /// start of `memory`. The same memory has to be lent until then.
    ///
    /// # Errors
    /// [`StreamError`]; feeding on after an error makes no sense.
    pub fn feed(&mut self, chunk: &[u8], memory: &mut [u8]) -> Result<(usize, Option<usize>), StreamError> {
        let mut rest = chunk;
        while let Some((&byte, behind)) = rest.split_first() {
            match self.place {
                Place::Magic { got } => {
                    self.place = magic(byte, got)?;
                    self.version = byte;
                    rest = behind;
                }
                Place::LengthLow => {
                    self.place = Place::LengthHigh { low: byte };
                    rest = behind;
                }
                Place::LengthHigh { low } => {
                    self.place = self.length(u16::from_le_bytes([low, byte]), memory.len())?;
                    rest = behind;
                }
                Place::Body { len, got } => {
                    let take = rest.len().min(usize::from(len - got));
                    let (now, later) = rest.split_at(take);
                    match memory.get_mut(usize::from(got)..).and_then(|m| m.get_mut(..take)) {
                        Some(place) => place.copy_from_slice(now),
                        None => return Err(StreamError::Memory { need: usize::from(len), have: memory.len() }),
                    }
                    rest = later;
                    let got = got + take as u16;
                    self.place = if got < len { Place::Body { len, got } } else { Place::Crc { len, crc: 0, got: 0 } };
                }
                Place::Crc { len, crc, got } => {
                    let crc = crc | u32::from(byte) << (8 * got);
                    rest = behind;
                    if got < 3 {
                        self.place = Place::Crc { len, crc, got: got + 1 };
                        continue;
                    }
                    check(len, memory, crc)?;
                    if self.sealed {
                        self.place = Place::Tag { len, got: 0 };
                        continue;
                    }
                    self.place = Place::LengthLow;
                    return Ok((chunk.len() - rest.len(), Some(usize::from(len))));
                }
                Place::Tag { len, got } => {
                    rest = behind;
                    if let Some(place) = self.tag.get_mut(got) {
                        *place = byte;
                    }
                    if got + 1 < TAG {
                        self.place = Place::Tag { len, got: got + 1 };
                        continue;
                    }
                    self.place = Place::LengthLow;
                    return Ok((chunk.len() - rest.len(), Some(usize::from(len))));
                }
            }
        }
        Ok((chunk.len(), None))
    }

    fn length(&self, len: u16, have: usize) -> Result<Place, StreamError> {
        if len == 0 || len > self.max {
            return Err(StreamError::Length { got: len, max: self.max });
        }
        if usize::from(len) > have {
            return Err(StreamError::Memory { need: usize::from(len), have });
        }
        Ok(Place::Body { len, got: 0 })
    }
}

/// Byte `got` of the magic.
fn magic(byte: u8, got: usize) -> Result<Place, StreamError> {
    const LAST: usize = MAGIC.len() - 1;
    match got {
        LAST if (OLDEST_VERSION..=MAGIC[LAST]).contains(&byte) => Ok(Place::LengthLow),
        LAST => Err(StreamError::Version { got: byte }),
        _ if MAGIC.get(got) == Some(&byte) => Ok(Place::Magic { got: got + 1 }),
        _ => Err(StreamError::NotASchedule),
    }
}

fn check(len: u16, memory: &[u8], got: u32) -> Result<(), StreamError> {
    let body = memory.get(..usize::from(len)).unwrap_or_default();
    let mut digest = Crc32::new();
    digest.update(&len.to_le_bytes());
    digest.update(body);
    let computed = digest.finalize();
    if computed == got { Ok(()) } else { Err(StreamError::Crc { got, computed }) }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::from((body.len() as u16).to_le_bytes());
        bytes.extend(body);
        let crc = Crc32::checksum(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(frame(b"first"));
        bytes.extend(frame(b"2"));
        bytes
    }

    #[test]
    fn any_chunking_gives_the_same_frames() {
        let bytes = stream();
        for size in 1..=bytes.len() {
            let mut assembler = FrameAssembler::new();
            let mut memory = [0u8; 16];
            let mut bodies: Vec<Vec<u8>> = Vec::new();
            for mut chunk in bytes.chunks(size) {
                while !chunk.is_empty() {
                    let (used, done) = assembler.feed(chunk, &mut memory).unwrap();
                    chunk = &chunk[used..];
                    bodies.extend(done.map(|len| memory[..len].to_vec()));
                }
            }
            assert_eq!(bodies, [b"first".to_vec(), b"2".to_vec()]);
        }
    }

    #[test]
    fn older_versions_are_taken() {
        for version in OLDEST_VERSION..=MAGIC[7] {
            let mut bytes = stream();
            bytes[7] = version;
            assert_eq!(FrameAssembler::new().feed(&bytes, &mut [0u8; 16]), Ok((19, Some(5))), "{version}");
        }
    }

    #[test]
    fn what_is_not_a_frame_is_named() {
        let feed = |bytes: &[u8]| FrameAssembler::new().feed(bytes, &mut [0u8; 16]);
        assert_eq!(feed(b"elighx"), Err(StreamError::NotASchedule));
        for version in [0, 3, 255] {
            let magic = [&b"elight\0"[..], &[version]].concat();
            assert_eq!(feed(&magic), Err(StreamError::Version { got: version }));
        }
        assert_eq!(feed(b"elight\0\x01\0\0"), Err(StreamError::Length { got: 0, max: 512 }));
        assert_eq!(feed(b"elight\0\x01\x01\x02"), Err(StreamError::Length { got: 513, max: 512 }));
        assert_eq!(feed(b"elight\0\x01\x11\0"), Err(StreamError::Memory { need: 17, have: 16 }));
        let mut damaged = stream();
        damaged[12] ^= 0x10;
        assert!(matches!(feed(&damaged), Err(StreamError::Crc { .. })));
    }
}

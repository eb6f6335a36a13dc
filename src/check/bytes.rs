//! Frames, fields and bits (sections 1 and 3 of docs/schedule-format.md).

use std::io::{self, BufReader, Read};

use crc::{CRC_32_ISO_HDLC, Crc};

use super::error::Problem;

/// The CRC of zlib.
pub(super) const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Longest body of the Header frame, which comes before `max_frame` is known.
const LONGEST_HEADER: usize = 512;

/// Kinds of frames: number and name.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Header = 0,
    Layer = 1,
    TileRow = 2,
    Steps = 3,
    End = 4,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Header => "0 (Header)",
            Self::Layer => "1 (Layer)",
            Self::TileRow => "2 (TileRow)",
            Self::Steps => "3 (Steps)",
            Self::End => "4 (End)",
        }
    }
}

/// Reads frames, one at a time.
pub(super) struct Frames<'a> {
    input: BufReader<&'a mut dyn Read>,
    /// Longest body.
    pub(super) max_frame: usize,
    /// Frames so far.
    pub(super) count: u64,
    /// Bytes so far.
    pub(super) bytes: u64,
    body: Vec<u8>,
}

impl<'a> Frames<'a> {
    /// Reads the magic; returns the version of the format, too.
    pub(super) fn new(input: &'a mut dyn Read) -> Result<(Self, u8), Problem> {
        let mut frames =
            Self { input: BufReader::new(input), max_frame: LONGEST_HEADER, count: 0, bytes: 0, body: Vec::new() };
        let mut found = [0; 7];
        frames.fill(&mut found, "the magic")?;
        if found != *b"elight\0" {
            return Err(Problem::Magic { found });
        }
        match frames.array::<1>("the version")? {
            [version @ 1..=2] => Ok((frames, version)),
            [found] => Err(Problem::Version { found }),
        }
    }

    fn fill(&mut self, buffer: &mut [u8], inside: &'static str) -> Result<(), Problem> {
        self.bytes += buffer.len() as u64;
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Truncated { inside },
            _ => Problem::Read(error),
        })
    }

    fn array<const N: usize>(&mut self, inside: &'static str) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, inside)?;
        Ok(bytes)
    }

    /// Reads a whole frame that has to be of this kind; returns its fields. Writes its number to `number` before anything of it
    /// is read.
    pub(super) fn next(&mut self, kind: Kind, number: &mut Option<u64>) -> Result<Fields<'_>, Problem> {
        *number = Some(self.count);
        let length = self.array::<2>("a frame's length, before any End frame")?;
        let found = usize::from(u16::from_le_bytes(length));
        if found == 0 || found > self.max_frame {
            return Err(Problem::FrameLength { found, max: self.max_frame });
        }
        let mut body = std::mem::take(&mut self.body);
        body.resize(found, 0);
        self.fill(&mut body, "a frame")?;
        self.body = body;
        let found = u32::from_le_bytes(self.array("a frame's CRC")?);
        let mut digest = CRC.digest();
        digest.update(&length);
        digest.update(&self.body);
        let expected = digest.finalize();
        if found != expected {
            return Err(Problem::Crc { expected, found });
        }
        let expected = self.count;
        self.count += 1;
        let mut fields = Fields(&self.body);
        let found = fields.varint("seq", u64::MAX)?;
        if found != expected {
            return Err(Problem::Sequence { expected, found });
        }
        let found = fields.varint("variant", u64::MAX)?;
        if found != kind as u64 {
            return Err(Problem::FrameKind { expected: kind.name(), found });
        }
        Ok(fields)
    }

    /// Confirms that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        match self.array::<1>("nothing") {
            Err(Problem::Truncated { .. }) => {
                self.bytes -= 1;
                Ok(())
            }
            Err(problem) => Err(problem),
            Ok(_) => Err(Problem::Trailing),
        }
    }
}

/// What is left of a frame's fields.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Problem::Encoding { field })?;
        self.0 = rest;
        Ok(taken)
    }

    /// One plain byte.
    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, Problem> {
        Ok(self.take(field, 1)?[0])
    }

    /// LEB128, at most `max`, in as few bytes as it needs.
    pub(super) fn varint(&mut self, field: &'static str, max: u64) -> Result<u64, Problem> {
        let mut x = 0u128;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(field)?;
            x |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                let overlong = byte == 0 && shift > 0;
                let x = u64::try_from(x).ok().filter(|_| !overlong).ok_or(Problem::Encoding { field })?;
                return ranged(field, x, 0, max);
            }
        }
        Err(Problem::Encoding { field })
    }

    pub(super) fn f32(&mut self, field: &'static str) -> Result<f32, Problem> {
        let bytes = self.take(field, 4)?;
        Ok(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], Problem> {
        let length = self.varint(field, u64::from(u16::MAX))?;
        self.take(field, length as usize)
    }

    pub(super) fn str(&mut self, field: &'static str) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| Problem::Encoding { field })
    }

    /// Confirms that nothing is left behind `field`.
    pub(super) fn end(self, field: &'static str) -> Result<(), Problem> {
        match self.0.len() {
            0 => Ok(()),
            count => Err(Problem::Leftover { field, count }),
        }
    }
}

/// `found`, when it is in its range.
pub(super) fn ranged(field: &'static str, found: u64, min: u64, max: u64) -> Result<u64, Problem> {
    if (min..=max).contains(&found) { Ok(found) } else { Err(Problem::Range { field, found, min, max }) }
}

/// A bit string, lowest bit of each byte first.
#[derive(Default)]
pub(super) struct Bits {
    /// The bytes, and eight zeros behind them.
    bytes: Vec<u8>,
    /// The next bit.
    at: usize,
}

/// Ones in front of an escaped number.
const ESCAPE: u32 = 20;

impl Bits {
    /// Starts again with other bytes.
    pub(super) fn load(&mut self, bytes: &[u8]) {
        self.at = 0;
        self.bytes.clear();
        self.bytes.extend(bytes);
        self.bytes.extend([0; 8]);
    }

    /// The next 57 bits or more, zeros behind the end.
    #[inline]
    fn peek(&self) -> u64 {
        match self.bytes.get(self.at / 8..).and_then(|bytes| bytes.first_chunk()) {
            Some(chunk) => u64::from_le_bytes(*chunk) >> (self.at % 8),
            None => 0,
        }
    }

    /// Moves on by `count` bits, which must be there.
    #[inline]
    fn skip(&mut self, count: u32) -> Result<(), Problem> {
        self.at += count as usize;
        if self.at > self.bytes.len().saturating_sub(8) * 8 { Err(Problem::BitsEnd) } else { Ok(()) }
    }

    /// `bits(count)`, at most 32.
    #[inline]
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, Problem> {
        let x = self.peek() & ((1 << count) - 1);
        self.skip(count)?;
        Ok(x as u32)
    }

    /// `rice(k)`.
    #[inline]
    pub(super) fn rice(&mut self, k: u32) -> Result<u32, Problem> {
        let bits = self.peek();
        let ones = bits.trailing_ones();
        if ones < ESCAPE {
            let low = bits >> (ones + 1) & ((1 << k) - 1);
            self.skip(ones + 1 + k)?;
            return Ok(ones << k | low as u32);
        }
        let found = (bits >> ESCAPE) as u32;
        self.skip(ESCAPE + 32)?;
        if found >> k < ESCAPE { Err(Problem::Escape { found }) } else { Ok(found) }
    }

    /// `unzigzag(rice(k))`.
    #[inline]
    pub(super) fn signed(&mut self, k: u32) -> Result<i64, Problem> {
        let x = i64::from(self.rice(k)?);
        Ok(if x % 2 == 0 { x / 2 } else { -(x + 1) / 2 })
    }

    /// Confirms that only padding is left.
    pub(super) fn end(&self) -> Result<(), Problem> {
        let left = (self.bytes.len().saturating_sub(8) * 8).saturating_sub(self.at);
        // Zeros stand behind the end.
        if left >= 8 || self.peek() != 0 { Err(Problem::Padding { bits: left }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_leb128_without_waste() {
        let read = |bytes: &[u8], max| Fields(bytes).varint("x", max);
        assert_eq!(read(&[0], 9).unwrap(), 0);
        assert_eq!(read(&[0xE5, 0x8E, 0x26], u64::MAX).unwrap(), 624_485);
        assert_eq!(read(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1], u64::MAX).unwrap(), u64::MAX);
        assert!(matches!(read(&[5], 4), Err(Problem::Range { found: 5, max: 4, .. })));
        for bad in [&[][..], &[0x80], &[0x80, 0], &[255; 11], &[255, 255, 255, 255, 255, 255, 255, 255, 255, 2]] {
            assert!(matches!(read(bad, u64::MAX), Err(Problem::Encoding { field: "x" })), "{bad:?}");
        }
    }

    #[test]
    fn rice_codes_by_hand() {
        let mut bits = Bits::default();
        // Lowest bit first: 110 11 says 2 * 4 + 3; three bits are left.
        bits.load(&[0b0111_1011 | 0b1000_0000]);
        assert_eq!(bits.rice(2).unwrap(), 11);
        assert!(matches!(bits.rice(0), Err(Problem::BitsEnd)));
        bits.load(&[0b0111]);
        assert_eq!(bits.signed(0).unwrap(), -2);
        bits.end().unwrap();
        bits.load(&[0b10_0111]);
        bits.signed(0).unwrap();
        assert!(matches!(bits.end(), Err(Problem::Padding { bits: 4 })));
    }

    #[test]
    fn escapes_only_where_needed() {
        let escaped = |x: u64| (0xF_FFFF | x << 20).to_le_bytes();
        let mut bits = Bits::default();
        bits.load(&escaped(4_000_000_000));
        assert_eq!(bits.rice(3).unwrap(), 4_000_000_000);
        bits.load(&escaped(160));
        assert_eq!(bits.rice(3).unwrap(), 160);
        bits.load(&escaped(159));
        assert!(matches!(bits.rice(3), Err(Problem::Escape { found: 159 })));
    }
}

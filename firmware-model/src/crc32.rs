//! CRC-32/ISO-HDLC, the checksum of schedules, log and link: the `crc` crate's, four bytes a turn.
//!
//! Every byte of a schedule goes through two of these, one of its packet and one of its frame, and a third for what is logged: on a small
//! processor the loop around the table is half of the work.

/// What each low byte adds to the rest.
static TABLE: [u32; 256] = table();

/// The polynomial, reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = (i as u32, 0);
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

/// A CRC under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    /// Of nothing yet.
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Of all of `bytes`.
    pub(crate) fn checksum(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        crc.update(bytes);
        crc.finalize()
    }

    /// Takes `bytes` in.
    #[inline(never)]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let mut crc = self.0;
        for word in words {
            crc = byte(byte(byte(byte(crc ^ u32::from_le_bytes(*word)))));
        }
        for &last in rest {
            crc = byte(crc ^ u32::from(last));
        }
        self.0 = crc;
    }

    /// The CRC of all that was taken in.
    pub(crate) const fn finalize(self) -> u32 {
        !self.0
    }
}

/// Works the lowest byte off.
#[inline(always)]
fn byte(crc: u32) -> u32 {
    TABLE[usize::from(crc as u8)] ^ crc >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CRC;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_crc_of_the_format(bytes in prop::collection::vec(any::<u8>(), 0..70), cut in 0..70usize) {
            prop_assert_eq!(Crc32::checksum(&bytes), CRC.checksum(&bytes));
            let (first, rest) = bytes.split_at(cut.min(bytes.len()));
            let mut crc = Crc32::new();
            crc.update(first);
            crc.update(rest);
            prop_assert_eq!(crc.finalize(), CRC.checksum(&bytes));
        }
    }
}

//! An array of 1-, 2- or 4-byte numbers in borrowed bytes: the decoder's memory is one byte slice of any alignment.

/// Little-endian numbers of one width.
pub(crate) struct Packed<'a> {
    bytes: &'a mut [u8],
    /// 1, 2 or 4.
    width: u8,
}

impl<'a> Packed<'a> {
    /// `bytes` as numbers of `width` bytes each; widths above 2 count as 4.
    #[inline]
    pub(crate) fn new(bytes: &'a mut [u8], width: u8) -> Self {
        Self { bytes, width }
    }

    /// Number `i`; `None` behind the end.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<u32> {
        match self.width {
            1 => self.bytes.get(i).map(|&b| u32::from(b)),
            2 => self.bytes.get(2 * i..)?.first_chunk().map(|b| u32::from(u16::from_le_bytes(*b))),
            _ => self.bytes.get(4 * i..)?.first_chunk().map(|b| u32::from_le_bytes(*b)),
        }
    }

    /// Sets number `i` to the low bytes of `x`; `None` behind the end.
    #[inline]
    pub(crate) fn set(&mut self, i: usize, x: u32) -> Option<()> {
        match self.width {
            1 => *self.bytes.get_mut(i)? = x as u8,
            2 => *self.bytes.get_mut(2 * i..)?.first_chunk_mut()? = (x as u16).to_le_bytes(),
            _ => *self.bytes.get_mut(4 * i..)?.first_chunk_mut()? = x.to_le_bytes(),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_to_their_places() {
        for width in [1u8, 2, 4] {
            let mut bytes = [0u8; 12];
            let n = 12 / usize::from(width);
            let mut p = Packed::new(&mut bytes, width);
            for i in 0..n {
                p.set(i, 200 + i as u32).unwrap();
            }
            assert!((0..n).all(|i| p.get(i) == Some(200 + i as u32)));
            assert_eq!((p.get(n), p.set(n, 1)), (None, None));
        }
    }
}

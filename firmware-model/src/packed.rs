//! An array of 1-, 2- or 4-byte numbers in borrowed bytes: the decoder's memory is one byte slice of any alignment.

/// Little-endian numbers of one width.
pub(crate) enum Packed<'a> {
    One(&'a mut [u8]),
    Two(&'a mut [[u8; 2]]),
    Four(&'a mut [[u8; 4]]),
}

impl<'a> Packed<'a> {
    /// `bytes` as numbers of `width` bytes each; widths above 2 count as 4.
    #[inline]
    pub(crate) fn new(bytes: &'a mut [u8], width: u8) -> Self {
        match width {
            1 => Self::One(bytes),
            2 => Self::Two(bytes.as_chunks_mut().0),
            _ => Self::Four(bytes.as_chunks_mut().0),
        }
    }

    /// Number `i`; `None` behind the end.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<u32> {
        match self {
            Self::One(numbers) => numbers.get(i).map(|&x| x.into()),
            Self::Two(numbers) => numbers.get(i).map(|x| u16::from_le_bytes(*x).into()),
            Self::Four(numbers) => numbers.get(i).map(|x| u32::from_le_bytes(*x)),
        }
    }

    /// Sets number `i` to the low bytes of `x`; `None` behind the end.
    #[inline]
    pub(crate) fn set(&mut self, i: usize, x: u32) -> Option<()> {
        match self {
            Self::One(numbers) => *numbers.get_mut(i)? = x as u8,
            Self::Two(numbers) => *numbers.get_mut(i)? = (x as u16).to_le_bytes(),
            Self::Four(numbers) => *numbers.get_mut(i)? = x.to_le_bytes(),
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

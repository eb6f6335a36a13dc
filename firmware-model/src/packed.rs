//! An array of 1-, 2- or 4-byte numbers in borrowed bytes: the decoder's memory is one byte slice of any alignment.

/// Little-endian numbers of `NARROW` or of `WIDE` bytes each, at most 4.
pub(crate) enum Packed<'a, const NARROW: usize, const WIDE: usize> {
    Narrow(&'a mut [[u8; NARROW]]),
    Wide(&'a mut [[u8; WIDE]]),
}

impl<'a, const NARROW: usize, const WIDE: usize> Packed<'a, NARROW, WIDE>
where
    [u8; NARROW]: Bytes,
    [u8; WIDE]: Bytes,
{
    /// `bytes` as numbers of `width` bytes each: `NARROW`, or else `WIDE`.
    #[inline]
    pub(crate) fn new(bytes: &'a mut [u8], width: u8) -> Self {
        if usize::from(width) == NARROW {
            Self::Narrow(bytes.as_chunks_mut().0)
        } else {
            Self::Wide(bytes.as_chunks_mut().0)
        }
    }

    /// Number `i`; `None` behind the end.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<u32> {
        match self {
            Self::Narrow(numbers) => numbers.get(i).map(|x| x.number()),
            Self::Wide(numbers) => numbers.get(i).map(|x| x.number()),
        }
    }

    /// Sets number `i` to the low bytes of `x`; `None` behind the end.
    #[inline]
    pub(crate) fn set(&mut self, i: usize, x: u32) -> Option<()> {
        match self {
            Self::Narrow(numbers) => numbers.get_mut(i).map(|number| *number = Bytes::of(x)),
            Self::Wide(numbers) => numbers.get_mut(i).map(|number| *number = Bytes::of(x)),
        }
    }
}

/// A number's little-endian bytes.
pub(crate) trait Bytes: Copy {
    fn number(self) -> u32;
    /// The low bytes of `x`.
    fn of(x: u32) -> Self;
}

impl Bytes for [u8; 1] {
    #[inline]
    fn number(self) -> u32 {
        u8::from_le_bytes(self).into()
    }

    #[inline]
    fn of(x: u32) -> Self {
        (x as u8).to_le_bytes()
    }
}

impl Bytes for [u8; 2] {
    #[inline]
    fn number(self) -> u32 {
        u16::from_le_bytes(self).into()
    }

    #[inline]
    fn of(x: u32) -> Self {
        (x as u16).to_le_bytes()
    }
}

impl Bytes for [u8; 4] {
    #[inline]
    fn number(self) -> u32 {
        u32::from_le_bytes(self)
    }

    #[inline]
    fn of(x: u32) -> Self {
        x.to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill<const NARROW: usize, const WIDE: usize>(width: u8, first: u32)
    where
        [u8; NARROW]: Bytes,
        [u8; WIDE]: Bytes,
    {
        let mut bytes = [0u8; 4];
        let n = 4 / usize::from(width);
        let mut p = Packed::<NARROW, WIDE>::new(&mut bytes, width);
        for i in 0..n {
            p.set(i, first + i as u32).unwrap();
        }
        assert!((0..n).all(|i| p.get(i) == Some(first + i as u32)));
        assert_eq!((p.get(n), p.set(n, 1)), (None, None));
    }

    #[test]
    fn numbers_keep_to_their_places() {
        fill::<1, 2>(1, 250);
        fill::<1, 2>(2, 60_000);
        fill::<2, 4>(2, 60_000);
        fill::<2, 4>(4, 4_000_000_000);
    }
}

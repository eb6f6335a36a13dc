//! The header at the beginning of a schedule: what it is for, before a controller that proves it can be built.

use firmware_model::wire::{Body, Frame, Header, MAGIC, is_schedule};
use thiserror::Error;

/// Why there is no header at the beginning of a file; reads on from the file's name.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoHeader {
    /// It begins with something else than a schedule of a known version.
    #[error("is not a schedule of a version that is known")]
    Magic,
    /// It ends before its first frame.
    #[error("ends before its header")]
    Before,
    /// It ends within its first frame.
    #[error("ends in its header")]
    Within,
    /// Its first frame is another one, or none.
    #[error("does not begin with a header")]
    Other,
}

/// The header of a schedule, read from its first bytes. Its CRC is not looked at: the controller that the header helps to build proves that.
///
/// # Errors
/// [`NoHeader`].
pub fn header(file: &[u8]) -> Result<Header<'_>, NoHeader> {
    let stream = file.get(MAGIC.len()..).filter(|_| is_schedule(file)).ok_or(NoHeader::Magic)?;
    let (length, stream) = stream.split_first_chunk::<2>().ok_or(NoHeader::Before)?;
    let body = stream.get(..usize::from(u16::from_le_bytes(*length))).ok_or(NoHeader::Within)?;
    match postcard::from_bytes::<Body<'_>>(body) {
        Ok(Body { frame: Frame::Header(header), .. }) => Ok(header),
        _ => Err(NoHeader::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_say_what_a_schedule_is_for() {
        let file = include_bytes!("../../fixtures/mnist-cnn-9x9.elight");
        let found = header(file).unwrap();
        assert_eq!((found.rows, found.cols, found.bits, found.layers), (9, 9, 4, 5));
        let length = usize::from(u16::from_le_bytes([file[MAGIC.len()], file[MAGIC.len() + 1]]));
        let whole = MAGIC.len() + 2 + length;
        assert_eq!(header(&file[..whole]), Ok(found), "the header alone is enough");
        for end in 0..whole {
            let expected = match end {
                end if end < MAGIC.len() => NoHeader::Magic,
                end if end < MAGIC.len() + 2 => NoHeader::Before,
                _ => NoHeader::Within,
            };
            assert_eq!(header(&file[..end]), Err(expected), "{end} bytes");
        }
        // The frame behind the header in its place.
        let second = [&MAGIC[..], &file[whole + 4..]].concat();
        assert_eq!(header(&second), Err(NoHeader::Other));
    }
}

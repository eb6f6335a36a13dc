//! Files, gzipped or not.

use super::error::DataError;
use std::path::Path;

/// Reads a file whole, unpacking it when it is gzipped.
pub fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = std::fs::read(path).map_err(|cause| DataError::Read { path: path.to_owned(), cause })?;
    unpack(&bytes, path)
}

/// Undoes gzip when the bytes begin with its magic number.
pub fn unpack(bytes: &[u8], path: &Path) -> Result<Vec<u8>, DataError> {
    use std::io::Read;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::new();
    // The largest of these sets unpacks to 150 MB; whatever claims more is not one of them.
    let limit = 1 << 30;
    let read = flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut out);
    read.map_err(|cause| DataError::Read { path: path.to_owned(), cause })?;
    if out.len() as u64 == limit {
        return Err(DataError::Format { path: path.to_owned(), problem: "unpacks to 1 GiB or more".into() });
    }
    Ok(out)
}

//! `.npz`: NumPy arrays in a ZIP archive, as `numpy.savez` and `numpy.savez_compressed` write them. In the order in which they were stored.
//!
//! Arrays that lie in the file as they are stay there, mapped; others (compressed, stored column by column, big-endian) are read once, at most as many
//! bytes as their shapes say.

mod array;

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read};
use std::ops::Range;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::file::{Bytes, Tensor, WeightsFile, map};
use super::layer::Skipped;
use super::shown::{escaped, shown};
use super::{WeightsError, foreign};
use array::Array;

/// Whether a path is called an archive of arrays.
pub(super) fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Opens an archive: its arrays, and what in it is none that could be weights.
pub(super) fn open(path: &Path) -> Result<(WeightsFile, Vec<Skipped>), WeightsError> {
    read(path, Bytes::Mapped(map(path)?))
}

/// As [`open`], from the bytes of an archive.
pub(super) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<(WeightsFile, Vec<Skipped>), WeightsError> {
    read(path, Bytes::Owned(bytes))
}

/// Where an array's numbers are.
enum Place {
    File(Range<usize>),
    Memory(Range<usize>),
}

fn read(path: &Path, bytes: Bytes) -> Result<(WeightsFile, Vec<Skipped>), WeightsError> {
    let refuse = |problem: String| WeightsError::Npz { path: path.to_owned(), problem };
    let mut archive = ZipArchive::new(Cursor::new(&bytes[..])).map_err(|error| {
        foreign::named(path, &bytes).unwrap_or_else(|| refuse(format!("{error}; is it a whole .npz file?")))
    })?;
    let (mut arrays, mut memory, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut names = HashSet::new();
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(|error| refuse(format!("entry {number}: {error}")))?;
        let name = entry.name().map_err(|error| refuse(format!("the name of entry {number}: {error}")))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            skipped.push(Skipped { name: escaped(&name), reason: "it is no array (.npy)".into() });
            continue;
        };
        let wrong = |problem: String| refuse(format!("array `{}`: {problem}", shown(&name)));
        if !names.insert(name.clone()) {
            return Err(wrong("the name stands there twice; every array needs a name of its own".into()));
        }
        let array = Array::read(&mut entry).map_err(wrong)?;
        let Array { dtype: Ok(dtype), .. } = array else {
            let reason = array.dtype.err().unwrap_or_default();
            skipped.push(Skipped { name: escaped(&name), reason });
            continue;
        };
        let length =
            array.bytes().ok_or_else(|| wrong(format!("its shape {:?} is larger than any file", array.shape)))?;
        let expected = (array.header + length) as u64;
        if entry.size() != expected {
            let (shape, found) = (&array.shape, entry.size());
            return Err(wrong(format!(
                "{dtype} of shape {shape:?} takes {expected} bytes with its header, but it has {found}"
            )));
        }
        let stored = entry.compression() == CompressionMethod::Stored && array.is_as_we_read_it();
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok()).filter(|_| stored);
        let range =
            start.and_then(|start| Some(start.checked_add(array.header)?..start.checked_add(array.header + length)?));
        let place = match range.filter(|range| range.end <= bytes.len()) {
            Some(range) => Place::File(range),
            None => {
                let start = memory.len();
                let read = entry.by_ref().take(length as u64 + 1).read_to_end(&mut memory);
                read.map_err(|error| wrong(format!("{error}: copy or download the file again")))?;
                if memory.len() - start != length {
                    return Err(wrong(format!("it has {} bytes of {length}", memory.len() - start)));
                }
                array.put_in_order(&mut memory[start..]);
                Place::Memory(start..start + length)
            }
        };
        arrays.push((name, dtype, array.shape, place));
    }
    drop(archive);
    // A file is one piece of memory: what was mapped beside what had to be read is read, too.
    let in_memory = arrays.iter().any(|(.., place)| matches!(place, Place::Memory(_)));
    let mut tensors = Vec::with_capacity(arrays.len());
    for (name, dtype, shape, place) in arrays {
        let range = match place {
            Place::Memory(range) => range,
            Place::File(range) if !in_memory => range,
            Place::File(range) => {
                let start = memory.len();
                memory.extend_from_slice(&bytes[range]);
                start..memory.len()
            }
        };
        tensors.push(Tensor { name, dtype, shape, range });
    }
    let bytes = if in_memory { Bytes::Unpacked(memory) } else { bytes };
    Ok((WeightsFile { path: path.to_owned(), bytes, tensors, metadata: BTreeMap::new() }, skipped))
}

//! One `.safetensors` file: mapped, its header checked.
//!
//! ```text
//! 0        8            8 + n                           end
//! | n, u64 | JSON header | tensor data, back to back ... |
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::{WeightsError, foreign};

/// Length of the header's length.
const LENGTH: usize = 8;
/// No header may be longer (the format's own limit), so that a lying length allocates nothing.
pub(super) const MAX_HEADER: usize = 100_000_000;

/// A tensor whose bytes are inside its file and fit its shape and type.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Where its bytes are in the file.
    pub range: Range<usize>,
}

/// The bytes of a file: mapped, or in memory.
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    /// Mapped, and still looked at by a decoder.
    Shared(std::sync::Arc<memmap2::Mmap>),
    /// The whole file, in memory.
    Owned(Vec<u8>),
    /// What has been unpacked from a file.
    Unpacked(Vec<u8>),
}

impl Bytes {
    /// Says that a range will not be read again soon: its pages may leave this process's memory (they stay in the
    /// system's file cache). So a large file costs no more memory than the tensor at hand.
    #[allow(unsafe_code)]
    pub(super) fn release(&self, range: std::ops::Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = self {
            // SAFETY: the map is read-only and backed by a file, so that dropped pages come back from the file with the same
            // content; no page is ever dirty.
            // A refusal costs memory, nothing else.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Shared(map) => map,
            Bytes::Owned(bytes) | Bytes::Unpacked(bytes) => bytes,
        }
    }
}

/// A checked file.
pub(super) struct WeightsFile {
    pub path: PathBuf,
    pub bytes: Bytes,
    /// In the order of their data.
    pub tensors: Vec<Tensor>,
    pub metadata: BTreeMap<String, String>,
}

impl WeightsFile {
    pub fn open(path: &Path) -> Result<WeightsFile, WeightsError> {
        WeightsFile::check(path, Bytes::Mapped(map(path)?))
    }

    /// Checks the header. The crate proves that the tensors follow each other without gap or overlap and that shapes fit
    /// byte counts; the lengths around it are compared here, where no sum can overflow.
    pub fn check(path: &Path, bytes: Bytes) -> Result<WeightsFile, WeightsError> {
        let refuse = |problem| WeightsError::Header { path: path.to_owned(), problem };
        let (data_start, header) =
            header(path, &bytes).map_err(|error| foreign::named(path, &bytes).unwrap_or(error))?;
        let header: Metadata = serde_json::from_slice(header).map_err(|error| {
            let cause = super::header::what_is_wrong(header).unwrap_or_else(|| error.to_string());
            foreign::named(path, &bytes).unwrap_or_else(|| refuse(format!("its JSON header: {cause}")))
        })?;

        let expected = (data_start as u64).saturating_add(header.data_len() as u64); // offsets may lie up to 2^64 - 1
        if expected != bytes.len() as u64 {
            return Err(WeightsError::Length { path: path.to_owned(), expected, found: bytes.len() as u64 });
        }

        let mut tensors: Vec<Tensor> = header
            .tensors()
            .into_iter()
            .map(|(name, info)| Tensor {
                name,
                dtype: info.dtype,
                shape: info.shape.clone(),
                range: data_start + info.data_offsets.0..data_start + info.data_offsets.1,
            })
            .collect();
        tensors.sort_by(|a, b| (a.range.start, a.range.end, &a.name).cmp(&(b.range.start, b.range.end, &b.name)));
        let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(WeightsFile { path: path.to_owned(), bytes, tensors, metadata })
    }
}

/// Where the data starts, and the bytes of the header.
fn header<'a>(path: &Path, bytes: &'a [u8]) -> Result<(usize, &'a [u8]), WeightsError> {
    let refuse = |problem| WeightsError::Header { path: path.to_owned(), problem };
    if bytes.is_empty() {
        return Err(WeightsError::Empty { path: path.to_owned() });
    }
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Err(refuse(format!("it has {} bytes, fewer than the {LENGTH} of the header's length", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().filter(|&length| length <= MAX_HEADER).and_then(|n| rest.get(..n));
    let Some(header) = header else {
        let limit = rest.len().min(MAX_HEADER);
        return Err(refuse(format!("it says that its header has {length} bytes, but at most {limit} are possible")));
    };
    Ok((LENGTH + header.len(), header))
}

/// Maps a regular file of at least one byte.
pub(super) fn map(path: &Path) -> Result<memmap2::Mmap, WeightsError> {
    let io = |action| move |source| WeightsError::Io { path: path.to_owned(), action, source };
    // Asked before opening: opening a pipe would wait for its writer.
    let about = std::fs::metadata(path).map_err(io("open"))?;
    if !about.is_file() {
        return Err(WeightsError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(io("open"))?;
    if about.len() == 0 {
        return Err(WeightsError::Empty { path: path.to_owned() });
    }
    map_file(&file).map_err(io("map"))
}

#[allow(unsafe_code)]
fn map_file(file: &File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: the map is read-only and private to this process. What remains is the hazard of every mapped file: when
    // another process shortens it while it is open here, reading the lost part ends this process with SIGBUS, and when
    // another process writes to it, the weights change under us. Readers of model files accept both; writers that
    // replace a file by renaming (as safetensors does) cause neither. All lengths were taken from the map itself, so no
    // index computed from its bytes is trusted without a check.
    unsafe { memmap2::Mmap::map(file) }
}

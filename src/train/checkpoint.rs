//! Weights in `.safetensors` files: PyTorch's names and shapes, the description of quantization and model in the metadata.
//!
//! | key | value |
//! |---|---|
//! | `elight.format` | `1` |
//! | `elight.bits`, `elight.device` | bits of a PCM cell, preset or device file |
//! | `elight.scale`, `elight.reparam` | `row` or `layer`; `none` or `tanh` |
//! | `elight.tile` | rows x columns of the core, as in `9x9` |
//! | `elight.model`, `elight.input`, `elight.classes`, `elight.hidden` | architecture, `HxWxC`, classes, hidden sizes |
//! | `elight.network` | the layers in their order, with their input vectors an inference ([`crate::description`]) |
//! | `elight.input_bits`, `elight.mean`, `elight.std` | bits of the inputs (absent: floating point), normalisation per channel |
//!
//! Files are written whole or not at all: a temporary file in the same directory, then a rename.

use crate::nn::{Role, Sequential, Slot};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system says no.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Not a `.safetensors` file, or a damaged one.
    #[error("{path}: not a readable safetensors file: {cause}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: safetensors::SafeTensorError,
    },
    /// A tensor cannot be taken over.
    #[error("{path}: tensor `{tensor}`: {problem}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// The file and the model have no tensor in common, or weights are missing.
    #[error("{path}: {problem}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Which names are missing and which are left over.
        problem: String,
    },
}

impl CheckpointError {
    /// The same, with what the weights had to fit.
    #[must_use]
    pub fn of(mut self, what: &str) -> Self {
        if let Self::Tensor { problem, .. } | Self::Mismatch { problem, .. } = &mut self {
            *problem = format!("{problem} ({what})");
        }
        self
    }
}

/// Some names for an error, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 6;
    match names.len().saturating_sub(SHOWN) {
        _ if names.is_empty() => "none".to_owned(),
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// What loading by name found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Arrays of the model that the file does not have.
    pub missing: Vec<String>,
    /// Tensors of the file that the model does not have.
    pub left_over: Vec<String>,
}

/// Writes a file whole: a temporary file beside it, then a rename.
///
/// # Errors
/// Those of the operating system.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let io = |cause| CheckpointError::Io { path: path.to_owned(), cause };
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    // A temporary file is private; a result is as readable as any other file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(io)?;
    }
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Named arrays to the bytes of a file.
pub(crate) fn to_bytes(
    arrays: &[(String, Vec<usize>, &[f32])],
    metadata: &BTreeMap<String, String>,
    path: &Path,
) -> Result<Vec<u8>, CheckpointError> {
    let format = |cause| CheckpointError::Format { path: path.to_owned(), cause };
    let bytes: Vec<Vec<u8>> = arrays.iter().map(|(_, _, v)| v.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views: Result<Vec<_>, _> = arrays
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), b)| Ok((name.clone(), TensorView::new(Dtype::F32, shape.clone(), b)?)))
        .collect();
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    let mut out = safetensors::serialize(views.map_err(format)?, Some(metadata)).map_err(format)?;
    sort_metadata(&mut out);
    Ok(out)
}

/// The safetensors crate writes metadata in the random order of a hash map; the same run must give the same bytes.
fn sort_metadata(file: &mut [u8]) {
    let Some(length) = file.get(..8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes) else { return };
    let Some(header) = file.get_mut(8..8 + length as usize) else { return };
    // Only the metadata's entries change places (serde_json's maps are sorted), so the length stays.
    let Ok(text) = std::str::from_utf8(header) else { return };
    let Some((start, end)) = metadata_range(text) else { return };
    let Ok(sorted) = serde_json::from_str::<BTreeMap<String, String>>(&text[start..end]) else { return };
    if let Ok(sorted) = serde_json::to_string(&sorted)
        && sorted.len() == end - start
    {
        header[start..end].copy_from_slice(sorted.as_bytes());
    }
}

/// Where the metadata's object begins and ends in a header.
fn metadata_range(text: &str) -> Option<(usize, usize)> {
    let start = text.find("\"__metadata__\":")? + "\"__metadata__\":".len();
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    Some((start, start + values.byte_offset()))
}

/// Writes the model's arrays.
///
/// # Errors
/// Those of the operating system.
pub fn save(path: &Path, model: &mut Sequential, metadata: &BTreeMap<String, String>) -> Result<(), CheckpointError> {
    let slots = model.all_slots();
    let arrays: Vec<_> = slots.iter().map(|s| (s.name.clone(), s.shape.clone(), &*s.value)).collect();
    write_whole(path, &to_bytes(&arrays, metadata, path)?)
}

/// A file's tensors as f32, and its metadata.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    /// Name to shape and values.
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
}

impl File {
    /// Reads a file; half, brain and double precision become single, whole numbers are left out (counters).
    ///
    /// # Errors
    /// A file that cannot be read or is no safetensors file.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(|cause| CheckpointError::Io { path: path.to_owned(), cause })?;
        let format = |cause| CheckpointError::Format { path: path.to_owned(), cause };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let file = SafeTensors::deserialize(&bytes).map_err(format)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if let Some(values) = floats(&view) {
                // PyTorch's data-parallel wrapper prefixes all names.
                let name = name.strip_prefix("module.").unwrap_or(name);
                tensors.insert(name.to_owned(), (view.shape().to_vec(), values));
            }
        }
        Ok(Self { path: path.to_owned(), tensors, metadata })
    }

    /// Whether there is a tensor whose name ends so.
    pub fn has_suffix(&self, suffix: &str) -> bool {
        self.tensors.keys().any(|k| k.ends_with(suffix))
    }

    /// Takes over all tensors by name.
    ///
    /// # Errors
    /// A tensor of another shape; missing weights, with the names that are left over. Missing buffers (running statistics,
    /// input ranges) are only reported.
    pub fn load_into(mut self, model: &mut Sequential) -> Result<LoadReport, CheckpointError> {
        let mut report = LoadReport::default();
        let mut weights_missing = false;
        for slot in model.all_slots() {
            match self.tensors.remove(&slot.name) {
                Some((shape, values)) => self.fill(slot, &shape, &values)?,
                None => {
                    weights_missing |= slot.role != Role::Buffer;
                    report.missing.push(slot.name);
                }
            }
        }
        report.left_over = self.tensors.into_keys().collect();
        if weights_missing {
            let problem = format!(
                "does not hold this model: missing {}; left over {}. Is it the right --model?",
                some(&report.missing),
                some(&report.left_over)
            );
            return Err(CheckpointError::Mismatch { path: self.path, problem });
        }
        Ok(report)
    }

    /// Takes over the tensors that fit by name and shape, and leaves out all others.
    ///
    /// # Errors
    /// A tensor that fits and holds a weight that is no number; a file of which nothing fits.
    pub fn load_what_fits(mut self, model: &mut Sequential) -> Result<LoadReport, CheckpointError> {
        let mut report = LoadReport::default();
        let mut taken = 0;
        for slot in model.all_slots() {
            let fits = self.tensors.get(&slot.name).is_some_and(|(shape, _)| *shape == slot.shape);
            match self.tensors.remove(&slot.name).filter(|_| fits) {
                Some((shape, values)) => {
                    self.fill(slot, &shape, &values)?;
                    taken += 1;
                }
                None => report.missing.push(slot.name),
            }
        }
        report.left_over = self.tensors.into_keys().collect();
        if taken == 0 {
            let problem = format!("has no tensor that fits this model; it holds {}", some(&report.left_over));
            return Err(CheckpointError::Mismatch { path: self.path, problem });
        }
        Ok(report)
    }

    /// One tensor's values.
    pub(crate) fn take(&mut self, name: &str) -> Option<Vec<f32>> {
        self.tensors.remove(name).map(|(_, v)| v)
    }

    fn fill(&self, slot: Slot<'_>, shape: &[usize], values: &[f32]) -> Result<(), CheckpointError> {
        if shape != slot.shape {
            let problem = format!("has the shape {shape:?}, the model expects {:?}", slot.shape);
            return Err(CheckpointError::Tensor { path: self.path.clone(), tensor: slot.name, problem });
        }
        // An input range that never saw a batch is infinite; weights are not.
        if slot.role != Role::Buffer
            && let Some(i) = values.iter().position(|v| !v.is_finite())
        {
            let problem = format!("element {i} is {}, expected a finite number", values[i]);
            return Err(CheckpointError::Tensor { path: self.path.clone(), tensor: slot.name, problem });
        }
        slot.value.copy_from_slice(values);
        Ok(())
    }
}

/// A tensor's values in single precision; `None` for whole numbers.
fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let d = view.data();
    let pair = |b: &[u8]| u16::from_le_bytes([b[0], b[1]]);
    Some(match view.dtype() {
        Dtype::F32 => d.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => d.chunks_exact(2).map(|b| half::f16::from_bits(pair(b)).to_f32()).collect(),
        Dtype::BF16 => d.chunks_exact(2).map(|b| half::bf16::from_bits(pair(b)).to_f32()).collect(),
        Dtype::F64 => {
            let wide = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
            d.chunks_exact(8).map(|b| wide(b) as f32).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::linear::Linear;

    fn model(outputs: usize) -> Sequential {
        Sequential::new().with("a", Linear::new(3, 2, true)).with("b", Linear::new(2, outputs, true))
    }

    #[test]
    fn round_trip_and_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (p, q) = (dir.path().join("p"), dir.path().join("q"));
        let meta: BTreeMap<String, String> = (0..20).map(|i| (format!("elight.k{i}"), format!("\"{i}\""))).collect();
        let mut m = model(4);
        for (i, s) in m.all_slots().into_iter().enumerate() {
            s.value.iter_mut().enumerate().for_each(|(j, v)| *v = (i * 100 + j) as f32);
        }
        save(&p, &mut m, &meta).unwrap();
        save(&q, &mut m, &meta).unwrap();
        assert_eq!(std::fs::read(&p).unwrap(), std::fs::read(&q).unwrap());
        let f = File::open(&p).unwrap();
        assert_eq!(f.metadata, meta);
        let mut n = model(4);
        assert_eq!(f.load_into(&mut n).unwrap(), LoadReport::default());
        let values = |m: &mut Sequential| m.all_slots().iter().map(|s| s.value.to_vec()).collect::<Vec<_>>();
        assert_eq!(values(&mut m), values(&mut n));
    }

    /// A new head: the rest is taken over, the head is left as it was.
    #[test]
    fn what_fits_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let p = dir.path().join("p");
        let mut old = model(4);
        old.all_slots().into_iter().for_each(|s| s.value.fill(2.0));
        save(&p, &mut old, &BTreeMap::new()).unwrap();
        let mut new = model(5);
        let report = File::open(&p).unwrap().load_what_fits(&mut new).unwrap();
        assert_eq!(report.missing, ["b.weight", "b.bias"]);
        let values: Vec<f32> = new.all_slots().iter().map(|s| s.value[0]).collect();
        assert_eq!(values, [2.0, 2.0, 0.0, 0.0]);
        let mut other = Sequential::new().with("c", Linear::new(3, 2, true));
        let e = File::open(&p).unwrap().load_what_fits(&mut other).unwrap_err().to_string();
        assert!(e.contains("no tensor that fits"), "{e}");
    }

    #[test]
    fn mismatches_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let p = dir.path().join("p");
        save(&p, &mut model(4), &BTreeMap::new()).unwrap();
        let e = File::open(&p).unwrap().load_into(&mut model(5)).unwrap_err().to_string();
        assert!(e.contains("`b.weight`: has the shape [4, 2], the model expects [5, 2]"), "{e}");
        let mut other = Sequential::new().with("a", Linear::new(3, 2, true)).with("c", Linear::new(2, 4, true));
        let e = File::open(&p).unwrap().load_into(&mut other).unwrap_err().to_string();
        assert!(e.contains("missing c.weight, c.bias; left over b.bias, b.weight"), "{e}");
        std::fs::write(&p, b"nonsense").unwrap();
        assert!(File::open(&p).unwrap_err().to_string().contains("not a readable safetensors file"));
    }
}

//! Networks: a file, or tensors that Python holds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use elight::settings::{TensorArgs, read};
use elight::weights::{self, Reading};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::Words;

/// Memory that Python fills with a `.safetensors` image of a state dict: tensors are copied once, into here, whatever their layout.
#[pyclass(module = "elight._elight")]
pub struct Buffer {
    bytes: Vec<u8>,
}

#[pymethods]
impl Buffer {
    /// So many zeroed bytes.
    #[new]
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size] }
    }

    /// Where they are. Valid as long as the buffer lives and is not handed to a network.
    #[getter]
    fn address(&mut self) -> usize {
        self.bytes.as_mut_ptr() as usize
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }
}

/// An opened network.
#[pyclass(frozen, module = "elight._elight")]
pub struct Network {
    pub(crate) inner: Arc<weights::Network>,
    #[pyo3(get)]
    pub(crate) path: PathBuf,
}

/// How weights are read, in the words of the command line.
fn reading(words: &Words) -> PyResult<Reading> {
    let tensors: TensorArgs = read(words).map_err(crate::ElightError::new_err)?;
    tensors.reading().map_err(crate::refuse)
}

#[pymethods]
impl Network {
    /// A file, as the command line takes it.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, words: Words) -> PyResult<Self> {
        let opened = py.detach(|| Ok::<_, PyErr>(weights::Network::open_as(&path, &reading(&words)?)));
        Ok(Self { inner: Arc::new(opened?.map_err(crate::refuse)?), path })
    }

    /// The state dict that Python has laid into `buffer`, which is empty afterwards. `name` stands for the path in errors.
    #[staticmethod]
    fn from_buffer(py: Python<'_>, name: &str, buffer: &mut Buffer, words: Words) -> PyResult<Self> {
        let reading = reading(&words)?;
        let bytes = std::mem::take(&mut buffer.bytes);
        let opened = py.detach(|| weights::Network::from_bytes_as(name, bytes, &reading));
        Ok(Self { inner: Arc::new(opened.map_err(crate::refuse)?), path: name.into() })
    }

    /// The `.safetensors` image of a network that is in memory; none of a file.
    fn image<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.inner.in_memory().map(|bytes| PyBytes::new(py, bytes))
    }

    /// What the file says of itself.
    fn metadata(&self) -> BTreeMap<String, String> {
        self.inner.metadata().clone()
    }

    /// Layers and what is left out, as JSON.
    fn describe(&self) -> PyResult<String> {
        let layers = self.inner.layers().iter().map(|layer| {
            serde_json::json!({
                "name": layer.name, "kind": layer.kind.to_string(), "rows": layer.rows, "cols": layer.cols, "groups": layer.groups,
                "certainty": layer.certainty, "vectors": layer.vectors,
            })
        });
        let left_out = self
            .inner
            .skipped()
            .iter()
            .map(|tensor| serde_json::json!({ "name": tensor.name, "reason": tensor.reason }));
        let described =
            serde_json::json!({ "layers": layers.collect::<Vec<_>>(), "left_out": left_out.collect::<Vec<_>>() });
        serde_json::to_string(&described).map_err(crate::refuse)
    }
}

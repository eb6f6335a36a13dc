//! Networks: a file, or tensors that Python holds.

use std::path::PathBuf;
use std::sync::Arc;

use elight::weights::{self, Filter, Layout};
use pyo3::prelude::*;

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
    path: PathBuf,
}

fn layout_of(layout: &str) -> PyResult<Layout> {
    layout.parse().map_err(crate::refuse)
}

#[pymethods]
impl Network {
    /// A file, as the command line takes it.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, layout: &str) -> PyResult<Self> {
        let layout = layout_of(layout)?;
        let opened = py.detach(|| weights::Network::open(&path, layout, &Filter::default()));
        Ok(Self { inner: Arc::new(opened.map_err(crate::refuse)?), path })
    }

    /// The state dict that Python has laid into `buffer`, which is empty afterwards. `name` stands for the path in errors.
    #[staticmethod]
    fn from_buffer(py: Python<'_>, name: &str, buffer: &mut Buffer, layout: &str) -> PyResult<Self> {
        let layout = layout_of(layout)?;
        let bytes = std::mem::take(&mut buffer.bytes);
        let opened = py.detach(|| weights::Network::from_bytes(name, bytes, layout, &Filter::default()));
        Ok(Self { inner: Arc::new(opened.map_err(crate::refuse)?), path: name.into() })
    }
}

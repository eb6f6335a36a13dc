//! The extension module behind `import elight`.
//!
//! ```text
//! check.rs      a schedule recounted against its weights
//! device.rs     levels of a PCM cell, for elight.torch
//! network.rs    weights: a path, or the tensors of a state dict in one buffer
//! schedule.rs   a schedule step by step, through the firmware's decoder
//! options.rs    keyword arguments to options of a plan
//! plan.rs       planning on a thread of its own: progress, interruption
//! ```
//!
//! What Python sees is in `elight/*.py`, which documents it; here are only the calls that need Rust.

mod check;
mod device;
mod network;
mod options;
mod plan;
mod schedule;

use pyo3::prelude::*;

pyo3::create_exception!(
    _elight,
    ElightError,
    pyo3::exceptions::PyValueError,
    "What was asked for cannot be done; the text says why and what to do."
);

/// An error's whole chain as one exception.
fn refuse(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PyErr {
    let error = error.into();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    ElightError::new_err(text)
}

#[pymodule]
fn _elight(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ElightError", module.py().get_type::<ElightError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(device::device, module)?)?;
    module.add_function(wrap_pyfunction!(device::noise, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)?;
    module.add_function(wrap_pyfunction!(check::check, module)?)?;
    module.add_class::<plan::Plan>()?;
    module.add_class::<network::Buffer>()?;
    module.add_class::<network::Network>()?;
    module.add_class::<schedule::Schedule>()?;
    module.add_class::<schedule::Steps>()?;
    Ok(())
}

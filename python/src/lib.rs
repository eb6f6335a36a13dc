//! The extension module behind `import elight`.
//!
//! ```text
//! watch.rs      long work on a thread of its own: progress, interruption
//! network.rs    weights: a path, or the tensors of a state dict in one buffer
//! plan.rs       planning
//! check.rs      a schedule recounted against its weights
//! compare.rs    two plans side by side
//! explore.rs    many plans: a grid, its records, its points
//! schedule.rs   a schedule step by step, through the firmware's decoder
//! device.rs     levels of a PCM cell, for elight.torch
//! ```
//!
//! What Python sees is in `elight/*.py`, which documents it; here are only the calls that need Rust.

mod check;
mod compare;
mod device;
mod explore;
mod network;
mod plan;
mod schedule;
mod watch;

use pyo3::prelude::*;

pyo3::create_exception!(
    _elight,
    ElightError,
    pyo3::exceptions::PyValueError,
    "What was asked for cannot be done; the text says why and what to do."
);

/// Options by name, as the command line has them (underscores for hyphens); a flag has no value.
type Words = Vec<(String, Option<String>)>;

/// An error with the text of the command line: messages of the library tell their causes themselves.
fn refuse(error: impl std::fmt::Display) -> PyErr {
    ElightError::new_err(error.to_string())
}

#[pymodule]
fn _elight(module: &Bound<'_, PyModule>) -> PyResult<()> {
    watch::imported();
    module.add("ElightError", module.py().get_type::<ElightError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(device::device, module)?)?;
    module.add_function(wrap_pyfunction!(device::noise, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)?;
    module.add_function(wrap_pyfunction!(check::check, module)?)?;
    module.add_function(wrap_pyfunction!(compare::compare, module)?)?;
    module.add_function(wrap_pyfunction!(explore::merge, module)?)?;
    module.add_class::<plan::Plan>()?;
    module.add_class::<compare::Comparison>()?;
    module.add_class::<explore::Exploration>()?;
    module.add_class::<explore::Kept>()?;
    module.add_class::<explore::Points>()?;
    module.add_class::<network::Buffer>()?;
    module.add_class::<network::Network>()?;
    module.add_class::<schedule::Schedule>()?;
    module.add_class::<schedule::Steps>()?;
    Ok(())
}

//! A schedule recounted against its weights, by the checker that shares no code with the planner.

use elight::check::{Options, Part, check_parts};
use pyo3::prelude::*;

use crate::network::Network;
use crate::options::{Texts, asked};

/// Checks the schedules of a plan, one for each core; returns the findings as JSON, a list with one entry a schedule. A schedule that is not of
/// these weights is an error that says where.
#[pyfunction]
pub fn check(py: Python<'_>, schedules: Vec<Vec<u8>>, network: &Network, options: Texts) -> PyResult<String> {
    let asked = asked(&options, &network.path, &network.inner)?;
    let quantization = asked.options.quantization;
    let options = Options { reparam: quantization.reparam, scale: quantization.scale };
    let network = &network.inner;
    let found = py.detach(|| {
        let mut readers: Vec<&[u8]> = schedules.iter().map(Vec::as_slice).collect();
        let mut parts: Vec<Part<'_>> =
            readers.iter_mut().map(|schedule| Part { schedule, origin: None, ranges: None }).collect();
        check_parts(&mut parts, network, &asked.options.device, &options)
    });
    let found = found.map_err(|(number, error)| crate::ElightError::new_err(format!("schedule {number}: {error}")))?;
    serde_json::to_string(&found).map_err(crate::refuse)
}

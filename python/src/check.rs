//! A schedule recounted against its weights, by the checker that shares no code with the planner.

use std::path::PathBuf;

use elight::check::{Options, Part, check_parts, limits};
use elight::core_state::CoreState;
use elight::faults::{CoreFaults, retire};
use elight::geometry::CoreSize;
use elight::plan::core_path;
use elight::settings::{LevelArgs, faults, read};
use pyo3::prelude::*;

use crate::Words;
use crate::network::Network;
use crate::watch::watched;

/// The cores as the plan found them, in files: what each has run before, what is faulty, what is worn.
type Found = (Vec<PathBuf>, Vec<PathBuf>, Vec<PathBuf>);

/// Checks the schedules of a plan, one for each core; returns the findings as JSON, a list with one entry a schedule. A schedule that is not of
/// these weights is an error that says where.
#[pyfunction]
pub fn check(
    py: Python<'_>,
    schedules: Vec<Vec<u8>>,
    network: &Network,
    options: Words,
    core: &str,
    found: Found,
) -> PyResult<String> {
    let levels: LevelArgs = read(&options).map_err(crate::ElightError::new_err)?;
    let (from, fault_files, wear) = found;
    let core: CoreSize = core.parse().map_err(crate::refuse)?;
    watched(py, None, None, |_| {
        let (device, quantization) = levels.decide(&network.path, network.inner.metadata())?;
        let options = Options { reparam: quantization.reparam, scale: quantization.scale };
        let mut weights = (*network.inner).clone();
        if levels.calibrate {
            // By code of the check's own.
            let limits = limits(&weights, &device, &options)?;
            weights.limit(limits);
        }
        let files = if wear.is_empty() { &fault_files } else { &wear };
        let mut damaged = faults(files, schedules.len(), core, &device)?.unwrap_or_default();
        if !wear.is_empty() {
            retire(&mut damaged, &device)?;
        }
        let mut readers: Vec<&[u8]> = schedules.iter().map(Vec::as_slice).collect();
        let mut parts = Vec::with_capacity(readers.len());
        for (number, schedule) in readers.iter_mut().enumerate() {
            // One name stands for those of all cores, as for the plan.
            let before = match &from[..] {
                [all] => Some(core_path(all, number, schedules.len())),
                each => each.get(number).cloned(),
            };
            let origin = before.map(|path| CoreState::read(&path)).transpose()?;
            let origin = origin.map(|state| state.levels().to_vec());
            parts.push(Part { schedule, origin, ranges: damaged.get(number).map(CoreFaults::cells) });
        }
        let found = check_parts(&mut parts, &weights, &device, &options)
            .map_err(|(number, error)| anyhow::anyhow!("schedule {number}: {error}"))?;
        Ok(serde_json::to_string(&found)?)
    })
}

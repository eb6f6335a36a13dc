//! Devices, for training in Python.

use elight::cells::noise::NoiseModel;
use elight::level::{DeviceProfile, Transmission};
use pyo3::prelude::*;

/// Name, bits, transmissions by level, and the factor per level where they are geometric.
type Levels = (String, u8, Vec<f64>, Option<f64>);

/// A preset or a TOML file, with so many bits (4 for a preset that leaves them open).
#[pyfunction]
#[pyo3(signature = (name, bits=None))]
pub fn device(name: &str, bits: Option<u8>) -> PyResult<Levels> {
    let device = DeviceProfile::load(name, bits).map_err(crate::refuse)?;
    let beta = match device.transmission {
        Transmission::Geometric { beta } => Some(beta),
        Transmission::Table(_) => None,
    };
    Ok((device.name.clone(), device.bits, device.transmissions().to_vec(), beta))
}

/// A noise model as JSON: a preset, or a TOML file.
#[pyfunction]
pub fn noise(name: &str) -> PyResult<String> {
    serde_json::to_string(&NoiseModel::load(name).map_err(crate::refuse)?).map_err(crate::refuse)
}

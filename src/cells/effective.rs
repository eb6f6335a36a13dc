//! The weights as the core holds them, in the tensors that they came in: whoever has the network's program can evaluate them.

use std::collections::BTreeMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::belongs::{device, same_weights, stuck_cells};
use super::error::CellsError;
use super::noise::NoiseModel;
use super::programmed::{Cells, Stuck};
use super::recording::{LayerRecord, ScheduleFile, plain};
use crate::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use crate::plan::OutputFile;
use crate::weights::{Network, RewriteError};

/// The metadata key that says whose cells the weights of a file are; they are not to be quantized again.
pub const PROGRAMMED_KEY: &str = "elight.programmed";

/// Keys that say how weights become levels: these are levels already.
const QUANTIZATION_KEYS: [&str; 6] =
    ["elight.bits", "elight.device", "elight.scale", "elight.reparam", "elight.tile", "elight.calibrated"];

/// Which core holds the weights, and how well.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The schedules of a plan, one for each core.
    pub schedules: &'a [PathBuf],
    /// The weights that it was planned from, for errors.
    pub weights: &'a Path,
    /// Device, where the schedule's is no preset.
    pub device: Option<&'a str>,
    /// What the levels stand for.
    pub reparam: Reparam,
    /// Noise of the cells.
    pub noise: Option<&'a NoiseModel>,
    /// Seconds since they were written.
    pub age_seconds: f64,
    /// Stuck and dead cells, a file for each core; none: all work.
    pub faults: &'a [PathBuf],
    /// Seed of the first core; each further core has the next.
    pub seed: u64,
}

/// A layer as the core holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveLayer {
    /// Its number in the network.
    pub layer: usize,
    /// Row-major.
    pub weights: Vec<f32>,
    /// `||held - stored|| / ||stored||`, of what the levels stand for.
    pub relative_error: f64,
}

/// The schedule's device, before anything else is read: what limits of the weights are chosen by.
///
/// # Errors
/// [`CellsError`]: a schedule that cannot be read, another device.
pub fn device_of(request: &Request<'_>, network: &Network) -> Result<DeviceProfile, CellsError> {
    let Some(first) = request.schedules.first() else {
        return Err(CellsError::schedule(request.weights, "no schedule is named".into()));
    };
    let trained = network.metadata().get("elight.device").map(String::as_str);
    device(&ScheduleFile::open(first)?, first, request.device, trained)
}

/// What the cores hold in place of each layer's weights: layers that no schedule has are not among them.
///
/// # Errors
/// [`CellsError`]: what cannot be read or does not belong together.
pub fn effective(
    request: &Request<'_>,
    network: &Network,
    device: &DeviceProfile,
) -> Result<Vec<EffectiveLayer>, CellsError> {
    let quantizer = Quantizer::new(device, request.reparam, ScaleMode::Row);
    let number: BTreeMap<&str, usize> =
        network.layers().iter().enumerate().map(|(number, layer)| (plain(&layer.name), number)).collect();
    let shape = |number: usize| (network.layers()[number].rows, network.layers()[number].cols);
    let expected = number.iter().map(|(name, &number)| ((*name).to_owned(), shape(number))).collect();
    // Each core's part of the levels, for the proof, and of the weights: they add up.
    let mut whole: Vec<Option<(LayerRecord, Vec<f32>)>> = vec![None; network.layers().len()];
    for (core, path) in request.schedules.iter().enumerate() {
        let schedule = ScheduleFile::open(path)?;
        self::device(&schedule, path, request.device, Some(&device.name))?;
        let recording = schedule.record(path, request.weights, &expected)?;
        let stuck = match request.faults.get(core) {
            Some(faults) => stuck_cells(faults, &recording, device)?,
            None => Vec::new(),
        };
        let stuck = Stuck::new(&stuck, recording.core_rows, recording.core_cols);
        let seed = request.seed.wrapping_add(core as u64);
        let cells = Cells::new(device, &quantizer, &stuck, request.noise, request.age_seconds, seed);
        for layer in recording.layers {
            let Some(&number) = number.get(plain(&layer.name)) else { continue };
            if layer.groups != network.layers()[number].groups {
                let problem = format!(
                    "layer `{}` has {} groups in the schedule, {} in {}: describe the network as the plan did",
                    layer.name,
                    layer.groups,
                    network.layers()[number].groups,
                    request.weights.display()
                );
                return Err(CellsError::schedule(path, problem));
            }
            let weights = cells.scaled(&layer);
            match &mut whole[number] {
                None => whole[number] = Some((layer, weights)),
                Some((all, held)) => add(all, held, &layer, &weights),
            }
        }
    }
    let mut layers = Vec::new();
    for (number, whole) in whole.into_iter().enumerate() {
        let Some((record, weights)) = whole else { continue };
        let mut targets = network.read(number)?.data;
        targets.iter_mut().for_each(|w| *w = request.reparam.target(*w) as f32);
        same_weights((&request.schedules[0], request.weights), &record, &quantizer, &targets)?;
        let relative_error = relative_error(&targets, &weights);
        layers.push(EffectiveLayer { layer: number, weights, relative_error });
    }
    Ok(layers)
}

/// Adds another core's part of a layer: a weight is on one core.
fn add(all: &mut LayerRecord, held: &mut [f32], part: &LayerRecord, weights: &[f32]) {
    for (all, part) in all.placements.iter_mut().zip(&part.placements) {
        all.level += part.level;
    }
    for (all, part) in all.scales.iter_mut().zip(&part.scales) {
        *all = all.max(*part);
    }
    held.iter_mut().zip(weights).for_each(|(held, weight)| *held += weight);
}

/// `||q - t|| / ||t||`.
#[must_use]
pub fn relative_error(t: &[f32], q: &[f32]) -> f64 {
    let (mut error, mut norm) = (0.0, 0.0);
    for (t, q) in t.iter().zip(q) {
        error += (f64::from(*t) - f64::from(*q)).powi(2);
        norm += f64::from(*t).powi(2);
    }
    if norm == 0.0 { 0.0 } else { (error / norm).sqrt() }
}

/// Writes the network's tensors with these weights; the file appears whole or not at all.
///
/// # Errors
/// [`CellsError`]: it cannot be written, or a tensor cannot be all that its layers are.
pub fn write(
    request: &Request<'_>,
    network: &Network,
    layers: &[EffectiveLayer],
    output: &Path,
) -> Result<(), CellsError> {
    let failed = |cause| CellsError::Write { path: output.to_owned(), cause };
    let by_number: BTreeMap<usize, &EffectiveLayer> = layers.iter().map(|layer| (layer.layer, layer)).collect();
    let mut metadata = network.metadata().clone();
    metadata.retain(|key, _| !QUANTIZATION_KEYS.contains(&key.as_str()));
    metadata.insert(PROGRAMMED_KEY.to_owned(), provenance(request));
    let mut file = OutputFile::at(output).map_err(failed)?;
    let weights = |layer: usize| by_number.get(&layer).map(|held| held.weights.clone());
    let mut out = BufWriter::with_capacity(1 << 20, file.temporary());
    network.rewrite(&metadata, &weights, &mut out).map_err(|error| match error {
        RewriteError::Io(cause) => failed(cause),
        other => CellsError::Rewrite(other),
    })?;
    out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.keep(output).map_err(failed)
}

/// Which core holds them, as a line.
fn provenance(request: &Request<'_>) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = |paths: &[PathBuf]| paths.iter().map(name).collect::<Vec<_>>().join(", ");
    let mut text = names(request.schedules);
    if let Some(noise) = request.noise {
        text += &format!("; noise {}, seed {}", noise.name, request.seed);
    }
    if request.age_seconds > 0.0 {
        text += &format!("; {} s after the writes", request.age_seconds);
    }
    if !request.faults.is_empty() {
        text += &format!("; faults {}", names(request.faults));
    }
    text
}

//! Whether a schedule, a device, faults and weights belong together.

use std::path::Path;

use super::error::CellsError;
use super::programmed::StuckCell;
use super::recording::{LayerRecord, Recording, ScheduleFile};
use crate::faults::{FaultFile, Kind, Side};
use crate::geometry::CoreSize;
use crate::level::{DeviceProfile, Quantizer};

/// The device: named, or else the schedule's, or else the weights'; its identity has to be the schedule's.
///
/// # Errors
/// [`CellsError`]: a device that is no preset and was not named, or another one.
pub fn device(
    schedule: &ScheduleFile,
    path: &Path,
    named: Option<&str>,
    trained: Option<&str>,
) -> Result<DeviceProfile, CellsError> {
    let bits = schedule.identity.bits;
    let preset = DeviceProfile::presets().any(|p| p == schedule.device);
    let name = match (named, preset, trained) {
        (Some(name), _, _) => name,
        (None, true, _) => schedule.device.as_str(),
        (None, false, Some(trained)) => trained,
        (None, false, None) => {
            let problem =
                format!("was planned for device `{}`, which is no preset: give --device FILE.toml", schedule.device);
            return Err(CellsError::schedule(path, problem));
        }
    };
    let device = DeviceProfile::load(name, Some(bits))?;
    let given_crc = device.identity_crc();
    if given_crc != schedule.identity.device_crc {
        return Err(CellsError::Device {
            schedule: path.to_owned(),
            planned: schedule.device.clone(),
            bits,
            planned_crc: schedule.identity.device_crc,
            given: name.to_owned(),
            given_crc,
        });
    }
    Ok(device)
}

/// Every weight has the level of the schedule at the schedule's scale; half-way between two levels, either will do. `targets`: what the levels stand for,
/// row-major.
///
/// # Errors
/// [`CellsError::OtherWeights`], which names the first that has another.
pub fn same_weights(
    (schedule, weights): (&Path, &Path),
    layer: &LayerRecord,
    quantizer: &Quantizer,
    targets: &[f32],
) -> Result<(), CellsError> {
    const TIE: f64 = 1e-6;
    let cuts: Vec<f64> = quantizer.relative_thresholds().collect();
    for (i, (p, t)) in layer.placements.iter().zip(targets).enumerate() {
        let scale = layer.scales[i / layer.cols];
        let u = if scale == 0.0 { 0.0 } else { f64::from(t.abs()) / f64::from(scale) };
        let magnitude = usize::from(p.level.unsigned_abs());
        let above = magnitude.checked_sub(1).is_none_or(|k| cuts.get(k).is_some_and(|c| u >= c * (1.0 - TIE)));
        let below = cuts.get(magnitude).is_none_or(|c| u < c * (1.0 + TIE));
        if above && below && (magnitude == 0 || (p.level < 0) == t.is_sign_negative()) {
            continue;
        }
        let level = cuts.partition_point(|c| u >= *c) as i16;
        return Err(CellsError::OtherWeights {
            schedule: schedule.to_owned(),
            weights: weights.to_owned(),
            layer: layer.name.clone(),
            row: i / layer.cols,
            col: i % layer.cols,
            level: p.level,
            weight: *t,
            scale,
            expected: if t.is_sign_negative() { -level } else { level },
        });
    }
    Ok(())
}

/// The PCM cells that no write moves. A dead cell lets no more light through than level 0; a weak one still works.
///
/// # Errors
/// [`CellsError::Faults`]: faults of another core or device.
pub fn stuck_cells(path: &Path, recording: &Recording, device: &DeviceProfile) -> Result<Vec<StuckCell>, CellsError> {
    let core = CoreSize { rows: recording.core_rows, cols: recording.core_cols };
    let file = FaultFile::read(path)?;
    // Proves that the faults are of this core and device, and that every cell and level is there.
    file.faults(path, core, device)?;
    let mut out = Vec::new();
    for fault in file.faults.iter().filter(|f| f.kind != Kind::Weak) {
        for minus in [false, true] {
            if fault.side != if minus { Side::Plus } else { Side::Minus } {
                let level = fault.level.unwrap_or(0) as u16;
                out.push(StuckCell { row: fault.row as u16, col: fault.col as u16, minus, level });
            }
        }
    }
    Ok(out)
}

//! The proof of every run: one image stepped through the firmware model gives what the fast path gives.

use std::sync::Arc;

use firmware_model::photonic_core::Identity;
use firmware_model::sim::{Fault, SimConfig};

use super::converter::Converters;
use super::error::SimError;
use super::networks::{Multipliers, Networks, front};
use super::outcome::Proof;
use super::planned::Planned;
use super::stepped::{Stepped, Work};
use elight::cells::CellsError;
use elight::cells::programmed::Cells;
use elight::cells::recording::LayerRecord;
use elight::replay::SimBuffers;
use elight_train::data::Split;
use elight_train::nn::Tensor;
use elight_train::nn::input_quant::InputQuantizer;
use elight_train::nn::product::{Keeping, Multiplier};

/// Largest difference between the fast and the stepped outputs of a layer, in units of its largest output.
const TOLERANCE: f32 = 1e-4;
/// Inputs of the firmware's core are this many at most, in fixed point.
const FIXED: f32 = 32767.0;

/// Steps the first image through the firmware model, and compares every output of every planned layer.
///
/// # Errors
/// [`SimError::Stepped`]: they differ, which is a fault of this program.
pub(super) fn prove(
    planned: &Planned,
    networks: &mut Networks,
    cells: &Cells<'_>,
    core: &Multipliers,
    converters: &[Converters],
    test: &Arc<Split>,
) -> Result<Proof, SimError> {
    let keeping: Vec<Arc<Keeping>> =
        core.iter().map(|c| Arc::new(Keeping { inner: Some(c.clone()), ..Keeping::default() })).collect();
    let one = front(test, 1);
    networks.run_on_core(&planned.recording, &one, |i| Some(keeping[i].clone() as Arc<dyn Multiplier>));
    let mut work = Vec::new();
    let mut kept = Vec::new();
    for (i, k) in keeping.iter().enumerate() {
        let (mut x, y) = k.take();
        if let Some((bits, min, max)) = converters[i].dac {
            InputQuantizer::with_range(bits, min, max).apply(&mut x);
        }
        let pixels = y.shape.pixels();
        let mut vectors = Vec::new();
        planned.extents[i].vectors(&x, 0..pixels, &mut vectors);
        work.push(Work {
            vectors,
            pixels,
            adc: converters[i].adc,
            gain: cells.compensation(&planned.recording.layers[i]),
        });
        kept.push(y);
    }
    let inputs: Vec<i32> = work.iter().flat_map(fixed_point).collect();
    let values: Vec<i32> =
        planned.quantizer.unit_values().iter().map(|v| (v * f64::from(1 << 24)).round() as i32).collect();
    let identity = &planned.file.identity;
    let Identity { rows, cols, fanout, bits, .. } = *identity;
    let outputs = planned.recording.layers.iter().map(|l| l.rows).sum();
    let mut buffers = SimBuffers::erased(rows, cols, outputs);
    let refused = |e: Fault| CellsError::schedule(&planned.settings.schedule, format!("the simulated core: {e}"));
    let sim = buffers.core(SimConfig { rows, cols, fanout, bits, cost: None }, &values, &inputs).map_err(refused)?;
    let stepped = Stepped::new(sim, identity, cells, &work);
    let (stepped, integers) = planned.file.carry_out(&planned.settings.schedule, stepped)?.into_outputs();
    let mut proof = Proof { images: one.len(), outputs: 0, largest_difference: 0.0, integer_outputs: 0 };
    for ((layer, y), stepped) in planned.recording.layers.iter().zip(&kept).zip(&stepped) {
        let difference = compare(layer, y, stepped)?;
        proof.outputs += stepped.len() as u64;
        proof.largest_difference = proof.largest_difference.max(f64::from(difference));
    }
    proof.integer_outputs = compare_integers(planned, &values, &inputs, &integers)?;
    Ok(proof)
}

/// The firmware core's integers against the levels times the inputs.
fn compare_integers(planned: &Planned, values: &[i32], inputs: &[i32], got: &[i64]) -> Result<u64, SimError> {
    let (mut input, mut output) = (0, 0);
    for layer in &planned.recording.layers {
        let per_group = (layer.rows / layer.groups.max(1)).max(1);
        for (row, placements) in layer.placements.chunks(layer.cols.max(1)).enumerate() {
            let x = &inputs[input + row / per_group * layer.cols..];
            let sum: i64 = placements
                .iter()
                .zip(x)
                .map(|(p, x)| {
                    let value = i64::from(values[usize::from(p.level.unsigned_abs())]);
                    value * i64::from(p.level.signum()) * i64::from(*x)
                })
                .sum();
            let found = got.get(output + row).copied();
            if found != Some(sum) {
                let problem = format!("output {row} is {found:?} in integers, the levels give {sum}");
                return Err(SimError::Stepped { layer: layer.name.clone(), problem });
            }
        }
        input += layer.groups * layer.cols;
        output += layer.rows;
    }
    Ok(output as u64)
}

/// One input vector of a layer in fixed point: that of the middle output.
fn fixed_point(work: &Work) -> Vec<i32> {
    let n = work.pixels.max(1);
    let largest = work.vectors.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let factor = if largest > 0.0 { FIXED / largest } else { 0.0 };
    work.vectors.iter().skip(n / 2).step_by(n).map(|v| (v * factor).round() as i32).collect()
}

/// Largest difference between a layer's outputs and the stepped ones, in units of the largest output.
fn compare(layer: &LayerRecord, y: &Tensor, stepped: &[f32]) -> Result<f32, SimError> {
    let (pixels, rows) = (y.shape.pixels(), layer.rows);
    let largest = stepped.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let mut worst = 0.0f32;
    for p in 0..pixels {
        for r in 0..rows {
            let (fast, slow) = (y.data[p * rows + r], stepped[r * pixels + p]);
            let difference = (fast - slow).abs() / largest;
            if difference.is_nan() || difference > TOLERANCE {
                let problem = format!("output {r} of pixel {p} is {fast}, stepped {slow}");
                return Err(SimError::Stepped { layer: layer.name.clone(), problem });
            }
            worst = worst.max(difference);
        }
    }
    Ok(worst)
}

//! `elight-plan weights`: the weights as the core holds them.

use elight::cells::effective::{self, Request};
use elight::cells::noise::NoiseModel;
use elight::cli;
use elight::level::Quantizer;
use elight::plan;
use elight::show::count;

use crate::args::WeightsArgs;
use crate::mistakes;
use crate::plan::refuse_to_overwrite;

/// Writes them, and says how far they are from those that were planned.
pub fn run(args: &WeightsArgs) -> anyhow::Result<()> {
    mistakes::of_check("weights", &args.schedules, &args.weights)?;
    let (mut network, _, quantization) = args.reading.open(&args.weights)?;
    refuse_to_overwrite(&args.weights, &network, &args.output)?;
    let noise = args.noise.as_deref().map(NoiseModel::load).transpose()?;
    NoiseModel::ages(noise.as_ref(), args.drift)?;
    anyhow::ensure!(
        args.faults.is_empty() || args.faults.len() == args.schedules.len(),
        "--faults is needed once for each of the {} schedules, in their order, and was given {}",
        args.schedules.len(),
        count(args.faults.len() as u64, "time")
    );
    let request = Request {
        schedules: &args.schedules,
        weights: &args.weights,
        device: args.reading.levels.device.as_deref(),
        reparam: quantization.reparam,
        noise: noise.as_ref(),
        age_seconds: args.drift,
        faults: &args.faults,
        seed: args.seed,
    };
    let device = effective::device_of(&request, &network)?;
    if args.reading.levels.calibrate {
        plan::calibrate(&mut network, &Quantizer::new(&device, quantization.reparam, quantization.scale))?;
    }
    let layers = effective::effective(&request, &network, &device)?;
    effective::write(&request, &network, &layers, &args.output)?;
    if args.quiet {
        return Ok(());
    }
    let worst = layers.iter().max_by(|a, b| a.relative_error.total_cmp(&b.relative_error));
    let worst = worst.map_or(String::new(), |worst| {
        let name = &network.layers()[worst.layer].name;
        format!("; furthest from what was stored is `{name}`, by {:.2} %", 100.0 * worst.relative_error)
    });
    let (output, layers) = (args.output.display(), count(layers.len() as u64, "layer"));
    cli::print(&format!("{output} has {layers} as the core holds them{worst}\n"))
}

//! A simulation's figures as a person reads them.

use std::fmt::Write;

use super::noise::NoiseModel;
use super::outcome::{Outcome, Score};
use elight::report::count;

/// Layers of the table of losses, unless all are asked for.
const WORST: usize = 8;

/// The figures as text; `all_layers`: also the layers that lose least.
#[must_use]
pub fn print(o: &Outcome, all_layers: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, o, all_layers);
    out
}

fn write_all(out: &mut String, o: &Outcome, all_layers: bool) -> std::fmt::Result {
    writeln!(
        out,
        "simulated {} on {}: {} as {} programs {}, {} core, device `{}`, {}, scale {}",
        o.model,
        o.dataset,
        count(o.layers.len() as u64, "layer"),
        o.schedule.display(),
        if o.layers.len() == 1 { "it" } else { "them" },
        o.core,
        o.device,
        count(o.bits.into(), "bit"),
        o.scale
    )?;
    if !o.digital_layers.is_empty() {
        writeln!(out, "digital   {} (not in the schedule)", o.digital_layers.join(", "))?;
    }
    writeln!(out, "cells     {}", cells(o))?;
    let bits = |bits: Option<u8>| bits.map_or("none".to_owned(), |b| format!("{b} bits"));
    writeln!(out, "converter inputs (DAC) {}, partial sums (ADC) {}", bits(o.dac_bits), bits(o.adc_bits))?;
    if let Some(noise) = &o.noise {
        for (key, from) in noise.assumed() {
            writeln!(out, "assumed   {key} of noise `{}`: {}", noise.name, from.from)?;
        }
    }
    writeln!(
        out,
        "proved    {} stepped through the firmware's decoder and core: {} equal to {:.1e} of the largest, {} exactly",
        count(o.proof.images as u64, "image"),
        count(o.proof.outputs, "output"),
        o.proof.largest_difference,
        count(o.proof.integer_outputs, "integer output")
    )?;
    writeln!(out)?;
    writeln!(out, "{:<31}lost, points", format!("top-1 of {}", count(o.float.images as u64, "image")))?;
    writeln!(out, "  floating point  {:>7.2} %", o.float.top1_percent)?;
    let lost = |s: f64| o.float.top1_percent - s;
    writeln!(out, "  quantized       {:>7.2} %   {:>7.2}", o.quantized.top1_percent, lost(o.quantized.top1_percent))?;
    let seeds = match o.core_scores.len() {
        1 => String::new(),
        n => format!("   +- {:.2} over {n} seeds ({})", o.core_top1_deviation_percent, each(&o.core_scores)),
    };
    let mean = o.core_top1_mean_percent;
    writeln!(out, "  core            {mean:>7.2} %   {:>7.2}{seeds}", lost(mean))?;
    layers(out, o, all_layers)
}

fn each(scores: &[Score]) -> String {
    scores.iter().map(|s| format!("{:.2}", s.top1_percent)).collect::<Vec<_>>().join(", ")
}

fn cells(o: &Outcome) -> String {
    let name = |n: &NoiseModel| format!("noise `{}`", n.name);
    let mut parts = vec![o.noise.as_ref().map_or("hold exactly their levels".to_owned(), name)];
    if o.age_seconds > 0.0 {
        parts.push(format!("read {} s after they were written", o.age_seconds));
    }
    if o.stuck_cells > 0 {
        parts.push(format!("{} stuck", count(o.stuck_cells as u64, "PCM cell")));
    }
    parts.join(", ")
}

/// The layers that lose most, one at a time.
fn layers(out: &mut String, o: &Outcome, all: bool) -> std::fmt::Result {
    let Some(float) = &o.layers_float else { return Ok(()) };
    let mut order: Vec<_> = o.layers.iter().collect();
    order.sort_by(|a, b| b.cross_entropy_lost.unwrap_or(0.0).total_cmp(&a.cross_entropy_lost.unwrap_or(0.0)));
    let shown = if all { order.len() } else { WORST.min(order.len()) };
    let width = order[..shown].iter().map(|l| l.name.len()).max().unwrap_or(0).max(5);
    writeln!(out)?;
    writeln!(
        out,
        "one layer at a time on the core, the others in floating point ({}, {:.2} %, cross entropy {:.4}):",
        count(float.images as u64, "image"),
        float.top1_percent,
        float.cross_entropy
    )?;
    writeln!(out, "  {:width$}  weight error  cross entropy lost   top-1 lost", "layer")?;
    for l in &order[..shown] {
        let Some(alone) = &l.alone else { continue };
        writeln!(
            out,
            "  {:width$}  {:>10.2} %  {:>18.4}   {:>10.2}",
            l.name,
            100.0 * l.relative_weight_error,
            l.cross_entropy_lost.unwrap_or(0.0),
            float.top1_percent - alone.top1_percent
        )?;
    }
    if shown < order.len() {
        writeln!(out, "  and {} more that lose less (--verbose, --json)", order.len() - shown)?;
    }
    Ok(())
}

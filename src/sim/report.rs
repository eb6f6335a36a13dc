//! A simulation's figures as a person reads them.

use super::outcome::{Outcome, Score};
use elight::cells::noise::NoiseModel;
use elight::show::names::printable;
use elight::show::screen::{Screen, Tone};
use elight::show::table::Table;
use elight::show::{count, thousands};

/// Layers of the table of losses, unless all are asked for.
const WORST: usize = 8;

/// The figures as text; `all_layers`: also the layers that lose least.
#[must_use]
pub fn print(o: &Outcome, screen: &Screen, all_layers: bool) -> String {
    let say = |label: &str, text: &str| screen.fact(label, &printable(text));
    let mean = o.core_top1_mean_percent;
    let mut out = screen.paragraph(
        Tone::Strong,
        &printable(&format!(
            "{} on {}: {mean:.2} % on the core, {:.2} % in floating point: {:.2} points lost",
            o.model,
            o.dataset,
            o.float.top1_percent,
            o.float.top1_percent - mean
        )),
    );
    out += "\n";
    out += &scores(o).print(screen);
    if let [_, _, ..] = o.core_scores[..] {
        let (deviation, n) = (o.core_top1_deviation_percent, o.core_scores.len());
        let text = format!("the core: +- {deviation:.2} over {n} seeds ({})", each(&o.core_scores));
        out += &screen.paragraph(Tone::Quiet, &text);
    }
    out += &layers(o, screen, all_layers);
    out += "\n";
    out += &say(
        "simulated",
        &format!(
            "{} as {} programs {}, {} core, device `{}`, {}, scale {}",
            count(o.layers.len() as u64, "layer"),
            o.schedule.display(),
            if o.layers.len() == 1 { "it" } else { "them" },
            o.core,
            o.device,
            count(o.bits.into(), "bit"),
            o.scale
        ),
    );
    if !o.digital_layers.is_empty() {
        out += &say("digital", &format!("{} (not in the schedule)", o.digital_layers.join(", ")));
    }
    out += &say("cells", &cells(o));
    let bits = |bits: Option<u8>| bits.map_or("none".to_owned(), |b| format!("{b} bits"));
    out += &say("converter", &format!("inputs (DAC) {}, partial sums (ADC) {}", bits(o.dac_bits), bits(o.adc_bits)));
    if let Some(noise) = &o.noise {
        for (key, from) in noise.assumed() {
            out += &say("assumed", &format!("{key} of noise `{}`: {}", noise.name, from.from));
        }
    }
    out + &say(
        "proved",
        &format!(
            "{} stepped through the firmware's decoder and core: {} equal to {:.1e} of the largest, {} exactly",
            count(o.proof.images as u64, "image"),
            count(o.proof.outputs, "output"),
            o.proof.largest_difference,
            count(o.proof.integer_outputs, "integer output")
        ),
    )
}

/// Accuracy in floating point, quantized, and on the core.
fn scores(o: &Outcome) -> Table {
    let mut table = Table::new(&[("", 0), ("top-1", 0), ("points lost", 0), ("images", 0)]);
    let images = thousands(o.float.images as u64);
    let mean = o.core_top1_mean_percent;
    for (name, top1) in
        [("floating point", o.float.top1_percent), ("quantized", o.quantized.top1_percent), ("core", mean)]
    {
        let tone = if name == "core" { Tone::Strong } else { Tone::Plain };
        let lost = o.float.top1_percent - top1;
        let lost = if name == "floating point" { String::new() } else { format!("{lost:.2}") };
        table.row_in(tone, [name.to_owned(), format!("{top1:.2} %"), lost, images.clone()]);
    }
    table
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
fn layers(o: &Outcome, screen: &Screen, all: bool) -> String {
    let Some(float) = &o.layers_float else { return String::new() };
    let mut order: Vec<_> = o.layers.iter().collect();
    order.sort_by(|a, b| b.cross_entropy_lost.unwrap_or(0.0).total_cmp(&a.cross_entropy_lost.unwrap_or(0.0)));
    let shown = if all { order.len() } else { WORST.min(order.len()) };
    let mut table = Table::new(&[
        ("layer alone on the core", 0),
        ("weight error", 0),
        ("cross entropy lost", 0),
        ("top-1 lost", 0),
    ]);
    let alone = order[..shown].iter().filter_map(|l| Some((l, l.alone.as_ref()?)));
    for (l, alone) in alone {
        table.row([
            printable(&l.name),
            format!("{:.2} %", 100.0 * l.relative_weight_error),
            format!("{:.4}", l.cross_entropy_lost.unwrap_or(0.0)),
            format!("{:.2}", float.top1_percent - alone.top1_percent),
        ]);
    }
    let more = order.len() - shown;
    let more = if more > 0 { format!("; {more} more lose less (-v, --json)") } else { String::new() };
    let note = format!(
        "the others in floating point ({}, {:.2} %, cross entropy {:.4}){more}",
        count(float.images as u64, "image"),
        float.top1_percent,
        float.cross_entropy
    );
    format!("\n{}{}", table.print(screen), screen.paragraph(Tone::Quiet, &note))
}

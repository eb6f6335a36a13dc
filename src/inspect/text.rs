//! A schedule as a person reads it.

use std::fmt::{self, Write};

use super::{Content, Counted, FrameView, HeaderView, Inspection, LayerView, RowView, StepView, TileRowView};
use crate::show::names::printable;
use crate::show::number::large;
use crate::show::screen::{Screen, Tone};
use crate::show::table::Table;
use crate::show::{count, thousands};

/// Cells of a row side by side on a screen of any width.
const ACROSS: usize = 16;
/// Characters of a cell of a row, and of what stands before the row.
const CELL: usize = 7;
const BEFORE: usize = 8;
/// Core rows named in a line.
const OUTPUTS_SHOWN: usize = 16;

/// Everything that was found, but for the error at its end.
#[must_use]
pub fn print(found: &Inspection, path: &str, screen: &Screen) -> String {
    let mut out = heading(found, path, screen);
    if let Some(step) = &found.step {
        // Writing to a string cannot fail.
        let _ = one_step(&mut out, step, screen);
    } else if let Some(tile_rows) = &found.tile_rows {
        out += &tile_row_lines(tile_rows, screen);
    } else if found.frames.is_none() {
        out += &layer_lines(&found.layers, screen);
    }
    if let Some(frames) = &found.frames {
        let _ = frame_lines(&mut out, frames);
    }
    out + &totals(found, screen)
}

fn heading(found: &Inspection, path: &str, screen: &Screen) -> String {
    let bytes = count(found.bytes, "byte");
    let say = |label: &str, text: &str| screen.fact(label, &printable(text));
    let Some(h) = &found.header else { return say("schedule", &format!("{path}: {bytes}")) };
    let HeaderView { version, rows, cols, bits, fanout, reach, lists, window, index_bytes, max_frame, ram, .. } = h;
    let top = (1u32 << bits) - 1;
    let inputs =
        if *fanout == 1 { "an input for each cell".to_owned() } else { format!("{fanout} rows share an input") };
    let (frames, layers) = (count(found.frames_read, "frame"), count(h.layers.into(), "layer"));
    say("schedule", &format!("{path}: {bytes}, format version {version}, {frames} read, {layers}"))
        + &say("core", &format!("{rows}x{cols}, {inputs}, reach {reach}"))
        + &say(
            "device",
            &format!("{}, CRC {:#010x}: {bits}-bit cells, signed levels -{top} to {top}", h.device, h.device_crc),
        )
        + &say(
            "decoder",
            &format!(
                "{} of RAM; frame bodies of up to {max_frame} bytes; a list per {lists}, window {window}, \
                 {index_bytes}-byte indices",
                count((*ram).into(), "byte")
            ),
        )
}

fn layer_lines(layers: &[LayerView], screen: &Screen) -> String {
    if layers.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        ("layer", 0),
        ("matrix", 0),
        ("groups", 8),
        ("scale", 7),
        ("tile rows", 5),
        ("first step", 3),
        ("steps", 0),
        ("first frame", 4),
        ("frames", 6),
        ("bits/weight", 2),
        ("first load", 1),
        ("writes", 0),
    ]);
    for l in layers {
        table.row([
            printable(&l.name),
            format!("{}x{}", l.rows, l.cols),
            l.groups.to_string(),
            l.scale.map_or("per row".to_owned(), |s| format!("{s:.6}")),
            l.tile_rows.to_string(),
            thousands(l.first_step),
            thousands(l.steps),
            thousands(l.first_frame),
            thousands(l.frames),
            if l.weights > 0 { format!("{:.2}", 8.0 * l.bytes as f64 / l.weights as f64) } else { "-".to_owned() },
            large(l.first_load.writes),
            l.per_inference.map_or("-".to_owned(), |c| large(c.writes)),
        ]);
    }
    format!("\n{}", table.print(screen))
}

fn tile_row_lines(tile_rows: &[TileRowView], screen: &Screen) -> String {
    let mut table = Table::new(&[
        ("tile row", 0),
        ("first step", 0),
        ("steps", 0),
        ("frame", 3),
        ("first load", 2),
        ("writes", 0),
        ("output rows, by core row", 1),
    ])
    .words(6);
    for t in tile_rows {
        let more = t.outputs.len().saturating_sub(OUTPUTS_SHOWN);
        let mut outputs: Vec<String> =
            t.outputs.iter().take(OUTPUTS_SHOWN).map(|o| o.map_or("-".to_owned(), |o| o.to_string())).collect();
        if more > 0 {
            outputs.push(format!("and {more} more"));
        }
        table.row([
            t.index.to_string(),
            thousands(t.first_step),
            thousands(t.steps),
            thousands(t.first_frame),
            large(t.first_load.writes),
            t.per_inference.map_or("-".to_owned(), |c| large(c.writes)),
            outputs.join(" "),
        ]);
    }
    format!("\n{}", table.print(screen))
}

fn frame_lines(out: &mut String, frames: &[FrameView]) -> fmt::Result {
    writeln!(out, "\n   frame     offset  bytes  layer  content")?;
    for f in frames {
        let content = match &f.content {
            Content::Header => "Header".to_owned(),
            Content::Layer { name } => format!("Layer    {name}"),
            Content::TileRow { index, steps } => format!("TileRow  {index}: {}", count((*steps).into(), "step")),
            Content::Steps { step, row, records } => {
                format!("Steps    step {step}, row {row}: {}", count((*records).into(), "record"))
            }
            Content::End => "End".to_owned(),
        };
        let layer = f.layer.map_or("-".to_owned(), |l| l.to_string());
        writeln!(out, "{:>8} {:>10} {:>6} {layer:>6}  {content}", f.frame, f.offset, f.bytes)?;
    }
    Ok(())
}

fn one_step(out: &mut String, s: &StepView, screen: &Screen) -> fmt::Result {
    let frames: Vec<String> = s.frames.iter().map(u64::to_string).collect();
    let plural = if frames.len() == 1 { "" } else { "s" };
    let place = format!(
        "step {}: step {} of layer {} `{}`, step {} of its tile row {}; in frame{plural} {}",
        s.step,
        s.step_of_layer,
        s.layer,
        printable(&s.name),
        s.step_of_tile_row,
        s.tile_row,
        frames.join(", ")
    );
    write!(out, "\n{}", screen.paragraph(Tone::Strong, &place))?;
    let from = if s.steady { "in a later inference" } else { "at the first load" };
    writeln!(out, "{} of {}, {from}", count(s.counted.writes, "write"), count(s.counted.events, "PCM cell"))?;
    s.rows.iter().try_for_each(|row| one_row(out, row, screen))
}

fn one_row(out: &mut String, r: &RowView, screen: &Screen) -> fmt::Result {
    let base = if r.base == 0 { String::new() } else { format!(", inputs from element {} on", r.base) };
    writeln!(
        out,
        "\ncore row {} adds to output {}, scale {}{base}; {}",
        r.row,
        r.output,
        r.scale,
        match r.changes.len() {
            1 => "1 cell changes".to_owned(),
            n => format!("{n} cells change"),
        }
    )?;
    let across = screen.width.map_or(ACROSS, |width| (width.saturating_sub(BEFORE) / CELL).max(1));
    for first in (0..r.levels.len()).step_by(across) {
        let cells = first..(first + across).min(r.levels.len());
        let line = |out: &mut String, name: &str, of: &dyn Fn(usize) -> String| {
            write!(out, "  {name:<6}")?;
            cells.clone().try_for_each(|cell| write!(out, " {:>6}", of(cell)))?;
            writeln!(out)
        };
        let change = |cell: usize| r.changes.iter().find(|c| usize::from(c.cell) == cell);
        line(out, "cell", &|cell| cell.to_string())?;
        if cells.clone().any(|cell| change(cell).is_some()) {
            line(out, "before", &|cell| change(cell).map_or(String::new(), |c| c.from.to_string()))?;
        }
        line(out, "level", &|cell| r.levels[cell].to_string())?;
        line(out, "input", &|cell| r.inputs[cell].map_or("dark".to_owned(), |i| i.to_string()))?;
    }
    Ok(())
}

fn totals(found: &Inspection, screen: &Screen) -> String {
    let text = |c: Counted| format!("{} in {}", count(c.writes, "write"), count(c.events, "event"));
    let mut out = "\n".to_owned();
    if let Some(end) = found.end {
        out += &screen.fact(
            "end",
            &format!(
                "{}, {}; first load {}; inference {}",
                count(end.steps, "step"),
                count(end.weights, "weight"),
                text(end.first_load),
                text(end.per_inference)
            ),
        );
    }
    let same = "the same, by the firmware's decoder, cell by cell";
    let (tone, counted) = match (found.totals_match, found.per_inference) {
        (Some(true), _) if found.end.is_some_and(|end| end.first_load == found.first_load) => {
            (Tone::Good, same.to_owned())
        }
        (Some(true), _) => {
            (Tone::Good, format!("{same}; first load from what the core holds {}", text(found.first_load)))
        }
        (_, Some(later)) => {
            (Tone::Bad, format!("OTHERWISE: first load {}; inference {}", text(found.first_load), text(later)))
        }
        _ => (Tone::Bad, format!("up to the damage, at the first load: {}", text(found.first_load))),
    };
    out + &screen.fact_in(tone, "counted", &counted)
}

//! A schedule as a person reads it.

use std::fmt::{self, Write};

use super::{Content, Counted, FrameView, HeaderView, Inspection, LayerView, RowView, StepView, TileRowView};
use crate::report::{count, plain_table, thousands};

/// Cells of a row side by side.
const ACROSS: usize = 16;
/// Core rows named in a line.
const OUTPUTS_SHOWN: usize = 16;

/// Everything that was found, but for the error at its end.
#[must_use]
pub fn print(found: &Inspection, path: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = heading(&mut out, found, path);
    if let Some(step) = &found.step {
        let _ = one_step(&mut out, step);
    } else if let Some(tile_rows) = &found.tile_rows {
        let _ = tile_row_lines(&mut out, tile_rows);
    } else if found.frames.is_none() {
        let _ = layer_lines(&mut out, &found.layers);
    }
    if let Some(frames) = &found.frames {
        let _ = frame_lines(&mut out, frames);
    }
    let _ = totals(&mut out, found);
    out
}

fn heading(out: &mut String, found: &Inspection, path: &str) -> fmt::Result {
    writeln!(out, "schedule  {path}: {}", count(found.bytes, "byte"))?;
    let Some(h) = &found.header else { return Ok(()) };
    let HeaderView { version, rows, cols, bits, fanout, reach, lists, window, index_bytes, max_frame, ram, .. } = h;
    let top = (1u32 << bits) - 1;
    let inputs =
        if *fanout == 1 { "one input per weight cell".to_owned() } else { format!("{fanout} rows share an input") };
    writeln!(
        out,
        "          format version {version}, {} read, {}",
        count(found.frames_read, "frame"),
        count(h.layers.into(), "layer")
    )?;
    writeln!(out, "core      {rows}x{cols}, {inputs}, reach {reach}")?;
    writeln!(
        out,
        "device    {}, CRC {:#010x}: {bits}-bit cells, signed levels -{top} to {top}",
        h.device, h.device_crc
    )?;
    writeln!(
        out,
        "decoder   {} of RAM; frame bodies of up to {max_frame} bytes; a list per {lists}, window {window}, {index_bytes}-byte indices",
        count((*ram).into(), "byte")
    )
}

fn layer_lines(out: &mut String, layers: &[LayerView]) -> fmt::Result {
    if layers.is_empty() {
        return Ok(());
    }
    let mut table = plain_table([
        "layer",
        "matrix",
        "groups",
        "scale",
        "tile rows",
        "first step",
        "steps",
        "first frame",
        "frames",
        "bits/weight",
        "first load",
        "writes/inference",
    ]);
    for l in layers {
        table.add_row([
            l.name.clone(),
            format!("{}x{}", l.rows, l.cols),
            l.groups.to_string(),
            l.scale.map_or("per row".to_owned(), |s| format!("{s:.6}")),
            l.tile_rows.to_string(),
            thousands(l.first_step),
            thousands(l.steps),
            thousands(l.first_frame),
            thousands(l.frames),
            if l.weights > 0 { format!("{:.2}", 8.0 * l.bytes as f64 / l.weights as f64) } else { "-".to_owned() },
            thousands(l.first_load.writes),
            l.per_inference.map_or("-".to_owned(), |c| thousands(c.writes)),
        ]);
    }
    writeln!(out, "\n{table}")
}

fn tile_row_lines(out: &mut String, tile_rows: &[TileRowView]) -> fmt::Result {
    let mut table = plain_table([
        "tile row",
        "first step",
        "steps",
        "frame",
        "first load",
        "writes/inference",
        "output rows, by core row",
    ]);
    for t in tile_rows {
        let more = t.outputs.len().saturating_sub(OUTPUTS_SHOWN);
        let mut outputs: Vec<String> =
            t.outputs.iter().take(OUTPUTS_SHOWN).map(|o| o.map_or("-".to_owned(), |o| o.to_string())).collect();
        if more > 0 {
            outputs.push(format!("and {more} more"));
        }
        table.add_row([
            t.index.to_string(),
            thousands(t.first_step),
            thousands(t.steps),
            thousands(t.first_frame),
            thousands(t.first_load.writes),
            t.per_inference.map_or("-".to_owned(), |c| thousands(c.writes)),
            outputs.join(" "),
        ]);
    }
    writeln!(out, "\n{table}")
}

fn frame_lines(out: &mut String, frames: &[FrameView]) -> fmt::Result {
    writeln!(out, "\n   frame     offset  bytes  layer  content")?;
    for f in frames {
        let content = match &f.content {
            Content::Header => "Header".to_owned(),
            Content::Layer { name } => format!("Layer    {name}"),
            Content::TileRow { index, steps } => format!("TileRow  {index}: {}", count((*steps).into(), "step")),
            Content::Steps { step, row, records } => {
                format!("Steps    from step {step}, core row {row}: {}", count((*records).into(), "row record"))
            }
            Content::End => "End".to_owned(),
        };
        let layer = f.layer.map_or("-".to_owned(), |l| l.to_string());
        writeln!(out, "{:>8} {:>10} {:>6} {layer:>6}  {content}", f.frame, f.offset, f.bytes)?;
    }
    Ok(())
}

fn one_step(out: &mut String, s: &StepView) -> fmt::Result {
    let frames: Vec<String> = s.frames.iter().map(u64::to_string).collect();
    let plural = if frames.len() == 1 { "" } else { "s" };
    writeln!(
        out,
        "\nstep {}: step {} of layer {} `{}`, step {} of its tile row {}; in frame{plural} {}",
        s.step,
        s.step_of_layer,
        s.layer,
        s.name,
        s.step_of_tile_row,
        s.tile_row,
        frames.join(", ")
    )?;
    let from = if s.steady { "in a later inference" } else { "at the first load" };
    writeln!(out, "{} of {}, {from}", count(s.counted.writes, "write"), count(s.counted.events, "PCM cell"))?;
    s.rows.iter().try_for_each(|row| one_row(out, row))
}

fn one_row(out: &mut String, r: &RowView) -> fmt::Result {
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
    for first in (0..r.levels.len()).step_by(ACROSS) {
        let cells = first..(first + ACROSS).min(r.levels.len());
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

fn totals(out: &mut String, found: &Inspection) -> fmt::Result {
    writeln!(out)?;
    let line =
        |out: &mut String, c: Counted| write!(out, "{} in {}", count(c.writes, "write"), count(c.events, "event"));
    if let Some(end) = found.end {
        write!(out, "end       {}, {}; first load ", count(end.steps, "step"), count(end.weights, "weight"))?;
        line(out, end.first_load)?;
        write!(out, "; inference ")?;
        line(out, end.per_inference)?;
        writeln!(out)?;
    }
    match (found.totals_match, found.per_inference) {
        (Some(true), _) if found.end.is_some_and(|end| end.first_load == found.first_load) => {
            writeln!(out, "counted   the same, by the firmware's decoder, cell by cell")
        }
        (Some(true), _) => {
            write!(
                out,
                "counted   the same, by the firmware's decoder, cell by cell; first load from what the core holds "
            )?;
            line(out, found.first_load)?;
            writeln!(out)
        }
        (_, Some(later)) => {
            write!(out, "counted   OTHERWISE: first load ")?;
            line(out, found.first_load)?;
            write!(out, "; inference ")?;
            line(out, later)?;
            writeln!(out)
        }
        _ => {
            write!(out, "counted   up to the damage, at the first load: ")?;
            line(out, found.first_load)?;
            writeln!(out)
        }
    }
}

//! Schedules whose core rows take turns at outputs, by section 7 of `docs/schedule-format.md`.

use firmware_model::photonic_core::Output;
use firmware_model::wire::{Layer, Scale, Steps};

use super::random::{Encoded, Rng, Shape};
use super::{Bits, Event, steps_body};

/// The lists of an output.
struct ListSet {
    /// One past the last column of each; none at its end.
    next: Vec<Option<u32>>,
    marked: Vec<bool>,
    front: u32,
    pace: u32,
    output: Option<Output>,
}

impl ListSet {
    fn new(levels: usize, cols: u32, begin: u32, pace: u32) -> Self {
        Self {
            next: vec![Some(begin); levels],
            marked: vec![false; cols as usize],
            front: 16 * begin,
            pace,
            output: None,
        }
    }
}

struct Row {
    output: Option<Output>,
    set: usize,
    levels: Vec<Option<i16>>,
}

/// Encodes the steps of a tile row.
pub fn steps(
    shape: &Shape,
    layer: &Layer<'_>,
    count: u32,
    (first_output, first_input): (usize, usize),
    rng: &mut Rng,
    out: &mut Encoded,
) {
    let levels = 2 * ((1 << shape.bits) - 1) + 1;
    let rows = || 0..usize::from(shape.rows);
    let mut core: Vec<Row> =
        rows().map(|_| Row { output: None, set: 0, levels: vec![None; shape.cols.into()] }).collect();
    let mut sets: Vec<ListSet> = rows().map(|_| ListSet::new(levels, layer.cols, 0, 0)).collect();
    let mut frame = (0u32, 0usize, 0u16, Bits::default());
    for step in 0..count {
        for r in rows() {
            if frame.2 == 0 {
                (frame.0, frame.1) = (step, r);
            }
            // In no step do all core rows rest.
            let must = r + 1 == usize::from(shape.rows) && core[..r].iter().all(|row| row.output.is_none());
            let (row, bits) = (&mut core[r], &mut frame.3);
            head(shape, layer, r, row, must, &mut sets, rng, bits, &mut out.events);
            if let Some(output) = row.output {
                for (input, level) in inputs(shape, layer, r, row, &mut sets[row.set], rng, bits, &mut out.events) {
                    let place = (first_output + output.row as usize, first_input + (output.base + input) as usize);
                    out.weights.push((place.0, place.1, level));
                }
            }
            frame.2 += 1;
            let last = r + 1 == usize::from(shape.rows);
            if last {
                out.events.push(Event::Step);
                out.steps += 1;
            }
            if last && step + 1 == count || rng.one_in(5) {
                let bytes = frame.3.to_bytes();
                let steps = Steps { step: frame.0, row: frame.1 as u16, records: frame.2, bits: &bytes };
                let seq = out.bodies.len() as u32;
                out.push(steps_body(seq, &steps));
                frame = (0, 0, 0, Bits::default());
            }
        }
    }
}

fn width(choices: u32) -> u32 {
    (0..).find(|&w| 1u64 << w >= u64::from(choices)).unwrap()
}

/// What comes before the inputs: whether the core row rests, turns, or changes levels.
#[allow(clippy::too_many_arguments)]
fn head(
    shape: &Shape,
    layer: &Layer<'_>,
    r: usize,
    row: &mut Row,
    must: bool,
    sets: &mut [ListSet],
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) {
    let as_before = rng.one_in(2) && !(must && row.output.is_none());
    bits.bits(1, (!as_before).into());
    if as_before {
        return;
    }
    // A core row that rests has no levels to change.
    let kind = match rng.below(4) {
        0 if must => 2,
        1 if row.output.is_none() => 3,
        kind => kind,
    };
    bits.bits(2, kind);
    if kind == 0 {
        row.output = None;
        events.push(Event::Assign(r as u16, None));
    }
    if kind >= 2 {
        let set = rng.below(shape.rows.into());
        bits.bits(width(shape.rows.into()), set);
        let anew = sets[set as usize].output.is_none() || rng.one_in(2);
        bits.bits(1, anew.into());
        if anew {
            let (output, begin, pace) =
                (rng.below(layer.rows), rng.below(layer.cols), rng.below(16 * 4 * u32::from(shape.cols)));
            let scale = match layer.scale {
                Scale::Layer(scale) => scale,
                Scale::Row => rng.below(100) as f32,
            };
            bits.bits(width(layer.rows), output);
            if layer.scale == Scale::Row {
                bits.bits(32, scale.to_bits());
            }
            bits.bits(width(layer.cols), begin);
            bits.bits(16, pace);
            let place = &mut sets[set as usize];
            *place = ListSet::new(place.next.len(), layer.cols, begin, pace);
            let base = output / (layer.rows / layer.groups) * layer.cols;
            place.output = Some(Output { row: output, base, scale });
        }
        row.set = set as usize;
        row.output = sets[set as usize].output;
        events.push(Event::Assign(r as u16, row.output));
    }
    if kind % 2 == 1 {
        let top = (1i32 << shape.bits) - 1;
        let all = rng.one_in(3);
        bits.bits(1, all.into());
        if all {
            let every = rng.one_in(2);
            bits.bits(1, every.into());
            let has: Vec<bool> = row.levels.iter().map(|_| every || !rng.one_in(3)).collect();
            for (col, &has) in has.iter().enumerate() {
                if !every {
                    bits.bits(1, has.into());
                }
                if !has && row.levels[col].take().is_some() {
                    events.push(Event::Route(r as u16, col as u16, None));
                }
            }
            let mut before = 0;
            for (col, place) in row.levels.iter_mut().enumerate().filter(|(col, _)| has[*col]) {
                let level = rng.below(2 * top as u32 + 1) as i32 - top;
                bits.signed(layer.key_rice.into(), i64::from(level - before));
                before = level;
                *place = Some(level as i16);
                events.push(Event::Program(r as u16, col as u16, level as i16));
            }
            return;
        }
        let changed: Vec<usize> = (0..row.levels.len()).filter(|_| rng.one_in(3)).collect();
        bits.rice(layer.change_rice.into(), changed.len() as u32);
        let mut before = -1i64;
        for col in changed {
            bits.rice(layer.cell_rice.into(), (col as i64 - before - 1) as u32);
            before = col as i64;
            let level = (!rng.one_in(4)).then(|| (rng.below(2 * top as u32 + 1) as i32 - top) as i16);
            row.levels[col] = level;
            let code = level.map_or(0, |level| i32::from(level) + (1 << shape.bits));
            bits.bits(u32::from(shape.bits) + 1, code as u32);
            match level {
                Some(level) => events.push(Event::Program(r as u16, col as u16, level)),
                None => events.push(Event::Route(r as u16, col as u16, None)),
            }
        }
    }
}

/// The inputs of the lit cells, with their levels.
#[allow(clippy::too_many_arguments)]
fn inputs(
    shape: &Shape,
    layer: &Layer<'_>,
    r: usize,
    row: &Row,
    set: &mut ListSet,
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) -> Vec<(u32, i16)> {
    let top = (1i32 << shape.bits) - 1;
    let base = (set.front / 16).saturating_sub(u32::from(shape.window) / 2) / 32 * 32;
    let window = base..base + u32::from(shape.window);
    let mut products = Vec::new();
    for (col, level) in row.levels.iter().enumerate().filter_map(|(col, level)| Some((col, (*level)?))) {
        let list = (i32::from(level) + top) as usize;
        let mut column = None;
        if let Some(next) = set.next[list] {
            let free = |p: &u32| !(window.contains(p) && set.marked[*p as usize]);
            let mut left = (next..layer.cols).filter(free);
            // Now and then a number that leads out of the row, and not always the smallest.
            let number =
                if rng.one_in(20) { left.clone().count() as u32 + rng.below(3) } else { rng.below(shape.gap + 1) };
            column = left.nth(number as usize);
            let pair = layer.index_rice[list / 2];
            bits.rice(if list % 2 == 0 { pair & 15 } else { pair >> 4 }.into(), number);
            set.next[list] = column.map(|column| column + 1);
        }
        if let Some(column) = column {
            set.marked[column as usize] |= window.contains(&column);
            products.push((column, level));
        }
        events.push(Event::Route(r as u16, col as u16, column));
    }
    set.front += set.pace;
    products
}

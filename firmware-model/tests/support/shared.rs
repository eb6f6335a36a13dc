//! Random tile rows of cores whose rows share inputs, by section 6 of `docs/schedule-format.md`.

use firmware_model::photonic_core::Output;
use firmware_model::wire::{Layer, Reach, Steps};

use super::random::{Encoded, Rng, Shape};
use super::{Bits, Event, steps_body};

/// One core row: the level that it holds in each lit lane.
type Row = Vec<Option<i16>>;

/// Encodes the steps of a tile row whose core rows compute `outputs`.
pub fn steps(
    shape: &Shape,
    layer: &Layer<'_>,
    outputs: &[Option<Output>],
    count: u32,
    (first_output, first_input): (usize, usize),
    rng: &mut Rng,
    out: &mut Encoded,
) {
    let cols = usize::from(shape.cols);
    let mut rows: Vec<Row> = vec![vec![None; cols]; outputs.len()];
    let used: Vec<usize> = (0..outputs.len()).filter(|&r| outputs[r].is_some()).collect();
    let mut frame = (0u32, 0usize, 0u16, Bits::default());
    for step in 0..count {
        let mut lit = vec![false; cols];
        let mut inputs = vec![0; cols];
        for &r in &used {
            if frame.2 == 0 {
                (frame.0, frame.1) = (step, r);
            }
            let leads = used.iter().all(|&u| u / usize::from(shape.fanout) != r / usize::from(shape.fanout) || u >= r);
            if leads {
                (lit, inputs) = lanes(shape, layer, step, r, &rows[r], rng, &mut frame.3, &mut out.events);
            }
            for (cell, _) in rows[r].iter_mut().zip(&lit).filter(|(_, lit)| !**lit) {
                *cell = None;
            }
            levels(shape, layer, step, r, &lit, &mut rows[r], rng, &mut frame.3, &mut out.events);
            let output = outputs[r].unwrap();
            for (level, input) in rows[r].iter().zip(&inputs).filter_map(|(cell, input)| Some(((*cell)?, input))) {
                let place = (first_output + output.row as usize, first_input + (output.base + input) as usize);
                out.weights.push((place.0, place.1, level));
            }
            frame.2 += 1;
            let last = Some(&r) == used.last();
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

/// The leader's part: which lanes are lit, and with which inputs.
#[allow(clippy::too_many_arguments)]
fn lanes(
    shape: &Shape,
    layer: &Layer<'_>,
    step: u32,
    r: usize,
    row: &Row,
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) -> (Vec<bool>, Vec<u32>) {
    let as_before = rng.one_in(2);
    let before: Vec<bool> = row.iter().map(|cell| step == 0 || cell.is_some()).collect();
    let lit: Vec<bool> = if as_before { before } else { row.iter().map(|_| !rng.one_in(3)).collect() };
    bits.bits(1, as_before.into());
    if !as_before {
        lit.iter().for_each(|&lit| bits.bits(1, lit.into()));
    }
    for (col, cell) in row.iter().enumerate() {
        if cell.is_some() && !lit[col] {
            events.push(Event::Route(r as u16, col as u16, None));
        }
    }
    let lanes = u32::from(shape.cols);
    let choices = if shape.reach == Reach::Lane { layer.cols.div_ceil(lanes) } else { layer.cols };
    let width = (0..).find(|&w| 1u64 << w >= u64::from(choices)).unwrap();
    let mut inputs = vec![0; row.len()];
    for (col, input) in inputs.iter_mut().enumerate().filter(|(col, _)| lit[*col]) {
        let number = match shape.reach {
            Reach::Lane => rng.below((layer.cols - col as u32).div_ceil(lanes)),
            Reach::Row | Reach::Core => rng.below(layer.cols),
        };
        *input = if shape.reach == Reach::Lane { number * lanes + col as u32 } else { number };
        bits.bits(width, number);
        events.push(Event::Route(r as u16, col as u16, Some(*input)));
    }
    (lit, inputs)
}

/// Levels of one core row, in either form.
#[allow(clippy::too_many_arguments)]
fn levels(
    shape: &Shape,
    layer: &Layer<'_>,
    step: u32,
    r: usize,
    lit: &[bool],
    row: &mut Row,
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) {
    let top = (1i32 << shape.bits) - 1;
    let any = |rng: &mut Rng| (rng.below(2 * top as u32 + 1) as i32 - top) as i16;
    let code = |level: i16| (i32::from(level) + (1 << shape.bits)) as u32;
    let listed = step > 0 && rng.one_in(2);
    if step > 0 {
        bits.bits(1, listed.into());
    }
    if listed {
        let changed: Vec<usize> =
            (0..row.len()).filter(|&col| lit[col] && (row[col].is_none() || rng.one_in(4))).collect();
        bits.rice(layer.change_rice.into(), changed.len() as u32);
        let mut before = -1i64;
        for col in changed {
            let level = any(rng);
            bits.rice(layer.cell_rice.into(), (col as i64 - before - 1) as u32);
            bits.bits(u32::from(shape.bits) + 1, code(level));
            before = col as i64;
            row[col] = Some(level);
            events.push(Event::Program(r as u16, col as u16, level));
        }
        return;
    }
    let mut before = 0;
    for col in (0..row.len()).filter(|&col| lit[col]) {
        let level = if rng.one_in(2) { row[col].unwrap_or(0) } else { any(rng) };
        if step == 0 {
            bits.signed(layer.key_rice.into(), i64::from(level - before));
            before = level;
        } else {
            bits.bits(u32::from(shape.bits) + 1, code(level));
        }
        if row[col] != Some(level) {
            events.push(Event::Program(r as u16, col as u16, level));
        }
        row[col] = Some(level);
    }
}

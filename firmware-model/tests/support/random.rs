//! Random schedules, and what a core has to be asked for them: by the definitions of the format, with one flag per column
//! where the library has a ring of words.

use firmware_model::photonic_core::Output;
use firmware_model::wire::{End, Header, Layer, Lists, Reach, Scale, Steps, TileRow};

use super::{Bits, Event, Fields, end_body, header_body, layer_body, ram, steps_body, tile_row_body};

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % u64::from(n)) as u32
    }

    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

/// What a random schedule is like.
#[derive(Clone, Debug)]
pub struct Shape {
    pub rows: u16,
    pub cols: u16,
    pub bits: u8,
    pub fanout: u16,
    pub reach: Reach,
    pub lists: Lists,
    pub window: u16,
    pub wide: bool,
    pub layers: u32,
    pub steps: u32,
    /// Largest gap of a list.
    pub gap: u32,
    /// The fewer inputs, the faster the window moves past the lists: the safe number divided by this.
    pub crowded: u32,
    pub per_row_scale: bool,
    pub max_frame: u16,
    pub seed: u64,
}

impl Shape {
    pub fn header(&self) -> Header<'static> {
        let mut header = Header {
            rows: self.rows,
            cols: self.cols,
            bits: self.bits,
            fanout: self.fanout,
            reach: self.reach,
            lists: self.lists,
            window: self.window,
            index_bytes: if self.wide { 4 } else { 2 },
            max_frame: self.max_frame,
            layers: self.layers,
            ram: 0,
            device: "test",
            device_crc: 77,
        };
        header.ram = ram(&header) as u32;
        header
    }
}

/// A schedule and its meaning.
pub struct Encoded {
    pub bodies: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    /// Number of events that the first n frames lead to.
    pub events_before: Vec<usize>,
    /// All weights: (output of the whole model, input of the whole model, signed level).
    pub weights: Vec<(usize, usize, i16)>,
    pub outputs: usize,
    pub inputs: usize,
    pub steps: u64,
}

/// Encodes a random schedule of this shape.
pub fn encode(shape: &Shape) -> Encoded {
    let mut rng = Rng(shape.seed);
    let mut out = Encoded {
        bodies: Vec::new(),
        events: Vec::new(),
        events_before: vec![0],
        weights: Vec::new(),
        outputs: 0,
        inputs: 0,
        steps: 0,
    };
    out.push(header_body(0, &shape.header()));
    for index in 0..shape.layers {
        random_layer(shape, index, &mut rng, &mut out);
    }
    let end = End { steps: out.steps, weights: out.weights.len() as u64, ..End::default() };
    out.push(end_body(out.seq(), &end));
    out
}

impl Encoded {
    fn seq(&self) -> u32 {
        self.bodies.len() as u32
    }

    pub(super) fn push(&mut self, body: Vec<u8>) {
        self.bodies.push(body);
        self.events_before.push(self.events.len());
    }
}

fn random_layer(shape: &Shape, index: u32, rng: &mut Rng, out: &mut Encoded) {
    let tile_rows = 1 + rng.below(3);
    let groups = 1 + rng.below(3);
    let rows = groups * (1 + rng.below(2 * u32::from(shape.rows)));
    let safe = shape.steps * u32::from(shape.cols) * (shape.gap + 2);
    let shared = u32::from(shape.fanout == 1);
    let index_rice: Vec<u8> =
        (0..1 << shape.bits).map(|_| (shared * (rng.below(4) | rng.below(4) << 4)) as u8).collect();
    let layer = Layer {
        index,
        rows,
        cols: (safe / shape.crowded).max(u32::from(shape.cols)),
        groups,
        tile_rows,
        scale: if shape.per_row_scale { Scale::Row } else { Scale::Layer(1.5) },
        change_rice: rng.below(4) as u8,
        cell_rice: rng.below(3) as u8,
        key_rice: rng.below(6) as u8,
        index_rice: &index_rice,
        name: "layer",
    };
    out.events.push(Event::Layer("layer".into()));
    out.push(layer_body(out.seq(), &layer));
    let first = (out.outputs, out.inputs);
    for tile in 0..tile_rows {
        loop {
            let before = (out.bodies.len(), out.events.len(), out.weights.len(), out.steps);
            if random_tile_row(shape, &layer, tile, first, rng, out).is_some() {
                break;
            }
            // A list ran out of inputs: undo the tile row and throw its dice again.
            out.bodies.truncate(before.0);
            out.events.truncate(before.1);
            out.events_before.truncate(before.0 + 1);
            out.weights.truncate(before.2);
            out.steps = before.3;
        }
    }
    out.outputs += rows as usize;
    out.inputs += (groups * layer.cols) as usize;
}

/// One core row of the twin.
struct Row {
    active: Vec<Option<i16>>,
    /// `last` of each list.
    last: Vec<i64>,
    marked: Vec<bool>,
}

fn random_tile_row(
    shape: &Shape,
    layer: &Layer<'_>,
    index: u32,
    (first_output, first_input): (usize, usize),
    rng: &mut Rng,
    out: &mut Encoded,
) -> Option<()> {
    let top = (1i32 << shape.bits) - 1;
    let steps = 1 + rng.below(shape.steps);
    let max_gap = rng.below(shape.gap + 1);
    let cols = usize::from(shape.cols);
    if shape.reach == Reach::Core {
        out.events.extend((0..shape.rows).map(|row| Event::Assign(row, None)));
        out.push(tile_row_body(out.seq(), &TileRow { index, steps, rows: &[] }));
        super::visits::steps(shape, layer, steps, (first_output, first_input), rng, out);
        return Some(());
    }
    let mut outputs: Vec<Option<Output>> = Vec::new();
    let mut entries = Fields::default();
    let must = rng.below(shape.rows.into()) as u16;
    let group_rows = layer.rows / layer.groups;
    let mut group = 0;
    for row in 0..shape.rows {
        if shape.fanout > 1 && row % shape.fanout == 0 {
            group = rng.below(layer.groups);
        }
        let output = (row == must || !rng.one_in(4)).then(|| {
            // Rows that share inputs are of one group.
            let output =
                if shape.fanout > 1 { group * group_rows + rng.below(group_rows) } else { rng.below(layer.rows) };
            let scale = match layer.scale {
                Scale::Layer(scale) => scale,
                Scale::Row => rng.below(100) as f32,
            };
            Output { row: output, base: output / (layer.rows / layer.groups) * layer.cols, scale }
        });
        entries = match output {
            None => entries.varint(0u8),
            Some(o) if layer.scale == Scale::Row => entries.varint(o.row + 1).f32(o.scale),
            Some(o) => entries.varint(o.row + 1),
        };
        out.events.push(Event::Assign(row, output));
        outputs.push(output);
    }
    out.push(tile_row_body(out.seq(), &TileRow { index, steps, rows: &entries.0 }));

    if shape.fanout > 1 {
        super::shared::steps(shape, layer, &outputs, steps, (first_output, first_input), rng, out);
        return Some(());
    }
    let lists = if shape.lists == Lists::Level { 2 * top as usize + 1 } else { cols };
    let mut rows: Vec<Row> = outputs
        .iter()
        .map(|_| Row { active: vec![None; cols], last: vec![-1; lists], marked: vec![false; layer.cols as usize] })
        .collect();
    // Records collect in a frame that is closed at random.
    let mut frame = (0u32, 0u16, 0u16, Bits::default());
    let used: Vec<u16> = (0..shape.rows).filter(|&r| outputs[usize::from(r)].is_some()).collect();
    for step in 0..steps {
        let window = window(step, steps, layer.cols, shape.window);
        for &r in &used {
            if frame.2 == 0 {
                (frame.0, frame.1) = (step, r);
            }
            let row = &mut rows[usize::from(r)];
            let bits = &mut frame.3;
            if step == 0 {
                key(shape, layer, r, row, rng, bits, &mut out.events);
            } else {
                changes(shape, layer, r, row, rng, bits, &mut out.events);
            }
            for col in 0..cols {
                let Some(level) = row.active[col] else { continue };
                let column = input(shape, layer, row, col, level, max_gap, &window, rng, bits)?;
                out.events.push(Event::Route(r, col as u16, Some(column)));
                let output = outputs[usize::from(r)].unwrap();
                out.weights.push((
                    first_output + output.row as usize,
                    first_input + (output.base + column) as usize,
                    level,
                ));
            }
            frame.2 += 1;
            if Some(&r) == used.last() {
                out.events.push(Event::Step);
                out.steps += 1;
            }
            let last = step + 1 == steps && Some(&r) == used.last();
            if last || rng.one_in(5) {
                let bytes = frame.3.to_bytes();
                let steps = Steps { step: frame.0, row: frame.1, records: frame.2, bits: &bytes };
                out.push(steps_body(out.seq(), &steps));
                frame = (0, 0, 0, Bits::default());
            }
        }
    }
    Some(())
}

fn key(
    shape: &Shape,
    layer: &Layer<'_>,
    r: u16,
    row: &mut Row,
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) {
    let all = rng.one_in(2);
    let top = (1i32 << shape.bits) - 1;
    for cell in &mut row.active {
        *cell = (all || !rng.one_in(3)).then(|| (rng.below(2 * top as u32 + 1) as i32 - top) as i16);
    }
    bits.bits(1, all.into());
    if !all {
        row.active.iter().for_each(|cell| bits.bits(1, cell.is_some().into()));
    }
    let mut before = 0;
    for (col, level) in row.active.iter().enumerate().filter_map(|(col, cell)| cell.map(|level| (col, level))) {
        bits.signed(layer.key_rice.into(), i64::from(level - before));
        before = level;
        events.push(Event::Program(r, col as u16, level));
    }
}

fn changes(
    shape: &Shape,
    layer: &Layer<'_>,
    r: u16,
    row: &mut Row,
    rng: &mut Rng,
    bits: &mut Bits,
    events: &mut Vec<Event>,
) {
    let top = (1i32 << shape.bits) - 1;
    let changed: Vec<usize> = (0..row.active.len()).filter(|_| rng.one_in(4)).collect();
    bits.rice(layer.change_rice.into(), changed.len() as u32);
    let mut before = -1i64;
    for col in changed {
        bits.rice(layer.cell_rice.into(), (col as i64 - before - 1) as u32);
        before = col as i64;
        let cell = (!rng.one_in(3)).then(|| (rng.below(2 * top as u32 + 1) as i32 - top) as i16);
        row.active[col] = cell;
        if shape.reach == Reach::Row && shape.lists == Lists::Cell {
            row.last[col] = -1;
        }
        let code = cell.map_or(0, |level| i32::from(level) + (1 << shape.bits));
        bits.bits(u32::from(shape.bits) + 1, code as u32);
        events.push(match cell {
            None => Event::Route(r, col as u16, None),
            Some(level) => Event::Program(r, col as u16, level),
        });
    }
}

/// The columns in the window, by section 5.
fn window(step: u32, steps: u32, cols: u32, width: u16) -> std::ops::Range<usize> {
    let front = (u64::from(step) * u64::from(cols) / u64::from(steps)) as i64;
    let base = (front - i64::from(width) / 2).max(0) as usize / 32 * 32;
    base..base + usize::from(width)
}

/// Chooses an input for the cell and writes its code; `None` when its list has no more.
#[allow(clippy::too_many_arguments)]
fn input(
    shape: &Shape,
    layer: &Layer<'_>,
    row: &mut Row,
    col: usize,
    level: i16,
    max_gap: u32,
    window: &std::ops::Range<usize>,
    rng: &mut Rng,
    bits: &mut Bits,
) -> Option<u32> {
    let top = (1i16 << shape.bits) - 1;
    let nibble = (level + top) as usize;
    let k = u32::from(layer.index_rice[nibble / 2] >> (4 * (nibble % 2)) & 15);
    if shape.reach == Reach::Lane {
        let tiles = (layer.cols - col as u32).div_ceil(shape.cols.into());
        let tile = i64::from(rng.below(tiles));
        bits.signed(k, tile - row.last[col] - 1);
        row.last[col] = tile;
        return Some((tile * i64::from(shape.cols)) as u32 + col as u32);
    }
    let list = if shape.lists == Lists::Level { nibble } else { col };
    let marked = |p: usize| window.contains(&p) && row.marked[p];
    let free: Vec<usize> = ((row.last[list] + 1) as usize..layer.cols as usize).filter(|&p| !marked(p)).collect();
    let column = *free.get(rng.below(max_gap + 1) as usize).or(free.first())?;
    let between = ((row.last[list] + 1) as usize..column).filter(|&p| !marked(p)).count();
    bits.rice(k, between as u32);
    row.last[list] = column as i64;
    if window.contains(&column) {
        row.marked[column] = true;
    }
    Some(column as u32)
}

//! The order of the frames, from the header to the totals: `Header, (Layer, (TileRow, Steps+)*)*, End`.

use super::asked::{Options, Part};
use super::bound::Bound;
use super::bytes::{Bits, CRC, Frames, Kind, ranged};
use super::error::{Place, Problem};
use super::faulty;
use super::findings::{ElightCount, Findings, LayerFindings};
use super::format::{Header, Layer, Reach, TileRow, agree, scale_fits};
use super::ledger::Ledger;
use super::levels::Levels;
use super::outputs::Output;
use super::row::{Row, Rules, Window};
use super::shared::Lanes;
use super::visits::{Turn, Visits};
use crate::geometry::CellRange;
use crate::level::{DeviceProfile, ScaleMode};
use crate::weights::{LayerInfo, Matrix, Network};

/// Checks a whole schedule; notes in `outputs` what the output rows of each layer have been given. With `whole`, all rows of a layer have to be
/// complete when it ends. Keeps `place` up to date.
pub(super) fn check(
    part: &mut Part<'_>,
    network: &Network,
    device: &DeviceProfile,
    options: &Options,
    outputs: &mut [Vec<Output>],
    whole: bool,
    place: &mut Place,
) -> Result<Findings, Problem> {
    let (mut frames, version) = Frames::new(part.schedule)?;
    let header = Header::parse(frames.next(Kind::Header, &mut place.frame)?, version)?;
    header_fits(&header, network, device)?;
    frames.max_frame = header.max_frame;
    if let Some(ranges) = part.ranges {
        agree("weight cells", (header.rows * header.cols) as u64, ranges.len() as u64, "the faults")?;
    }
    let mut checker = Checker {
        frames,
        levels: Levels::new(device, options.reparam),
        scale: options.scale,
        ledger: Ledger::new(header.rows * header.cols, part.ranges.unwrap_or_default()),
        ranges: part.ranges,
        bound: Bound::new(header.rows, header.cols, header.top()),
        rows: (0..header.rows).map(|_| Row::default()).collect(),
        lanes: Lanes::default(),
        visits: Visits::default(),
        bits: Bits::default(),
        records: 0,
        header,
        place,
    };
    let mut layers = Vec::with_capacity(network.layers().len());
    for ((index, info), outputs) in network.layers().iter().enumerate().zip(outputs) {
        checker.place.layer = Some((index, info.name.clone()));
        layers.push(checker.layer(index, info, network, outputs, whole)?);
        if whole {
            complete(outputs)?;
        }
        checker.place.layer = None;
    }
    let mut erased = vec![0; checker.header.rows * checker.header.cols];
    for (level, range) in erased.iter_mut().zip(part.ranges.unwrap_or_default()) {
        // As far down as it goes: a dead cell is never looked at.
        *level = if range.lowest > 0 && !range.is_dead() {
            range.lowest
        } else {
            range.highest.min(0).max(range.lowest.min(0))
        };
    }
    let mut findings = checker.findings(layers, &erased);
    checker.end(&findings)?;
    if let Some(origin) = &part.origin {
        agree("weight cells", erased.len() as u64, origin.len() as u64, "the earlier schedule")?;
        let mut origin = origin.clone();
        for (level, range) in origin.iter_mut().zip(part.ranges.unwrap_or_default()) {
            *level = if range.is_dead() { 0 } else { (*level).max(range.lowest).min(range.highest) };
        }
        findings = checker.findings(findings.layers, &origin);
    }
    Ok(Findings { frames: checker.frames.count, bytes: checker.frames.bytes, ..findings })
}

/// Every output row of a layer is computed.
pub(super) fn complete(outputs: &[Output]) -> Result<(), Problem> {
    let mut missing = (0..outputs.len()).filter(|&output| !outputs[output].is_begun());
    match missing.next() {
        Some(output) => Err(Problem::OutputMissing { output, others: missing.count() }),
        None => Ok(()),
    }
}

/// The header is for this network and this device.
fn header_fits(header: &Header, network: &Network, device: &DeviceProfile) -> Result<(), Problem> {
    agree("bits", header.bits.into(), device.bits.into(), "the device")?;
    let transmissions: Vec<u8> = device.transmissions().iter().flat_map(|&t| (t as f32).to_le_bytes()).collect();
    agree("device_crc", header.device_crc, CRC.checksum(&transmissions).into(), "the device's transmissions")?;
    agree("layers", header.layers, network.layers().len() as u64, "the network")?;
    let narrow = network.layers().iter().all(|layer| layer.cols < 65_535);
    agree("index_bytes", header.index_bytes, if narrow { 2 } else { 4 }, "the widest layer of the network")
}

struct Checker<'a> {
    frames: Frames<'a>,
    header: Header,
    levels: Levels,
    scale: ScaleMode,
    ledger: Ledger,
    ranges: Option<&'a [CellRange]>,
    bound: Bound,
    rows: Vec<Row>,
    /// Of the row group at hand, where rows share inputs.
    lanes: Lanes,
    /// Where core rows take turns at outputs.
    visits: Visits,
    /// Of the Steps frame at hand, and how many of its records are left.
    bits: Bits,
    records: u64,
    place: &'a mut Place,
}

impl Checker<'_> {
    fn layer(
        &mut self,
        index: usize,
        info: &LayerInfo,
        network: &Network,
        outputs: &mut [Output],
        whole: bool,
    ) -> Result<LayerFindings, Problem> {
        outputs.iter_mut().for_each(Output::next_part);
        let layer = Layer::parse(self.frames.next(Kind::Layer, &mut self.place.frame)?, &self.header)?;
        layer_fits(&layer, index, info)?;
        let matrix = network.read(index)?;
        let shared_scale = self.layer_scale(&layer, &matrix)?;
        let mut found = LayerFindings {
            name: info.name.clone(),
            rows: info.rows,
            cols: info.cols,
            tile_rows: layer.tile_rows,
            ..LayerFindings::default()
        };
        for tile_row in 0..layer.tile_rows {
            self.place.tile_row = Some(tile_row);
            let frame = self.frames.next(Kind::TileRow, &mut self.place.frame)?;
            let tile = TileRow::parse(frame, &self.header, layer.scale.is_none())?;
            agree("index", tile.index, tile_row.into(), "the order of the tile rows")?;
            if self.header.reach == Reach::Core {
                found.ties += self.visits(&tile, &layer, &matrix, shared_scale, outputs)?;
            } else {
                found.ties += self.assign(&tile, &layer, &matrix, shared_scale, outputs)?;
                self.steps(&tile, &layer, &matrix, outputs)?;
            }
            self.end_tile_row(&tile, &mut found, outputs)?;
            self.place.tile_row = None;
        }
        found.left_out += self.end_outputs(&matrix, shared_scale, outputs, whole)?;
        self.ledger.end_layer();
        Ok(found)
    }

    /// The scale of the whole layer, if there is one, in double precision; and is it that of the frame?
    fn layer_scale(&self, layer: &Layer, matrix: &Matrix) -> Result<Option<f64>, Problem> {
        let kind = |per_row: bool| if per_row { "row" } else { "layer" };
        let per_row = self.scale == ScaleMode::Row;
        if layer.scale.is_none() != per_row {
            return Err(Problem::ScaleKind { expected: kind(per_row), found: kind(!per_row) });
        }
        let Some(found) = layer.scale else {
            return Ok(None);
        };
        let scale = self.levels.scale(&matrix.data);
        scale_fits(found, scale, None)?;
        Ok(Some(scale))
    }

    /// Puts the output rows of a tile row on their core rows, and derives the levels of their weights. Returns how many of the weights could have two levels.
    fn assign(
        &mut self,
        tile: &TileRow,
        layer: &Layer,
        matrix: &Matrix,
        shared_scale: Option<f64>,
        outputs: &mut [Output],
    ) -> Result<u64, Problem> {
        let mut ties = 0;
        let rules = Rules { header: &self.header, coding: &layer.coding, weights: &matrix.data, cols: matrix.cols };
        for (core_row, (row, entry)) in self.rows.iter_mut().zip(&tile.outputs).enumerate() {
            let before = row.output.take();
            let Some((output, scale)) = *entry else { continue };
            self.place.core_row = Some(core_row);
            let output = ranged("output row", output, 0, matrix.rows as u64 - 1)? as usize;
            let first = outputs[output].begin(matrix.cols, (tile.index as u32, core_row), output)?;
            let weights = &matrix.data[output * matrix.cols..(output + 1) * matrix.cols];
            let own_scale = shared_scale.unwrap_or_else(|| self.levels.scale(weights));
            if let Some(found) = scale {
                scale_fits(found, own_scale, Some(output))?;
            }
            // The levels are there already where a core row goes on with an output row.
            if before != Some(output) || tile.index == 0 {
                self.levels.derive(weights, own_scale, &mut row.own);
            }
            ties += if first { row.ties() } else { 0 };
            row.scale = f64::from(own_scale as f32);
            row.begin(output, rules);
        }
        self.place.core_row = None;
        self.choose();
        if self.header.fanout > 1 {
            self.same_inputs(layer)?;
        }
        Ok(ties)
    }

    /// Finds what becomes of the weights that faulty cells cannot hold.
    fn choose(&mut self) {
        let own_lane = self.header.reach == Reach::Lane;
        let (fanout, cells) = (self.header.fanout, self.header.cols);
        let Some(ranges) = self.ranges.filter(|_| own_lane || fanout > 1) else { return };
        for (rows, ranges) in self.rows.chunks_mut(fanout).zip(ranges.chunks(fanout * cells)) {
            let parts: Vec<faulty::Part<'_>> = rows
                .iter()
                .zip(ranges.chunks(cells))
                .filter(|(row, _)| row.output.is_some())
                .map(|(row, ranges)| faulty::Part { own: &row.own, scale: row.scale, ranges })
                .collect();
            let choices = faulty::choices(&self.levels, &parts, own_lane);
            for (row, choices) in rows.iter_mut().filter(|row| row.output.is_some()).zip(choices) {
                row.choices = choices;
            }
        }
    }

    /// Rows that share inputs are of one group of the layer.
    fn same_inputs(&mut self, layer: &Layer) -> Result<(), Problem> {
        let group_rows = (layer.rows / layer.groups) as usize;
        for (i, rows) in self.rows.chunks(self.header.fanout).enumerate() {
            let mut group = None;
            for (j, output) in rows.iter().enumerate().filter_map(|(j, row)| Some((j, row.output?))) {
                let found = output / group_rows;
                let expected = *group.get_or_insert(found);
                if found != expected {
                    self.place.core_row = Some(i * self.header.fanout + j);
                    return Err(Problem::OtherInputs { output, found, expected });
                }
            }
        }
        Ok(())
    }

    /// Reads all records of a tile row.
    fn steps(&mut self, tile: &TileRow, layer: &Layer, matrix: &Matrix, outputs: &mut [Output]) -> Result<(), Problem> {
        for step in 0..tile.steps {
            self.place.step = Some(step);
            // `W = 0` marks nothing.
            let window =
                (self.header.window > 0).then(|| Window::at(step, tile.steps, matrix.cols, self.header.window));
            for core_row in (0..self.rows.len()).filter(|&row| tile.outputs[row].is_some()) {
                self.place.core_row = Some(core_row);
                if self.records == 0 {
                    self.next_steps(step, core_row)?;
                }
                let rules =
                    Rules { header: &self.header, coding: &layer.coding, weights: &matrix.data, cols: matrix.cols };
                let first_cell = core_row * self.header.cols;
                let Self { rows, bits, ledger, place, lanes, .. } = self;
                if self.header.fanout > 1 {
                    let group = core_row / self.header.fanout * self.header.fanout;
                    let leads = tile.outputs[group..core_row].iter().all(Option::is_none);
                    rows[core_row].shared_record(lanes, leads, bits, rules, outputs, first_cell, ledger, place)?;
                } else {
                    rows[core_row].record(bits, window, rules, outputs, first_cell, ledger, place)?;
                }
                self.held()?;
                self.end_record()?;
            }
        }
        (self.place.step, self.place.core_row) = (None, None);
        agree("records left in the Steps frame", self.records, 0, "the steps of the tile row")
    }

    /// Reads all records of a tile row in which core rows take turns at outputs. Returns how many weights could have two levels.
    fn visits(
        &mut self,
        tile: &TileRow,
        layer: &Layer,
        matrix: &Matrix,
        scale: Option<f64>,
        outputs: &mut [Output],
    ) -> Result<u64, Problem> {
        let mut ties = 0;
        for step in 0..tile.steps {
            self.place.step = Some(step);
            for core_row in 0..self.rows.len() {
                self.place.core_row = Some(core_row);
                if self.records == 0 {
                    self.next_steps(step, core_row)?;
                }
                let rules =
                    Rules { header: &self.header, coding: &layer.coding, weights: &matrix.data, cols: matrix.cols };
                let Self { rows, bits, place, visits, levels, .. } = self;
                if (step, core_row) == (0, 0) {
                    visits.begin(rows, rules);
                }
                let turn = Turn { layer, levels, scale, tile_row: tile.index as u32 };
                ties += visits.record(core_row, &mut rows[core_row], bits, rules, &turn, outputs, place)?;
                self.end_record()?;
            }
            if self.rows.iter().all(|row| row.output.is_none()) {
                return Err(Problem::NoRows);
            }
            self.visits.end_step(&mut self.ledger);
            self.held()?;
        }
        (self.place.step, self.place.core_row) = (None, None);
        agree("records left in the Steps frame", self.records, 0, "the steps of the tile row")?;
        Ok(ties)
    }

    /// No cell was asked for what it cannot hold.
    fn held(&mut self) -> Result<(), Problem> {
        let (Some((cell, level)), Some(ranges)) = (self.ledger.refused, self.ranges) else { return Ok(()) };
        let CellRange { lowest, highest } = ranges[cell];
        self.place.core_row = Some(cell / self.header.cols);
        self.place.cell = Some(cell % self.header.cols);
        Err(match ranges[cell].is_dead() {
            true => Problem::DeadCell { level },
            false => Problem::CannotHold { level, lowest, highest },
        })
    }

    /// A record is read.
    fn end_record(&mut self) -> Result<(), Problem> {
        self.records -= 1;
        if self.records == 0 { self.bits.end() } else { Ok(()) }
    }

    /// Opens the next Steps frame, which has to begin here.
    fn next_steps(&mut self, step: u32, core_row: usize) -> Result<(), Problem> {
        let mut fields = self.frames.next(Kind::Steps, &mut self.place.frame)?;
        agree("step", fields.varint("step", u32::MAX.into())?, step.into(), "the records so far")?;
        agree("row", fields.varint("row", u16::MAX.into())?, core_row as u64, "the records so far")?;
        self.records = ranged("records", fields.varint("records", u16::MAX.into())?, 1, u16::MAX.into())?;
        self.bits.load(fields.bytes("bits")?);
        fields.end("bits")
    }

    fn end_tile_row(
        &mut self,
        tile: &TileRow,
        found: &mut LayerFindings,
        outputs: &mut [Output],
    ) -> Result<(), Problem> {
        let taking_turns = self.header.reach == Reach::Core;
        for (core_row, row) in self.rows.iter().enumerate() {
            let Some(output) = row.output.or(taking_turns.then_some(0)) else { continue };
            self.place.core_row = Some(core_row);
            // Where faulty cells decide what may be left out, an output row is complete in one place.
            if !row.choices.is_empty() {
                found.left_out +=
                    outputs[output].finish(|column| row.may_leave_out(column), &row.own, output, self.place)?;
            }
            found.weights += row.counts.iter().sum::<u64>();
            self.bound.add(core_row, &row.counts, tile.steps);
        }
        self.place.core_row = None;
        found.steps += u64::from(tile.steps);
        self.ledger.end_tile_row();
        Ok(())
    }

    /// Looks for weights of the layer that were not multiplied; returns how many, all zero, were left out. Without `whole` other cores may still
    /// multiply them.
    fn end_outputs(
        &mut self,
        matrix: &Matrix,
        shared_scale: Option<f64>,
        outputs: &mut [Output],
        whole: bool,
    ) -> Result<u64, Problem> {
        let (mut left_out, mut own, row) = (0, Vec::new(), Row::default());
        for (output, state) in outputs.iter_mut().enumerate().filter(|(_, state)| state.is_open(matrix.cols)) {
            let weights = &matrix.data[output * matrix.cols..(output + 1) * matrix.cols];
            let scale = shared_scale.unwrap_or_else(|| self.levels.scale(weights));
            self.levels.derive(weights, scale, &mut own);
            match state.finish(|column| row.may_leave_out(column), &own, output, self.place) {
                Ok(count) => left_out += count,
                Err(problem) if whole => return Err(problem),
                Err(problem) => state.missing = Some((self.place.clone(), problem)),
            }
            (self.place.tile_row, self.place.core_row) = (None, None);
        }
        Ok(left_out)
    }

    /// All that was counted, the first load from the levels `origin`; frames and bytes come last.
    fn findings(&self, mut layers: Vec<LayerFindings>, origin: &[i16]) -> Findings {
        let final_levels = self.ledger.levels();
        let first = self.ledger.inference(origin);
        let later = self.ledger.inference(&final_levels);
        let counts = first.layers.iter().zip(&later.layers).zip(self.ledger.elight());
        let mut elight = ElightCount::default();
        for (layer, ((first, later), own)) in layers.iter_mut().zip(counts) {
            (layer.first_load, layer.per_inference, layer.elight) = (*first, *later, own);
            elight.merge(own);
        }
        let sum = |of: fn(&LayerFindings) -> u64| layers.iter().map(of).sum();
        Findings {
            core_rows: self.header.rows,
            core_cols: self.header.cols,
            device: self.header.device.clone(),
            weights: sum(|layer| layer.weights),
            left_out: sum(|layer| layer.left_out),
            ties: sum(|layer| layer.ties),
            steps: sum(|layer| layer.steps),
            frames: 0,
            bytes: 0,
            first_load: first.total,
            per_inference: later.total,
            elight,
            bound: self.bound.writes(),
            final_levels,
            first_load_wear: first.wear,
            per_inference_wear: later.wear,
            layers,
        }
    }

    /// The End frame: its totals are those that were counted, and nothing follows.
    fn end(&mut self, counted: &Findings) -> Result<(), Problem> {
        let mut fields = self.frames.next(Kind::End, &mut self.place.frame)?;
        let totals = [
            ("steps", counted.steps),
            ("weights", counted.weights),
            ("first_writes", counted.first_load.writes),
            ("first_events", counted.first_load.events),
            ("writes", counted.per_inference.writes),
            ("events", counted.per_inference.events),
        ];
        for (field, expected) in totals {
            let found = fields.varint(field, u64::MAX)?;
            if found != expected {
                return Err(Problem::Total { field, expected, found });
            }
        }
        fields.end("events")?;
        self.frames.end()
    }
}

/// The frame is of this layer of the network.
fn layer_fits(layer: &Layer, index: usize, info: &LayerInfo) -> Result<(), Problem> {
    agree("index", layer.index, index as u64, "the order of the layers")?;
    if layer.name != info.name {
        return Err(Problem::LayerName { expected: info.name.clone(), found: layer.name.clone() });
    }
    agree("rows", layer.rows, info.rows as u64, "the network")?;
    agree("cols", layer.cols, info.cols as u64, "the network")?;
    agree("groups", layer.groups, info.groups as u64, "the network")
}

//! What a schedule does to a core, recorded once: in which cell every weight is multiplied, at which step, and which write put it there.
//!
//! The firmware's controller carries the schedule out on a core that only takes notes. The notes hold for any noise and any seed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use firmware_model::controller::Controller;
use firmware_model::pcm::Move;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::wire::{self, MAX_HEADER};

use super::error::CellsError;
use crate::schedule::header::header;

/// Where and how a weight is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Weight cell, `row * C + col`; [`UNPLACED`] when the schedule leaves the weight out.
    pub cell: u32,
    /// Step within the layer, counted over its tile rows.
    pub step: u32,
    /// Signed level that the cell was asked to hold.
    pub level: i16,
    /// Writes of the plus and the minus cell until then: the last of them put it there.
    pub writes: [u32; 2],
}

/// A weight that the schedule leaves out: level 0, no cell.
pub const UNPLACED: Placement = Placement { cell: u32::MAX, step: 0, level: 0, writes: [0; 2] };

/// A layer as the core computes it.
#[derive(Clone, Debug)]
pub struct LayerRecord {
    /// The tensor's name.
    pub name: String,
    /// Output rows.
    pub rows: usize,
    /// Inputs of a row.
    pub cols: usize,
    /// Groups.
    pub groups: usize,
    /// Whether all rows share one scale.
    pub one_scale: bool,
    /// Scale of each row.
    pub scales: Vec<f32>,
    /// Every weight, `[rows, cols]`.
    pub placements: Vec<Placement>,
    /// Steps of the layers before.
    pub first_step: u64,
    /// Steps of the layer.
    pub steps: u32,
    /// Cells of a core row, whose products are added up in light.
    pub core_cols: usize,
}

/// A tensor's name without the prefix of PyTorch's data-parallel wrapper.
#[must_use]
pub fn plain(name: &str) -> &str {
    name.strip_prefix("module.").unwrap_or(name)
}

/// A schedule as recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Core rows.
    pub core_rows: usize,
    /// Core columns.
    pub core_cols: usize,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Name of the device.
    pub device: String,
    /// CRC of the device's transmissions.
    pub device_crc: u32,
    /// Every layer, in the schedule's order.
    pub layers: Vec<LayerRecord>,
}

/// A schedule's bytes with what their header says.
#[derive(Clone, Debug)]
pub struct ScheduleFile {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// The core that it is for.
    pub identity: Identity,
    /// Name of the device.
    pub device: String,
    /// Working memory of a decoder, bytes.
    pub ram: usize,
    /// Layers.
    pub layers: usize,
}

impl ScheduleFile {
    /// Reads a schedule and its header.
    ///
    /// # Errors
    /// A file that cannot be read or is no schedule of a version that is known.
    pub fn open(path: &Path) -> Result<Self, CellsError> {
        let bytes = std::fs::read(path).map_err(|cause| CellsError::Read { path: path.to_owned(), cause })?;
        let wrong = |problem: &str| CellsError::Schedule { path: path.to_owned(), problem: problem.to_owned() };
        let header = header(&bytes).map_err(|problem| wrong(&problem.to_string()))?;
        let identity = header.identity();
        let (device, ram, layers) = (header.device.to_owned(), header.ram as usize, header.layers as usize);
        if ram > bytes.len().saturating_mul(64).saturating_add(1 << 24) {
            return Err(wrong("asks for a decoder's memory that its size does not explain"));
        }
        Ok(Self { bytes, identity, device, ram, layers })
    }

    /// Carries the schedule out on `core`, and gives the core back.
    ///
    /// # Errors
    /// What the controller refuses, or the core.
    pub fn carry_out<C: Core>(&self, path: &Path, core: C) -> Result<C, CellsError> {
        let wrong = |problem: String| CellsError::Schedule { path: path.to_owned(), problem };
        let mut memory = vec![0; self.ram.max(MAX_HEADER)];
        let mut controller = Controller::new(core, self.identity, &mut memory);
        for chunk in self.bytes.chunks(1 << 16) {
            controller.feed(chunk).map_err(|e| wrong(format!("the controller refuses it: {e}")))?;
        }
        controller.finish().map_err(|e| wrong(format!("the controller refuses it: {e}")))?;
        Ok(controller.into_core())
    }

    /// Records the schedule; `expected`: rows and columns of every layer that the weights of file `weights` have, by name.
    ///
    /// # Errors
    /// What the controller refuses, and a layer that the weights do not have.
    pub fn record(
        &self,
        path: &Path,
        weights: &Path,
        expected: &BTreeMap<String, (usize, usize)>,
    ) -> Result<Recording, CellsError> {
        let notes = self.carry_out(path, Notes::new(&self.identity, weights, expected))?;
        Ok(Recording {
            core_rows: self.identity.rows.into(),
            core_cols: self.identity.cols.into(),
            bits: self.identity.bits,
            device: self.device.clone(),
            device_crc: self.identity.device_crc,
            layers: notes.layers,
        })
    }
}

/// The schedule is not of these weights.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NotOfTheseWeights(String);

impl fmt::Display for NotOfTheseWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A core that takes notes.
struct Notes<'a> {
    weights: &'a Path,
    expected: &'a BTreeMap<String, (usize, usize)>,
    cols: usize,
    /// Rows that share an input.
    fanout: usize,
    cells: Vec<NotedCell>,
    assigned: Vec<Option<Output>>,
    layers: Vec<LayerRecord>,
    steps: u64,
}

#[derive(Clone, Copy, Default)]
struct NotedCell {
    level: i16,
    writes: [u32; 2],
    /// Column that feeds it, plus one; 0: dark.
    route: u32,
}

impl<'a> Notes<'a> {
    fn new(identity: &Identity, weights: &'a Path, expected: &'a BTreeMap<String, (usize, usize)>) -> Self {
        let (rows, cols) = (usize::from(identity.rows), usize::from(identity.cols));
        Self {
            weights,
            expected,
            cols,
            fanout: usize::from(identity.fanout).max(1),
            cells: vec![NotedCell::default(); rows * cols],
            assigned: vec![None; rows],
            layers: Vec::new(),
            steps: 0,
        }
    }

    fn cell(&mut self, row: u16, col: u16) -> &mut NotedCell {
        // The controller names only cells of the core.
        &mut self.cells[usize::from(row) * self.cols + usize::from(col)]
    }
}

impl Core for Notes<'_> {
    type Fault = NotOfTheseWeights;

    fn begin_layer(&mut self, layer: &wire::Layer<'_>) -> Result<(), NotOfTheseWeights> {
        let (rows, cols) = (layer.rows as usize, layer.cols as usize);
        let (name, weights) = (layer.name, self.weights.display());
        match self.expected.get(plain(name)) {
            Some(shape) if *shape == (rows, cols) => {}
            Some((r, c)) => {
                let problem = format!("layer `{name}` is {rows} x {cols} in the schedule, {r} x {c} in {weights}");
                return Err(NotOfTheseWeights(problem));
            }
            None => {
                let problem = format!(
                    "layer `{name}` of the schedule is not one of {weights}, which has {}",
                    self.expected.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                );
                return Err(NotOfTheseWeights(problem));
            }
        }
        self.layers.push(LayerRecord {
            name: layer.name.to_owned(),
            rows,
            cols,
            groups: layer.groups as usize,
            one_scale: matches!(layer.scale, wire::Scale::Layer(_)),
            scales: vec![0.0; rows],
            placements: vec![UNPLACED; rows * cols],
            first_step: self.steps,
            steps: 0,
            core_cols: self.cols,
        });
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), NotOfTheseWeights> {
        let first = usize::from(row) * self.cols;
        self.cells[first..first + self.cols].iter_mut().for_each(|c| c.route = 0);
        self.assigned[usize::from(row)] = output;
        if let (Some(output), Some(layer)) = (output, self.layers.last_mut()) {
            layer.scales[output.row as usize] = output.scale;
        }
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), NotOfTheseWeights> {
        let cell = self.cell(row, col);
        let change = Move::between(cell.level, level);
        for side in 0..2 {
            cell.writes[side] += u32::from(change.up[side] + change.down[side] != 0);
        }
        cell.level = level;
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), NotOfTheseWeights> {
        // The light of a lane falls on all rows that share its input.
        let first = usize::from(row) / self.fanout * self.fanout;
        for row in first..(first + self.fanout).min(self.assigned.len()) {
            self.cells[row * self.cols + usize::from(col)].route = input.map_or(0, |i| i + 1);
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), NotOfTheseWeights> {
        let Some(layer) = self.layers.last_mut() else { return Ok(()) };
        for (row, output) in self.assigned.iter().enumerate() {
            let Some(output) = output else { continue };
            for col in 0..self.cols {
                let cell = self.cells[row * self.cols + col];
                if let Some(input) = cell.route.checked_sub(1) {
                    layer.placements[output.row as usize * layer.cols + input as usize] = Placement {
                        cell: (row * self.cols + col) as u32,
                        step: layer.steps,
                        level: cell.level,
                        writes: cell.writes,
                    };
                }
            }
        }
        layer.steps += 1;
        self.steps += 1;
        Ok(())
    }
}

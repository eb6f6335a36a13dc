//! A core that does nothing but remember what it was told.

use std::convert::Infallible;

use firmware_model::pcm::Move;
use firmware_model::photonic_core::{Core, Output};
use firmware_model::wire;
use serde::Serialize;

/// Writes and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Level steps of PCM cells.
    pub writes: u64,
    /// PCM cells changed, summed over the steps.
    pub events: u64,
}

impl Counted {
    pub(super) fn add(&mut self, m: Move) {
        self.writes += u64::from(m.writes());
        self.events += u64::from(m.events());
    }
}

/// A weight cell that gets another level in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Lane.
    pub cell: u16,
    /// Signed level before.
    pub from: i16,
    /// Signed level in this step.
    pub to: i16,
}

/// What one core row does in one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowView {
    /// Core row.
    pub row: u16,
    /// Output row of the layer that it adds to.
    pub output: u32,
    /// First element of the layer's input vector that the output row uses.
    pub base: u32,
    /// Scale of the output.
    pub scale: f32,
    /// Cells that are written, by lane.
    pub changes: Vec<Change>,
    /// Level of every cell in this step, lit or dark.
    pub levels: Vec<i16>,
    /// Column of the output row that feeds each cell; none where the cell is dark.
    pub inputs: Vec<Option<u32>>,
}

/// Totals of one tile row.
#[derive(Clone, Debug, PartialEq)]
pub struct TileRowCount {
    /// Output row of each core row, the first where it takes turns; none where it is not used.
    pub outputs: Vec<Option<u32>>,
    /// What was written.
    pub counted: Counted,
    /// Steps carried out.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
}

impl TileRowCount {
    /// Core rows in use, ascending.
    pub(super) fn used_rows(&self) -> Vec<u16> {
        self.outputs.iter().enumerate().filter_map(|(row, output)| output.map(|_| row as u16)).collect()
    }
}

/// What a decoder asks a core to do, counted by tile row and step.
#[derive(Debug)]
pub struct Recorder {
    rows: usize,
    cols: usize,
    /// Rows that share an input.
    fanout: usize,
    levels: Vec<i16>,
    inputs: Vec<Option<u32>>,
    assigned: Vec<Option<Output>>,
    changes: Vec<(usize, Change)>,
    present: Counted,
    /// Tile rows of each layer.
    pub layers: Vec<Vec<TileRowCount>>,
    /// Writes of every step.
    pub step_writes: Vec<u32>,
    /// The step to look at, counted from the schedule's first.
    wanted: Option<u64>,
    /// What happens in it.
    pub view: Option<Vec<RowView>>,
}

impl Recorder {
    /// An erased core for a schedule whose header is in its ranges.
    #[must_use]
    pub fn new(header: &wire::Header<'_>) -> Self {
        Self::erased(header.rows, header.cols, header.fanout)
    }

    /// The core of a schedule without a readable header.
    pub(super) fn nobody() -> Self {
        Self::erased(1, 1, 1)
    }

    fn erased(rows: u16, cols: u16, fanout: u16) -> Self {
        let (rows, cols, fanout) = (usize::from(rows), usize::from(cols), usize::from(fanout.max(1)));
        Self {
            rows,
            cols,
            fanout,
            levels: vec![0; rows * cols],
            inputs: vec![None; rows * cols],
            assigned: vec![None; rows],
            changes: Vec::new(),
            present: Counted::default(),
            layers: Vec::new(),
            step_writes: Vec::new(),
            wanted: None,
            view: None,
        }
    }

    /// Sets the levels of the cells, row by row, as far as they are given.
    pub(super) fn hold(&mut self, levels: &[i16]) {
        self.levels.iter_mut().zip(levels).for_each(|(level, held)| *level = *held);
    }

    /// Forgets what was counted; the cells keep their levels, as they do from one inference to the next.
    pub fn begin(&mut self, wanted: Option<u64>) {
        self.wanted = wanted;
        (self.layers, self.step_writes, self.view) = (Vec::new(), Vec::new(), None);
    }

    /// Counts of the whole schedule.
    #[must_use]
    pub fn total(&self) -> Counted {
        self.layers
            .iter()
            .map(|tile_rows| sum(tile_rows))
            .fold(Counted::default(), |a, b| Counted { writes: a.writes + b.writes, events: a.events + b.events })
    }

    fn look(&self) -> Vec<RowView> {
        let rows = self.assigned.iter().enumerate();
        rows.filter_map(|(row, output)| {
            let output = (*output)?;
            let cells = row * self.cols..(row + 1) * self.cols;
            let mut changes: Vec<Change> = self.changes.iter().filter(|(r, _)| *r == row).map(|(_, c)| *c).collect();
            changes.sort_by_key(|c| c.cell);
            Some(RowView {
                row: row as u16,
                output: output.row,
                base: output.base,
                scale: output.scale,
                changes,
                levels: self.levels[cells.clone()].to_vec(),
                inputs: self.inputs[cells].to_vec(),
            })
        })
        .collect()
    }
}

/// Counts of some tile rows together.
#[must_use]
pub fn sum(tile_rows: &[TileRowCount]) -> Counted {
    tile_rows.iter().fold(Counted::default(), |sum, t| Counted {
        writes: sum.writes + t.counted.writes,
        events: sum.events + t.counted.events,
    })
}

impl Core for Recorder {
    type Fault = Infallible;

    fn begin_layer(&mut self, _: &wire::Layer<'_>) -> Result<(), Infallible> {
        self.layers.push(Vec::new());
        Ok(())
    }

    fn begin_tile_row(&mut self) -> Result<(), Infallible> {
        if let Some(layer) = self.layers.last_mut() {
            layer.push(TileRowCount {
                outputs: vec![None; self.rows],
                counted: Counted::default(),
                steps: 0,
                weights: 0,
            });
        }
        Ok(())
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Infallible> {
        let at = usize::from(row);
        self.assigned[at] = output;
        self.inputs[at * self.cols..(at + 1) * self.cols].fill(None);
        if let Some(tile_row) = self.layers.last_mut().and_then(|layer| layer.last_mut())
            && tile_row.outputs[at].is_none()
        {
            tile_row.outputs[at] = output.map(|o| o.row);
        }
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Infallible> {
        let at = usize::from(row) * self.cols + usize::from(col);
        let from = std::mem::replace(&mut self.levels[at], level);
        if from != level {
            self.present.add(Move::between(from, level));
            self.changes.push((usize::from(row), Change { cell: col, from, to: level }));
        }
        Ok(())
    }

    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Infallible> {
        // Rows that share their inputs are told once, with the first that is used.
        let first = usize::from(row) / self.fanout * self.fanout;
        for row in first..(first + self.fanout).min(self.rows) {
            if self.assigned[row].is_some() {
                self.inputs[row * self.cols + usize::from(col)] = input;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Infallible> {
        if self.wanted == Some(self.step_writes.len() as u64) {
            self.view = Some(self.look());
        }
        let counted = std::mem::take(&mut self.present);
        self.changes.clear();
        self.step_writes.push(counted.writes as u32);
        let lit = self.inputs.iter().filter(|i| i.is_some()).count() as u64;
        if let Some(tile_row) = self.layers.last_mut().and_then(|layer| layer.last_mut()) {
            tile_row.counted.writes += counted.writes;
            tile_row.counted.events += counted.events;
            tile_row.steps += 1;
            tile_row.weights += lit;
        }
        Ok(())
    }
}

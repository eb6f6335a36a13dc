//! The second pass over the layers: programs of all three orders counted, those of the chosen one encoded.

use std::io::{self, Write};
use std::ops::Range;

use firmware_model::pcm::top_level;
use firmware_model::wire::End;
use rayon::prelude::*;

use super::PlanOptions;
use super::cores::Counters;
use super::segment::Segment;
use crate::level::{LevelMatrix, Scales};
use crate::order::program::Program;
use crate::order::tally::{RowTally, Totals};
use crate::order::timeline::EMPTY;
use crate::order::{Order, Reach};
use crate::schedule::records::{Coding, Encoder, Memory, RecordFormat, Records, Survey, walk};
use crate::schedule::writer::{LayerSpec, RowSlot, ScheduleWriter};
use crate::weights::{LayerInfo, Network};

/// Inputs of one inference, and the value of each level in fixed point: with integers, outputs are exact in any order of summation.
#[derive(Clone, Debug)]
pub struct Stimulus {
    /// Value of the levels 0..=B.
    pub values: Vec<i32>,
    /// Inputs of all layers, one after the other, as many as each has ([`LayerInfo::inputs`]).
    pub inputs: Vec<i32>,
}

/// Core rows whose first slot is looked at to choose a layer's coding.
const SURVEYED_ROWS: usize = 4;

/// Weights whose records are in memory at a time, about.
const BATCH_WEIGHTS: usize = 1 << 21;

/// Everything that is gathered in the second pass.
pub struct Emitter<'a> {
    network: &'a Network,
    options: &'a PlanOptions,
    format: RecordFormat,
    natural: Counters,
    sorted: Counters,
    optimal: Counters,
    stimuli: &'a [Stimulus],
    expected: Vec<Vec<i64>>,
    /// Inputs of the layers so far.
    inputs: usize,
    /// Steps in which the cores are programmed, side by side.
    steps: u64,
    /// Of each core.
    loads: Vec<Load>,
}

/// What a core does in an inference.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    steps: u64,
    weights: u64,
}

/// What the second pass has found.
pub struct Emitted {
    pub natural: Totals,
    pub sorted: Totals,
    pub optimal: Totals,
    /// Of all cores together: in steps, they work side by side.
    pub end: End,
    /// The End frame of each core, and what the chosen order costs there.
    pub cores: Vec<(End, Totals)>,
    pub expected_outputs: Vec<Vec<i64>>,
}

impl<'a> Emitter<'a> {
    pub fn new(network: &'a Network, options: &'a PlanOptions, format: RecordFormat, stimuli: &'a [Stimulus]) -> Self {
        let counters = || Counters::new(options);
        Self {
            network,
            options,
            format,
            natural: counters(),
            sorted: counters(),
            optimal: counters(),
            stimuli,
            expected: vec![Vec::new(); stimuli.len()],
            inputs: 0,
            steps: 0,
            loads: vec![Load::default(); options.condition.cores],
        }
    }

    /// The counters of the optimal order.
    pub fn optimal(&self) -> &Counters {
        &self.optimal
    }

    /// Counts a layer in all orders, and writes the chosen one's frames.
    pub fn layer<W: Write>(
        &mut self,
        layer: usize,
        levels: &LevelMatrix,
        segment: &Segment,
        writers: &mut [ScheduleWriter<W>],
    ) -> io::Result<()> {
        let info = &self.network.layers()[layer];
        let work = LayerWork {
            options: self.options,
            format: self.format,
            levels,
            segment,
            first_stage: segment.stage(layer),
            top: self.options.device.top_level(),
        };
        let coding = work.survey();
        let core_rows = self.options.core.rows;
        let mut stages = vec![0; writers.len()];
        for (core, writer) in writers.iter_mut().enumerate() {
            begin_layer(layer, info, levels, &coding, work.tile_rows(core), writer)?;
        }
        // A few stages at a time: their records are written before the next are made.
        let batch = (BATCH_WEIGHTS / (self.options.all_rows() * levels.cols)).max(1);
        for first in (0..work.stages()).step_by(batch) {
            let some = first..(first + batch).min(work.stages());
            let rows = self.natural.rows().into_par_iter().zip(self.sorted.rows());
            let rows = rows.zip(self.optimal.rows()).enumerate();
            let slots: Vec<Vec<Option<Slot>>> = rows
                .map(|(core_row, ((natural, sorted), optimal))| {
                    work.core_row(core_row, some.clone(), [natural, sorted, optimal], &coding)
                })
                .collect();
            for (core, (writer, done)) in writers.iter_mut().zip(&mut stages).enumerate() {
                let slots = &slots[core * core_rows..][..core_rows];
                let written = write_tile_rows(*done, levels, work.steps(), slots, writer)?;
                self.loads[core].steps += (written.tile_rows * work.steps()) as u64;
                self.loads[core].weights += (written.rows * levels.cols) as u64;
                *done += written.tile_rows;
            }
        }
        for counters in [&mut self.natural, &mut self.sorted, &mut self.optimal] {
            counters.end_layer();
        }
        self.steps += (work.stages() * work.steps()) as u64;
        for (expected, stimulus) in self.expected.iter_mut().zip(self.stimuli) {
            expected.extend(multiply(info, levels, &stimulus.values, &stimulus.inputs[self.inputs..]));
        }
        self.inputs += info.inputs();
        Ok(())
    }

    /// All totals.
    pub fn finish(self) -> Emitted {
        let orders = [self.natural, self.sorted, self.optimal].map(Counters::finish);
        let chosen = match self.options.order {
            Order::Natural => 0,
            Order::Sorted => 1,
            Order::Optimal => 2,
        };
        let end = |load: Load, totals: &Totals| End {
            steps: load.steps,
            weights: load.weights,
            first_writes: totals.erased.writes,
            first_events: totals.erased.events,
            writes: totals.costs.per_inference.writes,
            events: totals.costs.per_inference.events,
        };
        let all = Load { steps: self.steps, weights: self.loads.iter().map(|load| load.weights).sum() };
        let end_of_all = end(all, &orders[chosen].0);
        let cores = self.loads.iter().zip(&orders[chosen].1);
        let cores = cores.map(|(load, totals)| (end(*load, totals), totals.clone())).collect();
        let [natural, sorted, optimal] = orders.map(|(all, _)| all);
        Emitted { end: end_of_all, cores, natural, sorted, optimal, expected_outputs: self.expected }
    }
}

/// One core row's records in one stage.
struct Slot {
    output: u32,
    records: Records,
}

struct LayerWork<'a> {
    options: &'a PlanOptions,
    format: RecordFormat,
    levels: &'a LevelMatrix,
    segment: &'a Segment,
    first_stage: usize,
    top: i16,
}

impl LayerWork<'_> {
    fn steps(&self) -> usize {
        self.levels.cols.div_ceil(self.options.core.cols)
    }

    /// Tile rows of the cores, side by side.
    fn stages(&self) -> usize {
        self.levels.rows.div_ceil(self.options.all_rows())
    }

    /// Output row of an order in a slot, if any.
    fn output(&self, order: Order, stage: usize, core_row: usize) -> Option<u32> {
        let row = match order {
            Order::Optimal => self.segment.arrangement.timeline.row(self.first_stage + stage, core_row),
            _ => (stage * self.options.all_rows() + core_row) as u32,
        };
        (row != EMPTY && (row as usize) < self.levels.rows).then_some(row)
    }

    /// Stages in which a core has something to do.
    fn tile_rows(&self, core: usize) -> usize {
        let rows = || core * self.options.core.rows..(core + 1) * self.options.core.rows;
        let busy = |stage: &usize| rows().any(|row| self.output(self.options.order, *stage, row).is_some());
        (0..self.stages()).filter(busy).count()
    }

    /// The program of an order for one slot, and the output row that it computes.
    fn program(&self, order: Order, tile_row: usize, core_row: usize, program: &mut Program) -> Option<u32> {
        let cells = self.options.core.cols;
        let (stage, timeline) = (self.first_stage + tile_row, &self.segment.arrangement.timeline);
        let row = self.output(order, tile_row, core_row)?;
        let levels = self.levels.row(row as usize);
        match (order, self.options.reach) {
            (Order::Natural, _) if self.options.order != order => program.natural_levels(levels, cells),
            (Order::Natural, _) => program.natural(levels, cells),
            (Order::Sorted, _) if self.options.order != order => program.ascending_levels(levels, cells, self.top),
            (Order::Sorted, _) => program.lanes(levels, cells, self.top, |_| true),
            (Order::Optimal, Reach::Lane) => {
                let rising = self.segment.arrangement.rising(stage, core_row);
                program.lanes(levels, cells, self.top, |cell| rising[cell]);
            }
            (Order::Optimal, Reach::Row) => {
                let rising = self.segment.arrangement.rising(stage, core_row);
                program.chunks(levels, self.steps(), self.top, timeline.chunks(stage, core_row), rising);
            }
        }
        Some(row)
    }

    /// Chooses the coding from a few slots.
    fn survey(&self) -> Coding {
        let mut survey = Survey::new(top_level(self.format.bits));
        let (mut program, mut memory) = (Program::default(), Memory::default());
        for core_row in 0..self.options.all_rows().min(SURVEYED_ROWS) {
            if self.program(self.options.order, 0, core_row, &mut program).is_some() {
                walk(&program, self.levels.cols, self.format, &mut memory, &mut survey);
            }
        }
        survey.coding()
    }

    /// Counts some of a core row's slots in the natural, sorted and optimal order, and encodes those of the chosen one.
    fn core_row(
        &self,
        core_row: usize,
        tile_rows: Range<usize>,
        [natural, sorted, optimal]: [&mut RowTally; 3],
        coding: &Coding,
    ) -> Vec<Option<Slot>> {
        let (mut program, mut memory) = (Program::default(), Memory::default());
        let mut slots = Vec::with_capacity(tile_rows.len());
        for tile_row in tile_rows {
            let first_step = (tile_row * self.steps()) as u64;
            let mut written = None;
            let tallies =
                [(Order::Natural, &mut *natural), (Order::Sorted, &mut *sorted), (Order::Optimal, &mut *optimal)];
            for (order, tally) in tallies {
                let Some(output) = self.program(order, tile_row, core_row, &mut program) else { continue };
                tally.slot(&program, first_step);
                if order == self.options.order {
                    let mut records = Records::default();
                    let mut encoder = Encoder::new(coding, self.format.bits, &mut records);
                    walk(&program, self.levels.cols, self.format, &mut memory, &mut encoder);
                    written = Some(Slot { output, records });
                }
            }
            slots.push(written);
        }
        slots
    }
}

fn begin_layer<W: Write>(
    index: usize,
    info: &LayerInfo,
    levels: &LevelMatrix,
    coding: &Coding,
    tile_rows: usize,
    writer: &mut ScheduleWriter<W>,
) -> io::Result<()> {
    let scale = match levels.scales {
        Scales::Layer(scale) => Some(scale),
        Scales::Rows(_) => None,
    };
    let spec = LayerSpec {
        index: index as u32,
        name: &info.name,
        rows: info.rows as u32,
        cols: info.cols as u32,
        groups: info.groups as u32,
        tile_rows: tile_rows as u32,
        scale,
    };
    writer.layer(&spec, coding)
}

/// What was written of some tile rows.
struct Written {
    tile_rows: usize,
    rows: usize,
}

/// Writes those tile rows of a core in which it has something to do; `slots[core_row]` has them all, and the first written one is number `first`.
fn write_tile_rows<W: Write>(
    first: usize,
    levels: &LevelMatrix,
    steps: usize,
    slots: &[Vec<Option<Slot>>],
    writer: &mut ScheduleWriter<W>,
) -> io::Result<Written> {
    let own_scale = |output: u32| match &levels.scales {
        Scales::Layer(_) => None,
        Scales::Rows(scales) => scales.get(output as usize).copied(),
    };
    let mut written = Written { tile_rows: 0, rows: 0 };
    for i in 0..slots.first().map_or(0, Vec::len) {
        let row_slots: Vec<Option<RowSlot<'_>>> = slots
            .iter()
            .map(|core_row| {
                let slot = core_row[i].as_ref()?;
                Some(RowSlot { output: slot.output, scale: own_scale(slot.output), records: &slot.records })
            })
            .collect();
        let rows = row_slots.iter().flatten().count();
        if rows > 0 {
            writer.tile_row((first + written.tile_rows) as u32, steps as u32, &row_slots)?;
            written.tile_rows += 1;
            written.rows += rows;
        }
    }
    Ok(written)
}

/// The layer's outputs for its inputs, which `inputs` begins with, exactly.
fn multiply(info: &LayerInfo, levels: &LevelMatrix, values: &[i32], inputs: &[i32]) -> Vec<i64> {
    (0..levels.rows)
        .into_par_iter()
        .map(|row| {
            let inputs = &inputs[info.input_base(row)..][..levels.cols];
            let products = levels.row(row).iter().zip(inputs).map(|(&level, &input)| {
                let value = i64::from(values[usize::from(level.unsigned_abs())]);
                i64::from(level.signum()) * value * i64::from(input)
            });
            products.sum()
        })
        .collect()
}
